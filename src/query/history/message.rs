//! One packet of a history as the lists and the ladder need it: what the scan found, its bytes, and whether it came before.
//! Pure; texts may hold anything that a hostile peer sent.

use std::borrow::Cow;
use std::hash::BuildHasher as _;
use std::net::SocketAddr;
use std::sync::Arc;

use foldhash::quality::RandomState;

use crate::capture::head::Head;
use crate::capture::message::{Scan, scan};
use crate::event::{Direction, DumpDetail, Transport};
use crate::query::diagnostics::Cursor;
use crate::store::record::{Attribution, Packet};

/// A method of SIP (RFC 3261 and those after it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names of the methods")]
pub enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Register,
    Options,
    Subscribe,
    Notify,
    Message,
    Info,
    Prack,
    Update,
    Refer,
    Publish,
    /// Another one, or what is not SIP.
    Other,
}

/// All methods with their names.
const METHODS: [(Method, &str); 14] = [
    (Method::Invite, "INVITE"),
    (Method::Ack, "ACK"),
    (Method::Bye, "BYE"),
    (Method::Cancel, "CANCEL"),
    (Method::Register, "REGISTER"),
    (Method::Options, "OPTIONS"),
    (Method::Subscribe, "SUBSCRIBE"),
    (Method::Notify, "NOTIFY"),
    (Method::Message, "MESSAGE"),
    (Method::Info, "INFO"),
    (Method::Prack, "PRACK"),
    (Method::Update, "UPDATE"),
    (Method::Refer, "REFER"),
    (Method::Publish, "PUBLISH"),
];

impl Method {
    /// The method of that name.
    pub fn of(name: &[u8]) -> Self {
        METHODS.iter().find(|(_, word)| word.as_bytes() == name).map_or(Self::Other, |(method, _)| *method)
    }

    /// Its name; `other` for one that has none here.
    pub fn name(self) -> &'static str {
        METHODS.iter().find(|(method, _)| *method == self).map_or("other", |(_, word)| word)
    }
}

/// Whether a message was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Repeat {
    /// No.
    #[default]
    No,
    /// Sent again because no answer came in time (RFC 3261 section 17.1.1.2).
    Retransmission,
    /// The same at the same moment: it came twice.
    Duplicate,
}

/// One packet.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "fields are those of record::Packet")]
pub struct Message {
    pub at: Cursor,
    /// Seen from the PBX.
    pub direction: Direction,
    pub transport: Transport,
    pub local: SocketAddr,
    pub far: SocketAddr,
    /// Of a request, or of the request that a response answers.
    pub method: Method,
    /// Of a response; `None`: a request, or no SIP.
    pub status: Option<u16>,
    /// 0: none.
    pub cseq: u32,
    /// It has a session description (RFC 4566).
    pub sdp: bool,
    pub repeat: Repeat,
    /// The number of its [`super::Dialog`].
    pub dialog: usize,
    pub endpoint: Arc<str>,
    pub linked: Arc<str>,
    pub detail: DumpDetail,
    pub attribution: Attribution,
    pub cut: bool,
    pub unsure: bool,
    /// Bytes on the wire.
    pub size: u32,
    /// As kept: redacted.
    pub bytes: Box<[u8]>,
    /// What is sent again has that of the first time, within one history.
    pub(super) fingerprint: u64,
}

impl Message {
    pub(super) fn new(at: Cursor, packet: Packet, scan: &Facts, dialog: usize) -> Self {
        Self {
            at,
            direction: packet.direction,
            transport: packet.transport,
            local: packet.local,
            far: packet.far,
            method: scan.method,
            status: scan.status,
            cseq: scan.cseq,
            sdp: scan.sdp,
            repeat: Repeat::No,
            dialog,
            endpoint: packet.endpoint,
            linked: packet.linked,
            detail: packet.detail,
            attribution: packet.attribution,
            cut: packet.cut,
            unsure: packet.unsure,
            size: packet.original_len,
            fingerprint: scan.fingerprint,
            bytes: packet.bytes,
        }
    }

