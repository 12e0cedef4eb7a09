//! The sticker rule, and the users it is applied to: sticker, failures, history, and the order in which users
//! changed. Pure: `tables` calls it under the lock and hands it the time.
//!
//! Each user stands once in the order of changes; so what changed since a version costs as much as there are such
//! users.

use std::collections::VecDeque;
use std::sync::Arc;

use foldhash::HashMap;
use smallvec::SmallVec;

use super::calls::Calls;
use super::endpoints::{Endpoints, Tally};
use super::failures::{Added, FAILURES_PER_USER, Failures};
use super::order::Order;
use super::slab::Slab;
use super::snapshot::{Changes, Failure, UserState};
use crate::clock::Timestamp;
use crate::event::{Bound, Change, Grey, Shown, Sticker, UserKey};

/// Changes of registrations kept of a user.
const HISTORY: usize = 50;
/// Active terminals without SIP kept of a user.
const ACTIVE: usize = 64;

/// product.md's rule: busy if a call is established, else ringing if there is any, else free if a terminal is
/// authenticated (a contact, or an active terminal without SIP), else offline.
pub(super) fn rule(tally: Tally, active: bool) -> Sticker {
    if tally.established {
        Sticker::Busy
    } else if tally.calls > 0 {
        Sticker::Ringing
    } else if tally.registered || active {
        Sticker::Free
    } else {
        Sticker::Offline
    }
}

/// One user: what nearly each call touches.
struct Row {
    key: Arc<UserKey>,
    endpoints: SmallVec<[u32; 4]>,
    is_active: bool,
    sticker: Sticker,
    calls: u32,
    since: Timestamp,
    rest: Box<Rest>,
}

/// The rest of a user.
#[derive(Default)]
struct Rest {
    active: Vec<Arc<str>>,
    failures: Failures,
    history: VecDeque<(Timestamp, Change)>,
    /// As handed out last; good for as long as nothing has changed.
    snapshot: Option<Arc<UserState>>,
}

impl Row {
    /// Why the sticker is grey: what happened last, an attempt that failed or the end of a registration.
    fn grey(&self) -> Grey {
        if self.sticker != Sticker::Offline {
            return Grey::default();
        }
        let ended = self.rest.history.iter().find_map(|(time, change)| match change {
            Change::Unregistered { expired: true, .. } => Some((*time, Grey::Expired)),
            Change::Unregistered { .. } => Some((*time, Grey::Unregistered)),
            _ => None,
        });
        match (ended, self.rest.failures.newest()) {
            (Some((time, ended)), Some(failure)) if failure.time < time => ended,
            (_, Some(failure)) => Grey::Failed(failure.cause),
            (Some((_, ended)), None) => ended,
            // it was green once, without a registration
            (None, None) if self.since != Timestamp::default() => Grey::Unregistered,
            (None, None) => Grey::Never,
        }
    }
}

/// How many users of each sticker.
#[derive(Clone, Copy, Default)]
pub(super) struct Count {
    pub(super) free: usize,
    pub(super) offline: usize,
    pub(super) ringing: usize,
    pub(super) busy: usize,
}

impl Count {
    fn of(&mut self, sticker: Sticker) -> &mut usize {
        match sticker {
            Sticker::Free => &mut self.free,
            Sticker::Offline => &mut self.offline,
            Sticker::Ringing => &mut self.ringing,
            Sticker::Busy => &mut self.busy,
        }
    }
}

/// All users that own an endpoint or have an active terminal.
#[derive(Default)]
pub(super) struct Users {
    numbers: HashMap<Arc<UserKey>, u32>,
    rows: Slab<Row>,
    order: Order,
    /// How many users were dropped so far.
    forgotten: u64,
    pub(super) count: Count,
}

impl Users {
    pub(super) fn find(&self, key: &UserKey) -> Option<u32> {
        self.numbers.get(key).copied()
    }

