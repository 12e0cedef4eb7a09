//! Which items and messages of a history fit a [`Filter`]. Pure; one sieve looks through many messages.

use std::borrow::Cow;
use std::net::SocketAddr;

use memchr::memmem::Finder;

use super::filter::{Filter, Sort};
use super::message::{Message, Method};
use super::{History, Item, Kind, Party};
use crate::clock::Timestamp;

/// A filter at work.
pub struct Sieve<'a> {
    filter: &'a Filter,
    window: (Timestamp, Timestamp),
    method: Method,
    text: Option<Finder<'static>>,
    far: String,
    /// Lower case of the message that is looked through.
    bytes: Vec<u8>,
    /// Of the last address that was looked at: whether it fits.
    address: Option<(SocketAddr, bool)>,
}

impl<'a> Sieve<'a> {
    /// Of what there is `now`.
    pub fn new(filter: &'a Filter, now: Timestamp) -> Self {
        let text = filter.text.to_ascii_lowercase();
        Self {
            filter,
            window: filter.window(now),
            method: filter.known_method(),
            text: (!text.is_empty()).then(|| Finder::new(text.as_bytes()).into_owned()),
            far: filter.far.to_lowercase(),
            bytes: Vec::new(),
            address: None,
        }
    }

    /// Whether an item fits: itself, and, where the filter asks something of messages, one of its messages. Cost: where it
    /// looks for a text, a pass over the item's messages.
    pub fn item(&mut self, history: &History, item: &Item) -> bool {
        let filter = self.filter;
        let (from, to) = self.window;
        let sort = match item.kind {
            Kind::Call => Sort::Call,
            Kind::Registration => Sort::Registration,
            Kind::Other(_) => Sort::Other,
        };
        let terminal = |name: &str| name.is_empty() || item.endpoints.iter().any(|e| **e == *name);
        item.end >= from
            && item.start <= to
            && filter.kind.is_none_or(|kind| kind == sort)
            && filter.outcome.is_none_or(|outcome| outcome == item.verdict.outcome)
            && terminal(&filter.terminal)
            && self.call_id(history, item)
            && self.far(history, item)
            && (!filter.is_of_messages() || history.messages_of(item).any(|message| self.asked(message)))
    }

    /// Whether a message fits that is of no item, or of one that does; its Call-ID is `call_id`.
    pub fn message(&mut self, message: &Message, call_id: &str) -> bool {
        let (from, to) = self.window;
        let terminal = &self.filter.terminal;
        message.at.time >= from
            && message.at.time <= to
            && (terminal.is_empty() || *message.endpoint == **terminal)
            && contains(call_id, &self.filter.call_id)
            && self.asked(message)
    }

    /// Whether the far party of a message fits, by what the message itself says.
    pub fn parties(&mut self, message: &Message) -> bool {
        if self.far.is_empty() || self.is_from(message.far) {
            return true;
        }
        let scan = message.scan();
        [scan.from_user, scan.to_user]
            .iter()
            .any(|user| String::from_utf8_lossy(user).to_lowercase().contains(&self.far))
    }

    /// What is asked of each message by itself.
    fn asked(&mut self, message: &Message) -> bool {
        let filter = self.filter;
        let method = match self.method {
            _ if filter.method.is_empty() => true,
            Method::Other => {
                message.scan().transaction_method().eq_ignore_ascii_case(filter.method.as_bytes())
            }
            known => message.method == known,
        };
        let status = |wish: super::filter::Statuses| {
            message.status.is_some_and(|status| (wish.from..=wish.to).contains(&status))
        };
        method && filter.status.is_none_or(status) && self.has_text(&message.bytes)
    }

    fn has_text(&mut self, bytes: &[u8]) -> bool {
        let Some(text) = &self.text else { return true };
        self.bytes.clear();
        self.bytes.extend(bytes.iter().map(u8::to_ascii_lowercase));
        text.find(&self.bytes).is_some()
    }

    fn call_id(&self, history: &History, item: &Item) -> bool {
        let wish = &self.filter.call_id;
        wish.is_empty()
            || item
                .dialogs
                .iter()
                .filter_map(|n| history.dialogs.get(*n))
                .any(|dialog| contains(&dialog.call_id, wish))
    }

    fn far(&mut self, history: &History, item: &Item) -> bool {
        self.far.is_empty()
            || names(&item.far).any(|name| name.to_lowercase().contains(&self.far))
            || history.messages_of(item).any(|message| self.is_from(message.far))
    }

    fn is_from(&mut self, far: SocketAddr) -> bool {
        match self.address {
            Some((last, fits)) if last == far => fits,
            _ => {
                let fits = far.to_string().contains(&self.far);
                self.address = Some((far, fits));
                fits
            }
        }
    }
}

/// By what names a far party is known.
fn names(party: &Party) -> impl Iterator<Item = Cow<'_, str>> {
    let user = party.user.as_ref().map(|user| Cow::Owned(format!("{} {}", user.name, user.surname)));
    [Cow::Borrowed(party.number.as_str()), Cow::Borrowed(party.name.as_str())].into_iter().chain(user)
}

/// In any letter case of ASCII.
fn contains(text: &str, wish: &str) -> bool {
    wish.is_empty() || text.to_ascii_lowercase().contains(&wish.to_ascii_lowercase())
}
