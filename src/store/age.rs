//! The ring's own clock: how old a record is, whatever the wall clock was set to meanwhile. Pure; the store
//! hands in both times. Retention and the hiding of old records ask nothing else.
//!
//! Rule: while the process runs, age grows with the steady clock, so a wall clock that jumps deletes nothing
//! early and keeps nothing for ever. Across a restart only the wall clock knows how long the process was down;
//! up to [`BELIEVED`] is taken as said, more is *doubted*: it makes records older only after the process has
//! run [`BELIEVED`] longer without the wall clock going back. Even if it did go back, what was stored before the
//! restart is never younger than the time since it.

use std::time::Duration;

use super::wire::Reader;
use crate::clock::{Clock, Timestamp};

/// How much time without the process is believed at once, and how long a larger one is doubted; an hour in
/// microseconds.
const BELIEVED: i64 = 3_600_000_000;

/// What the ring clock was when a file was begun; written into every header. Microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Stamp {
    /// Age of the ring.
    pub(super) ring: i64,
    /// The wall clock at that moment.
    pub(super) wall: i64,
    /// Time down that is not believed yet.
    doubt: i64,
    /// Ring time after the doubted stretch; what is earlier was before it.
    since: i64,
    /// The wall clock went back: the doubt was right.
    refuted: bool,
}

impl Stamp {
    /// Bytes on disk.
    pub(super) const LEN: usize = 33;

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        for value in [self.ring, self.wall, self.doubt, self.since] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out.push(u8::from(self.refuted));
    }

    pub(super) fn take(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            ring: reader.i64()?,
            wall: reader.i64()?,
            doubt: reader.i64()?,
            since: reader.i64()?,
            refuted: reader.u8()? != 0,
        })
    }

    /// A stamp that only says when it was.
    pub(super) fn at(ring: i64, wall: i64) -> Self {
        Self { ring, wall, ..Self::default() }
    }

    /// A stretch that begins now.
    pub(super) fn stretch(&self) -> Stretch {
        Stretch { from: self.ring, to: self.ring, skew: self.wall.saturating_sub(self.ring) }
    }
}

/// The running ring clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Age {
    stamp: Stamp,
    steady: Duration,
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

impl Age {
    /// Goes on where the newest file of the folder left off; `None`: an empty folder.
    pub(super) fn resume(last: Option<Stamp>, clock: &Clock) -> Self {
        let (wall, steady) = (clock.now().0, clock.steady());
        let Some(mut stamp) = last else {
            return Self { stamp: Stamp::at(0, wall), steady };
        };
        let down = wall.saturating_sub(stamp.wall).max(0);
        stamp.ring = stamp.ring.saturating_add(down);
        stamp.wall = wall;
        if down > BELIEVED {
            stamp.doubt = stamp.doubt.saturating_add(down);
            stamp.since = stamp.ring;
            stamp.refuted = false;
        }
        Self { stamp, steady }
    }

    /// Lets the time pass that has passed.
    pub(super) fn tick(&mut self, clock: &Clock) {
        let (wall, steady) = (clock.now().0, clock.steady());
        let passed = micros(steady.saturating_sub(self.steady));
        let jump = wall.saturating_sub(self.stamp.wall).saturating_sub(passed);
        self.steady = steady;
        self.stamp.ring = self.stamp.ring.saturating_add(passed);
        self.stamp.wall = wall;
        if self.stamp.doubt > 0 {
            if jump < -(self.stamp.doubt / 2) {
                self.stamp.refuted = true;
            }
            let running = self.stamp.ring.saturating_sub(self.stamp.since);
            if !self.stamp.refuted && running >= BELIEVED {
                self.stamp.doubt = 0;
            }
        }
    }

    /// For the header of a file that is begun now.
    pub(super) fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// How old it is what happened at ring time `ring`.
    pub(super) fn of(&self, ring: i64) -> Duration {
        let age = self.stamp.ring.saturating_sub(ring);
        let age = if self.stamp.doubt > 0 && ring < self.stamp.since {
            let least = self.stamp.ring.saturating_sub(self.stamp.since);
            age.saturating_sub(self.stamp.doubt).max(least)
        } else {
            age
        };
        Duration::from_micros(u64::try_from(age).unwrap_or(0))
    }
}

/// When the records of one file happened, in ring time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Stretch {
    /// When the file was begun.
    pub(super) from: i64,
    /// When its last record came.
    pub(super) to: i64,
    /// Wall time minus ring time, for the time between.
    pub(super) skew: i64,
}

impl Stretch {
    /// The ring time of a record: what its wall time says, but never outside the stretch.
    pub(super) fn ring(&self, time: Timestamp) -> i64 {
        time.0.saturating_sub(self.skew).min(self.to).max(self.from)
    }
}
