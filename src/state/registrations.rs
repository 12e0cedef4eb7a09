//! Contacts: which are bound at an endpoint, and when the next one runs out. Pure: `tables` calls it under the
//! lock and hands it the time. A failed attempt never comes here.
//!
//! A refresh does not move a contact's entry in the queue of deadlines: the entry comes up at the old time, finds
//! the contact good for longer and goes back. So a refresh costs no tree operation, and each contact has one entry.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::snapshot::Contact;
use super::{LONG, SHORT, clip, late, replace};
use crate::clock::Timestamp;
use crate::event::{Change, EndpointKey, Registration, Transport};

/// Contacts of one endpoint; the one longest not refreshed goes first.
pub(super) const CONTACTS_PER_ENDPOINT: usize = 64;
/// How long after its time a contact stays: the PBX's own word on it may be on the way.
pub(super) const GRACE: Duration = Duration::from_secs(5);
/// Removed contacts that an endpoint remembers, so that a late event does not bring one back.
const GONE: usize = 8;

/// A contact and what the table needs to know of it.
pub(super) struct Bound {
    id: u64,
    /// Where its entry in the queue of deadlines stands.
    queued: Option<Timestamp>,
    /// When qualify last spoke.
    heard: Timestamp,
    /// A user was told that it is bound.
    pub(super) told: bool,
    pub(super) contact: Contact,
}

/// The contacts of one endpoint, the oldest binding first.
#[derive(Default)]
pub(super) struct Contacts {
    bound: Vec<Bound>,
    gone: VecDeque<(Arc<str>, Timestamp)>,
}

/// What became of an event that binds a contact.
pub(super) enum Bind {
    /// Nothing: it came too late.
    Late,
    /// A new contact; `out`: another one that had to go.
    New { told: Change, out: Option<Arc<str>> },
    /// The contact was there. `visible`: something that pages show changed; `moved`: its address or Call-ID did.
    Again { visible: bool, moved: bool },
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
    deadlines: BTreeMap<(Timestamp, u64), usize>,
    last_id: u64,
}

impl Contacts {
    pub(super) fn len(&self) -> usize {
        self.bound.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Contact> {
        self.bound.iter().map(|bound| &bound.contact)
    }

    /// Those that no user was told of; from now on they count as told.
    pub(super) fn untold(&mut self) -> impl Iterator<Item = &Contact> {
        self.bound.iter_mut().filter(|bound| !bound.told).map(|bound| {
            bound.told = true;
            &bound.contact
        })
    }

    fn was_removed_after(&self, uri: &str, time: Timestamp, now: Timestamp) -> bool {
        self.gone.iter().any(|(gone, at)| **gone == *uri && late(time, *at, now))
    }

    fn remember(&mut self, uri: &Arc<str>, (time, now): (Timestamp, Timestamp)) {
        if self.was_removed_after(uri, time, now) {
            return;
        }
        self.gone.retain(|(gone, _)| gone != uri);
        self.gone.truncate(GONE - 1);
        self.gone.push_front((Arc::clone(uri), time));
    }
}

impl Bound {
    /// Takes in a refresh; what it does not tell stays.
    fn refresh(&mut self, event: &Registration, time: Timestamp) -> Bind {
        let contact = &mut self.contact;
        contact.refreshed = time;
        contact.round_trip = event.round_trip.or(contact.round_trip);
        let mut moved = !event.call_id.is_empty() && replace(&mut contact.call_id, &event.call_id, SHORT);
        let mut visible = replace(&mut contact.path, &event.path, LONG);
        if !event.user_agent.is_empty() {
            visible |= replace(&mut contact.user_agent, &event.user_agent, SHORT);
        }
        if event.far.is_some() {
            visible |= contact.far != event.far;
            moved |= contact.far != event.far;
            contact.far = event.far;
        }
        if event.transport != Transport::Unknown {
            visible |= contact.transport != event.transport;
            contact.transport = event.transport;
        }
        visible |= contact.expires != event.expires;
        contact.expires = event.expires;
        Bind::Again { visible, moved }
    }
}

/// Whether a contact with this deadline is to go.
fn overdue(deadline: Timestamp, now: Timestamp) -> bool {
    deadline.plus(GRACE) <= now
}

/// The change that says that a contact was bound.
pub(super) fn registered(contact: &Contact) -> Change {
    Change::Registered {
        endpoint: Arc::clone(&contact.endpoint.endpoint),
        contact: Arc::clone(&contact.contact),
        far: contact.far,
        transport: contact.transport,
        user_agent: Arc::clone(&contact.user_agent),
    }
}

impl Registrations {
    /// Binds a contact, or refreshes it. `told`: a user will be told of it.
    pub(super) fn bind(
        &mut self,
        contacts: &mut Contacts,
        (slot, key, told): (usize, &Arc<EndpointKey>, bool),
        event: &Registration,
        (time, now): (Timestamp, Timestamp),
    ) -> Bind {
        let uri = clip(&event.contact, LONG);
        if let Some(bound) = contacts.bound.iter_mut().find(|bound| bound.contact.contact == uri) {
            if late(time, bound.contact.refreshed, now) {
                return Bind::Late;
            }
            let again = bound.refresh(event, time);
            self.queue(bound, slot);
            return again;
        }
        if contacts.was_removed_after(&uri, time, now) || event.expires.is_some_and(|at| overdue(at, now)) {
            return Bind::Late;
        }
        contacts.gone.retain(|(gone, _)| *gone != uri);
        let out = self.make_room(contacts);
        self.last_id += 1;
        let mut bound = Bound {
            id: self.last_id,
            queued: None,
            heard: Timestamp::MIN,
            told,
            contact: Contact {
                endpoint: Arc::clone(key),
                contact: uri,
                far: event.far,
                transport: event.transport,
                user_agent: clip(&event.user_agent, SHORT),
                path: clip(&event.path, LONG),
                call_id: clip(&event.call_id, SHORT),
                since: time,
                refreshed: time,
                expires: event.expires,
                round_trip: event.round_trip,
                reachable: None,
            },
        };
        self.queue(&mut bound, slot);
        let told = registered(&bound.contact);
        if contacts.bound.is_empty() {
            // nearly every endpoint has one
            contacts.bound.reserve_exact(1);
        }
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
        let uri = clip(&event.contact, LONG);
        let Some(at) = contacts.bound.iter().position(|bound| bound.contact.contact == uri) else {
            // its binding may still be on the way
            contacts.remember(&uri, (time, now));
            return None;
        };
        if contacts.bound.get(at).is_some_and(|bound| late(time, bound.contact.refreshed, now)) {
            return None;
        }
        contacts.remember(&uri, (time, now));
        Some(self.take(contacts, at))
    }

