//! All tables together: what one event does to endpoints, contacts, legs and users. Called only by `State` under
//! its lock; asks no time, does no I/O, tells what changed by pushing it to `out`.

use std::sync::Arc;

use super::calls::{Calls, Place};
use super::endpoints::Endpoints;
use super::failures::{Added, FAILURES_UNOWNED, Failures, failure};
use super::legs::{Standing, Step};
use super::registrations::{Bind, Reach, Registrations};
use super::snapshot::{Changes, Failure, Totals, UserState};
use super::sticker::Users;
use crate::clock::Timestamp;
use crate::event::{
    Call, CallPhase, Change, EndpointKey, FailureCause, Registration, RegistrationStep, Shown, UserKey,
};

/// Everything that is happening now.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) endpoints: Endpoints,
    pub(super) users: Users,
    pub(super) registrations: Registrations,
    calls: Calls,
    /// Failures of endpoints that nobody owns.
    pub(super) strays: Failures,
    /// The word that the last whole map of owners was, and the newest one on any endpoint.
    pub(super) assigned: u64,
    pub(super) newest: u64,
    totals: Totals,
}

/// The time of an event: the PBX's word, unless it gave none or one that is still to come.
fn moment(told: Timestamp, now: Timestamp) -> Timestamp {
    if told.0 <= 0 || told > now { now } else { told }
}

impl Tables {
    /// False: it tells nothing new of who is where.
    pub(super) fn registration(&mut self, event: &Registration, now: Timestamp, out: &mut Changes) -> bool {
        self.totals.events += 1;
        let time = moment(event.time, now);
        let mut moved = false;
        let done = match event.step {
            RegistrationStep::Registered => self.bind(event, (time, now), &mut moved, out),
            RegistrationStep::Unregistered => self.unbind(event, (time, now), &mut moved, out),
            RegistrationStep::Expired => self.unbind(event, (time, now), &mut moved, out),
            RegistrationStep::Reachable => self.reach(event, true, (time, now), out),
            RegistrationStep::Unreachable => self.reach(event, false, (time, now), out),
            RegistrationStep::Failed(cause) => self.fail(event, cause, time, out),
        };
        if !done {
            self.totals.ignored += 1;
        }
        moved
    }

    fn bind(
        &mut self,
        event: &Registration,
        at: (Timestamp, Timestamp),
        moved: &mut bool,
        out: &mut Changes,
    ) -> bool {
        *moved = true;
        if event.key.endpoint.is_empty() {
            return false;
        }
        let slot = self.find_or_add(&event.key);
        let Some(endpoint) = self.endpoints.get_mut(slot) else { return false };
        let owner = endpoint.owner;
        let place = (slot, &*endpoint.key, owner.is_some());
        match self.registrations.bind(&mut endpoint.contacts, place, event, at) {
            Bind::Late => {
                *moved = false;
                self.endpoints.settle(slot, false);
                return false;
            }
            Bind::Again(refreshed) => {
                *moved = refreshed.moved;
                if let Some(owner) = owner {
                    self.users.refreshed(owner, refreshed.visible);
                }
            }
            Bind::New { told, out: pushed_out } => {
                let name = Arc::clone(&endpoint.key.endpoint);
                if let Some(contact) = pushed_out {
                    self.totals.contacts_dropped += 1;
                    let gone = Change::Unregistered { endpoint: name, contact, expired: false };
                    self.note(owner, at.0, gone, out);
                }
                self.note(owner, at.0, told, out);
                self.after(slot, owner, true, at.0, out);
            }
        }
        true
    }

    fn unbind(
        &mut self,
        event: &Registration,
        at: (Timestamp, Timestamp),
        moved: &mut bool,
        out: &mut Changes,
    ) -> bool {
        *moved = true;
        let expired = event.step == RegistrationStep::Expired;
        let Some(slot) = self.endpoints.find(&event.key) else { return false };
        let Some(endpoint) = self.endpoints.get_mut(slot) else { return false };
        let (owner, name) = (endpoint.owner, Arc::clone(&endpoint.key.endpoint));
        let Some(contact) = self.registrations.unbind(&mut endpoint.contacts, event, at) else {
            // of one that is still bound the word came too late
            *moved = !endpoint.contacts.has(&event.contact);
            return false;
        };
        self.note(owner, at.0, Change::Unregistered { endpoint: name, contact, expired }, out);
        self.after(slot, owner, false, at.0, out);
        true
    }

