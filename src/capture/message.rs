//! The light scan of a SIP message: start line, Call-ID, CSeq, From and To user, out of raw bytes. The drain calls
//! it once per packet, pages call it for each line they show. It allocates nothing and never fails: what is not
//! there, or not readable, stays empty. Compact names, any letter case, folded lines, bare LF and bare CR are read
//! as the tolerant stacks read them. It must never be taken for a validating parser.

use memchr::memchr;

use super::line::{byte, is_plain, is_token, is_white, slice, trim};
use super::marks::Marks;
use super::name::Name;
use crate::event::Direction;

/// What the scan found; every slice lies within the message. Of repeated headers the first counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scan<'a> {
    /// The first line, without its line break and white space around it.
    pub start_line: &'a [u8],
    /// Method of a request; empty for a response and for what is not SIP.
    pub method: &'a [u8],
    /// Status of a response; 65,535 for a number that does not fit.
    pub status: Option<u16>,
    /// Call-ID.
    pub call_id: &'a [u8],
    /// Number of the CSeq header.
    pub cseq: Option<u32>,
    /// Method of the CSeq header.
    pub cseq_method: &'a [u8],
    /// User part of the From URI as on the wire (escapes not decoded), without password.
    pub from_user: &'a [u8],
    /// Host of the From URI, without port; IPv6 with its brackets. Empty for `tel:`.
    pub from_host: &'a [u8],
    /// User part of the To URI, as `from_user`.
    pub to_user: &'a [u8],
    /// Host of the To URI, as `from_host`.
    pub to_host: &'a [u8],
    /// The topmost Via.
    pub via: &'a [u8],
    /// Media type of the body, with its parameters.
    pub content_type: &'a [u8],
    /// Content-Length, where it is a number.
    pub content_length: Option<u32>,
    /// Where the body begins; the message's length if there is none.
    pub body: usize,
}

impl<'a> Scan<'a> {
    /// Whether the start line is one of SIP.
    pub fn is_sip(&self) -> bool {
        self.status.is_some() || !self.method.is_empty()
    }

    /// Branch of the topmost Via. Cost: a pass over that header.
    pub fn branch(&self) -> &'a [u8] {
        parameter(self.via, b"branch")
    }

    /// The method of a request, or of the request that a response answers.
    pub fn transaction_method(&self) -> &'a [u8] {
        if self.method.is_empty() { self.cseq_method } else { self.method }
    }

    /// User and host of the party on our side of the wire: of a request that comes in and a response that goes out
    /// the From, else the To; of REGISTER always the To, whose binding it is.
    pub fn our_party(&self, direction: Direction) -> (&'a [u8], &'a [u8]) {
        let request = self.status.is_none();
        let from = request == (direction == Direction::In);
        if from && !self.transaction_method().eq_ignore_ascii_case(b"REGISTER") {
            (self.from_user, self.from_host)
        } else {
            (self.to_user, self.to_host)
        }
    }
}

/// Scans a message of any bytes. Cost: one pass over it, 0.1 to 0.3 us for a usual one.
pub fn scan(data: &[u8]) -> Scan<'_> {
    scan_marked(data, &Marks::of(data))
}

/// Scans one message after the other; unlike [`scan`] it allocates nothing once it has grown to the longest.
#[derive(Debug, Default)]
pub struct Scanner(Marks);

impl Scanner {
    /// As [`scan`].
    pub fn scan<'a>(&mut self, data: &'a [u8]) -> Scan<'a> {
        self.0.read(data);
        scan_marked(data, &self.0)
    }
}

/// As [`scan`], with the marks of `data`.
pub(super) fn scan_marked<'a>(data: &'a [u8], marks: &Marks) -> Scan<'a> {
    let mut scan = Scan { body: data.len(), ..Scan::default() };
    let mut at = marks.first();
    if let Some(first) = marks.line(at) {
        scan.start_line = trim(slice(data, first.start, first.end));
        start_line(&mut scan);
        at += 1;
    }
    while let (Some(line), Some(whole)) = (marks.line(at), marks.logical(data, at)) {
        if line.end == line.start {
            scan.body = line.next;
            break;
        }
        match line.name {
            Name::Plain => {}
            Name::Other => {
                if matches!(byte(data, line.start) | 0x20, b'c' | b'f' | b'i' | b'l' | b't' | b'v') {
                    // a folded line may have it later
                    let later =
                        || memchr(b':', slice(data, line.end, whole.end)).map_or(whole.end, |n| line.end + n);
                    let colon = if line.colon < line.end { line.colon } else { later() };
                    let name = header(trim(slice(data, line.start, colon)));
                    take(&mut scan, name, slice(data, colon + 1, whole.end));
                }
            }
            name => take(&mut scan, name, slice(data, line.colon + 1, whole.end)),
        }
        at = whole.after;
    }
    scan
}

fn start_line(scan: &mut Scan<'_>) {
    let line = scan.start_line;
    let first = word(line);
    if is_version(first) {
        let code = word(trim(slice(line, first.len(), line.len())));
        if !code.is_empty() && code.iter().all(u8::is_ascii_digit) {
            scan.status = Some(number(code).and_then(|n| u16::try_from(n).ok()).unwrap_or(u16::MAX));
        }
    } else if first.iter().all(|&b| is_token(b)) {
        let last = line.rsplit(|&b| is_white(b)).next().unwrap_or_default();
        if last.len() < line.len() && is_version(last) {
            scan.method = first;
        }
    }
}

fn is_version(word: &[u8]) -> bool {
    word.get(..4).is_some_and(|w| w.eq_ignore_ascii_case(b"SIP/"))
}

