//! One record of the two-day ring, and its bytes. A record has a kind (packet, change, gap, quality); a kind that
//! this version does not know is skipped, so a later version can add some without a second format.
//! Bytes of one record: `kind u8`, `seq u64`, `time i64`, company, user, head (each after its length), body to
//! the end. A head or body may grow at its end. Decoding never panics and never allocates by a length it read.

use std::net::SocketAddr;
use std::sync::Arc;

pub use super::gap::{Gap, GapCause};
use super::wire::{Reader, put_address, put_bytes, put_varint};
use crate::clock::Timestamp;
use crate::event::{Change, Direction, DumpDetail, EndpointKey, Quality, Step, Transport, UserKey};

/// One record of one user, or of nobody known (the empty key).
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Given by `Store::append`; unique in the store, grows with each record.
    pub seq: u64,
    /// When it happened.
    pub time: Timestamp,
    /// Whose it is.
    pub user: Arc<UserKey>,
    /// What it is.
    pub payload: Payload,
}

/// What a record holds.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each wraps the struct of its name")]
pub enum Payload {
    Packet(Packet),
    Change(Change),
    Gap(Gap),
    Quality(Quality),
}

/// How sure it is that a packet is of the user it stands under (design.md, "Attribution").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[repr(u8)]
pub enum Attribution {
    /// Nobody known.
    #[default]
    Unknown = 0,
    /// Only its From or To says so.
    Claimed = 1,
    /// The PBX, a known Call-ID or a registered contact says so.
    Proven = 2,
}

/// A packet as it is kept: redacted, and cut to the dump detail.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are those of event::PacketRef")]
pub struct Packet {
    pub direction: Direction,
    pub transport: Transport,
    pub local: SocketAddr,
    pub far: SocketAddr,
    /// The dump detail that was in force.
    pub detail: DumpDetail,
    pub attribution: Attribution,
    /// Not all bytes were kept, because of the detail or a limit.
    pub cut: bool,
    /// The redactor could not scan it with certainty and kept only a stump.
    pub unsure: bool,
    /// Bytes on the wire.
    pub original_len: u32,
    /// The endpoint; empty: not known.
    pub endpoint: Arc<str>,
    /// What joins the legs of the call, if the PBX said; empty: not known.
    pub linked: Arc<str>,
    /// What was kept.
    pub bytes: Box<[u8]>,
}

/// A packet to be kept, borrowed; the fields are those of [`Packet`].
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "fields are those of Packet")]
pub struct PacketParts<'a> {
    pub direction: Direction,
    pub transport: Transport,
    pub local: SocketAddr,
    pub far: SocketAddr,
    pub detail: DumpDetail,
    pub attribution: Attribution,
    pub cut: bool,
    pub unsure: bool,
    pub original_len: u32,
    pub endpoint: &'a str,
    pub linked: &'a str,
    pub bytes: &'a [u8],
}

impl PacketParts<'_> {
    fn kept(&self) -> &[u8] {
        self.bytes.get(..MAX_BYTES).unwrap_or(self.bytes)
    }
}

impl Packet {
    /// This packet, borrowed.
    pub fn parts(&self) -> PacketParts<'_> {
        PacketParts {
            direction: self.direction,
            transport: self.transport,
            local: self.local,
            far: self.far,
            detail: self.detail,
            attribution: self.attribution,
            cut: self.cut,
            unsure: self.unsure,
            original_len: self.original_len,
            endpoint: &self.endpoint,
            linked: &self.linked,
            bytes: &self.bytes,
        }
    }
}

/// Kind bytes on disk. Never reused.
pub(super) mod kind {
    pub(crate) const PACKET: u8 = 1;
    pub(crate) const CHANGE: u8 = 2;
    pub(crate) const GAP: u8 = 3;
    pub(crate) const QUALITY: u8 = 4;
    /// See [`super::super::wall`].
    pub(crate) const WALL: u8 = 5;
    /// See [`super::super::board`].
    pub(crate) const STEP: u8 = 6;
}

/// The most bytes of one packet that are kept; a longer one is cut there and marked.
pub const MAX_BYTES: usize = 256 * 1024;

