//! What is wrong with the ring: alarms that stand until their cause is gone, notices that stand for an hour, and
//! the lines of the host's log about both. Under a lock a line only waits; [`Store::tell`] logs it when none is held.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::time::Duration;

use parking_lot::Mutex;

use crate::error::Error;

/// How long a notice is shown.
const SHOWN: Duration = Duration::from_hours(1);
/// Lines that wait; more than one fault makes.
const WAITING: usize = 16;

/// What can be wrong for a while; the graver first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// Packets are not stored.
    Stopped,
    /// A fault of ours, not of the disk's.
    Panic,
    /// Packets are stored, but stay in journal and memory.
    Unsealed,
    /// Files that should be gone are not.
    Leftover,
    /// Segments that should be rewritten are not.
    Chore,
}

impl Fault {
    /// What the log says when it is over.
    fn over(self) -> &'static str {
        match self {
            Self::Stopped => "packets are stored again",
            Self::Panic => "the packet folder is looked after again",
            Self::Unsealed => "packets are sealed again",
            Self::Leftover => "old packet files are removed again",
            Self::Chore => "packet files are rewritten again",
        }
    }
}

#[derive(Debug)]
struct Alarm {
    text: String,
    is_told: bool,
}

#[derive(Debug)]
enum Line {
    Error(String),
    Warning(String),
    Info(String),
}

#[derive(Debug, Default)]
struct Table {
    alarms: BTreeMap<Fault, Alarm>,
    /// Something that was overcome but has to be seen: shown until this steady time.
    notice: Option<(String, Duration)>,
    damaged: u64,
    lines: Vec<Line>,
}

impl Table {
    fn line(&mut self, line: Line) {
        if self.lines.len() < WAITING {
            self.lines.push(line);
        }
    }
}

/// The table of what is wrong, behind its own short lock.
#[derive(Debug, Default)]
pub(super) struct Trouble(Mutex<Table>);

impl Trouble {
    /// Says on the page what is wrong now. The log is told once until it is over, and not of what follows from
    /// something graver that it was told of.
    pub(super) fn raise(&self, fault: Fault, text: String) {
        let mut table = self.0.lock();
        let was_told = table.alarms.get(&fault).is_some_and(|alarm| alarm.is_told);
        let is_graver_up = table.alarms.range(..fault).next().is_some();
        let is_told = was_told || !is_graver_up;
        if is_told && !was_told {
            table.line(Line::Error(text.clone()));
        }
        table.alarms.insert(fault, Alarm { text, is_told });
    }

    /// It is over; does nothing if it was not raised.
    pub(super) fn clear(&self, fault: Fault) {
        let mut table = self.0.lock();
        if table.alarms.remove(&fault).is_some_and(|alarm| alarm.is_told) {
            table.line(Line::Info(fault.over().to_owned()));
        }
    }

    /// Says once what was overcome; on the page for an hour from the steady time `now`.
    pub(super) fn notice(&self, text: String, now: Duration) {
        let mut table = self.0.lock();
        table.line(Line::Warning(text.clone()));
        table.notice = Some((text, now.saturating_add(SHOWN)));
        table.damaged += 1;
    }

    /// Says what stays so until the next start.
    pub(super) fn stays(&self, text: String) {
        let mut table = self.0.lock();
        table.line(Line::Error(text.clone()));
        table.notice = Some((text, Duration::MAX));
        table.damaged += 1;
    }

    /// For the log alone.
    pub(super) fn say(&self, text: String) {
        self.0.lock().line(Line::Info(text));
    }

    /// Takes a notice away whose hour is over at the steady time `now`.
    pub(super) fn pass(&self, now: Duration) {
        let mut table = self.0.lock();
        if table.notice.as_ref().is_some_and(|(_, until)| *until <= now) {
            table.notice = None;
        }
    }

    /// Counts damage that was said elsewhere.
    pub(super) fn count(&self, damaged: u64) {
        self.0.lock().damaged += damaged;
    }

    /// The gravest alarm, or the notice; and how much was found damaged.
    pub(super) fn shown(&self) -> (Option<String>, u64) {
        let table = self.0.lock();
        let alarm = table.alarms.values().next().map(|alarm| &alarm.text);
        let notice = table.notice.as_ref().map(|(text, _)| text);
        (alarm.or(notice).cloned(), table.damaged)
    }

    /// Logs what waits. Calls the host: never under a lock.
    pub(super) fn tell(&self) {
        let lines = std::mem::take(&mut self.0.lock().lines);
        for line in lines {
            match line {
                Line::Error(text) => tracing::error!("{text}"),
                Line::Warning(text) => tracing::warn!("{text}"),
                Line::Info(text) => tracing::info!("{text}"),
            }
        }
    }
}

/// What a person can do about it.
pub(super) fn advice(error: &Error) -> &'static str {
    let Error::Io { source, .. } = error else { return "put that right" };
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some of the disk",
        ErrorKind::ReadOnlyFilesystem => "mount the disk writable again",
        ErrorKind::PermissionDenied => {
            "let the PBX's account write there again (chown, chmod 0700, chattr -i)"
        }
        _ => "look at the disk and at the kernel's log",
    }
}
