//! Which messages were there before: retransmissions told from duplicates. Pure.

use std::collections::HashMap;
use std::time::Duration;

use super::{Message, Repeat};
use crate::clock::Timestamp;

/// Half of T1 (RFC 3261 section 17.1.1.1): nobody sends again sooner; what comes sooner came twice.
const SOON: Duration = Duration::from_millis(250);
/// 64 * T1: after that nobody sends again.
const LATE: Duration = Duration::from_secs(32);

/// Marks the messages, oldest first, that repeat an earlier one of their dialog on the same way: a request of the same
/// transaction, or the same bytes.
pub(super) fn mark<'a>(messages: impl IntoIterator<Item = &'a mut Message>) {
    let mut last: HashMap<(u64, usize, bool), Timestamp> = HashMap::new();
    for message in messages {
        let way = message.direction == crate::event::Direction::Out;
        let before = last.insert((message.fingerprint, message.dialog, way), message.at.time);
        message.repeat = match before.map(|before| message.at.time.since(before)) {
            Some(span) if span < SOON => Repeat::Duplicate,
            Some(span) if span < LATE => Repeat::Retransmission,
            _ => Repeat::No,
        };
    }
}
