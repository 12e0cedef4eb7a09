//! A user's history as people tell it: calls, registrations and other dialogs, made of the packets, changes and gaps of
//! the ring. Built for each request out of what the store reads; it holds the packets, so it is not kept. Everything
//! below `History::new` is pure.

use std::collections::HashMap;
use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use crate::capture::message::scan;
use crate::clock::Timestamp;
use crate::directory::User;
use crate::event::{CallDirection, Change, DumpDetail, Quality, Sticker};
use crate::query::diagnostics::Cursor;
use crate::store::record::{Attribution, Gap, Payload, Record};

pub mod calls;
pub mod filter;
pub mod legs;
pub mod message;
mod others;
pub mod overview;
pub mod packets;
pub mod quality;
mod reading;
pub mod registrations;
mod repeats;
pub mod sieve;
mod spans;
mod whole;
pub mod why;

pub use self::message::{Authentication, Message, Method, Repeat};
pub use self::overview::{Asked, Overview, Rest};
pub use self::quality::Figures;
pub use self::spans::Spans;
pub use self::why::{Outcome, Rule, Verdict};

/// Records of one history; of more, the newest are taken and [`History::next`] says where the others begin.
pub const MOST: usize = 40_000;

/// Packets with one Call-ID.
#[derive(Debug, Clone)]
pub struct Dialog {
    /// As on the wire; what is not UTF-8 is replaced.
    pub call_id: Arc<str>,
    /// Of the first request, or of what the first response answers.
    pub method: Method,
    /// Numbers of its messages, oldest first.
    pub messages: Vec<usize>,
    /// What joins it with other legs, by what the PBX said, in the order it was said.
    pub linked: Vec<Arc<str>>,
    /// What the PBX said of the leg: numbers of changes.
    pub steps: Vec<usize>,
}

/// The far party of a call or another dialog.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Party {
    /// Number or user part; may be empty.
    pub number: String,
    /// As told by the PBX or the display name; may be empty.
    pub name: String,
    /// If it is one of the company's users.
    pub user: Option<Arc<User>>,
}

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A call.
    Call,
    /// One registration, or several equal ones in a row.
    Registration,
    /// Another dialog or request, or several equal ones in a row.
    Other(Method),
}

/// One line of the list.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its oldest record: names it in addresses.
    pub id: Cursor,
    /// What it is.
    pub kind: Kind,
    /// Its first record.
    pub start: Timestamp,
    /// Its last record.
    pub end: Timestamp,
    /// Which way, seen from the user; `None`: neither.
    pub direction: Option<CallDirection>,
    /// With whom.
    pub far: Party,
    /// Endpoints of the user's terminals that took part, without repetition.
    pub endpoints: Vec<Arc<str>>,
    /// How it ended, and why.
    pub verdict: Verdict,
    /// From the first ringing to the answer or the end; `None`: it never rang.
    pub ringing: Option<Duration>,
    /// From the answer to the end, or to now; `None`: never answered.
    pub talking: Option<Duration>,
    /// How many equal ones in a row; 1 for a call.
    pub times: usize,
    /// Of several, how far apart they are, the median; `None`: one.
    pub every: Option<Duration>,
    /// Numbers of its dialogs.
    pub dialogs: Vec<usize>,
    /// Numbers of its messages, oldest first.
    pub messages: Vec<usize>,
    /// Figures of the media, leg by leg, both directions; empty: none were told.
    pub quality: Vec<Figures>,
    /// A gap lies within it: packets may be missing.
    pub has_gap: bool,
}

impl Item {
    /// The worst of its media's figures.
    pub fn worst(&self) -> Option<&Figures> {
        self.quality.iter().min_by(|a, b| a.rating.total_cmp(&b.rating))
    }
}

/// A change with its place.
#[derive(Debug, Clone)]
pub struct Told {
    /// Where it stands in the history.
    pub at: Cursor,
    /// What changed.
    pub change: Change,
}

