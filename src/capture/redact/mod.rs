//! Dump detail and black-out: what of a packet may be kept (privacy.md is the specification). The drain calls this
//! for every packet before anything reaches the journal. It walks lines and needs no successful parse; in doubt it
//! fills too much. One pass, memory and time bounded by the message's length; no byte sequence may make it panic,
//! and no secret may pass it. `walk` goes through the lines, `sieve` spares most of them the rules,
//! which `header`, `value` and `body` hold.

mod body;
mod header;
mod ink;
mod sieve;
mod value;
mod walk;

use self::ink::Ink;
pub(super) use self::value::may_be_secret;
use self::walk::Walk;
use super::line::{byte, message_start, physical, slice};
use super::marks::Marks;
use super::message::{Scan, scan_marked};
use crate::event::DumpDetail;

/// The longest message that is kept: SIP over UDP cannot be longer, and over streams nobody sends more.
pub const MESSAGE_LIMIT: usize = 64 * 1024;

/// How many bytes are kept of what is not SIP.
const STUMP: usize = 64;

/// The byte that stands for a secret one.
pub const FILL: u8 = b'x';

/// What became of a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Redacted {
    /// Not all bytes were kept, because of the detail or a limit.
    pub cut: bool,
    /// Something could not be scanned with certainty and was filled or left out as a whole.
    pub unsure: bool,
}

/// Writes into `out` what `detail` keeps of `data`, blacked out; `out` is emptied first. At `full` the length stays
/// (up to [`MESSAGE_LIMIT`]); at `headers` the body shrinks to codecs, `c=` and `m=` lines of SDP; at `summary`
/// what remains is a small message of start line, From, To, Call-ID and CSeq that `scan` reads like the whole
/// one. At `off` nothing is kept. Cost: O(length), about 0.6 us for a usual message; allocates its marks, where `out`
/// has to grow, and for multipart or SDP.
pub fn redact(detail: DumpDetail, data: &[u8], out: &mut Vec<u8>) -> Redacted {
    let kept = slice(data, 0, data.len().min(MESSAGE_LIMIT));
    redact_head(detail, kept, kept.len() < data.len(), out)
}

/// As [`redact`], for a message of which only the head reached us if `torn`: then its last line, which may be half
/// a secret that no rule recognises, is filled.
pub fn redact_head(detail: DumpDetail, data: &[u8], torn: bool, out: &mut Vec<u8>) -> Redacted {
    let data = slice(data, 0, data.len().min(MESSAGE_LIMIT));
    let marks = Marks::of(data);
    redact_scanned(detail, &scan_marked(data, &marks), data, &marks, torn, out)
}

/// As [`redact_head`], for a message of at most [`MESSAGE_LIMIT`] bytes that is scanned and marked already.
pub(super) fn redact_scanned(
    detail: DumpDetail,
    scanned: &Scan<'_>,
    data: &[u8],
    marks: &Marks,
    torn: bool,
    out: &mut Vec<u8>,
) -> Redacted {
    out.clear();
    let start = message_start(data);
    if detail == DumpDetail::Off {
        return Redacted { cut: !data.is_empty(), unsure: false };
    }
    if start == data.len() {
        out.extend_from_slice(slice(data, 0, data.len().min(STUMP)));
        return Redacted { cut: data.len() > STUMP, unsure: false };
    }
    if !scanned.is_sip() {
        return stump(data, marks, torn, out);
    }
    match detail {
        DumpDetail::Summary => {
            let whole = summary(data, marks, scanned);
            out.extend_from_slice(&whole);
            let unsure = Walk::over(&mut Ink::new(&whole, out), &Marks::of(&whole), false).run().unsure;
            // continuation lines were there for the rules only
            let end = physical(data, start).0;
            out.drain(end - start..folded_end(data, marks) - start);
            Redacted { cut: true, unsure }
        }
        DumpDetail::Headers => {
            out.extend_from_slice(data);
            let walked = Walk::over(&mut Ink::new(data, out), marks, torn).keep_codecs().run();
            let mut end = walked.head;
            for kept in walked.codecs {
                let length = kept.len();
                out.copy_within(kept, end);
                end += length;
            }
            out.truncate(end);
            Redacted { cut: torn || end < data.len(), unsure: walked.unsure }
        }
        DumpDetail::Full | DumpDetail::Off => {
            out.extend_from_slice(data);
            let walked = Walk::over(&mut Ink::new(data, out), marks, torn).run();
            Redacted { cut: torn, unsure: walked.unsure }
        }
    }
}

