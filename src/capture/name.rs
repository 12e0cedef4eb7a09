//! Names of headers that most messages have, told by one look into a table instead of a row of comparisons. The scanner
//! and the sieve ask for each line; a name that the table does not have they look at themselves. Must never know a name
//! that a rule of the redactor is about as a plain one.

use wide::u8x16;

use super::line::byte;

/// The longest name in the table.
const LONGEST: usize = 16;
const PLACES: usize = 128;

/// Which header a line is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Name {
    /// Not in the table, or not followed by its colon at once.
    #[default]
    Other,
    /// One that neither the scan nor the redactor wants.
    Plain,
    Via,
    From,
    To,
    CallId,
    CSeq,
    ContentType,
    ContentLength,
}

const NAMES: [(&[u8], Name); 37] = [
    (b"via", Name::Via),
    (b"v", Name::Via),
    (b"from", Name::From),
    (b"f", Name::From),
    (b"to", Name::To),
    (b"t", Name::To),
    (b"call-id", Name::CallId),
    (b"i", Name::CallId),
    (b"cseq", Name::CSeq),
    (b"content-type", Name::ContentType),
    (b"c", Name::ContentType),
    (b"content-length", Name::ContentLength),
    (b"l", Name::ContentLength),
    (b"max-forwards", Name::Plain),
    (b"user-agent", Name::Plain),
    (b"allow", Name::Plain),
    (b"supported", Name::Plain),
    (b"k", Name::Plain),
    (b"expires", Name::Plain),
    (b"contact", Name::Plain),
    (b"m", Name::Plain),
    (b"server", Name::Plain),
    (b"date", Name::Plain),
    (b"www-authenticate", Name::Plain),
    (b"record-route", Name::Plain),
    (b"route", Name::Plain),
    (b"require", Name::Plain),
    (b"accept", Name::Plain),
    (b"session-expires", Name::Plain),
    (b"min-se", Name::Plain),
    (b"allow-events", Name::Plain),
    (b"subject", Name::Plain),
    (b"s", Name::Plain),
    (b"reason", Name::Plain),
    (b"privacy", Name::Plain),
    (b"retry-after", Name::Plain),
    (b"warning", Name::Plain),
];

#[derive(Clone, Copy)]
struct Entry {
    /// Lower case, zeros behind it.
    text: [u8; LONGEST],
    length: usize,
    name: Name,
}

/// By [`place`].
static TABLE: [Entry; PLACES] = {
    let mut table = [Entry { text: [0; LONGEST], length: 0, name: Name::Other }; PLACES];
    let mut names: &[(&[u8], Name)] = &NAMES;
    while let [(text, name), more @ ..] = names {
        let [first, ..] = *text else { panic!("a name is not empty") };
        let [.., last] = *text else { panic!("a name is not empty") };
        let (_, rest) = table.split_at_mut(place(*first, *last, text.len()));
        let [slot, ..] = rest else { panic!("a place is in the table") };
        assert!(slot.length == 0, "two names have the same place: change the factors");
        let (room, _) = slot.text.split_at_mut(text.len());
        room.copy_from_slice(text);
        (slot.length, slot.name) = (text.len(), *name);
        names = more;
    }
    table
};

/// Where a name of these lower case letters and this length is in the table. The factors are chosen so that no two
/// meet there.
const fn place(first: u8, last: u8, length: usize) -> usize {
    (first as usize + 13 * length + 21 * last as usize) % PLACES
}

/// The name that stands from `start` to its `colon`, on one line.
#[inline]
pub(super) fn name(data: &[u8], start: usize, colon: usize) -> Name {
    let text = data.get(start..).and_then(<[u8]>::first_chunk::<LONGEST>);
    let length = colon.wrapping_sub(start);
    let (Some(text), 1..=LONGEST) = (text, length) else { return Name::Other };
    let [first, ..] = *text;
    let place = place(first | 0x20, byte(text, length - 1) | 0x20, length);
    let Some(entry) = TABLE.get(place) else { return Name::Other };
    // no line has a byte that this makes a hyphen out of, but for hyphens
    let same = (u8x16::new(*text) | u8x16::splat(0x20)).simd_eq(u8x16::new(entry.text));
    let same = usize::try_from(same.to_bitmask().trailing_ones()).unwrap_or(0);
    if entry.length == length && same >= length { entry.name } else { Name::Other }
}
