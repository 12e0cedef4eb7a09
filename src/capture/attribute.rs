//! Packet -> user. The evidence, best first: the endpoint that the PBX named; the Call-ID, if the PBX or a proven
//! packet told whose it is; the contact registered at the far address; and last what From or To says, which is only
//! a claim. Both [`Attributor::observe`] and [`Attributor::attribute`] run on the drain thread. Only proven facts are learnt, so a flood of invented packets teaches nothing.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::Owned;
use super::leg::{CallId, Keyed, Leg, Legs, Seen};
use super::message::Scan;
use super::proof::{Forgotten, Proofs, Table};
use crate::directory::Directory;
use crate::event::{EndpointKey, Event, RegistrationStep, UserKey};

/// Call-IDs of each kind that are remembered at least.
const CALL_IDS: usize = 65_536;

/// Endpoints at one address that are looked at one by one; of more, only the one that From or To names.
const SHARERS: usize = 16;

/// How sure it is that a packet is of the user it was given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// Nobody known.
    Unknown,
    /// Only its From or To says so.
    Claimed,
    /// The PBX, a known Call-ID or a registered contact says so.
    Proven,
}

/// Whose packets are; the same for many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whose {
    /// The user; `None`: nobody known.
    pub user: Option<Arc<UserKey>>,
    /// The endpoint; empty: not known.
    pub endpoint: Arc<str>,
    /// What joins the legs of the call, if the PBX said; empty: not known.
    pub linked: Arc<str>,
}

/// Whose a packet is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributed {
    /// Whose.
    pub whose: Arc<Whose>,
    /// How sure it is.
    pub certainty: Certainty,
    /// No later event can tell more.
    pub settled: bool,
}

impl Deref for Attributed {
    type Target = Whose;

    fn deref(&self) -> &Whose {
        &self.whose
    }
}

/// The attributor of one PBX.
#[derive(Debug)]
pub struct Attributor {
    directory: Arc<Directory>,
    /// Drain thread only, so that nobody waits for it.
    proofs: Mutex<Proofs>,
    /// Tables to be dropped on the drain thread.
    forgotten: Mutex<Vec<Forgotten>>,
    facts: AtomicU64,
    keyed: Keyed,
}

/// The endpoints of a Call-ID, and who knew them.
struct Known {
    legs: Legs,
    /// The table that knew them; `None`: none did.
    table: Option<Table>,
    /// They would soon be forgotten there.
    is_old: bool,
}

/// The user that From or To names.
struct Party<'a> {
    name: Cow<'a, str>,
    /// The company whose domain it is.
    company: Option<Arc<str>>,
}

impl Attributor {
    /// An attributor that knows nothing but the directory.
    pub fn new(directory: Arc<Directory>) -> Self {
        Self {
            directory,
            proofs: Mutex::new(Proofs::new(CALL_IDS)),
            forgotten: Mutex::default(),
            facts: AtomicU64::new(0),
            keyed: Keyed::default(),
        }
    }

    /// Learns from what the PBX tells; its endpoint key must be resolved. Drain thread. Cost: some hash
    /// look-ups.
    pub fn observe(&self, event: &Event) {
        match event {
            Event::Registration(told) if !told.key.endpoint.is_empty() => {
                let key = Arc::new(told.key.clone());
                match told.step {
                    RegistrationStep::Registered => {
                        let id = CallId::new(told.call_id.as_bytes(), &self.keyed);
                        self.proofs.lock().registrations.bind(&key, &told.contact, told.far, &id);
                    }
                    RegistrationStep::Unregistered | RegistrationStep::Expired => {
                        // answers of this REGISTER may still be on their way
                        let gone = self.proofs.lock().registrations.remove(&key, &told.contact);
                        self.tell(&gone.unwrap_or_default(), &key, &Arc::default());
                        self.tell(told.call_id.as_bytes(), &key, &Arc::default());
                    }
                    // a failed attempt proves nothing about who made it
                    RegistrationStep::Failed(_)
                    | RegistrationStep::Reachable
                    | RegistrationStep::Unreachable => return,
                }
            }
            Event::Call(told) => {
                self.tell(told.call_id.as_bytes(), &Arc::new(told.key.clone()), &told.linked)
            }
            Event::Quality(told) if !told.key.endpoint.is_empty() => {
                self.tell(told.call_id.as_bytes(), &Arc::new(told.key.clone()), &told.linked);
            }
            Event::Registration(_) | Event::Quality(_) | Event::User(_) | Event::Terminal(_) => return,
        }
        self.facts.fetch_add(1, Ordering::Release);
    }

