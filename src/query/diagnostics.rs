//! Diagnostics: a user's packets of the last two days, newest first, and one packet whole.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::directory::User;
use crate::event::{Direction, DumpDetail, Transport};

/// A record's place in a user's history; as text `microseconds-seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "fields are those of a record")]
pub struct Cursor {
    pub time: Timestamp,
    pub seq: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.time.0, self.seq)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (time, seq) = text.rsplit_once('-').ok_or(())?;
        Ok(Self { time: Timestamp(time.parse().map_err(|_| ())?), seq: seq.parse().map_err(|_| ())? })
    }
}

/// One page of a user's history.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "product.md names the parts")]
pub struct DiagnosticsPage {
    pub user: Arc<User>,
    /// The dump detail in force now.
    pub detail: DumpDetail,
    /// Newest first.
    pub entries: Vec<Entry>,
    /// Where the next, older page begins; `None`: this is the last.
    pub next: Option<Cursor>,
    pub at: Timestamp,
}

/// One line of the page.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the store's kinds of records")]
pub enum Entry {
    Packet(PacketLine),
    /// Packets are missing here.
    Gap {
        from: Timestamp,
        to: Timestamp,
        /// 0: not known.
        packets: u64,
        words: String,
    },
    /// What the wall showed changed.
    Change {
        at: Cursor,
        words: String,
    },
}

/// One packet of the list. Texts may hold anything that a hostile peer sent.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "fields are those of SIP (RFC 3261)")]
pub struct PacketLine {
    pub at: Cursor,
    pub direction: Direction,
    pub transport: Transport,
    pub local: SocketAddr,
    pub far: SocketAddr,
    pub start_line: String,
    /// Of a request.
    pub method: Option<String>,
    /// Of a response.
    pub status: Option<u16>,
    pub cseq: String,
    pub call_id: String,
    pub from_user: String,
    pub to_user: String,
    /// Bytes on the wire.
    pub size: u32,
    /// Only its From or To says that it is this user's.
    pub claimed: bool,
    /// Not all bytes were kept.
    pub cut: bool,
    /// Could not be scanned with certainty; a stump was kept.
    pub unsure: bool,
    /// The dump detail that was in force.
    pub detail: DumpDetail,
}

/// One packet whole.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "a line, its bytes, its headers")]
pub struct PacketDetail {
    pub user: Arc<User>,
    pub line: PacketLine,
    /// As kept: redacted.
    pub raw: Vec<u8>,
    /// Name and value of each header, as rsip reads them; `None` where it can't.
    pub headers: Option<Vec<(String, String)>>,
    /// The neighbours in the user's history, for the keyboard.
    pub newer: Option<Cursor>,
    pub older: Option<Cursor>,
}
