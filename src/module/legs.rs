//! Writes into the ring where each leg of each call stands, of whatever endpoint, so that all legs of a call are found
//! from any one of them: on `usermon-drain`. What the PBX repeats is written once; what is remembered is bounded.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::directory::Directory;
use crate::event::{Call, CallPhase, Direction, Media, Quality, Step};
use crate::query::history::quality::Sum;
use crate::state::{SHORT, clip};
use crate::store::Store;

/// Legs of a generation; those of two are remembered.
const LEGS: usize = 16_384;

/// What was written last of each leg. Used by one thread.
#[derive(Debug, Default)]
pub(super) struct Legs {
    young: HashMap<Arc<str>, u64>,
    old: HashMap<Arc<str>, u64>,
    /// Reports of the legs' media.
    media: HashMap<(Arc<str>, Direction), Sum>,
    hash: RandomState,
}

impl Legs {
    /// Writes what is new of a leg. Memory only: the directory's lock and the store's, one after the other.
    pub(super) fn keep(&mut self, call: &Call, directory: &Directory, store: &Store, now: Timestamp) {
        if call.leg.is_empty() {
            return;
        }
        let user = directory.user_of(&call.key).map(|key| Arc::clone(&key.user));
        let step = Step {
            user: user.unwrap_or_default(),
            endpoint: clip(&call.key.endpoint, SHORT),
            leg: clip(&call.leg, SHORT),
            linked: clip(&call.linked, SHORT),
            call_id: clip(&call.call_id, SHORT),
            phase: call.phase,
            direction: call.direction,
            far_number: clip(&call.far_number, SHORT),
            far_name: clip(&call.far_name, SHORT),
            cause: call.cause,
            heard: None,
            sent: None,
        };
        if self.is_news(&step) {
            let time = if call.time.0 <= 0 || call.time > now { now } else { call.time };
            let (heard, sent) = (self.media(call, Direction::In), self.media(call, Direction::Out));
            // the store counts and reports what it does not take
            drop(store.append_step(time, &call.key.company, &Step { heard, sent, ..step }));
        }
    }

    /// Takes in a report of a leg's media.
    pub(super) fn hear(&mut self, report: &Quality) {
        if self.media.len() >= LEGS {
            // of legs that never ended
            self.media.clear();
        }
        let leg = clip(&report.leg, SHORT);
        self.media.entry((leg, report.direction)).or_default().add(report);
    }

    /// All reports of a leg that ends.
    fn media(&mut self, call: &Call, direction: Direction) -> Option<Media> {
        let key = (clip(&call.leg, SHORT), direction);
        if call.phase == CallPhase::Ended { self.media.remove(&key)?.media() } else { None }
    }

    fn is_news(&mut self, step: &Step) -> bool {
        let mark = self.hash.hash_one(step);
        let known = self.young.get(&step.leg).or_else(|| self.old.get(&step.leg));
        if known == Some(&mark) {
            return false;
        }
        if self.young.len() >= LEGS {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(Arc::clone(&step.leg), mark);
        true
    }
}
