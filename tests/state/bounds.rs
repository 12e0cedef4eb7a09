//! If this breaks, somebody on the network can make the PBX's memory grow, or push a user's state out.

use std::sync::Arc;

use usermon::event::{
    CallPhase, Change, EndpointKey, Event, FailureCause, RegistrationStep, Sticker, UserKey,
};
use usermon::state::State;

use crate::events::{anna, apply, at, endpoint, register, registration, ring, shown, two_users};

use RegistrationStep::{Failed, Reachable, Registered, Unreachable};

#[test]
fn contacts_of_an_endpoint_are_64_and_the_one_longest_not_refreshed_goes() {
    let state = two_users();
    register(&state, Registered, "101", "sip:phone", 1);
    for n in 0..63 {
        register(&state, Registered, "101", &format!("sip:{n}"), 2);
    }
    register(&state, Registered, "101", "sip:phone", 3);
    let changes = register(&state, Registered, "101", "sip:64", 4);
    assert_eq!(
        changes[0],
        Change::Unregistered { endpoint: "101".into(), contact: "sip:0".into(), expired: false }
    );
    let contacts = &state.user(&anna()).contacts;
    assert_eq!(contacts.len(), 64);
    assert!(contacts.iter().any(|contact| &*contact.contact == "sip:phone"));
    assert_eq!(state.totals().contacts_dropped, 1);
    state.expire(at(9000));
    assert_eq!((state.user(&anna()).contacts.len(), state.totals().registrations), (0, 0));
}

#[test]
fn legs_of_an_endpoint_are_256_and_the_rest_is_counted() {
    let state = two_users();
    for n in 0..300 {
        ring(&state, CallPhase::Ringing, "101", &format!("1.{n}"), "", 1);
    }
    assert_eq!((shown(&state), state.totals().legs), ((Sticker::Ringing, 256), 256));
    assert_eq!(state.totals().legs_dropped, 44);
    for n in 0..300 {
        ring(&state, CallPhase::Ended, "101", &format!("1.{n}"), "", 2);
    }
    assert_eq!((shown(&state), state.totals().legs), ((Sticker::Offline, 0), 0));
}

#[test]
fn registrations_nobody_owns_are_4096_and_push_out_no_user() {
    let state = two_users();
    register(&state, Registered, "101", "sip:phone", 1);
    for n in 0..6000 {
        register(&state, Registered, &format!("x{n}"), "sip:x", 2);
    }
    let totals = state.totals();
    assert_eq!((totals.unowned_registrations, totals.unowned_endpoints), (4096, 4096));
    assert_eq!((totals.unowned_dropped, totals.registrations, totals.deadlines), (6000 - 4096, 4097, 4097));
    assert_eq!(shown(&state).0, Sticker::Free);
    let late: Vec<_> =
        ["x0", "x5999"].map(|name| (endpoint(name), Arc::new(UserKey::new("acme", name)))).into();
    state.assign(late, at(3));
    assert_eq!(state.user(&UserKey::new("acme", "x0")).sticker, Sticker::Offline);
    assert_eq!(state.user(&UserKey::new("acme", "x5999")).sticker, Sticker::Free);
    assert_eq!(state.totals().unowned_registrations, 4096, "101 is nobody's now, and among them");
}

#[test]
fn one_endpoint_nobody_owns_cannot_take_all_the_room_by_its_contacts() {
    let state = State::new();
    for n in 0..100 {
        for contact in 0..100 {
            register(&state, Registered, &format!("x{n}"), &format!("sip:{contact}"), 1);
        }
    }
    let totals = state.totals();
    assert_eq!((totals.unowned_registrations, totals.unowned_endpoints), (4096, 64));
    state.expire(at(9000));
    let totals = state.totals();
    assert_eq!((totals.registrations, totals.unowned_endpoints, totals.deadlines), (0, 0, 0));
}

