//! The last time it worked: the newest good item of a user like a given one, before it.

use super::{Item, Kind, Outcome};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::event::UserKey;
use crate::query::diagnostics::Cursor;
use crate::query::history::legs::Joined;
use crate::query::{Query, Viewer};

/// An item to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earlier {
    /// A record of it.
    pub at: Cursor,
    /// It is with the same far party, and not only of the same kind.
    pub is_same_party: bool,
}

impl Query {
    /// The newest good item before `joined` of the same kind and direction, with the same far party if there is one.
    /// Audited as a reading of the user's packets. `None`: there is none in what is kept. Cost: that of a history.
    ///
    /// # Errors
    /// When the two-day ring can't be read or the audit log can't be written.
    pub fn last_good(&self, viewer: &Viewer, user: &UserKey, joined: &Joined) -> Result<Option<Earlier>> {
        let history = self.history(viewer, user, Timestamp::MIN, Some(joined.item.id))?;
        let Some(history) = history else { return Ok(None) };
        let is_like = |item: &&Item| {
            item.kind == joined.item.kind
                && item.direction == joined.item.direction
                && item.verdict.outcome == Outcome::Good
                && item.end <= joined.item.start
        };
        let is_same_party = |item: &&Item| match item.kind {
            Kind::Registration => item.endpoints == joined.item.endpoints,
            _ => item.far.number == joined.item.far.number,
        };
        let like = || history.items.iter().filter(is_like);
        let found = like().find(is_same_party).map(|item| (item, true));
        let found = found.or_else(|| like().next().map(|item| (item, false)));
        Ok(found.map(|(item, is_same_party)| {
            // of several in a row the newest
            let at = history.messages_of(item).last().map_or(item.id, |message| message.at);
            Earlier { at, is_same_party }
        }))
    }
}
