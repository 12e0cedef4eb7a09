//! The hot path: [`Tap`] takes packets from the PBX's threads and holds them for the drain thread, which scans,
//! attributes and redacts them ([`message`], [`attribute`], [`redact`], [`drain`]). State changes and quality pass
//! through the same queue, so that they keep their order among the packets. What runs on a PBX thread here must
//! never block, log, do I/O or wake another thread: it copies, or drops and counts. The queue is polled.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_queue::ArrayQueue;

use crate::clock::{Clock, Timestamp};
use crate::event::{Change, Direction, PacketRef, Quality, Transport, UserKey};
use loud::{Drops, Slots};

pub mod attribute;
pub mod drain;
pub mod gate;
mod line;
mod loud;
pub mod message;
pub mod pool;
pub mod pressure;
mod proof;
pub mod redact;
pub mod share;
mod stretch;

pub use attribute::{Attributed, Attributor, Certainty};
pub use drain::{Captured, Caught, Drain};

/// Places in the queue beyond those for packets, so that a flood of packets does not keep changes out.
const NOTE_PLACES: usize = 4_096;

/// One packet in the load of the queue; its bytes are in the bits below.
const ONE_PACKET: u64 = 1 << BYTE_BITS;
const BYTE_BITS: u32 = 40;
const BYTE_MASK: u64 = ONE_PACKET - 1;

/// A longer name of a company or endpoint counts as none.
pub const NAME_LIMIT: usize = 1_024;

/// What is copied of a packet: message, company, endpoint.
fn kept<'a>(packet: &PacketRef<'a>) -> (&'a [u8], &'a str, &'a str) {
    let name = |name: &'a str| if name.len() > NAME_LIMIT { "" } else { name };
    let data = packet.data.get(..redact::MESSAGE_LIMIT).unwrap_or(packet.data);
    (data, name(packet.company), name(packet.endpoint))
}

/// A packet as the tap holds it: the message, the company and the endpoint in one buffer.
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
    bytes: Box<[u8]>,
}

impl Owned {
    /// A copy of at most [`redact::MESSAGE_LIMIT`] bytes of the message; names longer than [`NAME_LIMIT`] count as
    /// none. Cost: one allocation.
    pub fn copy(packet: &PacketRef<'_>) -> Self {
        let (data, company, endpoint) = kept(packet);
        let mut bytes = Vec::with_capacity(data.len() + company.len() + endpoint.len());
        bytes.extend_from_slice(data);
        bytes.extend_from_slice(company.as_bytes());
        bytes.extend_from_slice(endpoint.as_bytes());
        Self {
            time: packet.time,
            direction: packet.direction,
            transport: packet.transport,
            local: packet.local,
            far: packet.far,
            original_len: u32::try_from(packet.data.len()).unwrap_or(u32::MAX),
            kept_len: u32::try_from(data.len()).unwrap_or(0),
            company_len: u16::try_from(company.len()).unwrap_or(0),
            bytes: bytes.into_boxed_slice(),
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

/// What waits in the queue. Changes and quality are rare and boxed, so that a place stays small.
#[derive(Debug)]
pub(crate) enum Item {
    Packet(Owned),
    Change(Box<(Arc<UserKey>, Timestamp, Change)>),
    Quality(Box<(Arc<UserKey>, Quality)>),
}

/// A stretch in which packets were dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    /// First dropped packet's time.
    pub from: Timestamp,
    /// Last dropped packet's time.
    pub to: Timestamp,
    /// How many.
    pub packets: u64,
}

/// Figures of a tap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets taken in since the start.
    pub pushed: u64,
    /// Packets (and changes) dropped since the start because the queue was full.
    pub dropped: u64,
    /// Bytes that wait now.
    pub bytes: u64,
    /// Packets that wait now.
    pub queued: u64,
}

/// Keeps what all PBX threads write away from what the drain writes.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart<T>(T);

/// The bounded queue between the PBX's threads and the drain. What is public is for any thread; only the drain takes.
#[derive(Debug)]
pub struct Tap {
    queue: ArrayQueue<Item>,
    max_packets: u64,
    max_bytes: u64,
    clock: Clock,
    /// Packets and bytes that wait, in one word: one atomic operation bounds both.
    load: Apart<AtomicU64>,
    taken: Apart<AtomicU64>,
    drops: Apart<Drops>,
    /// The loudest addresses, refused while the queue is crowded.
    loud: Slots,
}

impl Tap {
    /// A tap for at most `packets` packets and `bytes` bytes of messages and names; at least one packet, at most
    /// 8 million. Allocates its places (about 130 bytes each) at once. `clock` gives the time of packets that
    /// come without one.
    pub fn new(packets: usize, bytes: usize, clock: Clock) -> Self {
        let packets = packets.clamp(1, 8_000_000);
        Self {
            queue: ArrayQueue::new(packets + NOTE_PLACES),
            max_packets: u64::try_from(packets).unwrap_or(1),
            max_bytes: u64::try_from(bytes).unwrap_or(BYTE_MASK).min(BYTE_MASK / 2),
            clock,
            load: Apart::default(),
            taken: Apart::default(),
            drops: Apart::default(),
            loud: Slots::default(),
        }
    }

