//! A user's records oldest first, a piece at a time. The store reads newest first up to a number, so the stretch that is
//! read grows and shrinks with what is in it.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::event::UserKey;
use crate::query::Query;
use crate::store::record::Record;
use crate::store::{Kinds, Query as Range};

/// Records that are read at once; more only of one microsecond.
const PIECE: usize = 1_000;
/// The shortest stretch that is tried again after an empty one.
const TICK: Duration = Duration::from_micros(1);

/// How far a reading is.
#[derive(Debug)]
pub(super) struct Forward {
    user: Arc<UserKey>,
    /// `None`: it is at its end.
    from: Option<Timestamp>,
    to: Timestamp,
    span: Duration,
}

impl Forward {
    /// Begins a reading of all records from `from` to `to`.
    pub(super) fn new(user: &Arc<UserKey>, from: Timestamp, to: Timestamp) -> Self {
        Self { user: Arc::clone(user), from: Some(from).filter(|from| *from <= to), to, span: to.since(from) }
    }

    /// The next records, oldest first; `None`: there are no more. Blocks for the disk.
    ///
    /// # Errors
    /// As [`crate::store::Store::read`].
    pub(super) fn next(&mut self, query: &Query) -> Result<Option<Vec<Record>>> {
        while let Some(from) = self.from {
            let to = from.plus(self.span).min(self.to);
            let is_moment = to <= from;
            let mut records = query.0.store.read(&Range {
                user: &self.user,
                from,
                to,
                before: None,
                limit: if is_moment { usize::MAX } else { PIECE + 1 },
                kinds: Kinds::ALL,
            })?;
            if records.len() > PIECE && !is_moment {
                self.span = to.since(from) / 8;
                continue;
            }
            self.from = Some(to.plus(TICK)).filter(|next| to < self.to && *next <= self.to);
            if records.len() < PIECE / 4 {
                self.span = self.span.max(TICK).saturating_mul(8);
            }
            if !records.is_empty() {
                records.reverse();
                return Ok(Some(records));
            }
        }
        Ok(None)
    }
}
