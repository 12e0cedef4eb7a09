//! Breaks if a terminal is shown twice, not at all, or under another id than its state.

use usermon::directory::User;
use usermon::event::{self, Event, Kind, Presence};

use crate::{directory, endpoints, gone, owner, terminal, told, user};

fn ids(user: &User) -> Vec<&str> {
    user.terminals.iter().map(|terminal| &*terminal.id).collect()
}

#[test]
fn terminals_of_the_host_join_the_declared_ones() {
    let text = "[[user]]\nextension = '101'\nmobile = '+39'\n\
                [[user.terminal]]\nkind = 'sip'\ndescription = 'Desk'\n\
                [[user.terminal]]\nkind = 'sip'\ndescription = 'Lab'\n\
                [[user.terminal]]\nkind = 'gui'\n";
    let directory = directory(text);
    assert_eq!(ids(&user(&directory, "default", "101")), ["sip", "sip-2", "gui", "mobile"]);
    let client = event::Terminal {
        kind: Some(Kind::Gui),
        description: "Client 4.1".into(),
        active: Some(true),
        ..terminal("", "101", "Client/7")
    };
    assert!(directory.apply(&Event::Terminal(client.clone())), "before the host has told of the user itself");
    let anna = user(&directory, "default", "101");
    assert_eq!(
        ids(&anna),
        ["sip", "sip-2", "gui", "mobile"],
        "the declared gui terminal is the host's client"
    );
    assert_eq!((&*anna.terminals[2].description, anna.terminals[2].active), ("Client 4.1", Some(true)));
    assert_eq!(anna.terminals[2].endpoint.as_deref(), Some("101"));
    let (key, id) = directory.shown_terminal("", "101", "Client/7").unwrap();
    assert_eq!((&*key.company, &*key.user, &*id), ("default", "101", "gui"));
    assert!(directory.apply(&Event::Terminal(event::Terminal { active: Some(false), ..client.clone() })));
    assert_eq!(user(&directory, "default", "101").terminals[2].active, Some(false));

    let lab = event::Terminal { endpoint: "101".into(), active: Some(true), ..terminal("", "101", "dev-1") };
    directory.apply(&Event::Terminal(lab));
    assert_eq!(directory.shown_terminal("", "101", "dev-1").unwrap().1.as_ref(), "sip", "by its endpoint");
    directory.apply(&Event::Terminal(event::Terminal {
        presence: Presence::Gone,
        ..terminal("", "101", "dev-1")
    }));

    let headset = event::Terminal { kind: Some(Kind::Usb), ..terminal("default", "101", "Jabra 65/b") };
    assert!(
        directory.apply(&Event::Terminal(headset.clone())),
        "the company named and not named is one user"
    );
    let shown = user(&directory, "default", "101");
    assert_eq!(shown.terminals.len(), 5);
    let id = &*shown.terminals[3].id;
    assert_eq!(shown.terminals[3].kind, Some(Kind::Usb));
    assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{id}");
    let other = event::Terminal { terminal: "Jabra 65/c".into(), ..headset.clone() };
    directory.apply(&Event::Terminal(other));
    let both = user(&directory, "default", "101");
    assert_ne!(both.terminals[3].id, both.terminals[4].id);

    let gone = event::Terminal { presence: Presence::Gone, ..client };
    assert!(directory.apply(&Event::Terminal(gone.clone())));
    assert!(!directory.apply(&Event::Terminal(gone)));
    let anna = user(&directory, "default", "101");
    assert_eq!((anna.terminals[2].active, &*anna.terminals[2].description), (None, ""));
    assert_eq!(directory.shown_terminal("", "101", "Client/7"), None);
}

#[test]
fn terminals_told_before_their_user_wait_for_it() {
    let directory = directory("");
    let desk = event::Terminal { endpoint: "anna-desk".into(), ..terminal("", "anna", "desk") };
    assert!(!directory.apply(&Event::Terminal(desk.clone())), "there is no such user yet");
    assert_eq!(owner(&directory, "", "anna-desk"), None);
    assert!(directory.apply(&Event::User(told("", "anna"))));
    assert_eq!(endpoints(&user(&directory, "default", "anna")), ["anna", "anna-desk"]);
    assert_eq!(owner(&directory, "", "anna-desk").as_deref(), Some("default/anna"));

    assert!(
        directory.apply(&Event::User(told("", "anna-desk"))),
        "an endpoint of a user's own name is that user's"
    );
    assert_eq!(owner(&directory, "", "anna-desk").as_deref(), Some("default/anna-desk"));
    assert_eq!(endpoints(&user(&directory, "default", "anna")), ["anna"]);
    assert!(directory.apply(&gone("", "anna-desk")));
    assert_eq!(endpoints(&user(&directory, "default", "anna")), ["anna", "anna-desk"], "and comes back");
    assert!(directory.apply(&Event::Terminal(event::Terminal { presence: Presence::Gone, ..desk })));
    assert_eq!(owner(&directory, "", "anna-desk"), None);
}
