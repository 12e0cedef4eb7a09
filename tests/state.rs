//! If this breaks, the wall shows a sticker or a terminal that is not what the phones do.

#[path = "state/bounds.rs"]
mod bounds;
#[path = "state/calls.rs"]
mod calls;
#[path = "state/events.rs"]
mod events;
#[path = "state/moves.rs"]
mod moves;

use std::sync::Arc;

use usermon::clock::Timestamp;
use usermon::event::{
    CallPhase, Change, EndpointKey, Event, FailureCause, RegistrationStep, Sticker, UserKey,
};
use usermon::state::{State, UserState};

use CallPhase::{Ended, Ringing, Up};
use RegistrationStep::{Expired, Failed, Reachable, Registered, Unreachable, Unregistered};
use events::{
    anna, apply, at, bruno, endpoint, owners, register, registration, ring, shown, sticker, two_users,
};

#[test]
fn nobody_known_is_offline_since_before_the_start() {
    let state = State::new();
    assert_eq!(*state.user(&anna()), UserState::default());
    assert_eq!((state.version(), state.changed_since(0)), (0, vec![]));
}

#[test]
fn a_registration_turns_the_sticker_green_and_its_end_grey() {
    let state = two_users();
    let changes = register(&state, Registered, "101", "sip:101@192.0.2.7", 1);
    assert!(matches!(&changes[..], [Change::Registered { .. }, last] if *last == sticker(Sticker::Free, 0)));
    let anna = state.user(&anna());
    assert_eq!((anna.sticker, anna.since, anna.contacts.len()), (Sticker::Free, at(1), 1));

    let changes = register(&state, Unregistered, "101", "sip:101@192.0.2.7", 2);
    let gone =
        Change::Unregistered { endpoint: "101".into(), contact: "sip:101@192.0.2.7".into(), expired: false };
    assert_eq!(changes, [gone, sticker(Sticker::Offline, 0)]);
    assert_eq!(shown(&state), (Sticker::Offline, 0));
    assert_eq!(state.user(&bruno()).version, 0);
}

#[test]
fn one_of_two_contacts_gone_leaves_the_user_free() {
    let state = two_users();
    register(&state, Registered, "101", "sip:a", 1);
    let changes = register(&state, Registered, "101-dect", "sip:b", 2);
    assert!(matches!(&changes[..], [Change::Registered { .. }]));
    assert_eq!(register(&state, Unregistered, "101", "sip:a", 3).len(), 1);
    let anna = state.user(&anna());
    assert_eq!(anna.sticker, Sticker::Free);
    assert_eq!(&*anna.contacts[0].contact, "sip:b");
    assert_eq!(*anna.contacts[0].endpoint, *endpoint("101-dect"));
}

#[test]
fn a_refresh_keeps_since_and_tells_nothing() {
    let state = two_users();
    register(&state, Registered, "101", "sip:a", 1);
    let before = state.version();
    assert!(register(&state, Registered, "101", "sip:a", 1801).is_empty());
    let anna = state.user(&anna());
    assert_eq!((anna.contacts[0].since, anna.contacts[0].refreshed), (at(1), at(1801)));
    assert_eq!(anna.contacts[0].expires, Some(at(5401)));
    assert!(state.version() > before, "pages show when it expires");
    assert_eq!(anna.history.len(), 1);
}

#[test]
fn a_replaced_contact_does_not_turn_the_sticker_grey() {
    let state = two_users();
    register(&state, Registered, "101", "sip:a", 1);
    register(&state, Registered, "101", "sip:b", 2);
    let changes = register(&state, Unregistered, "101", "sip:a", 2);
    assert!(matches!(&changes[..], [Change::Unregistered { expired: false, .. }]));
    assert_eq!(shown(&state), (Sticker::Free, 0));
}

