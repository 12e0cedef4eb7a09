//! Reads a stretch of the ring for a history. Blocks for the disk.

use std::sync::Arc;

use super::{Context, History, MOST};
use crate::clock::Timestamp;
use crate::directory::User;
use crate::error::Result;
use crate::event::{Change, Sticker, UserKey};
use crate::query::diagnostics::Cursor;
use crate::query::{Query, Viewer};
use crate::store::record::Payload;
use crate::store::{Kinds, Query as Range};

/// Changes looked through for the sticker with which a history begins.
const CHANGES_BEFORE: usize = 100;

/// Which records a history is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    /// Not older.
    pub(super) from: Timestamp,
    /// Not newer.
    pub(super) to: Timestamp,
    /// Only older ones than this.
    pub(super) before: Option<Cursor>,
    /// At most so many, the newest; no more than [`MOST`].
    pub(super) most: usize,
}

impl Query {
    /// A user's history: the newest records up to [`MOST`], older than `before`, not older than `from`. Audited as a
    /// reading of the user's packets. `None` where there is no such user. Cost: the reading, and about 1 us a packet.
    ///
    /// # Errors
    /// When the two-day ring can't be read or the audit log can't be written.
    pub fn history(
        &self,
        viewer: &Viewer,
        user: &UserKey,
        from: Timestamp,
        before: Option<Cursor>,
    ) -> Result<Option<History>> {
        let Some(user) = self.user(user) else { return Ok(None) };
        self.audit_reading(viewer, "read-packets", Some(&user), "")?;
        self.history_of(&user, from, before).map(Some)
    }

    /// As [`Self::history`], for what is audited already.
    pub(in crate::query) fn history_of(
        &self,
        user: &Arc<User>,
        from: Timestamp,
        before: Option<Cursor>,
    ) -> Result<History> {
        self.history_within(user, Reach { from, to: Timestamp::MAX, before, most: MOST })
    }

    /// As [`Self::history_of`], of a stretch.
    pub(super) fn history_within(&self, user: &Arc<User>, reach: Reach) -> Result<History> {
        let most = reach.most.min(MOST);
        let mut records = self.0.store.read(&Range {
            user: &user.key,
            from: reach.from,
            to: reach.to,
            before: reach.before.map(|c| (c.time, c.seq)),
            limit: most.saturating_add(1),
            kinds: Kinds::ALL,
        })?;
        let more = records.len() > most;
        records.truncate(most);
        records.reverse();
        let state = self.0.state.user(&user.key);
        let running: Vec<Arc<str>> = state.legs.iter().map(|leg| Arc::clone(&leg.call_id)).collect();
        let company = &user.key.company;
        let by_extension = |number: &str| {
            let key = self.0.directory.by_extension(company, number)?;
            self.user(&key)
        };
        let context = Context { user, by_extension: &by_extension, running: &running, now: self.now() };
        let mut history = History::new(records, &context, self.0.settings.dump_detail(company));
        history.next = history.first().filter(|_| more);
        history.stretch = (
            history.next.map_or(reach.from, |next| next.time),
            reach.before.map_or(reach.to, |c| c.time).min(history.at),
        );
        history.sticker = self.sticker_before(&history, reach)?.or_else(|| {
            let is_new = reach.before.is_none() && reach.to >= history.at;
            let is_steady = !history.changes.iter().any(|told| matches!(told.change, Change::Sticker { .. }));
            // the ring tells nothing of the time before its oldest record
            let since = history.oldest.unwrap_or(state.since).max(state.since);
            (is_new && is_steady && since > Timestamp::default()).then_some((since, state.sticker))
        });
        Ok(history)
    }

    /// The sticker when a history begins, and since when, from the changes before it.
    fn sticker_before(&self, history: &History, reach: Reach) -> Result<Option<(Timestamp, Sticker)>> {
        let first = history.first().unwrap_or(Cursor { time: history.stretch.1, seq: u64::MAX });
        let changes = self.0.store.read(&Range {
            user: &history.user.key,
            from: Timestamp::MIN,
            to: first.time.min(reach.to),
            before: Some((first.time, first.seq)),
            limit: CHANGES_BEFORE,
            kinds: Kinds { packets: false, changes: true, gaps: false, quality: false },
        })?;
        Ok(changes.iter().find_map(|record| match record.payload {
            Payload::Change(Change::Sticker { sticker, .. }) => Some((record.time, sticker)),
            _ => None,
        }))
    }
}
