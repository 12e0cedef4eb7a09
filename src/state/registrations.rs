//! Contacts: which are bound at an endpoint, and when the next one runs out. Pure: `tables` calls it under the
//! lock and hands it the time. A failed attempt never comes here.
//!
//! A refresh does not move a contact's entry in the queue of deadlines: the entry comes up at the old time, finds
//! the contact good for longer and goes back. So a refresh costs no tree operation, and each contact has one entry.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::contacts::{Bound, Contacts, Refreshed};
use super::{LONG, clipped, late};
use crate::clock::Timestamp;
use crate::event::{Change, EndpointKey, Registration};

/// Contacts of one endpoint; the one longest not refreshed goes first.
pub(super) const CONTACTS_PER_ENDPOINT: usize = 64;
/// How long after its time a contact stays: the PBX's own word on it may be on the way.
pub(super) const GRACE: Duration = Duration::from_secs(5);
/// What became of an event that binds a contact.
pub(super) enum Bind {
    /// Nothing: it came too late.
    Late,
    /// A new contact; `out`: another one that had to go.
    New { told: Change, out: Option<Arc<str>> },
    /// The contact was there.
    Again(Refreshed),
}

/// What became of an event about reachability.
pub(super) enum Reach {
    /// Nothing: no such contact, or too late.
    Ignored,
    /// It says what was known.
    Same,
    /// The first answer after a registration, which everybody expects: pages show it, and nobody is told.
    First,
    /// The contact began or ceased to answer.
    Changed(Change),
}

/// All deadlines.
#[derive(Default)]
pub(super) struct Registrations {
    deadlines: BTreeMap<(Timestamp, u64), u32>,
    last_id: u64,
}

/// Whether a contact with this deadline is to go.
fn overdue(deadline: Timestamp, now: Timestamp) -> bool {
    deadline.plus(GRACE) <= now
}

impl Registrations {
    /// Binds a contact, or refreshes it. `told`: a user will be told of it.
    pub(super) fn bind(
        &mut self,
        contacts: &mut Contacts,
        (slot, key, told): (u32, &EndpointKey, bool),
        event: &Registration,
        (time, now): (Timestamp, Timestamp),
    ) -> Bind {
        let uri = clipped(&event.contact, LONG);
        if let Some(bound) = contacts.find(uri) {
            if late(time, bound.refreshed, now) {
                return Bind::Late;
            }
            let refreshed = bound.refresh(event, time);
            self.queue(bound, slot);
            return Bind::Again(refreshed);
        }
        if contacts.was_removed_after(uri, time, now) || event.expires.is_some_and(|at| overdue(at, now)) {
            return Bind::Late;
        }
        contacts.forget(uri);
        let out = self.make_room(contacts);
        self.last_id += 1;
        let mut bound = Bound::new(self.last_id, event, time, told);
        self.queue(&mut bound, slot);
        let told = bound.registered(&key.endpoint);
        contacts.bound.push(bound);
        Bind::New { told, out }
    }

    /// Removes a contact that the PBX says is no more and gives its URI back; `None`: there is none, or the word came too late.
    pub(super) fn unbind(
        &mut self,
        contacts: &mut Contacts,
        event: &Registration,
        (time, now): (Timestamp, Timestamp),
    ) -> Option<Arc<str>> {
        let uri = clipped(&event.contact, LONG);
        let Some(at) = contacts.bound.iter().position(|bound| bound.is(uri)) else {
            // its binding may still be on the way
            contacts.remember(uri, (time, now));
            return None;
        };
        if contacts.bound.get(at).is_some_and(|bound| late(time, bound.refreshed, now)) {
            return None;
        }
        contacts.remember(uri, (time, now));
        Some(self.take(contacts, at))
    }

    /// Takes in what qualify says.
    pub(super) fn reach(
        contacts: &mut Contacts,
        key: &EndpointKey,
        event: &Registration,
        reachable: bool,
        at: (Timestamp, Timestamp),
    ) -> Reach {
        let Some(bound) = contacts.find(clipped(&event.contact, LONG)) else { return Reach::Ignored };
        match (bound.reach(event, reachable, at), reachable) {
            (None, _) => Reach::Ignored,
            (Some(None), true) => Reach::First,
            (Some(before), now) if before == Some(now) => Reach::Same,
            _ => Reach::Changed(Change::Reachability {
                endpoint: Arc::clone(&key.endpoint),
                contact: bound.uri(),
                reachable,
            }),
        }
    }

    pub(super) fn deadlines(&self) -> usize {
        self.deadlines.len()
    }

    /// The next contact whose deadline came up: its endpoint and its id for [`Self::expire`].
    pub(super) fn due(&mut self, now: Timestamp) -> Option<(u32, u64)> {
        let first = self.deadlines.first_entry()?;
        let (deadline, id) = *first.key();
        overdue(deadline, now).then(|| (first.remove(), id))
    }

    /// Removes the contact if it really ran out and gives its URI back; puts it back into the queue if it was refreshed since.
    pub(super) fn expire(
        &mut self,
        contacts: &mut Contacts,
        (slot, id): (u32, u64),
        now: Timestamp,
    ) -> Option<Arc<str>> {
        let at = contacts.bound.iter().position(|bound| bound.id == id)?;
        let bound = contacts.bound.get_mut(at)?;
        bound.queued = None;
        if !bound.expires.is_some_and(|deadline| overdue(deadline, now)) {
            self.queue(bound, slot);
            return None;
        }
        // not `now`: a refresh that the PBX has accepted meanwhile and that is on the way must count
        let (uri, refreshed) = (bound.uri(), bound.refreshed);
        contacts.remember(&uri, (refreshed, now));
        Some(self.take(contacts, at))
    }

    /// Forgets all contacts of an endpoint that is let go.
    pub(super) fn forget(&mut self, contacts: Contacts) {
        for bound in contacts.bound {
            self.unqueue(&bound);
        }
    }

    fn make_room(&mut self, contacts: &mut Contacts) -> Option<Arc<str>> {
        if contacts.bound.len() < CONTACTS_PER_ENDPOINT {
            return None;
        }
        let stalest = contacts.bound.iter().enumerate().min_by_key(|(_, bound)| bound.refreshed)?.0;
        Some(self.take(contacts, stalest))
    }

    fn take(&mut self, contacts: &mut Contacts, at: usize) -> Arc<str> {
        let bound = contacts.bound.remove(at);
        self.unqueue(&bound);
        bound.uri()
    }

    fn queue(&mut self, bound: &mut Bound, slot: u32) {
        let expires = bound.expires;
        if bound.queued.zip(expires).is_some_and(|(queued, expires)| queued <= expires) {
            return;
        }
        self.unqueue(bound);
        if let Some(expires) = expires {
            self.deadlines.insert((expires, bound.id), slot);
        }
        bound.queued = expires;
    }

    fn unqueue(&mut self, bound: &Bound) {
        if let Some(queued) = bound.queued {
            self.deadlines.remove(&(queued, bound.id));
        }
    }
}
