//! One record of the two-day ring, and its bytes. A record has a kind (packet, change, gap, quality); a kind that
//! this version does not know is skipped, so a later version can add some without a second format.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::event::{Change, Direction, DumpDetail, Quality, Transport, UserKey};

/// One record of one user, or of nobody known (the empty key).
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Given by `Store::append`; unique in the store, grows with each record.
    pub seq: u64,
    /// When it happened.
    pub time: Timestamp,
    /// Whose it is.
    pub user: Arc<UserKey>,
    /// What it is.
    pub payload: Payload,
}

/// What a record holds.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each wraps the struct of its name")]
pub enum Payload {
    Packet(Packet),
    Change(Change),
    Gap(Gap),
    Quality(Quality),
}

/// How sure it is that a packet is of the user it stands under (design.md, "Attribution").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[repr(u8)]
pub enum Attribution {
    /// Nobody known.
    #[default]
    Unknown = 0,
    /// Only its From or To says so.
    Claimed = 1,
    /// The PBX, a known Call-ID or a registered contact says so.
    Proven = 2,
}

/// A packet as it is kept: redacted, and cut to the dump detail.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are those of event::PacketRef")]
pub struct Packet {
    pub direction: Direction,
    pub transport: Transport,
    pub local: SocketAddr,
    pub far: SocketAddr,
    /// The dump detail that was in force.
    pub detail: DumpDetail,
    pub attribution: Attribution,
    /// Not all bytes were kept, because of the detail or a limit.
    pub cut: bool,
    /// The redactor could not scan it with certainty and kept only a stump.
    pub unsure: bool,
    /// Bytes on the wire.
    pub original_len: u32,
    /// The endpoint; empty: not known.
    pub endpoint: Arc<str>,
    /// What joins the legs of the call, if the PBX said; empty: not known.
    pub linked: Arc<str>,
    /// What was kept.
    pub bytes: Box<[u8]>,
}

/// Why packets are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum GapCause {
    /// The ring between the PBX's threads and the drain was full.
    QueueFull = 1,
    /// A stretch of the disk could not be read.
    Damage = 2,
    /// The disk refused to write, or was too full.
    Disk = 3,
    /// The store's own limits.
    Limit = 4,
    /// A later version's cause.
    Other = 255,
}

/// A stretch of time in which packets are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// First moment.
    pub from: Timestamp,
    /// Last moment.
    pub to: Timestamp,
    /// How many packets; 0: not known.
    pub packets: u64,
    /// Why.
    pub cause: GapCause,
}
