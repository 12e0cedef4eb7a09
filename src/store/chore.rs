//! Which segments are rewritten, when, and how much of it in one turn of the seal thread. Sealing comes first: a turn
//! rewrites at most [`STEP`] bytes, and none while a seal is due.
//!
//! What was replaced or is past its retention leaves the list at once, its file when no page reads it any more.

use std::sync::Arc;
use std::time::Duration;

use super::Store;
use super::folder::Name;
use super::output::Failed;
use super::rewrite::{Ended, Rewrite};
use super::segment::Segment;
use super::sieve::Sieve;
use super::upkeep::Turn;

/// Bytes before compression that one turn rewrites: about 0.2 s of a core, two turns' worth of a ring that takes
/// 20,000 packets a second.
const STEP: u64 = 32 << 20;
/// How long to wait after a failure.
const RETRY: Duration = Duration::from_mins(1);
/// Merging needs so much room beyond the floor and what is merged.
const ROOM: u64 = 16 << 20;

/// What is rewritten, and what is to be removed. Times are the steady clock's.
#[derive(Debug, Default)]
pub(super) struct Chores {
    current: Option<Rewrite>,
    /// Out of the list; the file is still there.
    retired: Vec<Arc<Segment>>,
    retry: Duration,
}

impl Store {
    /// Goes on with what is rewritten, or finds the next.
    pub(super) fn chores(&self, turn: &mut Turn, now: Duration) {
        let mut left = STEP;
        while left > 0 && !self.is_seal_due() && turn.chores.retry <= now {
            if turn.chores.current.is_none() {
                self.next_chore(turn);
            }
            let Some(mut current) = turn.chores.current.take() else { break };
            let listed = self.segments();
            if !current.sources().all(|source| listed.iter().any(|other| Arc::ptr_eq(other, source))) {
                // retention was faster
                current.abandon(&self.folder);
                continue;
            }
            let stepped = current.step(&self.folder, left).and_then(|ended| {
                left = 0;
                if !ended {
                    current.sync()?;
                }
                Ok(ended)
            });
            match stepped {
                Ok(_) if current.is_damaged() => {
                    // its files stay as they are: somebody may want to look at them
                    current.abandon(&self.folder);
                }
                Ok(false) => turn.chores.current = Some(current),
                Ok(true) => self.end_chore(turn, current, now),
                Err(failed) => {
                    current.abandon(&self.folder);
                    self.chore_failed(turn, now, failed);
                }
            }
        }
        self.remove_retired(turn);
    }

    fn next_chore(&self, turn: &mut Turn) {
        let segments = self.segments();
        let Some(sources) = self.next_merge(&segments) else { return };
        let bytes = sources.iter().fold(ROOM, |sum, segment| sum.saturating_add(segment.size));
        let needed = self.options.min_free_bytes.saturating_add(bytes);
        if self.folder.free().is_ok_and(|free| free < needed) {
            return;
        }
        let sieve = {
            let rules = self.rules.read();
            Sieve::new(rules.age, rules.retention.clone())
        };
        match Rewrite::begin(&self.folder, turn.number(), &sources, sieve) {
            Ok(rewrite) => turn.chores.current = Some(rewrite),
            Err(failed) => self.chore_failed(turn, self.clock.steady(), failed),
        }
    }

    fn end_chore(&self, turn: &mut Turn, rewrite: Rewrite, now: Duration) {
        let sources: Vec<_> = rewrite.sources().cloned().collect();
        // a journal that could not be removed when it was sealed would be found again without its segment
        for source in &sources {
            if let Err(error) = self.folder.remove(Name::Journal(source.facts.number)) {
                rewrite.abandon(&self.folder);
                return self.chore_failed(turn, now, Failed::Write(error));
            }
        }
        let number = rewrite.number;
        match rewrite.finish(&self.folder) {
            Ok(ended) => {
                let fresh = match ended {
                    Ended::Segment(segment) => Some(segment),
                    Ended::Nothing => None,
                };
                self.replace(&sources, fresh);
                turn.chores.retired.extend(sources);
            }
            Err(failed) => {
                // it may have its name, but is not known to be durable under it
                drop(self.folder.remove(Name::Segment(number)));
                self.chore_failed(turn, now, failed);
            }
        }
    }

    fn chore_failed(&self, turn: &mut Turn, now: Duration, failed: Failed) {
        let (Failed::Write(error) | Failed::Sync(error)) = failed;
        turn.chores.retry = now.saturating_add(RETRY);
        self.notice(format!("{error}: the segments stay as they are, rewriting is tried again in a minute"));
    }

    /// Takes segments off the list; their files go as soon as no page reads them.
    pub(super) fn retire(&self, turn: &mut Turn, segments: Vec<Arc<Segment>>) {
        self.replace(&segments, None);
        turn.chores.retired.extend(segments);
        self.remove_retired(turn);
    }

    fn remove_retired(&self, turn: &mut Turn) {
        turn.chores.retired.retain(|segment| {
            // the list has let go of it, so nobody can begin to read it
            if Arc::strong_count(segment) > 1 {
                return true;
            }
            match self.folder.remove(Name::Segment(segment.facts.number)) {
                Ok(()) => false,
                Err(error) => {
                    self.notice(format!("{error}: it is past its retention, remove it by hand"));
                    false
                }
            }
        });
    }

    /// Stops what is under way; nothing is lost by it.
    pub(super) fn stop_chores(&self, turn: &mut Turn) {
        if let Some(rewrite) = turn.chores.current.take() {
            rewrite.abandon(&self.folder);
        }
        self.remove_retired(turn);
    }
}
