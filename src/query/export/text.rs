//! Packets as text for an editor: a line that begins with `=== ` and says when, from where to where and how much, then
//! the message as it was kept. Gaps, changes and quality stand in their place as such a line of their own. What anybody
//! may have sent can't pass for one of these lines: control, invisible and turning characters, bytes that are no UTF-8,
//! and an equals sign where a message's line would begin like ours, are written as `\x3D`. Lines end with a line feed.

use std::io::{self, Write};

use super::{About, ends, marks, moment, transport};
use crate::event::{Direction, Quality};
use crate::query::legible::{Piece, pieces};
use crate::query::words::{change_words, gap_words};
use crate::store::record::{Packet, Payload, Record};

/// How our lines begin.
const BAR: &str = "=== ";

/// A text being written.
#[derive(Debug)]
pub struct Text<W> {
    out: W,
    piece: Vec<u8>,
}

impl<W: Write> Text<W> {
    /// Begins a text.
    ///
    /// # Errors
    /// Those of `out`, as of every function here.
    pub fn new(out: W, about: &About) -> io::Result<Self> {
        let mut text = Self { out, piece: Vec::new() };
        line(&mut text.piece, about.title.as_bytes());
        writeln!(text.piece, "Written {}. Times are UTC.", moment(about.at))?;
        text.flush()?;
        Ok(text)
    }

    /// Adds a record.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn record(&mut self, record: &Record) -> io::Result<()> {
        let out = &mut self.piece;
        write!(out, "\n{BAR}{} ", moment(record.time))?;
        match &record.payload {
            Payload::Packet(packet) => {
                head(out, packet, record.user.is_nobody())?;
                body(out, &packet.bytes);
            }
            Payload::Change(change) => {
                out.extend_from_slice(b"change: ");
                line(out, change_words(change).as_bytes());
            }
            Payload::Gap(gap) => {
                let (from, to) = (moment(gap.from), moment(gap.to));
                writeln!(out, "gap: {} From {from} to {to}.", gap_words(gap))?;
            }
            Payload::Quality(quality) => quality_line(out, quality)?,
        }
        self.flush()
    }

    pub(super) const fn out(&mut self) -> &mut W {
        &mut self.out
    }

    /// Ends the text.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.piece)?;
        self.piece.clear();
        Ok(())
    }
}

fn head(out: &mut Vec<u8>, packet: &Packet, is_nobodys: bool) -> io::Result<()> {
    let way = match packet.direction {
        Direction::In => "in",
        Direction::Out => "out",
    };
    let (from, to) = ends(packet);
    write!(out, "{way} {from} -> {to} {} {} bytes", transport(packet.transport), packet.original_len)?;
    for mark in marks(packet, is_nobodys) {
        write!(out, " [{mark}]")?;
    }
    out.push(b'\n');
    Ok(())
}

fn quality_line(out: &mut Vec<u8>, quality: &Quality) -> io::Result<()> {
    let way = match quality.direction {
        Direction::In => "from the terminal",
        Direction::Out => "to the terminal",
    };
    let milliseconds = |micros: u32| format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100);
    let Quality { packets, lost, jitter, round_trip, .. } = quality;
    write!(out, "quality: RTP {way}: {packets} packets, {lost} lost, jitter {}", milliseconds(*jitter))?;
    if *round_trip > 0 {
        write!(out, ", round trip {}", milliseconds(*round_trip))?;
    }
    out.extend_from_slice(b", Call-ID ");
    line(out, quality.call_id.as_bytes());
    Ok(())
}

/// A message's lines, the last one ended too.
fn body(out: &mut Vec<u8>, bytes: &[u8]) {
    pieces(bytes, |piece| match piece {
        Piece::Odd(bytes) => escaped(out, bytes),
        Piece::Plain(text) => {
            for part in text.split_inclusive('\n') {
                match part.strip_prefix('=') {
                    Some(rest) if out.ends_with(b"\n") => {
                        escaped(out, b"=");
                        out.extend_from_slice(rest.as_bytes());
                    }
                    _ => out.extend_from_slice(part.as_bytes()),
                }
            }
        }
    });
    if !out.ends_with(b"\n") {
        out.push(b'\n');
    }
}

/// Bytes as one line.
fn line(out: &mut Vec<u8>, bytes: &[u8]) {
    pieces(bytes, |piece| match piece {
        Piece::Odd(bytes) => escaped(out, bytes),
        Piece::Plain(text) => {
            for (at, part) in text.split('\n').enumerate() {
                if at > 0 {
                    escaped(out, b"\n");
                }
                out.extend_from_slice(part.as_bytes());
            }
        }
    });
    out.push(b'\n');
}

fn escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        // a Vec takes everything
        let _ = write!(out, "\\x{byte:02X}");
    }
}
