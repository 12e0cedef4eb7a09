//! What is neither call nor registration: SUBSCRIBE, OPTIONS, MESSAGE, NOTIFY and whatever a peer invents; equal ones in a
//! row as one line. Pure.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::message::{Message, Method};
use super::registrations::median;
use super::{Context, Dialog, History, Item, Kind, Party, why};
use crate::clock::Timestamp;
use crate::event::{CallDirection, Direction};

/// What makes two of them equal, but for how they ended.
type Key = (Method, Direction, SocketAddr);

/// The other dialogs of a history, in no order.
pub(super) fn items(history: &History, context: &Context<'_>) -> Vec<Item> {
    let is_other = |d: &&(usize, &Dialog)| {
        !matches!(d.1.method, Method::Invite | Method::Register) && d.1.steps.is_empty()
    };
    let mut dialogs: Vec<(usize, &Dialog)> =
        history.dialogs.iter().enumerate().collect::<Vec<_>>().iter().filter(is_other).copied().collect();
    dialogs.sort_by_key(|(_, dialog)| dialog.messages.first().copied());
    let mut items: Vec<Item> = Vec::new();
    let mut open: HashMap<Key, usize> = HashMap::new();
    let mut starts: HashMap<usize, Vec<Timestamp>> = HashMap::new();
    for (number, dialog) in dialogs {
        let messages: Vec<&Message> =
            dialog.messages.iter().filter_map(|n| history.messages.get(*n)).collect();
        let (Some(first), Some(last)) = (messages.first(), messages.last()) else { continue };
        let verdict = why::other(&messages);
        let key = (dialog.method, way(first), first.far);
        let same = open.get(&key).copied();
        let same = same.filter(|n| items.get(*n).is_some_and(|item| item.verdict.rule == verdict.rule));
        match same.and_then(|n| items.get_mut(n).map(|item| (n, item))) {
            Some((n, item)) => {
                item.times += 1;
                item.end = item.end.max(last.at.time);
                item.verdict = verdict;
                item.messages.extend(&dialog.messages);
                item.dialogs.push(number);
                starts.entry(n).or_default().push(first.at.time);
            }
            None => {
                open.insert(key, items.len());
                starts.insert(items.len(), vec![first.at.time]);
                items.push(Item {
                    id: first.at,
                    kind: Kind::Other(dialog.method),
                    start: first.at.time,
                    end: last.at.time,
                    direction: Some(match way(first) {
                        Direction::In => CallDirection::Outgoing,
                        Direction::Out => CallDirection::Incoming,
                    }),
                    far: far(first, context),
                    endpoints: Some(Arc::clone(&first.endpoint))
                        .filter(|e| !e.is_empty())
                        .into_iter()
                        .collect(),
                    verdict,
                    ringing: None,
                    talking: None,
                    times: 1,
                    every: None,
                    dialogs: vec![number],
                    messages: dialog.messages.clone(),
                    quality: Vec::new(),
                    has_gap: false,
                });
            }
        }
    }
    for (n, starts) in starts {
        if let Some(item) = items.get_mut(n) {
            item.every = median(&starts);
            item.messages.sort_unstable();
        }
    }
    items
}

/// Which way the request went, of which the message is a part.
fn way(message: &Message) -> Direction {
    match (message.status, message.direction) {
        (None, way) => way,
        (Some(_), Direction::In) => Direction::Out,
        (Some(_), Direction::Out) => Direction::In,
    }
}

fn far(message: &Message, context: &Context<'_>) -> Party {
    let scan = message.scan();
    let user = if way(message) == Direction::In { scan.to_user } else { scan.from_user };
    let number = String::from_utf8_lossy(user).into_owned();
    if number == *context.user.extension || number.is_empty() {
        return Party::default();
    }
    let user = (context.by_extension)(&number);
    Party { number, name: String::new(), user }
}