    fn tell(&self, call_id: &[u8], key: &Arc<EndpointKey>, linked: &Arc<str>) {
        let id = CallId::new(call_id, &self.keyed);
        let (_, forgotten) = self.proofs.lock().calls.learn(&id, key, linked, None);
        self.forget(forgotten);
    }

    fn forget(&self, forgotten: Option<Forgotten>) {
        if let Some(forgotten) = forgotten {
            self.forgotten.lock().push(forgotten);
        }
    }

    /// Grows with each fact learnt; a packet that was not proven is worth another try then.
    pub fn facts(&self) -> u64 {
        self.facts.load(Ordering::Acquire).wrapping_add(self.directory.generation())
    }

    /// Frees what was forgotten. Drain thread.
    pub fn tend(&self) {
        let forgotten = std::mem::take(&mut *self.forgotten.lock());
        drop(forgotten);
    }

    /// Whose packet it is; a proven one teaches its Call-ID. Drain thread. Cost: 0.1 us where the packets before it with
    /// its Call-ID were proven in the same way, else up to 1 us.
    pub fn attribute(&self, packet: &Owned, scan: &Scan<'_>) -> Attributed {
        let id = CallId::new(scan.call_id, &self.keyed);
        // asked before the directory is, so that what it says may be newer but never older
        let generation = self.directory.generation();
        if !packet.endpoint().is_empty() {
            let known = self.known(&id);
            let legs = known.legs.as_slice();
            let key = EndpointKey::new(packet.company(), packet.endpoint());
            let key = Arc::new(self.directory.resolve(&key));
            let linked = legs.iter().find(|leg| leg.key == key).or(legs.first());
            let linked = linked.map(|leg| leg.linked.clone()).unwrap_or_default();
            self.learn(&id, &key, &linked, None);
            return proven(self.whose(&key, linked));
        }
        let hash = self.keyed.party(scan.our_party(packet.direction));
        if let Some(attributed) = self.as_before(&id, hash, generation) {
            return attributed;
        }
        let seen = |whose: &Arc<Whose>| Seen { generation, party: hash, whose: whose.clone() };
        let known = self.known(&id);
        let legs = known.legs.as_slice();
        let party = self.party(packet, scan);
        if let [only] = legs
            && party.as_ref().is_some_and(|party| self.names(party, &only.key))
        {
            let whose = self.whose(&only.key, only.linked.clone());
            self.touch(&id, &known);
            self.remember(&id, &only.key, seen(&whose));
            return proven(whose);
        }
        let near = self.proofs.lock().registrations.at(&packet.far, SHARERS);
        if !legs.is_empty()
            && let Some(leg) = self.pick(legs, &near, party.as_ref())
        {
            self.touch(&id, &known);
            return proven(self.whose(&leg.key, leg.linked));
        }
        if let Some((key, named)) = self.by_address(&packet.far, &near, party.as_ref()) {
            let whose = self.whose(&key, Arc::default());
            self.learn(&id, &key, &Arc::default(), named.then(|| seen(&whose)));
            return proven(whose);
        }
        let linked = legs.first().map(|leg| leg.linked.clone()).unwrap_or_default();
        let claimed = party.as_ref().and_then(|party| self.claimed(party));
        let (certainty, endpoint, user) = match claimed {
            Some((user, endpoint)) => (Certainty::Claimed, endpoint, Some(user)),
            None => (Certainty::Unknown, Arc::default(), None),
        };
        let whose = Arc::new(Whose { user, endpoint, linked });
        Attributed { whose, certainty, settled: scan.call_id.is_empty() }
    }

