//! What is happening now: who is registered, who is in a call, and the sticker that follows (product.md).
//!
//! The PBX's threads call [`State::apply`] through `module`; pages ask through `query`. All tables stand behind one
//! mutex, taken once per call and never held while anything else is locked, read, written, logged or called; an
//! event costs the same whether there are ten users or ten thousand. The tables themselves know no lock and no
//! clock. Nothing grows with what a peer sends: contacts and legs per endpoint, failures, endpoints that nobody
//! owns, texts and memories of what ended are all bounded, and what is over the bound is counted.

mod calls;
mod contacts;
mod endpoints;
mod failures;
mod legs;
mod numbers;
mod order;
mod owners;
mod registrations;
mod slab;
mod snapshot;
mod sticker;
mod tables;
mod texts;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

pub use self::snapshot::{Changes, Contact, Failure, Leg, Totals, UserState};
use self::tables::Tables;
use crate::clock::Timestamp;
use crate::event::{EndpointKey, Event, Shown, UserKey};

/// Bytes kept of a text that a peer chooses: User-Agent, Call-ID, names.
pub(crate) const SHORT: usize = 256;
/// Bytes kept of a Contact URI or a Path.
const LONG: usize = 1024;
/// Contacts expired per taking of the lock, so that a PBX thread never waits for thousands.
const EXPIRE_BATCH: usize = 256;
/// Owners confirmed per taking of the lock, for the same reason.
const CONFIRM_BATCH: usize = 128;

/// As much of the text as is kept.
fn clipped(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    text.get(..text.floor_char_boundary(most)).unwrap_or_default()
}

/// The text itself, or as much of it as is kept.
pub(crate) fn clip(text: &Arc<str>, most: usize) -> Arc<str> {
    if text.len() <= most { Arc::clone(text) } else { clipped(text, most).into() }
}

/// Whether what happened at `time` is older than what is known of `known`. When `known` lies ahead, the clock was
/// set back, and nothing is late.
fn late(time: Timestamp, known: Timestamp, now: Timestamp) -> bool {
    time < known && known <= now
}

/// All users' state. Every method may be called from any thread; none blocks for longer than another one's turn.
pub struct State {
    tables: Mutex<Tables>,
    /// The tables' version, readable without the lock; set while it is held.
    version: AtomicU64,
    /// As above: how many users were forgotten.
    forgotten: AtomicU64,
    unknown: Arc<UserState>,
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    /// Nobody, nothing.
    pub fn new() -> Self {
        Self {
            tables: Mutex::default(),
            version: AtomicU64::new(0),
            forgotten: AtomicU64::new(0),
            unknown: Arc::default(),
        }
    }

    /// Replaces the map from endpoint to user. Contacts and legs stay with their endpoint; those of an endpoint that
    /// nobody owns any more are kept within a limit. A user left without endpoint and active terminal is forgotten,
    /// after the change to offline was told, and [`State::changed_since`] does not name it any more.
    /// Holds the lock for about 0.2 us per endpoint: for reloads, not for single changes ([`State::own`]).
    pub fn assign(&self, owners: Vec<(Arc<EndpointKey>, Arc<UserKey>)>, now: Timestamp) -> Changes {
        self.change(|tables, out| tables.assign(&owners, (tables.next_word(), now), out))
    }

    /// As [`State::assign`], for endpoints that are named once, by the directory as it was at `generation` or later:
    /// leaves what [`State::own_as_of`] told by a newer one, and does nothing after a newer map. Holds the lock in short
    /// turns for what stays, in one for what changes.
    pub fn assign_as_of(
        &self,
        generation: u64,
        owners: &[(Arc<EndpointKey>, Arc<UserKey>)],
        now: Timestamp,
    ) -> Changes {
        // most stay whose they are: that is seen to in short turns, so that only what changes waits for one long one
        let mut others = Vec::new();
        for some in owners.chunks(CONFIRM_BATCH) {
            let mut tables = self.tables.lock();
            others.extend(some.iter().filter(|(endpoint, user)| !tables.confirm(endpoint, user, generation)));
        }
        self.change(|tables, out| tables.assign(others, (generation, now), out))
    }

    /// Changes the owner of one endpoint (`None`: nobody) and leaves all others.
    pub fn own(&self, endpoint: &Arc<EndpointKey>, user: Option<&Arc<UserKey>>, now: Timestamp) -> Changes {
        self.change(|tables, out| tables.own(endpoint, user, (tables.next_word(), now), out))
    }

