//! The packets of a history that fit a filter, with what is missing and what changed in its place, and the packets that came
//! since somebody last looked.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::filter::Filter;
use super::message::{Facts, Message};
use super::overview::{Asked, Rest};
use super::sieve::Sieve;
use crate::capture::message::scan;
use crate::clock::Timestamp;
use crate::directory::User;
use crate::error::Result;
use crate::event::{DumpDetail, UserKey};
use crate::query::diagnostics::{Cursor, DiagnosticsPage, Entry, entry};
use crate::query::{Query, Viewer};
use crate::store::record::{Payload, Record};
use crate::store::{Kinds, Query as Range};

/// Somebody who goes on looking is written down again after so long.
const AGAIN: Duration = Duration::from_mins(10);
/// Records of the same moment may come one after the other.
const LATE: Duration = Duration::from_secs(60);
/// Who looks on at most; of more, all are written down anew.
const WATCHERS: usize = 1_024;

/// Who looks on at whose packets, and when that was written down. Its lock is held for a look-up.
#[derive(Debug, Default)]
pub(crate) struct Watchers(Mutex<HashMap<Look, Timestamp>>);

/// Who, from where, at whom.
type Look = (Arc<str>, String, UserKey);

impl Watchers {
    /// Whether this look has to be written down.
    fn is_due(&self, viewer: &Viewer, user: &UserKey, now: Timestamp) -> bool {
        let mut all = self.0.lock();
        all.retain(|_, since| *since <= now && now.since(*since) < AGAIN);
        if all.len() >= WATCHERS {
            all.clear();
        }
        match all.entry((Arc::clone(&viewer.person), viewer.from.clone(), user.clone())) {
            Place::Occupied(_) => false,
            Place::Vacant(place) => {
                place.insert(now);
                true
            }
        }
    }
}

/// What came since somebody last looked.
#[derive(Debug, Clone)]
pub struct Tail {
    /// Newest first.
    pub entries: Vec<(Cursor, Entry)>,
    /// How many packets that fit are not among them, because there are too many.
    pub left_out: usize,
    /// Where to go on.
    pub after: Cursor,
    /// The dump detail in force now.
    pub detail: DumpDetail,
    /// Packets dropped since the start because the queue was full, of all users.
    pub dropped: u64,
    /// When it was read.
    pub at: Timestamp,
}

impl Query {
    /// A page of at most `limit` packets that fit, newest first, with the gaps between them. Audited as a reading of the
    /// user's packets. `None` where there is no such user. Cost: as [`Query::history`]; where only the beginning narrows
    /// it, as [`Query::diagnostics`].
    ///
    /// # Errors
    /// When the two-day ring can't be read or the audit log can't be written.
    pub fn packets(
        &self,
        viewer: &Viewer,
        user: &UserKey,
        asked: &Asked,
        limit: usize,
    ) -> Result<Option<Packets>> {
        let Some(user) = self.user(user) else { return Ok(None) };
        self.audit_reading(viewer, "read-packets", Some(&user), &asked.filter.words())?;
        if !asked.filter.is_narrow() && asked.filter.to.is_none() {
            let (from, _) = asked.filter.window(self.now());
            let (entries, next) = self.entries(&user.key, from, asked.past, limit)?;
            let detail = self.0.settings.dump_detail(&user.key.company);
            let page = DiagnosticsPage { user, detail, entries, next, at: self.now() };
            return Ok(Some(Packets { page, past: next, rest: None }));
        }
        let history = self.history_within(&user, asked.reach(self.now()))?;
        let (from, to) = asked.filter.window(history.at);
        let mut sieve = Sieve::new(&asked.filter, history.at);
        let mut found: Vec<Record> = Vec::new();
        let rest = history.rest();
        let is_older = |at: Cursor| asked.past.is_none_or(|past| at < past) && asked.tells(at, at, rest);
        for item in &history.items {
            if !sieve.item(&history, item) {
                continue;
            }
            for message in history.messages_of(item).filter(|message| is_older(message.at)) {
                let call_id = history.dialogs.get(message.dialog).map_or("", |d| &*d.call_id);
                if sieve.message(message, call_id) {
                    found.push(record(&user, message));
                }
            }
        }
        for (at, gap) in &history.gaps {
            if gap.from <= to && gap.to >= from && is_older(*at) {
                let payload = Payload::Gap(*gap);
                found.push(Record { seq: at.seq, time: at.time, user: Arc::clone(&user.key), payload });
            }
        }
        found.sort_unstable_by_key(|record| std::cmp::Reverse((record.time, record.seq)));
        let more = found.len() > limit;
        found.truncate(limit);
        let past = found.last().filter(|_| more).map(|r| Cursor { time: r.time, seq: r.seq });
        let proven = self.proven(&user.key, &found)?;
        let page = DiagnosticsPage {
            entries: found.into_iter().filter_map(|record| entry(record, &proven)).collect(),
            detail: history.detail,
            next: past,
            at: history.at,
            user,
        };
        Ok(Some(Packets { page, past, rest }))
    }

