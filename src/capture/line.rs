//! Lines of a SIP message as every stack in the field reads them: ended by CRLF, bare LF or bare CR, and folded
//! when the next one begins with a space or a tab (RFC 3261 section 7.3.1). The scanner and the redactor share
//! these. Must never allocate, and never trust an offset: past the end there are only zeros.

use memchr::memchr2;

/// A line with its continuation lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Logical {
    /// End of the text, before the last line break.
    pub(super) end: usize,
    /// Where the next line begins.
    pub(super) next: usize,
    /// The number of that next line.
    pub(super) after: usize,
    /// The number of the line after the first white continuation line. Strict readers go on there, lenient ones take
    /// the white line for the end of the head.
    pub(super) hollow: Option<usize>,
}

/// The byte at `at`; zero past the end.
pub(super) fn byte(data: &[u8], at: usize) -> u8 {
    data.get(at).copied().unwrap_or(0)
}

/// The bytes of `from..to`; empty where that is no range of `data`.
pub(super) fn slice(data: &[u8], from: usize, to: usize) -> &[u8] {
    data.get(from..to).unwrap_or_default()
}

/// The physical line at `from`: where its text ends and where the next line begins.
pub(super) fn physical(data: &[u8], from: usize) -> (usize, usize) {
    match memchr2(b'\r', b'\n', slice(data, from, data.len())) {
        None => (data.len(), data.len()),
        Some(n) => {
            let end = from + n;
            let crlf = byte(data, end) == b'\r' && byte(data, end + 1) == b'\n';
            (end, end + 1 + usize::from(crlf))
        }
    }
}

/// Where the message begins: after the empty lines that a stream may carry before it (RFC 3261 section 7.5).
pub(super) fn message_start(data: &[u8]) -> usize {
    data.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(data.len())
}

/// A space or a tab.
pub(super) const fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t')
}

/// White space that may stand within a folded value.
pub(super) const fn is_white(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}

/// For each byte whether it is one of a token, and whether one of most users and hosts.
static KINDS: [u8; 256] = {
    let mut table = [0; 256];
    let mut rest: &mut [u8] = &mut table;
    let mut b = 0_u8;
    while let Some((slot, more)) = rest.split_first_mut() {
        let plain = b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'+');
        let token = plain || matches!(b, b'!' | b'%' | b'*' | b'`' | b'\'' | b'~');
        *slot = if token { TOKEN } else { 0 } | if plain { PLAIN } else { 0 };
        b = b.wrapping_add(1);
        rest = more;
    }
    table
};
const TOKEN: u8 = 1;
const PLAIN: u8 = 2;

/// A byte of a token (RFC 3261 section 25.1).
pub(super) fn is_token(b: u8) -> bool {
    KINDS.get(usize::from(b)).is_some_and(|kinds| kinds & TOKEN != 0)
}

/// A letter, a digit, or one of `-._+`.
pub(super) fn is_plain(b: u8) -> bool {
    KINDS.get(usize::from(b)).is_some_and(|kinds| kinds & PLAIN != 0)
}

/// Without the white space at both ends.
pub(super) fn trim(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_white(*first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_white(*last)
    {
        text = rest;
    }
    text
}

/// Position of the first byte of `from..to` that is not white; `to` if there is none.
pub(super) fn skip_white(data: &[u8], from: usize, to: usize) -> usize {
    slice(data, from, to).iter().position(|&b| !is_white(b)).map_or(to, |n| from + n)
}

/// Whether `text` contains `word` in any letter case. Cost: the product of both lengths; for short values only.
pub(super) fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word))
}