#[test]
fn of_endpoints_nobody_owns_the_one_longest_without_news_goes_first() {
    let state = State::new();
    register(&state, Registered, "early", "sip:a", 1);
    for n in 0..4095 {
        register(&state, Registered, &format!("x{n}"), "sip:x", 2);
    }
    register(&state, Registered, "early", "sip:b", 3);
    assert_eq!(state.totals().unowned_dropped, 1);
    state.assign(vec![(endpoint("early"), anna())], at(4));
    assert_eq!(state.user(&anna()).contacts.len(), 2);
}

#[test]
fn calls_nobody_owns_are_4096_legs() {
    let state = two_users();
    for n in 0..9000 {
        ring(&state, CallPhase::Up, &format!("x{}", n / 2), &format!("1.{n}"), "", 1);
    }
    let totals = state.totals();
    assert_eq!((totals.unowned_legs, totals.legs, totals.unowned_endpoints), (4096, 4096, 2048));
    for n in 0..9000 {
        ring(&state, CallPhase::Ended, &format!("x{}", n / 2), &format!("1.{n}"), "", 2);
    }
    let totals = state.totals();
    assert_eq!((totals.unowned_legs, totals.legs, totals.calls, totals.unowned_endpoints), (0, 0, 0, 0));
    assert_eq!(totals.ended_legs, 4096);
}

#[test]
fn an_owner_who_leaves_puts_the_endpoints_under_the_limit() {
    let state = State::new();
    let own = (0..5000).map(|n| (endpoint(&n.to_string()), anna()));
    state.assign(own.collect(), at(0));
    for n in 0..5000 {
        register(&state, Registered, &n.to_string(), "sip:a", 1);
    }
    assert_eq!(state.totals().registrations, 5000);
    state.assign(vec![], at(2));
    let totals = state.totals();
    assert_eq!((totals.registrations, totals.endpoints, totals.unowned_endpoints), (4096, 0, 4096));
    assert_eq!((totals.free, totals.offline), (0, 0), "the user is forgotten");
}

#[test]
fn failures_nobody_owns_are_1024_and_make_no_endpoint() {
    let state = two_users();
    for n in 0..3000 {
        let cause = Failed(FailureCause::UnknownUser);
        assert!(register(&state, cause, &format!("x{n}"), "", 1).is_empty());
    }
    let failures = state.unowned_failures();
    assert_eq!((failures.len(), state.totals().unowned_failures), (1024, 1024));
    assert_eq!(*failures[0].endpoint, EndpointKey::new("acme", "x2999"));
    assert_eq!((state.totals().unowned_endpoints, state.totals().failures), (0, 3000));
    assert_eq!(state.version(), 0);
}

#[test]
fn history_keeps_50_and_failures_do_not_push_it_out() {
    let state = two_users();
    register(&state, Registered, "101", "sip:a", 1);
    for second in 2..200 {
        register(&state, if second % 2 == 0 { Reachable } else { Unreachable }, "101", "sip:a", second);
    }
    for second in 200..300 {
        register(&state, Failed(FailureCause::Forbidden), "101", &format!("{second}"), second);
    }
    let history = &state.user(&anna()).history;
    assert_eq!((history.len(), history[0].0, history[49].0), (50, at(199), at(150)));
}

#[test]
fn texts_are_cut_at_whole_letters() {
    let state = two_users();
    let mut huge = registration(Registered, "101", &format!("sip:{}", "è".repeat(40_000)), 1);
    huge.user_agent = "è".repeat(40_000).into();
    huge.path = "x".repeat(40_000).into();
    apply(&state, Event::Registration(huge.clone()), 1);
    huge.time = at(2);
    assert!(apply(&state, Event::Registration(huge.clone()), 2).is_empty(), "the same contact again");
    let contact = &state.user(&anna()).contacts[0];
    assert!(contact.contact.len() <= 1024 && contact.path.len() <= 1024 && contact.user_agent.len() <= 256);
    huge.step = RegistrationStep::Unregistered;
    apply(&state, Event::Registration(huge), 3);
    assert_eq!(shown(&state).0, Sticker::Offline);
}
