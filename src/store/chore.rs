//! Which segments are rewritten, when, and how much of it in one turn of the seal thread. Sealing comes first: a turn
//! rewrites at most [`STEP`] bytes, and none while a seal is due. Then what is to be purged, what is beyond a fair
//! share, what is past its company's retention, and merging last.
//!
//! What was replaced or is past its retention leaves the list at once, its file when no page reads it any more.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Store;
use super::folder::Name;
use super::output::Failed;
use super::rewrite::Rewrite;
use super::segment::Segment;
use super::share::Plan;
use super::sieve::Sieve;
use super::trouble::{Fault, advice};
use super::upkeep::Turn;

/// Bytes before compression that one turn rewrites: some 60,000 packets, 0.06 s of a core by the bench's `merge_rate`.
const STEP: u64 = 32 << 20;
/// How long to wait after a failure.
const RETRY: Duration = Duration::from_mins(1);
/// A rewriting needs so much room beyond what is rewritten, a merge beyond the floor too.
const ROOM: u64 = 16 << 20;
/// How often the fair share is reckoned while the budget is not used up.
const RECKON: Duration = Duration::from_mins(1);

/// Why it is rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Purge,
    Share,
    Age,
    Merge,
}

/// What is rewritten, and what is to be removed. Times are the steady clock's.
#[derive(Debug, Default)]
pub(super) struct Chores {
    current: Option<(Why, Rewrite)>,
    /// Out of the list; the file is still there.
    retired: Vec<Arc<Segment>>,
    plan: Plan,
    /// When the fair share was reckoned last, and the newest seq of a segment then.
    reckoned: Option<(Duration, u64)>,
    retry: Duration,
}

impl Chores {
    /// Nothing is under way, and no file waits to be removed.
    pub(super) fn is_idle(&self) -> bool {
        self.current.is_none() && self.retired.is_empty()
    }
}

fn by_time(mut segments: Vec<Arc<Segment>>) -> Vec<Arc<Segment>> {
    segments.sort_by_key(|segment| (segment.facts.stretch.from, segment.facts.seqs.0));
    segments
}

impl Store {
    /// Goes on with what is rewritten, or finds the next.
    pub(super) fn chores(&self, turn: &mut Turn, now: Duration) {
        self.begin_purges(turn, now);
        self.reckon(turn, now);
        let mut left = STEP;
        while left > 0 && !self.is_seal_due() && turn.chores.retry <= now {
            if turn.chores.current.is_none() {
                self.next_chore(turn, now);
            }
            let Some((why, mut rewrite)) = turn.chores.current.take() else { break };
            let listed = self.segments();
            if !rewrite.sources().all(|source| listed.iter().any(|other| Arc::ptr_eq(other, source))) {
                // retention was faster
                rewrite.abandon(&self.folder);
                continue;
            }
            drop(listed);
            let stepped = rewrite.step(&self.folder, left).and_then(|(spent, ended)| {
                left = left.saturating_sub(spent);
                if !ended {
                    rewrite.sync()?;
                }
                Ok(ended)
            });
            match stepped {
                Ok(_) if rewrite.is_damaged() && why != Why::Purge => {
                    // its files stay as they are: somebody may want to look at them
                    rewrite.abandon(&self.folder);
                }
                Ok(false) => turn.chores.current = Some((why, rewrite)),
                Ok(true) => self.end_chore(turn, rewrite, now),
                Err(failed) => {
                    rewrite.abandon(&self.folder);
                    self.chore_failed(turn, now, failed);
                }
            }
        }
        self.remove_retired(turn);
        if turn.chores.retry <= now {
            self.trouble.clear(Fault::Chore);
        }
        if turn.chores.retry <= now && self.is_purging() && self.next_purge(&self.segments()).is_none() {
            self.end_purges(turn);
        }
    }

    /// Reckons the fair share, when the budget is nearly used up or a company is over its own.
    fn reckon(&self, turn: &mut Turn, now: Duration) {
        let max = self.options.max_bytes;
        let bytes = self.status().bytes_on_disk;
        let segments = by_time(self.segments().to_vec());
        let newest = segments.iter().map(|segment| segment.facts.seqs.1).max().unwrap_or(0);
        let is_tight = bytes > max - max / 8;
        if !turn.chores.plan.is_empty() || !(is_tight || self.is_company_over(&segments)) {
            return;
        }
        let is_due = turn
            .chores
            .reckoned
            .is_none_or(|(at, seq)| now.saturating_sub(at) >= RECKON || bytes > max && seq != newest);
        if !is_due {
            return;
        }
        turn.chores.reckoned = Some((now, newest));
        let sealed = segments.iter().fold(0u64, |sum, segment| sum.saturating_add(segment.size));
        let rest = bytes.saturating_sub(sealed);
        let budget = (max - max / 16 * 3).saturating_sub(rest);
        let plan = self.plan_shares(&segments, is_tight.then_some(budget));
        if !plan.is_empty() {
            self.stop_chores(turn);
        }
        turn.chores.plan = plan;
    }

