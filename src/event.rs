//! What a PBX tells the module, owned and free of C: users, terminals, registrations, calls, quality and
//! packets; and [`Change`], what the module makes of it for the two-day ring. Plain data: no lock, no clock,
//! no I/O. `abi` makes these out of C structs, `state` and `capture` take them.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

mod shown;
mod word;

pub use shown::{Bound, Grey, Shown};
pub use word::{Direction, DumpDetail, Kind, Sticker, Transport};

/// A user's place in the whole PBX: company and the user's id within it. Two companies may have the same id.
/// The empty key stands for packets that belong to nobody known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct UserKey {
    /// The company's id.
    pub company: Arc<str>,
    /// The user's id within the company.
    pub user: Arc<str>,
}

impl UserKey {
    /// A key from its two ids.
    pub fn new(company: &str, user: &str) -> Self {
        Self { company: company.into(), user: user.into() }
    }

    /// Whether this is the key of packets that belong to nobody known.
    pub fn is_nobody(&self) -> bool {
        self.company.is_empty() && self.user.is_empty()
    }
}

/// An endpoint as the PBX names it (the SIP account that a terminal authenticates as) within its company.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EndpointKey {
    /// The company's id; empty where the PBX did not say and the directory has not resolved it yet.
    pub company: Arc<str>,
    /// The PBX's own name of the endpoint.
    pub endpoint: Arc<str>,
}

impl EndpointKey {
    /// A key from its two names.
    pub fn new(company: &str, endpoint: &str) -> Self {
        Self { company: company.into(), endpoint: endpoint.into() }
    }
}

/// Whether something is there now or no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Added, or changed.
    Here,
    /// Removed.
    Gone,
}

/// A user as the PBX's own configuration has it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "product.md defines the words")]
pub struct User {
    pub presence: Presence,
    /// Empty: the default company.
    pub company: Arc<str>,
    /// The PBX's id of the user; an endpoint of the same name is the user's own.
    pub user: Arc<str>,
    pub extension: Arc<str>,
    pub name: Arc<str>,
    pub surname: Arc<str>,
    pub department: Arc<str>,
    /// Empty: none.
    pub mobile: Arc<str>,
}

/// A terminal as the PBX tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terminal {
    /// Added or removed.
    pub presence: Presence,
    /// Empty: the default company.
    pub company: Arc<str>,
    /// The user's id.
    pub user: Arc<str>,
    /// The PBX's id of the terminal within the user.
    pub terminal: Arc<str>,
    /// The PBX's word on the kind.
    pub kind: Option<Kind>,
    /// The endpoint it authenticates as; empty: none of its own.
    pub endpoint: Arc<str>,
    /// Free text for people.
    pub description: Arc<str>,
    /// For terminals without SIP (desktop client, USB audio): is it active now? `None`: not told.
    pub active: Option<bool>,
}

/// Why a registration, or another authentication, failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureCause {
    /// The digest response does not match.
    WrongPassword,
    /// The account does not exist.
    UnknownUser,
    /// An access list forbids the address.
    Forbidden,
    /// The TLS handshake failed.
    Tls,
    /// The request is not one the PBX takes (bad transport, limit of contacts, malformed).
    Refused,
    /// The PBX gave another cause, or none.
    Other,
}

/// What happened to a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationStep {
    /// A contact was bound, or refreshed.
    Registered,
    /// The terminal removed it, or it was replaced by another.
    Unregistered,
    /// Its time ran out.
    Expired,
    /// The PBX's qualify says it answers.
    Reachable,
    /// The PBX's qualify says it does not answer.
    Unreachable,
    /// An attempt failed.
    Failed(FailureCause),
}

/// A registration event (RFC 3261 section 10): one contact of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// What happened.
    pub step: RegistrationStep,
    /// When; the PBX's word.
    pub time: Timestamp,
    /// Whose it is.
    pub key: EndpointKey,
    /// The Contact URI; with `key` it identifies the registration. Empty for failures.
    pub contact: Arc<str>,
    /// Where it came from.
    pub far: Option<SocketAddr>,
    /// How it came.
    pub transport: Transport,
    /// The User-Agent header; empty: none seen.
    pub user_agent: Arc<str>,
    /// The Path header (RFC 3327); empty: none.
    pub path: Arc<str>,
    /// Call-ID of the REGISTER; empty: not told.
    pub call_id: Arc<str>,
    /// When it expires; `None`: not told.
    pub expires: Option<Timestamp>,
    /// Round trip in microseconds, from qualify; `None`: not measured.
    pub round_trip: Option<u32>,
    /// The PBX's own words about a failure; empty: none.
    pub detail: Arc<str>,
}

/// Where a call leg stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallPhase {
    /// Ringing phase: set up, not answered.
    Ringing,
    /// Established.
    Up,
    /// Established, on hold.
    Held,
    /// Over.
    Ended,
}

/// Which way a call goes, seen from the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallDirection {
    /// The user calls.
    Outgoing,
    /// The user is called.
    Incoming,
}

/// One leg of a call at one endpoint. Events repeat and may come out of order after `Ended`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Where the leg stands now.
    pub phase: CallPhase,
    /// Since when.
    pub time: Timestamp,
    /// Whose leg it is; an empty endpoint (a trunk, a local channel) moves no sticker.
    pub key: EndpointKey,
    /// The PBX's unique id of the leg.
    pub leg: Arc<str>,
    /// What joins the legs of one call; may change while the call lasts. Empty: the leg is its own call.
    pub linked: Arc<str>,
    /// SIP Call-ID of the leg's dialog; empty: not known yet.
    pub call_id: Arc<str>,
    /// Which way, seen from the user.
    pub direction: CallDirection,
    /// The far party's number; empty: not told.
    pub far_number: Arc<str>,
    /// The far party's name; empty: not told.
    pub far_name: Arc<str>,
    /// ITU-T Q.850 cause of the end; 0: none.
    pub cause: u16,
}