#[test]
fn expiry_has_a_grace_and_a_refresh_moves_it() {
    let state = two_users();
    register(&state, Registered, "101", "sip:a", 0);
    assert!(state.expire(at(3604)).is_empty(), "the PBX's word may be on the way");
    register(&state, Registered, "101", "sip:a", 3604);
    assert!(state.expire(at(3700)).is_empty());
    assert_eq!(shown(&state), (Sticker::Free, 0));
    let changes = state.expire(at(7209));
    assert_eq!(changes.len(), 2);
    assert_eq!(
        changes[0].2,
        Change::Unregistered { endpoint: "101".into(), contact: "sip:a".into(), expired: true }
    );
    assert_eq!((&changes[1].0, &changes[1].2), (&anna(), &sticker(Sticker::Offline, 0)));
    assert!(state.expire(at(9999)).is_empty());
}

#[test]
fn a_refresh_that_shortens_the_time_counts() {
    let state = two_users();
    register(&state, Registered, "101", "sip:a", 0);
    let mut short = registration(Registered, "101", "sip:a", 10);
    short.expires = Some(at(70));
    apply(&state, Event::Registration(short), 10);
    assert_eq!(state.expire(at(75)).len(), 2);
}

#[test]
fn a_contact_without_a_told_expiry_stays_until_the_pbx_removes_it() {
    let state = two_users();
    let mut endless = registration(Registered, "101", "sip:a", 0);
    endless.expires = None;
    apply(&state, Event::Registration(endless), 0);
    assert!(state.expire(Timestamp::MAX).is_empty());
    assert_eq!(register(&state, Expired, "101", "sip:a", 9).len(), 2);
    assert_eq!(shown(&state), (Sticker::Offline, 0));
}

#[test]
fn a_time_still_to_come_or_none_is_now() {
    let state = two_users();
    for told in [Timestamp(0), at(900)] {
        let mut event = registration(Registered, "101", &format!("sip:{}", told.0), 7);
        event.time = told;
        let changes = state.apply(&Event::Registration(event), at(7));
        assert_eq!(changes[0].1, at(7));
    }
    assert!(state.user(&anna()).contacts.iter().all(|contact| contact.since == at(7)));
}

#[test]
fn thousands_of_contacts_that_run_out_at_once_all_go() {
    let state = State::new();
    let own = (0..2000).map(|n| (endpoint(&n.to_string()), Arc::new(UserKey::new("acme", &n.to_string()))));
    state.assign(own.collect(), at(0));
    for n in 0..2000 {
        register(&state, Registered, &n.to_string(), "sip:a", 0);
    }
    assert_eq!(state.totals().free, 2000);
    assert_eq!(state.expire(at(3605)).len(), 4000);
    assert_eq!((state.totals().registrations, state.totals().offline), (0, 2000));
}

#[test]
fn a_wrong_password_stays_grey_and_says_why() {
    let state = two_users();
    let changes = register(&state, Failed(FailureCause::WrongPassword), "101", "", 1);
    assert!(matches!(&changes[..], [Change::Failed { cause: FailureCause::WrongPassword, .. }]));
    let anna = state.user(&anna());
    assert_eq!((anna.sticker, anna.failures.len()), (Sticker::Offline, 1));
    assert_eq!((anna.failures[0].cause, anna.failures[0].count), (FailureCause::WrongPassword, 1));
    assert_eq!(state.changed_since(0), [Arc::new(UserKey::new("acme", "101"))]);
}

#[test]
fn a_failed_attempt_leaves_a_bound_contact_alone() {
    let state = two_users();
    register(&state, Registered, "101", "sip:a", 1);
    for cause in [FailureCause::WrongPassword, FailureCause::Forbidden, FailureCause::Refused] {
        let mut attempt = registration(Failed(cause), "101", "sip:a", 2);
        attempt.expires = Some(at(2));
        apply(&state, Event::Registration(attempt), 2);
    }
    state.expire(at(100));
    let anna = state.user(&anna());
    assert_eq!((anna.sticker, anna.contacts.len(), anna.failures.len()), (Sticker::Free, 1, 3));
}

