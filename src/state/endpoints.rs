//! Endpoints: their contacts and legs, and whose they are. Pure. An endpoint that nobody owns lives only as long as
//! it has a contact or a leg, and there is a limit to those: the one that got nothing new for longest goes first.
//! Owned endpoints are as many as the directory has.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::calls::Calls;
use super::contacts::Contacts;
use super::legs::{Legs, Standing};
use super::numbers::Numbers;
use super::slab::Slab;
use crate::event::{CallPhase, EndpointKey};

/// Contacts of all endpoints that nobody owns; the same for their legs.
pub(super) const UNOWNED: usize = 4096;

/// One endpoint. What an event touches lies in as few lines of the processor's cache as there can be, in this order.
#[repr(C, align(64))]
pub(super) struct Endpoint {
    pub(super) key: Arc<EndpointKey>,
    pub(super) owner: Option<u32>,
    names: Names,
    pub(super) legs: Legs,
    /// What it adds to the sums.
    counted: Counted,
    /// The newest word on whose it is.
    pub(super) named: u64,
    /// Its place among those that nobody owns.
    place: Option<u64>,
    pub(super) contacts: Contacts,
}

/// What one endpoint adds to the sums.
#[derive(Clone, Copy, Default)]
struct Counted {
    registrations: u16,
    legs: u16,
    is_owned: bool,
}

/// The texts of a key once more, one behind the other, so that a look-up reads the row only.
struct Names {
    company: u8,
    endpoint: u8,
    bytes: [u8; 46],
}

/// Sums over endpoints.
#[derive(Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) registrations: usize,
    pub(super) unowned_registrations: usize,
    pub(super) unowned_legs: usize,
}

/// What a user's endpoints make for the sticker.
#[derive(Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) calls: u32,
    pub(super) established: bool,
    pub(super) registered: bool,
}

/// All endpoints.
#[derive(Default)]
pub(super) struct Endpoints {
    /// Numbers of rows by key, hashed quickly, as all keys of the state: they are the PBX's own names, not what a peer
    /// chooses.
    numbers: Numbers,
    hasher: RandomState,
    rows: Slab<Endpoint>,
    unowned: BTreeMap<u64, u32>,
    last_place: u64,
    pub(super) sums: Sums,
}

impl Counted {
    fn sums(self) -> Sums {
        let (registrations, legs) = (usize::from(self.registrations), usize::from(self.legs));
        if self.is_owned {
            return Sums { registrations, ..Sums::default() };
        }
        Sums { registrations, unowned_registrations: registrations, unowned_legs: legs }
    }
}

impl Names {
    /// Without bytes where the names are too long.
    fn new(key: &EndpointKey) -> Self {
        let (company, endpoint) = (key.company.as_bytes(), key.endpoint.as_bytes());
        let mut names = Self { company: 0, endpoint: 0, bytes: [0; 46] };
        if let Some((first, rest)) = names.bytes.split_at_mut_checked(company.len())
            && let Some(second) = rest.get_mut(..endpoint.len())
            && let (Ok(company_len), Ok(endpoint_len)) =
                (u8::try_from(company.len()), u8::try_from(endpoint.len()))
        {
            first.copy_from_slice(company);
            second.copy_from_slice(endpoint);
            (names.company, names.endpoint) = (company_len, endpoint_len);
        }
        names
    }

    /// Whether they are those of a key; `None`: they are too long.
    fn are(&self, key: &EndpointKey) -> Option<bool> {
        let (company, endpoint) = (usize::from(self.company), usize::from(self.endpoint));
        if endpoint == 0 {
            return None;
        }
        if (company, endpoint) != (key.company.len(), key.endpoint.len()) {
            return Some(false);
        }
        let (first, rest) = self.bytes.split_at_checked(company)?;
        Some(*rest.get(..endpoint)? == *key.endpoint.as_bytes() && *first == *key.company.as_bytes())
    }
}

impl Endpoint {
    /// Whether that is its key.
    pub(super) fn is(&self, key: &EndpointKey) -> bool {
        self.names.are(key).unwrap_or_else(|| *self.key == *key)
    }

    /// Whether it has neither contact nor leg.
    pub(super) fn is_idle(&self) -> bool {
        self.contacts.len() == 0 && self.legs.len() == 0
    }

    /// Takes note of a word on whose it is; `false`: there was a newer one.
    pub(super) fn name(&mut self, word: u64) -> bool {
        let is_news = self.named <= word;
        self.named = self.named.max(word);
        is_news
    }
}