/// Where a leg of a call stood at a moment, of any endpoint of a company, known or not. Kept apart from the users' records,
/// so that all legs of a call are found from any one of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields are those of Call")]
pub struct Step {
    /// Id of the user whose leg it is; empty: nobody known, a trunk say.
    #[serde(skip)]
    pub user: Arc<str>,
    pub endpoint: Arc<str>,
    pub leg: Arc<str>,
    pub linked: Arc<str>,
    pub call_id: Arc<str>,
    pub phase: CallPhase,
    pub direction: CallDirection,
    pub far_number: Arc<str>,
    pub far_name: Arc<str>,
    pub cause: u16,
    /// Media that came from the far side of the leg, told when it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<Media>,
    /// Media that went there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Media>,
}

/// All RTCP reports of one leg and direction in one. Times in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Media {
    /// Packets, by the last report.
    pub packets: u64,
    /// Packets lost, by the last report.
    pub lost: u64,
    /// Mean interarrival jitter.
    pub jitter: u32,
    /// The worst.
    pub jitter_worst: u32,
    /// Mean round trip; 0: not known.
    pub round_trip: u32,
    /// The worst; 0: not known.
    pub round_trip_worst: u32,
}

/// RTCP figures of one leg (RFC 3550 section 6.4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// When the report was taken.
    pub time: Timestamp,
    /// Whose leg it is.
    #[serde(skip)]
    pub key: EndpointKey,
    /// The leg.
    pub leg: Arc<str>,
    /// The call.
    pub linked: Arc<str>,
    /// SIP Call-ID of the leg's dialog.
    pub call_id: Arc<str>,
    /// Which way the media goes, seen from the PBX.
    pub direction: Direction,
    /// Packets sent or expected so far.
    pub packets: u64,
    /// Packets lost so far.
    pub lost: u64,
    /// Interarrival jitter, microseconds.
    pub jitter: u32,
    /// Round trip, microseconds; 0: not known.
    pub round_trip: u32,
}

/// Everything but packets.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each wraps the struct of its name")]
pub enum Event {
    User(User),
    Terminal(Terminal),
    Registration(Registration),
    Call(Call),
    Quality(Quality),
}

/// A SIP message as the PBX's thread hands it over, borrowed for the length of one call.
#[derive(Debug, Clone, Copy)]
pub struct PacketRef<'a> {
    /// When it came or went.
    pub time: Timestamp,
    /// Which way.
    pub direction: Direction,
    /// Over what.
    pub transport: Transport,
    /// The PBX's address; unspecified (`0.0.0.0:0`) where not known.
    pub local: SocketAddr,
    /// The far address.
    pub far: SocketAddr,
    /// The company the PBX named; empty: none.
    pub company: &'a str,
    /// The endpoint the PBX named; empty: none.
    pub endpoint: &'a str,
    /// The message as on the wire, any bytes.
    pub data: &'a [u8],
}

/// What changed for a user, kept in the ring beside the packets. Where an `endpoint` is empty, an earlier version did not
/// write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "fields are those of Registration and Call")]
pub enum Change {
    /// The sticker is now this, with this many calls in progress.
    Sticker { sticker: Sticker, calls: u32 },
    /// A contact was bound for the first time (refreshes are not changes).
    Registered {
        #[serde(default, skip_serializing_if = "str::is_empty")]
        endpoint: Arc<str>,
        contact: Arc<str>,
        far: Option<SocketAddr>,
        transport: Transport,
        user_agent: Arc<str>,
    },
    /// A contact is no longer bound.
    Unregistered {
        #[serde(default, skip_serializing_if = "str::is_empty")]
        endpoint: Arc<str>,
        contact: Arc<str>,
        expired: bool,
    },
    /// A contact began or ceased to answer the PBX's qualify.
    Reachability {
        #[serde(default, skip_serializing_if = "str::is_empty")]
        endpoint: Arc<str>,
        contact: Arc<str>,
        reachable: bool,
    },
    /// An attempt to authenticate failed.
    Failed {
        #[serde(default, skip_serializing_if = "str::is_empty")]
        endpoint: Arc<str>,
        cause: FailureCause,
        far: Option<SocketAddr>,
        call_id: Arc<str>,
        detail: Arc<str>,
    },
    /// A leg of a call of this user changed its phase, or more is known of it; with a transfer it may become part of
    /// another call.
    Call {
        leg: Arc<str>,
        linked: Arc<str>,
        call_id: Arc<str>,
        phase: CallPhase,
        direction: CallDirection,
        far_number: Arc<str>,
        far_name: Arc<str>,
        cause: u16,
    },
}

/// How loud a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the usual four")]
pub enum LogLevel {
    Debug,
    Notice,
    Warning,
    Error,
}

/// The PBX, as the module sees it. Calls may come from any thread of the module; none is made under a lock.
pub trait Host: Send + Sync {
    /// Name and version, for pages ("Asterisk 22.10.1").
    fn name(&self) -> String;
    /// One line to the PBX's log. Never fails.
    fn log(&self, level: LogLevel, line: &str);
    /// Round trip to a contact in microseconds, if the PBX knows it.
    fn round_trip(&self, endpoint: &EndpointKey, contact: &str) -> Option<u32>;
}
