//! If this breaks, orange, red and the number of calls are not what the phones do.

use std::sync::Arc;

use usermon::event::{CallPhase, Change, EndpointKey, Event, RegistrationStep, Sticker, UserKey};
use usermon::state::State;

use crate::events::{anna, at, bruno, call, endpoint, register, ring, shown, sticker, two_users};
use CallPhase::{Ended, Held, Ringing, Up};

#[test]
fn a_call_goes_orange_red_green() {
    let state = two_users();
    register(&state, RegistrationStep::Registered, "101", "sip:a", 1);
    let changes = ring(&state, Ringing, "101", "1.1", "1.0", 2);
    assert!(matches!(&changes[0], Change::Call { phase: Ringing, .. }));
    assert_eq!(changes[1..], [sticker(Sticker::Ringing, 1)]);
    let changes = ring(&state, Up, "101", "1.1", "1.0", 5);
    assert!(matches!(&changes[0], Change::Call { phase: Up, .. }));
    assert_eq!(changes[1..], [sticker(Sticker::Busy, 1)]);
    let then = state.user(&anna());
    assert_eq!((then.legs[0].began, then.legs[0].answered, then.since), (at(2), Some(at(5)), at(5)));
    let changes = ring(&state, Held, "101", "1.1", "1.0", 6);
    assert!(matches!(&changes[..], [Change::Call { phase: Held, .. }]), "held is still busy");
    let anna = state.user(&anna());
    assert_eq!((shown(&state), anna.legs[0].since, anna.since), ((Sticker::Busy, 1), at(6), at(5)));
    let changes = ring(&state, Ended, "101", "1.1", "1.0", 9);
    assert!(matches!(&changes[0], Change::Call { phase: Ended, cause: 16, .. }));
    assert_eq!(changes[1..], [sticker(Sticker::Free, 0)]);
    assert!(state.user(&UserKey::new("acme", "101")).legs.is_empty());
}

#[test]
fn forked_ringing_on_two_terminals_is_one_call() {
    let state = two_users();
    ring(&state, Ringing, "101", "1.1", "1.0", 1);
    ring(&state, Ringing, "101-dect", "1.2", "1.0", 1);
    assert_eq!(shown(&state), (Sticker::Ringing, 1));
    ring(&state, Up, "101-dect", "1.2", "1.0", 4);
    assert_eq!(shown(&state), (Sticker::Busy, 1));
    assert!(matches!(&ring(&state, Ended, "101", "1.1", "1.0", 4)[..], [Change::Call { .. }]));
    assert_eq!((shown(&state), state.totals().calls, state.totals().legs), ((Sticker::Busy, 1), 1, 1));
}

#[test]
fn one_answered_and_one_ringing_is_busy_with_two() {
    let state = two_users();
    ring(&state, Up, "101", "1.1", "1.0", 1);
    assert_eq!(ring(&state, Ringing, "101", "2.1", "2.0", 2)[1..], [sticker(Sticker::Busy, 2)]);
    assert_eq!(state.user(&anna()).since, at(1), "the sticker is the same, only the number is not");
    assert_eq!(ring(&state, Ended, "101", "1.1", "1.0", 3)[1..], [sticker(Sticker::Ringing, 1)]);
    assert_eq!(ring(&state, Ended, "101", "2.1", "2.0", 4)[1..], [sticker(Sticker::Offline, 0)]);
}

#[test]
fn a_call_between_two_users_is_one_call_of_each() {
    let state = two_users();
    ring(&state, Ringing, "101", "1.1", "1.1", 1);
    ring(&state, Ringing, "102", "1.2", "1.1", 1);
    assert_eq!((state.user(&anna()).calls, state.user(&bruno()).calls), (1, 1));
    assert_eq!((state.totals().calls, state.totals().legs, state.totals().ringing), (1, 2, 2));
}

#[test]
fn legs_without_a_linked_id_are_calls_of_their_own() {
    let state = two_users();
    ring(&state, Ringing, "101", "1", "", 1);
    ring(&state, Ringing, "101-dect", "2", "", 1);
    assert_eq!(shown(&state), (Sticker::Ringing, 2));
}