impl Endpoints {
    pub(super) fn find(&self, key: &EndpointKey) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        let is_it = |at: u32| self.rows.get(at).is_some_and(|row| row.is(key));
        self.numbers.find(hash, is_it)
    }

    /// Adds one that nobody owns; call [`Self::settle`] after whatever it is added for.
    pub(super) fn add(&mut self, key: Arc<EndpointKey>) -> u32 {
        let hash = self.hasher.hash_one(&*key);
        let at = self.rows.insert(Endpoint {
            names: Names::new(&key),
            key,
            owner: None,
            contacts: Contacts::default(),
            legs: Legs::default(),
            named: 0,
            place: None,
            counted: Counted::default(),
        });
        self.numbers.insert(hash, at);
        at
    }

    pub(super) fn get(&self, at: u32) -> Option<&Endpoint> {
        self.rows.get(at)
    }

    /// Reads what a call will want of the row, so that the processor fetches it while it does something else.
    pub(super) fn fetch(&self, at: u32) {
        if let Some(row) = self.rows.get(at) {
            std::hint::black_box((row.legs.len(), row.contacts.len()));
        }
    }

    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut Endpoint> {
        self.rows.get_mut(at)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Endpoint)> {
        self.rows.iter()
    }

    pub(super) fn unowned(&self) -> usize {
        self.unowned.len()
    }

    pub(super) fn owned(&self) -> usize {
        self.rows.len() - self.unowned.len()
    }

    /// Brings sums and places in line after an endpoint changed; drops it if nobody owns it and it is idle.
    /// `fresh`: it got something new.
    pub(super) fn settle(&mut self, at: u32, fresh: bool) {
        let Some(row) = self.rows.get_mut(at) else { return };
        let now = Counted {
            registrations: u16::try_from(row.contacts.len()).unwrap_or(u16::MAX),
            legs: u16::try_from(row.legs.len()).unwrap_or(u16::MAX),
            is_owned: row.owner.is_some(),
        };
        let (now, before) = (now.sums(), std::mem::replace(&mut row.counted, now).sums());
        let sums = &mut self.sums;
        sums.registrations = sums.registrations + now.registrations - before.registrations;
        sums.unowned_registrations =
            sums.unowned_registrations + now.unowned_registrations - before.unowned_registrations;
        sums.unowned_legs = sums.unowned_legs + now.unowned_legs - before.unowned_legs;

        let stays_unowned = row.owner.is_none() && !row.is_idle();
        let drop = row.owner.is_none() && row.is_idle();
        if let Some(place) = row.place
            && (fresh || !stays_unowned)
        {
            self.unowned.remove(&place);
            row.place = None;
        }
        if stays_unowned && row.place.is_none() {
            self.last_place += 1;
            row.place = Some(self.last_place);
            self.unowned.insert(self.last_place, at);
        }
        if drop && let Some(row) = self.rows.remove(at) {
            self.numbers.remove(self.hasher.hash_one(&*row.key), at);
        }
    }

    /// The one to let go when there is too much that nobody owns.
    pub(super) fn too_many(&self) -> Option<u32> {
        let full = self.sums.unowned_registrations > UNOWNED || self.sums.unowned_legs > UNOWNED;
        if full { self.unowned.first_key_value().map(|(_, at)| *at) } else { None }
    }

    /// Counts a user's calls and looks for what decides the sticker. Costs what the user has, not what there is.
    pub(super) fn tally(&self, endpoints: &[u32], calls: &Calls) -> Tally {
        let mut tally = Tally::default();
        let rows = || endpoints.iter().filter_map(|at| self.rows.get(*at));
        let standing = || rows().flat_map(|row| row.legs.iter()).filter_map(|number| calls.get(number));
        let mut legs = 0;
        for row in rows() {
            tally.registered |= row.contacts.len() > 0;
            legs += row.legs.len();
        }
        if legs > 0 {
            tally.established = standing().any(|leg| matches!(leg.phase, CallPhase::Up | CallPhase::Held));
        }
        if legs > 1 {
            let mut calls: Vec<_> = standing().map(Standing::call).collect();
            calls.sort_unstable();
            calls.dedup();
            legs = calls.len();
        }
        tally.calls = u32::try_from(legs).unwrap_or(u32::MAX);
        tally
    }
}
