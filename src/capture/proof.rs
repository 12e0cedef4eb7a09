//! What is proven about packets: which endpoint a Call-ID belongs to, and which contacts are registered at an
//! address. Pure tables: no lock, no clock. The attributor holds them. Every table is bounded, and none can be
//! emptied by one who only chooses Call-IDs: an endpoint that brings many crowds out its own, not another's.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;

use crate::event::EndpointKey;

/// Call-IDs that one endpoint may have in one generation.
const CALLS_PER_ENDPOINT: usize = 256;

/// Contacts that one endpoint may have: as many as `state` keeps, which tells of a contact only what is new.
const CONTACTS_PER_ENDPOINT: usize = 64;

/// Registrations in all; more are not remembered.
const REGISTRATIONS: usize = 262_144;

/// Endpoints that one Call-ID may belong to (a proxy's two legs, and forks).
const LEGS_PER_CALL: usize = 8;

/// A longer Call-ID is not remembered.
const CALL_ID_LIMIT: usize = 512;

/// One endpoint that a Call-ID belongs to.
#[derive(Debug, Clone)]
pub(super) struct Leg {
    /// The endpoint; an empty name: nobody's (a trunk, a local channel).
    pub(super) key: Arc<EndpointKey>,
    /// What joins the legs of one call; empty: not told.
    pub(super) linked: Arc<str>,
}

/// A Call-ID with its hash: reckoned once, looked up in many tables. Who sends packets chooses the text, so the hash is
/// a keyed one.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallId<'a> {
    pub(super) text: &'a [u8],
    hash: u64,
}

impl<'a> CallId<'a> {
    pub(super) fn new(text: &'a [u8], keyed: &RandomState) -> Self {
        Self { text, hash: keyed.hash_one(text) }
    }

    fn fits(&self) -> bool {
        !self.text.is_empty() && self.text.len() <= CALL_ID_LIMIT
    }
}

/// What is known of Call-IDs, with the texts that the hashes are of. Of two with the same hash, which nobody can bring
/// about, the later one stays.
type ByCallId<T> = HashMap<u64, (Arc<[u8]>, T), BuildHasherDefault<AsIs>>;

/// What is known of `id`.
fn known<'a, T>(table: &'a ByCallId<T>, id: &CallId<'_>) -> Option<&'a T> {
    table.get(&id.hash).filter(|(text, _)| **text == *id.text).map(|(_, known)| known)
}

/// What is hashed is a hash already.
#[derive(Debug, Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// Call-IDs with their endpoints, in two generations: when the young one is full the old one is forgotten.
#[derive(Debug)]
pub(super) struct CallIds {
    young: Generation,
    old: Generation,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Generation {
    legs: ByCallId<Vec<Leg>>,
    /// Call-IDs of each endpoint, oldest first.
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

    /// The endpoints of a Call-ID; empty: not known. And whether it would soon be forgotten.
    pub(super) fn legs(&self, id: &CallId<'_>) -> (&[Leg], bool) {
        match known(&self.young.legs, id) {
            Some(legs) => (legs, false),
            None => (known(&self.old.legs, id).map_or(&[], Vec::as_slice), true),
        }
    }

    /// Adds an endpoint to a Call-ID, or updates its linked id. Says whether something new was learnt. Cost: a few
    /// hash look-ups.
    pub(super) fn learn(
        &mut self,
        id: &CallId<'_>,
        key: &Arc<EndpointKey>,
        linked: &Arc<str>,
    ) -> (bool, Option<Forgotten>) {
        if !id.fits() {
            return (false, None);
        }
        if known(&self.young.legs, id).is_some()
            && let Some((_, legs)) = self.young.legs.get_mut(&id.hash)
        {
            return (add(legs, key, linked), None);
        }
        // what is still in use moves on to the young generation
        let before = known(&self.old.legs, id).is_some().then(|| self.old.legs.remove(&id.hash)).flatten();
        let (text, mut legs) = before.unwrap_or_else(|| (id.text.into(), Vec::new()));
        let news = add(&mut legs, key, linked);
        let owner = legs.first().map_or_else(|| key.clone(), |leg| leg.key.clone());
        self.young.insert(id.hash, text, owner, legs);
        let full = self.young.legs.len() >= self.capacity;
        let forgotten = full.then(|| {
            let young = std::mem::take(&mut self.young);
            Forgotten(std::mem::replace(&mut self.old, young))
        });
        (news, forgotten)
    }

    /// Keeps a Call-ID that is in use from being forgotten.
    pub(super) fn touch(&mut self, id: &CallId<'_>) -> Option<Forgotten> {
        if known(&self.young.legs, id).is_some() {
            return None;
        }
        let leg = known(&self.old.legs, id)?.first()?.clone();
        self.learn(id, &leg.key, &leg.linked).1
    }
}

/// Adds or updates one endpoint's leg.
fn add(legs: &mut Vec<Leg>, key: &Arc<EndpointKey>, linked: &Arc<str>) -> bool {
    if let Some(leg) = legs.iter_mut().find(|leg| leg.key == *key) {
        if linked.is_empty() || leg.linked == *linked {
            return false;
        }
        leg.linked = linked.clone();
        return true;
    }
    if legs.len() >= LEGS_PER_CALL {
        return false;
    }
    legs.push(Leg { key: key.clone(), linked: linked.clone() });
    true
}

impl Generation {
    fn insert(&mut self, hash: u64, text: Arc<[u8]>, owner: Arc<EndpointKey>, legs: Vec<Leg>) {
        let turn = self.turns.entry(owner).or_default();
        if turn.len() >= CALLS_PER_ENDPOINT
            && let Some(oldest) = turn.pop_front()
        {
            self.legs.remove(&oldest);
        }
        turn.push_back(hash);
        self.legs.insert(hash, (text, legs));
    }
}

/// The registered contacts, by endpoint, by far address and by the Call-ID of their REGISTER. Only the PBX's word
/// changes them.
#[derive(Debug, Default)]
pub(super) struct Registrations {
    contacts: HashMap<Arc<EndpointKey>, Vec<Contact>>,
    /// Only the PBX's word adds one, so that a quick hash does.
    addresses: foldhash::HashMap<SocketAddr, HashSet<Arc<EndpointKey>>>,
    call_ids: ByCallId<Arc<EndpointKey>>,
    len: usize,
}

#[derive(Debug)]
struct Contact {
    contact: Arc<str>,
    far: Option<SocketAddr>,
    call_id: Arc<[u8]>,
    call_id_hash: u64,
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
        let (call_id, call_id_hash): (Arc<[u8]>, u64) = match (call_id.fits(), &known) {
            (false, Some(before)) => (before.call_id.clone(), before.call_id_hash),
            (false, None) => (Arc::default(), 0),
            (true, _) => (call_id.text.into(), call_id.hash),
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
            self.call_ids.insert(call_id_hash, (call_id.clone(), key.clone()));
        }
        let contact = Contact { contact: contact.clone(), far, call_id, call_id_hash };
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
            let still_its =
                c.call_id.is_empty() || self.call_ids.get(&c.call_id_hash).is_some_and(|(_, k)| **k == *key);
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
        let own = |(text, owner): &(Arc<[u8]>, Arc<EndpointKey>)| *text == gone.call_id && owner == key;
        if !same_call_id && self.call_ids.get(&gone.call_id_hash).is_some_and(own) {
            self.call_ids.remove(&gone.call_id_hash);
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
    pub(super) fn by_call_id(&self, id: &CallId<'_>) -> Option<&Arc<EndpointKey>> {
        known(&self.call_ids, id)
    }
}
