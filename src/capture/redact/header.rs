//! Rules for headers: credentials, the answer's proof, User-to-User whole, and what a head says of the body that
//! follows it. A name counts however it is written: any letter case, white space or a fold before its colon, stray
//! bytes around it, and even without a colon. Called by the walk for each line of heads and bodies alike.

use super::body::{self, Class};
use super::walk::Walk;
use crate::capture::line::{byte, contains, is_token, is_white, skip_white, slice, trim};

/// Schemes whose name may stay; of any other the whole value goes.
const SCHEMES: [&[u8]; 7] = [b"Digest", b"Basic", b"Bearer", b"NTLM", b"Negotiate", b"Kerberos", b"GSSAPI"];

/// What may stay of Digest credentials (privacy.md).
const KEPT_CREDENTIALS: [&[u8]; 7] = [b"username", b"realm", b"uri", b"nonce", b"algorithm", b"qop", b"nc"];

/// What may stay of an Authentication-Info.
const KEPT_PROOF: [&[u8]; 3] = [b"nextnonce", b"qop", b"nc"];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Credentials,
    Proof,
    Whole,
}

/// The rule for a header of this name, or of one that ends like it: stray bytes in front don't hide a secret.
pub(super) fn rule(name: &[u8]) -> Option<Rule> {
    let ends = |word: &[u8]| {
        name.len()
            .checked_sub(word.len())
            .is_some_and(|n| slice(name, n, name.len()).eq_ignore_ascii_case(word))
    };
    match name.last()? | 0x20 {
        b'n' if ends(b"authorization") => Some(Rule::Credentials),
        b'o' if ends(b"authentication-info") => Some(Rule::Proof),
        b'r' if ends(b"user-to-user") || ends(b"user-user") => Some(Rule::Whole),
        _ => None,
    }
}

impl Walk<'_, '_> {
    /// Applies the rules for headers to the line `from..to`; true if its value was dealt with as a whole.
    pub(super) fn header(&mut self, from: usize, to: usize) -> bool {
        let data = self.ink.data;
        let line = slice(data, from, to);
        let Some(start) = line.iter().position(|&b| is_token(b)) else { return false };
        let run = slice(line, start, line.len());
        let name = slice(run, 0, run.iter().position(|&b| !is_token(b)).unwrap_or(run.len()));
        let end = from + start + name.len();
        let colon = skip_white(data, end, to);
        if colon < to && byte(data, colon) == b':' {
            if let Some(rule) = rule(name) {
                self.apply(rule, colon + 1, to);
                return true;
            }
            self.announce(name, slice(data, colon + 1, to), colon + 1);
            return false;
        }
        if rule(name).is_some() {
            self.ink.fill(end, to);
            return true;
        }
        if name.eq_ignore_ascii_case(b"message") && contains(line, b"SIP/") {
            self.pending = Class::Secret;
            return false;
        }
        // `Author ization:`, `x y Authorization:` and the like
        let Some(colon) = memchr::memchr(b':', line) else { return false };
        let mut joined = [0_u8; 32];
        let mut used = 0;
        for (slot, &b) in
            joined.iter_mut().rev().zip(slice(line, 0, colon).iter().rev().filter(|&&b| is_token(b)))
        {
            *slot = b;
            used += 1;
        }
        let joined = slice(&joined, joined.len() - used, joined.len());
        if rule(joined).is_some() {
            self.ink.fill(from + colon + 1, to);
            return true;
        }
        self.announce(joined, slice(line, colon + 1, line.len()), from + colon + 1);
        false
    }

    /// A continuation line that looks like a header with a secret: whoever unfolds differently reads it as one.
    pub(super) fn hidden_header(&mut self, from: usize, end: usize, to: usize) -> bool {
        let data = self.ink.data;
        let start = skip_white(data, from, end);
        let text = slice(data, start, end);
        let name = slice(text, 0, text.iter().position(|&b| !is_token(b)).unwrap_or(text.len()));
        if let Some(rule) = rule(name) {
            let behind = skip_white(data, start + name.len(), to);
            if behind < to && byte(data, behind) == b':' {
                self.apply(rule, behind + 1, to);
            } else {
                self.ink.fill(start + name.len(), to);
            }
            return true;
        }
        let colon = memchr::memchr(b':', text);
        let found = colon.filter(|&colon| rule(trim(slice(text, 0, colon))).is_some());
        if let Some(colon) = found {
            self.ink.fill(start + colon + 1, to);
        }
        found.is_some()
    }

