//! Bounds of what anybody on the network can send: packets of nobody known ([`Pool`]), and packets that only claim to be
//! a user's ([`Claims`]). What is over the bound is not kept but counted, and can never push out proven packets. Pure;
//! the drain asks before it redacts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::event::UserKey;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// Lets through so many packets and bytes in a span, after at most one span's worth at once: in any `t` spans `t + 1`
/// times as much. Used by one thread.
#[derive(Debug)]
pub struct Pool {
    /// A token is a packet, or a byte, times the microseconds of the span: so the refill of one microsecond is whole.
    span: u64,
    packets: Bucket,
    bytes: Bucket,
    last: Timestamp,
    dropped: u64,
}

#[derive(Debug)]
struct Bucket {
    a_span: u64,
    level: u64,
}

impl Bucket {
    fn refill(&mut self, micros: u64, span: u64) {
        let more = self.level.saturating_add(self.a_span.saturating_mul(micros));
        self.level = more.min(self.a_span.saturating_mul(span));
    }
}

impl Pool {
    /// Full; `packets` and `bytes` are those of a minute. Zero lets nothing through.
    pub fn new(packets: u64, bytes: u64, now: Timestamp) -> Self {
        Self::over(MINUTE, packets, bytes, now)
    }

    fn over(span: Duration, packets: u64, bytes: u64, now: Timestamp) -> Self {
        let span = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        let full = |a_span: u64| Bucket { a_span, level: a_span.saturating_mul(span) };
        Self { span, packets: full(packets), bytes: full(bytes), last: now, dropped: 0 }
    }

    /// Whether a packet of `size` bytes is kept; counts it if it is not. A clock that was set back refills nothing.
    pub fn admit(&mut self, now: Timestamp, size: usize) -> bool {
        self.refill(now);
        let size = u64::try_from(size).unwrap_or(u64::MAX).saturating_mul(self.span);
        let left = (self.packets.level.checked_sub(self.span), self.bytes.level.checked_sub(size));
        if let (Some(packets), Some(bytes)) = left {
            self.packets.level = packets;
            self.bytes.level = bytes;
            return true;
        }
        self.dropped = self.dropped.saturating_add(1);
        false
    }

    fn refill(&mut self, now: Timestamp) {
        let micros = u64::try_from(now.since(self.last).as_micros()).unwrap_or(u64::MAX);
        self.last = now;
        self.packets.refill(micros, self.span);
        self.bytes.refill(micros, self.span);
    }

    /// Whether nine tenths of its packets are still there.
    fn is_calm(&self) -> bool {
        let full = self.packets.a_span.saturating_mul(self.span);
        self.packets.level >= full - full / 10
    }

    /// Whether it is as good as new at that moment.
    fn is_idle(&self, now: Timestamp) -> bool {
        now < self.last || now.since(self.last) >= Duration::from_micros(self.span)
    }

    /// How many were not kept so far.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// Users of whom claims are counted one by one; of more, only the bound of all holds.
const CLAIMANTS: usize = 4_096;
/// How often room is made among them.
const SWEEP: Duration = Duration::from_secs(1);
/// What a record costs beside its packet's bytes.
const RECORD: usize = 128;

/// Bounds of packets that claim to be a user's and are not proven: for each user in a minute, and for all in an hour.
/// Those of users with few claims have an hour's bytes of their own, so that a flood with one user's name does not hide
/// another's wrong password. Used by one thread.
#[derive(Debug)]
pub struct Claims {
    packets: u64,
    bytes: u64,
    few: Pool,
    many: Pool,
    users: HashMap<Arc<UserKey>, Pool>,
    swept: Timestamp,
}

impl Claims {
    /// Full. `packets` and `bytes` are those of one user in a minute, `hourly` the bytes of all in an hour, once for users
    /// with few claims and once for the others.
    pub fn new(packets: u64, bytes: u64, hourly: u64, now: Timestamp) -> Self {
        let all = || Pool::over(HOUR, u64::MAX, hourly, now);
        Self { packets, bytes, few: all(), many: all(), users: HashMap::new(), swept: Timestamp::MIN }
    }

    /// Whether a packet of `size` bytes that claims to be this user's is kept. Cost: two hash look-ups; once a second,
    /// where there are very many users with claims, a pass over 4,096.
    pub fn admit(&mut self, now: Timestamp, user: &Arc<UserKey>, size: usize) -> bool {
        let size = size.saturating_add(RECORD);
        if !self.users.contains_key(user) && self.room(now) {
            let pool = Pool::new(self.packets, self.bytes, now);
            self.users.insert(Arc::clone(user), pool);
        }
        let is_calm = match self.users.get_mut(user) {
            Some(pool) => pool.admit(now, size).then(|| pool.is_calm()),
            None => (self.packets > 0).then_some(false),
        };
        match is_calm {
            Some(true) => self.few.admit(now, size),
            Some(false) => self.many.admit(now, size),
            None => false,
        }
    }

    fn room(&mut self, now: Timestamp) -> bool {
        if self.users.len() >= CLAIMANTS && (now < self.swept || now.since(self.swept) >= SWEEP) {
            self.swept = now;
            self.users.retain(|_, pool| !pool.is_idle(now));
        }
        self.users.len() < CLAIMANTS
    }
}
