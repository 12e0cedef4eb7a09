//! Bodies written anew with tokens, by their type. A body of a type that nobody knows is replaced word by word.

use super::hand::{Hand, Mode};
use super::message::{is_empty, take_line};

/// How deep messages may lie within messages before the rest is replaced word by word.
const DEPTH: usize = 8;

/// Content types, as far as they matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    Sdp,
    /// Parts with heads of their own, or a message in a message.
    Parts,
    Xml,
    /// Filled by the redactor, or `name: value` without a name of anybody.
    Lines,
    Anything,
}

impl Media {
    /// By the value of a Content-Type.
    pub(super) fn of(value: &[u8]) -> Self {
        let lower = value.split(|b| *b == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
        let has = |word: &[u8]| lower.windows(word.len()).any(|w| w == word);
        if has(b"multipart") || has(b"message/sip") || has(b"sipfrag") {
            Self::Parts
        } else if has(b"sdp") {
            Self::Sdp
        } else if has(b"xml") {
            Self::Xml
        } else if has(b"dtmf") || has(b"simple-message-summary") {
            Self::Lines
        } else {
            Self::Anything
        }
    }
}

impl Hand<'_> {
    /// A body, so many messages deep.
    pub(super) fn body(&mut self, body: &[u8], media: Media, depth: usize) {
        let mut rest = body;
        match media {
            _ if depth > DEPTH => self.text(body, Mode::Opaque),
            Media::Xml => self.xml(body),
            Media::Anything => self.text(body, Mode::Opaque),
            Media::Sdp | Media::Lines => {
                while !rest.is_empty() {
                    let line = take_line(&mut rest);
                    if media == Media::Sdp { self.sdp(line) } else { self.line(line) }
                }
            }
            Media::Parts => self.parts(body, depth),
        }
    }

    /// Parts, and messages within a message. Which boundary is whose does not matter.
    fn parts(&mut self, body: &[u8], depth: usize) {
        let mut rest = body;
        while !rest.is_empty() {
            let mut ahead = rest;
            let line = take_line(&mut ahead);
            let is_start = line.trim_ascii_end().ends_with(b"SIP/2.0") || line.starts_with(b"SIP/2.0 ");
            if is_empty(line) || line.starts_with(b"--") {
                self.text(line, Mode::Prose(3));
                rest = ahead;
            } else if is_start {
                self.start_line(line);
                rest = ahead;
            } else {
                let (media, length) = self.head(&mut rest);
                let end = rest.windows(3).position(|w| w == b"\n--").map_or(rest.len(), |at| at + 1);
                let (part, behind) = rest.split_at(end);
                let before = self.out.len();
                self.body(part, media, depth + 1);
                if let Some((from, to)) = length {
                    self.adjust(from, to, part.len(), self.out.len() - before);
                }
                rest = behind;
            }
        }
    }

    fn line(&mut self, line: &[u8]) {
        match line.iter().position(|b| *b == b':') {
            Some(colon) => {
                let (name, value) = line.split_at(colon + 1);
                self.same(name);
                self.header(name.strip_suffix(b":").unwrap_or(name).trim_ascii(), value);
            }
            None => self.text(line, Mode::Prose(5)),
        }
    }

    fn sdp(&mut self, line: &[u8]) {
        let (kind, value) = line.split_at(line.len().min(2));
        self.same(kind);
        match kind {
            b"o=" => {
                let end = value.iter().position(|b| *b == b' ').unwrap_or(value.len());
                let (user, rest) = value.split_at(end);
                self.text(user, Mode::Name);
                self.session_address(rest);
            }
            b"c=" => self.session_address(value),
            b"s=" | b"i=" | b"e=" | b"p=" | b"u=" => self.text(value, Mode::Opaque),
            b"a=" => self.text(value, Mode::Prose(5)),
            _ => self.same(value),
        }
    }

    /// Text that ends with a host behind `IN IP4 `.
    fn session_address(&mut self, text: &[u8]) {
        let host = text.trim_ascii_end().iter().rposition(|b| *b == b' ').map_or(text.len(), |at| at + 1);
        let (before, host) = text.split_at(host);
        self.same(before);
        self.host(host);
    }

    /// Names of elements and attributes stay, and the words for states.
    fn xml(&mut self, body: &[u8]) {
        const STATES: [&[u8]; 18] = [
            b"open",
            b"closed",
            b"trying",
            b"proceeding",
            b"early",
            b"confirmed",
            b"terminated",
            b"active",
            b"init",
            b"full",
            b"partial",
            b"registered",
            b"created",
            b"refreshed",
            b"expired",
            b"busy",
            b"true",
            b"false",
        ];
        let mut rest = body;
        while !rest.is_empty() {
            let open = rest.iter().position(|b| *b == b'<').unwrap_or(rest.len());
            let (text, tag) = rest.split_at(open);
            if STATES.iter().any(|state| state.eq_ignore_ascii_case(text.trim_ascii())) {
                self.same(text);
            } else {
                self.text(text, Mode::Opaque);
            }
            let close = tag.iter().position(|b| *b == b'>').map_or(tag.len(), |at| at + 1);
            let (tag, behind) = tag.split_at(close);
            for (n, piece) in tag.split(|b| *b == b'"').enumerate() {
                if n > 0 {
                    self.same(b"\"");
                }
                let is_state = STATES.iter().any(|state| state.eq_ignore_ascii_case(piece.trim_ascii()));
                let is_schema = piece.starts_with(b"urn:") || piece.starts_with(b"http");
                match n % 2 {
                    1 if !is_state && !is_schema => self.attribute(piece),
                    _ => self.same(piece),
                }
            }
            rest = behind;
        }
    }

    /// The value of an attribute: a URI, a Call-ID, or what is replaced where it is a name.
    fn attribute(&mut self, value: &[u8]) {
        let is_number = value.len() < 3 && value.iter().all(u8::is_ascii_digit);
        if is_number { self.same(value) } else { self.call_id(value) }
    }
}