    fn reach(
        &mut self,
        event: &Registration,
        reachable: bool,
        at: (Timestamp, Timestamp),
        out: &mut Changes,
    ) -> bool {
        let Some(slot) = self.endpoints.find(&event.key) else { return false };
        let Some(endpoint) = self.endpoints.get_mut(slot) else { return false };
        let owner = endpoint.owner;
        match Registrations::reach(&mut endpoint.contacts, &endpoint.key, event, reachable, at) {
            Reach::Ignored => return false,
            known @ (Reach::Same | Reach::First) => {
                if let Some(owner) = owner {
                    self.users.refreshed(owner, matches!(known, Reach::First));
                }
            }
            Reach::Changed(change) => {
                self.note(owner, at.0, change, out);
                if let Some(owner) = owner {
                    self.users.refreshed(owner, true);
                }
            }
        }
        true
    }

    fn fail(
        &mut self,
        event: &Registration,
        cause: FailureCause,
        time: Timestamp,
        out: &mut Changes,
    ) -> bool {
        self.totals.failures += 1;
        let known = self.endpoints.find(&event.key).and_then(|slot| self.endpoints.get(slot));
        let Some((owner, key)) = known.and_then(|row| Some((row.owner?, Arc::clone(&row.key)))) else {
            let stray = failure(event, cause, Arc::new(event.key.clone()), time);
            return self.strays.add(stray, FAILURES_UNOWNED) != Added::Repeat;
        };
        let endpoint = Arc::clone(&key.endpoint);
        let failure = failure(event, cause, key, time);
        let (far, call_id, detail) = (failure.far, Arc::clone(&failure.call_id), Arc::clone(&failure.detail));
        if self.users.fail(owner, failure) == Added::Repeat {
            return false;
        }
        self.users.tell(owner, time, Change::Failed { endpoint, cause, far, call_id, detail }, out);
        true
    }

    pub(super) fn call(&mut self, event: &Call, now: Timestamp, out: &mut Changes) {
        self.totals.events += 1;
        if !self.step(event, moment(event.time, now), now, out) {
            self.totals.ignored += 1;
        }
    }

    fn step(&mut self, event: &Call, time: Timestamp, now: Timestamp, out: &mut Changes) -> bool {
        let somewhere = !event.key.endpoint.is_empty();
        // looked up before it is known that it is wanted, so that both look-ups wait for memory at once
        let is_first = somewhere && event.phase == CallPhase::Ringing;
        let found = if is_first { self.endpoints.find(&event.key) } else { None };
        let number = match self.calls.place(&event.leg) {
            Some(Place::Ended) => return false,
            Some(Place::At(number)) => number,
            None if event.leg.is_empty() || !somewhere => return false,
            None if event.phase == CallPhase::Ended => {
                // what led to the end may still be on the way
                self.calls.remember(&event.leg);
                return false;
            }
            None => {
                let slot = found.unwrap_or_else(|| self.find_or_add(&event.key));
                return self.begin(slot, event, time, out);
            }
        };
        let Some((slot, owner)) = self.calls.get(number).map(|leg| (leg.slot, leg.owner)) else {
            return false;
        };
        self.endpoints.fetch(slot);
        if let Some(owner) = owner {
            self.users.fetch(owner);
        }
        if event.phase == CallPhase::Ended {
            self.calls.fetch(&event.leg);
            return self.end(slot, number, event, time, out);
        }
        let Some(endpoint) = self.endpoints.get(slot) else { return false };
        // a reload may have moved the endpoint to another company while the call lasts
        if somewhere && !endpoint.is(&event.key) {
            return self.relocate(slot, number, event, time, out);
        }
        let owner = endpoint.owner;
        match self.calls.step(number, event, (time, now)) {
            Step::Late => return false,
            Step::Same => {}
            Step::News(change) => {
                self.tell(owner, time, change, out);
                self.after(slot, owner, true, time, out);
            }
        }
        true
    }

    fn begin(&mut self, slot: u32, event: &Call, time: Timestamp, out: &mut Changes) -> bool {
        let Some(endpoint) = self.endpoints.get_mut(slot) else { return false };
        let owner = endpoint.owner;
        if let Some(owner) = owner {
            self.users.fetch(owner);
        }
        let leg = Standing::new((slot, owner), event, time);
        let change = leg.told(event);
        if self.calls.add(&mut endpoint.legs, leg) {
            self.totals.legs_dropped += 1;
        }
        self.tell(owner, time, change, out);
        self.after(slot, owner, true, time, out);
        true
    }

    fn end(&mut self, slot: u32, number: u32, event: &Call, time: Timestamp, out: &mut Changes) -> bool {
        let Some(endpoint) = self.endpoints.get_mut(slot) else { return false };
        let owner = endpoint.owner;
        let Some(change) = self.calls.end(&mut endpoint.legs, number, event) else { return false };
        self.tell(owner, time, change, out);
        self.after(slot, owner, false, time, out);
        true
    }

