//! Failed attempts: a bounded list, equal ones counted in one row. One list per user, one for all endpoints that
//! nobody owns. Pure. Anybody on the network can make failures: nothing here grows with what they send, and no
//! failure touches a contact.

use std::collections::VecDeque;
use std::sync::Arc;

use super::snapshot::Failure;
use super::{SHORT, clip};
use crate::clock::Timestamp;
use crate::event::{EndpointKey, FailureCause, Registration};

/// Failures kept of a user; also how far back an equal one is looked for.
pub(super) const FAILURES_PER_USER: usize = 20;
/// Failures kept of all endpoints that nobody owns.
pub(super) const FAILURES_UNOWNED: usize = 1024;

/// Failures, newest first.
#[derive(Default)]
pub(super) struct Failures(VecDeque<Failure>);

/// What became of a failure.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Added {
    /// The very same event was there.
    Repeat,
    /// Counted in the row of an equal one.
    Folded,
    /// A row of its own.
    New,
}

/// The failure that an event tells of.
pub(super) fn failure(
    event: &Registration,
    cause: FailureCause,
    endpoint: Arc<EndpointKey>,
    time: Timestamp,
) -> Failure {
    Failure {
        time,
        cause,
        far: event.far,
        transport: event.transport,
        call_id: clip(&event.call_id, SHORT),
        user_agent: clip(&event.user_agent, SHORT),
        detail: clip(&event.detail, SHORT),
        endpoint,
        count: 1,
    }
}

fn alike(one: &Failure, other: &Failure) -> bool {
    one.cause == other.cause
        && one.far.map(|far| far.ip()) == other.far.map(|far| far.ip())
        && one.transport == other.transport
        && one.endpoint == other.endpoint
        && one.user_agent == other.user_agent
        && one.detail == other.detail
}

impl Failures {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn to_vec(&self) -> Vec<Failure> {
        self.0.iter().cloned().collect()
    }

    /// The one that happened or was repeated last.
    pub(super) fn newest(&self) -> Option<&Failure> {
        self.0.front()
    }

    /// Adds one; keeps at most `most` rows.
    pub(super) fn add(&mut self, mut failure: Failure, most: usize) -> Added {
        let recent = self.0.iter().take(FAILURES_PER_USER);
        if let Some(at) = recent.enumerate().find_map(|(at, old)| alike(old, &failure).then_some(at))
            && let Some(old) = self.0.remove(at)
        {
            if old.time == failure.time && old.call_id == failure.call_id && old.far == failure.far {
                self.0.insert(at, old);
                return Added::Repeat;
            }
            failure.count = old.count.saturating_add(failure.count);
            if failure.time < old.time {
                failure = Failure { count: failure.count, ..old };
            }
            self.0.push_front(failure);
            return Added::Folded;
        }
        self.0.push_front(failure);
        self.0.truncate(most);
        Added::New
    }

    /// Takes out those that `wanted` picks, oldest first.
    pub(super) fn take(&mut self, mut wanted: impl FnMut(&Failure) -> bool) -> Vec<Failure> {
        let (mut taken, mut kept) = (Vec::new(), VecDeque::new());
        for failure in self.0.drain(..) {
            if wanted(&failure) {
                taken.push(failure);
            } else {
                kept.push_back(failure);
            }
        }
        self.0 = kept;
        taken.reverse();
        taken
    }
}
