//! The tap: where the PBX's threads leave packets, events and quality for the drain thread. Packets are copied into
//! chunks of memory; each thread has a lane of its own, so that threads do not wait for each other nor for the drain
//! (`outlet`). A lane's lock is only ever tried: who finds it taken uses the next one.
//!
//! One word counts what was ever pushed. It bounds packets and bytes in one atomic operation, and its value is the
//! packet's place among all packets: by it the drain puts the lanes together again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crossbeam_queue::ArrayQueue;
use parking_lot::Mutex;

use super::chunk::{CHUNK, Chunk, HEAD};
use super::loud::{Drops, Slots};
use super::outlet::{Item, News, Note, Outlet};
use super::{Kept, Owned};
use crate::clock::{Clock, Timestamp};
use crate::event::{Change, Event, PacketRef, Quality, UserKey};

/// Events and reports that wait at most. They have their own places: a flood of packets does not keep them out.
const NOTES: usize = 65_536;

/// A change: whose, when, what.
pub type Told = (Arc<UserKey>, Timestamp, Change);

/// More threads than this share lanes.
const LANES: usize = 16;

/// Chunks that are kept for the next packets; the memory of more goes back to the system.
pub(super) const WARM: usize = 32;

/// One packet in a load; its bytes are in the bits below. Sums wrap, differences of near ones are right.
const ONE_PACKET: u64 = 1 << BYTE_BITS;
const BYTE_BITS: u32 = 40;
const BYTE_MASK: u64 = ONE_PACKET - 1;

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
    /// Packets (and changes) dropped since the start because there was no room.
    pub dropped: u64,
    /// Bytes that wait now.
    pub bytes: u64,
    /// Packets that wait now.
    pub queued: u64,
}

/// Keeps what one thread writes away from what another one writes.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Apart<T>(pub(super) T);

/// What the threads of one lane have left.
#[derive(Debug, Default)]
pub(super) struct Lane {
    pub(super) open: Chunk,
    /// The full ones before it. Has room for all there are.
    pub(super) full: Vec<Chunk>,
}

/// The bounded way from the PBX's threads to the drain. What is public is for any thread; only the drain takes.
#[derive(Debug)]
pub struct Tap {
    max_packets: u64,
    max_bytes: u64,
    pub(super) clock: Clock,
    /// Packets and bytes since the start, those that were refused too.
    pub(super) pushed: Apart<AtomicU64>,
    /// Those of them that do not wait any more. Read by each push, so it is written once per chunk.
    freed: Apart<AtomicU64>,
    pub(super) lanes: Box<[Apart<Mutex<Lane>>]>,
    /// Chunks that were in use and are in the caches.
    pub(super) warm: ArrayQueue<Chunk>,
    /// All others.
    pub(super) cold: ArrayQueue<Chunk>,
    pub(super) notes: ArrayQueue<Note>,
    outlet: Mutex<Outlet>,
    taken: AtomicU64,
    drops: Apart<Drops>,
    /// The loudest addresses, refused while the tap is crowded.
    pub(super) loud: Slots,
}

/// Why a packet is not taken.
enum Refusal {
    /// There is no room.
    Full,
    /// There is little room, and it came from one of the loudest addresses, where it was counted.
    Loud,
}

/// This thread's lane.
fn lane() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static LANE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % LANES;
    }
    LANE.try_with(|lane| *lane).unwrap_or(0)
}

impl Tap {
    /// A tap for at most `packets` packets and `bytes` bytes of messages and names; at least one packet, at most
    /// 8 million. Its memory is that, 92 bytes for each packet and 2 MiB, taken from the system as it is needed.
    /// `clock` gives the time of packets that come without one.
    pub fn new(packets: usize, bytes: usize, clock: Clock) -> Self {
        let packets = packets.clamp(1, 8_000_000);
        let chunks = bytes.saturating_add(packets * HEAD).div_ceil(CHUNK) + LANES;
        let (warm, cold) = (ArrayQueue::new(chunks), ArrayQueue::new(chunks));
        for n in 0..chunks {
            let mut chunk = Chunk::new();
            let queue = if n < WARM { &warm } else { &cold };
            if n < WARM {
                chunk.touch();
            }
            drop(queue.push(chunk));
        }
        let lane = || Lane { open: Chunk::default(), full: Vec::with_capacity(chunks) };
        Self {
            max_packets: u64::try_from(packets).unwrap_or(1),
            max_bytes: u64::try_from(bytes).unwrap_or(BYTE_MASK).min(BYTE_MASK / 2),
            clock,
            pushed: Apart::default(),
            freed: Apart::default(),
            lanes: (0..LANES).map(|_| Apart(Mutex::new(lane()))).collect(),
            warm,
            cold,
            notes: ArrayQueue::new(NOTES),
            outlet: Mutex::new(Outlet::new(LANES)),
            taken: AtomicU64::new(0),
            drops: Apart::default(),
            loud: Slots::default(),
        }
    }

    /// Copies a packet. False: there is no room, the packet was dropped and counted. Any thread of the PBX; never
    /// blocks, allocates nothing; needs less than 1 KiB of stack. Cost: one copy of at most 64 KiB.
    pub fn push(&self, mut packet: PacketRef<'_>) -> bool {
        if packet.time == Timestamp::default() {
            packet.time = self.clock.now();
        }
        let kept = Kept::of(&packet);
        match self.keep(&packet, &kept) {
            Ok(()) => true,
            Err(Refusal::Full) => {
                if !self.loud.blames(&packet.far, packet.time) {
                    self.drops.0.count(packet.time);
                }
                false
            }
            Err(Refusal::Loud) => false,
        }
    }

