//! A history as a file to take away: pcap for Wireshark, text for people, JSON lines for programs, each with or without
//! [`token`]s in place of names and numbers. A writer takes records oldest first and writes each before the next, so that
//! two days of a user go through without being held in memory. No writer asks who may read what, nor audits: whoever
//! calls does.

use std::io::{self, Write};

use crate::clock::Timestamp;
use crate::event::{Direction, Transport};
use crate::store::record::{Attribution, Packet, Record};

pub mod jsonl;
pub mod pcap;
pub mod text;
pub mod token;
mod wire;

/// What an export is called and when it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Whose packets and of when, for people.
    pub title: String,
    /// When it was asked for.
    pub at: Timestamp,
}

/// The formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Classic pcap.
    Pcap,
    /// pcapng, with comments.
    PcapNg,
    /// Text.
    Text,
    /// JSON lines.
    JsonLines,
}

impl Form {
    /// All, in the order in which they are offered.
    pub const ALL: [Self; 4] = [Self::Pcap, Self::PcapNg, Self::Text, Self::JsonLines];

    /// The end of a file's name.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Pcap => "pcap",
            Self::PcapNg => "pcapng",
            Self::Text => "txt",
            Self::JsonLines => "jsonl",
        }
    }

    /// As in an address and in the audit log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pcap => "pcap",
            Self::PcapNg => "pcapng",
            Self::Text => "text",
            Self::JsonLines => "jsonl",
        }
    }

    /// The form of that word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.word() == word)
    }

    /// For a Content-Type header.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Pcap => "application/vnd.tcpdump.pcap",
            Self::PcapNg => "application/x-pcapng",
            Self::Text => "text/plain; charset=utf-8",
            Self::JsonLines => "application/jsonl",
        }
    }
}

/// A file being written, of any [`Form`].
#[derive(Debug)]
#[expect(missing_docs, reason = "each wraps the writer of its name")]
pub enum Export<W> {
    Capture(pcap::Capture<W>),
    Text(text::Text<W>),
    JsonLines(jsonl::JsonLines<W>),
}

impl<W: Write> Export<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// Those of `out`, as of every function here.
    pub fn new(form: Form, out: W, about: &About) -> io::Result<Self> {
        Ok(match form {
            Form::Pcap => Self::Capture(pcap::Capture::classic(out)?),
            Form::PcapNg => Self::Capture(pcap::Capture::with_comments(out, about)?),
            Form::Text => Self::Text(text::Text::new(out, about)?),
            Form::JsonLines => Self::JsonLines(jsonl::JsonLines::new(out, about)?),
        })
    }

    /// Adds a record. Cost: O(length), a few writes.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn record(&mut self, record: &Record) -> io::Result<()> {
        match self {
            Self::Capture(capture) => capture.record(record),
            Self::Text(text) => text.record(record),
            Self::JsonLines(lines) => lines.record(record),
        }
    }

    /// Where it is written to, so that what is there can be taken away before the end.
    pub fn out(&mut self) -> &mut W {
        match self {
            Self::Capture(capture) => capture.out(),
            Self::Text(text) => text.out(),
            Self::JsonLines(lines) => lines.out(),
        }
    }

    /// Ends the file and gives `out` back. Without this the last packet may be missing.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::Capture(capture) => capture.finish(),
            Self::Text(text) => text.finish(),
            Self::JsonLines(lines) => lines.finish(),
        }
    }
}

/// A moment in UTC to the microsecond, ISO 8601; beyond the year 9999 only its number.
fn moment(time: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(time.micros())
        .map_or_else(|_| format!("{} us", time.micros()), |moment| format!("{moment:.6}"))
}

/// What a reader must know of a packet besides its bytes, each in a few words.
fn marks(packet: &Packet, is_nobodys: bool) -> Vec<String> {
    let mut marks = Vec::new();
    if packet.attribution != Attribution::Proven && !is_nobodys {
        marks.push("claimed: only its From or To says that it is this user's".to_owned());
    }
    if packet.unsure {
        marks.push("stump: it could not be scanned with certainty".to_owned());
    }
    if packet.cut {
        let (kept, detail) = (packet.bytes.len(), packet.detail.word());
        marks.push(format!("cut: {kept} of {} bytes kept, dump detail {detail}", packet.original_len));
    }
    marks
}

/// Where a packet comes from and where it goes, as text.
fn ends(packet: &Packet) -> (String, String) {
    let (local, far) = (packet.local.to_string(), packet.far.to_string());
    match packet.direction {
        Direction::In => (far, local),
        Direction::Out => (local, far),
    }
}

/// The transport's name; of one not known, words.
const fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Unknown => "transport not known",
        known => known.name(),
    }
}