    /// Moves a leg to the endpoint that the event names; the user it leaves is told last.
    fn relocate(&mut self, from: u32, number: u32, event: &Call, time: Timestamp, out: &mut Changes) -> bool {
        let to = self.find_or_add(&event.key);
        let Some(endpoint) = self.endpoints.get_mut(from) else { return false };
        let left = endpoint.owner;
        self.calls.take(&mut endpoint.legs, number);
        self.endpoints.settle(from, false);
        let began = self.begin(to, event, time, out);
        let joined = self.endpoints.get(to).and_then(|endpoint| endpoint.owner);
        if let Some(left) = left
            && joined != Some(left)
        {
            self.derive(left, true, time, out);
        }
        began
    }

    /// Removes the contacts that ran out, at most `most` of them looked at; says whether there may be more.
    pub(super) fn expire(&mut self, now: Timestamp, most: usize, out: &mut Changes) -> bool {
        for _ in 0..most {
            let Some((slot, id)) = self.registrations.due(now) else { return false };
            let Some(endpoint) = self.endpoints.get_mut(slot) else { continue };
            let (owner, name) = (endpoint.owner, Arc::clone(&endpoint.key.endpoint));
            let gone = self.registrations.expire(&mut endpoint.contacts, (slot, id), now);
            if let Some(contact) = gone {
                let change = Change::Unregistered { endpoint: name, contact, expired: true };
                self.note(owner, now, change, out);
                self.after(slot, owner, false, now, out);
            }
        }
        true
    }

    pub(super) fn user(&mut self, key: &UserKey) -> Option<Arc<UserState>> {
        let at = self.users.find(key)?;
        self.users.snapshot(at, &self.endpoints, &self.calls)
    }

    pub(super) fn shown(&self, key: &UserKey) -> Option<Shown> {
        self.users.shown(self.users.find(key)?, &self.endpoints)
    }

    pub(super) fn stray_failures(&self) -> Vec<Failure> {
        self.strays.to_vec()
    }

    /// All numbers but `calls`, which [`Self::calls`] is for.
    pub(super) fn totals(&self) -> Totals {
        Totals {
            free: self.users.count.free,
            offline: self.users.count.offline,
            ringing: self.users.count.ringing,
            busy: self.users.count.busy,
            legs: self.calls.legs(),
            registrations: self.endpoints.sums.registrations,
            deadlines: self.registrations.deadlines(),
            endpoints: self.endpoints.owned(),
            unowned_endpoints: self.endpoints.unowned(),
            unowned_registrations: self.endpoints.sums.unowned_registrations,
            unowned_legs: self.endpoints.sums.unowned_legs,
            unowned_failures: self.strays.len(),
            ended_legs: self.calls.ended(),
            version: self.users.version(),
            ..self.totals
        }
    }

    /// The call of each leg.
    pub(super) fn calls(&self) -> Vec<Box<[u8]>> {
        self.calls.calls().map(Box::from).collect()
    }

    /// Lets go what nobody owns until the rest is within the limit.
    pub(super) fn enforce(&mut self) {
        while let Some(slot) = self.endpoints.too_many() {
            let Some(endpoint) = self.endpoints.get_mut(slot) else { return };
            self.registrations.forget(std::mem::take(&mut endpoint.contacts));
            self.calls.forget(std::mem::take(&mut endpoint.legs));
            self.endpoints.settle(slot, false);
            self.totals.unowned_dropped += 1;
        }
    }

    fn find_or_add(&mut self, key: &EndpointKey) -> u32 {
        self.endpoints.find(key).unwrap_or_else(|| self.endpoints.add(Arc::new(key.clone())))
    }

    fn note(&mut self, owner: Option<u32>, time: Timestamp, change: Change, out: &mut Changes) {
        if let Some(owner) = owner {
            self.users.note(owner, time, change, out);
        }
    }

    fn tell(&self, owner: Option<u32>, time: Timestamp, change: Change, out: &mut Changes) {
        if let Some(owner) = owner {
            self.users.tell(owner, time, change, out);
        }
    }

    /// What follows from a change of an endpoint's contacts or legs.
    fn after(&mut self, slot: u32, owner: Option<u32>, fresh: bool, time: Timestamp, out: &mut Changes) {
        self.endpoints.settle(slot, fresh);
        match owner {
            Some(owner) => self.derive(owner, true, time, out),
            None => self.enforce(),
        }
    }

    /// Derives a user's sticker again. `visible`: something else that pages show changed, too.
    pub(super) fn derive(&mut self, user: u32, visible: bool, time: Timestamp, out: &mut Changes) {
        self.users.derive(user, (&self.endpoints, &self.calls), visible, time, out);
    }
}
