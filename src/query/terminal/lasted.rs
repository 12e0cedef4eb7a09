//! A terminal's registrations one by one: since when, until when, from where; and whether they come and go. Out of the
//! changes of the ring. Pure.

use std::net::SocketAddr;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::event::{Change, Transport};

/// A terminal that is lost more often than this within an hour flaps.
pub const MOST_LOSSES: usize = 3;
/// In which it is counted.
const HOUR: Duration = Duration::from_hours(1);

/// How a registration ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It did not.
    Goes,
    /// The phone, or the PBX, ended it.
    Unregistered,
    /// It ran out.
    Expired,
    /// Not told; the PBX or usermon may have been stopped meanwhile.
    Unknown,
}

/// One registration, from the first binding of its contact to its end, refreshes included.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are those of a registration")]
pub struct Lasted {
    /// `None`: before what is kept.
    pub since: Option<Timestamp>,
    /// `None`: it goes on, or its end was not told.
    pub until: Option<Timestamp>,
    pub end: End,
    pub contact: String,
    pub far: Option<SocketAddr>,
    pub transport: Transport,
    pub user_agent: String,
    /// How often it ceased to answer the PBX's check.
    pub silent: usize,
}

/// A terminal comes and goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flapping {
    /// How often it was lost within the worst hour.
    pub worst: usize,
    /// When that hour ended.
    pub at: Timestamp,
    /// How often it was lost in all.
    pub total: usize,
    /// Since when that was counted.
    pub since: Timestamp,
}

/// The registrations of changes, oldest first, of one terminal; `bound` are the contacts that it has now. Newest first.
pub(super) fn registrations(changes: &[(Timestamp, Change)], bound: &[&str]) -> Vec<Lasted> {
    let mut all: Vec<Lasted> = Vec::new();
    let open =
        |all: &[Lasted], uri: &str| all.iter().rposition(|one| one.end == End::Goes && one.contact == uri);
    for (time, change) in changes {
        match change {
            Change::Registered { contact, far, transport, user_agent, .. } => {
                if let Some(one) = open(&all, contact).and_then(|at| all.get_mut(at)) {
                    one.end = End::Unknown;
                }
                all.push(Lasted {
                    since: Some(*time),
                    until: None,
                    end: End::Goes,
                    contact: contact.to_string(),
                    far: *far,
                    transport: *transport,
                    user_agent: user_agent.to_string(),
                    silent: 0,
                });
            }
            Change::Unregistered { contact, expired, .. } => {
                let at = open(&all, contact).unwrap_or_else(|| {
                    all.push(unseen(contact));
                    all.len() - 1
                });
                if let Some(one) = all.get_mut(at) {
                    one.until = Some(*time);
                    one.end = if *expired { End::Expired } else { End::Unregistered };
                }
            }
            Change::Reachability { contact, reachable: false, .. } => {
                if let Some(one) = open(&all, contact).and_then(|at| all.get_mut(at)) {
                    one.silent += 1;
                }
            }
            _ => {}
        }
    }
    for one in all.iter_mut().filter(|one| one.end == End::Goes && !bound.contains(&&*one.contact)) {
        one.end = End::Unknown;
    }
    all.sort_by_key(|one| std::cmp::Reverse(one.since.or(one.until)));
    all
}

/// A registration of which only the end was kept.
fn unseen(contact: &str) -> Lasted {
    Lasted {
        since: None,
        until: None,
        end: End::Goes,
        contact: contact.to_owned(),
        far: None,
        transport: Transport::Unknown,
        user_agent: String::new(),
        silent: 0,
    }
}

/// Whether the terminal of these changes, oldest first, comes and goes.
pub(super) fn flapping(changes: &[(Timestamp, Change)]) -> Option<Flapping> {
    let is_loss = |change: &Change| {
        matches!(change, Change::Unregistered { .. } | Change::Reachability { reachable: false, .. })
    };
    let losses: Vec<Timestamp> =
        changes.iter().filter(|(_, change)| is_loss(change)).map(|(time, _)| *time).collect();
    let within = |n: usize, at: Timestamp| {
        let first = losses.partition_point(|time| *time < at.minus(HOUR));
        (n + 1).saturating_sub(first)
    };
    let (worst, at) = losses.iter().enumerate().map(|(n, at)| (within(n, *at), *at)).max()?;
    (worst > MOST_LOSSES).then_some(Flapping { worst, at, total: losses.len(), since: changes.first()?.0 })
}
