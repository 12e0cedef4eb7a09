//! What goes, and when: whole segments, oldest first, when every record in them is older than its company's
//! retention by the ring's own clock (see [`super::age`]), or when all files together are more than the budget and
//! nobody has more than a fair share of it ([`super::share`]). Of a segment of several companies, the records of one
//! whose retention is over are hidden at once and removed by rewriting. Also what the seal thread forgets: indexes
//! that nobody asks for.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::folder::Name;
use super::segment::Segment;
use super::upkeep::Turn;
use super::{Rules, Store};

/// Bytes of indexes kept in memory.
const INDEXES: u64 = 12 << 20;
/// How long a small part of a segment may stay hidden before it is removed.
const LATE: Duration = Duration::from_hours(1);
/// How often the folder is looked through.
const SWEEP: Duration = Duration::from_mins(1);

impl Rules {
    /// How long records of a company are kept; `None`: not known before the first maintenance.
    pub(super) fn retention(&self, company: &str) -> Option<Duration> {
        self.retention.get(company).copied()
    }

    fn is_over(&self, segment: &Segment) -> bool {
        let known = segment.summary.companies.iter().map(|company| self.retention(&company.name));
        let longest = known.collect::<Option<Vec<_>>>().map(|all| all.into_iter().max());
        let age = self.age.of(segment.facts.stretch.to);
        match longest {
            Some(Some(longest)) => age > longest,
            // a segment of which no run can be read belongs to nobody known
            Some(None) => self.retention.values().max().is_some_and(|longest| age > *longest),
            None => false,
        }
    }
}

impl Store {
    /// Lets time pass, and asks how long each company's records are kept. Whether the wall clock was set.
    pub(super) fn tick(&self, retention: &dyn Fn(&str) -> Duration) -> bool {
        let mut companies = BTreeSet::from([Arc::from("")]);
        for segment in self.segments().iter() {
            companies.extend(segment.summary.companies.iter().map(|company| Arc::clone(&company.name)));
        }
        {
            let front = self.front.read();
            let tiers = front.sealing.iter().map(AsRef::as_ref).chain([&front.tier]);
            companies.extend(tiers.flat_map(|tier| tier.companies.iter().cloned()));
        }
        let asked: HashMap<Arc<str>, Duration> =
            companies.into_iter().map(|company| (Arc::clone(&company), retention(&company))).collect();
        let was_set = {
            let mut rules = self.rules.write();
            rules.retention = asked;
            rules.age.tick(&self.clock)
        };
        let now = self.clock.steady();
        self.trouble.pass(now);
        was_set
    }

    pub(super) fn retain(&self, turn: &mut Turn, now: Duration) {
        if turn.swept.is_none_or(|at| now.saturating_sub(at) >= SWEEP) {
            turn.swept = Some(now);
            self.sweep();
            self.look_for_missing(now);
        }
        let over: Vec<Arc<Segment>> = {
            let rules = self.rules.read();
            self.segments().iter().filter(|segment| rules.is_over(segment)).cloned().collect()
        };
        self.retire(turn, over);
        self.chores(turn, now);
        self.fit(turn);
        self.forget();
    }

    /// Removes the oldest segments while all files together are over the budget.
    fn fit(&self, turn: &mut Turn) {
        let mut oldest_first: Vec<Arc<Segment>> = self.segments().to_vec();
        oldest_first.sort_by_key(|segment| (segment.facts.stretch.to, segment.facts.seqs.1));
        let mut bytes = self.status().bytes_on_disk;
        oldest_first.retain(|segment| {
            let goes = bytes > self.options.max_bytes;
            if goes {
                bytes = bytes.saturating_sub(segment.size);
            }
            goes
        });
        self.retire(turn, oldest_first);
    }

    /// A segment of which a part belongs to companies whose retention is over for all of it: a quarter of it, or
    /// any part for an hour. Then they are really removed, not only hidden.
    pub(super) fn next_over(&self, segments: &[Arc<Segment>]) -> Option<Arc<Segment>> {
        let rules = self.rules.read();
        let is_due = |segment: &&Arc<Segment>| {
            let age = rules.age.of(segment.facts.stretch.to);
            let (mut over, mut is_late) = (0u64, false);
            for company in &segment.summary.companies {
                let Some(retention) = rules.retention(&company.name) else { continue };
                // gaps of everybody are nobody's bytes
                let is_there = company.raw > 0 || segment.summary.table.is_none();
                if is_there && age > retention {
                    over = over.saturating_add(company.raw);
                    is_late |= age > retention.saturating_add(LATE);
                }
            }
            let is_much = over > 0 && over >= segment.summary.raw() / 4;
            (is_much || is_late) && !segment.damaged.load(Ordering::Relaxed)
        };
        segments.iter().find(is_due).cloned()
    }

    /// Counts the files that were set aside, and removes those past every retention or over the budget.
    pub(super) fn sweep(&self) {
        let Ok(files) = self.folder.list() else { return };
        let longest = self.rules.read().retention.values().max().copied();
        let mut bytes = 0u64;
        for (name, size) in files {
            if !matches!(name, Name::BadJournal(_) | Name::BadSegment(_)) {
                continue;
            }
            let age = self.folder.changed(name).map(|changed| self.clock.now().since(changed));
            let over = longest.zip(age).is_some_and(|(longest, age)| age > longest);
            if (over || bytes.saturating_add(size) > self.options.max_bytes / 10)
                && self.folder.remove(name).is_ok()
            {
                continue;
            }
            bytes = bytes.saturating_add(size);
        }
        self.bad_bytes.store(bytes, Ordering::Relaxed);
    }

    fn forget(&self) {
        let segments = self.segments();
        let mut held: Vec<(u64, u64, &Arc<Segment>)> = segments
            .iter()
            .map(|segment| (segment.used.load(Ordering::Relaxed), segment.index_size(), segment))
            .filter(|(_, size, _)| *size > 0)
            .collect();
        let mut bytes = held.iter().fold(0u64, |sum, (_, size, _)| sum.saturating_add(*size));
        held.sort_by_key(|(used, ..)| *used);
        for (_, size, segment) in held {
            if bytes <= INDEXES {
                break;
            }
            segment.forget_index();
            bytes = bytes.saturating_sub(size);
        }
    }
}
