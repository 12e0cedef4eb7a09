//! Packets that were counted instead of kept, or kept with less than the company's dump detail, gathered into one record
//! for each user and stretch of time. Pure; used by the drain thread only. Bounded: beyond [`USERS`] users a stretch is
//! everybody's.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::Dropped;
use crate::clock::Timestamp;
use crate::event::UserKey;

/// Users with a stretch at once.
const USERS: usize = 4_096;

/// Why packets of a user are not as the company's dump detail says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// Overload: only counted.
    Overload,
    /// Nothing proves that they are the user's, and they were over the bound of such packets.
    Unproven,
    /// The queue was full of packets from this user's address.
    Queue,
    /// Overload: kept, but with less detail. They are not missing.
    Lowered,
}

impl Why {
    const ALL: [Self; 4] = [Self::Overload, Self::Unproven, Self::Queue, Self::Lowered];

    /// How long a stretch is at most. What anybody can send makes fewer records.
    const fn span(self) -> Duration {
        match self {
            Self::Unproven => Duration::from_secs(60),
            Self::Overload | Self::Queue | Self::Lowered => Duration::from_secs(10),
        }
    }
}

/// The stretches that are not told yet.
#[derive(Debug, Default)]
pub(super) struct Stretches {
    open: HashMap<Arc<UserKey>, [Option<Open>; 4]>,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    since: Timestamp,
    dropped: Dropped,
}

impl Stretches {
    /// Counts `more` for a user.
    pub(super) fn count(&mut self, user: &Arc<UserKey>, why: Why, more: Dropped, now: Timestamp) {
        let is_new = !self.open.contains_key(user);
        let user = if is_new && self.open.len() >= USERS { Arc::default() } else { Arc::clone(user) };
        let stretches = self.open.entry(user).or_default();
        let Some(place) = Why::ALL.iter().zip(stretches).find(|(own, _)| **own == why) else { return };
        let open = place.1.get_or_insert(Open { since: now, dropped: Dropped { packets: 0, ..more } });
        let sum = &mut open.dropped;
        sum.from = sum.from.min(more.from);
        sum.to = sum.to.max(more.to);
        sum.packets = sum.packets.saturating_add(more.packets);
    }

    /// Tells those that are long enough, and with `all` every one. Cost: a pass over the open ones.
    pub(super) fn tell(
        &mut self,
        now: Timestamp,
        all: bool,
        sink: &mut dyn FnMut(Arc<UserKey>, Why, Dropped),
    ) {
        self.open.retain(|user, stretches| {
            for (why, place) in Why::ALL.iter().zip(stretches.iter_mut()) {
                let due = |open: &mut Open| all || now < open.since || now.since(open.since) >= why.span();
                if let Some(open) = place.take_if(due) {
                    sink(Arc::clone(user), *why, open.dropped);
                }
            }
            stretches.iter().any(Option::is_some)
        });
    }
}