    /// As [`State::own`], by the directory as it was at `generation` or later; does nothing after a map as new.
    pub fn own_as_of(
        &self,
        generation: u64,
        endpoint: &Arc<EndpointKey>,
        user: &Arc<UserKey>,
        now: Timestamp,
    ) -> Changes {
        self.change(|tables, out| tables.own(endpoint, Some(user), (generation, now), out))
    }

    /// What the PBX says of a terminal without SIP (desktop client, USB audio). An active one counts as
    /// authenticated; `None` (not told any more) as inactive. At most 64 per user.
    pub fn activate(
        &self,
        user: &Arc<UserKey>,
        terminal: &str,
        active: Option<bool>,
        now: Timestamp,
    ) -> Changes {
        self.change(|tables, out| tables.activate(user, terminal, active == Some(true), now, out))
    }

    /// Takes in a registration or call event whose key is resolved (its company is not empty); others change
    /// nothing. Late and repeated ones are harmless: of a contact what is older than its last refresh or removal, of a
    /// leg what comes after its end, or is older than its phase. What the event leaves empty stays as known.
    /// Changes come in the order they happened, the sticker's last; none for endpoints that nobody owns.
    pub fn apply(&self, event: &Event, now: Timestamp) -> Changes {
        self.apply_moves(event, now).0
    }

    /// As [`State::apply`]; `false`: the event tells nothing new of who is where, as most refreshes.
    pub fn apply_moves(&self, event: &Event, now: Timestamp) -> (Changes, bool) {
        let mut moved = true;
        let changes = match event {
            Event::Registration(event) => {
                self.change(|tables, out| moved = tables.registration(event, now, out))
            }
            // the leg's and the sticker's, for which the room is made before the lock is taken
            Event::Call(event) => {
                self.change_into(Changes::with_capacity(2), |tables, out| tables.call(event, now, out))
            }
            Event::User(_) | Event::Terminal(_) | Event::Quality(_) => Changes::new(),
        };
        (changes, moved)
    }

    /// Removes contacts whose time ran out more than 5 s ago. Cheap when there are none; takes the lock in short turns
    /// when there are many.
    pub fn expire(&self, now: Timestamp) -> Changes {
        let mut changes = Changes::new();
        let mut more = true;
        while more {
            changes.extend(self.change(|tables, out| more = tables.expire(now, EXPIRE_BATCH, out)));
        }
        changes
    }

    /// A user now; a default one if nothing is known. Costs a look-up, and a copy if the user changed since the last
    /// time.
    pub fn user(&self, key: &UserKey) -> Arc<UserState> {
        self.tables.lock().user(key).unwrap_or_else(|| Arc::clone(&self.unknown))
    }

    /// What the wall shows of a user now. Costs a look-up and a copy of the contacts, and leaves nothing in memory.
    pub fn shown(&self, key: &UserKey) -> Shown {
        self.tables.lock().shown(key).unwrap_or_default()
    }

    /// Grows with each visible change of any user: all of [`UserState`] but a contact's `refreshed`, `call_id` and
    /// `round_trip`, and how many equal failures there were. Takes no lock.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Grows with each user that is forgotten, whom [`State::changed_since`] does not name. Takes no lock.
    pub fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Acquire)
    }

    /// Users who changed visibly after `version`, each once, the latest change last. Takes no lock when there are none;
    /// else costs as much as there are.
    pub fn changed_since(&self, version: u64) -> Vec<Arc<UserKey>> {
        if version >= self.version() {
            return Vec::new();
        }
        self.tables.lock().users.changed_since(version)
    }

    /// Everything in numbers. Costs as much as there are legs, most of it outside the lock: for a status page, not for
    /// each event.
    pub fn totals(&self) -> Totals {
        let (totals, mut calls) = {
            let tables = self.tables.lock();
            (tables.totals(), tables.calls())
        };
        calls.sort_unstable();
        calls.dedup();
        Totals { calls: calls.len(), ..totals }
    }

    /// Failed attempts on endpoints that nobody owns, newest first, at most 1,024: for the super-admin.
    pub fn unowned_failures(&self) -> Vec<Failure> {
        self.tables.lock().stray_failures()
    }

    fn change(&self, work: impl FnOnce(&mut Tables, &mut Changes)) -> Changes {
        self.change_into(Changes::new(), work)
    }

    fn change_into(&self, mut changes: Changes, work: impl FnOnce(&mut Tables, &mut Changes)) -> Changes {
        let mut tables = self.tables.lock();
        work(&mut tables, &mut changes);
        self.version.store(tables.users.version(), Ordering::Release);
        self.forgotten.store(tables.users.forgotten(), Ordering::Release);
        drop(tables);
        changes
    }
}
