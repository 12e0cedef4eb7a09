//! A page of a company's wall, as bytes. The drain thread writes one whenever stickers or terminals changed: the users
//! that did, each as it is now. From time to time all are written again, in slices: a *round*, the furthest back that
//! anybody has to read. The module's start begins with nobody heard of. Pages are numbered: one that is lost is missed.
//!
//! Page: flags `u8`, `epoch u32` (which run of the module), `base i64` (time of the first slice of the last whole
//! round, which may end with this page), number, users to the end. User: id, bits `u8` (0-1 sticker, 2 terminals follow,
//! 3 something of a later version follows, 4 no since), calls, since (before the page), if grey why `u8`, terminals after
//! their length, the later thing after its length. Numbers are LEB128. No length that is read decides an allocation.

use std::net::SocketAddr;
use std::sync::Arc;

use super::wire::{Reader, put_address, put_bytes, put_signed, put_size, put_varint, salt};
use crate::clock::Timestamp;
use crate::event::{Bound, Grey, Shown, Sticker, Transport};

/// Bytes after which a page is written and the next begun.
pub const LONG_PAGE: usize = 32 * 1024;

const FIRST: u8 = 1;
const LAST: u8 = 2;
const START: u8 = 4;
const STOP: u8 = 8;

/// A number for a run of the module; two runs hardly ever have the same.
pub fn epoch() -> u32 {
    salt()
}

/// What stands before the users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// The first slice of a round, which tells of everybody.
    pub first: bool,
    /// The last slice of a round.
    pub last: bool,
    /// Nobody was heard of before this page.
    pub start: bool,
    /// The module stops here.
    pub stop: bool,
    /// Which run of the module.
    pub epoch: u32,
    /// From which page on to read to know everything; `None`: no round is whole yet.
    pub base: Option<Timestamp>,
    /// Counts the pages of the company in this run.
    pub number: u64,
}

/// Writes a page.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    scratch: Vec<u8>,
    time: Timestamp,
}

impl Writer {
    /// Begins a page.
    pub fn begin(&mut self, time: Timestamp, head: &Head) {
        let flags = [(head.first, FIRST), (head.last, LAST), (head.start, START), (head.stop, STOP)];
        self.bytes.clear();
        self.bytes.push(flags.iter().filter(|(set, _)| *set).fold(0, |all, (_, flag)| all | flag));
        self.bytes.extend_from_slice(&head.epoch.to_le_bytes());
        self.bytes.extend_from_slice(&head.base.unwrap_or(Timestamp::MIN).0.to_le_bytes());
        put_varint(&mut self.bytes, head.number);
        self.time = time;
    }

    /// Adds a user, with its terminals or with those it had.
    pub fn push(&mut self, user: &str, shown: &Shown, with_terminals: bool) {
        put_bytes(&mut self.bytes, user.as_bytes());
        // what began before the module was loaded has no time
        let since = (shown.since != Timestamp::default()).then_some(shown.since);
        let bits = (u8::from(with_terminals) << 2) | (u8::from(since.is_none()) << 4);
        self.bytes.push(number(shown.sticker) | bits);
        put_varint(&mut self.bytes, u64::from(shown.calls));
        if let Some(since) = since {
            put_signed(&mut self.bytes, self.time.0.wrapping_sub(since.0));
        }
        if shown.sticker == Sticker::Offline {
            self.bytes.push(shown.grey.number());
        }
        if with_terminals {
            self.terminals(shown);
            put_bytes(&mut self.bytes, &self.scratch);
        }
    }

    fn terminals(&mut self, shown: &Shown) {
        self.scratch.clear();
        let now = self.time.0;
        let out = &mut self.scratch;
        put_size(out, shown.contacts.len());
        for contact in &shown.contacts {
            put_bytes(out, contact.endpoint.as_bytes());
            put_bytes(out, contact.contact.as_bytes());
            put_bytes(out, contact.user_agent.as_bytes());
            out.push(contact.transport as u8 | contact.reachable.map_or(0, |is| 8 << u8::from(is)));
            put_signed(out, now.wrapping_sub(contact.since.0));
            match contact.far {
                None => out.push(0),
                Some(far) => put_address(out, far),
            }
        }
        put_size(out, shown.active.len());
        for terminal in &shown.active {
            put_bytes(out, terminal.as_bytes());
        }
    }

