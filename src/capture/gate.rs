//! The gate before the redactor: how much of an attributed packet is kept, if anything. It holds the bounds of what
//! nothing proves (`pool`), the steps of overload (`pressure`) and the users' fair shares under it (`share`), and counts
//! whatever it takes away (`stretch`). Used by the drain thread only; while there is no overload it costs a packet that
//! is proven one comparison. Changes and quality do not pass here.

use std::sync::Arc;
use std::time::Duration;

use super::attribute::Certainty;
use super::loud::Loudest;
use super::pool::{Claims, Pool};
use super::pressure::{CALM, Gauge, Reading, Step};
use super::share::Shares;
use super::stretch::{Stretches, Why};
use super::{Dropped, Owned, Tap};
use crate::clock::Timestamp;
use crate::event::{DumpDetail, UserKey};

/// Bounds of what nothing proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Packets of nobody known in a minute.
    pub unknown_packets: u64,
    /// Bytes of them in a minute.
    pub unknown_bytes: u64,
    /// Packets that claim to be one user's in a minute.
    pub claimed_packets: u64,
    /// Bytes of them in a minute.
    pub claimed_bytes: u64,
    /// Bytes of all claims in an hour, once for users with few and once for the others.
    pub claimed_hourly: u64,
}

impl Limits {
    /// None.
    pub const NONE: Self = Self {
        unknown_packets: u64::MAX,
        unknown_bytes: u64::MAX,
        claimed_packets: u64::MAX,
        claimed_bytes: u64::MAX,
        claimed_hourly: u64::MAX,
    };
}

/// Users whose packets are weighed under overload.
const USERS: usize = 4_096;
/// What a packet weighs beside its bytes: the work it makes.
const PACKET: u64 = 256;
/// Weight after which older weight counts half: some tens of thousands of packets.
const WINDOW: u64 = 64 << 20;
/// Nobody is loud with less: some tens of packets.
const LEAST: u64 = 48 << 10;
/// How often stretches are looked through.
const TELL: Duration = Duration::from_secs(1);
/// How long it has to be calm before the loud are forgotten and the log says that an overload is over.
const OVER: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Gate {
    unknown: Pool,
    claims: Claims,
    users: Shares<Arc<UserKey>>,
    /// The weight beyond which a user is loud.
    fair: u64,
    addresses: Loudest,
    /// When there was pressure last.
    pressed: Timestamp,
    /// What the shares weigh in all, and what they did at the last look.
    weight: u64,
    looked: u64,
    is_watching: bool,
    stretches: Stretches,
    told: Timestamp,
    now: Timestamp,
    /// How full the store's memory is, per mille, and how many users there are.
    store: u32,
    population: usize,
    reading: Reading,
    gauge: Arc<Gauge>,
    episode: Episode,
}

/// What the log was told of the overload that lasts.
#[derive(Debug, Default)]
struct Episode {
    worst: u8,
    began: Reading,
    calm: Option<Timestamp>,
}

impl Gate {
    pub(super) fn new(limits: &Limits, gauge: Arc<Gauge>) -> Self {
        let start = Timestamp::MIN;
        Self {
            unknown: Pool::new(limits.unknown_packets, limits.unknown_bytes, start),
            claims: Claims::new(limits.claimed_packets, limits.claimed_bytes, limits.claimed_hourly, start),
            users: Shares::new(USERS),
            fair: u64::MAX,
            addresses: Loudest::new(),
            weight: 0,
            looked: 0,
            is_watching: false,
            pressed: start,
            stretches: Stretches::default(),
            told: start,
            now: start,
            store: 0,
            population: 0,
            reading: Reading::default(),
            gauge,
            episode: Episode::default(),
        }
    }

    pub(super) fn press(&mut self, store: u32, population: usize) {
        (self.store, self.population) = (store, population);
    }

    /// Before a round: moves the ladder and tells what is due.
    pub(super) fn begin(
        &mut self,
        now: Timestamp,
        tap: &Tap,
        sink: &mut dyn FnMut(Arc<UserKey>, Why, Dropped),
    ) {
        self.now = now;
        let queue = tap.pressure();
        let pressure = queue.max(self.store);
        let moved = self.reading.ladder.climb(pressure);
        self.log(queue);
        self.watch(pressure, tap);
        self.queue_drops(tap, false);
        let over = moved && self.reading.ladder.rung() == 0;
        if over || now < self.told || now.since(self.told) >= TELL {
            self.told = now;
            self.stretches.tell(now, over, sink);
        }
        self.gauge.show(&self.reading);
    }

