//! Packets as a capture file. Classic pcap, which every tool of the field opens, is the usual download; pcapng is offered
//! beside it because there each packet says its direction and its marks, and gaps stand where they are. Either has
//! IP packets without a link layer (LINKTYPE_RAW), made by `wire`. Bytes that were not kept are what a
//! capture with a limit leaves out: readers say "packet size limited during capture".
//! Formats: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng. Little-endian.

use std::io::{self, Write};

use super::wire::{Frame, Wire};
use super::{About, marks};
use crate::clock::Timestamp;
use crate::event::{Direction, Transport};
use crate::query::words::gap_words;
use crate::store::record::{Gap, GapCause, Packet, Payload, Record};

const LINKTYPE_RAW: u16 = 101;
/// More than any frame has.
const SNAPLEN: u32 = 262_144;
/// The most comments between two packets; of more only the number is told.
const COMMENTS: usize = 64;
/// The longest option of a block, in bytes.
const OPTION: usize = 32_000;

/// A capture file being written.
#[derive(Debug)]
pub struct Capture<W> {
    out: W,
    wire: Wire,
    /// Of pcapng: what stands between the last packet and the next one, and the last packet, which waits for it.
    notes: Option<Notes>,
}

#[derive(Debug, Default)]
struct Notes {
    waiting: Option<Block>,
    comments: Vec<String>,
    unsaid: usize,
    /// Packets that are missing before the next one.
    missing: u64,
}

/// An Enhanced Packet Block.
#[derive(Debug)]
struct Block {
    time: Timestamp,
    bytes: Vec<u8>,
    original_len: u32,
    inbound: bool,
    missing: u64,
    comments: Vec<String>,
}

impl<W: Write> Capture<W> {
    /// Begins a classic pcap file.
    ///
    /// # Errors
    /// Those of `out`, as of every function here.
    pub fn classic(mut out: W) -> io::Result<Self> {
        let mut head = Vec::with_capacity(24);
        head.extend_from_slice(&0xa1b2_c3d4_u32.to_le_bytes());
        head.extend_from_slice(&2_u16.to_le_bytes());
        head.extend_from_slice(&4_u16.to_le_bytes());
        head.extend_from_slice(&[0; 8]);
        head.extend_from_slice(&SNAPLEN.to_le_bytes());
        head.extend_from_slice(&u32::from(LINKTYPE_RAW).to_le_bytes());
        out.write_all(&head)?;
        Ok(Self { out, wire: Wire::default(), notes: None })
    }

    /// Begins a pcapng file.
    ///
    /// # Errors
    /// As [`Self::classic`].
    pub fn with_comments(mut out: W, about: &About) -> io::Result<Self> {
        let mut section = Vec::new();
        section.extend_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
        section.extend_from_slice(&1_u16.to_le_bytes());
        section.extend_from_slice(&0_u16.to_le_bytes());
        section.extend_from_slice(&(-1_i64).to_le_bytes());
        option(&mut section, 1, about.title.as_bytes());
        option(&mut section, 4, concat!("usermon ", env!("CARGO_PKG_VERSION")).as_bytes());
        option(&mut section, 0, b"");
        block(&mut out, 0x0a0d_0d0a, &section)?;
        let mut interface = Vec::new();
        interface.extend_from_slice(&LINKTYPE_RAW.to_le_bytes());
        interface.extend_from_slice(&[0; 2]);
        interface.extend_from_slice(&SNAPLEN.to_le_bytes());
        option(&mut interface, 2, b"usermon");
        option(&mut interface, 0, b"");
        block(&mut out, 1, &interface)?;
        Ok(Self { out, wire: Wire::default(), notes: Some(Notes::default()) })
    }

