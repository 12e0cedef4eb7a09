//! A SIP message written anew with tokens: its lines, its start line, and Content-Length, which follows its body. Needs no
//! successful parse. What headers and bodies hold know [`super::header`] and [`super::body`].

use memchr::memchr2;

use super::body::Media;
use super::hand::{Hand, Mode};

impl Hand<'_> {
    /// A message. What is not SIP is replaced word by word.
    pub(super) fn message(&mut self, data: &[u8], is_sip: bool) {
        if !is_sip {
            return self.text(data, Mode::Opaque);
        }
        let mut rest = data;
        let start = rest.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(rest.len());
        let (empty, behind) = rest.split_at(start);
        self.same(empty);
        rest = behind;
        let line = take_line(&mut rest);
        self.start_line(line);
        let (media, length) = self.head(&mut rest);
        let before = self.out.len();
        self.body(rest, media, 0);
        if let Some((from, to)) = length {
            self.adjust(from, to, rest.len(), self.out.len() - before);
        }
    }

    pub(super) fn start_line(&mut self, line: &[u8]) {
        if line.get(..4).is_some_and(|w| w.eq_ignore_ascii_case(b"SIP/")) {
            let code = line.iter().position(|b| *b == b' ').map_or(line.len(), |at| (at + 4).min(line.len()));
            let (status, reason) = line.split_at(code);
            self.same(status);
            return self.text(reason, Mode::Prose(3));
        }
        let space = |b: &u8| matches!(b, b' ' | b'\t');
        let method = line.iter().position(space).unwrap_or(line.len());
        let version = line.iter().rposition(space).filter(|at| *at > method).unwrap_or(line.len());
        let (head, version) = line.split_at(version);
        let (method, uri) = head.split_at(method);
        self.same(method);
        self.text(uri, Mode::Name);
        self.same(version);
    }

    /// Headers up to the empty line behind them, and it. The type of the body, and where the number of the first
    /// Content-Length stands in `out`.
    pub(super) fn head(&mut self, rest: &mut &[u8]) -> (Media, Option<(usize, usize)>) {
        let (mut media, mut length) = (Media::Anything, None);
        while !rest.is_empty() {
            let line = take_header(rest);
            if is_empty(line) {
                self.same(line);
                break;
            }
            let Some(colon) = line.iter().position(|b| *b == b':') else {
                self.text(line, Mode::Opaque);
                continue;
            };
            let (name, value) = line.split_at(colon + 1);
            let name_only = name.strip_suffix(b":").unwrap_or(name).trim_ascii();
            self.same(name);
            let at = self.out.len();
            self.header(name_only, value);
            let is = |long: &[u8], short: &[u8]| {
                name_only.eq_ignore_ascii_case(long) || name_only.eq_ignore_ascii_case(short)
            };
            if is(b"content-type", b"c") {
                media = Media::of(value);
            } else if is(b"content-length", b"l") && length.is_none() {
                let lead = value.iter().position(u8::is_ascii_digit).unwrap_or(value.len());
                let digits = value.iter().skip(lead).take_while(|b| b.is_ascii_digit()).count();
                length = (digits > 0).then_some((at + lead, at + lead + digits));
            }
        }
        (media, length)
    }

    /// Adds to the number at `from..to` of `out` by what the body grew.
    pub(super) fn adjust(&mut self, from: usize, to: usize, before: usize, after: usize) {
        let text = self.out.get(from..to).and_then(|digits| std::str::from_utf8(digits).ok());
        let Some(number) = text.and_then(|text| text.parse::<usize>().ok()).filter(|_| before != after)
        else {
            return;
        };
        let number = number.saturating_add(after).saturating_sub(before);
        self.out.splice(from..to, number.to_string().into_bytes());
    }
}

/// The first line with its line break, off `rest`; CRLF, a bare CR and a bare LF end one.
pub(super) fn take_line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = memchr2(b'\r', b'\n', rest).map_or(rest.len(), |at| {
        let is_crlf = rest.get(at..at + 2) == Some(b"\r\n");
        at + 1 + usize::from(is_crlf)
    });
    let (line, behind) = rest.split_at(end);
    *rest = behind;
    line
}

/// The first line with its continuation lines, off `rest`.
fn take_header<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let whole = *rest;
    let mut line = take_line(rest);
    while !is_empty(line) && matches!(rest.first(), Some(b' ' | b'\t')) {
        let more = take_line(rest);
        line = whole.get(..line.len() + more.len()).unwrap_or(line);
    }
    line
}

pub(super) fn is_empty(line: &[u8]) -> bool {
    line.iter().all(|b| matches!(b, b'\r' | b'\n'))
}