    /// Whether one of the two is the other sent again.
    pub fn is_again(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
            && self.dialog == other.dialog
            && self.direction == other.direction
    }

    /// As it is in the ring.
    pub(in crate::query) fn packet(&self) -> Packet {
        Packet {
            direction: self.direction,
            transport: self.transport,
            local: self.local,
            far: self.far,
            detail: self.detail,
            attribution: self.attribution,
            cut: self.cut,
            unsure: self.unsure,
            original_len: self.size,
            endpoint: Arc::clone(&self.endpoint),
            linked: Arc::clone(&self.linked),
            bytes: self.bytes.clone(),
        }
    }

    /// The same message with what another packet says: with tokens.
    pub(in crate::query) fn with(&self, packet: Packet) -> Self {
        Self {
            local: packet.local,
            far: packet.far,
            endpoint: packet.endpoint,
            linked: packet.linked,
            size: packet.original_len,
            bytes: packet.bytes,
            ..self.clone()
        }
    }

    /// What the light scan says of it. Cost: a pass over the message.
    pub fn scan(&self) -> Scan<'_> {
        scan(&self.bytes)
    }

    /// Its headers. Cost: a pass over the message.
    pub fn head(&self) -> Head<'_> {
        Head::of(&self.bytes)
    }

    /// Whether it is a request of this method.
    pub fn is_request(&self, method: Method) -> bool {
        self.status.is_none() && self.method == method
    }

    /// The status of a final response to a request of this method.
    pub fn answers(&self, method: Method) -> Option<u16> {
        self.status.filter(|status| *status >= 200 && self.method == method)
    }

    /// The reason phrase of a response, or the method's name.
    pub fn title(&self) -> Cow<'_, str> {
        let line = self.scan().start_line;
        match self.status {
            Some(_) => String::from_utf8_lossy(
                line.split(|b| *b == b' ').skip(1).collect::<Vec<_>>().join(&b' ').as_slice(),
            )
            .into_owned()
            .into(),
            None => String::from_utf8_lossy(line.split(|b| *b == b' ').next().unwrap_or_default()),
        }
    }

    /// The credentials or the challenge it has.
    pub fn authentication(&self) -> Option<Authentication> {
        if matches!(self.status, Some(401 | 407)) {
            return Some(Authentication::Challenge);
        }
        let head = (self.status.is_none()).then(|| self.head())?;
        let credentials = |name: &[u8]| {
            name.eq_ignore_ascii_case(b"authorization") || name.eq_ignore_ascii_case(b"proxy-authorization")
        };
        head.iter().any(|(name, _)| credentials(name)).then_some(Authentication::Credentials)
    }
}

/// What a message has to do with authentication (RFC 3261 section 22).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the two sides of it")]
pub enum Authentication {
    Challenge,
    Credentials,
}

/// What of a scan is kept of each message.
pub(super) struct Facts {
    method: Method,
    status: Option<u16>,
    cseq: u32,
    sdp: bool,
    fingerprint: u64,
}

impl Facts {
    /// The facts of the message in `bytes`.
    pub(super) fn of(scan: &Scan<'_>, bytes: &[u8], hash: &RandomState) -> Self {
        let (branch, body) = (scan.branch(), bytes.get(scan.body..).unwrap_or_default());
        // a request is known by its transaction (RFC 3261 section 17.2.3): when it is sent again, a proxy on the way or
        // new credentials may make other bytes of it
        let fingerprint = if scan.status.is_none() && branch.len() > 7 && branch.starts_with(b"z9hG4bK") {
            hash.hash_one((scan.start_line, branch, scan.cseq, body))
        } else {
            hash.hash_one(bytes)
        };
        Self {
            fingerprint,
            method: Method::of(scan.transaction_method()),
            status: scan.status,
            cseq: scan.cseq.unwrap_or(0),
            sdp: scan.content_type.get(..15).is_some_and(|t| t.eq_ignore_ascii_case(b"application/sdp")),
        }
    }
}