    /// Whether the user of this number is that one.
    pub(super) fn is(&self, at: u32, key: &UserKey) -> bool {
        self.rows.get(at).is_some_and(|row| *row.key == *key)
    }

    pub(super) fn find_or_add(&mut self, key: &Arc<UserKey>) -> u32 {
        if let Some(at) = self.find(key) {
            return at;
        }
        let at = self.rows.insert(Row {
            key: Arc::clone(key),
            endpoints: SmallVec::new(),
            is_active: false,
            sticker: Sticker::Offline,
            calls: 0,
            since: Timestamp::default(),
            rest: Box::default(),
        });
        self.numbers.insert(Arc::clone(key), at);
        self.count.offline += 1;
        at
    }

    pub(super) fn version(&self) -> u64 {
        self.order.version()
    }

    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Users whose last visible change is after `version`, in the order of those changes.
    pub(super) fn changed_since(&mut self, version: u64) -> Vec<Arc<UserKey>> {
        let rows = self.order.newer_than(version).filter_map(|at| self.rows.get(at));
        let mut changed: Vec<_> = rows.map(|row| Arc::clone(&row.key)).collect();
        changed.reverse();
        changed
    }

    /// Gives the user an endpoint.
    pub(super) fn give(&mut self, at: u32, endpoint: u32) {
        if let Some(row) = self.rows.get_mut(at) {
            row.endpoints.push(endpoint);
        }
    }

    /// Takes an endpoint from the user.
    pub(super) fn deprive(&mut self, at: u32, endpoint: u32) {
        if let Some(row) = self.rows.get_mut(at) {
            row.endpoints.retain(|other| *other != endpoint);
        }
    }

    /// Reads what a change of the user will want, so that the processor fetches it while it does something else.
    pub(super) fn fetch(&self, at: u32) {
        if let Some(row) = self.rows.get(at) {
            std::hint::black_box(Arc::strong_count(&row.key));
        }
    }

    /// Tells of a change.
    pub(super) fn tell(&self, at: u32, time: Timestamp, change: Change, out: &mut Changes) {
        if let Some(row) = self.rows.get(at) {
            out.push((Arc::clone(&row.key), time, change));
        }
    }

    /// Tells of a change of a registration, and keeps it in the user's history.
    pub(super) fn note(&mut self, at: u32, time: Timestamp, change: Change, out: &mut Changes) {
        let Some(row) = self.rows.get_mut(at) else { return };
        row.rest.history.truncate(HISTORY - 1);
        if row.rest.history.is_empty() {
            // most users have registered once and stay
            row.rest.history.reserve_exact(1);
        }
        row.rest.history.push_front((time, change.clone()));
        out.push((Arc::clone(&row.key), time, change));
    }

    /// Keeps a failure.
    pub(super) fn fail(&mut self, at: u32, failure: Failure) -> Added {
        let Some(row) = self.rows.get_mut(at) else { return Added::Repeat };
        let grey = row.grey();
        let added = row.rest.failures.add(failure, FAILURES_PER_USER);
        let visible = added == Added::New || row.grey() != grey;
        self.refreshed(at, visible);
        added
    }

    /// Sets whether a terminal without SIP is active; says whether that changed anything.
    pub(super) fn set_active(&mut self, at: u32, terminal: &str, active: bool) -> bool {
        let Some(row) = self.rows.get_mut(at) else { return false };
        let known = row.rest.active.iter().position(|id| **id == *terminal);
        match (known, active) {
            (None, true) if row.rest.active.len() < ACTIVE => row.rest.active.push(terminal.into()),
            (Some(known), false) => {
                row.rest.active.remove(known);
            }
            _ => return false,
        }
        row.is_active = !row.rest.active.is_empty();
        true
    }

    /// Something of the user changed, but not the sticker. `visible`: pages show what changed.
    pub(super) fn refreshed(&mut self, at: u32, visible: bool) {
        self.order.change(at, visible);
    }

