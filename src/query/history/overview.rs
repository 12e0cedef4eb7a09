//! The first page of diagnostics: what happened to a user, as lines, newest first: calls, registrations and other dialogs,
//! and between them when the user was offline, what the PBX told without packets, and where packets are missing.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::filter::{Filter, Sort};
use super::reading::Reach;
use super::sieve::Sieve;
use super::{History, Item, Kind, MOST, Outcome, Spans};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::event::{Change, Sticker, UserKey};
use crate::query::diagnostics::Cursor;
use crate::query::terminals::terminals;
use crate::query::wall::TerminalView;
use crate::query::words::{change_words, gap_words};
use crate::query::{Query, Viewer};
use crate::store::record::{Gap, GapCause};

/// Lines of a page.
pub const LINES: usize = 500;
/// What overlaps the stretch that is asked for is told whole if it began or ended within so long of it.
const AROUND: Duration = Duration::from_hours(3);
/// Gaps of one cause that are no further apart are one line.
const NEAR: Duration = Duration::from_secs(60);

/// What a page of a history is asked for with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What is looked for.
    pub filter: Filter,
    /// Where a long search goes on; `None`: it begins.
    pub rest: Option<Rest>,
    /// Of what they come to, the lines after this one.
    pub past: Option<Cursor>,
    /// Records that are read at once.
    pub slice: usize,
}

impl Default for Asked {
    fn default() -> Self {
        Self { filter: Filter::default(), rest: None, past: None, slice: MOST }
    }
}

/// What is left of a history that was not read at once. The readings overlap, so that a call is told whole by one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    /// Records older than this one are read.
    pub before: Cursor,
    /// What began at this one or after it was told.
    pub until: Cursor,
}

/// What a line tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The number of an item.
    Item(usize),
    /// Packets are missing, or were kept in part.
    Gap {
        /// From when.
        from: Timestamp,
        /// No packet is missing, but less of each was kept.
        is_lowered: bool,
        /// A sentence.
        words: String,
    },
    /// No terminal was there.
    Offline {
        /// From when.
        from: Timestamp,
        /// It goes on.
        is_now: bool,
    },
    /// What the PBX told, of which there are no packets.
    Change(String),
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its place: the time it is listed by, and a number that orders equal ones.
    pub at: Cursor,
    /// What it tells.
    pub told: Told,
}

/// How many of what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls by [`Outcome`], as in [`Outcome::all`].
    pub calls: [usize; 5],
    /// Registrations, each refresh one, by the same.
    pub registrations: [usize; 5],
    /// Other requests and dialogs.
    pub others: usize,
    /// Stretches offline.
    pub offline: usize,
    /// How long in all.
    pub offline_span: Duration,
    /// Gaps.
    pub gaps: usize,
}

/// A terminal, for the lines that name it.
#[derive(Debug, Clone)]
pub struct Named {
    /// The endpoint it authenticates as.
    pub endpoint: Arc<str>,
    /// What is known of it.
    pub view: TerminalView,
}

/// All that the page shows.
#[derive(Debug, Clone)]
pub struct Overview {
    /// What the lines are made of.
    pub history: History,
    /// What was asked for.
    pub asked: Asked,
    /// The stretch that the time line shows.
    pub window: (Timestamp, Timestamp),
    /// For the time line.
    pub spans: Spans,
    /// Numbers of the items that fit, in no order.
    pub fit: Vec<usize>,
    /// Newest first, at most [`LINES`].
    pub lines: Vec<Line>,
    /// How many of what fits, on this page and the others of this slice.
    pub counts: Counts,
    /// More lines follow this one; `None`: these are the last of what was read.
    pub past: Option<Cursor>,
    /// What was not read; `None`: it was read to its end.
    pub rest: Option<Rest>,
    /// The user's terminals.
    pub terminals: Vec<Named>,
    /// The sticker now.
    pub sticker: Sticker,
}

