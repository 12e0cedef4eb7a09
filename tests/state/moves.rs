//! If this breaks, packets are attributed by where a phone was, not by where it is.

use usermon::event::{Event, FailureCause, Registration, RegistrationStep};
use usermon::state::State;

use crate::events::{at, registration, two_users};
use RegistrationStep::{Expired, Failed, Reachable, Registered, Unregistered};

fn moves(state: &State, event: Registration, second: i64) -> bool {
    state.apply_moves(&Event::Registration(event), at(second)).1
}

fn told(step: RegistrationStep, second: i64) -> Registration {
    registration(step, "101", "sip:a", second)
}

#[test]
fn only_what_says_where_somebody_is_counts() {
    let state = two_users();
    assert!(moves(&state, told(Registered, 10), 10));
    assert!(!moves(&state, told(Registered, 20), 20), "a refresh");
    assert!(
        !moves(&state, Registration { far: None, call_id: "".into(), ..told(Registered, 21) }, 21),
        "no news"
    );
    assert!(moves(&state, Registration { far: "192.0.2.99:5060".parse().ok(), ..told(Registered, 22) }, 22));
    assert!(!moves(&state, Registration { far: "192.0.2.99:5060".parse().ok(), ..told(Registered, 23) }, 23));
    assert!(moves(&state, Registration { call_id: "another".into(), ..told(Registered, 24) }, 24));
    assert!(!moves(&state, told(Reachable, 25), 25));
    assert!(!moves(&state, told(Failed(FailureCause::WrongPassword), 26), 26));
    assert!(moves(&state, Registration { contact: "sip:b".into(), ..told(Registered, 27) }, 27));
}

#[test]
fn a_late_word_counts_only_for_what_is_gone() {
    let state = two_users();
    assert!(moves(&state, told(Registered, 100), 100));
    assert!(!moves(&state, told(Unregistered, 50), 101), "it was bound again since");
    assert!(!moves(&state, told(Registered, 60), 101), "older than what is known");
    assert!(moves(&state, told(Unregistered, 102), 102));
    assert!(!moves(&state, told(Registered, 70), 103), "it is gone since");
    assert!(moves(&state, told(Expired, 104), 104), "whoever still knows it shall forget it");
    assert!(moves(&state, told(Registered, 105), 105));
    // what ran out by itself comes as new
    assert!(!state.expire(at(9_999)).is_empty());
    assert!(moves(&state, told(Registered, 10_000), 10_000));
}