    /// The page as far as it is written.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A page, read.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// What stands before the users.
    pub head: Head,
    time: Timestamp,
    users: Reader<'a>,
}

/// A user of a page.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "fields are those of event::Shown")]
pub struct Line<'a> {
    pub user: &'a str,
    pub sticker: Sticker,
    pub calls: u32,
    pub since: Timestamp,
    pub grey: Grey,
    /// `None`: those it had before.
    pub terminals: Option<Terminals<'a>>,
}

/// The terminals of a user, not yet looked into.
#[derive(Debug, Clone, Copy)]
pub struct Terminals<'a> {
    time: Timestamp,
    bytes: &'a [u8],
}

impl<'a> Page<'a> {
    /// Reads the page of `time`; `None`: it is none.
    pub fn read(time: Timestamp, bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let flags = reader.u8()?;
        let head = Head {
            first: flags & FIRST != 0,
            last: flags & LAST != 0,
            start: flags & START != 0,
            stop: flags & STOP != 0,
            epoch: reader.u32()?,
            base: Some(Timestamp(reader.i64()?)).filter(|base| *base != Timestamp::MIN),
            number: reader.varint()?,
        };
        Some(Self { head, time, users: reader })
    }

    /// The users of the page; `None` where it ends in the middle of one.
    pub fn lines(&self) -> impl Iterator<Item = Option<Line<'a>>> {
        let (time, mut reader) = (self.time, self.users);
        std::iter::from_fn(move || {
            (!reader.0.is_empty()).then(|| {
                let line = line(time, &mut reader);
                if line.is_none() {
                    reader = Reader(&[]);
                }
                line
            })
        })
    }
}

fn line<'a>(time: Timestamp, reader: &mut Reader<'a>) -> Option<Line<'a>> {
    let user = reader.str()?;
    let bits = reader.u8()?;
    let sticker = sticker(bits & 3);
    let calls = u32::try_from(reader.varint()?).ok()?;
    let since = match bits & 16 {
        0 => Timestamp(time.0.wrapping_sub(reader.signed()?)),
        _ => Timestamp::default(),
    };
    let grey = if sticker == Sticker::Offline { Grey::from_number(reader.u8()?) } else { Grey::default() };
    let terminals = match bits & 4 {
        0 => None,
        _ => Some(Terminals { time, bytes: reader.bytes()? }),
    };
    if bits & 8 != 0 {
        reader.bytes()?;
    }
    Some(Line { user, sticker, calls, since, grey, terminals })
}

impl Terminals<'_> {
    /// Contacts, and the terminals without SIP that are active; `None`: damaged.
    pub fn read(&self) -> Option<(Vec<Bound>, Vec<Arc<str>>)> {
        let mut reader = Reader(self.bytes);
        let mut contacts = Vec::new();
        for _ in 0..reader.size()? {
            let (endpoint, contact, user_agent) =
                (reader.str()?.into(), reader.str()?.into(), reader.str()?.into());
            let bits = reader.u8()?;
            let since = Timestamp(self.time.0.wrapping_sub(reader.signed()?));
            let far: Option<SocketAddr> = match reader.0.first()? {
                0 => {
                    reader.u8()?;
                    None
                }
                _ => Some(reader.address()?),
            };
            let reachable = match bits >> 3 & 3 {
                1 => Some(false),
                2 => Some(true),
                _ => None,
            };
            let transport = Transport::from_number(bits & 7);
            contacts.push(Bound { endpoint, contact, far, transport, user_agent, since, reachable });
        }
        let mut active = Vec::new();
        for _ in 0..reader.size()? {
            active.push(reader.str()?.into());
        }
        Some((contacts, active))
    }
}

const fn number(sticker: Sticker) -> u8 {
    match sticker {
        Sticker::Offline => 0,
        Sticker::Free => 1,
        Sticker::Ringing => 2,
        Sticker::Busy => 3,
    }
}

const fn sticker(number: u8) -> Sticker {
    match number {
        1 => Sticker::Free,
        2 => Sticker::Ringing,
        3 => Sticker::Busy,
        _ => Sticker::Offline,
    }
}
