//! Events as a PBX would send them and small questions to a `State`, for the tests of `state`.

use std::sync::Arc;

use usermon::clock::Timestamp;
use usermon::event::{
    Call, CallDirection, CallPhase, Change, EndpointKey, Event, Registration, RegistrationStep, Sticker,
    Transport, UserKey,
};
use usermon::state::State;

const START: i64 = 1_790_000_000;

/// Seconds after the start of a test.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp((START + seconds) * 1_000_000)
}

pub(crate) fn endpoint(name: &str) -> Arc<EndpointKey> {
    Arc::new(EndpointKey::new("acme", name))
}

pub(crate) fn anna() -> Arc<UserKey> {
    Arc::new(UserKey::new("acme", "101"))
}

pub(crate) fn bruno() -> Arc<UserKey> {
    Arc::new(UserKey::new("acme", "102"))
}

pub(crate) fn owners() -> Vec<(Arc<EndpointKey>, Arc<UserKey>)> {
    vec![(endpoint("101"), anna()), (endpoint("101-dect"), anna()), (endpoint("102"), bruno())]
}

/// Anna has the endpoints 101 and 101-dect, Bruno has 102.
pub(crate) fn two_users() -> State {
    let state = State::new();
    assert!(state.assign(owners(), at(0)).is_empty());
    state
}

pub(crate) fn registration(step: RegistrationStep, name: &str, contact: &str, seconds: i64) -> Registration {
    Registration {
        step,
        time: at(seconds),
        key: EndpointKey::new("acme", name),
        contact: contact.into(),
        far: Some("192.0.2.7:5060".parse().unwrap()),
        transport: Transport::Udp,
        user_agent: "Yealink SIP-T46S 66.86.0.15".into(),
        path: "".into(),
        call_id: "1-2@192.0.2.7".into(),
        expires: (step == RegistrationStep::Registered).then(|| at(seconds + 3600)),
        round_trip: None,
        detail: "".into(),
    }
}

pub(crate) fn call(phase: CallPhase, name: &str, leg: &str, linked: &str, seconds: i64) -> Call {
    Call {
        phase,
        time: at(seconds),
        key: EndpointKey::new("acme", name),
        leg: leg.into(),
        linked: linked.into(),
        call_id: format!("{leg}@192.0.2.1").into(),
        direction: CallDirection::Incoming,
        far_number: "0401234567".into(),
        far_name: "Carla".into(),
        cause: if phase == CallPhase::Ended { 16 } else { 0 },
    }
}

/// Applies at the event's own time and gives the changes without user and time.
pub(crate) fn register(
    state: &State,
    step: RegistrationStep,
    name: &str,
    contact: &str,
    seconds: i64,
) -> Vec<Change> {
    apply(state, Event::Registration(registration(step, name, contact, seconds)), seconds)
}

pub(crate) fn ring(
    state: &State,
    phase: CallPhase,
    name: &str,
    leg: &str,
    linked: &str,
    seconds: i64,
) -> Vec<Change> {
    apply(state, Event::Call(call(phase, name, leg, linked, seconds)), seconds)
}

pub(crate) fn apply(state: &State, event: Event, seconds: i64) -> Vec<Change> {
    state.apply(&event, at(seconds)).into_iter().map(|(_, _, change)| change).collect()
}

pub(crate) fn shown(state: &State) -> (Sticker, u32) {
    let anna = state.user(&anna());
    (anna.sticker, anna.calls)
}

pub(crate) fn sticker(sticker: Sticker, calls: u32) -> Change {
    Change::Sticker { sticker, calls }
}