#[test]
fn equal_failures_fold_and_a_flood_stays_bounded() {
    let state = two_users();
    register(&state, Failed(FailureCause::Forbidden), "101", "", 1);
    for second in 2..500 {
        let mut attempt = registration(Failed(FailureCause::WrongPassword), "101", "", second);
        attempt.far = Some(format!("203.0.113.9:{}", 1024 + second).parse().unwrap());
        apply(&state, Event::Registration(attempt), second);
    }
    let failures = state.user(&anna()).failures.clone();
    assert_eq!(
        failures.iter().map(|f| (f.cause, f.count)).collect::<Vec<_>>(),
        [(FailureCause::WrongPassword, 498), (FailureCause::Forbidden, 1)]
    );
    assert_eq!(failures[0].time, at(499));

    for second in 500..600 {
        let mut attempt = registration(Failed(FailureCause::WrongPassword), "101", "", second);
        attempt.user_agent = format!("scanner {second} {}", "x".repeat(60_000)).into();
        apply(&state, Event::Registration(attempt), second);
    }
    let failures = state.user(&anna()).failures.clone();
    assert_eq!(failures.len(), 20);
    assert!(failures[0].user_agent.starts_with("scanner 599"));
    assert!(failures.iter().all(|failure| failure.user_agent.len() <= 256));
}

#[test]
fn a_repeated_failure_event_is_one_failure() {
    let state = two_users();
    register(&state, Failed(FailureCause::WrongPassword), "101", "", 1);
    assert!(register(&state, Failed(FailureCause::WrongPassword), "101", "", 1).is_empty());
    assert_eq!(state.user(&anna()).failures[0].count, 1);
}

#[test]
fn reachability_is_told_when_it_changes_and_moves_no_sticker() {
    let state = two_users();
    assert!(register(&state, Reachable, "101", "sip:a", 1).is_empty(), "no such contact");
    register(&state, Registered, "101", "sip:a", 2);
    let mut answers = registration(Reachable, "101", "sip:a", 3);
    answers.round_trip = Some(12_000);
    let first = apply(&state, Event::Registration(answers.clone()), 3);
    assert!(first.is_empty(), "that a contact answers after it registered is no change: {first:?}");
    assert_eq!(state.user(&anna()).contacts[0].reachable, Some(true));
    answers.round_trip = Some(15_000);
    let version = state.version();
    assert!(apply(&state, Event::Registration(answers), 4).is_empty());
    assert_eq!(state.user(&anna()).contacts[0].round_trip, Some(15_000));
    assert_eq!(state.version(), version, "a round trip alone is not worth a row");
    let told = Change::Reachability { endpoint: "101".into(), contact: "sip:a".into(), reachable: false };
    assert_eq!(register(&state, Unreachable, "101", "sip:a", 5), [told]);
    assert_eq!((shown(&state), state.user(&anna()).contacts[0].reachable), ((Sticker::Free, 0), Some(false)));
    let told = Change::Reachability { endpoint: "101".into(), contact: "sip:a".into(), reachable: true };
    assert_eq!(register(&state, Reachable, "101", "sip:a", 6), [told], "that it answers again is one");
    register(&state, Registered, "101", "sip:b", 7);
    let told = Change::Reachability { endpoint: "101".into(), contact: "sip:b".into(), reachable: false };
    assert_eq!(register(&state, Unreachable, "101", "sip:b", 8), [told], "and so is that it never did");
}

#[test]
fn late_registration_events_do_not_turn_time_back() {
    let state = two_users();
    let late = |step, told, now| {
        state.apply(&Event::Registration(registration(step, "101", "sip:a", told)), at(now)).len()
    };
    late(Registered, 10, 10);
    late(Registered, 20, 20);
    assert_eq!(late(Unregistered, 15, 21), 0, "the contact was refreshed since");
    assert_eq!(late(Registered, 5, 22), 0);
    assert_eq!(state.user(&anna()).contacts[0].expires, Some(at(3620)));
    late(Unregistered, 30, 30);
    assert_eq!(late(Registered, 20, 31), 0, "removed since");
    assert_eq!(shown(&state), (Sticker::Offline, 0));
    assert_eq!(late(Registered, 32, 32), 2);
    assert_eq!(late(Unregistered, 33, 33), 2);
    assert_eq!(late(Registered, 33, 33), 2, "a PBX that tells whole seconds");
    assert_eq!(late(Registered, 1, 9999), 0);
    assert_eq!(state.totals().ignored, 4);
}