/// All that the ring has of a user, or the newest [`MOST`] records of it.
#[derive(Debug, Clone)]
pub struct History {
    /// Whose.
    pub user: Arc<User>,
    /// The dump detail in force now.
    pub detail: DumpDetail,
    /// Packets, oldest first.
    pub messages: Vec<Message>,
    /// By Call-ID.
    pub dialogs: Vec<Dialog>,
    /// Changes, oldest first.
    pub changes: Vec<Told>,
    /// Gaps, oldest first.
    pub gaps: Vec<(Cursor, Gap)>,
    /// Reports of media, oldest first.
    pub quality: Vec<Quality>,
    /// The list, newest first.
    pub items: Vec<Item>,
    /// The oldest record that was read; `None`: there is none.
    pub oldest: Option<Timestamp>,
    /// Where older records begin that were not read; `None`: there are none.
    pub next: Option<Cursor>,
    /// The stretch that was looked at; it ends with the reading where nothing newer was left out.
    pub stretch: (Timestamp, Timestamp),
    /// The sticker at the beginning of that, and since when; `None`: not known.
    pub sticker: Option<(Timestamp, Sticker)>,
    /// When it was read.
    pub at: Timestamp,
}

/// What a history is made with.
pub(super) struct Context<'a> {
    /// Whose.
    pub(super) user: &'a Arc<User>,
    /// The user of the company with this extension.
    pub(super) by_extension: &'a dyn Fn(&str) -> Option<Arc<User>>,
    /// Call-IDs of the user's legs in progress.
    pub(super) running: &'a [Arc<str>],
    /// Now.
    pub(super) now: Timestamp,
}

impl History {
    /// Makes a history of records, oldest first.
    pub(super) fn new(records: Vec<Record>, context: &Context<'_>, detail: DumpDetail) -> Self {
        let mut history = Self {
            user: Arc::clone(context.user),
            detail,
            messages: Vec::with_capacity(records.len()),
            dialogs: Vec::new(),
            changes: Vec::new(),
            gaps: Vec::new(),
            quality: Vec::new(),
            items: Vec::new(),
            oldest: records.first().map(|record| record.time),
            next: None,
            stretch: (context.now, context.now),
            sticker: None,
            at: context.now,
        };
        history.sort_out(records);
        repeats::mark(&mut history.messages);
        let mut items = calls::items(&history, context);
        items.extend(registrations::items(&history, context));
        items.extend(others::items(&history, context));
        for item in &mut items {
            item.quality = quality::of_item(&history, item);
            item.has_gap = history.gaps.iter().any(|(_, gap)| gap.from <= item.end && gap.to >= item.start);
        }
        items.sort_unstable_by_key(|item| std::cmp::Reverse((item.end, item.id)));
        history.items = items;
        history
    }

    /// The oldest record of any kind that counts.
    fn first(&self) -> Option<Cursor> {
        let message = self.messages.first().map(|message| message.at);
        let change = self.changes.first().map(|told| told.at);
        let gap = self.gaps.first().map(|(at, _)| *at);
        [message, change, gap].into_iter().flatten().min()
    }

    /// The item that a record belongs to.
    pub fn item_of(&self, at: Cursor) -> Option<&Item> {
        let of_message = |item: &&Item| {
            item.messages.iter().any(|n| self.messages.get(*n).is_some_and(|message| message.at == at))
        };
        self.items.iter().find(|item| item.id == at).or_else(|| self.items.iter().find(of_message))
    }

    /// The messages of an item, oldest first.
    pub fn messages_of<'a>(&'a self, item: &'a Item) -> impl Iterator<Item = &'a Message> {
        item.messages.iter().filter_map(|n| self.messages.get(*n))
    }

    /// Whether nothing but its From or To says that an item is this user's: anybody can write that.
    pub fn is_claimed(&self, item: &Item) -> bool {
        let has_word = |n: &usize| self.dialogs.get(*n).is_some_and(|dialog| !dialog.steps.is_empty());
        !item.dialogs.iter().any(has_word)
            && self.messages_of(item).all(|message| message.attribution != Attribution::Proven)
    }

