//! The hand that writes text anew with tokens in it: words, URIs, hosts, escapes. A word is a run of letters and digits of
//! any script; what stands between words stays, so that what was SIP stays SIP. Called by [`super::message`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::table::Table;

/// Words that say that somebody has no name, or which host none is.
const NOBODY: [&[u8]; 7] =
    [b"anonymous", b"invalid", b"localhost", b"unknown", b"unavailable", b"restricted", b"withheld"];

/// Words of SIP that, as somebody's name, are replaced only where a name stands.
const SYNTAX: [&[u8]; 44] = [
    b"sip",
    b"sips",
    b"tel",
    b"udp",
    b"tcp",
    b"tls",
    b"wss",
    b"transport",
    b"user",
    b"phone",
    b"digest",
    b"realm",
    b"auth",
    b"md5",
    b"invite",
    b"ack",
    b"bye",
    b"cancel",
    b"register",
    b"options",
    b"subscribe",
    b"notify",
    b"refer",
    b"message",
    b"info",
    b"prack",
    b"update",
    b"publish",
    b"true",
    b"false",
    b"yes",
    b"audio",
    b"video",
    b"rtp",
    b"avp",
    b"savp",
    b"host",
    b"srflx",
    b"relay",
    b"typ",
    b"off",
    b"full",
    b"calling",
    b"called",
];

/// URI schemes with a user or a number in them.
const SCHEMES: [&[u8]; 9] = [b"sip", b"sips", b"tel", b"im", b"pres", b"mailto", b"xmpp", b"http", b"https"];

/// Which words of a text are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// All, and each is learned: the text is a name or a number.
    Name,
    /// All: what the text is nobody knows.
    Opaque,
    /// Those that were learned; of numbers those with so many digits, as short ones mean many things.
    Prose(usize),
    /// Those that were learned, in parts of words too: a Call-ID, a tag, a branch.
    Id,
    /// Those that were learned, and nothing that looks like an address: it is a version.
    Product,
}

/// Writes to `out` what it is told, with tokens.
#[derive(Debug)]
pub(super) struct Hand<'t> {
    pub(super) table: &'t mut Table,
    /// Whether names are learned; what was learned while others were written would make the same text differ.
    pub(super) learns: bool,
    pub(super) out: Vec<u8>,
}