    /// Copies a packet into the queue. False: the queue is full, the packet was dropped and counted. Any thread of
    /// the PBX; never blocks; needs less than 1 KiB of stack. Cost: one allocation, one copy of at most 64 KiB.
    pub fn push(&self, mut packet: PacketRef<'_>) -> bool {
        if packet.time == Timestamp::default() {
            packet.time = self.clock.now();
        }
        let Some(weight) = self.admit(&packet) else { return false };
        if self.queue.push(Item::Packet(Owned::copy(&packet))).is_err() {
            self.load.0.fetch_sub(weight, Ordering::Relaxed);
            self.drops.0.count(packet.time);
            return false;
        }
        true
    }

    /// Books a packet's place and bytes; `None` if there is no room for it, and it was counted.
    fn admit(&self, packet: &PacketRef<'_>) -> Option<u64> {
        let (data, company, endpoint) = kept(packet);
        let weight = weight(data.len() + company.len() + endpoint.len());
        let before = self.load.0.fetch_add(weight, Ordering::Relaxed);
        let after = before.wrapping_add(weight);
        let is_crowded =
            after >> BYTE_BITS > crowd(self.max_packets) || after & BYTE_MASK > crowd(self.max_bytes);
        if is_crowded && self.refuses(packet, after) {
            self.load.0.fetch_sub(weight, Ordering::Relaxed);
            return None;
        }
        Some(weight)
    }

    /// Whether the queue is full, or crowded and this is one of the loudest addresses; then the packet is counted.
    #[cold]
    fn refuses(&self, packet: &PacketRef<'_>, after: u64) -> bool {
        if after >> BYTE_BITS > self.max_packets || after & BYTE_MASK > self.max_bytes {
            if !self.loud.blames(&packet.far, packet.time) {
                self.drops.0.count(packet.time);
            }
            return true;
        }
        self.loud.refuses(&packet.far, packet.time)
    }

    /// Queues a change of a user, behind the packets that came before it. False: dropped and counted.
    pub fn note(&self, user: Arc<UserKey>, time: Timestamp, change: Change) -> bool {
        let queued = self.queue.push(Item::Change(Box::new((user, time, change)))).is_ok();
        if !queued {
            self.drops.0.count(time);
        }
        queued
    }

    /// Queues a quality report of a user's leg. False: dropped and counted.
    pub fn quality(&self, user: Arc<UserKey>, quality: Quality) -> bool {
        let time = quality.time;
        let queued = self.queue.push(Item::Quality(Box::new((user, quality)))).is_ok();
        if !queued {
            self.drops.0.count(time);
        }
        queued
    }

    /// The oldest item. Only the drain thread.
    pub(crate) fn take(&self) -> Option<Item> {
        let item = self.queue.pop()?;
        if let Item::Packet(packet) = &item {
            self.load.0.fetch_sub(weight(packet.bytes.len()), Ordering::Relaxed);
            self.taken.0.fetch_add(1, Ordering::Relaxed);
        }
        Some(item)
    }

    /// What was dropped since `reported` drops, but for that of the loudest addresses; as [`Drops::since`]. Only the
    /// drain thread.
    pub(crate) fn dropped_since(&self, reported: u64) -> Option<Dropped> {
        self.drops.0.since(reported, &self.clock)
    }

    /// How full the queue is, per mille.
    pub(crate) fn pressure(&self) -> u32 {
        let load = self.load.0.load(Ordering::Relaxed);
        let part =
            |of: u64, whole: u64| u32::try_from(of.saturating_mul(1_000) / whole.max(1)).unwrap_or(1_000);
        part(load >> BYTE_BITS, self.max_packets).max(part(load & BYTE_MASK, self.max_bytes)).min(1_000)
    }

    /// The figures now; they may be a few packets apart from each other while threads push.
    pub fn counters(&self) -> Counters {
        let load = self.load.0.load(Ordering::Relaxed);
        let queued = load >> BYTE_BITS;
        Counters {
            pushed: self.taken.0.load(Ordering::Relaxed) + queued,
            dropped: self.drops.0.total() + self.loud.dropped(),
            bytes: load & BYTE_MASK,
            queued,
        }
    }
}

/// Beyond how much of a whole the queue is crowded.
const fn crowd(whole: u64) -> u64 {
    whole / 8 * 5
}

/// One packet of this many bytes in the load word.
fn weight(bytes: usize) -> u64 {
    ONE_PACKET + u64::try_from(bytes).unwrap_or(0)
}