#[test]
fn a_clock_set_back_does_not_make_everything_late() {
    let state = two_users();
    register(&state, Registered, "101", "sip:a", 5000);
    ring(&state, Ringing, "101", "1.1", "1.0", 5000);
    ring(&state, Up, "101", "1.1", "1.0", 100);
    assert_eq!(shown(&state), (Sticker::Busy, 1));
    ring(&state, Ended, "101", "1.1", "1.0", 101);
    assert_eq!(register(&state, Unregistered, "101", "sip:a", 102).len(), 2);
    assert_eq!(shown(&state), (Sticker::Offline, 0));
    assert_eq!(register(&state, Registered, "101", "sip:a", 103).len(), 2);
}

#[test]
fn an_active_terminal_without_sip_counts_as_authenticated() {
    let state = State::new();
    let only = |changes: usermon::state::Changes| changes.into_iter().map(|c| c.2).collect::<Vec<_>>();
    assert!(state.activate(&anna(), "gui", Some(false), at(1)).is_empty());
    assert_eq!(only(state.activate(&anna(), "gui", Some(true), at(2))), [sticker(Sticker::Free, 0)]);
    assert!(state.activate(&anna(), "gui", Some(true), at(3)).is_empty());
    assert!(state.activate(&anna(), "usb", Some(true), at(3)).is_empty());
    assert_eq!(state.user(&anna()).active, [Arc::from("gui"), Arc::from("usb")]);
    assert!(state.activate(&anna(), "gui", None, at(4)).is_empty());
    assert_eq!(only(state.activate(&anna(), "usb", Some(false), at(5))), [sticker(Sticker::Offline, 0)]);
    assert_eq!((state.changed_since(0), state.totals().offline), (vec![anna()], 1));
    state.assign(vec![], at(6));
    assert_eq!((state.changed_since(0), state.totals().offline), (vec![], 0), "forgotten at the next reload");
}

#[test]
fn registrations_and_calls_survive_a_reload_that_gives_them_to_another() {
    let state = two_users();
    register(&state, Registered, "101", "sip:a", 1);
    ring(&state, Up, "101", "1.1", "1.0", 2);
    let moved = vec![(endpoint("101"), bruno()), (endpoint("102"), bruno())];
    let changes = state.assign(moved, at(3));
    assert!(changes.contains(&(anna(), at(3), sticker(Sticker::Offline, 0))));
    assert!(changes.contains(&(bruno(), at(3), sticker(Sticker::Busy, 1))));
    assert_eq!(changes.len(), 2, "nothing registered, nothing rang");
    assert_eq!(state.user(&bruno()).contacts[0].since, at(1));
    assert!(state.assign(vec![], at(4)).contains(&(bruno(), at(4), sticker(Sticker::Offline, 0))));
    assert_eq!((state.totals().offline, state.totals().unowned_legs), (0, 1));
    assert_eq!(state.assign(owners(), at(5)), [(anna(), at(5), sticker(Sticker::Busy, 1))]);
    ring(&state, Ended, "101", "1.1", "1.0", 6);
    assert_eq!(shown(&state), (Sticker::Free, 0));
}

#[test]
fn a_reload_of_the_same_is_no_change() {
    let state = two_users();
    register(&state, Registered, "101", "sip:a", 1);
    state.activate(&bruno(), "gui", Some(true), at(1));
    let version = state.version();
    assert!(state.assign(owners(), at(2)).is_empty());
    assert_eq!((state.version(), state.user(&bruno()).sticker), (version, Sticker::Free));
}

#[test]
fn what_came_before_the_owner_is_the_owners() {
    let state = State::new();
    assert!(register(&state, Registered, "101", "sip:a", 1).is_empty());
    assert!(register(&state, Failed(FailureCause::WrongPassword), "102", "", 1).is_empty());
    assert!(ring(&state, Ringing, "101", "1.1", "1.0", 2).is_empty());
    assert_eq!((state.totals().unowned_registrations, state.unowned_failures().len()), (1, 1));
    let changes = state.assign(owners(), at(3));
    assert!(matches!(&changes[0], (_, time, Change::Registered { .. }) if *time == at(1)));
    assert_eq!(changes[1..], [(anna(), at(3), sticker(Sticker::Ringing, 1))]);
    assert_eq!(state.user(&bruno()).failures.len(), 1);
    assert_eq!((state.totals().unowned_endpoints, state.unowned_failures().len()), (0, 0));
    state.assign(vec![(endpoint("101"), bruno())], at(4));
    assert_eq!(state.user(&bruno()).history.len(), 0, "it was told to the first owner");
}

