//! The loudest far addresses: while the queue is more than five eighths full the tap refuses their packets, so that the
//! rest of it is left to the others; and while it is full, whose packets they were that found no place. [`Slots`] is what
//! the PBX's threads look at, then only; [`Loudest`] is the drain's count, which fills the slots and knows the users. An
//! address with several users behind it (a proxy) is never refused.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::Dropped;
use super::share::Shares;
use crate::clock::{Clock, Timestamp};
use crate::event::UserKey;

/// Addresses that are refused at once.
const SLOTS: usize = 8;
/// Of these, hosts without their port: one that sends from ever new ports what nothing proves.
const HOSTS: usize = 2;
/// Addresses that are told apart while the queue is full.
const BLAMED: usize = 16;
/// How long it is tried to find out whose an address is.
const PATIENCE: Duration = Duration::from_millis(500);
/// Addresses that are weighed.
const WEIGHED: usize = 256;

/// Nobody outside can choose an address that looks like another's.
static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Zero stands for none.
fn place(far: &SocketAddr) -> u64 {
    SEED.hash_one(far) | 1
}

fn host(far: &SocketAddr) -> u64 {
    SEED.hash_one(far.ip()) | 1
}

/// Dropped packets, counted by many threads and taken by one.
#[derive(Debug)]
pub(super) struct Drops {
    packets: AtomicU64,
    first: AtomicI64,
    last: AtomicI64,
}

impl Default for Drops {
    fn default() -> Self {
        Self { packets: AtomicU64::new(0), first: AtomicI64::new(i64::MAX), last: AtomicI64::new(i64::MIN) }
    }
}

impl Drops {
    pub(super) fn count(&self, time: Timestamp) {
        self.first.fetch_min(time.micros(), Ordering::Relaxed);
        self.last.fetch_max(time.micros(), Ordering::Relaxed);
        // after the times, so that whoever sees the count sees them
        self.packets.fetch_add(1, Ordering::Release);
    }

    /// How many since the start.
    pub(super) fn total(&self) -> u64 {
        self.packets.load(Ordering::Relaxed)
    }

    /// What was dropped since `reported` drops; `None` if nothing was. The count is exact; a time that another thread is
    /// just writing counts for the next report.
    pub(super) fn since(&self, reported: u64, clock: &Clock) -> Option<Dropped> {
        let packets = self.packets.load(Ordering::Acquire).checked_sub(reported).filter(|&n| n > 0)?;
        let first = self.first.swap(i64::MAX, Ordering::Relaxed);
        let last = self.last.swap(i64::MIN, Ordering::Relaxed);
        let (from, to) = if first <= last {
            (Timestamp(first), Timestamp(last))
        } else {
            // both times went into the report before
            (clock.now(), clock.now())
        };
        Some(Dropped { from, to, packets })
    }
}

/// What the tap looks at when it is crowded.
#[derive(Debug, Default)]
pub(super) struct Slots {
    loud: [Slot; SLOTS],
    blamed: [Slot; BLAMED],
}

#[derive(Debug, Default)]
struct Slot {
    key: AtomicU64,
    drops: Drops,
}

impl Slots {
    /// Whether this address is one of the loudest; then the packet is counted as dropped. Any thread.
    #[cold]
    pub(super) fn refuses(&self, far: &SocketAddr, time: Timestamp) -> bool {
        let mut keys = self.loud.iter().map(|slot| slot.key.load(Ordering::Relaxed));
        if keys.all(|key| key == 0) {
            return false;
        }
        let (place, host) = (place(far), host(far));
        let is_here = |slot: &&Slot| {
            let key = slot.key.load(Ordering::Relaxed);
            key == place || key == host
        };
        let slot = self.loud.iter().find(is_here);
        if let Some(slot) = slot {
            slot.drops.count(time);
        }
        slot.is_some()
    }

    /// Counts a packet for which there is no place as one of its address; `false`: there are too many addresses, it was
    /// not counted. Any thread.
    #[cold]
    pub(super) fn blames(&self, far: &SocketAddr, time: Timestamp) -> bool {
        let place = place(far);
        let is_ours = |slot: &&Slot| {
            let taken = slot.key.compare_exchange(0, place, Ordering::Relaxed, Ordering::Relaxed);
            taken.is_ok() || taken == Err(place)
        };
        let known = self.blamed.iter().find(|slot| slot.key.load(Ordering::Relaxed) == place);
        let slot = known.or_else(|| self.blamed.iter().find(is_ours));
        if let Some(slot) = slot {
            slot.drops.count(time);
        }
        slot.is_some()
    }

    /// Packets refused since the start.
    pub(super) fn dropped(&self) -> u64 {
        self.loud.iter().chain(&self.blamed).map(|slot| slot.drops.total()).sum()
    }
}

/// Whose packets come from an address.
#[derive(Debug, Clone, Default)]
enum Owner {
    #[default]
    Nobody,
    One(Arc<UserKey>),
    Many,
}

impl Owner {
    fn meet(&mut self, user: &Arc<UserKey>) {
        match self {
            Self::Nobody => *self = Self::One(Arc::clone(user)),
            Self::One(known) if known == user => {}
            Self::One(_) | Self::Many => *self = Self::Many,
        }
    }
}

/// What the drain knows of a slot.
#[derive(Debug, Default)]
struct Told {
    key: u64,
    owner: Owner,
    reported: u64,
    /// It was emptied since the last look: a thread may still be counting there.
    is_cooling: bool,
}

