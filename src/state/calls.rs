//! Legs of calls: which are at an endpoint, where a leg is by its id, how many calls they make, and which legs
//! ended lately. Pure: `tables` calls it under the lock and hands it the time.
//!
//! A call is the set of legs with one `linked`; a leg without it is its own call. An ended leg never comes back.

use std::collections::VecDeque;
use std::sync::Arc;

use foldhash::HashMap;

use super::snapshot::Leg;
use super::{SHORT, clip, late, replace};
use crate::clock::Timestamp;
use crate::event::{Call, CallPhase, Change, EndpointKey};

/// Legs of one endpoint; the oldest goes first.
pub(super) const LEGS_PER_ENDPOINT: usize = 256;
/// Ended legs that are remembered.
pub(super) const ENDED_LEGS: usize = 4096;

/// The legs of one endpoint, the oldest first.
#[derive(Default)]
pub(super) struct Legs(Vec<Leg>);

/// What became of an event about a leg that is known.
pub(super) enum Step {
    /// Nothing: it came too late.
    Late,
    /// Nothing: it is known.
    Same,
    /// The leg is in another phase now, or in another call, or more is known of it.
    News(Change),
}

/// Where a leg is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// At the endpoint of this number.
    At(usize),
    /// It ended.
    Ended,
}

/// All legs by id, and those that ended lately.
#[derive(Default)]
pub(super) struct Calls {
    places: HashMap<Arc<str>, Place>,
    ended: VecDeque<Arc<str>>,
}

/// The change that says where a leg stands.
pub(super) fn told(leg: &Leg, phase: CallPhase, cause: u16) -> Change {
    Change::Call {
        leg: Arc::clone(&leg.leg),
        linked: Arc::clone(&leg.linked),
        call_id: Arc::clone(&leg.call_id),
        phase,
        direction: leg.direction,
        far_number: Arc::clone(&leg.far_number),
        far_name: Arc::clone(&leg.far_name),
        cause,
    }
}

/// A leg as its first event tells of it.
pub(super) fn first(event: &Call, endpoint: &Arc<EndpointKey>, time: Timestamp) -> Leg {
    Leg {
        leg: Arc::clone(&event.leg),
        linked: Arc::clone(&event.linked),
        call_id: clip(&event.call_id, SHORT),
        phase: event.phase,
        direction: event.direction,
        far_number: clip(&event.far_number, SHORT),
        far_name: clip(&event.far_name, SHORT),
        began: time,
        since: time,
        answered: (event.phase != CallPhase::Ringing).then_some(time),
        endpoint: Arc::clone(endpoint),
    }
}

impl Leg {
    /// What an event does not tell (empty) stays as it was. Says whether anything changed.
    fn fill(&mut self, event: &Call) -> bool {
        let mut news = self.direction != event.direction;
        self.direction = event.direction;
        if !event.linked.is_empty() && self.linked != event.linked {
            self.linked = Arc::clone(&event.linked);
            news = true;
        }
        let texts = [
            (&mut self.call_id, &event.call_id),
            (&mut self.far_number, &event.far_number),
            (&mut self.far_name, &event.far_name),
        ];
        for (known, told) in texts {
            news |= !told.is_empty() && replace(known, told, SHORT);
        }
        news
    }
}

impl Legs {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Leg> {
        self.0.iter()
    }

    fn take(&mut self, id: &str) -> Option<Leg> {
        let at = self.0.iter().position(|leg| *leg.leg == *id)?;
        Some(self.0.remove(at))
    }
}

impl Calls {
    /// Where a leg is; `None`: never heard of it, or it ended long ago.
    pub(super) fn place(&self, leg: &str) -> Option<Place> {
        self.places.get(leg).copied()
    }

    pub(super) fn legs(&self) -> usize {
        self.places.len() - self.ended.len()
    }

    pub(super) fn ended(&self) -> usize {
        self.ended.len()
    }

    /// Puts a leg that is nowhere at an endpoint; says whether another one had to go.
    pub(super) fn add(&mut self, legs: &mut Legs, slot: usize, leg: Leg) -> bool {
        let full = legs.0.len() >= LEGS_PER_ENDPOINT;
        if full {
            let oldest = legs.0.remove(0);
            self.places.remove(&oldest.leg);
        }
        self.places.insert(Arc::clone(&leg.leg), Place::At(slot));
        legs.0.push(leg);
        full
    }

    /// Takes a leg away from an endpoint.
    pub(super) fn take(&mut self, legs: &mut Legs, id: &str) {
        if legs.take(id).is_some() {
            self.places.remove(id);
        }
    }

    /// Brings a leg to what the event says.
    pub(super) fn update(legs: &mut Legs, event: &Call, (time, now): (Timestamp, Timestamp)) -> Step {
        let Some(leg) = legs.0.iter_mut().find(|leg| leg.leg == event.leg) else { return Step::Late };
        let back = event.phase == CallPhase::Ringing && leg.phase != CallPhase::Ringing;
        if back || late(time, leg.since, now) {
            return Step::Late;
        }
        let news = leg.fill(event);
        if leg.phase != event.phase {
            leg.phase = event.phase;
            leg.since = time;
            leg.answered.get_or_insert(time);
        } else if !news {
            return Step::Same;
        }
        Step::News(told(leg, event.phase, event.cause))
    }

    /// Ends a leg; the change that says so with what the event still told of it.
    pub(super) fn end(&mut self, legs: &mut Legs, event: &Call) -> Option<Change> {
        let mut leg = legs.take(&event.leg)?;
        leg.fill(event);
        self.remember(&leg.leg);
        Some(told(&leg, CallPhase::Ended, event.cause))
    }

    /// Remembers that a leg ended; the oldest memory goes when there are too many.
    pub(super) fn remember(&mut self, leg: &Arc<str>) {
        if self.places.insert(Arc::clone(leg), Place::Ended) == Some(Place::Ended) {
            return;
        }
        self.ended.push_back(Arc::clone(leg));
        if self.ended.len() > ENDED_LEGS
            && let Some(oldest) = self.ended.pop_front()
        {
            self.places.remove(&oldest);
        }
    }

    /// Forgets all legs of an endpoint that is let go.
    pub(super) fn forget(&mut self, legs: Legs) {
        for leg in legs.0 {
            self.places.remove(&leg.leg);
        }
    }
}
