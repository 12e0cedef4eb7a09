//! Who claims a name (an endpoint, an extension) within one company; the strongest claim owns it. Pure.

use std::sync::Arc;

use foldhash::HashMap;

use super::merge::Rank;
use crate::event::UserKey;

/// Claims by name; of equal ones the smaller key wins, so that the order of events does not matter.
#[derive(Debug, Default)]
pub(super) struct Claims(HashMap<Arc<str>, Vec<(Rank, Arc<UserKey>)>>);

impl Claims {
    /// The owner of `name`.
    pub(super) fn first(&self, name: &str) -> Option<&Arc<UserKey>> {
        self.0.get(name)?.first().map(|(_, user)| user)
    }

    /// Adds a claim; gives back who owned it before, if it was another.
    pub(super) fn claim(&mut self, name: &Arc<str>, rank: Rank, user: &Arc<UserKey>) -> Option<Arc<UserKey>> {
        let before = self.first(name).filter(|owner| *owner != user).cloned();
        let claims = self.0.entry(name.clone()).or_insert_with(|| Vec::with_capacity(1));
        claims.push((rank, user.clone()));
        claims.sort_unstable();
        before.filter(|owner| self.first(name) != Some(owner))
    }

    /// Removes a user's claim; gives back who owns it now, if somebody does.
    pub(super) fn release(&mut self, name: &str, user: &UserKey) -> Option<Arc<UserKey>> {
        let claims = self.0.get_mut(name)?;
        claims.retain(|(_, claimant)| **claimant != *user);
        if claims.is_empty() {
            self.0.remove(name);
        }
        self.first(name).cloned()
    }
}
