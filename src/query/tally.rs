//! How many users of a company have which sticker, kept between the polls of a wall: asking the state for ten thousand
//! users each time would take its lock as often. Called by `wall`. Holds its own lock only to take or leave a tally.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Timestamp;
use crate::directory::User;
use crate::event::{Sticker, UserKey};
use crate::query::wall::Totals;
use crate::state::State;

/// Counted anew after so long in any case: the state doesn't name users whom it forgets.
const RECOUNT: Duration = Duration::from_secs(60);

/// One tally a company.
#[derive(Debug, Default)]
pub(crate) struct Tallies(Mutex<HashMap<Arc<str>, Tally>>);

/// Which moment is counted: versions of directory and state, and the time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) generation: u64,
    pub(crate) version: u64,
    pub(crate) now: Timestamp,
}

#[derive(Debug)]
struct Tally {
    at: Moment,
    stickers: HashMap<Arc<UserKey>, Sticker>,
    totals: Totals,
}

impl Tallies {
    /// The totals of `company`, whose users are `users`, not older than `moment`. While one caller has the tally,
    /// another one counts for itself.
    pub(crate) fn totals(
        &self,
        company: &Arc<str>,
        users: &[Arc<User>],
        state: &State,
        moment: Moment,
    ) -> Totals {
        let known = self.0.lock().remove(company).filter(|tally| tally.is_of(moment));
        let tally = match known {
            Some(mut tally) => {
                for key in state.changed_since(tally.at.version) {
                    tally.change(&key, state.user(&key).sticker);
                }
                tally.at.version = tally.at.version.max(moment.version);
                tally
            }
            None => Tally::count(users, state, moment),
        };
        let totals = tally.totals;
        self.0.lock().insert(Arc::clone(company), tally);
        totals
    }
}

impl Tally {
    fn count(users: &[Arc<User>], state: &State, at: Moment) -> Self {
        let stickers: HashMap<_, _> =
            users.iter().map(|user| (Arc::clone(&user.key), state.user(&user.key).sticker)).collect();
        let mut totals = Totals::default();
        stickers.values().for_each(|sticker| *totals.of(*sticker) += 1);
        Self { at, stickers, totals }
    }

    fn is_of(&self, moment: Moment) -> bool {
        self.at.generation == moment.generation
            && self.at.now <= moment.now
            && moment.now.since(self.at.now) < RECOUNT
    }

    /// Users of other companies are left out.
    fn change(&mut self, key: &UserKey, sticker: Sticker) {
        if let Some(known) = self.stickers.get_mut(key)
            && *known != sticker
        {
            *self.totals.of(*known) -= 1;
            *self.totals.of(sticker) += 1;
            *known = sticker;
        }
    }
}
