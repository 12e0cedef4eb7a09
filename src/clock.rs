//! Time: the only file that asks the system for it. Everything else is handed a [`Clock`] or, in pure
//! tables, a [`Timestamp`]. All times are microseconds since 1970-01-01T00:00:00Z.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment, in microseconds since the Unix epoch, UTC. May lie before it (negative).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Before everything that can be stored.
    pub const MIN: Self = Self(i64::MIN);
    /// After everything that can be stored.
    pub const MAX: Self = Self(i64::MAX);

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This moment plus `span`; stays at [`Self::MAX`] instead of wrapping.
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This moment minus `span`; stays at [`Self::MIN`] instead of wrapping.
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The time from `earlier` to this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// The hands of a clock that a test moves: the wall's, and the steady one that never goes back.
#[derive(Debug, Default)]
pub struct Hands {
    wall: AtomicI64,
    steady: AtomicI64,
}

/// Where the time comes from. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The system's clocks.
    #[default]
    System,
    /// A clock that a test sets by hand; shared by its clones.
    Fixed(Arc<Hands>),
}

impl Clock {
    /// A clock that stands at `at` until [`Clock::set`] or [`Clock::jump`].
    pub fn fixed(at: Timestamp) -> Self {
        Self::Fixed(Arc::new(Hands { wall: AtomicI64::new(at.0), steady: AtomicI64::new(0) }))
    }

    /// Sets a fixed clock: as much time passes as lies between its wall time and `at`, none when `at` is
    /// earlier. Does nothing to the system's.
    pub fn set(&self, at: Timestamp) {
        if let Self::Fixed(hands) = self {
            let before = hands.wall.swap(at.0, Ordering::Relaxed);
            hands.steady.fetch_add(at.0.saturating_sub(before).max(0), Ordering::Relaxed);
        }
    }

    /// Somebody sets a fixed clock's wall time while no time passes. Does nothing to the system's.
    pub fn jump(&self, at: Timestamp) {
        if let Self::Fixed(hands) = self {
            hands.wall.store(at.0, Ordering::Relaxed);
        }
    }

    /// The time now. No lock; one vDSO call for the system's clock.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Fixed(hands) => Timestamp(hands.wall.load(Ordering::Relaxed)),
            Self::System => match SystemTime::now().duration_since(UNIX_EPOCH) {
                Ok(span) => Timestamp::default().plus(span),
                Err(before) => Timestamp::default().minus(before.duration()),
            },
        }
    }

    /// Time that has passed since some moment of this process; setting the wall clock does not move it.
    pub fn steady(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        match self {
            Self::Fixed(hands) => {
                Duration::from_micros(u64::try_from(hands.steady.load(Ordering::Relaxed)).unwrap_or(0))
            }
            Self::System => START.get_or_init(Instant::now).elapsed(),
        }
    }
}
