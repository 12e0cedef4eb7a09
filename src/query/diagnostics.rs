//! Diagnostics: a user's packets of the last two days, newest first, and one packet whole.

use std::collections::HashSet;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::capture::message::{Scan, scan};
use crate::clock::Timestamp;
use crate::directory::User;
use crate::error::Result;
use crate::event::{Direction, DumpDetail, Transport, UserKey};
use crate::query::words::{change_words, gap_words};
use crate::query::{Query, Viewer};
use crate::store::record::{Attribution, Gap, GapCause, Packet, Payload, Record};
use crate::store::{Kinds, Query as Range};

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
    /// No packet is missing, but overload left less of each than the dump detail says.
    Lowered {
        from: Timestamp,
        to: Timestamp,
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
    /// `None`: nobody known.
    pub user: Option<Arc<User>>,
    pub line: PacketLine,
    /// As kept: redacted.
    pub raw: Vec<u8>,
    /// Name and value of each header, as rsip reads them; `None` where it can't.
    pub headers: Option<Vec<(String, String)>>,
    /// The neighbours in the user's history, for the keyboard.
    pub newer: Option<Cursor>,
    pub older: Option<Cursor>,
}

const ONLY_PACKETS: Kinds = Kinds { packets: true, changes: false, gaps: false, quality: false };
/// How many packets are read at once to find the next one.
const FEW: usize = 64;
/// How long an answer may take to come (64 * T1, RFC 3261 section 17.1.1.2), and how many packets of that time are
/// looked at: the attribution learns a Call-ID from the answer, so what proves a packet comes after it.
const TRANSACTION: Duration = Duration::from_secs(32);
const LATER: usize = 500;