impl Hand<'_> {
    /// Text as it is.
    pub(super) fn same(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    /// Text of a mode. URIs in it are written as such.
    pub(super) fn text(&mut self, text: &[u8], mode: Mode) {
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let between = rest.iter().position(|b| is_word(*b)).unwrap_or(rest.len());
            let (gap, rest) = rest.split_at(between);
            self.same(gap);
            at += between;
            if rest.is_empty() {
                break;
            }
            if let Some((address, length)) = address(rest)
                && mode != Mode::Product
                && gap.last() != Some(&b'.')
            {
                match self.table.with_addresses {
                    true => self.address(address),
                    false => self.same(rest.get(..length).unwrap_or_default()),
                }
                at += length;
            } else if let Some(length) = uri(rest) {
                let (uri, _) = rest.split_at(length);
                self.uri(uri);
                at += length;
            } else {
                let length = rest.iter().position(|b| !is_word(*b)).unwrap_or(rest.len());
                let (word, behind) = rest.split_at(length);
                self.word(word, behind, mode);
                at += length;
            }
        }
    }

    fn word(&mut self, word: &[u8], behind: &[u8], mode: Mode) {
        let is = |list: &[&[u8]]| list.iter().any(|known| known.eq_ignore_ascii_case(word));
        // what the redactor has filled
        let is_filled = word.len() > 3 && word.iter().all(|b| *b == b'x');
        if is_filled || is(&NOBODY) {
            return self.same(word);
        }
        match mode {
            Mode::Name | Mode::Opaque => {
                if mode == Mode::Name && self.learns {
                    self.table.learn(word);
                }
                let token = self.table.token(word);
                self.same(&token);
            }
            Mode::Prose(_) | Mode::Id | Mode::Product => {
                let fewest = match mode {
                    Mode::Prose(digits) if word.iter().all(u8::is_ascii_digit) => digits,
                    _ => 3,
                };
                let is_parameter =
                    mode != Mode::Id && behind.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'=');
                if is_parameter || !self.learned(word, fewest) {
                    self.runs(word, if mode == Mode::Id { 3 } else { 5 });
                }
            }
        }
    }

    /// The token of a word, if it was learned and is long enough to mean nothing else.
    fn learned(&mut self, word: &[u8], fewest: usize) -> bool {
        let is_syntax = SYNTAX.iter().any(|known| known.eq_ignore_ascii_case(word));
        match self.table.learned(word).filter(|_| word.len() >= fewest && !is_syntax) {
            Some(token) => {
                self.out.extend_from_slice(token);
                true
            }
            None => false,
        }
    }

    /// A word that is no name, but may be put together of one and something else.
    fn runs(&mut self, word: &[u8], fewest: usize) {
        for run in word.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit()) {
            if run.len() == word.len() || !self.learned(run, fewest) {
                self.same(run);
            }
        }
    }

    /// An IP address; without brackets.
    pub(super) fn address(&mut self, address: IpAddr) {
        let token = self.table.address(address);
        self.same(token.to_string().as_bytes());
    }

    /// A host: a name, or an address with or without brackets.
    pub(super) fn host(&mut self, host: &[u8]) {
        self.text(host, Mode::Name);
    }

    /// A Call-ID: what is behind its `@` is a host.
    pub(super) fn call_id(&mut self, id: &[u8]) {
        let (local, host) = id.split_at(id.iter().rposition(|b| *b == b'@').unwrap_or(id.len()));
        self.text(local, Mode::Id);
        self.text(host, Mode::Name);
    }

    /// A URI with its parameters and headers.
    pub(super) fn uri(&mut self, uri: &[u8]) {
        let Some(colon) = uri.iter().position(|b| *b == b':') else { return self.text(uri, Mode::Opaque) };
        let (scheme, rest) = uri.split_at(colon + 1);
        self.same(scheme);
        let is_web = scheme.len() > 4 && scheme.get(..4).is_some_and(|s| s.eq_ignore_ascii_case(b"http"));
        if is_web {
            return self.text(rest, Mode::Name);
        }
        let at = rest.iter().position(|b| *b == b'@');
        let rest = match at {
            Some(at) => {
                let (user, rest) = rest.split_at(at);
                self.user(user);
                rest
            }
            None => rest,
        };
        let end = rest.iter().position(|b| matches!(b, b';' | b'?')).unwrap_or(rest.len());
        let (host, rest) = rest.split_at(end);
        self.host_and_port(host);
        let headers = rest.iter().position(|b| *b == b'?').unwrap_or(rest.len());
        let (parameters, headers) = rest.split_at(headers);
        self.parameters(parameters);
        for (n, header) in headers.split(|b| matches!(b, b'?' | b'&')).enumerate() {
            if n > 0 {
                self.same(if n == 1 { b"?" } else { b"&" });
            }
            self.uri_header(header);
        }
    }

    /// A user part, which may be written with escapes.
    fn user(&mut self, user: &[u8]) {
        if user.contains(&b'%') {
            self.escaped(user, |hand, user| hand.text(user, Mode::Name));
        } else {
            self.text(user, Mode::Name);
        }
    }

    /// `@host:port`, or the number of a `tel:`.
    pub(super) fn host_and_port(&mut self, text: &[u8]) {
        let colon = text.iter().rposition(|b| *b == b':');
        let port = colon.filter(|colon| {
            let digits = text.get(colon + 1..).unwrap_or_default();
            let is_v6 = text.iter().filter(|b| **b == b':').count() > 1 && !text.contains(&b']');
            !is_v6 && !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
        });
        let (host, port) = text.split_at(port.unwrap_or(text.len()));
        self.host(host);
        self.same(port);
    }

    /// `;name=value` over and over.
    pub(super) fn parameters(&mut self, text: &[u8]) {
        for (n, parameter) in text.split(|b| *b == b';').enumerate() {
            if n > 0 {
                self.same(b";");
            }
            let equals = parameter.iter().position(|b| *b == b'=').map_or(parameter.len(), |at| at + 1);
            let (name, value) = parameter.split_at(equals);
            let is = |word: &[u8]| name.trim_ascii().eq_ignore_ascii_case(word);
            if is(b"phone-context=") || is(b"maddr=") || is(b"received=") {
                self.same(name);
                self.host(value);
            } else if is(b"tag=") || is(b"branch=") || is(b"to-tag=") || is(b"from-tag=") {
                self.same(name);
                self.text(value, Mode::Id);
            } else {
                self.text(parameter, Mode::Prose(5));
            }
        }
    }

    fn uri_header(&mut self, header: &[u8]) {
        let equals = header.iter().position(|b| *b == b'=').map_or(header.len(), |at| at + 1);
        let (name, value) = header.split_at(equals);
        self.same(name);
        let is_dialog = name.eq_ignore_ascii_case(b"Replaces=") || name.eq_ignore_ascii_case(b"Call-ID=");
        self.escaped(value, |hand, value| {
            if is_dialog {
                let end = value.iter().position(|b| *b == b';').unwrap_or(value.len());
                let (id, parameters) = value.split_at(end);
                hand.call_id(id);
                hand.parameters(parameters);
            } else {
                hand.text(value, Mode::Name);
            }
        });
    }

    /// What `write` makes of the text without its escapes, escaped again: all but what stood there without.
    fn escaped(&mut self, text: &[u8], write: impl Fn(&mut Self, &[u8])) {
        let start = self.out.len();
        write(self, &unescaped(text));
        for b in self.out.split_off(start) {
            if b.is_ascii_alphanumeric() || (b != b'%' && text.contains(&b)) {
                self.out.push(b);
            } else {
                self.same(format!("%{b:02X}").as_bytes());
            }
        }
    }
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let digit =
        |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(b) = text.get(at) {
        match (b, digit(text.get(at + 1)), digit(text.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                at += 3;
            }
            _ => {
                out.push(*b);
                at += 1;
            }
        }
    }
    out
}

const fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b >= 0x80
}

/// The address that `text` begins with, and its length.
fn address(text: &[u8]) -> Option<(IpAddr, usize)> {
    let run = |test: fn(&u8) -> bool| {
        let length = text.iter().take(46).position(|b| !test(b)).unwrap_or(text.len().min(46));
        std::str::from_utf8(text.get(..length)?).ok()
    };
    let ends = |length: usize| !text.get(length).is_some_and(|b| is_word(*b));
    let v4 = run(|b| b.is_ascii_digit() || *b == b'.')?.trim_end_matches('.');
    if let Ok(address) = v4.parse::<Ipv4Addr>()
        && ends(v4.len())
    {
        return Some((IpAddr::V4(address), v4.len()));
    }
    let v6 = run(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'))?;
    let address = v6.parse::<Ipv6Addr>().ok().filter(|_| ends(v6.len()))?;
    Some((IpAddr::V6(address), v6.len()))
}

/// The length of the URI that `text` begins with.
fn uri(text: &[u8]) -> Option<usize> {
    let colon = text.iter().take(7).position(|b| *b == b':')?;
    let scheme = text.get(..colon)?;
    if !SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
        return None;
    }
    let ends = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'<' | b'>' | b'"' | b',' | b'\'');
    let length = text.iter().position(ends).unwrap_or(text.len());
    (length > colon + 1).then_some(length)
}
