//! Who owns which endpoint, and which terminals without SIP are active: what the directory and the PBX's own
//! configuration decide. Contacts and legs stay with their endpoint whoever owns it. Called only by `State` under
//! its lock.

use std::sync::Arc;

use super::snapshot::Changes;
use super::tables::Tables;
use crate::clock::Timestamp;
use crate::event::{EndpointKey, UserKey};

/// A user whose endpoints changed; `true`: what pages show changed with them.
type Touched = Vec<(u32, bool)>;

impl Tables {
    /// The number of a word that is newer than all before.
    pub(super) fn next_word(&self) -> u64 {
        self.newest.saturating_add(1)
    }

    /// Takes note of a word that an endpoint is whose it is; `false`: it is not so, and nothing has changed.
    pub(super) fn confirm(&mut self, endpoint: &EndpointKey, user: &UserKey, word: u64) -> bool {
        let Some(slot) = self.endpoints.find(endpoint) else { return false };
        let Some(row) = self.endpoints.get_mut(slot) else { return false };
        let same = row.owner.is_some_and(|owner| self.users.is(owner, user));
        if same {
            row.name(word);
        }
        same
    }

    /// Replaces the whole map from endpoint to user, but for endpoints of which there is a newer word; the last entry
    /// of an endpoint counts.
    pub(super) fn assign<'a>(
        &mut self,
        owners: impl IntoIterator<Item = &'a (Arc<EndpointKey>, Arc<UserKey>)>,
        (word, now): (u64, Timestamp),
        out: &mut Changes,
    ) {
        if word < self.assigned {
            return;
        }
        self.assigned = word;
        self.newest = self.newest.max(word);
        let mut touched = Touched::new();
        for (endpoint, user) in owners {
            self.give(endpoint, user, word, out, &mut touched);
        }
        let dropped: Vec<u32> = self
            .endpoints
            .iter()
            .filter(|(_, endpoint)| endpoint.owner.is_some() && endpoint.named < word)
            .map(|(slot, _)| slot)
            .collect();
        for slot in dropped {
            self.set_owner(slot, None, out, &mut touched);
        }
        self.finish(touched, now, out);
        self.users.sweep();
    }

    /// Changes the owner of one endpoint, unless the last whole map is as new.
    pub(super) fn own(
        &mut self,
        endpoint: &Arc<EndpointKey>,
        user: Option<&Arc<UserKey>>,
        (word, now): (u64, Timestamp),
        out: &mut Changes,
    ) {
        if word <= self.assigned {
            return;
        }
        self.newest = self.newest.max(word);
        let mut touched = Touched::new();
        match (user, self.endpoints.find(endpoint)) {
            (Some(user), _) => self.give(endpoint, user, word, out, &mut touched),
            (None, Some(slot)) => {
                if self.endpoints.get_mut(slot).is_some_and(|row| row.name(word)) {
                    self.set_owner(slot, None, out, &mut touched);
                }
            }
            (None, None) => {}
        }
        self.finish(touched, now, out);
    }

    /// Sets whether a terminal without SIP is active.
    pub(super) fn activate(
        &mut self,
        user: &Arc<UserKey>,
        terminal: &str,
        active: bool,
        now: Timestamp,
        out: &mut Changes,
    ) {
        let at = match self.users.find(user) {
            Some(at) => at,
            None if active => self.users.find_or_add(user),
            None => return,
        };
        if self.users.set_active(at, terminal, active) {
            self.derive(at, true, now, out);
        }
    }

    fn give(
        &mut self,
        endpoint: &Arc<EndpointKey>,
        user: &Arc<UserKey>,
        word: u64,
        out: &mut Changes,
        touched: &mut Touched,
    ) {
        let slot = self.endpoints.find(endpoint).unwrap_or_else(|| self.endpoints.add(Arc::clone(endpoint)));
        if !self.endpoints.get_mut(slot).is_some_and(|row| row.name(word)) {
            return;
        }
        let user = self.users.find_or_add(user);
        self.set_owner(slot, Some(user), out, touched);
    }

    fn set_owner(&mut self, slot: u32, owner: Option<u32>, out: &mut Changes, touched: &mut Touched) {
        let Some(row) = self.endpoints.get_mut(slot) else { return };
        if row.owner == owner {
            return;
        }
        let visible = !row.is_idle();
        let before = std::mem::replace(&mut row.owner, owner);
        if let Some(before) = before {
            self.users.deprive(before, slot);
            touched.push((before, visible));
        }
        if let Some(owner) = owner {
            for (since, registered) in row.contacts.untold(&row.key.endpoint) {
                self.users.note(owner, since, registered, out);
            }
            self.users.give(owner, slot);
            touched.push((owner, visible));
        }
        self.endpoints.settle(slot, false);
    }

    fn finish(&mut self, mut touched: Touched, now: Timestamp, out: &mut Changes) {
        self.adopt_strays();
        // a user's visible change first, so that the duplicates of it go
        touched.sort_unstable_by_key(|(user, visible)| (*user, !visible));
        touched.dedup_by_key(|(user, _)| *user);
        for (user, visible) in touched {
            self.derive(user, visible, now, out);
            self.users.release(user);
        }
        self.enforce();
    }

    /// Gives failures of endpoints that nobody owned to those who own them now.
    fn adopt_strays(&mut self) {
        if self.strays.len() == 0 {
            return;
        }
        let endpoints = &self.endpoints;
        let owner = |key: &EndpointKey| endpoints.get(endpoints.find(key)?)?.owner;
        for failure in self.strays.take(|failure| owner(&failure.endpoint).is_some()) {
            if let Some(owner) = owner(&failure.endpoint) {
                self.users.fail(owner, failure);
            }
        }
    }
}
