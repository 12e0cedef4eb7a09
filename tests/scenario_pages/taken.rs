//! What was taken away as capture files, and what tshark should read of them: all files in one go.

use usermon::store::record::Record;

use crate::wireshark::{Row, expected, frames};

/// Length of the header of a capture file, and of that of a frame.
const HEADERS: (usize, usize) = (24, 16);

/// A capture file.
pub(crate) struct Taken {
    /// What it is of.
    pub(crate) what: String,
    pub(crate) file: Vec<u8>,
    /// The messages that it should have.
    pub(crate) wish: Vec<Row>,
}

impl Taken {
    pub(crate) fn new(what: String, file: Vec<u8>, wish: &[&Record]) -> Self {
        Self { what, file, wish: wish.iter().filter_map(|record| expected(record)).collect() }
    }

    /// How many frames follow the header; `None`: it is no such file.
    fn frames(&self) -> Option<usize> {
        let (mut rest, mut count) = (self.file.get(HEADERS.0..)?, 0);
        while !rest.is_empty() {
            let kept = u32::from_le_bytes(rest.get(8..12)?.try_into().ok()?);
            rest = rest.get(HEADERS.1 + usize::try_from(kept).ok()?..)?;
            count += 1;
        }
        Some(count)
    }
}

/// Has tshark read all files, one behind the other: what is wrong.
pub(crate) fn read(all: &[Taken]) -> Vec<String> {
    let Some(first) = all.first() else { return Vec::new() };
    let mut wrong = Vec::new();
    let (mut together, mut counts) = (Vec::new(), Vec::new());
    together.extend(first.file.iter().take(HEADERS.0));
    for taken in all {
        let head = taken.file.get(..HEADERS.0);
        let Some(count) = taken.frames().filter(|_| head == first.file.get(..HEADERS.0)) else {
            wrong.push(format!("{}: no capture file: {}", taken.what, brief(&taken.file)));
            continue;
        };
        together.extend(taken.file.iter().skip(HEADERS.0));
        counts.push((taken, count));
    }
    let rows = frames(&together);
    let mut rows = rows.into_iter();
    for (taken, count) in counts {
        let have: Vec<Row> = rows.by_ref().take(count).flatten().collect();
        if have != taken.wish {
            let lines =
                |rows: &[Row]| rows.iter().map(|row| format!("\n    {}", row.join(" "))).collect::<String>();
            let (have, wish) = (lines(&have), lines(&taken.wish));
            wrong.push(format!("{}: tshark reads{have}\n  and the ring has{wish}", taken.what));
        }
    }
    wrong.extend(rows.next().map(|_| "frames are left over".to_owned()));
    wrong
}

/// The beginning of an answer that is not what was asked for.
pub(crate) fn brief(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(80).collect()
}
