//! Headers written anew with tokens, by what each of them holds. A header that nobody knows is replaced word by word, so
//! what is missing in these lists costs meaning and no secret.

use super::hand::{Hand, Mode};

/// Headers without a name in them, and the lines of a message summary.
const SYNTAX: &str = "max-forwards cseq content-length l content-type c content-encoding e content-disposition \
    content-language content-transfer-encoding content-id mime-version expires min-expires session-expires x min-se \
    allow allow-events u supported k require proxy-require unsupported accept accept-encoding accept-language \
    accept-resource-priority resource-priority date timestamp retry-after rseq rack event o subscription-state privacy \
    priority sip-etag sip-if-match request-disposition d security-client security-server security-verify refer-sub \
    p-early-media answer-mode max-breadth recv-info info-package feature-caps flow-timer messages-waiting \
    voice-message fax-message p-asserted-service p-preferred-service";
/// Those with addresses as in From, or with text between parameters.
const ADDRESSES: &str = "from f to t contact m route record-route path service-route p-asserted-identity \
    p-preferred-identity p-called-party-id p-associated-uri remote-party-id diversion history-info referred-by b \
    refer-to r reply-to call-info alert-info error-info reason warning accept-contact a reject-contact j \
    message-account";
const CALL_IDS: &str = "call-id i in-reply-to replaces join target-dialog";
const CREDENTIALS: &str = "authorization proxy-authorization www-authenticate proxy-authenticate authentication-info \
    proxy-authentication-info";
/// A signed copy of the numbers.
const SIGNATURE: &str = "identity y";

fn is_one_of(list: &str, name: &[u8]) -> bool {
    list.split_ascii_whitespace().any(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

impl Hand<'_> {
    /// The value of a header of this name.
    pub(super) fn header(&mut self, name: &[u8], value: &[u8]) {
        if is_one_of(SYNTAX, name) {
            self.same(value);
        } else if is_one_of(ADDRESSES, name) {
            self.addresses(value);
        } else if is_one_of("via v", name) {
            self.via(value);
        } else if is_one_of(CALL_IDS, name) {
            self.call_ids(value);
        } else if is_one_of(CREDENTIALS, name) {
            self.credentials(value);
        } else if is_one_of("user-agent server", name) {
            self.text(value, Mode::Product);
        } else if is_one_of(SIGNATURE, name) {
            self.out.extend(value.iter().map(|b| if b.is_ascii_whitespace() { *b } else { b'x' }));
        } else {
            self.text(value, Mode::Opaque);
        }
    }

    /// Call-IDs with commas between, each with parameters.
    fn call_ids(&mut self, value: &[u8]) {
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

    /// `Digest name="value", ...`: user, realm and URI are names.
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
                self.text(text, Mode::Prose(5));
            }
            rest = behind;
        }
    }
}
