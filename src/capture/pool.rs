//! The pool of what belongs to nobody known: how many of such packets are kept. Anybody on the network can send them,
//! so what is over the bound is not kept but counted, and can never push out users' packets. Pure; `module` asks it
//! on `usermon-drain` before a packet goes to the store.

use crate::clock::Timestamp;

/// A token is a packet, or a byte, times the microseconds of a minute: so the refill of one microsecond is whole.
const MINUTE: u64 = 60_000_000;

/// Lets through so many packets and bytes a minute, after at most one minute's worth at once: in any `t` minutes
/// `t + 1` times as much. Used by one thread.
#[derive(Debug)]
pub struct Pool {
    packets: Bucket,
    bytes: Bucket,
    last: Timestamp,
    dropped: u64,
}

#[derive(Debug)]
struct Bucket {
    a_minute: u64,
    level: u64,
}

impl Bucket {
    fn full(a_minute: u64) -> Self {
        Self { a_minute, level: a_minute.saturating_mul(MINUTE) }
    }

    fn refill(&mut self, micros: u64) {
        let more = self.level.saturating_add(self.a_minute.saturating_mul(micros));
        self.level = more.min(self.a_minute.saturating_mul(MINUTE));
    }
}

impl Pool {
    /// Full; `packets` and `bytes` are those of a minute. Zero lets nothing through.
    pub fn new(packets: u64, bytes: u64, now: Timestamp) -> Self {
        Self { packets: Bucket::full(packets), bytes: Bucket::full(bytes), last: now, dropped: 0 }
    }

    /// Whether a packet of `size` bytes is kept; counts it if it is not. A clock that was set back refills nothing.
    pub fn admit(&mut self, now: Timestamp, size: usize) -> bool {
        let micros = u64::try_from(now.since(self.last).as_micros()).unwrap_or(u64::MAX);
        self.last = now;
        self.packets.refill(micros);
        self.bytes.refill(micros);
        let size = u64::try_from(size).unwrap_or(u64::MAX).saturating_mul(MINUTE);
        let left = (self.packets.level.checked_sub(MINUTE), self.bytes.level.checked_sub(size));
        if let (Some(packets), Some(bytes)) = left {
            self.packets.level = packets;
            self.bytes.level = bytes;
            return true;
        }
        self.dropped = self.dropped.saturating_add(1);
        false
    }

    /// How many were not kept so far.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}
