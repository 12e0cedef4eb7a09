//! The rows of a ladder from top to bottom: messages, what the PBX said of the legs, pauses, what is missing, quality of
//! the media. Where each stands, and how high it is. Pure.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::event::{CallPhase, Quality, Step};
use crate::query::history::Repeat;
use crate::query::history::joined::{Hole, Joined, Placed};

/// Between two rows more time than this shows as a pause.
const PAUSE: Duration = Duration::from_secs(1);
/// What the PBX said of several legs within so long shares a row.
const TOGETHER: Duration = Duration::from_millis(20);

/// One row.
#[derive(Debug)]
pub struct Row<'a> {
    /// Its upper edge, from the top of the rows, in pixels.
    pub y: u32,
    /// When; of several moments the first.
    pub at: Timestamp,
    /// What is on it.
    pub what: What<'a>,
}

/// What a row shows.
#[derive(Debug)]
pub enum What<'a> {
    /// A message, and those that repeat it right after.
    Message(&'a Placed, Vec<&'a Placed>),
    /// What the PBX said, each with the lane of its leg.
    Steps(Vec<(usize, Note)>),
    /// Nothing happened for so long.
    Pause(Duration),
    /// Packets are missing, or have less detail.
    Hole(&'a Hole),
    /// Figures of the media of a lane since the row before.
    Quality(usize, Vec<&'a Quality>),
    /// There were more messages than are shown.
    Cut,
}

/// What the PBX said of a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where the leg stands.
    pub phase: CallPhase,
    /// In a few words.
    pub words: String,
}

/// A stretch of a leg on its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// The lane.
    pub lane: usize,
    /// Ringing, up or held.
    pub phase: CallPhase,
    /// Upper edge.
    pub from: u32,
    /// Lower edge.
    pub to: u32,
    /// It goes on.
    pub is_open: bool,
}

impl What<'_> {
    /// In pixels.
    pub const fn height(&self) -> u32 {
        match self {
            Self::Message(..) => 40,
            Self::Steps(_) => 24,
            Self::Pause(_) => 30,
            Self::Hole(_) | Self::Quality(..) | Self::Cut => 36,
        }
    }

    /// The last moment, where it has several.
    fn end(&self) -> Option<Timestamp> {
        match self {
            Self::Message(_, again) => again.last().map(|placed| placed.message.at.time),
            _ => None,
        }
    }
}

/// All rows of a call.
#[derive(Debug)]
pub struct Rows<'a> {
    /// From top to bottom.
    pub rows: Vec<Row<'a>>,
    /// Stretches of the legs.
    pub bars: Vec<Bar>,
    /// Of all rows, in pixels.
    pub height: u32,
}