/// Which header a name is, if the scan wants it.
fn header(name: &[u8]) -> Name {
    let is = |long: &[u8]| name.eq_ignore_ascii_case(long);
    match (name.len(), byte(name, 0) | 0x20) {
        (1, b'v') => Name::Via,
        (3, b'v') if is(b"via") => Name::Via,
        (1, b'f') => Name::From,
        (4, b'f') if is(b"from") => Name::From,
        (1, b't') => Name::To,
        (2, b't') if is(b"to") => Name::To,
        (1, b'i') => Name::CallId,
        (7, b'c') if is(b"call-id") => Name::CallId,
        (4, b'c') if is(b"cseq") => Name::CSeq,
        (1, b'c') => Name::ContentType,
        (12, b'c') if is(b"content-type") => Name::ContentType,
        (1, b'l') => Name::ContentLength,
        (14, b'c') if is(b"content-length") => Name::ContentLength,
        _ => Name::Plain,
    }
}

/// Takes what the scan wants of a header's value. The first of each counts.
fn take<'a>(scan: &mut Scan<'a>, name: Name, value: &'a [u8]) {
    let value = trim(value);
    match name {
        Name::Via if scan.via.is_empty() => scan.via = value,
        Name::From if scan.from_host.is_empty() && scan.from_user.is_empty() => {
            (scan.from_user, scan.from_host) = party(value);
        }
        Name::To if scan.to_host.is_empty() && scan.to_user.is_empty() => {
            (scan.to_user, scan.to_host) = party(value);
        }
        Name::CallId if scan.call_id.is_empty() => scan.call_id = value,
        Name::CSeq if scan.cseq_method.is_empty() => {
            let digits = word(value);
            scan.cseq = number(digits);
            scan.cseq_method = word(trim(slice(value, digits.len(), value.len())));
        }
        Name::ContentType if scan.content_type.is_empty() => scan.content_type = value,
        Name::ContentLength if scan.content_length.is_none() => scan.content_length = number(value),
        _ => {}
    }
}

/// The bytes up to the first white space.
fn word(text: &[u8]) -> &[u8] {
    text.split(|&b| is_white(b)).next().unwrap_or_default()
}

/// A decimal number; `None` for anything else and for what does not fit.
fn number(text: &[u8]) -> Option<u32> {
    let digit = |&b: &u8| b.is_ascii_digit().then(|| u32::from(b - b'0'));
    let (first, rest) = text.split_first()?;
    rest.iter().try_fold(digit(first)?, |n, b| n.checked_mul(10)?.checked_add(digit(b)?))
}

/// The value of a parameter of the first element of a comma-separated header.
fn parameter<'a>(value: &'a [u8], name: &[u8]) -> &'a [u8] {
    let first = value.split(|&b| b == b',').next().unwrap_or_default();
    for piece in first.split(|&b| b == b';').skip(1) {
        if let Some(equals) = piece.iter().position(|&b| b == b'=')
            && trim(slice(piece, 0, equals)).eq_ignore_ascii_case(name)
        {
            return trim(slice(piece, equals + 1, piece.len()));
        }
    }
    &[]
}

/// User and host of a From or To value: `"name" <uri>;params` or `uri;params`.
fn party(value: &[u8]) -> (&[u8], &[u8]) {
    let uri = match angle(value) {
        Some(open) => {
            let inner = slice(value, open + 1, value.len());
            if let Some(party) = plain_party(inner) {
                return party;
            }
            inner.split(|&b| b == b'>').next().unwrap_or_default()
        }
        None => value.split(|&b| b == b';').next().unwrap_or_default(),
    };
    user_and_host(trim(uri))
}

/// User and host where the text begins with a URI as most are, `sip:user@host`, and nothing about it is in doubt.
fn plain_party(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (scheme, rest) = text.split_at_checked(4)?;
    if !scheme.eq_ignore_ascii_case(b"sip:") {
        return None;
    }
    let user = rest.iter().position(|&b| !is_plain(b)).filter(|&n| byte(rest, n) == b'@')?;
    let (user, after) = (slice(rest, 0, user), slice(rest, user + 1, rest.len()));
    let host = after.iter().position(|&b| !is_plain(b))?;
    matches!(byte(after, host), b'>' | b':' | b';').then(|| (user, slice(after, 0, host)))
}

/// Position of the `<` that is not within a quoted name.
fn angle(value: &[u8]) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, &b) in value.iter().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'<' if !quoted => return Some(at),
            _ => {}
        }
    }
    // an open quote hides the bracket from a strict reader; the tolerant ones take the last
    if quoted { value.iter().rposition(|&b| b == b'<') } else { None }
}

fn user_and_host(uri: &[u8]) -> (&[u8], &[u8]) {
    let Some(colon) = uri.iter().position(|&b| b == b':') else { return (&[], &[]) };
    let (scheme, rest) = (slice(uri, 0, colon), slice(uri, colon + 1, uri.len()));
    if scheme.eq_ignore_ascii_case(b"tel") {
        return (rest.split(|&b| b == b';').next().unwrap_or_default(), &[]);
    }
    if !scheme.eq_ignore_ascii_case(b"sip") && !scheme.eq_ignore_ascii_case(b"sips") {
        return (&[], &[]);
    }
    let (user, after) = match rest.iter().position(|&b| b == b'@') {
        Some(at) => {
            let info = slice(rest, 0, at);
            (info.split(|&b| b == b':').next().unwrap_or_default(), slice(rest, at + 1, rest.len()))
        }
        None => (&[][..], rest),
    };
    let end = if byte(after, 0) == b'[' {
        after.iter().position(|&b| b == b']').map_or(after.len(), |n| n + 1)
    } else {
        after
            .iter()
            .position(|&b| matches!(b, b':' | b';' | b'?' | b'/') || is_white(b))
            .unwrap_or(after.len())
    };
    (trim(user), slice(after, 0, end))
}
