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
use super::slab::{Slab, index};
use super::texts::Texts;
use crate::event::{CallPhase, EndpointKey};

/// Contacts of all endpoints that nobody owns; the same for their legs.
pub(super) const UNOWNED: usize = 4096;

/// One endpoint.
pub(super) struct Endpoint {
    pub(super) key: Arc<EndpointKey>,
    /// The texts of the key once more, so that a look-up reads this row only.
    names: Texts<2, [u8; 32]>,
    pub(super) owner: Option<usize>,
    pub(super) contacts: Contacts,
    pub(super) legs: Legs,
    /// The newest word on whose it is.
    pub(super) named: u64,
    /// Its place among those that nobody owns.
    place: Option<u64>,
    /// What it adds to the sums.
    counted: Sums,
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
    unowned: BTreeMap<u64, usize>,
    last_place: u64,
    pub(super) sums: Sums,
}

impl Endpoint {
    /// Whether that is its key.
    pub(super) fn is(&self, key: &EndpointKey) -> bool {
        self.names.is(1, &key.endpoint) && self.names.is(0, &key.company)
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
    pub(super) fn find(&self, key: &EndpointKey) -> Option<usize> {
        let hash = self.hasher.hash_one(key);
        let is_it = |at: u32| self.rows.get(index(at)).is_some_and(|row| row.is(key));
        self.numbers.find(hash, is_it).map(index)
    }

    /// Adds one that nobody owns; call [`Self::settle`] after whatever it is added for.
    pub(super) fn add(&mut self, key: Arc<EndpointKey>) -> usize {
        let hash = self.hasher.hash_one(&*key);
        let at = self.rows.insert(Endpoint {
            names: Texts::new([&key.company, &key.endpoint]),
            key,
            owner: None,
            contacts: Contacts::default(),
            legs: Legs::default(),
            named: 0,
            place: None,
            counted: Sums::default(),
        });
        if let Ok(number) = u32::try_from(at) {
            self.numbers.insert(hash, number);
        }
        at
    }

    pub(super) fn get(&self, at: usize) -> Option<&Endpoint> {
        self.rows.get(at)
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Endpoint> {
        self.rows.get_mut(at)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Endpoint)> {
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
    pub(super) fn settle(&mut self, at: usize, fresh: bool) {
        let Some(row) = self.rows.get_mut(at) else { return };
        let (registrations, legs) = (row.contacts.len(), row.legs.len());
        let now = if row.owner.is_some() {
            Sums { registrations, ..Sums::default() }
        } else {
            Sums { registrations, unowned_registrations: registrations, unowned_legs: legs }
        };
        let before = std::mem::replace(&mut row.counted, now);
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
            if let Ok(number) = u32::try_from(at) {
                self.numbers.remove(self.hasher.hash_one(&*row.key), number);
            }
        }
    }

    /// The one to let go when there is too much that nobody owns.
    pub(super) fn too_many(&self) -> Option<usize> {
        let full = self.sums.unowned_registrations > UNOWNED || self.sums.unowned_legs > UNOWNED;
        if full { self.unowned.first_key_value().map(|(_, at)| *at) } else { None }
    }

    /// Counts a user's calls and looks for what decides the sticker. Costs what the user has, not what there is.
    pub(super) fn tally(&self, endpoints: &[usize], calls: &Calls) -> Tally {
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
