//! Whose a Call-ID is: its hash, the endpoints it belongs to, and a table of both. Pure: no lock, no clock; `proof` bounds
//! these tables. A table holds no Call-ID itself, only what two hashes make of it.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::attribute::Whose;
use crate::event::EndpointKey;

/// Endpoints that one Call-ID may belong to (a proxy's two legs, and forks).
const LEGS_PER_CALL: usize = 8;

/// A longer Call-ID is not remembered.
const CALL_ID_LIMIT: usize = 512;

/// What the directory says of an endpoint, and who was named as it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// The directory's generation: of a later one nothing is known.
    pub(super) generation: u64,
    /// Hash of the From or To that names the endpoint.
    pub(super) party: u64,
    /// Whose packets these are; with the leg's linked id.
    pub(super) whose: Arc<Whose>,
}

/// One endpoint that a Call-ID belongs to.
#[derive(Debug, Clone)]
pub(super) struct Leg {
    /// The endpoint; an empty name: nobody's (a trunk, a local channel).
    pub(super) key: Arc<EndpointKey>,
    /// What joins the legs of one call; empty: not told.
    pub(super) linked: Arc<str>,
    /// Of the last packet that From or To proved; saves asking the directory for the next one.
    pub(super) seen: Option<Seen>,
}

impl Leg {
    /// Keeps what was seen, if it is of the same linked id.
    pub(super) fn see(&mut self, seen: Seen) {
        if seen.whose.linked == self.linked {
            self.seen = Some(seen);
        }
    }
}

/// The endpoints of a Call-ID: mostly one, and then no list is made.
#[derive(Debug, Clone)]
pub(super) enum Legs {
    One(Leg),
    Many(Vec<Leg>),
}

impl Legs {
    pub(super) const NONE: Self = Self::Many(Vec::new());

    pub(super) fn as_slice(&self) -> &[Leg] {
        match self {
            Self::One(leg) => std::slice::from_ref(leg),
            Self::Many(legs) => legs,
        }
    }

    fn as_mut_slice(&mut self) -> &mut [Leg] {
        match self {
            Self::One(leg) => std::slice::from_mut(leg),
            Self::Many(legs) => legs,
        }
    }

    /// The only one, to be changed.
    pub(super) fn only(&mut self) -> Option<&mut Leg> {
        match self.as_mut_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Adds or updates one endpoint's leg; says whether that is news.
    pub(super) fn add(&mut self, key: &Arc<EndpointKey>, linked: &Arc<str>, seen: Option<Seen>) -> bool {
        if let Some(leg) = self.as_mut_slice().iter_mut().find(|leg| leg.key == *key) {
            let news = !linked.is_empty() && leg.linked != *linked;
            if news {
                leg.linked = linked.clone();
                leg.seen = None;
            }
            if let Some(seen) = seen {
                leg.see(seen);
            }
            return news;
        }
        if self.as_slice().len() >= LEGS_PER_CALL {
            return false;
        }
        let leg = Leg { key: key.clone(), linked: linked.clone(), seen };
        *self = match std::mem::replace(self, Self::NONE) {
            Self::Many(none) if none.is_empty() => Self::One(leg),
            Self::One(first) => Self::Many(vec![first, leg]),
            Self::Many(mut legs) => {
                legs.push(leg);
                Self::Many(legs)
            }
        };
        true
    }
}

/// What is remembered of a Call-ID: two hashes that know nothing of each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Its place in a table.
    pub(super) hash: u64,
    check: u64,
}

/// The keys of the hashes. Who sends packets chooses the Call-IDs, so the one that decides on a place is a strong one.
#[derive(Debug, Default)]
pub(super) struct Keyed {
    strong: RandomState,
    quick: foldhash::quality::RandomState,
}

impl Keyed {
    /// The hash of the party that From or To names.
    pub(super) fn party(&self, (user, host): (&[u8], &[u8])) -> u64 {
        self.quick.hash_one((user, host))
    }
}

/// A Call-ID with its hashes: reckoned once, looked up in many tables.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallId<'a> {
    pub(super) text: &'a [u8],
    pub(super) mark: Mark,
}

impl<'a> CallId<'a> {
    pub(super) fn new(text: &'a [u8], keyed: &Keyed) -> Self {
        let mut strong = keyed.strong.build_hasher();
        strong.write(text);
        Self { text, mark: Mark { hash: strong.finish(), check: keyed.quick.hash_one(text) } }
    }

    pub(super) fn fits(&self) -> bool {
        !self.text.is_empty() && self.text.len() <= CALL_ID_LIMIT
    }
}

/// What is known of Call-IDs. Of two with the same place, which nobody can bring about, the later one stays.
#[derive(Debug)]
pub(super) struct ByCallId<T>(HashMap<u64, (u64, T), BuildHasherDefault<AsIs>>);

impl<T> Default for ByCallId<T> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<T> ByCallId<T> {
    pub(super) fn get(&self, mark: Mark) -> Option<&T> {
        self.0.get(&mark.hash).filter(|(check, _)| *check == mark.check).map(|(_, known)| known)
    }

    pub(super) fn get_mut(&mut self, mark: Mark) -> Option<&mut T> {
        self.0.get_mut(&mark.hash).filter(|(check, _)| *check == mark.check).map(|(_, known)| known)
    }

    pub(super) fn insert(&mut self, mark: Mark, known: T) {
        self.0.insert(mark.hash, (mark.check, known));
    }

    pub(super) fn remove(&mut self, mark: Mark) -> Option<T> {
        self.get(mark)?;
        self.0.remove(&mark.hash).map(|(_, known)| known)
    }

    /// Removes whatever has this place.
    pub(super) fn clear(&mut self, hash: u64) {
        self.0.remove(&hash);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
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
