//! A SIP message written anew with tokens: start line, headers by what each of them holds, bodies by their type. A header
//! or a body that nobody knows is replaced word by word, so what is missing in these lists costs meaning and no secret.
//! Content-Length follows its body. Needs no successful parse.

use super::hand::{Hand, Mode};

/// How deep messages may lie within messages before the rest is replaced word by word.
const DEPTH: usize = 8;

/// What a header holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// No name.
    Syntax,
    /// Addresses as in From, with parameters.
    Addresses,
    Via,
    CallId,
    /// Parameters with commas between.
    Credentials,
    /// Text of a program.
    Product,
    /// A signed copy of the numbers in it.
    Signature,
    /// Nobody knows.
    Anything,
}

fn holds(name: &[u8]) -> Holds {
    let mut lower = name.to_ascii_lowercase();
    lower.truncate(64);
    match &*lower {
        b"max-forwards" | b"cseq" | b"content-length" | b"l" | b"content-type" | b"c" | b"content-encoding" | b"e"
        | b"content-disposition" | b"content-language" | b"content-transfer-encoding" | b"content-id" | b"mime-version"
        | b"expires" | b"min-expires" | b"session-expires" | b"x" | b"min-se" | b"allow" | b"allow-events" | b"u"
        | b"supported" | b"k" | b"require" | b"proxy-require" | b"unsupported" | b"accept" | b"accept-encoding"
        | b"accept-language" | b"accept-resource-priority" | b"resource-priority" | b"date" | b"timestamp"
        | b"retry-after" | b"rseq" | b"rack" | b"event" | b"o" | b"subscription-state" | b"privacy" | b"priority"
        | b"sip-etag" | b"sip-if-match" | b"request-disposition" | b"d" | b"security-client" | b"security-server"
        | b"security-verify" | b"refer-sub" | b"p-early-media" | b"answer-mode" | b"max-breadth" | b"recv-info"
        | b"info-package" | b"feature-caps" | b"flow-timer" | b"messages-waiting" | b"voice-message"
        | b"fax-message" | b"p-asserted-service" | b"p-preferred-service" => Holds::Syntax,
        b"from" | b"f" | b"to" | b"t" | b"contact" | b"m" | b"route" | b"record-route" | b"path" | b"service-route"
        | b"p-asserted-identity" | b"p-preferred-identity" | b"p-called-party-id" | b"p-associated-uri"
        | b"remote-party-id" | b"diversion" | b"history-info" | b"referred-by" | b"b" | b"refer-to" | b"r"
        | b"reply-to" | b"call-info" | b"alert-info" | b"error-info" | b"reason" | b"warning" | b"accept-contact"
        | b"a" | b"reject-contact" | b"j" | b"message-account" => Holds::Addresses,
        b"via" | b"v" => Holds::Via,
        b"call-id" | b"i" | b"in-reply-to" | b"replaces" | b"join" | b"target-dialog" => Holds::CallId,
        b"authorization" | b"proxy-authorization" | b"www-authenticate" | b"proxy-authenticate"
        | b"authentication-info" | b"proxy-authentication-info" => Holds::Credentials,
        b"user-agent" | b"server" => Holds::Product,
        b"identity" | b"y" => Holds::Signature,
        _ => Holds::Anything,
    }
}

/// Content types, as far as they matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Media {
    Sdp,
    /// Parts with heads of their own, or a message in a message.
    Parts,
    Xml,
    /// Filled by the redactor, or `name: value` without a name of anybody.
    Lines,
    Anything,
}