    /// The answer for the last packet with this Call-ID, where the same party is named and nothing else was told since.
    fn as_before(&self, id: &CallId<'_>, party: u64, generation: u64) -> Option<Attributed> {
        let mut proofs = self.proofs.lock();
        let (legs, _, is_old) = proofs.known(id)?;
        let leg = legs.only()?;
        let seen = leg.seen.as_ref().filter(|seen| seen.generation == generation && seen.party == party)?;
        (!is_old).then(|| proven(seen.whose.clone()))
    }

    /// Keeps for [`Self::as_before`] that a party names the only endpoint of a Call-ID.
    fn remember(&self, id: &CallId<'_>, key: &Arc<EndpointKey>, seen: Seen) {
        let mut proofs = self.proofs.lock();
        let only = proofs.known(id).and_then(|(legs, ..)| legs.only());
        if let Some(leg) = only.filter(|leg| leg.key == *key) {
            leg.see(seen);
        }
    }

    /// Whose the packets of an endpoint are.
    fn whose(&self, key: &EndpointKey, linked: Arc<str>) -> Arc<Whose> {
        let user = if key.endpoint.is_empty() { None } else { self.directory.user_of(key) };
        Arc::new(Whose { user, endpoint: key.endpoint.clone(), linked })
    }

    /// Learns the Call-ID of a proven packet.
    fn learn(&self, id: &CallId<'_>, key: &Arc<EndpointKey>, linked: &Arc<str>, seen: Option<Seen>) {
        let (news, forgotten) = self.proofs.lock().learnt.learn(id, key, linked, seen);
        self.forget(forgotten);
        if news {
            self.facts.fetch_add(1, Ordering::Release);
        }
    }

    /// Keeps a Call-ID of a proven packet from being forgotten.
    fn touch(&self, id: &CallId<'_>, known: &Known) {
        let forgotten = match known.table.filter(|_| known.is_old) {
            Some(Table::Calls) => self.proofs.lock().calls.touch(id),
            Some(Table::Learnt) => self.proofs.lock().learnt.touch(id),
            Some(Table::Registrations) | None => None,
        };
        self.forget(forgotten);
    }

    /// Whose Call-ID it is.
    fn known(&self, id: &CallId<'_>) -> Known {
        match self.proofs.lock().known(id) {
            Some((legs, table, is_old)) => Known { legs: legs.clone(), table: Some(table), is_old },
            None => Known { legs: Legs::NONE, table: None, is_old: false },
        }
    }

    /// Which of the endpoints that share a Call-ID. A proxy's two legs share one: there the address and the party
    /// together outweigh a Call-ID that is known for the other leg only.
    fn pick(&self, legs: &[Leg], near: &[Arc<EndpointKey>], party: Option<&Party<'_>>) -> Option<Leg> {
        let named = |key: &EndpointKey| party.is_some_and(|party| self.names(party, key));
        if let [only] = legs {
            if near.contains(&only.key) || named(&only.key) {
                return Some(only.clone());
            }
            let other = near.iter().find(|key| named(key));
            let key = other.unwrap_or(&only.key).clone();
            return Some(Leg { key, linked: only.linked.clone(), seen: None });
        }
        let single = |test: &dyn Fn(&Leg) -> bool| {
            let mut fitting = legs.iter().filter(|leg| !leg.key.endpoint.is_empty() && test(leg));
            let first = fitting.next()?;
            fitting.all(|leg| self.same_user(&leg.key, &first.key)).then(|| first.clone())
        };
        single(&|leg| near.contains(&leg.key) && named(&leg.key))
            .or_else(|| single(&|leg| near.contains(&leg.key)))
            .or_else(|| single(&|leg| named(&leg.key)))
    }