impl Query {
    /// What happened to a user. Audited as a reading of the user's packets. `None` where there is no such user. Cost: as
    /// [`Query::history`], and with a text to look for a pass over the packets.
    ///
    /// # Errors
    /// When the two-day ring can't be read or the audit log can't be written.
    pub fn overview(&self, viewer: &Viewer, user: &UserKey, asked: Asked) -> Result<Option<Overview>> {
        let Some(user) = self.user(user) else { return Ok(None) };
        self.audit_reading(viewer, "read-packets", Some(&user), &asked.filter.words())?;
        let history = self.history_within(&user, asked.reach(self.now()))?;
        let state = self.0.state.user(&user.key);
        let named = terminals(&user, &state).into_iter();
        let named =
            named.filter_map(|found| Some(Named { endpoint: found.endpoint?, view: found.view })).collect();
        Ok(Some(Overview::new(history, asked, named, state.sticker)))
    }
}

impl Asked {
    /// Which records have to be read.
    pub(super) fn reach(&self, now: Timestamp) -> Reach {
        let (from, to) = self.filter.window(now);
        Reach {
            from: from.minus(AROUND),
            to: to.plus(AROUND),
            before: self.rest.map(|rest| rest.before),
            most: self.slice.max(8),
        }
    }

    /// The stretch that is read, whatever of it is read at once.
    pub(in crate::query) fn stretch(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        let reach = self.reach(now);
        (reach.from, reach.to)
    }

    /// Whether what lasts from one place to another is told of this reading, which leaves `rest` to the next one.
    pub(super) fn tells(&self, from: Cursor, to: Cursor, rest: Option<Rest>) -> bool {
        self.rest.is_none_or(|told| from < told.until) && rest.is_none_or(|left| to >= left.until)
    }
}

impl Filter {
    /// For the audit log.
    pub(in crate::query) fn words(&self) -> String {
        self.fields().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    }
}

impl Item {
    /// The time it is listed by: of several in a row the last, else its beginning.
    pub fn moment(&self) -> Timestamp {
        if self.times > 1 { self.end } else { self.start }
    }

    /// Its place in a list.
    pub(super) fn place(&self) -> Cursor {
        Cursor { time: self.moment(), seq: self.id.seq }
    }
}

impl History {
    /// What was not read.
    pub(super) fn rest(&self) -> Option<Rest> {
        let next = self.next?;
        let at = |n: usize| self.messages.get(n).map_or(next, |message| message.at);
        Some(Rest { before: at(self.messages.len() / 2), until: at(self.messages.len() / 4) })
    }
}

impl Overview {
    fn new(history: History, asked: Asked, terminals: Vec<Named>, sticker: Sticker) -> Self {
        let mut sieve = Sieve::new(&asked.filter, history.at);
        let rest = history.rest();
        let items = history.items.iter().enumerate();
        let fit = items.filter(|(_, item)| {
            // of several in a row each reading tells its own
            let end = if item.times > 1 { item.place() } else { item.id };
            asked.tells(item.id, end, rest) && sieve.item(&history, item)
        });
        let fit: Vec<usize> = fit.map(|(n, _)| n).collect();
        let (from, to) = asked.filter.window(history.at);
        let spans = history.spans();
        let mut lines: Vec<Line> = fit
            .iter()
            .filter_map(|n| history.items.get(*n).map(|item| (n, item)))
            .map(|(n, item)| Line { at: item.place(), told: Told::Item(*n) })
            .collect();
        let mut counts = Counts::default();
        fit.iter().filter_map(|n| history.items.get(*n)).for_each(|item| counts.add(item));
        let mut more = gaps(&history);
        let is_of_registrations = !asked.filter.is_narrow() || asked.filter.kind == Some(Sort::Registration);
        if is_of_registrations {
            let offline = offline(&history, &spans);
            more.extend(offline);
            more.extend(changes(&history));
        }
        more.retain(|line| line.begin() <= to && line.at.time >= from && asked.tells(line.at, line.at, rest));
        more.iter().for_each(|line| counts.note(line, from));
        lines.extend(more);
        lines.sort_unstable_by_key(|line| std::cmp::Reverse(line.at));
        if let Some(past) = asked.past {
            lines.retain(|line| line.at < past);
        }
        let past = lines.get(LINES.saturating_sub(1)).filter(|_| lines.len() > LINES).map(|line| line.at);
        lines.truncate(LINES);
        let end = to.min(history.at);
        let begin = if from == Timestamp::MIN { history.oldest.unwrap_or(end) } else { from };
        let window = (begin.min(end.minus(Duration::from_secs(1))), end);
        Self { history, asked, window, spans, fit, lines, counts, past, rest, terminals, sticker }
    }