/// The drain's count of far addresses. Used by one thread.
#[derive(Debug)]
pub(super) struct Loudest {
    places: Shares<u64, Owner>,
    /// Hosts of packets that nothing proves.
    hosts: Shares<u64>,
    told: [Told; SLOTS],
    /// Of each blamed address what was reported, and whether it was silent since the last time.
    blamed: [(u64, bool); BLAMED],
    /// Of which it is not known yet whose they are, since when.
    unsettled: Vec<(u64, Dropped, Timestamp)>,
    nobody: Arc<UserKey>,
}

impl Loudest {
    pub(super) fn new() -> Self {
        Self {
            places: Shares::new(WEIGHED),
            hosts: Shares::new(WEIGHED),
            told: Default::default(),
            blamed: Default::default(),
            unsettled: Vec::new(),
            nobody: Arc::default(),
        }
    }

    /// Weighs a packet.
    pub(super) fn count(&mut self, far: &SocketAddr, user: &Arc<UserKey>, is_proven: bool, weight: u64) {
        let owner = self.places.add(&place(far), weight);
        if is_proven {
            if let Some(owner) = owner {
                owner.meet(user);
            }
        } else {
            self.hosts.add(&host(far), weight);
        }
    }

    pub(super) fn age(&mut self) {
        self.places.age();
        self.hosts.age();
    }

    /// Fills the slots with the loudest of now. A slot changes its address only a look after it was emptied.
    pub(super) fn publish(&mut self, slots: &Slots) {
        let mut wanted: Vec<(u64, Owner)> = Vec::with_capacity(SLOTS);
        let half = self.places.total() / 2;
        wanted.extend(self.hosts.above(half).into_iter().map(|(key, ())| (*key, Owner::Nobody)).take(HOSTS));
        // addresses that are silent just now have a share too
        let fair = self.places.fair(WEIGHED);
        let alone = |(_, owner): &(&u64, &Owner)| !matches!(owner, Owner::Many);
        let loud = self.places.above(fair).into_iter().filter(alone);
        wanted.extend(loud.map(|(key, owner)| (*key, owner.clone())).take(SLOTS - HOSTS));
        for (slot, told) in slots.loud.iter().zip(&mut self.told) {
            told.is_cooling = false;
            if told.key == 0 {
                continue;
            }
            match wanted.iter().position(|(key, _)| *key == told.key) {
                Some(at) => told.owner = wanted.swap_remove(at).1,
                None => told.empty(slot),
            }
        }
        let free =
            slots.loud.iter().zip(&mut self.told).filter(|(_, told)| told.key == 0 && !told.is_cooling);
        for ((slot, told), (key, owner)) in free.zip(wanted) {
            (told.key, told.owner) = (key, owner);
            slot.key.store(key, Ordering::Relaxed);
        }
    }

    /// Empties the slots and forgets all weights.
    pub(super) fn end(&mut self, slots: &Slots) {
        self.places.clear();
        self.hosts.clear();
        for (slot, told) in slots.loud.iter().zip(&mut self.told) {
            told.empty(slot);
        }
    }

    /// Tells what was refused since the last time, and whose it was; the empty key: not known. `last`: nothing more will
    /// be learnt.
    pub(super) fn collect(
        &mut self,
        slots: &Slots,
        clock: &Clock,
        now: Timestamp,
        last: bool,
        sink: &mut dyn FnMut(&Arc<UserKey>, Dropped),
    ) {
        self.collect_blamed(slots, clock, now);
        let last = last || self.unsettled.len() > WEIGHED;
        let unsettled = std::mem::take(&mut self.unsettled);
        for (key, dropped, since) in unsettled {
            match self.places.get(&key) {
                _ if !last && now >= since && now.since(since) < PATIENCE => {
                    self.unsettled.push((key, dropped, since));
                }
                Some(Owner::One(user)) => sink(user, dropped),
                _ => sink(&self.nobody, dropped),
            }
        }
        for (slot, told) in slots.loud.iter().zip(&mut self.told) {
            if let Some(dropped) = slot.drops.since(told.reported, clock) {
                told.reported += dropped.packets;
                let user = if let Owner::One(user) = &told.owner { user } else { &self.nobody };
                sink(user, dropped);
            }
        }
    }
}

impl Loudest {
    /// A slot that stayed silent from one time to the next is free for another address.
    fn collect_blamed(&mut self, slots: &Slots, clock: &Clock, now: Timestamp) {
        for (slot, (reported, is_silent)) in slots.blamed.iter().zip(&mut self.blamed) {
            let key = slot.key.load(Ordering::Relaxed);
            let Some(dropped) = slot.drops.since(*reported, clock) else {
                if key != 0 && std::mem::replace(is_silent, true) {
                    slot.key.store(0, Ordering::Relaxed);
                    *is_silent = false;
                }
                continue;
            };
            *reported += dropped.packets;
            *is_silent = false;
            match self.unsettled.iter_mut().find(|(known, ..)| *known == key) {
                Some((_, sum, _)) => {
                    sum.from = sum.from.min(dropped.from);
                    sum.to = sum.to.max(dropped.to);
                    sum.packets += dropped.packets;
                }
                None => self.unsettled.push((key, dropped, now)),
            }
        }
    }
}

impl Told {
    fn empty(&mut self, slot: &Slot) {
        slot.key.store(0, Ordering::Relaxed);
        (self.key, self.is_cooling) = (0, true);
    }
}
