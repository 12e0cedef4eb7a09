//! The fair share of the disk: whose oldest packets go first when the budget is used up. Each user present may have
//! the same; what a quiet one leaves is the others'. Who has more loses the oldest of the own packets, nobody else.
//!
//! Taking from a user means rewriting the segments that hold the packets. It is done where at least an eighth of a
//! segment goes; below that the loss of the others, when whole oldest segments go instead, is smaller than an
//! eighth of their time.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::sync::Arc;

use super::Store;
use super::board::is_board;
use super::folder::Name;
use super::segment::Segment;
use super::summary::holdings;
use super::wire::{EVERYBODY, place};
use crate::event::UserKey;

/// At least this part of a segment goes, or it is not rewritten for the budget of all.
const WORTH: u64 = 8;

/// What is taken: of which segment, of which places, how many bytes before compression.
pub(super) type Plan = VecDeque<(u64, HashMap<u64, u64>)>;

/// A user's bytes on the disk, about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Who; nobody known under the empty key.
    pub user: UserKey,
    /// Bytes of segments, compressed, and of the journal, which is not.
    pub bytes: u64,
}

/// The most that each may have so that all have at most `budget` together. Everybody may have all: `u64::MAX`.
pub(super) fn level(held: &mut [u64], budget: u64) -> u64 {
    held.sort_unstable();
    let mut left = budget;
    for (n, bytes) in held.iter().enumerate() {
        let others = (held.len() - n) as u64;
        if bytes.saturating_mul(others) > left {
            return left / others;
        }
        left = left.saturating_sub(*bytes);
    }
    u64::MAX
}

/// What one segment holds of each place, and of which company that is.
struct Held {
    segment: Arc<Segment>,
    users: Vec<(u64, u64, usize)>,
}

impl Held {
    /// Bytes on the disk of so many before compression.
    fn stored(&self, raw: u64) -> u64 {
        let (size, all) = (u128::from(self.segment.size), u128::from(self.segment.summary.raw().max(1)));
        u64::try_from(u128::from(raw) * size / all).unwrap_or(u64::MAX)
    }

    fn raw(&self, stored: u64) -> u64 {
        let (size, all) = (u128::from(self.segment.size.max(1)), u128::from(self.segment.summary.raw()));
        u64::try_from(u128::from(stored) * all / size + 1).unwrap_or(u64::MAX)
    }

    fn is_of(&self, company: usize, name: Option<&str>) -> bool {
        let known = self.segment.summary.companies.get(company);
        name.is_none_or(|name| known.is_some_and(|known| *known.name == *name))
    }
}

/// Brings the users of `company`, or all, to `budget` bytes together, of segments from the oldest on.
fn plan(held: &[Held], company: Option<&str>, budget: u64) -> Plan {
    let mut sums: HashMap<u64, u64> = HashMap::new();
    for one in held {
        for (place, raw, of) in &one.users {
            if one.is_of(*of, company) {
                let sum = sums.entry(*place).or_default();
                *sum = sum.saturating_add(one.stored(*raw));
            }
        }
    }
    let level = level(&mut sums.values().copied().collect::<Vec<_>>(), budget);
    let present = sums.len();
    sums.retain(|_, bytes| *bytes > level);
    if company.is_none() && sums.len() == present {
        // nobody is quieter than the others
        return Plan::new();
    }
    let mut plan = Plan::new();
    for one in held {
        let mut taken = HashMap::new();
        let mut bytes = 0u64;
        for (place, raw, of) in &one.users {
            let Some(sum) = sums.get(place).filter(|_| one.is_of(*of, company)) else { continue };
            let take = one.stored(*raw).min(sum.saturating_sub(level));
            if take > 0 {
                bytes = bytes.saturating_add(take);
                taken.insert(*place, take);
            }
        }
        let is_worth = company.is_some() || bytes >= one.segment.size / WORTH;
        if taken.is_empty() || !is_worth {
            continue;
        }
        for (place, take) in &mut taken {
            if let Some(sum) = sums.get_mut(place) {
                *sum = sum.saturating_sub(*take);
            }
            *take = one.raw(*take);
        }
        plan.push_back((one.segment.facts.number, taken));
    }
    plan
}

