//! What this PBX tells the library and gets from it, in Rust's own types; `usermon.rs` turns them into C structs.

use std::net::SocketAddr;

/// A registration step to tell.
pub(crate) struct RegistrationTold<'a> {
    pub(crate) step: Step,
    pub(crate) endpoint: &'a str,
    pub(crate) contact: &'a str,
    pub(crate) far: Option<SocketAddr>,
    pub(crate) user_agent: &'a str,
    pub(crate) path: &'a str,
    pub(crate) call_id: &'a str,
    /// Microseconds since the Unix epoch; 0: not told.
    pub(crate) expires: i64,
    pub(crate) round_trip: Option<u32>,
    pub(crate) detail: &'a str,
}

/// `step` and `cause` of a registration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Registered,
    Unregistered,
    Expired,
    WrongPassword,
    UnknownUser,
    Refused,
    Reachable,
    Unreachable,
}

/// `phase` of a call leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Ringing = 1,
    Up = 2,
    Held = 3,
    Ended = 4,
}

/// A call leg to tell.
pub(crate) struct CallTold<'a> {
    pub(crate) phase: Phase,
    pub(crate) outgoing: bool,
    pub(crate) cause: u32,
    pub(crate) endpoint: &'a str,
    pub(crate) leg: &'a str,
    pub(crate) linked: &'a str,
    pub(crate) call_id: &'a str,
    pub(crate) far_number: &'a str,
    pub(crate) far_name: &'a str,
}

/// One request for the library's pages.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) mount: &'a str,
    pub(crate) headers: &'a [u8],
    pub(crate) body: &'a [u8],
    pub(crate) far: SocketAddr,
}

/// What the library answered.
#[derive(Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<u8>,
    pub(crate) body: Vec<u8>,
}