    /// At most `limit` packets, gaps and changes that came after `after`, newest first, and fit; kind and outcome narrow
    /// nothing, because a packet that just came has neither. Without `after` none, but where to begin. Audited as a
    /// reading when somebody begins, and again every ten minutes. `None` where there is no such user.
    ///
    /// # Errors
    /// As [`Query::packets`].
    pub fn tail(
        &self,
        viewer: &Viewer,
        user: &UserKey,
        filter: &Filter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Option<Tail>> {
        let Some(user) = self.user(user) else { return Ok(None) };
        let now = self.now();
        if self.2.is_due(viewer, &user.key, now) {
            self.audit_reading(viewer, "watch-packets", Some(&user), &filter.words())?;
        }
        let reading = Range {
            user: &user.key,
            // the clock may have been set back
            from: after.map_or(Timestamp::MIN, |after| after.time.min(now).minus(LATE)),
            to: Timestamp::MAX,
            before: None,
            limit: if after.is_none() { 1 } else { super::MOST },
            kinds: Kinds { quality: false, ..Kinds::ALL },
        };
        let mut records = self.0.store.read(&reading)?;
        let newest = records.iter().map(|r| Cursor { time: r.time, seq: r.seq });
        let seq = newest.clone().map(|c| c.seq).chain(after.map(|c| c.seq)).max();
        let time = newest.map(|c| c.time).chain(after.map(|c| c.time)).max();
        // by its number, not its time: a record is numbered when it comes, and may tell of an earlier moment
        records.retain(|record| after.is_some_and(|after| record.seq > after.seq));
        let mut sieve = Sieve::new(filter, now);
        let hash = foldhash::quality::RandomState::default();
        records.retain(|record| match &record.payload {
            Payload::Packet(packet) => {
                let scan = scan(&packet.bytes);
                let call_id = String::from_utf8_lossy(scan.call_id);
                let at = Cursor { time: record.time, seq: record.seq };
                let message = Message::new(at, packet.clone(), &Facts::of(&scan, &packet.bytes, &hash), 0);
                sieve.message(&message, &call_id) && sieve.parties(&message)
            }
            Payload::Change(_) => !filter.is_narrow(),
            Payload::Gap(_) => true,
            Payload::Quality(_) => false,
        });
        let left_out = records.len().saturating_sub(limit);
        records.truncate(limit);
        let proven = self.proven(&user.key, &records)?;
        let place = |record: Record| {
            let at = Cursor { time: record.time, seq: record.seq };
            entry(record, &proven).map(|entry| (at, entry))
        };
        Ok(Some(Tail {
            entries: records.into_iter().filter_map(place).collect(),
            left_out,
            after: Cursor { time: time.unwrap_or(now), seq: seq.unwrap_or_default() },
            detail: self.0.settings.dump_detail(&user.key.company),
            dropped: self.health().dropped,
            at: now,
        }))
    }
}

/// A page of packets.
#[derive(Debug, Clone)]
pub struct Packets {
    /// The packets.
    pub page: DiagnosticsPage,
    /// More that fit follow this one; `None`: these are the last of what was read.
    pub past: Option<Cursor>,
    /// What was not read; `None`: it was read to its end.
    pub rest: Option<Rest>,
}

fn record(user: &Arc<User>, message: &Message) -> Record {
    let payload = Payload::Packet(message.packet());
    Record { seq: message.at.seq, time: message.at.time, user: Arc::clone(&user.key), payload }
}