#[test]
fn one_endpoint_may_change_hands_without_a_reload() {
    let state = two_users();
    register(&state, Registered, "101", "sip:a", 1);
    assert_eq!(state.own(&endpoint("101"), Some(&bruno()), at(2)).len(), 2);
    assert_eq!((shown(&state).0, state.user(&bruno()).sticker), (Sticker::Offline, Sticker::Free));
    assert!(state.own(&endpoint("101"), Some(&bruno()), at(3)).is_empty());
    assert_eq!(state.own(&endpoint("101"), None, at(4)), [(bruno(), at(4), sticker(Sticker::Offline, 0))]);
    assert!(state.own(&endpoint("unknown"), None, at(5)).is_empty());
    assert_eq!((state.totals().endpoints, state.totals().offline), (2, 2));
    assert!(state.own(&endpoint("102"), None, at(6)).is_empty());
    assert_eq!(state.totals().offline, 1, "who has nothing left is forgotten");
}

#[test]
fn a_map_of_owners_that_is_older_takes_nobodys_history() {
    let state = State::new();
    let anna_alone = [(endpoint("101"), anna())];
    state.own_as_of(7, &endpoint("101"), &anna(), at(1));
    register(&state, Registered, "101", "sip:a", 1);
    assert!(state.assign_as_of(6, &[(endpoint("101"), bruno())], at(2)).is_empty());
    assert!(state.assign_as_of(6, &[], at(2)).is_empty());
    assert_eq!((shown(&state).0, state.user(&anna()).history.len()), (Sticker::Free, 1));
    assert!(state.assign_as_of(7, &anna_alone, at(3)).is_empty());
    assert_eq!(state.assign_as_of(9, &[], at(4)), [(anna(), at(4), sticker(Sticker::Offline, 0))]);
    assert!(state.own_as_of(9, &endpoint("101"), &anna(), at(5)).is_empty(), "the map of 9 knew it all");
    assert!(state.assign_as_of(8, &anna_alone, at(6)).is_empty());
    assert_eq!(state.totals().endpoints, 0);
}

#[test]
fn two_companies_with_the_same_extension_do_not_mix() {
    let state = two_users();
    let other = Arc::new(UserKey::new("globex", "101"));
    let mut all = owners();
    all.push((Arc::new(EndpointKey::new("globex", "101")), Arc::clone(&other)));
    state.assign(all, at(0));
    register(&state, Registered, "101", "sip:a", 1);
    assert_eq!((shown(&state).0, state.user(&other).sticker), (Sticker::Free, Sticker::Offline));
}

#[test]
fn changed_since_names_each_user_once_the_latest_last() {
    let state = two_users();
    register(&state, Registered, "101", "sip:a", 1);
    let seen = state.version();
    register(&state, Registered, "102", "sip:b", 2);
    register(&state, Registered, "101-dect", "sip:c", 3);
    register(&state, Unregistered, "102", "sip:b", 4);
    assert_eq!(state.changed_since(seen), [anna(), bruno()]);
    assert_eq!(state.changed_since(0), [anna(), bruno()]);
    assert_eq!(state.changed_since(state.version()), []);
    assert_eq!(state.changed_since(u64::MAX), []);
    assert_eq!(state.user(&bruno()).version, state.version());
}

#[test]
fn threads_at_once_leave_what_they_would_in_turn() {
    let state = two_users();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let state = &state;
            scope.spawn(move || {
                for n in 0..500 {
                    let (leg, name) = (format!("{thread}.{n}"), ["101", "102"][n % 2]);
                    ring(state, Ringing, name, &leg, "", 1);
                    register(state, Registered, name, &format!("sip:{thread}"), 1);
                    state.user(&anna());
                    state.changed_since(0);
                    ring(state, Ended, name, &leg, "", 2);
                }
            });
        }
    });
    assert_eq!((state.user(&anna()).contacts.len(), shown(&state)), (4, (Sticker::Free, 0)));
    assert_eq!((state.totals().free, state.totals().legs, state.totals().events), (2, 0, 6000));
}