impl Media {
    fn of(value: &[u8]) -> Self {
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

    fn start_line(&mut self, line: &[u8]) {
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
    fn head(&mut self, rest: &mut &[u8]) -> (Media, Option<(usize, usize)>) {
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

    fn header(&mut self, name: &[u8], value: &[u8]) {
        match holds(name) {
            Holds::Syntax => self.same(value),
            Holds::Addresses => self.addresses(value),
            Holds::Via => self.via(value),
            Holds::CallId => {
                for (n, one) in value.split(|b| *b == b',').enumerate() {
                    if n > 0 {
                        self.same(b",");
                    }
                    let end = one.iter().position(|b| *b == b';').unwrap_or(one.len());
                    let (id, parameters) = one.split_at(end);
                    self.call_id(id);
                    self.parameters(parameters);
                }
            }
            Holds::Credentials => self.credentials(value),
            Holds::Product => self.text(value, Mode::Product),
            Holds::Signature => {
                self.out.extend(value.iter().map(|b| if b.is_ascii_whitespace() { *b } else { b'x' }));
            }
            Holds::Anything => self.text(value, Mode::Opaque),
        }
    }

    /// `name <uri>;parameters` with commas between; a name may be quoted. Without brackets: a URI with parameters.
    fn addresses(&mut self, value: &[u8]) {
        let (mut quoted, mut escaped, mut start) = (false, false, 0);
        let mut in_uri = false;
        for (at, &b) in value.iter().enumerate() {
            let part = value.get(start..at).unwrap_or_default();
            match b {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' if !in_uri => quoted = !quoted,
                b'<' if !quoted && !in_uri => {
                    self.text(part, Mode::Name);
                    (in_uri, start) = (true, at);
                }
                b'>' if in_uri => {
                    self.text(part, Mode::Name);
                    (in_uri, start) = (false, at);
                }
                b',' if !quoted && !in_uri => {
                    self.parameters(part);
                    start = at;
                }
                _ => {}
            }
        }
        let rest = value.get(start..).unwrap_or_default();
        if in_uri { self.text(rest, Mode::Name) } else { self.parameters(rest) }
    }

    /// `SIP/2.0/UDP host:port;parameters` with commas between.
    fn via(&mut self, value: &[u8]) {
        for (n, one) in value.split(|b| *b == b',').enumerate() {
            if n > 0 {
                self.same(b",");
            }
            let end = one.iter().position(|b| *b == b';').unwrap_or(one.len());
            let (sent, parameters) = one.split_at(end);
            let space = sent.trim_ascii_end().iter().rposition(u8::is_ascii_whitespace);
            let (protocol, sent_by) = sent.split_at(space.unwrap_or(0));
            self.same(protocol);
            let (by, blank) = sent_by.split_at(sent_by.trim_ascii_end().len());
            self.host_and_port(by);
            self.same(blank);
            self.parameters(parameters);
        }
    }

    /// `Digest name="value", ...`: user, realm and URI are names, the rest is kept.
    fn credentials(&mut self, value: &[u8]) {
        let mut rest = value;
        while !rest.is_empty() {
            let mut quoted = false;
            let end = rest.iter().position(|b| {
                quoted ^= *b == b'"';
                *b == b',' && !quoted
            });
            let (one, behind) = rest.split_at(end.map_or(rest.len(), |at| at + 1));
            let equals = one.iter().position(|b| *b == b'=').map_or(one.len(), |at| at + 1);
            let (name, text) = one.split_at(equals);
            self.same(name);
            let is = |word: &[u8]| name.trim_ascii_end().to_ascii_lowercase().ends_with(word);
            if is(b"username=") || is(b"realm=") || is(b"uri=") || is(b"username*=") || is(b"domain=") {
                self.text(text, Mode::Name);
            } else {
                self.same(text);
            }
            rest = behind;
        }
    }

    fn body(&mut self, body: &[u8], media: Media, depth: usize) {
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
                let (media, _) = self.head(&mut rest);
                let end = rest.windows(3).position(|w| w == b"\n--").map_or(rest.len(), |at| at + 1);
                let (part, behind) = rest.split_at(end);
                self.body(part, media, depth + 1);
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
            b"open", b"closed", b"trying", b"proceeding", b"early", b"confirmed", b"terminated", b"active", b"init",
            b"full", b"partial", b"registered", b"created", b"refreshed", b"expired", b"busy", b"true", b"false",
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
        if is_number {
            self.same(value);
        } else if value.contains(&b'@') {
            self.call_id(value);
        } else {
            self.text(value, Mode::Prose(5));
        }
    }

    /// Adds to the number at `from..to` of `out` by what the body grew.
    fn adjust(&mut self, from: usize, to: usize, before: usize, after: usize) {
        let text = self.out.get(from..to).and_then(|digits| std::str::from_utf8(digits).ok());
        let Some(number) = text.and_then(|text| text.parse::<usize>().ok()).filter(|_| before != after) else {
            return;
        };
        let number = number.saturating_add(after).saturating_sub(before);
        self.out.splice(from..to, number.to_string().into_bytes());
    }
}

/// The first line with its line break, off `rest`.
fn take_line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |at| at + 1);
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

fn is_empty(line: &[u8]) -> bool {
    line.iter().all(|b| matches!(b, b'\r' | b'\n'))
}
