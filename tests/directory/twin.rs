//! Kept up to date event by event, the directory must be what it would be if built anew; a reload builds anew.

use proptest::prelude::*;

use usermon::directory::Directory;
use usermon::event::{self, EndpointKey, Event, Presence};

use crate::{config, terminal, told};

const FILE: &str = "[[company]]\nid='c1'\n[[company]]\nid='c2'\n\
                    [[user]]\ncompany='c1'\nextension='1'\nid='a'\nendpoints=['a','b']\n\
                    [[user]]\ncompany='c2'\nextension='1'\nid='b'\nendpoints=['x']\n\
                    [[user]]\nextension='3'\nid='c'\n";
const NAMES: [&str; 6] = ["a", "b", "c", "d", "x", ""];

fn event() -> impl Strategy<Value = Event> {
    let company = prop::sample::select(vec!["", "c1", "c2", "c3", "default"]);
    let name = || prop::sample::select(NAMES.to_vec());
    (company, 0..5_usize, name(), name(), any::<bool>(), any::<bool>()).prop_map(
        |(company, user, extra, other, here, is_user)| {
            let presence = if here { Presence::Here } else { Presence::Gone };
            let user = NAMES[user];
            if is_user {
                Event::User(event::User {
                    presence,
                    name: extra.into(),
                    extension: other.into(),
                    ..told(company, user)
                })
            } else {
                Event::Terminal(event::Terminal {
                    presence,
                    endpoint: other.into(),
                    ..terminal(company, user, if extra.is_empty() { "t" } else { extra })
                })
            }
        },
    )
}

fn picture(directory: &Directory) -> String {
    let mut text = format!("{:#?}\n{:#?}\n", directory.companies(), directory.users(None));
    let mut assignment = directory.assignment();
    assignment.sort();
    text += &format!("{assignment:#?}\n");
    for company in ["", "c1", "c2", "c3", "default"] {
        for name in NAMES {
            let key = EndpointKey::new(company, name);
            let by_extension = directory.by_extension(company, name);
            text += &format!(
                "{company}/{name}: {:?} {:?} {by_extension:?}\n",
                directory.resolve(&key),
                directory.user_of(&key)
            );
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn event_by_event_is_as_built_anew(events in prop::collection::vec(event(), 0..30)) {
        let config = config(FILE);
        let directory = Directory::new(&config).unwrap();
        for event in &events {
            let (before, generation) = (picture(&directory), directory.generation());
            let changed = directory.apply(event);
            let after = picture(&directory);
            prop_assert!(changed || before == after, "a change was not told");
            prop_assert_eq!(changed, directory.generation() > generation);
        }
        for (endpoint, user) in directory.assignment() {
            prop_assert_eq!(directory.user_of(&endpoint), Some(user));
        }
        let kept = picture(&directory);
        directory.reload(&config).unwrap();
        prop_assert_eq!(kept, picture(&directory));
    }
}