    fn keep(&self, packet: &PacketRef<'_>, kept: &Kept<'_>) -> Result<(), Refusal> {
        let (before, after) = self.lanes.split_at_checked(lane()).unwrap_or_default();
        for lane in after.iter().chain(before) {
            let Some(mut lane) = lane.0.try_lock() else { continue };
            if !lane.open.has_room(kept.len()) {
                let Some(chunk) = self.warm.pop().or_else(|| self.cold.pop()) else {
                    return Err(Refusal::Full);
                };
                let full = std::mem::replace(&mut lane.open, chunk);
                if full.is_real() {
                    lane.full.push(full);
                }
            }
            let place = self.book(packet, weight(kept.len()))?;
            lane.open.push(place, packet, kept);
            return Ok(());
        }
        Err(Refusal::Full)
    }

    /// Books a packet's room and gives its place. Under the lane's lock, so that a lane is
    /// in the order of places.
    fn book(&self, packet: &PacketRef<'_>, weight: u64) -> Result<u64, Refusal> {
        // asked first: so that it is never more than was pushed
        let freed = self.freed.0.load(Ordering::Acquire);
        // whoever sees the place finds the lane locked until the packet is there
        let place = self.pushed.0.fetch_add(weight, Ordering::AcqRel).wrapping_add(weight);
        let waiting = place.wrapping_sub(freed);
        let (packets, bytes) = (waiting >> BYTE_BITS, waiting & BYTE_MASK);
        if packets > crowd(self.max_packets) || bytes > crowd(self.max_bytes) {
            let is_full = packets > self.max_packets || bytes > self.max_bytes;
            if let Some(refusal) = self.refusal(packet, is_full) {
                self.freed.0.fetch_add(weight, Ordering::AcqRel);
                return Err(refusal);
            }
        }
        Ok(place)
    }

    #[cold]
    fn refusal(&self, packet: &PacketRef<'_>, is_full: bool) -> Option<Refusal> {
        if is_full {
            return Some(Refusal::Full);
        }
        self.loud.refuses(&packet.far, packet.time).then_some(Refusal::Loud)
    }

    /// Queues what happened and the changes it made, behind the packets that came before it: the event is what packets
    /// are attributed by. False: there is no room; the changes were dropped and counted. Cost: one allocation.
    pub fn happened(&self, event: Event, changes: Vec<Told>) -> bool {
        self.queue(News::Happened(Some(event), changes))
    }

    /// As [`Self::happened`], for changes that no event made.
    pub fn note(&self, changes: Vec<Told>) -> bool {
        changes.is_empty() || self.queue(News::Happened(None, changes))
    }

    /// Queues a quality report of a user's leg. False: dropped and counted.
    pub fn quality(&self, user: Arc<UserKey>, quality: Quality) -> bool {
        self.queue(News::Quality(user, quality))
    }

    fn queue(&self, news: News) -> bool {
        let place = self.pushed.0.load(Ordering::Acquire);
        let Err(Note { news, .. }) = self.notes.push(Note { place, news: Box::new(news) }) else {
            return true;
        };
        match &*news {
            News::Happened(_, changes) => changes.iter().for_each(|(_, time, _)| self.drops.0.count(*time)),
            News::Quality(_, quality) => self.drops.0.count(quality.time),
        }
        false
    }

    /// The oldest item, a packet in `room`; `None` if there is none, or if a thread is just leaving one. Only the drain thread.
    pub(super) fn take(&self, room: &mut Owned) -> Option<Item> {
        self.outlet.lock().take(self, room)
    }

    /// Lets go packets with so many bytes.
    pub(super) fn free(&self, packets: u64, bytes: u64) {
        self.taken.fetch_add(packets, Ordering::Relaxed);
        self.freed.0.fetch_add((packets << BYTE_BITS).wrapping_add(bytes), Ordering::AcqRel);
    }

    /// What was dropped since `reported` drops, but for that of the addresses that are told apart; as [`Drops::since`]. Only the
    /// drain thread.
    pub(crate) fn dropped_since(&self, reported: u64) -> Option<Dropped> {
        self.drops.0.since(reported, &self.clock)
    }

    /// How full it is, per mille.
    pub(crate) fn pressure(&self) -> u32 {
        let Counters { queued, bytes, .. } = self.counters();
        let part =
            |of: u64, whole: u64| u32::try_from(of.saturating_mul(1_000) / whole.max(1)).unwrap_or(1_000);
        part(queued, self.max_packets).max(part(bytes, self.max_bytes)).min(1_000)
    }

    /// The figures now; they may be a few packets apart from each other while threads push.
    pub fn counters(&self) -> Counters {
        let taken = self.taken.load(Ordering::Relaxed);
        let freed = self.freed.0.load(Ordering::Acquire);
        let waiting = self.pushed.0.load(Ordering::Acquire).wrapping_sub(freed);
        let queued = waiting >> BYTE_BITS;
        Counters {
            pushed: taken + queued,
            dropped: self.drops.0.total() + self.loud.dropped(),
            bytes: waiting & BYTE_MASK,
            queued,
        }
    }
}

/// Beyond how much of a whole it is crowded.
const fn crowd(whole: u64) -> u64 {
    whole / 8 * 5
}

/// One packet of this many bytes in a load.
fn weight(bytes: usize) -> u64 {
    ONE_PACKET + u64::try_from(bytes).unwrap_or(0)
}
