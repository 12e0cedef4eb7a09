//! What `State` hands out: owned values that no lock stands behind. Plain data, made under the lock by
//! `tables`, read by `query`.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::event::{
    CallDirection, CallPhase, Change, EndpointKey, FailureCause, Grey, Sticker, Transport, UserKey,
};

/// What apply, expire, assign, own and activate made happen: whose, when, what.
pub type Changes = Vec<(Arc<UserKey>, Timestamp, Change)>;

/// A user at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserState {
    /// The sticker.
    pub sticker: Sticker,
    /// Calls in progress, ringing ones included.
    pub calls: u32,
    /// The version of the last visible change (see [`State::version`](super::State::version)); 0: none yet.
    pub version: u64,
    /// Since when the sticker is so; `Timestamp(0)`: since before the module was loaded.
    pub since: Timestamp,
    /// Why, if the sticker is grey; else the default.
    pub grey: Grey,
    /// Registrations of all endpoints, the newest binding first.
    pub contacts: Vec<Contact>,
    /// Legs of calls in progress, the oldest first.
    pub legs: Vec<Leg>,
    /// The last 20 failures, newest first.
    pub failures: Vec<Failure>,
    /// The last 50 changes of registrations, newest first; failures are not among them.
    pub history: Vec<(Timestamp, Change)>,
    /// Ids of terminals without SIP that are active.
    pub active: Vec<Arc<str>>,
}

/// A contact that is bound now. Texts longer than the module's limits are cut.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are those of event::Registration")]
pub struct Contact {
    pub endpoint: Arc<EndpointKey>,
    pub contact: Arc<str>,
    pub far: Option<SocketAddr>,
    pub transport: Transport,
    pub user_agent: Arc<str>,
    pub path: Arc<str>,
    pub call_id: Arc<str>,
    /// First bound; a refresh keeps it.
    pub since: Timestamp,
    /// Bound or refreshed last.
    pub refreshed: Timestamp,
    pub expires: Option<Timestamp>,
    /// Microseconds, from qualify.
    pub round_trip: Option<u32>,
    /// Qualify's word; `None`: not told.
    pub reachable: Option<bool>,
}

/// A leg that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are those of event::Call")]
pub struct Leg {
    pub leg: Arc<str>,
    pub linked: Arc<str>,
    pub call_id: Arc<str>,
    pub phase: CallPhase,
    pub direction: CallDirection,
    pub far_number: Arc<str>,
    pub far_name: Arc<str>,
    /// First seen.
    pub began: Timestamp,
    /// In this phase since.
    pub since: Timestamp,
    pub answered: Option<Timestamp>,
    pub endpoint: Arc<EndpointKey>,
}

impl Leg {
    /// What names the call that this leg is part of.
    pub fn call(&self) -> &Arc<str> {
        if self.linked.is_empty() { &self.leg } else { &self.linked }
    }
}

/// An attempt to authenticate that failed, or several equal ones.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are those of event::Registration")]
pub struct Failure {
    /// The last one.
    pub time: Timestamp,
    pub cause: FailureCause,
    pub far: Option<SocketAddr>,
    pub transport: Transport,
    pub call_id: Arc<str>,
    pub user_agent: Arc<str>,
    pub detail: Arc<str>,
    pub endpoint: Arc<EndpointKey>,
    /// Attempts from the same address (any port) with the same cause, User-Agent and detail.
    pub count: u32,
}

/// The whole table in numbers, for the status page, the PBX's console and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Totals {
    /// Users with a green sticker. Users without endpoint and active terminal are in none of the four.
    pub free: usize,
    /// Users with a grey sticker.
    pub offline: usize,
    /// Users with an orange sticker.
    pub ringing: usize,
    /// Users with a red sticker.
    pub busy: usize,
    /// Calls in progress: a call between two users is one.
    pub calls: usize,
    /// Legs in progress.
    pub legs: usize,
    /// Contacts bound.
    pub registrations: usize,
    /// Contacts whose end is known: the queue of deadlines.
    pub deadlines: usize,
    /// Endpoints that a user owns.
    pub endpoints: usize,
    /// Endpoints that nobody owns and that have a contact or a leg.
    pub unowned_endpoints: usize,
    /// Contacts of those.
    pub unowned_registrations: usize,
    /// Legs of those.
    pub unowned_legs: usize,
    /// Failures kept of endpoints that nobody owns.
    pub unowned_failures: usize,
    /// Ended legs remembered, so that a late event does not bring one back.
    pub ended_legs: usize,
    /// Registration and call events taken since the start.
    pub events: u64,
    /// Failed attempts among them.
    pub failures: u64,
    /// Events that changed nothing because they came late, or named nothing that is known.
    pub ignored: u64,
    /// Contacts let go because an endpoint had too many.
    pub contacts_dropped: u64,
    /// Legs let go because an endpoint had too many.
    pub legs_dropped: u64,
    /// Endpoints that nobody owns let go because there were too many.
    pub unowned_dropped: u64,
    /// Visible changes since the start.
    pub version: u64,
}
