//! The drain's side of the tap: collects what the lanes hold and gives it out in the order in which it came. Used by
//! the drain thread only; takes each lane's lock for the length of an exchange of pointers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Owned;
use super::chunk::Chunk;
use super::tap::{Tap, Told, WARM};
use crate::event::{Event, Quality, UserKey};

/// How often a lane's lock is tried before the drain comes again later.
const TRIES: u32 = 100;

/// What comes out of the tap.
#[derive(Debug)]
pub(crate) enum Item {
    /// It is in the room that was given for it.
    Packet,
    News(Box<News>),
}

/// What is no packet.
#[derive(Debug)]
pub(crate) enum News {
    Happened(Option<Event>, Vec<Told>),
    Quality(Arc<UserKey>, Quality),
}

/// News, behind all packets up to a place. Rare and boxed.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) place: u64,
    pub(super) news: Box<News>,
}

/// What was collected of one lane, the oldest first.
#[derive(Debug, Default)]
struct Strand {
    chunks: VecDeque<Chunk>,
    /// The place of its next packet.
    next: Option<u64>,
    /// What was given out of the first chunk.
    packets: u64,
    bytes: u64,
}

/// Everything that was collected.
#[derive(Debug)]
pub(super) struct Outlet {
    strands: Vec<Strand>,
    /// All packets up to this place were collected.
    mark: u64,
    note: Option<Note>,
}

/// Whether one place comes before another. They wrap, but never lie far apart.
fn precedes(place: u64, other: u64) -> bool {
    other.wrapping_sub(place).cast_signed() > 0
}

impl Outlet {
    pub(super) fn new(lanes: usize) -> Self {
        Self { strands: (0..lanes).map(|_| Strand::default()).collect(), mark: 0, note: None }
    }

    /// The oldest item; a packet is put into `room`.
    pub(super) fn take(&mut self, tap: &Tap, room: &mut Owned) -> Option<Item> {
        if let Some(item) = self.next(tap, room) {
            return Some(item);
        }
        if self.collect(tap) { self.next(tap, room) } else { None }
    }

    /// The oldest of what was collected. What came after the mark waits for what may have come before it in lanes that
    /// were already looked into.
    fn next(&mut self, tap: &Tap, room: &mut Owned) -> Option<Item> {
        // a `pop` that finds nothing costs a fence
        if self.note.is_none() && !tap.notes.is_empty() {
            self.note = tap.notes.pop();
        }
        let mut first: Option<(u64, &mut Strand)> = None;
        for strand in &mut self.strands {
            if let Some(place) = strand.next
                && !precedes(self.mark, place)
                && first.as_ref().is_none_or(|(before, _)| precedes(place, *before))
            {
                first = Some((place, strand));
            }
        }
        let before_packet =
            |note: &mut Note| first.as_ref().is_none_or(|(place, _)| precedes(note.place, *place));
        let mark = self.mark;
        if let Some(note) = self.note.take_if(|note| !precedes(mark, note.place) && before_packet(note)) {
            return Some(Item::News(note.news));
        }
        first?.1.pop(tap, room).map(|()| Item::Packet)
    }

    /// Empties the lanes. False: there was nothing new, or somebody is just there.
    fn collect(&mut self, tap: &Tap) -> bool {
        let mark = tap.pushed.0.load(Ordering::Acquire);
        if mark == self.mark {
            return self.note.is_some();
        }
        for (lane, strand) in tap.lanes.iter().zip(&mut self.strands) {
            let mut tries = 0;
            let mut lane = loop {
                match lane.0.try_lock() {
                    Some(lane) => break lane,
                    None if tries == TRIES => return false,
                    None => std::thread::yield_now(),
                }
                tries += 1;
            };
            strand.chunks.extend(lane.full.drain(..));
            if !lane.open.is_empty() {
                let fresh = tap.warm.pop().unwrap_or_default();
                strand.chunks.push_back(std::mem::replace(&mut lane.open, fresh));
            }
            drop(lane);
            strand.look();
        }
        self.mark = mark;
        true
    }
}

impl Strand {
    fn look(&mut self) {
        self.next = self.chunks.front().and_then(Chunk::place);
    }

    fn pop(&mut self, tap: &Tap, room: &mut Owned) -> Option<()> {
        let chunk = self.chunks.front_mut()?;
        let popped = chunk.pop(room);
        self.next = chunk.place();
        if popped.is_some() {
            self.packets += 1;
            self.bytes = self.bytes.saturating_add(u64::try_from(room.bytes.len()).unwrap_or(0));
        }
        if self.next.is_none() {
            if let Some(mut chunk) = self.chunks.pop_front() {
                chunk.clear();
                give_back(tap, chunk);
            }
            tap.free(std::mem::take(&mut self.packets), std::mem::take(&mut self.bytes));
            self.look();
        }
        popped
    }
}

/// Few chunks go round and round; the memory of the others goes back to the system.
fn give_back(tap: &Tap, chunk: Chunk) {
    let refused = if tap.warm.len() < WARM { tap.warm.push(chunk) } else { tap.cold.push(Chunk::new()) };
    drop(refused);
}