/// What a record holds, on its way into the store.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content<'a> {
    Packet(PacketParts<'a>),
    Change(&'a Change),
    Gap(&'a Gap),
    Quality(&'a Quality),
    /// Bytes of a [`super::wall::Page`].
    Wall(&'a [u8]),
    /// Where a leg of a call stands.
    Step(&'a Step),
}

impl<'a> From<&'a Payload> for Content<'a> {
    fn from(payload: &'a Payload) -> Self {
        match payload {
            Payload::Packet(packet) => Self::Packet(packet.parts()),
            Payload::Change(change) => Self::Change(change),
            Payload::Gap(gap) => Self::Gap(gap),
            Payload::Quality(quality) => Self::Quality(quality),
        }
    }
}

impl Content<'_> {
    pub(super) fn kind(&self) -> u8 {
        match self {
            Self::Packet(_) => kind::PACKET,
            Self::Change(_) => kind::CHANGE,
            Self::Gap(_) => kind::GAP,
            Self::Quality(_) => kind::QUALITY,
            Self::Wall(_) => kind::WALL,
            Self::Step(_) => kind::STEP,
        }
    }

    pub(super) fn put_head(&self, head: &mut Vec<u8>) {
        match self {
            Self::Packet(packet) => {
                let kept = packet.kept();
                let whole = u32::try_from(kept.len()) == Ok(packet.original_len);
                let cut = packet.cut || kept.len() < packet.bytes.len();
                head.push(
                    u8::from(packet.direction == Direction::Out)
                        | u8::from(cut) << 1
                        | u8::from(packet.unsure) << 2
                        | u8::from(whole) << 3,
                );
                head.push(packet.transport as u8);
                head.push(packet.detail as u8 | (packet.attribution as u8) << 4);
                put_address(head, packet.local);
                put_address(head, packet.far);
                if !whole {
                    put_varint(head, u64::from(packet.original_len));
                }
                put_bytes(head, packet.endpoint.as_bytes());
                put_bytes(head, packet.linked.as_bytes());
            }
            Self::Change(_) | Self::Wall(_) => {}
            Self::Gap(gap) => {
                head.extend_from_slice(&gap.from.0.to_le_bytes());
                head.extend_from_slice(&gap.to.0.to_le_bytes());
                head.extend_from_slice(&gap.packets.to_le_bytes());
                head.push(gap.cause as u8);
            }
            Self::Quality(quality) => {
                put_bytes(head, quality.key.company.as_bytes());
                put_bytes(head, quality.key.endpoint.as_bytes());
            }
            // apart from the body, for a purge to know whose it is
            Self::Step(step) => put_bytes(head, step.user.as_bytes()),
        }
    }

    fn put_body(&self, out: &mut Vec<u8>) {
        match self {
            Self::Packet(packet) => out.extend_from_slice(packet.kept()),
            // plain structs into a Vec: neither can fail
            Self::Change(change) => drop(serde_json::to_writer(out, change)),
            Self::Quality(quality) => drop(serde_json::to_writer(out, quality)),
            Self::Step(step) => drop(serde_json::to_writer(out, step)),
            Self::Gap(_) => {}
            Self::Wall(bytes) => out.extend_from_slice(bytes),
        }
    }

    /// Appends the bytes of one record to `out`. `head` is any buffer; it is emptied and left dirty.
    pub(super) fn encode(
        &self,
        seq: u64,
        time: Timestamp,
        user: &UserKey,
        head: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) {
        head.clear();
        self.put_head(head);
        out.push(self.kind());
        out.extend_from_slice(&seq.to_le_bytes());
        out.extend_from_slice(&time.0.to_le_bytes());
        put_bytes(out, user.company.as_bytes());
        put_bytes(out, user.user.as_bytes());
        put_bytes(out, head);
        self.put_body(out);
    }
}

/// The parts of a record's bytes; head and body are not looked into.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) kind: u8,
    pub(super) seq: u64,
    pub(super) time: Timestamp,
    pub(super) company: &'a str,
    pub(super) user: &'a str,
    pub(super) head: &'a [u8],
    pub(super) body: &'a [u8],
}

impl<'a> Row<'a> {
    /// Splits a record's bytes; `None` if they are none.
    pub(super) fn split(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        Some(Self {
            kind: reader.u8()?,
            seq: reader.u64()?,
            time: Timestamp(reader.i64()?),
            company: reader.str()?,
            user: reader.str()?,
            head: reader.bytes()?,
            body: reader.0,
        })
    }

    /// The record; `None` for a kind, or a content, of a later version.
    pub(super) fn decode(&self, user: &Arc<UserKey>, names: &mut Names) -> Option<Record> {
        let mut head = Reader(self.head);
        let payload = match self.kind {
            kind::PACKET => Payload::Packet(self.packet(&mut head, names)?),
            kind::CHANGE => Payload::Change(serde_json::from_slice(self.body).ok()?),
            kind::GAP => Payload::Gap(Gap {
                from: Timestamp(head.i64()?),
                to: Timestamp(head.i64()?),
                packets: head.u64()?,
                cause: GapCause::from_number(head.u8()?),
            }),
            kind::QUALITY => {
                let key = EndpointKey::new(head.str()?, head.str()?);
                let quality: Quality = serde_json::from_slice(self.body).ok()?;
                Payload::Quality(Quality { key, ..quality })
            }
            _ => return None,
        };
        Some(Record { seq: self.seq, time: self.time, user: Arc::clone(user), payload })
    }

    /// Whose leg's step it is; `None`: it is none.
    pub(super) fn step_user(&self) -> Option<&'a str> {
        if self.kind == kind::STEP { Reader(self.head).str() } else { None }
    }

    /// The step of a leg; `None` for any other kind, and for a content of a later version.
    pub(super) fn step(&self) -> Option<Step> {
        let user = self.step_user()?.into();
        Some(Step { user, ..serde_json::from_slice(self.body).ok()? })
    }

    fn packet(&self, head: &mut Reader<'_>, names: &mut Names) -> Option<Packet> {
        let [flags, transport, levels] = head.array()?;
        let (local, far) = (head.address()?, head.address()?);
        let original_len = match flags & 8 {
            0 => u32::try_from(head.varint()?).ok()?,
            _ => u32::try_from(self.body.len()).ok()?,
        };
        Some(Packet {
            direction: if flags & 1 == 0 { Direction::In } else { Direction::Out },
            transport: Transport::from_number(transport),
            local,
            far,
            detail: DumpDetail::from_number(levels & 0xf)?,
            attribution: match levels >> 4 {
                1 => Attribution::Claimed,
                2 => Attribution::Proven,
                _ => Attribution::Unknown,
            },
            cut: flags & 2 != 0,
            unsure: flags & 4 != 0,
            original_len,
            endpoint: Names::same(&mut names.endpoint, head.str()?),
            linked: Names::same(&mut names.linked, head.str()?),
            bytes: self.body.into(),
        })
    }
}

/// The last names decoded, so that a page of one user's records shares them.
#[derive(Debug, Default)]
pub(super) struct Names {
    endpoint: Arc<str>,
    linked: Arc<str>,
}

impl Names {
    fn same(last: &mut Arc<str>, name: &str) -> Arc<str> {
        if **last != *name {
            *last = name.into();
        }
        Arc::clone(last)
    }
}
