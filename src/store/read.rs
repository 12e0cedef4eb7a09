//! Reading: one user's records out of memory and segments, newest first. Any thread; the front lock is held to
//! choose, never to decode, and no lock while a file is read.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::age::{Age, Stretch};
use super::ahead::{Ahead, Next};
use super::folder::Name;
use super::record::{Gap, GapCause, Names, Payload, Record, Row};
use super::run::Unpacker;
use super::segment::Segment;
use super::tier::{Piece, place_of};
use super::wire::{EVERYBODY, place};
use super::{Kinds, Query, Store};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::event::UserKey;

/// Collects the newest records that a query wants.
struct Gather<'a> {
    query: &'a Query<'a>,
    user: Arc<UserKey>,
    nobody: Arc<UserKey>,
    places: Vec<u64>,
    age: Age,
    retention: Option<Duration>,
    names: Names,
    records: Vec<Record>,
}

impl Gather<'_> {
    /// Takes a record if it is wanted; it happened at ring time `ring`. `false`: it is of a later version, and can't be
    /// shown.
    fn take(&mut self, row: &Row<'_>, ring: i64) -> bool {
        let query = self.query;
        if !query.wants(row.time, row.seq) {
            return true;
        }
        let everybody = place_of(row.kind, row.company, row.user) == EVERYBODY;
        let its = row.company == &*query.user.company && row.user == &*query.user.user;
        if !(everybody || its) || self.is_hidden(ring) {
            return true;
        }
        let owner = if everybody { &self.nobody } else { &self.user };
        let Some(record) = row.decode(owner, &mut self.names) else { return false };
        if query.kinds.wants(&record.payload) {
            self.records.push(record);
        }
        true
    }

    /// Whether the company's retention is over for a record whose segment is still there.
    fn is_hidden(&self, ring: i64) -> bool {
        self.retention.is_some_and(|retention| self.age.of(ring) > retention)
    }

    /// Keeps the newest `limit`; gives the time before which nothing is wanted any more.
    fn trim(&mut self) -> Option<Timestamp> {
        if self.records.len() < self.query.limit {
            return None;
        }
        self.sort();
        self.records.last().filter(|_| self.records.len() >= self.query.limit).map(|record| record.time)
    }

    fn sort(&mut self) {
        self.records.sort_unstable_by_key(|record| std::cmp::Reverse((record.time, record.seq)));
        self.records.dedup_by_key(|record| (record.time, record.seq));
        self.records.truncate(self.query.limit);
    }

    fn damage(&mut self, segment: &Segment, packets: u64) {
        let (from, to) = (Timestamp(segment.facts.times.0), Timestamp(segment.facts.times.1));
        if self.query.kinds.gaps && self.query.wants(to, 0) && !self.is_hidden(segment.facts.stretch.ring(to))
        {
            let payload = Payload::Gap(Gap { from, to, packets, cause: GapCause::Damage });
            let user = Arc::clone(&self.nobody);
            self.records.push(Record { seq: 0, time: to, user, payload });
        }
    }
}

impl Kinds {
    fn wants(self, payload: &Payload) -> bool {
        match payload {
            Payload::Packet(_) => self.packets,
            Payload::Change(_) => self.changes,
            Payload::Gap(_) => self.gaps,
            Payload::Quality(_) => self.quality,
        }
    }
}

impl Store {
    /// Reads a user's records, newest first by (time, seq). Any thread; blocks for the disk: one run for each
    /// segment that may hold some, until there are `limit`. What is older than the company's retention, as of
    /// the last [`Store::maintain`], is not shown. A stretch that cannot be read comes as a gap.
    ///
    /// # Errors
    /// [`Error::Io`] when the unpacking cannot be set up; not for what is wrong with a file.
    pub fn read(&self, query: &Query<'_>) -> Result<Vec<Record>> {
        if query.limit == 0 {
            return Ok(Vec::new());
        }
        let mut places = vec![place(&query.user.company, &query.user.user)];
        if query.kinds.gaps {
            places.push(EVERYBODY);
        }
        let (age, retention) = {
            let rules = self.rules.read();
            (rules.age, rules.retention(&query.user.company))
        };
        let mut gather = Gather {
            query,
            user: Arc::new(query.user.clone()),
            nobody: Arc::new(UserKey::default()),
            places,
            age,
            retention,
            names: Names::default(),
            records: Vec::new(),
        };
        let in_memory = self.read_front(&mut gather);
        let mut enough = gather.trim();
        let mut unpacker = Unpacker::new().map_err(|e| Error::io("set up zstd for", self.folder.dir(), e))?;
        let turn = self.queries.fetch_add(1, Ordering::Relaxed);
        let newest = query.before.map_or(query.to, |(time, _)| time.min(query.to)).0;
        let segments = self.segments();
        let wanted = segments.iter().filter(|segment| {
            let (first, last) = segment.facts.times;
            first <= newest && last >= query.from.0 && !in_memory.contains(&segment.facts.number)
        });
        let places = gather.places.clone();
        let ahead = Ahead::new(&self.folder, wanted.cloned(), &places, (query.from.0, newest));
        for next in ahead {
            if enough.is_some_and(|time| next.segment.facts.times.1 < time.0) {
                break;
            }
            next.segment.used.store(turn, Ordering::Relaxed);
            self.read_segment(&next, &mut gather, &mut unpacker);
            enough = gather.trim();
        }
        gather.sort();
        Ok(gather.records)
    }