    /// Adds a packet; a gap becomes a comment at the packet behind it. Changes and quality have no place in the format.
    ///
    /// # Errors
    /// As [`Self::classic`].
    pub fn record(&mut self, record: &Record) -> io::Result<()> {
        match (&record.payload, &mut self.notes) {
            (Payload::Packet(packet), None) => {
                let out = &mut self.out;
                self.wire.put(packet, |frame| classic(out, record.time, frame))
            }
            (Payload::Packet(packet), Some(notes)) => {
                let mut comments = notes.take();
                comments.extend(about(packet, record.user.is_nobody()));
                let mut missing = std::mem::take(&mut notes.missing);
                let out = &mut self.out;
                self.wire.put(packet, |frame| {
                    let next = Block {
                        time: record.time,
                        bytes: frame.bytes.to_vec(),
                        original_len: u32::try_from(frame.original_len).unwrap_or(u32::MAX),
                        inbound: packet.direction == Direction::In,
                        missing: std::mem::take(&mut missing),
                        comments: std::mem::take(&mut comments),
                    };
                    notes.waiting.replace(next).map_or(Ok(()), |last| last.write(out))
                })
            }
            (Payload::Gap(gap), Some(notes)) => {
                notes.gap(gap);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(super) const fn out(&mut self) -> &mut W {
        &mut self.out
    }

    /// Ends the file: gaps behind the last packet become its comments.
    ///
    /// # Errors
    /// As [`Self::classic`].
    pub fn finish(mut self) -> io::Result<W> {
        if let Some(notes) = &mut self.notes {
            let behind = notes.take().into_iter().map(|comment| format!("After this packet: {comment}"));
            if let Some(mut last) = notes.waiting.take() {
                last.comments.extend(behind);
                last.write(&mut self.out)?;
            }
        }
        self.out.flush()?;
        Ok(self.out)
    }
}

impl Notes {
    fn gap(&mut self, gap: &Gap) {
        if gap.cause != GapCause::Lowered {
            self.missing = self.missing.saturating_add(gap.packets);
        }
        if self.comments.len() < COMMENTS {
            let (from, to) = (super::moment(gap.from), super::moment(gap.to));
            self.comments.push(format!("{} ({from} to {to})", gap_words(gap)));
        } else {
            self.unsaid += 1;
        }
    }

    fn take(&mut self) -> Vec<String> {
        let mut comments = std::mem::take(&mut self.comments);
        match std::mem::take(&mut self.unsaid) {
            0 => {}
            more => comments.push(format!("{more} more gaps here.")),
        }
        comments
    }
}

/// The comments of a packet.
fn about(packet: &Packet, is_nobodys: bool) -> Vec<String> {
    let mut comments = marks(packet, is_nobodys);
    match packet.transport {
        Transport::Tls => comments.push("TLS, in clear here".to_owned()),
        Transport::Ws | Transport::Wss => {
            comments.push(format!("{}, in clear and as a datagram here", packet.transport.name()));
        }
        Transport::Unknown => comments.push("transport not known, as a datagram here".to_owned()),
        Transport::Udp | Transport::Tcp => {}
    }
    if !packet.endpoint.is_empty() {
        comments.push(format!("endpoint {}", packet.endpoint));
    }
    comments
}

fn classic(out: &mut impl Write, time: Timestamp, frame: Frame<'_>) -> io::Result<()> {
    let micros = u64::try_from(time.micros()).unwrap_or(0);
    let mut head = Vec::with_capacity(16);
    for field in [micros / 1_000_000, micros % 1_000_000] {
        head.extend_from_slice(&u32::try_from(field).unwrap_or(u32::MAX).to_le_bytes());
    }
    for length in [frame.bytes.len(), frame.original_len] {
        head.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    }
    out.write_all(&head)?;
    out.write_all(frame.bytes)
}

impl Block {
    fn write(self, out: &mut impl Write) -> io::Result<()> {
        let micros = u64::try_from(self.time.micros()).unwrap_or(0);
        let mut body = Vec::with_capacity(self.bytes.len() + 256);
        body.extend_from_slice(&[0; 4]);
        for half in [micros >> 32, micros & 0xffff_ffff] {
            body.extend_from_slice(&u32::try_from(half).unwrap_or(u32::MAX).to_le_bytes());
        }
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        body.extend_from_slice(&length.to_le_bytes());
        body.extend_from_slice(&self.original_len.to_le_bytes());
        body.extend_from_slice(&self.bytes);
        pad(&mut body);
        for comment in &self.comments {
            option(&mut body, 1, comment.as_bytes());
        }
        option(&mut body, 2, &if self.inbound { 1_u32 } else { 2 }.to_le_bytes());
        if self.missing > 0 {
            option(&mut body, 4, &self.missing.to_le_bytes());
        }
        option(&mut body, 0, b"");
        block(out, 6, &body)
    }
}

/// A block: type, length, body, length again.
fn block(out: &mut impl Write, kind: u32, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len() + 12).unwrap_or(u32::MAX).to_le_bytes();
    out.write_all(&kind.to_le_bytes())?;
    out.write_all(&length)?;
    out.write_all(body)?;
    out.write_all(&length)
}

/// Appends an option; a text is cut at a character.
fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = match std::str::from_utf8(value) {
        Ok(text) if text.len() > OPTION => value.get(..text.floor_char_boundary(OPTION)).unwrap_or_default(),
        _ => value,
    };
    body.extend_from_slice(&code.to_le_bytes());
    body.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
    body.extend_from_slice(value);
    pad(body);
}

/// Blocks and options begin at multiples of four.
fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}