    /// When the user was offline, and which dump detail was in force when: for the time line.
    pub fn spans(&self) -> Spans {
        Spans::of(self)
    }

    fn sort_out(&mut self, records: Vec<Record>) {
        let mut by_call_id: HashMap<Box<[u8]>, usize> = HashMap::new();
        let mut by_leg: HashMap<Arc<str>, usize> = HashMap::new();
        let hash = RandomState::new();
        for record in records {
            let at = Cursor { time: record.time, seq: record.seq };
            match record.payload {
                Payload::Packet(packet) => {
                    let scan = scan(&packet.bytes);
                    let facts = message::Facts::of(&scan);
                    let dialog = match by_call_id.get(scan.call_id) {
                        // what has none belongs to nothing
                        Some(dialog) if !scan.call_id.is_empty() => *dialog,
                        _ => {
                            by_call_id.insert(scan.call_id.into(), self.dialogs.len());
                            let method = Method::of(scan.transaction_method());
                            self.add_dialog(&String::from_utf8_lossy(scan.call_id), method)
                        }
                    };
                    let message = Message::new(at, packet, &facts, dialog, &hash);
                    if let Some(dialog) = self.dialogs.get_mut(dialog) {
                        dialog.messages.push(self.messages.len());
                        dialog.link(&message.linked);
                        dialog.meet(message.method);
                    }
                    self.messages.push(message);
                }
                Payload::Change(change) => {
                    if let Change::Call { leg, call_id, linked, .. } = &change {
                        let dialog = self.dialog_of(leg, call_id, &mut by_call_id, &mut by_leg);
                        if let Some(dialog) = self.dialogs.get_mut(dialog) {
                            dialog.steps.push(self.changes.len());
                            dialog.link(linked);
                        }
                    }
                    self.changes.push(Told { at, change });
                }
                Payload::Gap(gap) => self.gaps.push((at, gap)),
                Payload::Quality(quality) => self.quality.push(quality),
            }
        }
    }

    /// The dialog of a leg. Its Call-ID may be told later than the leg itself.
    fn dialog_of(
        &mut self,
        leg: &Arc<str>,
        call_id: &str,
        by_call_id: &mut HashMap<Box<[u8]>, usize>,
        by_leg: &mut HashMap<Arc<str>, usize>,
    ) -> usize {
        let told = by_leg.get(leg).copied();
        let named = by_call_id.get(call_id.as_bytes()).copied().filter(|_| !call_id.is_empty());
        let dialog = match (told, named) {
            (Some(told), Some(named)) if told != named => {
                let steps = self.dialogs.get_mut(told).map(|d| std::mem::take(&mut d.steps));
                if let Some(dialog) = self.dialogs.get_mut(named) {
                    dialog.steps.extend(steps.unwrap_or_default());
                    dialog.steps.sort_unstable();
                }
                named
            }
            (_, Some(dialog)) | (Some(dialog), None) => dialog,
            (None, None) => self.add_dialog(call_id, Method::Invite),
        };
        if !call_id.is_empty() {
            by_call_id.insert(call_id.as_bytes().into(), dialog);
        }
        by_leg.insert(Arc::clone(leg), dialog);
        dialog
    }

    fn add_dialog(&mut self, call_id: &str, method: Method) -> usize {
        self.dialogs.push(Dialog {
            call_id: call_id.into(),
            method,
            messages: Vec::new(),
            linked: Vec::new(),
            steps: Vec::new(),
        });
        self.dialogs.len() - 1
    }
}

impl Dialog {
    /// What only a call has makes it one, also where its INVITE was not kept.
    fn meet(&mut self, method: Method) {
        if matches!(method, Method::Invite | Method::Ack | Method::Bye | Method::Cancel | Method::Prack) {
            self.method = Method::Invite;
        }
    }

    fn link(&mut self, linked: &Arc<str>) {
        if !linked.is_empty() && !self.linked.contains(linked) {
            self.linked.push(Arc::clone(linked));
        }
    }
}
