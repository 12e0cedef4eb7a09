//! Randomness: passwords from the operating system's generator, and the phones' moods. Used everywhere.

use std::ops::RangeInclusive;
use std::time::Duration;

// no 0/O, 1/l/I: people type these
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A password of 16 characters, 80 bits.
pub(crate) fn password() -> Result<String, String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| format!("the system gives no random bytes: {e}"))?;
    Ok(bytes.iter().filter_map(|b| LETTERS.get(usize::from(b % 32))).map(|b| char::from(*b)).collect())
}

/// A number below `n` (0 for `n` 0); not for secrets.
pub(crate) fn below(n: usize) -> usize {
    let random = getrandom::u64().unwrap_or(0);
    usize::try_from(random % u64::try_from(n.max(1)).unwrap_or(1)).unwrap_or(0)
}

/// One of `items`, any.
pub(crate) fn one_of<T>(items: &[T]) -> Option<&T> {
    items.get(below(items.len()))
}

/// A time of `seconds`, at the phones' pace.
pub(crate) fn time(seconds: RangeInclusive<f64>, pace: f64) -> Duration {
    let share = f64::from(u32::try_from(below(1000)).unwrap_or(0)) / 1000.0;
    let seconds = seconds.start() + (seconds.end() - seconds.start()) * share;
    Duration::from_secs_f64((seconds / pace).max(0.02))
}