impl Query {
    /// A page of at most `limit` lines of a user's history, newest first, older than `before`. Audited as a reading
    /// of the user's packets. `None` where there is no such user.
    ///
    /// # Errors
    /// When the two-day ring can't be read or the audit log can't be written.
    pub fn diagnostics(
        &self,
        viewer: &Viewer,
        user: &UserKey,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Option<DiagnosticsPage>> {
        let Some(user) = self.user(user) else { return Ok(None) };
        self.audit_reading(viewer, "read-packets", Some(&user), "")?;
        let (entries, next) = self.entries(&user.key, Timestamp::MIN, before, limit)?;
        let detail = self.0.settings.dump_detail(&user.key.company);
        Ok(Some(DiagnosticsPage { user, detail, entries, next, at: self.now() }))
    }

    /// One packet whole, with its neighbours. Audited as a reading of it. `None` where there is none.
    ///
    /// # Errors
    /// As [`Self::diagnostics`].
    pub fn packet(&self, viewer: &Viewer, user: &UserKey, at: Cursor) -> Result<Option<PacketDetail>> {
        let Some(user) = self.user(user) else { return Ok(None) };
        self.one(viewer, Some(user), at, "read-packet")?
            .map(|detail| self.with_neighbours(detail))
            .transpose()
    }

    /// One packet whole, without its neighbours. Audited as an export of it. `None` where there is none.
    ///
    /// # Errors
    /// As [`Self::diagnostics`].
    pub fn export(&self, viewer: &Viewer, user: &UserKey, at: Cursor) -> Result<Option<PacketDetail>> {
        let Some(user) = self.user(user) else { return Ok(None) };
        self.one(viewer, Some(user), at, "export-packet")
    }

    /// At most `limit` lines of a history since `from` and older than `before`, and where the next page begins.
    pub(super) fn entries(
        &self,
        key: &UserKey,
        from: Timestamp,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Entry>, Option<Cursor>)> {
        let mut records = self.read(key, from, before, limit.saturating_add(1), Kinds::ALL)?;
        let more = records.len() > limit;
        records.truncate(limit);
        let proven = self.proven(key, &records)?;
        let next = records.last().filter(|_| more).map(cursor);
        Ok((records.into_iter().filter_map(|record| entry(record, &proven)).collect(), next))
    }

    /// One packet, of nobody known where there is no `user`; audited as `action`.
    pub(super) fn one(
        &self,
        viewer: &Viewer,
        user: Option<Arc<User>>,
        at: Cursor,
        action: &str,
    ) -> Result<Option<PacketDetail>> {
        let nobody = UserKey::default();
        let key = user.as_deref().map_or(&nobody, |user| &user.key);
        let Some(record) = self.0.store.get(key, at.time, at.seq)? else { return Ok(None) };
        self.audit_reading(viewer, action, user.as_deref(), &at.to_string())?;
        let proven = self.proven(key, std::slice::from_ref(&record))?;
        let Payload::Packet(packet) = record.payload else { return Ok(None) };
        Ok(Some(PacketDetail {
            line: line(at, &packet, key, &proven),
            user,
            headers: headers(&packet.bytes),
            raw: packet.bytes.into_vec(),
            newer: None,
            older: None,
        }))
    }

    pub(super) fn with_neighbours(&self, mut detail: PacketDetail) -> Result<PacketDetail> {
        let nobody = UserKey::default();
        let key = detail.user.as_deref().map_or(&nobody, |user| &user.key);
        let at = detail.line.at;
        let older = self.read(key, Timestamp::MIN, Some(at), 1, ONLY_PACKETS)?.first().map(cursor);
        let newer = self.newer(key, at)?;
        (detail.older, detail.newer) = (older, newer);
        Ok(detail)
    }

    pub(super) fn audit_reading(
        &self,
        viewer: &Viewer,
        action: &str,
        user: Option<&User>,
        detail: &str,
    ) -> Result<()> {
        let (company, subject) =
            user.map_or(("", "unattributed"), |user| (&*user.key.company, &*user.key.user));
        self.audit(viewer, action, company, subject, detail)
    }

    fn read(
        &self,
        user: &UserKey,
        from: Timestamp,
        before: Option<Cursor>,
        limit: usize,
        kinds: Kinds,
    ) -> Result<Vec<Record>> {
        self.0.store.read(&Range {
            user,
            from,
            to: Timestamp::MAX,
            before: before.map(|c| (c.time, c.seq)),
            limit,
            kinds,
        })
    }

    /// The next newer packet. The store reads newest first: the stretch after `at` grows until there are packets in
    /// it, and is halved while there are more than a few, so that a long history is never read whole.
    fn newer(&self, user: &UserKey, at: Cursor) -> Result<Option<Cursor>> {
        let (mut from, mut span) = (at.time, Duration::from_secs(1));
        loop {
            let to = from.plus(span);
            let is_moment = from == to;
            let limit = if is_moment { usize::MAX } else { FEW };
            let found = self.packets_between(user, from, to, limit)?;
            let are_all_newer = found.iter().all(|record| cursor(record) > at);
            match found.iter().map(cursor).filter(|c| *c > at).min() {
                Some(_) if are_all_newer && found.len() == FEW && !is_moment => span /= 2,
                Some(next) => return Ok(Some(next)),
                None if to == Timestamp::MAX => return Ok(None),
                None => {
                    from = to.plus(Duration::from_micros(1));
                    span = span.max(Duration::from_micros(1)).saturating_mul(64);
                }
            }
        }
    }

    fn packets_between(
        &self,
        user: &UserKey,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Vec<Record>> {
        self.0.store.read(&Range { user, from, to, before: None, limit, kinds: ONLY_PACKETS })
    }

    /// Call-IDs that are proven to be the user's: by what is registered now, by a packet among `records`, or, where
    /// one of these is still in doubt, by a packet shortly after them.
    pub(super) fn proven(&self, user: &UserKey, records: &[Record]) -> Result<HashSet<Vec<u8>>> {
        let state = self.0.state.user(user);
        let from_state = state.contacts.iter().map(|c| c.call_id.as_bytes().to_vec());
        let from_calls = state.legs.iter().map(|l| l.call_id.as_bytes().to_vec());
        let mut proven: HashSet<Vec<u8>> = from_state.chain(from_calls).collect();
        proven.extend(call_ids(records, true));
        if call_ids(records, false).any(|id| !proven.contains(&id))
            && let Some(newest) = records.iter().map(|r| r.time).max()
        {
            let later = self.packets_between(user, newest, newest.plus(TRANSACTION), LATER)?;
            proven.extend(call_ids(&later, true));
        }
        proven.remove(&Vec::new());
        Ok(proven)
    }
}

/// The Call-IDs of the packets that are proven, or of those that are not.
fn call_ids(records: &[Record], proven: bool) -> impl Iterator<Item = Vec<u8>> {
    records.iter().filter_map(move |record| match &record.payload {
        Payload::Packet(p) if (p.attribution == Attribution::Proven) == proven => {
            Some(scan(&p.bytes).call_id.to_vec())
        }
        _ => None,
    })
}

fn cursor(record: &Record) -> Cursor {
    Cursor { time: record.time, seq: record.seq }
}

pub(super) fn entry(record: Record, proven: &HashSet<Vec<u8>>) -> Option<Entry> {
    let at = cursor(&record);
    match record.payload {
        Payload::Packet(packet) => Some(Entry::Packet(line(at, &packet, &record.user, proven))),
        Payload::Gap(Gap { from, to, cause: GapCause::Lowered, .. }) => Some(Entry::Lowered { from, to }),
        Payload::Gap(gap) => {
            Some(Entry::Gap { from: gap.from, to: gap.to, packets: gap.packets, words: gap_words(&gap) })
        }
        Payload::Change(change) => Some(Entry::Change { at, words: change_words(&change) }),
        Payload::Quality(_) => None,
    }
}

fn line(at: Cursor, packet: &Packet, user: &UserKey, proven: &HashSet<Vec<u8>>) -> PacketLine {
    let scan: Scan<'_> = scan(&packet.bytes);
    let claimed =
        !user.is_nobody() && packet.attribution != Attribution::Proven && !proven.contains(scan.call_id);
    PacketLine {
        at,
        direction: packet.direction,
        transport: packet.transport,
        local: packet.local,
        far: packet.far,
        start_line: text(scan.start_line),
        method: Some(text(scan.method)).filter(|method| !method.is_empty()),
        status: scan.status,
        cseq: scan.cseq.map_or_else(String::new, |number| format!("{number} {}", text(scan.cseq_method))),
        call_id: text(scan.call_id),
        from_user: text(scan.from_user),
        to_user: text(scan.to_user),
        size: packet.original_len,
        claimed,
        cut: packet.cut,
        unsure: packet.unsure,
        detail: packet.detail,
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Name and value of each header, as rsip reads the message; `None` where it can't. rsip has seen fewer hostile
/// messages than the scan, so a panic in it is no more than "can't".
fn headers(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let parsed = std::panic::catch_unwind(|| {
        let message = rsip::SipMessage::try_from(bytes).ok()?;
        let headers = match message {
            rsip::SipMessage::Request(request) => request.headers,
            rsip::SipMessage::Response(response) => response.headers,
        };
        let pair = |header: rsip::Header| {
            let line = header.to_string();
            let (name, value) = line.split_once(':')?;
            Some((name.trim().to_owned(), value.trim().to_owned()))
        };
        headers.into_iter().map(pair).collect::<Option<Vec<_>>>()
    });
    parsed.ok().flatten()
}
