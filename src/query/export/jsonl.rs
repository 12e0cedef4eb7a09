//! Records as JSON lines: one object per line, described by [`SCHEMA`] (JSON Schema 2020-12, `web/export.schema.json`). The
//! table of [`JsonLines`] lists the members. Called by [`super::Export`].

use std::borrow::Cow;
use std::io::{self, Write};
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::{About, moment};
use crate::capture::message::scan;
use crate::event::{Change, Direction, DumpDetail, Quality, Transport};
use crate::query::words::{change_words, gap_words};
use crate::store::record::{Attribution, Gap, GapCause, Packet, Payload, Record};

/// The schema of a line, for programs and their authors.
pub const SCHEMA: &str = include_str!("../../../web/export.schema.json");

/// The version that each line names.
pub const VERSION: u32 = 1;

/// JSON lines being written.
///
/// The first line is of the export itself, the others are records, oldest first. A later version may add members and
/// kinds of `record`; what is there keeps its meaning for as long as [`VERSION`] stays.
///
/// | `record` | members besides `version`, `record`, `time` |
/// | --- | --- |
/// | `export` | `title`, `program` |
/// | `packet` | `seq`, `company`, `user`; `direction` (seen from the PBX), `transport`, `local_address`, `local_port`, `far_address`, `far_port`, `detail`, `attribution`, `cut`, `unsure`, `original_length`, `kept_length`, `endpoint`, `linked`; `start_line`, `method` or `status`, `call_id`, `cseq`, `cseq_method`, `from_user`, `from_host`, `to_user`, `to_host`, `content_type`; `message` or, where that is not UTF-8, `message_base64` |
/// | `change` | `seq`, `company`, `user`; `words`; `change` and what goes with it |
/// | `gap` | `seq`, `company`, `user`; `from`, `to`, `packets` (null: not known), `cause`, `words` |
/// | `quality` | `seq`, `company`, `user`; `leg`, `linked`, `call_id`, `direction` (seen from the PBX), `packets`, `lost`, `jitter_us`, `round_trip_us` (null: not known) |
///
/// Times are ISO 8601, UTC, to the microsecond. What is not known is null. Members taken out of a message (`start_line`
/// to `content_type`) have U+FFFD for bytes that are no UTF-8; `message` and `message_base64` are the bytes as kept.
#[derive(Debug)]
pub struct JsonLines<W> {
    out: W,
    line: Vec<u8>,
}

#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    time: String,
    #[serde(flatten)]
    place: Option<Place<'a>>,
    #[serde(flatten)]
    content: Content<'a>,
}

#[derive(Serialize)]
struct Place<'a> {
    seq: u64,
    company: &'a str,
    user: &'a str,
}

#[derive(Serialize)]
#[serde(tag = "record", rename_all = "lowercase")]
enum Content<'a> {
    Export {
        title: &'a str,
        program: &'static str,
    },
    Packet(Box<Message<'a>>),
    Change {
        words: String,
        #[serde(flatten)]
        change: &'a Change,
    },
    Gap {
        from: String,
        to: String,
        packets: Option<u64>,
        cause: &'static str,
        words: String,
    },
    Quality {
        leg: &'a str,
        linked: &'a str,
        call_id: &'a str,
        direction: Direction,
        packets: u64,
        lost: u64,
        jitter_us: u32,
        round_trip_us: Option<u32>,
    },
}

#[derive(Serialize)]
struct Message<'a> {
    direction: Direction,
    transport: Transport,
    local_address: Option<String>,
    local_port: Option<u16>,
    far_address: Option<String>,
    far_port: Option<u16>,
    detail: DumpDetail,
    attribution: &'static str,
    cut: bool,
    unsure: bool,
    original_length: u32,
    kept_length: usize,
    endpoint: Option<&'a str>,
    linked: Option<&'a str>,
    start_line: Cow<'a, str>,
    method: Option<Cow<'a, str>>,
    status: Option<u16>,
    call_id: Option<Cow<'a, str>>,
    cseq: Option<u32>,
    cseq_method: Option<Cow<'a, str>>,
    from_user: Option<Cow<'a, str>>,
    from_host: Option<Cow<'a, str>>,
    to_user: Option<Cow<'a, str>>,
    to_host: Option<Cow<'a, str>>,
    content_type: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_base64: Option<String>,
}

