//! What is proven about packets: which endpoint a Call-ID belongs to, and which contacts are registered at an
//! address. Pure tables: no lock, no clock. The attributor holds them. Every table is bounded, and none can be
//! emptied by one who only chooses Call-IDs: an endpoint that brings many crowds out its own, not another's.

use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use foldhash::HashMap;

use super::leg::{ByCallId, CallId, Leg, Legs, Mark, Seen};
use crate::event::EndpointKey;

/// Call-IDs that one endpoint may have in one generation.
const CALLS_PER_ENDPOINT: usize = 256;

/// Contacts that one endpoint may have: as many as `state` keeps, which tells of a contact only what is new.
const CONTACTS_PER_ENDPOINT: usize = 64;

/// Registrations in all; more are not remembered.
const REGISTRATIONS: usize = 262_144;

/// Call-IDs with their endpoints, in two generations: when the young one is full the old one is forgotten.
#[derive(Debug)]
pub(super) struct CallIds {
    young: Generation,
    old: Generation,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Generation {
    legs: ByCallId<Legs>,
    /// Call-IDs of each endpoint, oldest first. Endpoints are the PBX's, not those of whoever sends packets, so that a quick
    /// hash does.
    turns: HashMap<Arc<EndpointKey>, VecDeque<u64>>,
}

/// Tables that are no longer needed. To be dropped where no lock is held: it takes milliseconds when they are full.
#[derive(Debug)]
#[must_use]
pub(super) struct Forgotten(#[expect(dead_code, reason = "only dropped")] Generation);

impl CallIds {
    /// Tables for at least `capacity` Call-IDs, at most twice as many.
    pub(super) fn new(capacity: usize) -> Self {
        Self { young: Generation::default(), old: Generation::default(), capacity }
    }

    /// The endpoints of a Call-ID, and whether it would soon be forgotten; `None`: not known.
    pub(super) fn legs(&mut self, id: &CallId<'_>) -> Option<(&mut Legs, bool)> {
        if let Some(legs) = self.young.legs.get_mut(id.mark) {
            return Some((legs, false));
        }
        self.old.legs.get_mut(id.mark).map(|legs| (legs, true))
    }

    /// Adds an endpoint to a Call-ID, or updates its linked id. Says whether something new was learnt. Cost: a few
    /// hash look-ups.
    pub(super) fn learn(
        &mut self,
        id: &CallId<'_>,
        key: &Arc<EndpointKey>,
        linked: &Arc<str>,
        seen: Option<Seen>,
    ) -> (bool, Option<Forgotten>) {
        if !id.fits() {
            return (false, None);
        }
        if let Some(legs) = self.young.legs.get_mut(id.mark) {
            return (legs.add(key, linked, seen), None);
        }
        // what is still in use moves on to the young generation
        let mut legs = self.old.legs.remove(id.mark).unwrap_or(Legs::NONE);
        let news = legs.add(key, linked, seen);
        let owner = legs.as_slice().first().map_or_else(|| key.clone(), |leg| leg.key.clone());
        self.young.insert(id.mark, owner, legs);
        let full = self.young.legs.len() >= self.capacity;
        let forgotten = full.then(|| {
            let young = std::mem::take(&mut self.young);
            Forgotten(std::mem::replace(&mut self.old, young))
        });
        (news, forgotten)
    }

    /// Keeps a Call-ID that is in use from being forgotten.
    pub(super) fn touch(&mut self, id: &CallId<'_>) -> Option<Forgotten> {
        if self.young.legs.get(id.mark).is_some() {
            return None;
        }
        let leg = self.old.legs.get(id.mark)?.as_slice().first()?.clone();
        self.learn(id, &leg.key, &leg.linked, None).1
    }
}

impl Generation {
    fn insert(&mut self, mark: Mark, owner: Arc<EndpointKey>, legs: Legs) {
        let turn = self.turns.entry(owner).or_default();
        if turn.len() >= CALLS_PER_ENDPOINT
            && let Some(oldest) = turn.pop_front()
        {
            self.legs.clear(oldest);
        }
        turn.push_back(mark.hash);
        self.legs.insert(mark, legs);
    }
}

/// The registered contacts, by endpoint, by far address and by the Call-ID of their REGISTER. Only the PBX's word
/// changes them.
#[derive(Debug, Default)]
pub(super) struct Registrations {
    contacts: HashMap<Arc<EndpointKey>, Vec<Contact>>,
    addresses: HashMap<SocketAddr, HashSet<Arc<EndpointKey>>>,
    call_ids: ByCallId<Legs>,
    len: usize,
}

#[derive(Debug)]
struct Contact {
    contact: Arc<str>,
    far: Option<SocketAddr>,
    call_id: Arc<[u8]>,
    mark: Mark,
}

impl Registrations {
    /// A contact was bound or refreshed.
    pub(super) fn bind(
        &mut self,
        key: &Arc<EndpointKey>,
        contact: &Arc<str>,
        far: Option<SocketAddr>,
        call_id: &CallId<'_>,
    ) {
        if self.is_refresh(key, contact, far, call_id) {
            return;
        }
        let known = self.unbind(key, contact);
        let (call_id, mark): (Arc<[u8]>, Mark) = match (call_id.fits(), &known) {
            (false, Some(before)) => (before.call_id.clone(), before.mark),
            (false, None) => Default::default(),
            (true, _) => (call_id.text.into(), call_id.mark),
        };
        let far = far.or(known.as_ref().and_then(|before| before.far));
        if self.contacts.get(key).is_some_and(|list| list.len() >= CONTACTS_PER_ENDPOINT) {
            let oldest = self.contacts.get(key).and_then(|list| list.first()).map(|c| c.contact.clone());
            if let Some(oldest) = oldest {
                self.unbind(key, &oldest);
            }
        }
        if self.len >= REGISTRATIONS {
            return;
        }
        if let Some(far) = far {
            self.addresses.entry(far).or_default().insert(key.clone());
        }
        if !call_id.is_empty() {
            let leg = Leg { key: key.clone(), linked: Arc::default(), seen: None };
            self.call_ids.insert(mark, Legs::One(leg));
        }
        let contact = Contact { contact: contact.clone(), far, call_id, mark };
        self.contacts.entry(key.clone()).or_insert_with(|| Vec::with_capacity(1)).push(contact);
        self.len += 1;
    }

    /// Whether it tells nothing new, as most do. The contact becomes the endpoint's last one all the same.
    fn is_refresh(
        &mut self,
        key: &EndpointKey,
        contact: &str,
        far: Option<SocketAddr>,
        call_id: &CallId<'_>,
    ) -> bool {
        let Some(list) = self.contacts.get_mut(key) else { return false };
        let Some(at) = list.iter().position(|c| *c.contact == *contact) else { return false };
        let same = list.get(at).is_some_and(|c| {
            let same_call_id = !call_id.fits() || *c.call_id == *call_id.text;
            let still_its = c.call_id.is_empty() || is_of(&self.call_ids, c.mark, key);
            same_call_id && still_its && (far.is_none() || far == c.far)
        });
        if same && let Some(rest) = list.get_mut(at..) {
            rest.rotate_left(1);
        }
        same
    }

    /// A contact is gone. Gives the Call-ID it was registered with; empty: not known.
    pub(super) fn remove(&mut self, key: &Arc<EndpointKey>, contact: &str) -> Option<Arc<[u8]>> {
        self.unbind(key, contact).map(|gone| gone.call_id)
    }

    fn unbind(&mut self, key: &Arc<EndpointKey>, contact: &str) -> Option<Contact> {
        let list = self.contacts.get_mut(key)?;
        let at = list.iter().position(|c| *c.contact == *contact)?;
        let gone = list.remove(at);
        self.len -= 1;
        let elsewhere = list.iter().any(|c| c.far == gone.far);
        let same_call_id = list.iter().any(|c| c.call_id == gone.call_id);
        if list.is_empty() {
            self.contacts.remove(key);
        }
        if let Some(far) = gone.far
            && !elsewhere
            && let Some(keys) = self.addresses.get_mut(&far)
        {
            keys.remove(key);
            if keys.is_empty() {
                self.addresses.remove(&far);
            }
        }
        if !same_call_id && is_of(&self.call_ids, gone.mark, key) {
            self.call_ids.remove(gone.mark);
        }
        Some(gone)
    }

    /// The endpoints with a contact at an address, in no order; no more than `limit` of them.
    pub(super) fn at(&self, far: &SocketAddr, limit: usize) -> Vec<Arc<EndpointKey>> {
        self.addresses.get(far).map_or_else(Vec::new, |keys| keys.iter().take(limit).cloned().collect())
    }

    /// The endpoint as it is registered at this address.
    pub(super) fn is_at(&self, far: &SocketAddr, key: &EndpointKey) -> Option<Arc<EndpointKey>> {
        self.addresses.get(far)?.get(key).cloned()
    }

    /// The endpoint that registers with a Call-ID.
    pub(super) fn by_call_id(&mut self, id: &CallId<'_>) -> Option<&mut Legs> {
        self.call_ids.get_mut(id.mark)
    }
}

/// Whether it is this endpoint that registers with a Call-ID.
fn is_of(call_ids: &ByCallId<Legs>, mark: Mark, key: &EndpointKey) -> bool {
    call_ids.get(mark).is_some_and(|legs| legs.as_slice().iter().any(|leg| *leg.key == *key))
}

/// All that is proven.
#[derive(Debug)]
pub(super) struct Proofs {
    pub(super) registrations: Registrations,
    /// Call-IDs that the PBX told. Apart from `learnt`, so that packets cannot crowd them out.
    pub(super) calls: CallIds,
    /// Call-IDs of proven packets.
    pub(super) learnt: CallIds,
}

/// The table that knows a Call-ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    /// Of what the PBX told.
    Calls,
    /// Of registrations.
    Registrations,
    /// Of what packets taught.
    Learnt,
}

impl Proofs {
    /// Nothing yet; for at least `capacity` Call-IDs of each kind.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            registrations: Registrations::default(),
            calls: CallIds::new(capacity),
            learnt: CallIds::new(capacity),
        }
    }

    /// Whose Call-ID it is, the PBX's word first, then what packets taught; who knows it, and whether it would soon be
    /// forgotten there.
    pub(super) fn known(&mut self, id: &CallId<'_>) -> Option<(&mut Legs, Table, bool)> {
        if id.text.is_empty() {
            return None;
        }
        if let Some((legs, old)) = self.calls.legs(id) {
            return Some((legs, Table::Calls, old));
        }
        if let Some(legs) = self.registrations.by_call_id(id) {
            return Some((legs, Table::Registrations, false));
        }
        self.learnt.legs(id).map(|(legs, old)| (legs, Table::Learnt, old))
    }
}
