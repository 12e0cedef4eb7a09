//! Legs of calls: which are at an endpoint, where a leg is by its id, how many calls they make, and which legs
//! ended lately. Pure: `tables` calls it under the lock and hands it the time.
//!
//! A call is the set of legs with one `linked`; a leg without it is its own call. An ended leg never comes back.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::snapshot::Leg;
use super::{SHORT, clip, late};
use crate::clock::Timestamp;
use crate::event::{Call, CallPhase, Change, EndpointKey};

/// Legs of one endpoint; the oldest goes first.
pub(super) const LEGS_PER_ENDPOINT: usize = 256;
/// Ended legs that are remembered.
pub(super) const ENDED_LEGS: usize = 16_384;

/// The legs of one endpoint, the oldest first.
#[derive(Default)]
pub(super) struct Legs(Vec<Leg>);

/// What became of an event about a leg that is known.
pub(super) enum Step {
    /// Nothing: it came too late.
    Late,
    /// The phase is the same; `visible`: something else that pages show changed.
    Same { visible: bool },
    /// The leg is in another phase now.
    Phase(Change),
}

/// All legs by id, and all calls.
#[derive(Default)]
pub(super) struct Calls {
    places: HashMap<Arc<str>, usize>,
    joined: HashMap<Arc<str>, u32>,
    ended: HashSet<Arc<str>>,
    ended_order: VecDeque<Arc<str>>,
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
        let mut visible = self.direction != event.direction;
        self.direction = event.direction;
        if !event.linked.is_empty() && self.linked != event.linked {
            self.linked = Arc::clone(&event.linked);
            visible = true;
        }
        let texts = [
            (&mut self.call_id, &event.call_id),
            (&mut self.far_number, &event.far_number),
            (&mut self.far_name, &event.far_name),
        ];
        for (known, told) in texts {
            if !told.is_empty() && *known != *told {
                let told = clip(told, SHORT);
                visible |= *known != told;
                *known = told;
            }
        }
        visible
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
    /// The endpoint where a leg is.
    pub(super) fn place(&self, leg: &str) -> Option<usize> {
        self.places.get(leg).copied()
    }

    pub(super) fn has_ended(&self, leg: &str) -> bool {
        self.ended.contains(leg)
    }

    pub(super) fn legs(&self) -> usize {
        self.places.len()
    }

    pub(super) fn calls(&self) -> usize {
        self.joined.len()
    }

    pub(super) fn ended(&self) -> usize {
        self.ended.len()
    }

    /// Puts a leg at an endpoint; says whether another one had to go.
    pub(super) fn add(&mut self, legs: &mut Legs, slot: usize, leg: Leg) -> bool {
        let full = legs.0.len() >= LEGS_PER_ENDPOINT;
        if full {
            let oldest = legs.0.remove(0);
            self.places.remove(&oldest.leg);
            self.part(oldest.call());
        }
        self.places.insert(Arc::clone(&leg.leg), slot);
        self.join(leg.call());
        legs.0.push(leg);
        full
    }

    /// Takes a leg away from an endpoint.
    pub(super) fn take(&mut self, legs: &mut Legs, id: &str) -> Option<Leg> {
        let leg = legs.take(id)?;
        self.places.remove(id);
        self.part(leg.call());
        Some(leg)
    }

    /// Brings a leg to what the event says.
    pub(super) fn update(
        &mut self,
        legs: &mut Legs,
        event: &Call,
        (time, now): (Timestamp, Timestamp),
    ) -> Step {
        let Some(leg) = legs.0.iter_mut().find(|leg| leg.leg == event.leg) else { return Step::Late };
        let back = event.phase == CallPhase::Ringing && leg.phase != CallPhase::Ringing;
        if back || late(time, leg.since, now) {
            return Step::Late;
        }
        let before = Arc::clone(leg.call());
        let visible = leg.fill(event);
        let after = Arc::clone(leg.call());
        let step = if leg.phase == event.phase {
            Step::Same { visible }
        } else {
            leg.phase = event.phase;
            leg.since = time;
            leg.answered.get_or_insert(time);
            Step::Phase(told(leg, event.phase, event.cause))
        };
        if before != after {
            self.part(&before);
            self.join(&after);
        }
        step
    }

    /// Ends a leg; the change that says so with what the event still told of it.
    pub(super) fn end(&mut self, legs: &mut Legs, event: &Call) -> Option<Change> {
        let mut leg = self.take(legs, &event.leg)?;
        leg.fill(event);
        Some(told(&leg, CallPhase::Ended, event.cause))
    }

    /// Remembers that a leg ended; the oldest memory goes when there are too many.
    pub(super) fn remember(&mut self, leg: &Arc<str>) {
        if !self.ended.insert(Arc::clone(leg)) {
            return;
        }
        self.ended_order.push_back(Arc::clone(leg));
        if self.ended_order.len() > ENDED_LEGS
            && let Some(oldest) = self.ended_order.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }

    /// Forgets all legs of an endpoint that is let go.
    pub(super) fn forget(&mut self, legs: Legs) {
        for leg in legs.0 {
            self.places.remove(&leg.leg);
            self.part(leg.call());
        }
    }

    fn join(&mut self, call: &Arc<str>) {
        if let Some(legs) = self.joined.get_mut(call) {
            *legs += 1;
        } else {
            self.joined.insert(Arc::clone(call), 1);
        }
    }

    fn part(&mut self, call: &Arc<str>) {
        if let Some(legs) = self.joined.get_mut(call) {
            *legs -= 1;
            if *legs == 0 {
                self.joined.remove(call);
            }
        }
    }
}