    /// Derives sticker and number of calls again. `visible`: something else that pages show changed, too.
    pub(super) fn derive(
        &mut self,
        at: u32,
        (endpoints, calls): (&Endpoints, &Calls),
        visible: bool,
        time: Timestamp,
        out: &mut Changes,
    ) {
        let Some(row) = self.rows.get_mut(at) else { return };
        let tally = endpoints.tally(&row.endpoints, calls);
        let sticker = rule(tally, row.is_active);
        let changed = (sticker, tally.calls) != (row.sticker, row.calls);
        if changed {
            out.push((Arc::clone(&row.key), time, Change::Sticker { sticker, calls: tally.calls }));
        }
        row.calls = tally.calls;
        if sticker != row.sticker {
            *self.count.of(row.sticker) -= 1;
            *self.count.of(sticker) += 1;
            row.sticker = sticker;
            row.since = time;
        }
        self.refreshed(at, changed || visible);
    }

    /// Drops a user who has neither endpoint nor active terminal left, history and all.
    pub(super) fn release(&mut self, at: u32) {
        if !self.rows.get(at).is_some_and(|row| row.endpoints.is_empty() && !row.is_active) {
            return;
        }
        if let Some(row) = self.rows.remove(at) {
            self.forgotten += 1;
            self.numbers.remove(&row.key);
            self.order.remove(at);
            *self.count.of(row.sticker) -= 1;
        }
    }

    /// [`Self::release`] for all users.
    pub(super) fn sweep(&mut self) {
        let idle = |row: &Row| row.endpoints.is_empty() && !row.is_active;
        let all: Vec<u32> = self.rows.iter().filter(|(_, row)| idle(row)).map(|(at, _)| at).collect();
        for at in all {
            self.release(at);
        }
    }

    /// The user as pages get it; made once per change.
    pub(super) fn snapshot(
        &mut self,
        at: u32,
        endpoints: &Endpoints,
        calls: &Calls,
    ) -> Option<Arc<UserState>> {
        let row = self.rows.get_mut(at)?;
        if let Some(made) = row.rest.snapshot.as_ref().filter(|_| self.order.is_seen(at)) {
            return Some(Arc::clone(made));
        }
        let own = || row.endpoints.iter().filter_map(|at| endpoints.get(*at));
        let mut contacts: Vec<_> =
            own().flat_map(|endpoint| endpoint.contacts.contacts(&endpoint.key)).collect();
        let mut legs: Vec<_> =
            own().flat_map(|endpoint| calls.standing(&endpoint.legs, &endpoint.key)).collect();
        contacts.sort_by_key(|contact| std::cmp::Reverse(contact.since));
        legs.sort_by_key(|leg| leg.began);
        let made = Arc::new(UserState {
            sticker: row.sticker,
            calls: row.calls,
            version: self.order.version_of(at),
            since: row.since,
            grey: row.grey(),
            contacts,
            legs,
            failures: row.rest.failures.to_vec(),
            history: row.rest.history.iter().cloned().collect(),
            active: row.rest.active.clone(),
        });
        row.rest.snapshot = Some(Arc::clone(&made));
        self.order.see(at);
        Some(made)
    }

    /// As [`Self::snapshot`], of what the ring keeps; it is not kept here.
    pub(super) fn shown(&self, at: u32, endpoints: &Endpoints) -> Option<Shown> {
        let row = self.rows.get(at)?;
        let own = row.endpoints.iter().filter_map(|at| endpoints.get(*at));
        let mut contacts: Vec<Bound> =
            own.flat_map(|endpoint| endpoint.contacts.shown(&endpoint.key.endpoint)).collect();
        contacts.sort_by_key(|contact| std::cmp::Reverse(contact.since));
        Some(Shown {
            sticker: row.sticker,
            calls: row.calls,
            since: row.since,
            grey: row.grey(),
            contacts,
            active: row.rest.active.clone(),
        })
    }
}