    /// After the last round: tells all.
    pub(super) fn finish(&mut self, tap: &Tap, sink: &mut dyn FnMut(Arc<UserKey>, Why, Dropped)) {
        self.queue_drops(tap, true);
        self.addresses.end(&tap.loud);
        self.stretches.tell(self.now, true, sink);
        self.gauge.show(&self.reading);
    }

    fn watch(&mut self, pressure: u32, tap: &Tap) {
        if pressure >= CALM || self.reading.ladder.rung() > 0 {
            self.pressed = self.now;
            self.is_watching = true;
        } else if self.is_watching && (self.now < self.pressed || self.now.since(self.pressed) >= OVER) {
            (self.is_watching, self.fair, self.weight, self.looked) = (false, u64::MAX, 0, 0);
            self.users.clear();
            self.addresses.end(&tap.loud);
        }
        if self.weight >= WINDOW {
            (self.weight, self.looked) = (self.weight / 2, 0);
            self.users.age();
            self.addresses.age();
        }
        // the share grows with what came, so a look is due when that has grown by a quarter
        if self.weight > self.looked.saturating_add(self.looked / 4) {
            self.looked = self.weight;
            self.fair = self.users.fair(self.population).max(LEAST);
            self.addresses.publish(&tap.loud);
        }
    }

    /// What the tap refused becomes the gap of the address's user, where there is one user.
    fn queue_drops(&mut self, tap: &Tap, last: bool) {
        let (stretches, now) = (&mut self.stretches, self.now);
        self.addresses.collect(&tap.loud, &tap.clock, now, last, &mut |user, dropped| {
            stretches.count(user, Why::Queue, dropped, now);
        });
    }

    /// How much is kept of a packet; `None`: nothing, and it is counted.
    pub(super) fn admit(
        &mut self,
        user: &Arc<UserKey>,
        certainty: Certainty,
        packet: &Owned,
        set: DumpDetail,
    ) -> Option<DumpDetail> {
        let size = packet.data().len();
        let is_proven = certainty == Certainty::Proven;
        let step = if self.is_watching { self.step(user, is_proven, packet) } else { Step::Full };
        let one = Dropped { from: packet.time, to: packet.time, packets: 1 };
        let Some(detail) = step.detail(set) else {
            if user.is_nobody() {
                self.reading.unattributed += 1;
            } else {
                self.reading.counted += 1;
                self.stretches.count(user, Why::Overload, one, self.now);
            }
            return None;
        };
        if user.is_nobody() {
            if !self.unknown.admit(self.now, size) {
                self.reading.unattributed += 1;
                return None;
            }
        } else if !is_proven && !self.claims.admit(self.now, user, size) {
            self.reading.unproven += 1;
            self.stretches.count(user, Why::Unproven, one, self.now);
            return None;
        }
        if detail < set {
            self.reading.lowered += 1;
            if !user.is_nobody() {
                self.stretches.count(user, Why::Lowered, one, self.now);
            }
        }
        Some(detail)
    }

    fn step(&mut self, user: &Arc<UserKey>, is_proven: bool, packet: &Owned) -> Step {
        let size = u64::try_from(packet.data().len()).unwrap_or(u64::MAX);
        let weight = size.saturating_add(PACKET);
        self.weight = self.weight.saturating_add(weight);
        self.addresses.count(&packet.far, user, is_proven, weight);
        if is_proven {
            self.users.add(user, weight);
        }
        let is_loud = !is_proven || self.users.weight(user) > self.fair;
        if is_loud { self.reading.ladder.loud() } else { self.reading.ladder.all() }
    }

    /// One line for each step that is entered for the first time in an overload, and one when it is over.
    fn log(&mut self, queue: u32) {
        let (ladder, episode) = (self.reading.ladder, &mut self.episode);
        if ladder.rung() > episode.worst {
            if episode.worst == 0 {
                episode.began = self.reading;
            }
            episode.worst = ladder.rung();
            let why =
                if queue >= self.store { "the queue of packets" } else { "the memory of the packet ring" };
            let (whose, step) = match ladder.all() {
                Step::Full => ("the loudest users", ladder.loud()),
                step => ("all users", step),
            };
            tracing::warn!(
                "overload: {why} is {} % full; of {whose}' packets is kept: {}",
                queue.max(self.store) / 10,
                step.word()
            );
        }
        if ladder.rung() > 0 || episode.worst == 0 {
            episode.calm = None;
            return;
        }
        let calm = *episode.calm.get_or_insert(self.now);
        if self.now < calm || self.now.since(calm) >= OVER {
            let (lowered, counted) =
                (self.reading.lowered - episode.began.lowered, self.reading.counted - episode.began.counted);
            tracing::info!(
                "the overload is over: {lowered} packets were kept at a lower detail, {counted} were only counted"
            );
            *episode = Episode::default();
        }
    }
}