    fn next_chore(&self, turn: &mut Turn, now: Duration) {
        let segments = by_time(self.segments().to_vec());
        let free = self.folder.free().unwrap_or(u64::MAX);
        let fits = |sources: &[Arc<Segment>], floor: u64| {
            let bytes = sources.iter().fold(ROOM, |sum, segment| sum.saturating_add(segment.size));
            free >= floor.saturating_add(bytes)
        };
        let mut sieve = {
            let rules = self.rules.read();
            Sieve::new(rules.age, rules.retention.clone(), Vec::new())
        };
        sieve.cuts = self.purges().iter().filter_map(super::purge::Order::cut).collect();
        let (why, sources) = if self.is_purging()
            && let Some(segment) = self.next_purge(&segments)
        {
            (Why::Purge, vec![segment])
        } else if let Some((segment, shares)) = self.next_share(turn, &segments) {
            sieve.shares = shares;
            (Why::Share, vec![segment])
        } else if let Some(segment) = self.next_over(&segments) {
            (Why::Age, vec![segment])
        } else if let Some(sources) = self.next_merge(&segments) {
            (Why::Merge, sources)
        } else {
            return;
        };
        if !fits(&sources, if why == Why::Merge { self.options.min_free_bytes } else { 0 }) {
            if why == Why::Purge {
                self.waits(Some("the disk is too full to rewrite a file: make room on it".to_owned()));
            }
            turn.chores.retry = now.saturating_add(RETRY);
            return;
        }
        match Rewrite::begin(&self.folder, turn.number(), &sources, sieve) {
            Ok(rewrite) => turn.chores.current = Some((why, rewrite)),
            Err(failed) => {
                if why == Why::Purge && sources.iter().any(|source| source.damaged.load(Ordering::Relaxed)) {
                    let paths: Vec<String> = sources.iter().map(|source| self.shown(source)).collect();
                    let text = format!("{}: can't be read, and is removed for a purge", paths.join(", "));
                    self.trouble.notice(text, now);
                    return self.retire(turn, sources);
                }
                self.chore_failed(turn, now, failed);
            }
        }
    }

    fn shown(&self, segment: &Segment) -> String {
        self.folder.path(Name::Segment(segment.facts.number)).display().to_string()
    }

    fn next_share(
        &self,
        turn: &mut Turn,
        segments: &[Arc<Segment>],
    ) -> Option<(Arc<Segment>, std::collections::HashMap<u64, u64>)> {
        while let Some((number, shares)) = turn.chores.plan.pop_front() {
            let found = segments.iter().find(|segment| segment.facts.number == number);
            if let Some(segment) = found.filter(|segment| !segment.damaged.load(Ordering::Relaxed)) {
                return Some((Arc::clone(segment), shares));
            }
        }
        None
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
            Ok((fresh, cuts)) => {
                if let Some(segment) = &fresh {
                    let last = cuts.iter().map(|cut| cut.id).max().unwrap_or(0);
                    segment.sieved.store(last, Ordering::Relaxed);
                }
                self.replace(&sources, fresh);
                turn.chores.retired.extend(sources);
                self.purged(&cuts);
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
        self.waits(Some(error.to_string()));
        let text = format!("{error}: the segments stay as they are, rewriting is tried again in a minute");
        self.trouble.raise(Fault::Chore, format!("{text}: {}", advice(&error)));
    }

    /// Takes segments off the list; their files go as soon as no page reads them.
    pub(super) fn retire(&self, turn: &mut Turn, segments: Vec<Arc<Segment>>) {
        self.replace(&segments, None);
        turn.chores.retired.extend(segments);
        self.remove_retired(turn);
    }

    fn remove_retired(&self, turn: &mut Turn) {
        let purging = self.is_purging();
        for segment in std::mem::take(&mut turn.chores.retired) {
            // the list has let go of it, so nobody can begin to read it
            if Arc::strong_count(&segment) > 1 {
                turn.chores.retired.push(segment);
                continue;
            }
            let name = Name::Segment(segment.facts.number);
            match self.folder.remove(name) {
                Ok(()) => {}
                Err(error) if purging => {
                    self.waits(Some(error.to_string()));
                    turn.chores.retired.push(segment);
                }
                Err(error) => self.left_over(turn, name, &error),
            }
        }
    }

    /// Stops what is under way; nothing is lost by it.
    pub(super) fn stop_chores(&self, turn: &mut Turn) {
        if let Some((_, rewrite)) = turn.chores.current.take() {
            rewrite.abandon(&self.folder);
        }
        self.remove_retired(turn);
    }
}
