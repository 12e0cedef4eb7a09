//! The record of who did what (privacy.md): audit.jsonl in the data folder, one JSON object a line, only appended.
//!
//! Written by `query` for each reading of a user's packets and each change of a setting. Never holds a secret;
//! never lets a field, whatever is in it, make a second line.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use crate::clock::{Clock, Timestamp};
use crate::config::{Role, folder};
use crate::error::{Error, Result};
use crate::settings::{no_file, secure};

/// Longest field, in characters; the rest is cut.
const FIELD: usize = 500;
/// Most entries that [`Audit::newest`] gives.
const MOST: usize = 10_000;
const BLOCK: u64 = 64 << 10;

/// One line of the record.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// When; set by [`Audit::record`]. In the file as RFC 3339, UTC.
    #[serde(with = "rfc3339")]
    pub time: Timestamp,
    /// Who, by the name of the login; of a failed login the name that was tried.
    pub person: String,
    /// As what; `None`: not logged in.
    pub role: Option<Role>,
    /// In which company; empty: none.
    pub company: String,
    /// What, a word or two with dashes ("login", "read-packets", "set-dump-detail").
    pub action: String,
    /// On whom or what ("101", "anna").
    pub subject: String,
    /// More words ("headers -> full").
    pub detail: String,
    /// From which address; empty: not known.
    pub from: String,
}

/// The record of one data folder. Any thread, without a lock: one `write` an entry, on a file opened for append.
#[derive(Debug)]
pub struct Audit {
    path: PathBuf,
    file: File,
    clock: Clock,
    /// The last line may lack its end: a write failed half-way, or a power cut.
    torn: AtomicBool,
}

impl Audit {
    /// Opens, or makes, the file in `dir`; makes `dir` if it is absent.
    ///
    /// # Errors
    /// When the folder can't be used ([`folder::prepare`]), or the file can't be opened or is a symbolic link.
    pub fn open(dir: &Path, clock: Clock) -> Result<Self> {
        folder::prepare(dir)?;
        let path = dir.join("audit.jsonl");
        let opened = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(&path);
        let file = match opened {
            Ok(file) => file,
            Err(link) if link.raw_os_error() == Some(libc::ELOOP) => return Err(no_file(&path)),
            Err(source) => return Err(Error::io("open the audit log", &path, source)),
        };
        secure(&file, &path)?;
        let torn = ends_torn(&file).map_err(|source| Error::io("read the audit log", &path, source))?;
        Ok(Self { path, file, clock, torn: AtomicBool::new(torn) })
    }

    /// Appends `entry` with the time now. It is in the kernel's hands on return, so a kill of the process loses
    /// nothing. Fields are cut to 500 characters.
    ///
    /// # Errors
    /// When it can't be written whole.
    pub fn record(&self, entry: Entry) -> Result<()> {
        let entry = Entry {
            time: self.clock.now(),
            person: cut(entry.person),
            role: entry.role,
            company: cut(entry.company),
            action: cut(entry.action),
            subject: cut(entry.subject),
            detail: cut(entry.detail),
            from: cut(entry.from),
        };
        let mut line = String::new();
        if self.torn.swap(false, Ordering::AcqRel) {
            line.push('\n');
        }
        let json = serde_json::to_string(&entry).map_err(|wrong| Error::Invalid(wrong.to_string()))?;
        escape(&json, &mut line);
        line.push('\n');
        let mut file = &self.file;
        file.write_all(line.as_bytes()).map_err(|source| {
            self.torn.store(true, Ordering::Release);
            Error::io("write the audit log", &self.path, source)
        })
    }

    /// The newest `n` entries (at most 10,000), newest first. Reads from the end of the file; lines that are no
    /// entries are left out.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn newest(&self, n: usize) -> Result<Vec<Entry>> {
        let n = n.min(MOST);
        let tail = self.tail(n).map_err(|source| Error::io("read the audit log", &self.path, source))?;
        let entries = tail.rsplit(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
        Ok(entries.take(n).collect())
    }

    /// The end of the file, with at least `lines` whole lines if there are so many.
    fn tail(&self, lines: usize) -> io::Result<Vec<u8>> {
        // a file of its own: the shared one's position belongs to nobody
        let mut file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(&self.path)?;
        let mut start = file.metadata()?.len();
        let mut blocks: Vec<Vec<u8>> = Vec::new();
        let mut found = 0_usize;
        while start > 0 && found <= lines {
            let length = start.min(BLOCK);
            start -= length;
            file.seek(SeekFrom::Start(start))?;
            let mut block = Vec::new();
            (&mut file).take(length).read_to_end(&mut block)?;
            found += block.iter().filter(|byte| **byte == b'\n').count();
            blocks.push(block);
        }
        blocks.reverse();
        let mut tail = blocks.concat();
        if start > 0 {
            // the first line may be half a line
            let whole = tail.iter().position(|byte| *byte == b'\n').map_or(tail.len(), |at| at + 1);
            tail.drain(..whole);
        }
        Ok(tail)
    }
}

fn ends_torn(mut file: &File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

fn cut(mut text: String) -> String {
    if let Some((at, _)) = text.char_indices().nth(FIELD) {
        text.truncate(at);
        text.push('…');
    }
    text
}

/// JSON escapes the ASCII control characters by itself; this escapes the others that a viewer may take for a line
/// end or for an order to write backwards. They stand inside strings only.
fn escape(json: &str, out: &mut String) {
    for c in json.chars() {
        if c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            // a String takes everything
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
}

mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serializer, de, ser};

    use crate::clock::Timestamp;

    pub(super) fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        let time = jiff::Timestamp::from_microsecond(time.micros()).map_err(ser::Error::custom)?;
        to.collect_str(&format_args!("{time:.6}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(from)?;
        let time: jiff::Timestamp = text.parse().map_err(de::Error::custom)?;
        Ok(Timestamp(time.as_microsecond()))
    }
}
