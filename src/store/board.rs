//! What the ring keeps of a company apart from its users' records: pages of the wall, and the steps of all legs of calls.
//! One place each, so that a moment's wall, or the legs of a call, lie in few runs. Written by the drain thread, read by
//! `query`. What a page holds is the matter of [`super::wall`].

use std::sync::atomic::Ordering;

use super::Store;
use super::age::Stretch;
use super::folder::Name;
use super::record::{Content, Row, kind};
use super::run::Unpacker;
use super::segment::Segment;
use super::tier::Piece;
use super::wire::place;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::event::{Step, UserKey};

/// What stands for the user in such a record; no user's id, which has no control characters in it.
const WALL: &str = "\0wall";
const STEPS: &str = "\0steps";

/// Whether what stands for the user is none: nobody's share, nobody's packets.
pub(super) fn is_board(user: &str) -> bool {
    user.starts_with('\0')
}

/// Where the steps of a company's legs lie.
pub(super) fn steps_place(company: &str) -> u64 {
    place(company, STEPS)
}

/// One of the company's places.
#[derive(Clone, Copy)]
struct Board {
    name: &'static str,
    kind: u8,
}

const PAGES: Board = Board { name: WALL, kind: kind::WALL };
const LEGS: Board = Board { name: STEPS, kind: kind::STEP };

/// A page of a company's wall, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// When.
    pub time: Timestamp,
    /// In which order.
    pub seq: u64,
    /// A [`super::wall::Page`].
    pub bytes: Box<[u8]>,
}

impl Store {
    /// Stores a page of a company's wall; `false`: the ring takes nothing now. Any thread, as [`Store::append`].
    ///
    /// # Errors
    /// [`Error::Stopped`] after [`Store::close`]; nothing else.
    pub fn append_wall(&self, time: Timestamp, company: &str, page: &[u8]) -> Result<bool> {
        self.append_board(time, company, PAGES, Content::Wall(page))
    }

    /// Stores where a leg of a call stands; `false`: the ring takes nothing now. Any thread, as [`Store::append`].
    ///
    /// # Errors
    /// [`Error::Stopped`] after [`Store::close`]; nothing else.
    pub fn append_step(&self, time: Timestamp, company: &str, step: &Step) -> Result<bool> {
        self.append_board(time, company, LEGS, Content::Step(step))
    }

    fn append_board(
        &self,
        time: Timestamp,
        company: &str,
        board: Board,
        content: Content<'_>,
    ) -> Result<bool> {
        let key = UserKey::new(company, board.name);
        let mut front = self.front.write();
        front.check()?;
        Ok(front.push(time, &key, content).1)
    }

    /// The pages of a company's wall from `from` to `to`, in the order of (time, seq). Any thread; blocks for the disk:
    /// some runs of each segment of that time. What is older than the company's retention is not given, nor what cannot
    /// be read.
    ///
    /// # Errors
    /// [`Error::Io`] when the unpacking cannot be set up; not for what is wrong with a file.
    pub fn read_wall(&self, company: &str, from: Timestamp, to: Timestamp) -> Result<Vec<Stored>> {
        let stored = |row: &Row<'_>| Some(Stored { time: row.time, seq: row.seq, bytes: row.body.into() });
        let mut found = self.read_board(company, PAGES, (from, to), &stored)?;
        found.sort_unstable_by_key(|page| (page.time, page.seq));
        found.dedup_by_key(|page| (page.time, page.seq));
        Ok(found)
    }

    /// The steps of all legs of a company from `from` to `to`, in the order of (time, seq); otherwise as
    /// [`Self::read_wall`].
    ///
    /// # Errors
    /// As [`Self::read_wall`].
    pub fn read_steps(
        &self,
        company: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<(Timestamp, u64, Step)>> {
        let step = |row: &Row<'_>| Some((row.time, row.seq, row.step()?));
        let mut found = self.read_board(company, LEGS, (from, to), &step)?;
        found.sort_unstable_by_key(|(time, seq, _)| (*time, *seq));
        found.dedup_by_key(|(time, seq, _)| (*time, *seq));
        Ok(found)
    }

    fn read_board<T>(
        &self,
        company: &str,
        board: Board,
        (from, to): (Timestamp, Timestamp),
        decode: &dyn Fn(&Row<'_>) -> Option<T>,
    ) -> Result<Vec<T>> {
        let place = place(company, board.name);
        let (age, retention) = {
            let rules = self.rules.read();
            (rules.age, rules.retention(company))
        };
        let mut found: Vec<T> = Vec::new();
        let mut take = |row: &Row<'_>, ring: i64| {
            let its = row.kind == board.kind && row.company == company && row.user == board.name;
            let in_time = from <= row.time && row.time <= to;
            let hidden = || retention.is_some_and(|retention| age.of(ring) > retention);
            if its && in_time && !hidden() {
                found.extend(decode(row));
            }
        };
        let in_memory = self.board_in_memory((place, board.kind), (from.0, to.0), &mut take);
        let mut unpacker = Unpacker::new().map_err(|e| Error::io("set up zstd for", self.folder.dir(), e))?;
        let turn = self.queries.fetch_add(1, Ordering::Relaxed);
        for segment in self.segments().iter() {
            let (first, last) = segment.facts.times;
            if first > to.0 || last < from.0 || in_memory.contains(&segment.facts.number) {
                continue;
            }
            segment.used.store(turn, Ordering::Relaxed);
            self.board_in_segment(segment, place, (from.0, to.0), &mut unpacker, &mut take);
        }
        Ok(found)
    }

    /// Gives the numbers of the tiers it has read.
    fn board_in_memory(
        &self,
        (place, kind): (u64, u8),
        span: (i64, i64),
        take: &mut impl FnMut(&Row<'_>, i64),
    ) -> Vec<u64> {
        let mut pieces: Vec<Piece> = Vec::new();
        let (sealing, number, stretch) = {
            let front = self.front.read();
            front.tier.all(place, kind, span, &mut pieces);
            (front.sealing.clone(), front.tier.number, front.tier.stretch)
        };
        let mut numbers = vec![number];
        let stretch = Stretch { to: i64::MAX, ..stretch };
        pieces
            .iter()
            .filter_map(|piece| Row::split(piece.bytes()))
            .for_each(|row| take(&row, stretch.ring(row.time)));
        for tier in sealing {
            pieces.clear();
            tier.all(place, kind, span, &mut pieces);
            let rows = pieces.iter().filter_map(|piece| Row::split(piece.bytes()));
            rows.for_each(|row| take(&row, tier.stretch.ring(row.time)));
            numbers.push(tier.number);
        }
        numbers
    }

    fn board_in_segment(
        &self,
        segment: &Segment,
        place: u64,
        (from, to): (i64, i64),
        unpacker: &mut Unpacker,
        take: &mut impl FnMut(&Row<'_>, i64),
    ) {
        // removed by retention, or damaged: what is missing shows by itself, pages are numbered
        let Ok(file) = self.folder.open_file(Name::Segment(segment.facts.number)) else { return };
        let Some(index) = segment.index(&self.folder, &file) else { return };
        for extent in index.find(place, from, to) {
            let bytes = segment.run(&file, extent).unwrap_or_default();
            match unpacker.unpack(segment.facts.salt, &bytes) {
                Some((_, rows)) => rows.for_each(|row| take(&row, segment.summary.ring(row.seq, row.time))),
                None => self.alarm_once(segment, "a part of it cannot be read"),
            }
        }
    }
}