    /// One record again. Costs as a short [`Store::read`].
    ///
    /// # Errors
    /// As [`Store::read`].
    pub fn get(&self, user: &UserKey, time: Timestamp, seq: u64) -> Result<Option<Record>> {
        let before = seq.checked_add(1).map(|next| (time, next));
        let query = Query { user, from: time, to: time, before, limit: 1, kinds: Kinds::ALL };
        Ok(self.read(&query)?.pop().filter(|record| record.seq == seq))
    }

    /// Gives the numbers of the tiers it has read.
    fn read_front(&self, gather: &mut Gather<'_>) -> Vec<u64> {
        let all = Query { limit: usize::MAX, ..*gather.query };
        let pick = |query: &Query<'_>, gather: &Gather<'_>| {
            let mut pieces: Vec<Piece> = Vec::new();
            let front = self.front.read();
            for &place in &gather.places {
                front.tier.pick(place, query, &mut pieces);
            }
            (pieces, front.sealing.clone(), front.tier.number, front.tier.stretch)
        };
        let (pieces, mut sealing, mut number, mut stretch) = pick(gather.query, gather);
        if !gather.take_pieces(&pieces, &Stretch { to: i64::MAX, ..stretch }) {
            let pieces;
            (pieces, sealing, number, stretch) = pick(&all, gather);
            gather.take_pieces(&pieces, &Stretch { to: i64::MAX, ..stretch });
        }
        let mut numbers = vec![number];
        for tier in sealing {
            let pick = |query: &Query<'_>, gather: &Gather<'_>| {
                let mut pieces: Vec<Piece> = Vec::new();
                for &place in &gather.places {
                    tier.pick(place, query, &mut pieces);
                }
                pieces
            };
            let pieces = pick(gather.query, gather);
            if !gather.take_pieces(&pieces, &tier.stretch) {
                let pieces = pick(&all, gather);
                gather.take_pieces(&pieces, &tier.stretch);
            }
            numbers.push(tier.number);
        }
        numbers
    }

    fn read_segment(&self, next: &Next, gather: &mut Gather<'_>, unpacker: &mut Unpacker) {
        let segment = &*next.segment;
        let file = match &next.file {
            Ok(file) => file,
            // the seal thread finds it out, and says it once for all that are missing
            Err(_) if self.folder.is_missing(Name::Segment(segment.facts.number)) => {
                return gather.damage(segment, 0);
            }
            Err(error) => {
                self.alarm_once(segment, &error.to_string());
                return gather.damage(segment, 0);
            }
        };
        let Some(index) = &next.index else {
            self.alarm_once(segment, "the index cannot be read");
            return gather.damage(segment, 0);
        };
        let mut lost = segment.lost.load(Ordering::Relaxed);
        let mut is_damaged = lost > 0;
        let newest = gather.query.before.map_or(gather.query.to, |(time, _)| time.min(gather.query.to));
        for place in gather.places.clone() {
            let mut found = 0;
            for extent in index.find(place, gather.query.from.0, newest.0).into_iter().rev() {
                let bytes = segment.run(file, extent).unwrap_or_default();
                let Some((_, rows)) = unpacker.unpack(segment.facts.salt, &bytes) else {
                    self.alarm_once(segment, "a part of it cannot be read");
                    (is_damaged, lost) = (true, 0);
                    continue;
                };
                let before = gather.records.len();
                for row in rows {
                    if place_of(row.kind, row.company, row.user) == place {
                        gather.take(&row, segment.summary.ring(row.seq, row.time));
                    }
                }
                found += gather.records.len().saturating_sub(before);
                if found >= gather.query.limit {
                    break;
                }
            }
        }
        if is_damaged {
            gather.damage(segment, lost);
        }
    }

    pub(super) fn alarm_once(&self, segment: &Segment, what: &str) {
        if !segment.damaged.swap(true, Ordering::Relaxed) {
            let path = self.folder.path(Name::Segment(segment.facts.number));
            tracing::error!("{}: {what}: its packets are shown as a gap; look at the disk", path.display());
        }
    }
}

impl Gather<'_> {
    /// `false`: some are of a later version. They have counted towards the limit, so there may be others to take.
    fn take_pieces(&mut self, pieces: &[Piece], stretch: &Stretch) -> bool {
        let rows = pieces.iter().filter_map(|piece| Row::split(piece.bytes()));
        rows.filter(|row| !self.take(row, stretch.ring(row.time))).count() == 0
    }
}
