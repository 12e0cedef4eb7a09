//! The hot path: [`Tap`] takes packets from the PBX's threads and holds them for the drain thread, which scans,
//! attributes and redacts them ([`message`], [`attribute`], [`redact`], [`drain`]). Events, the changes they made and
//! quality pass through it too, so that they keep their order among the packets. What runs on a PBX thread here must
//! never block, log, do I/O or wake another thread: it copies, or drops and counts. The tap is polled.

use std::net::SocketAddr;

use crate::clock::Timestamp;
use crate::event::{Direction, PacketRef, Transport};

pub mod attribute;
mod chunk;
pub mod drain;
pub mod gate;
pub mod head;
mod leg;
mod line;
mod loud;
mod marks;
pub mod message;
mod name;
mod outlet;
pub mod pool;
pub mod pressure;
mod proof;
pub mod redact;
pub mod share;
mod stretch;
pub mod tap;

pub use attribute::{Attributed, Attributor, Certainty, Whose};
pub use drain::{Captured, Caught, Drain};
pub use tap::{Counters, Dropped, Tap};

/// A longer name of a company or endpoint counts as none.
pub const NAME_LIMIT: usize = 1_024;

/// What is copied of a packet.
struct Kept<'a> {
    data: &'a [u8],
    company: &'a str,
    endpoint: &'a str,
}

impl<'a> Kept<'a> {
    fn of(packet: &PacketRef<'a>) -> Self {
        let name = |name: &'a str| if name.len() > NAME_LIMIT { "" } else { name };
        Self {
            data: packet.data.get(..redact::MESSAGE_LIMIT).unwrap_or(packet.data),
            company: name(packet.company),
            endpoint: name(packet.endpoint),
        }
    }

    fn len(&self) -> usize {
        self.data.len() + self.company.len() + self.endpoint.len()
    }
}

/// A packet as the drain holds it: the message, the company and the endpoint in one buffer.
#[derive(Debug, Clone)]
pub struct Owned {
    /// When it came or went.
    pub time: Timestamp,
    /// Which way.
    pub direction: Direction,
    /// Over what.
    pub transport: Transport,
    /// The PBX's address.
    pub local: SocketAddr,
    /// The far address.
    pub far: SocketAddr,
    /// Bytes on the wire.
    pub original_len: u32,
    kept_len: u32,
    company_len: u16,
    bytes: Vec<u8>,
}

impl Owned {
    /// Room for a packet, without one.
    fn empty() -> Self {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        Self {
            time: Timestamp::default(),
            direction: Direction::In,
            transport: Transport::Udp,
            local: nowhere,
            far: nowhere,
            original_len: 0,
            kept_len: 0,
            company_len: 0,
            bytes: Vec::new(),
        }
    }

    /// A copy of at most [`redact::MESSAGE_LIMIT`] bytes of the message; names longer than [`NAME_LIMIT`] count as
    /// none. Cost: one allocation.
    pub fn copy(packet: &PacketRef<'_>) -> Self {
        let kept = Kept::of(packet);
        let mut bytes = Vec::with_capacity(kept.len());
        bytes.extend_from_slice(kept.data);
        bytes.extend_from_slice(kept.company.as_bytes());
        bytes.extend_from_slice(kept.endpoint.as_bytes());
        Self {
            time: packet.time,
            direction: packet.direction,
            transport: packet.transport,
            local: packet.local,
            far: packet.far,
            original_len: u32::try_from(packet.data.len()).unwrap_or(u32::MAX),
            kept_len: u32::try_from(kept.data.len()).unwrap_or(0),
            company_len: u16::try_from(kept.company.len()).unwrap_or(0),
            bytes,
        }
    }

    fn split(&self) -> (&[u8], &[u8]) {
        let kept = usize::try_from(self.kept_len).unwrap_or(0);
        self.bytes.split_at_checked(kept).unwrap_or((&self.bytes, &[]))
    }

    /// The message as on the wire, or its first [`redact::MESSAGE_LIMIT`] bytes.
    pub fn data(&self) -> &[u8] {
        self.split().0
    }

    /// Whether the message was longer than what was copied.
    pub fn is_torn(&self) -> bool {
        self.original_len > self.kept_len
    }

    /// The company that the PBX named; empty: none.
    pub fn company(&self) -> &str {
        let names = self.split().1;
        std::str::from_utf8(names.get(..usize::from(self.company_len)).unwrap_or_default())
            .unwrap_or_default()
    }

    /// The endpoint that the PBX named; empty: none.
    pub fn endpoint(&self) -> &str {
        let names = self.split().1;
        std::str::from_utf8(names.get(usize::from(self.company_len)..).unwrap_or_default())
            .unwrap_or_default()
    }
}
