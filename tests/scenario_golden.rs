//! If a recorded scenario could not be read as it was written, the tests of diagnostics would show nothing.

use std::collections::BTreeMap;

use usermon::clock::{Clock, Timestamp};
use usermon::event::UserKey;
use usermon::store::record::Payload;
use usermon::store::{Options, Query, Store};

mod scenario;

const START: Timestamp = Timestamp(1_700_000_000_000_000);

fn store(folder: &std::path::Path) -> Store {
    let options = Options { min_free_bytes: 0, ..Options::default() };
    Store::open(&folder.join("ring"), options, Clock::fixed(START)).unwrap()
}

/// The messages of each user's Call-IDs are as many as the phones counted.
#[test]
fn every_scenario_has_the_messages_that_the_phones_saw() {
    let names = scenario::names();
    assert!(names.len() >= 40, "{names:?}");
    for name in names {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let about = scenario::load_at(&name, &store, START);
        let mut kept: BTreeMap<String, usize> = BTreeMap::new();
        let mut first = Timestamp::MAX;
        let users = about.users.iter().map(|party| UserKey::new(scenario::COMPANY, &party.extension));
        for user in users.chain([UserKey::default()]) {
            for record in store.read(&Query::newest(&user, 10_000)).unwrap() {
                first = first.min(record.time);
                let Payload::Packet(packet) = &record.payload else { continue };
                let text = String::from_utf8(packet.bytes.to_vec()).unwrap();
                let call_id = text.lines().find_map(|line| line.strip_prefix("Call-ID: ")).unwrap();
                *kept.entry(call_id.to_owned()).or_default() += 1;
            }
        }
        assert_eq!(first, START, "{name}");
        for dialog in &about.messages {
            let have = kept.get(&dialog.call_id).copied().unwrap_or_default();
            // a phone that is away at times counts fewer
            assert!(have >= dialog.messages, "{name}: {have} of {dialog:?}");
        }
        let counted: usize = about.messages.iter().map(|dialog| dialog.messages).sum();
        let all: usize = kept.values().sum();
        let away = ["gone", "unreachable"].contains(&&*name);
        assert!(all == counted || away, "{name}: {all} messages, {counted} counted");
    }
}

#[test]
fn the_users_of_the_scenarios_make_a_configuration() {
    let abouts: Vec<_> = scenario::names().iter().map(|name| scenario::about(name)).collect();
    let text = scenario::config(&abouts);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("usermon.toml");
    std::fs::write(&file, &text).unwrap();
    let config = usermon::config::Config::load(&file).unwrap();
    assert!(config.users.len() > 60, "{} users", config.users.len());
}