    /// Takes in what qualify says.
    pub(super) fn reach(
        contacts: &mut Contacts,
        event: &Registration,
        reachable: bool,
        (time, now): (Timestamp, Timestamp),
    ) -> Reach {
        let uri = clip(&event.contact, LONG);
        let Some(bound) = contacts.bound.iter_mut().find(|bound| bound.contact.contact == uri) else {
            return Reach::Ignored;
        };
        if late(time, bound.heard, now) {
            return Reach::Ignored;
        }
        bound.heard = time;
        let contact = &mut bound.contact;
        contact.round_trip = if reachable { event.round_trip.or(contact.round_trip) } else { None };
        match (contact.reachable.replace(reachable), reachable) {
            (None, true) => Reach::First,
            (before, now) if before == Some(now) => Reach::Same,
            _ => Reach::Changed(Change::Reachability {
                endpoint: Arc::clone(&contact.endpoint.endpoint),
                contact: Arc::clone(&contact.contact),
                reachable,
            }),
        }
    }

    pub(super) fn deadlines(&self) -> usize {
        self.deadlines.len()
    }

    /// The next contact whose deadline came up: its endpoint and its id for [`Self::expire`].
    pub(super) fn due(&mut self, now: Timestamp) -> Option<(usize, u64)> {
        let first = self.deadlines.first_entry()?;
        let (deadline, id) = *first.key();
        overdue(deadline, now).then(|| (first.remove(), id))
    }

    /// Removes the contact if it really ran out and gives its URI back; puts it back into the queue if it was refreshed since.
    pub(super) fn expire(
        &mut self,
        contacts: &mut Contacts,
        (slot, id): (usize, u64),
        now: Timestamp,
    ) -> Option<Arc<str>> {
        let at = contacts.bound.iter().position(|bound| bound.id == id)?;
        let bound = contacts.bound.get_mut(at)?;
        bound.queued = None;
        if !bound.contact.expires.is_some_and(|deadline| overdue(deadline, now)) {
            self.queue(bound, slot);
            return None;
        }
        // not `now`: a refresh that the PBX has accepted meanwhile and that is on the way must count
        let (uri, refreshed) = (Arc::clone(&bound.contact.contact), bound.contact.refreshed);
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
        let stalest = contacts.bound.iter().enumerate().min_by_key(|(_, bound)| bound.contact.refreshed)?.0;
        Some(self.take(contacts, stalest))
    }

    fn take(&mut self, contacts: &mut Contacts, at: usize) -> Arc<str> {
        let bound = contacts.bound.remove(at);
        self.unqueue(&bound);
        bound.contact.contact
    }

    fn queue(&mut self, bound: &mut Bound, slot: usize) {
        let expires = bound.contact.expires;
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
