//! Opens a folder: sorts its files, reads the journals that an earlier run left, begins a new one. Damage is
//! counted and becomes a gap; nothing here panics at what it finds.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use super::age::{Age, Stamp};
use super::folder::{Folder, Name};
use super::front::{Front, Stop};
use super::journal::{self, Journal, Unusable};
use super::purge;
use super::record::{Gap, GapCause};
use super::segment::Segment;
use super::tier::Tier;
use super::trouble::{Fault, Trouble, advice};
use super::upkeep::Turn;
use super::{Options, Rules, Store};
use crate::clock::{Clock, Timestamp};
use crate::error::Result;

/// More records than a journal ever holds; as a power of two low enough that seqs stay below 2^53 for JSON.
const SEQS_PER_FILE: u64 = 1 << 26;

/// What the folder held.
#[derive(Debug, Default)]
struct Found {
    segments: Vec<Arc<Segment>>,
    /// Numbers of files that a rewritten segment stands for.
    replaced: HashSet<u64>,
    tiers: Vec<Tier>,
    seqs: HashSet<u64>,
    damaged: Vec<(Timestamp, Timestamp)>,
    /// Files of which nothing can be shown, with the names under which they are set aside.
    aside: Vec<(Name, Name)>,
    /// The stamp of the newest file, and whether it is a journal's: a segment's knows less.
    newest: Option<(Stamp, bool)>,
    spent: Vec<Name>,
    trouble: Trouble,
}

pub(super) fn open(dir: &Path, options: Options, clock: Clock) -> Result<Store> {
    let folder = Folder::open(dir)?;
    let options = Options { seal_bytes: options.seal_bytes.clamp(64 * 1024, 1 << 30), ..options };
    let mut found = Found::default();
    let (orders, wrong) = purge::load(&folder);
    if let Some(text) = wrong {
        found.trouble.stays(text);
    }
    let files = folder.list()?;
    let next = files.iter().map(|(name, _)| name.number()).max().unwrap_or(0).saturating_add(1);
    for &(name, _) in &files {
        match name {
            Name::Segment(number) => found.segment(&folder, number),
            Name::Unfinished(_) => found.spent.push(name),
            _ => {}
        }
    }
    found.leave_replaced();
    for &(name, _) in &files {
        if let Name::Journal(number) = name {
            found.journal(&folder, number);
        }
    }
    let age = Age::resume(found.newest.map(|(stamp, _)| stamp), &clock);
    let stamp = age.stamp();
    let salt = journal::new_salt();
    let begun =
        Journal::create(&folder, next, salt, &stamp).and_then(|journal| folder.sync().map(|()| journal));
    let (journal, stopped) = match begun {
        Ok(journal) => (journal, None),
        Err(error) => {
            // a full disk must not keep the PBX from its wall: the first maintenance tries again
            drop(folder.remove(Name::Journal(next)));
            let advice = advice(&error);
            let text = format!("{error}: packets are not stored until the disk takes them again: {advice}");
            found.trouble.raise(Fault::Stopped, text);
            (Journal::absent(&folder, next, salt), Some(Stop::Disk))
        }
    };
    let mut turn = Turn::new(next.saturating_add(1), clock.steady());
    for name in std::mem::take(&mut found.spent) {
        if folder.remove(name).is_err() {
            turn.leftover.push(name);
        }
    }
    for tier in &mut found.tiers {
        let last = Timestamp(tier.times.map_or(tier.stretch.from, |(_, last)| last));
        tier.stretch.to = stamp.ring.max(tier.stretch.from);
        tier.stretch.to = tier.stretch.ring(last);
    }
    found.unknown(&folder, options.seal_interval);
    let sealed = found.segments.iter().map(|segment| segment.facts.seqs.1);
    let recovered = found.tiers.iter().filter_map(|tier| tier.seqs).map(|(_, last)| last);
    let known = sealed.chain(recovered).max().unwrap_or(0);
    // retention may have removed the newest records, a kill the memory of them: file numbers only grow
    let next_seq = known.max(next.saturating_sub(1).saturating_mul(SEQS_PER_FILE)).saturating_add(1);
    let mut front = Front {
        tier: Tier::new(next, stamp.stretch()),
        journal: Arc::new(journal),
        sealing: found.tiers.into_iter().map(Arc::new).collect(),
        next_seq,
        stopped,
        is_held: false,
        limit: options.seal_bytes.saturating_mul(2),
        missing: None,
        stored: 0,
        lost: 0,
    };
    // recovered tiers are sealed by the first maintenance; until then they must not crowd out new records
    let recovered = front.sealing.iter().fold(0u64, |sum, tier| sum.saturating_add(tier.bytes()));
    front.limit = front.limit.saturating_add(recovered);
    for &(from, to) in &found.damaged {
        front.gap(&Gap { from, to, packets: 0, cause: GapCause::Damage });
    }
    found.segments.sort_by_key(|segment| std::cmp::Reverse(segment.facts.times.1));
    let store = Store {
        folder,
        options,
        clock,
        front: RwLock::new(front),
        segments: RwLock::new(Arc::new(found.segments)),
        rules: RwLock::new(Rules { age, retention: HashMap::new(), limits: HashMap::new() }),
        orders: Mutex::new(orders),
        trouble: found.trouble,
        turn: Mutex::new(turn),
        queries: AtomicU64::new(0),
        bad_bytes: AtomicU64::new(0),
    };
    // their gaps are in the journal before they are gone from the folder
    drop(store.hand_over());
    for (name, bad) in found.aside {
        drop(store.folder.rename(name, bad));
    }
    store.trouble.tell();
    Ok(store)
}

