//! Who is logged in, and who may not try again yet: two bounded tables in memory. Called by `auth` on the web
//! threads; one short lock each, no I/O under it. Time is an argument.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Timestamp;
use crate::error::{Error, Result};

/// A session ends after so long without a request.
pub const IDLE: Duration = Duration::from_secs(30 * 60);
/// A session ends after so long in any case.
pub const ABSOLUTE: Duration = Duration::from_secs(12 * 3_600);
/// At most so many at once; the one not used for longest makes room.
const MOST: usize = 1_024;

/// One logged-in browser.
#[derive(Debug, Clone)]
pub struct Session {
    /// The administrator's name.
    pub person: Arc<str>,
    /// What the password hash was at login: a new password ends the session.
    pub proof: Arc<str>,
    /// What each form carries.
    pub csrf: Arc<str>,
    began: Timestamp,
    used: Timestamp,
}

/// All sessions of this run, by the cookie's value.
#[derive(Debug, Default)]
pub struct Sessions {
    table: Mutex<HashMap<String, Session>>,
}

impl Sessions {
    /// Begins a session under `id`, in place of any that has it.
    pub fn begin(&self, id: String, person: &str, proof: &str, csrf: String, now: Timestamp) -> Session {
        let session =
            Session { person: person.into(), proof: proof.into(), csrf: csrf.into(), began: now, used: now };
        let mut table = self.table.lock();
        if table.len() >= MOST {
            table.retain(|_, s| alive(s, now));
        }
        if table.len() >= MOST
            && let Some(oldest) = table.iter().min_by_key(|(_, s)| s.used).map(|(id, _)| id.clone())
        {
            table.remove(&oldest);
        }
        table.insert(id, session.clone());
        session
    }

    /// The session of `id`, if it lives; counts as use.
    pub fn touch(&self, id: &str, now: Timestamp) -> Option<Session> {
        let mut table = self.table.lock();
        let session = table.get_mut(id)?;
        if !alive(session, now) {
            table.remove(id);
            return None;
        }
        session.used = session.used.max(now);
        Some(session.clone())
    }

    /// Ends the session of `id`, if there is one.
    pub fn end(&self, id: &str) {
        self.table.lock().remove(id);
    }
}

fn alive(session: &Session, now: Timestamp) -> bool {
    now.since(session.used) < IDLE && now.since(session.began) < ABSOLUTE
}

/// Failed logins of one account or one address.
#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Timestamp,
    until: Timestamp,
}

/// Slows down who guesses passwords: after some free failures each further one doubles the wait. Counted per
/// account, over all addresses, and per address, over all accounts.
#[derive(Debug, Default)]
pub struct Throttle {
    table: Mutex<HashMap<String, Failures>>,
}

/// Failures are forgotten after so long without another.
const FORGET: Duration = Duration::from_secs(3_600);
/// The longest wait. Short, because somebody else's guesses make the rightful owner wait too.
const LONGEST: Duration = Duration::from_secs(300);
/// Free failures of an account and of an address (an office behind one address has many people).
const FREE_ACCOUNT: u32 = 5;
const FREE_ADDRESS: u32 = 20;
/// Accounts and addresses remembered at most.
const REMEMBERED: usize = 8_192;

impl Throttle {
    /// Asks to try a password. Zero: go on, and the try is already counted as failed (so that many at once don't all
    /// get by; [`Self::passed`] takes it back). Else: how long this account or address must wait.
    pub fn attempt(&self, name: &str, far: Option<IpAddr>, now: Timestamp) -> Duration {
        let mut table = self.table.lock();
        let waits =
            keys(name, far).into_iter().filter_map(|(key, _)| table.get(&key).map(|f| f.until.since(now)));
        let wait = waits.max().unwrap_or_default();
        if !wait.is_zero() {
            return wait;
        }
        if table.len() >= REMEMBERED {
            table.retain(|_, f| now.since(f.last) < FORGET);
        }
        if table.len() >= REMEMBERED
            && let Some(oldest) = table.iter().min_by_key(|(_, f)| f.last).map(|(key, _)| key.clone())
        {
            table.remove(&oldest);
        }
        for (key, free) in keys(name, far) {
            let entry = table.entry(key).or_insert(Failures { count: 0, last: now, until: now });
            if now.since(entry.last) >= FORGET {
                entry.count = 0;
            }
            entry.count = entry.count.saturating_add(1);
            entry.last = now;
            if let Some(over) = entry.count.checked_sub(free) {
                let seconds = 1_u64.checked_shl(over).map_or(LONGEST.as_secs(), |s| s.min(LONGEST.as_secs()));
                entry.until = now.plus(Duration::from_secs(seconds));
            }
        }
        Duration::ZERO
    }

    /// The password was right: the account's failures are forgotten, and the address's is taken back.
    pub fn passed(&self, name: &str, far: Option<IpAddr>) {
        let mut table = self.table.lock();
        for (key, free) in keys(name, far) {
            if free == FREE_ACCOUNT {
                table.remove(&key);
            } else if let Some(entry) = table.get_mut(&key) {
                entry.count = entry.count.saturating_sub(1);
                entry.until = entry.last;
            }
        }
    }
}

fn keys(name: &str, far: Option<IpAddr>) -> Vec<(String, u32)> {
    let mut keys = vec![(format!("n:{name}"), FREE_ACCOUNT)];
    if let Some(far) = far {
        keys.push((format!("a:{}", network(far)), FREE_ADDRESS));
    }
    keys
}

/// An IPv6 subscriber has a whole /64 (RFC 6177); mapped IPv4 is IPv4.
fn network(far: IpAddr) -> IpAddr {
    match far.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

/// 256 random bits as 64 hexadecimal digits: a session's name, a form's token.
pub fn token() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| {
        Error::Invalid(format!("the system gives no random numbers ({e}); check /dev/urandom"))
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether two secrets are equal, in a time that depends on their lengths only.
pub fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |seen, (a, b)| seen | (a ^ b)) == 0
}