impl<W: Write> JsonLines<W> {
    /// Begins with the line of the export itself.
    ///
    /// # Errors
    /// Those of `out`, as of every function here.
    pub fn new(out: W, about: &About) -> io::Result<Self> {
        let mut lines = Self { out, line: Vec::new() };
        let program = concat!("usermon ", env!("CARGO_PKG_VERSION"));
        lines.put(&Line {
            version: VERSION,
            time: moment(about.at),
            place: None,
            content: Content::Export { title: &about.title, program },
        })?;
        Ok(lines)
    }

    /// Adds a record.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn record(&mut self, record: &Record) -> io::Result<()> {
        let content = match &record.payload {
            Payload::Packet(packet) => Content::Packet(Box::new(Message::of(packet))),
            Payload::Change(change) => Content::Change { words: change_words(change), change },
            Payload::Gap(gap) => gap_content(gap),
            Payload::Quality(quality) => quality_content(quality),
        };
        let place = Place { seq: record.seq, company: &record.user.company, user: &record.user.user };
        self.put(&Line { version: VERSION, time: moment(record.time), place: Some(place), content })
    }

    pub(super) const fn out(&mut self) -> &mut W {
        &mut self.out
    }

    /// Ends the lines.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn put(&mut self, line: &Line<'_>) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, line)?;
        self.line.push(b'\n');
        self.out.write_all(&self.line)
    }
}

impl<'a> Message<'a> {
    fn of(packet: &'a Packet) -> Self {
        let scan = scan(&packet.bytes);
        let text = |bytes: &'a [u8]| Some(bytes).filter(|b| !b.is_empty()).map(String::from_utf8_lossy);
        let message = std::str::from_utf8(&packet.bytes).ok();
        let (local, far) = (known(packet.local), known(packet.far));
        Self {
            direction: packet.direction,
            transport: packet.transport,
            local_address: local.map(|at| at.ip().to_canonical().to_string()),
            local_port: local.map(|at| at.port()),
            far_address: far.map(|at| at.ip().to_canonical().to_string()),
            far_port: far.map(|at| at.port()),
            detail: packet.detail,
            attribution: match packet.attribution {
                Attribution::Unknown => "unknown",
                Attribution::Claimed => "claimed",
                Attribution::Proven => "proven",
            },
            cut: packet.cut,
            unsure: packet.unsure,
            original_length: packet.original_len,
            kept_length: packet.bytes.len(),
            endpoint: Some(&*packet.endpoint).filter(|name| !name.is_empty()),
            linked: Some(&*packet.linked).filter(|name| !name.is_empty()),
            start_line: String::from_utf8_lossy(scan.start_line),
            method: text(scan.method),
            status: scan.status,
            call_id: text(scan.call_id),
            cseq: scan.cseq,
            cseq_method: text(scan.cseq_method),
            from_user: text(scan.from_user),
            from_host: text(scan.from_host),
            to_user: text(scan.to_user),
            to_host: text(scan.to_host),
            content_type: text(scan.content_type),
            message,
            message_base64: message.is_none().then(|| STANDARD.encode(&packet.bytes)),
        }
    }
}

/// The address, if the PBX said it.
fn known(address: SocketAddr) -> Option<SocketAddr> {
    Some(address).filter(|at| !at.ip().is_unspecified() || at.port() != 0)
}

fn gap_content(gap: &Gap) -> Content<'static> {
    let cause = match gap.cause {
        GapCause::QueueFull => "queue-full",
        GapCause::Damage => "damage",
        GapCause::Disk => "disk",
        GapCause::Limit => "limit",
        GapCause::Fault => "fault",
        GapCause::Share => "share",
        GapCause::Removed => "removed",
        GapCause::Overload => "overload",
        GapCause::Unproven => "unproven",
        GapCause::Lowered => "lowered",
        GapCause::Other => "other",
    };
    Content::Gap {
        from: moment(gap.from),
        to: moment(gap.to),
        packets: Some(gap.packets).filter(|packets| *packets > 0),
        cause,
        words: gap_words(gap),
    }
}

fn quality_content(quality: &Quality) -> Content<'_> {
    Content::Quality {
        leg: &quality.leg,
        linked: &quality.linked,
        call_id: &quality.call_id,
        direction: quality.direction,
        packets: quality.packets,
        lost: quality.lost,
        jitter_us: quality.jitter,
        round_trip_us: Some(quality.round_trip).filter(|time| *time > 0),
    }
}
