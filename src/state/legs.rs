//! One leg of a call, and the numbers of those of one endpoint. Pure: `calls` keeps the legs. Texts lie in the leg's
//! row, as those of a contact.

use std::sync::Arc;

use smallvec::SmallVec;

use super::snapshot::Leg;
use super::texts::Texts;
use super::{SHORT, clip, clipped, late};
use crate::clock::Timestamp;
use crate::event::{Call, CallDirection, CallPhase, Change, EndpointKey};

const LEG: usize = 0;
const LINKED: usize = 1;
const CALL_ID: usize = 2;
const FAR_NUMBER: usize = 3;
const FAR_NAME: usize = 4;

/// The numbers of one endpoint's legs, the oldest first.
#[derive(Default)]
pub(super) struct Legs(pub(super) SmallVec<[u32; 4]>);

/// What became of an event about a leg that is known.
pub(super) enum Step {
    /// Nothing: it came too late.
    Late,
    /// Nothing: it is known.
    Same,
    /// The leg is in another phase now, or in another call, or more is known of it.
    News(Change),
}

/// A leg that has not ended.
pub(super) struct Standing {
    /// The number of its endpoint.
    pub(super) slot: u32,
    /// Who owned that when the leg began: whose row will be wanted.
    pub(super) owner: Option<u32>,
    pub(super) phase: CallPhase,
    direction: CallDirection,
    /// First seen.
    began: Timestamp,
    /// In this phase since.
    since: Timestamp,
    answered: Option<Timestamp>,
    texts: Texts<5, [u8; 128]>,
}

impl Legs {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().copied()
    }

    pub(super) fn oldest(&self) -> Option<u32> {
        self.0.first().copied()
    }

    pub(super) fn remove(&mut self, number: u32) {
        self.0.retain(|other| *other != number);
    }
}

impl Standing {
    /// As its first event tells of it.
    pub(super) fn new((slot, owner): (u32, Option<u32>), event: &Call, time: Timestamp) -> Self {
        Self {
            slot,
            owner,
            phase: event.phase,
            direction: event.direction,
            began: time,
            since: time,
            answered: (event.phase != CallPhase::Ringing).then_some(time),
            texts: Texts::new([
                &event.leg,
                &event.linked,
                clipped(&event.call_id, SHORT),
                clipped(&event.far_number, SHORT),
                clipped(&event.far_name, SHORT),
            ]),
        }
    }

    /// The id.
    pub(super) fn id(&self) -> &[u8] {
        self.texts.slice(LEG)
    }

    /// What names the call that this leg is part of.
    pub(super) fn call(&self) -> &[u8] {
        let linked = self.texts.slice(LINKED);
        if linked.is_empty() { self.id() } else { linked }
    }

    /// What the event does not tell (empty) stays as it was. Says whether anything changed.
    pub(super) fn fill(&mut self, event: &Call) -> bool {
        let mut news = self.direction != event.direction;
        self.direction = event.direction;
        let texts = [
            (LINKED, &*event.linked),
            (CALL_ID, clipped(&event.call_id, SHORT)),
            (FAR_NUMBER, clipped(&event.far_number, SHORT)),
            (FAR_NAME, clipped(&event.far_name, SHORT)),
        ];
        for (number, told) in texts {
            news |= !told.is_empty() && self.texts.set(number, told);
        }
        news
    }

    /// Brings the leg to what the event says.
    pub(super) fn step(&mut self, event: &Call, (time, now): (Timestamp, Timestamp)) -> Step {
        let back = event.phase == CallPhase::Ringing && self.phase != CallPhase::Ringing;
        if back || late(time, self.since, now) {
            return Step::Late;
        }
        let news = self.fill(event);
        if self.phase != event.phase {
            self.phase = event.phase;
            self.since = time;
            self.answered.get_or_insert(time);
        } else if !news {
            return Step::Same;
        }
        Step::News(self.told(event))
    }

    /// The change that says where the leg stands after an event that it was filled from.
    pub(super) fn told(&self, event: &Call) -> Change {
        // what the event told is what the leg has: the event's own text costs no copy
        let text = |number: usize, told: &Arc<str>, most: usize| {
            let is_untold = told.is_empty() && !self.texts.slice(number).is_empty();
            if is_untold { self.texts.get(number) } else { clip(told, most) }
        };
        Change::Call {
            leg: Arc::clone(&event.leg),
            linked: text(LINKED, &event.linked, usize::MAX),
            call_id: text(CALL_ID, &event.call_id, SHORT),
            phase: event.phase,
            direction: event.direction,
            far_number: text(FAR_NUMBER, &event.far_number, SHORT),
            far_name: text(FAR_NAME, &event.far_name, SHORT),
            cause: event.cause,
        }
    }

    /// The leg as pages get it.
    pub(super) fn leg(&self, endpoint: &Arc<EndpointKey>) -> Leg {
        Leg {
            leg: self.texts.get(LEG),
            linked: self.texts.get(LINKED),
            call_id: self.texts.get(CALL_ID),
            phase: self.phase,
            direction: self.direction,
            far_number: self.texts.get(FAR_NUMBER),
            far_name: self.texts.get(FAR_NAME),
            began: self.began,
            since: self.since,
            answered: self.answered,
            endpoint: Arc::clone(endpoint),
        }
    }
}
