//! Legs of calls: where a leg is by its id, how many calls they make, and which legs ended lately. Pure: `tables` calls
//! it under the lock and hands it the time.
//!
//! A call is the set of legs with one `linked`; a leg without it is its own call. An ended leg never comes back.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::legs::{Legs, Standing, Step};
use super::numbers::Numbers;
use super::slab::{Slab, index};
use super::snapshot::Leg;
use super::texts::Texts;
use crate::clock::Timestamp;
use crate::event::{Call, Change, EndpointKey};

/// Legs of one endpoint; the oldest goes first.
pub(super) const LEGS_PER_ENDPOINT: usize = 256;
/// Ended legs that are remembered.
pub(super) const ENDED_LEGS: usize = 4096;

/// Where a leg is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In progress, under this number.
    At(u32),
    /// It ended.
    Ended,
}

/// All legs by id, and those that ended lately.
#[derive(Default)]
pub(super) struct Calls {
    hasher: RandomState,
    standing: Slab<Standing>,
    numbers: Numbers,
    /// Ids of legs that ended; when there are enough, the next takes the place of the oldest.
    ended: Vec<Texts<1, [u8; 32]>>,
    ended_numbers: Numbers,
    oldest: usize,
}

impl Calls {
    /// Where a leg is; `None`: never heard of it, or it ended long ago.
    pub(super) fn place(&self, leg: &str) -> Option<Place> {
        let hash = self.hasher.hash_one(leg.as_bytes());
        let is_it = |number| self.get(number).is_some_and(|standing| standing.id() == leg.as_bytes());
        if let Some(number) = self.numbers.find(hash, is_it) {
            return Some(Place::At(number));
        }
        let is_it = |number| self.ended.get(index(number)).is_some_and(|ended| ended.is(0, leg));
        self.ended_numbers.find(hash, is_it).map(|_| Place::Ended)
    }

    pub(super) fn get(&self, number: u32) -> Option<&Standing> {
        self.standing.get(number)
    }

    /// Copies of an endpoint's legs for pages.
    pub(super) fn standing(&self, legs: &Legs, endpoint: &Arc<EndpointKey>) -> impl Iterator<Item = Leg> {
        legs.iter().filter_map(|number| Some(self.get(number)?.leg(endpoint)))
    }

    pub(super) fn legs(&self) -> usize {
        self.standing.len()
    }

    pub(super) fn ended(&self) -> usize {
        self.ended.len()
    }

    /// The call of each leg.
    pub(super) fn calls(&self) -> impl Iterator<Item = &[u8]> {
        self.standing.iter().map(|(_, leg)| leg.call())
    }

    /// Puts a leg that is nowhere at an endpoint; says whether another one had to go.
    pub(super) fn add(&mut self, legs: &mut Legs, leg: Standing) -> bool {
        let full = legs.len() >= LEGS_PER_ENDPOINT;
        if full && let Some(oldest) = legs.oldest() {
            self.take(legs, oldest);
        }
        let hash = self.hasher.hash_one(leg.id());
        let number = self.standing.insert(leg);
        self.numbers.insert(hash, number);
        legs.0.push(number);
        full
    }

    /// Takes a leg away from an endpoint.
    pub(super) fn take(&mut self, legs: &mut Legs, number: u32) {
        legs.remove(number);
        if let Some(leg) = self.standing.remove(number) {
            self.numbers.remove(self.hasher.hash_one(leg.id()), number);
        }
    }

    /// Brings a leg to what the event says.
    pub(super) fn step(&mut self, number: u32, event: &Call, at: (Timestamp, Timestamp)) -> Step {
        self.standing.get_mut(number).map_or(Step::Late, |leg| leg.step(event, at))
    }

    /// Reads what [`Self::remember`] will want, so that the processor fetches it while it does something else.
    pub(super) fn fetch(&self, leg: &str) {
        self.ended_numbers.fetch(self.hasher.hash_one(leg.as_bytes()));
        if let Some(oldest) = self.ended.get(self.oldest) {
            self.ended_numbers.fetch(self.hasher.hash_one(oldest.slice(0)));
        }
    }

    /// Ends a leg; the change that says so with what the event still told of it.
    pub(super) fn end(&mut self, legs: &mut Legs, number: u32, event: &Call) -> Option<Change> {
        let leg = self.standing.get_mut(number)?;
        leg.fill(event);
        let told = leg.told(event);
        self.take(legs, number);
        self.remember(&event.leg);
        Some(told)
    }

    /// Remembers that a leg that is nowhere ended; the oldest memory goes when there are too many.
    pub(super) fn remember(&mut self, leg: &str) {
        let (hasher, at) = (&self.hasher, self.oldest);
        self.oldest = (at + 1) % ENDED_LEGS;
        let Ok(number) = u32::try_from(at) else { return };
        let ended = Texts::new([leg]);
        match self.ended.get_mut(at) {
            Some(oldest) => {
                let oldest = std::mem::replace(oldest, ended);
                self.ended_numbers.remove(hasher.hash_one(oldest.slice(0)), number);
            }
            None => self.ended.push(ended),
        }
        self.ended_numbers.insert(hasher.hash_one(leg.as_bytes()), number);
    }

    /// Forgets all legs of an endpoint that is let go.
    pub(super) fn forget(&mut self, mut legs: Legs) {
        while let Some(number) = legs.oldest() {
            self.take(&mut legs, number);
        }
    }
}