    fn apply(&mut self, rule: Rule, from: usize, to: usize) {
        let data = self.ink.data;
        let start = skip_white(data, from, to);
        match rule {
            Rule::Whole => self.ink.fill(start, to),
            Rule::Proof => self.parameters(start, to, &KEPT_PROOF),
            Rule::Credentials => {
                let text = slice(data, start, to);
                let scheme = slice(text, 0, text.iter().position(|&b| is_white(b)).unwrap_or(0));
                if !SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
                    self.ink.fill(start, to);
                    return;
                }
                let rest = skip_white(data, start + scheme.len(), to);
                if scheme.eq_ignore_ascii_case(b"Digest") {
                    self.parameters(rest, to, &KEPT_CREDENTIALS);
                } else {
                    self.ink.fill(rest, to);
                }
            }
        }
    }

    /// `name=value` pairs with commas between: values of names not in `kept` are filled, and from the first
    /// character that does not fit the grammar on, everything.
    fn parameters(&mut self, from: usize, to: usize, kept: &[&[u8]]) {
        let data = self.ink.data;
        let mut at = from;
        while at < to {
            at = skip_white(data, at, to);
            if byte(data, at) == b',' {
                at += 1;
                continue;
            }
            let Some(pair) = Pair::read(data, at, to) else {
                self.ink.fill(at, to);
                return;
            };
            if !kept.iter().any(|k| k.eq_ignore_ascii_case(slice(data, at, pair.name_end))) {
                self.ink.fill(pair.value, pair.value_end);
            }
            at = pair.next;
        }
    }

    /// What a head says of its body.
    fn announce(&mut self, name: &[u8], value: &[u8], at: usize) {
        let is = |word: &[u8]| name.eq_ignore_ascii_case(word);
        match (name.len(), byte(name, 0) | 0x20) {
            (12, b'c') if is(b"content-type") => self.content_type(value, at),
            (1, b'c') => self.content_type(value, at),
            (16, b'c') if is(b"content-encoding") => self.encoding(value, &[b"identity"]),
            (1, b'e') => self.encoding(value, &[b"identity"]),
            (25, b'c') if is(b"content-transfer-encoding") => {
                self.encoding(value, &[b"7bit", b"8bit", b"binary"]);
            }
            (4, b'c') if is(b"cseq") && contains(value, b"message") => self.pending = Class::Secret,
            (5, b'e') if is(b"event") && contains(value, b"telephone-event") => self.pending = Class::Secret,
            (1, b'o') if contains(value, b"telephone-event") => self.pending = Class::Secret,
            _ => {}
        }
    }

    fn content_type(&mut self, value: &[u8], at: usize) {
        let media = value.split(|&b| b == b';').next().unwrap_or_default();
        self.pending = self.pending.max(Class::of(media));
        if contains(media, b"multipart") {
            match body::boundary(value) {
                Some((start, end)) => self.offered.push(at + start..at + end),
                None => {
                    self.pending = Class::Secret;
                    self.unsure = true;
                }
            }
        }
    }

    /// A body in an encoding that the rules cannot see through is filled.
    fn encoding(&mut self, value: &[u8], clear: &[&[u8]]) {
        let value = trim(value);
        if !value.is_empty() && !clear.iter().any(|c| c.eq_ignore_ascii_case(value)) {
            self.pending = Class::Secret;
            self.unsure = true;
        }
    }
}

/// One `name=value` as the grammar has it.
struct Pair {
    name_end: usize,
    /// Within the quotes, if it has some.
    value: usize,
    value_end: usize,
    next: usize,
}

impl Pair {
    fn read(data: &[u8], from: usize, to: usize) -> Option<Self> {
        let name_end = from + slice(data, from, to).iter().position(|&b| !is_token(b))?;
        let equals = skip_white(data, name_end, to);
        if name_end == from || equals >= to || byte(data, equals) != b'=' {
            return None;
        }
        let start = skip_white(data, equals + 1, to);
        let text = slice(data, start, to);
        let (value, value_end, end) = if byte(text, 0) == b'"' {
            let length = closing_quote(text)?;
            (start + 1, start + length, start + length + 1)
        } else {
            let stop = |&b: &u8| is_white(b) || matches!(b, b',' | b'"' | b'\\' | b'<' | b'>');
            let length = text.iter().position(stop).unwrap_or(text.len());
            (start, start + length, start + length)
        };
        let next = skip_white(data, end, to);
        (next >= to || byte(data, next) == b',').then_some(Self { name_end, value, value_end, next })
    }
}

/// Position of the quote that ends the quoted string `text` begins with.
pub(super) fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        let found = at + memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if byte(text, found) == b'"' {
            return Some(found);
        }
        at = found + 2;
    }
}
