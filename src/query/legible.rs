//! Bytes that anybody may have sent, as text that can be read and deceives nobody. Called by the pages and by the export
//! as text, which mark what is no plain text each in its own way. Pure.

/// A piece of such bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Plain text; of control characters it has only line feeds and tabs.
    Plain(&'a str),
    /// What is to be written by its numbers.
    Odd(&'a [u8]),
}

/// Control, bidirectional, invisible and line-breaking characters. The joiners U+200C and U+200D are letters'
/// parts in some scripts and stay.
pub fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Gives `put` the pieces in order; of a CRLF only the line feed. Cost: one pass.
pub fn pieces(bytes: &[u8], mut put: impl FnMut(Piece<'_>)) {
    for chunk in bytes.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some((at, odd)) =
            rest.char_indices().find(|(_, c)| misleads(*c) && *c != '\n' && *c != '\t')
        {
            let (plain, tail) = rest.split_at(at);
            put(Piece::Plain(plain));
            let after = tail.get(odd.len_utf8()..).unwrap_or_default();
            if odd != '\r' || !after.starts_with('\n') {
                put(Piece::Odd(odd.encode_utf8(&mut [0; 4]).as_bytes()));
            }
            rest = after;
        }
        put(Piece::Plain(rest));
        put(Piece::Odd(chunk.invalid()));
    }
}