impl Found {
    fn segment(&mut self, folder: &Folder, number: u64) {
        match Segment::open(folder, number) {
            Ok(segment) => {
                let stretch = segment.facts.stretch;
                self.newest_is(Stamp::at(stretch.to, stretch.to.saturating_add(stretch.skew)), false);
                self.replaced.extend(&segment.summary.replaces);
                self.segments.push(Arc::new(segment));
            }
            Err(unusable) => {
                self.unusable(folder, Name::Segment(number), Name::BadSegment(number), unusable);
            }
        }
    }

    fn journal(&mut self, folder: &Folder, number: u64) {
        let name = Name::Journal(number);
        // its segment is whole, since it got its name only then: the kill came before the journal was removed
        if self.replaced.contains(&number)
            || self.segments.iter().any(|segment| segment.facts.number == number)
        {
            self.spent.push(name);
            return;
        }
        match journal::read(folder, number) {
            Ok(found) => {
                self.newest_is(found.stamp, true);
                self.trouble.count(found.damaged.len() as u64);
                self.damaged.extend(found.damaged);
                // a journal that replaced a failed one has the same records again
                let tier = found.tier.without(&self.seqs);
                self.seqs.extend(tier.entries().iter().map(|entry| entry.seq));
                if tier.entries().is_empty() {
                    self.spent.push(name);
                } else {
                    self.tiers.push(tier);
                }
            }
            Err(unusable) => self.unusable(folder, name, Name::BadJournal(number), unusable),
        }
    }

    /// A kill came between the writing of a segment and the removal of those it replaces.
    fn leave_replaced(&mut self) {
        let Self { segments, replaced, spent, .. } = self;
        segments.retain(|segment| {
            let number = segment.facts.number;
            let stays = !replaced.contains(&number);
            if !stays {
                spent.push(Name::Segment(number));
            }
            stays
        });
    }

    /// Files are numbered as they are begun, but a rewritten segment's records are older than its number.
    fn newest_is(&mut self, stamp: Stamp, is_journal: bool) {
        if self.newest.is_none_or(|(newest, known)| (newest.ring, known) <= (stamp.ring, is_journal)) {
            self.newest = Some((stamp, is_journal));
        }
    }

    fn unusable(&mut self, folder: &Folder, name: Name, bad: Name, unusable: Unusable) {
        let path = folder.path(name).display().to_string();
        let text = match unusable {
            Unusable::Empty => {
                self.spent.push(name);
                return;
            }
            Unusable::Later(version) => format!(
                "{path}: format version {version} is of a later usermon: its packets are not shown; \
                 update usermon, or remove the file"
            ),
            Unusable::Damaged => {
                self.aside.push((name, bad));
                format!(
                    "{path}: damaged from its first byte on, nothing of it can be shown but a gap: it is set aside under \
                     the ending .bad; look at the disk"
                )
            }
            Unusable::Io(error) => format!("{error}: its packets are not shown until the next start"),
        };
        self.trouble.stays(text);
    }

    /// The files of which nothing can be shown become gaps. Each lies between its neighbours by number; where there is
    /// none, its last change tells its end, and `longest` how much one holds.
    fn unknown(&mut self, folder: &Folder, longest: Duration) {
        let segments = self.segments.iter().map(|one| (one.facts.number, one.facts.times));
        let tiers = self.tiers.iter().filter_map(|tier| Some((tier.number, tier.times?)));
        let known: BTreeMap<u64, (i64, i64)> = segments.chain(tiers).collect();
        for (name, _) in &self.aside {
            let changed = folder.changed(*name);
            let before = known.range(..name.number()).next_back().map(|(_, (_, last))| Timestamp(*last));
            let after = known.range(name.number()..).next().map(|(_, (first, _))| Timestamp(*first));
            let Some(to) = after.or(changed).or(before) else { continue };
            let from = before.unwrap_or(to.minus(longest)).min(to);
            self.damaged.push((from, to));
        }
    }
}