    /// The endpoint whose contact is at the far address, and whether From or To names it. If From or To clearly names another user than the one
    /// registered there, the address proves nothing: a proxy in front of the PBX has many users behind one address.
    fn by_address(
        &self,
        far: &SocketAddr,
        near: &[Arc<EndpointKey>],
        party: Option<&Party<'_>>,
    ) -> Option<(Arc<EndpointKey>, bool)> {
        let first = near.first()?;
        let Some(party) = party else {
            return near.iter().all(|key| self.same_user(key, first)).then(|| (first.clone(), false));
        };
        let mut named = near.iter().filter(|key| self.names(party, key));
        if let Some(key) = named.next() {
            return named.all(|other| self.same_user(other, key)).then(|| (key.clone(), true));
        }
        let claimed = self.claimed(party);
        if near.len() < SHARERS {
            let alone = near.iter().all(|key| self.same_user(key, first));
            let denied = claimed.is_some_and(|(user, _)| self.directory.user_of(first) != Some(user));
            return (alone && !denied).then(|| (first.clone(), false));
        }
        let user = self.directory.user(&claimed?.0)?;
        let registrations = &self.proofs.lock().registrations;
        user.endpoints.iter().find_map(|key| registrations.is_at(far, key)).map(|key| (key, false))
    }

    fn same_user(&self, left: &EndpointKey, right: &EndpointKey) -> bool {
        left == right || {
            let left = self.directory.user_of(left);
            left.is_some() && left == self.directory.user_of(right)
        }
    }

    /// Whether the party's name is the endpoint's, or its user's extension.
    fn names(&self, party: &Party<'_>, key: &EndpointKey) -> bool {
        if key.endpoint.is_empty() || party.company.as_ref().is_some_and(|company| *company != key.company) {
            return false;
        }
        *key.endpoint == *party.name
            || self
                .directory
                .user_of(key)
                .and_then(|user| self.directory.user(&user))
                .is_some_and(|user| *user.extension == *party.name)
    }

    /// The user of that name in the domain's company; of an address or an unknown domain, in the default company.
    fn claimed(&self, party: &Party<'_>) -> Option<(Arc<UserKey>, Arc<str>)> {
        let company = match &party.company {
            Some(company) => company.clone(),
            None => self.directory.resolve(&EndpointKey::default()).company,
        };
        let key = EndpointKey { company, endpoint: Arc::from(&*party.name) };
        if let Some(user) = self.directory.user_of(&key) {
            return Some((user, key.endpoint));
        }
        self.directory.by_extension(&key.company, &key.endpoint).map(|user| (user, Arc::default()))
    }

    fn party<'a>(&self, packet: &Owned, scan: &Scan<'a>) -> Option<Party<'a>> {
        let (user, host) = scan.our_party(packet.direction);
        let user = user.split(|&b| b == b';').next().unwrap_or_default();
        let name = unescape(user)?;
        let company = std::str::from_utf8(host).ok().and_then(|host| self.directory.company_of_domain(host));
        Some(Party { name, company })
    }
}

/// A packet of an endpoint, proven as far as that is somebody's.
fn proven(whose: Arc<Whose>) -> Attributed {
    let certainty = if whose.user.is_some() { Certainty::Proven } else { Certainty::Unknown };
    Attributed { whose, certainty, settled: true }
}

/// A user part with its `%XX` decoded (RFC 3261 section 19.1.2); `None` if it is empty or not text.
fn unescape(user: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(user).ok().filter(|text| !text.is_empty())?;
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = user;
    while let [first, tail @ ..] = rest {
        let escape = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match escape.filter(|_| *first == b'%').and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(b) => {
                bytes.push(b);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}