impl<'a> Rows<'a> {
    /// The rows of a call; `holes` are [`Joined::holes`]. Cost: linear but for sorting, and the legs times the steps.
    pub fn of(joined: &'a Joined, holes: &'a [Hole]) -> Self {
        let mut all: Vec<(Timestamp, What<'a>)> = Vec::with_capacity(joined.messages.len() + 16);
        messages(joined, &mut all);
        let first = all.first().map_or(joined.item.start, |(at, _)| *at);
        let last = joined.messages.last().map_or(joined.item.end, |placed| placed.message.at.time);
        let steps = || joined.steps.iter().filter(|(at, _)| !joined.is_cut || *at <= last);
        for (at, step) in steps() {
            if let (Some(lane), Some(note)) = (joined.lane_of(step), note(joined, *at, step)) {
                all.push((*at, What::Steps(vec![(lane, note)])));
            }
        }
        let is_near = |hole: &&Hole| hole.to >= joined.item.start && hole.from <= last.max(joined.item.end);
        all.extend(holes.iter().filter(is_near).map(|hole| (hole.from.max(first), What::Hole(hole))));
        for (_, quality) in &joined.quality {
            let lane = joined.lanes.iter().position(|lane| lane.call_ids.contains(&quality.call_id));
            all.extend(lane.map(|lane| (quality.time, What::Quality(lane, vec![quality]))));
        }
        all.sort_by_key(|(at, what)| (*at, matches!(what, What::Message(..))));
        if joined.is_cut {
            all.push((last, What::Cut));
        }
        let rows = placed(all);
        let height = rows.last().map_or(0, |row| row.y + row.what.height());
        let bars = bars(joined, &rows, height);
        Self { rows, bars, height }
    }

    /// Where a moment is: the upper edge of the first row that is not before it.
    pub fn y_of(&self, at: Timestamp) -> u32 {
        Self::y(&self.rows, at, self.height)
    }

    fn y(rows: &[Row<'_>], at: Timestamp, height: u32) -> u32 {
        rows.get(rows.partition_point(|row| row.at < at)).map_or(height, |row| row.y)
    }
}

/// The messages; what repeats one before, with nothing but repeats between, goes to its row.
fn messages<'a>(joined: &'a Joined, all: &mut Vec<(Timestamp, What<'a>)>) {
    let mut repeats_from = 0;
    for placed in &joined.messages {
        if placed.message.repeat == Repeat::No {
            all.push((placed.message.at.time, What::Message(placed, Vec::new())));
            repeats_from = all.len();
            continue;
        }
        let same = |(_, what): &&mut (Timestamp, What<'a>)| match what {
            What::Message(other, _) => {
                other.message.repeat == placed.message.repeat && other.message.is_again(&placed.message)
            }
            _ => false,
        };
        match all.get_mut(repeats_from..).into_iter().flatten().find(same) {
            Some((_, What::Message(_, again))) => again.push(placed),
            _ => all.push((placed.message.at.time, What::Message(placed, Vec::new()))),
        }
    }
}

/// What is worth words of a step: the messages show the ringing.
fn note(joined: &Joined, at: Timestamp, step: &Step) -> Option<Note> {
    let before = joined.steps.iter().rev().find(|(time, other)| other.leg == step.leg && *time < at);
    let before = before.map(|(_, other)| other.phase);
    if before == Some(step.phase) {
        return None;
    }
    let words = match (step.phase, before) {
        (CallPhase::Ringing, _) => return None,
        (CallPhase::Up, Some(CallPhase::Held)) => "taken back from hold".to_owned(),
        (CallPhase::Up, _) => "answered".to_owned(),
        (CallPhase::Held, _) => "on hold".to_owned(),
        (CallPhase::Ended, _) => match (step.cause, Joined::cause_words(step)) {
            (0, _) => "ended".to_owned(),
            (cause, "") => format!("ended, cause {cause}"),
            (cause, words) => format!("ended: {words} ({cause})"),
        },
    };
    Some(Note { phase: step.phase, words })
}

/// Puts pauses between what is far apart, together what belongs together, and all in its place.
fn placed(all: Vec<(Timestamp, What<'_>)>) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::with_capacity(all.len());
    let mut last = Timestamp::MAX;
    for (at, what) in all {
        let end = what.end().unwrap_or(at).max(at);
        let what = match rows.last_mut() {
            Some(row) => joins(row, at, what),
            None => Some(what),
        };
        if let Some(what) = what {
            let mut y = rows.last().map_or(0, |row| row.y + row.what.height());
            let pause = at.since(last);
            if pause > PAUSE {
                rows.push(Row { y, at: last, what: What::Pause(pause) });
                y += What::Pause(pause).height();
            }
            rows.push(Row { y, at, what });
        }
        last = if last == Timestamp::MAX { end } else { last.max(end) };
    }
    rows
}

/// Adds to a row what belongs to it; gives back what does not.
fn joins<'a>(row: &mut Row<'a>, at: Timestamp, what: What<'a>) -> Option<What<'a>> {
    match (&mut row.what, what) {
        (What::Steps(notes), What::Steps(more))
            if at.since(row.at) <= TOGETHER
                && !more.iter().any(|(lane, _)| notes.iter().any(|(other, _)| other == lane)) =>
        {
            notes.extend(more);
            None
        }
        (What::Quality(lane, reports), What::Quality(other, more)) if *lane == other => {
            reports.extend(more);
            None
        }
        (_, what) => Some(what),
    }
}

fn bars(joined: &Joined, rows: &[Row<'_>], height: u32) -> Vec<Bar> {
    let mut bars: Vec<Bar> = Vec::new();
    let mut open: Vec<(&str, usize)> = Vec::new();
    for (at, step) in &joined.steps {
        let Some(lane) = joined.lane_of(step) else { continue };
        let y = Rows::y(rows, *at, height);
        let known = open.iter().find(|(leg, _)| *leg == &*step.leg).map(|(_, bar)| *bar);
        if let Some(bar) = known.and_then(|n| bars.get_mut(n)) {
            if bar.phase == step.phase {
                continue;
            }
            (bar.to, bar.is_open) = (y, false);
        }
        open.retain(|(leg, _)| *leg != &*step.leg);
        if step.phase != CallPhase::Ended {
            open.push((&step.leg, bars.len()));
            bars.push(Bar { lane, phase: step.phase, from: y, to: height, is_open: true });
        }
    }
    bars.retain(|bar| bar.to > bar.from);
    bars
}
