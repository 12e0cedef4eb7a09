//! Overload in steps. [`Ladder`] turns how full things are into what is kept: first less of the loud users' packets
//! (and of what nothing proves), then of everybody's; changes, quality and gaps always stay. [`Gauge`] shows pages and
//! command line where it stands. Pure but for the gauge's atomics; moved by the drain thread once a round.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::event::DumpDetail;

/// What overload leaves of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Step {
    /// As much as the dump detail says.
    #[default]
    Full,
    /// At most `headers`.
    Headers,
    /// At most `summary`.
    Summary,
    /// Nothing; it is counted in a gap.
    Counters,
}

impl Step {
    fn of(number: u8) -> Self {
        match number {
            0 => Self::Full,
            1 => Self::Headers,
            2 => Self::Summary,
            _ => Self::Counters,
        }
    }

    /// What is kept where the dump detail is `set`; `None`: nothing.
    pub fn detail(self, set: DumpDetail) -> Option<DumpDetail> {
        match self {
            Self::Full => Some(set),
            Self::Headers => Some(set.min(DumpDetail::Headers)),
            Self::Summary => Some(set.min(DumpDetail::Summary)),
            Self::Counters => None,
        }
    }

    /// The word that pages and log use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Headers => "headers",
            Self::Summary => "summary",
            Self::Counters => "counters",
        }
    }
}

/// At which pressure a rung is entered, and below which it is left, per mille. The tap keeps the loudest addresses
/// below 625 (`loud`), between the rungs of the loud and those of all.
const RUNGS: [(u32, u32); 6] = [(400, 200), (500, 300), (600, 400), (800, 650), (875, 725), (950, 800)];
/// Rungs that concern the loud alone.
const LOUD: u8 = 3;

/// So many looks it stays on a rung before it goes higher, so that the rung can show whether it helps.
const STAY: u8 = 4;

/// Below this pressure nobody needs to be watched.
pub(super) const CALM: u32 = 200;

/// Where overload stands: on rung 1 to 3 the loud lose detail, on 4 to 6 all do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ladder {
    rung: u8,
    /// Looks since it last moved.
    stayed: u8,
}

impl Ladder {
    /// Goes one rung up or down, or stays, by the pressure per mille; to be called once a round. Whether it moved.
    pub fn climb(&mut self, pressure: u32) -> bool {
        let rung = usize::from(self.rung);
        self.stayed = self.stayed.saturating_add(1);
        let may_rise = rung == 0 || self.stayed >= STAY;
        let up = may_rise && RUNGS.get(rung).is_some_and(|(enter, _)| pressure >= *enter);
        let down =
            rung.checked_sub(1).and_then(|at| RUNGS.get(at)).is_some_and(|(_, leave)| pressure < *leave);
        self.rung = self.rung.saturating_add(u8::from(up)).saturating_sub(u8::from(down && !up));
        if up || down {
            self.stayed = 0;
        }
        up || down
    }

    /// 0: no overload.
    pub fn rung(self) -> u8 {
        self.rung
    }

    /// What is left of the loud users' packets, and of what nothing proves.
    pub fn loud(self) -> Step {
        Step::of(self.rung.min(LOUD))
    }

    /// What is left of everybody's.
    pub fn all(self) -> Step {
        Step::of(self.rung.saturating_sub(LOUD))
    }
}

/// What the pages show of the intake. Written by the drain thread, read by any.
#[derive(Debug, Default)]
pub struct Gauge {
    rung: AtomicU8,
    lowered: AtomicU64,
    counted: AtomicU64,
    unproven: AtomicU64,
    unattributed: AtomicU64,
}

/// The gauge at one moment; counts are since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    /// Where overload stands now.
    pub ladder: Ladder,
    /// Packets kept at a lower detail than the company's, because of overload.
    pub lowered: u64,
    /// Packets of users counted and not kept, because of overload.
    pub counted: u64,
    /// Packets that only claimed to be a user's and were over the bound of such packets.
    pub unproven: u64,
    /// Packets of nobody known that were over their bound, or came under overload.
    pub unattributed: u64,
}

impl Gauge {
    /// The figures now; they may be a few packets apart from each other.
    pub fn read(&self) -> Reading {
        Reading {
            ladder: Ladder { rung: self.rung.load(Ordering::Relaxed), stayed: 0 },
            lowered: self.lowered.load(Ordering::Relaxed),
            counted: self.counted.load(Ordering::Relaxed),
            unproven: self.unproven.load(Ordering::Relaxed),
            unattributed: self.unattributed.load(Ordering::Relaxed),
        }
    }

    pub(super) fn show(&self, reading: &Reading) {
        self.rung.store(reading.ladder.rung, Ordering::Relaxed);
        self.lowered.store(reading.lowered, Ordering::Relaxed);
        self.counted.store(reading.counted, Ordering::Relaxed);
        self.unproven.store(reading.unproven, Ordering::Relaxed);
        self.unattributed.store(reading.unattributed, Ordering::Relaxed);
    }
}