impl Store {
    /// The lines of a segment's table; none, when it is of version 1 or can't be read.
    fn held(&self, segment: &Arc<Segment>, mut each: impl FnMut(u64, usize, &str, u64)) {
        let file: Option<File> = self.folder.open_file(Name::Segment(segment.facts.number)).ok();
        let Some(table) = file.and_then(|file| segment.table(&file)) else { return };
        for line in holdings(&table) {
            let company = segment.summary.companies.get(line.company);
            let name = company.map_or("", |company| &company.name);
            each(place(name, line.user), line.company, line.user, line.raw);
        }
    }

    /// What each user, and nobody known, has on the disk; most first. Any thread; reads a small part of every
    /// segment, and looks at each record in memory under the front lock, some milliseconds. What an older version
    /// sealed is not counted.
    pub fn holders(&self) -> Vec<Holder> {
        let mut sums = self.held_in_memory();
        for segment in self.segments().iter() {
            let scale = Held { segment: Arc::clone(segment), users: Vec::new() };
            self.held(segment, |place, company, user, raw| {
                let holder = sums.entry(place).or_insert_with(|| {
                    let company = segment.summary.companies.get(company);
                    let user = UserKey::new(company.map_or("", |company| &company.name), user);
                    Holder { user, bytes: 0 }
                });
                holder.bytes = holder.bytes.saturating_add(scale.stored(raw));
            });
        }
        let mut holders: Vec<Holder> = sums.into_values().collect();
        holders.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.user.cmp(&b.user)));
        holders
    }

    fn held_in_memory(&self) -> HashMap<u64, Holder> {
        let mut sums: HashMap<u64, Holder> = HashMap::new();
        let front = self.front.read();
        for tier in front.sealing.iter().map(AsRef::as_ref).chain([&front.tier]) {
            for entry in tier.entries().iter().filter(|entry| entry.place != EVERYBODY) {
                let holder = sums.entry(entry.place).or_insert_with(|| {
                    let user = tier.row(entry).map(|row| UserKey::new(row.company, row.user));
                    Holder { user: user.unwrap_or_default(), bytes: 0 }
                });
                holder.bytes = holder.bytes.saturating_add(u64::from(entry.len));
            }
        }
        sums.retain(|_, holder| !is_board(&holder.user.user));
        sums
    }

    /// What is to be taken so that all segments have at most `budget` bytes; or, when a company is over its own,
    /// so that it is not. Reads the table of every segment.
    pub(super) fn plan_shares(&self, by_time: &[Arc<Segment>], budget: Option<u64>) -> Plan {
        let held: Vec<Held> = by_time
            .iter()
            .map(|segment| {
                let mut users = Vec::new();
                self.held(segment, |place, company, _, raw| users.push((place, raw, company)));
                Held { segment: Arc::clone(segment), users }
            })
            .collect();
        let limits = self.rules.read().limits.clone();
        for (company, limit) in limits {
            if held_by(by_time, &company) > limit {
                return plan(&held, Some(&company), limit - limit / 8);
            }
        }
        budget.map(|budget| plan(&held, None, budget)).unwrap_or_default()
    }

    /// Whether a company has more on the disk than it may.
    pub(super) fn is_company_over(&self, segments: &[Arc<Segment>]) -> bool {
        let limits = self.rules.read().limits.clone();
        limits.iter().any(|(company, limit)| held_by(segments, company) > *limit)
    }
}

/// Bytes on the disk of one company, about.
fn held_by(segments: &[Arc<Segment>], company: &str) -> u64 {
    let of = |segment: &Arc<Segment>| {
        let its = segment.summary.companies.iter().find(|known| *known.name == *company)?;
        Some(Held { segment: Arc::clone(segment), users: Vec::new() }.stored(its.raw))
    };
    segments.iter().filter_map(of).fold(0, u64::saturating_add)
}