#[test]
fn linked_may_change_while_the_call_lasts() {
    let state = two_users();
    ring(&state, Up, "101", "1.1", "1.0", 1);
    ring(&state, Up, "101", "2.1", "2.0", 2);
    assert_eq!(shown(&state), (Sticker::Busy, 2));
    let told = ring(&state, Up, "101", "2.1", "1.0", 3);
    assert!(matches!(&told[0], Change::Call { phase: Up, linked, .. } if **linked == *"1.0"), "{told:?}");
    assert_eq!(told[1..], [sticker(Sticker::Busy, 1)]);
    assert_eq!(ring(&state, Up, "101", "2.1", "", 4), [], "not told is not taken apart");
    ring(&state, Ended, "101", "1.1", "9.9", 5);
    ring(&state, Ended, "101", "2.1", "1.0", 5);
    assert_eq!((shown(&state), state.totals().calls), ((Sticker::Offline, 0), 0));
}

#[test]
fn repeats_and_events_after_the_end_change_nothing() {
    let state = two_users();
    ring(&state, Up, "101", "1.1", "1.0", 3);
    let version = state.version();
    assert!(ring(&state, Up, "101", "1.1", "1.0", 4).is_empty());
    assert!(ring(&state, Ringing, "101", "1.1", "1.0", 5).is_empty(), "answered calls don't ring");
    assert_eq!((state.version(), shown(&state)), (version, (Sticker::Busy, 1)));
    assert_eq!(ring(&state, Ended, "101", "1.1", "1.0", 6).len(), 2);
    for phase in [Ringing, Up, Held, Ended] {
        assert!(ring(&state, phase, "101", "1.1", "1.0", 7).is_empty());
    }
    assert_eq!(shown(&state), (Sticker::Offline, 0));
    assert!(ring(&state, Ended, "101", "5.1", "5.0", 8).is_empty());
    assert!(ring(&state, Ringing, "101", "5.1", "5.0", 8).is_empty(), "its end came first");
}

#[test]
fn a_late_up_does_not_resume_a_held_call() {
    let state = two_users();
    ring(&state, Held, "101", "1.1", "1.0", 5);
    state.apply(&Event::Call(call(Up, "101", "1.1", "1.0", 3)), at(6));
    assert_eq!(state.user(&anna()).legs[0].phase, Held);
    ring(&state, Up, "101", "1.1", "1.0", 7);
    assert_eq!(state.user(&anna()).legs[0].phase, Up);
}

#[test]
fn a_leg_without_endpoint_moves_no_sticker_but_its_end_counts() {
    let state = two_users();
    assert!(ring(&state, Up, "", "1.1", "1.0", 1).is_empty());
    assert_eq!(state.totals().legs, 0);
    ring(&state, Up, "101", "1.1", "1.0", 2);
    ring(&state, Ended, "", "1.1", "1.0", 3);
    assert_eq!((shown(&state), state.totals().legs), ((Sticker::Offline, 0), 0));
}

#[test]
fn a_leg_whose_company_changes_during_the_call_does_not_stay_behind() {
    let state = State::new();
    let old = Arc::new(EndpointKey::new("default", "101"));
    let stranger = Arc::new(UserKey::new("default", "101"));
    state.assign(vec![(old, Arc::clone(&stranger)), (endpoint("101"), anna())], at(0));
    let mut ringing = call(Ringing, "101", "1.1", "1.0", 1);
    ringing.key.company = "default".into();
    state.apply(&Event::Call(ringing), at(1));
    assert_eq!(state.user(&stranger).calls, 1);
    ring(&state, Up, "101", "1.1", "1.0", 2);
    assert_eq!((state.user(&stranger).calls, shown(&state)), (0, (Sticker::Busy, 1)));
    ring(&state, Ended, "101", "1.1", "1.0", 3);
    assert_eq!((shown(&state), state.totals().legs), ((Sticker::Offline, 0), 0));
}