    /// The items that fit, in no order.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.fit.iter().filter_map(|n| self.history.items.get(*n))
    }
}

impl Line {
    fn begin(&self) -> Timestamp {
        match self.told {
            Told::Gap { from, .. } | Told::Offline { from, .. } => from,
            Told::Item(_) | Told::Change(_) => self.at.time,
        }
    }
}

impl Counts {
    fn add(&mut self, item: &Item) {
        let at = Outcome::all().position(|outcome| outcome == item.verdict.outcome).unwrap_or_default();
        match item.kind {
            Kind::Call => self.calls.get_mut(at).into_iter().for_each(|n| *n += 1),
            Kind::Registration => {
                self.registrations.get_mut(at).into_iter().for_each(|n| *n += item.times);
            }
            Kind::Other(_) => self.others += item.times,
        }
    }

    fn note(&mut self, line: &Line, begin: Timestamp) {
        match line.told {
            Told::Gap { .. } => self.gaps += 1,
            Told::Offline { from, .. } => {
                self.offline += 1;
                self.offline_span += line.at.time.since(from.max(begin));
            }
            Told::Item(_) | Told::Change(_) => {}
        }
    }

    /// Calls that ended so.
    pub fn calls_that(&self, outcome: Outcome) -> usize {
        Outcome::all().zip(self.calls).find(|(o, _)| *o == outcome).map_or(0, |(_, n)| n)
    }

    /// Registrations that ended so.
    pub fn registrations_that(&self, outcome: Outcome) -> usize {
        Outcome::all().zip(self.registrations).find(|(o, _)| *o == outcome).map_or(0, |(_, n)| n)
    }
}

/// Gaps of one cause that are close to each other as one.
fn gaps(history: &History) -> Vec<Line> {
    let mut all: Vec<&Gap> = history.gaps.iter().map(|(_, gap)| gap).collect();
    all.sort_by_key(|gap| gap.from);
    let mut joined: Vec<Gap> = Vec::new();
    for gap in all {
        match joined.last_mut() {
            Some(last) if last.cause == gap.cause && gap.from <= last.to.plus(NEAR) => {
                last.to = last.to.max(gap.to);
                // 0: not known, and then the sum is not known either
                let is_known = last.packets > 0 && gap.packets > 0;
                last.packets = if is_known { last.packets.saturating_add(gap.packets) } else { 0 };
            }
            _ => joined.push(*gap),
        }
    }
    let line = |(n, gap): (usize, &Gap)| Line {
        at: Cursor { time: gap.to, seq: u64::try_from(n).unwrap_or(u64::MAX) },
        told: Told::Gap { from: gap.from, is_lowered: gap.cause == GapCause::Lowered, words: gap_words(gap) },
    };
    joined.iter().enumerate().map(line).collect()
}

fn offline(history: &History, spans: &Spans) -> Vec<Line> {
    let line = |(from, to): &(Timestamp, Timestamp)| {
        let is_now = *to >= history.at;
        // what goes on stands above all
        let at = Cursor { time: *to, seq: if is_now { u64::MAX } else { 0 } };
        Line { at, told: Told::Offline { from: *from, is_now } }
    };
    spans.offline.iter().map(line).collect()
}

/// What the PBX told and no packet tells: failures of which none was kept, and what a phone does by its silence.
fn changes(history: &History) -> Vec<Line> {
    let dialogs = history.dialogs.iter().filter(|dialog| !dialog.messages.is_empty());
    let kept: HashSet<&str> = dialogs.map(|dialog| &*dialog.call_id).collect();
    let is_told = |change: &Change| match change {
        Change::Failed { call_id, .. } => !kept.contains(&**call_id),
        Change::Unregistered { expired, .. } => *expired,
        Change::Reachability { reachable, .. } => !reachable,
        _ => false,
    };
    let found = history.changes.iter().filter(|told| is_told(&told.change));
    found.map(|told| Line { at: told.at, told: Told::Change(change_words(&told.change)) }).collect()
}