/// Where the start line ends with its continuation lines.
fn folded_end(data: &[u8], marks: &Marks) -> usize {
    marks.logical(data, marks.first()).map_or(data.len(), |whole| whole.end)
}

/// The small message of `summary`, not yet blacked out.
fn summary(data: &[u8], marks: &Marks, scan: &Scan<'_>) -> Vec<u8> {
    let start = message_start(data);
    let mut whole = Vec::with_capacity(256);
    // the whole folded line: a password may go on behind the fold
    text(&mut whole, slice(data, start, folded_end(data, marks)));
    whole.extend_from_slice(b"\r\n");
    for (name, user, host) in
        [(&b"From"[..], scan.from_user, scan.from_host), (&b"To"[..], scan.to_user, scan.to_host)]
    {
        if user.is_empty() && host.is_empty() {
            continue;
        }
        whole.extend_from_slice(name);
        whole.extend_from_slice(if host.is_empty() { b": <tel:" } else { b": <sip:" });
        part(&mut whole, user);
        if !user.is_empty() && !host.is_empty() {
            whole.push(b'@');
        }
        part(&mut whole, host);
        whole.extend_from_slice(b">\r\n");
    }
    if !scan.call_id.is_empty() {
        whole.extend_from_slice(b"Call-ID: ");
        text(&mut whole, scan.call_id);
        whole.extend_from_slice(b"\r\n");
    }
    if !scan.cseq_method.is_empty() {
        whole.extend_from_slice(b"CSeq: ");
        let number = scan.cseq.map_or_else(|| "?".to_owned(), |number| number.to_string());
        whole.extend_from_slice(number.as_bytes());
        whole.push(b' ');
        text(&mut whole, scan.cseq_method);
        whole.extend_from_slice(b"\r\n");
    }
    whole.extend_from_slice(b"\r\n");
    whole
}

/// A value on one line.
fn text(whole: &mut Vec<u8>, value: &[u8]) {
    whole.extend(value.iter().map(|&b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }));
}

/// A part of a URI, so that it stays one.
fn part(whole: &mut Vec<u8>, value: &[u8]) {
    whole.extend(value.iter().map(|&b| if b <= b' ' || matches!(b, b'<' | b'>' | b'@') { FILL } else { b }));
}

/// What is not SIP: the rules first, then of the first 64 bytes only the leading words of letters on the first line.
/// A password or a digest is a token too, so tokens alone are no measure of harmlessness.
fn stump(data: &[u8], marks: &Marks, torn: bool, out: &mut Vec<u8>) -> Redacted {
    out.extend_from_slice(data);
    Walk::over(&mut Ink::new(data, out), marks, torn).run();
    out.truncate(STUMP);
    let mut at = message_start(data);
    for b in out.iter_mut().take(at) {
        *b = FILL;
    }
    while at < out.len() {
        let rest = slice(data, at, data.len());
        let word = rest.iter().position(|b| !b.is_ascii_alphabetic()).unwrap_or(rest.len());
        let after = byte(data, at + word);
        if word > 16 || !matches!(after, b' ' | b'\t' | b'\r' | b'\n') && at + word < data.len() {
            break;
        }
        at += word;
        if let Some(b) = out.get_mut(at) {
            *b = FILL;
        }
        at += 1;
        if matches!(after, b'\r' | b'\n') {
            break;
        }
    }
    for b in out.iter_mut().skip(at) {
        *b = FILL;
    }
    Redacted { cut: torn || data.len() > out.len(), unsure: true }
}
