//! The ring's folder: who may use it, what may be in it, and every name of a file. Opened by [`super::Store`];
//! nothing else of the store makes a path. Names are made of our own numbers only.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::fs::FlockOperation;

use crate::clock::Timestamp;
use crate::error::{Error, Result};

/// A file of the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    /// Records of the last minutes.
    Journal(u64),
    /// Sealed records.
    Segment(u64),
    /// A segment that is being written.
    Unfinished(u64),
    /// A journal that failed, kept for a person to look at; not read again.
    BadJournal(u64),
    /// The same of a segment.
    BadSegment(u64),
    /// What is to be purged.
    Orders,
    /// The same, being written.
    UnfinishedOrders,
}

impl Name {
    fn text(self) -> String {
        match self {
            Self::Journal(n) => format!("journal-{n:016x}.log"),
            Self::Segment(n) => format!("segment-{n:016x}.seg"),
            Self::Unfinished(n) => format!("segment-{n:016x}.tmp"),
            Self::BadJournal(n) => format!("journal-{n:016x}.bad"),
            Self::BadSegment(n) => format!("segment-{n:016x}.bad"),
            Self::Orders => "purge.json".to_owned(),
            Self::UnfinishedOrders => "purge.tmp".to_owned(),
        }
    }

    fn of(text: &str) -> Option<Self> {
        if let Some(name) = [Self::Orders, Self::UnfinishedOrders].into_iter().find(|n| n.text() == text) {
            return Some(name);
        }
        let (stem, ending) = text.split_once('.')?;
        let (kind, number) = stem.split_once('-')?;
        let make = match (kind, ending) {
            ("journal", "log") => Self::Journal,
            ("journal", "bad") => Self::BadJournal,
            ("segment", "seg") => Self::Segment,
            ("segment", "tmp") => Self::Unfinished,
            ("segment", "bad") => Self::BadSegment,
            _ => return None,
        };
        let name = make(u64::from_str_radix(number, 16).ok()?);
        (name.text() == text).then_some(name)
    }

    /// 0: it has none.
    pub(super) fn number(self) -> u64 {
        match self {
            Self::Journal(n)
            | Self::Segment(n)
            | Self::Unfinished(n)
            | Self::BadJournal(n)
            | Self::BadSegment(n) => n,
            Self::Orders | Self::UnfinishedOrders => 0,
        }
    }
}

/// A folder that this process alone uses.
#[derive(Debug)]
pub(super) struct Folder {
    dir: PathBuf,
    lock: Mutex<Option<File>>,
}

const LOCK: &str = "lock";
/// How often, and after which pause, the lock is tried: a process that was killed may be ending, and what a process
/// forks has its lock until it runs another program.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

impl Folder {
    /// Makes the folder if it is not there (0700), refuses one that others may write to or that is theirs, and locks
    /// it. One that others may read is made private.
    pub(super) fn open(dir: &Path) -> Result<Self> {
        let mut tries = 0;
        loop {
            tries += 1;
            match claim(dir) {
                Err(Error::Busy(_)) if tries < TRIES => std::thread::sleep(PAUSE),
                claimed => return Ok(Self { dir: dir.to_owned(), lock: Mutex::new(Some(claimed?)) }),
            }
        }
    }

    /// Whether the lock file that we hold is still the folder's.
    pub(super) fn is_ours(&self) -> bool {
        self.lock.lock().as_ref().is_some_and(|file| is_at(file, &self.dir.join(LOCK)))
    }

    /// Makes and locks the folder again if somebody removed it.
    pub(super) fn restore(&self) -> Result<()> {
        if !self.is_ours() {
            let file = claim(&self.dir)?;
            *self.lock.lock() = Some(file);
        }
        Ok(())
    }

    /// Lets another process have the folder.
    pub(super) fn release(&self) {
        *self.lock.lock() = None;
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn path(&self, name: Name) -> PathBuf {
        self.dir.join(name.text())
    }

    /// A new file, 0600, close-on-exec, never through a link.
    pub(super) fn create(&self, name: Name) -> Result<File> {
        let path = self.path(name);
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)
            .map_err(|e| Error::io("create", &path, e))
    }

    /// An existing file, to read.
    pub(super) fn open_file(&self, name: Name) -> Result<File> {
        let path = self.path(name);
        OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)
            .map_err(|e| Error::io("open", &path, e))
    }

    /// A whole file; never more memory than it is long.
    pub(super) fn read(&self, name: Name) -> Result<Vec<u8>> {
        let mut file = self.open_file(name)?;
        let fail = |e| Error::io("read", &self.path(name), e);
        let length = file.metadata().map_err(fail)?.len();
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        file.read_to_end(&mut bytes).map_err(fail)?;
        Ok(bytes)
    }

    /// Replaces a small file: after a kill at any moment there is the old or the new one. `temporary` is its name
    /// while it is written.
    pub(super) fn write_whole(&self, name: Name, temporary: Name, bytes: &[u8]) -> Result<()> {
        self.remove(temporary)?;
        let mut file = self.create(temporary)?;
        let path = self.path(temporary);
        file.write_all(bytes).map_err(|e| Error::io("write", &path, e))?;
        file.sync_all().map_err(|e| Error::io("sync", &path, e))?;
        self.rename(temporary, name)?;
        self.sync()
    }

    pub(super) fn rename(&self, from: Name, to: Name) -> Result<()> {
        let path = self.path(from);
        std::fs::rename(&path, self.path(to)).map_err(|e| Error::io("rename", &path, e))
    }

    /// Removes a file; one that is gone already is no error.
    pub(super) fn remove(&self, name: Name) -> Result<()> {
        let path = self.path(name);
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("remove", &path, e)),
            _ => Ok(()),
        }
    }

    /// Whether somebody removed a file; not when the system only does not let us see it.
    pub(super) fn is_missing(&self, name: Name) -> bool {
        std::fs::symlink_metadata(self.path(name)).is_err_and(|e| e.kind() == ErrorKind::NotFound)
    }

    /// When a file was last changed, by the wall clock; `None`: not known.
    pub(super) fn changed(&self, name: Name) -> Option<Timestamp> {
        let changed = std::fs::symlink_metadata(self.path(name)).and_then(|data| data.modified()).ok()?;
        Some(Timestamp::default().plus(changed.duration_since(std::time::UNIX_EPOCH).ok()?))
    }

    /// Makes names durable.
    pub(super) fn sync(&self) -> Result<()> {
        File::open(&self.dir)
            .and_then(|dir| dir.sync_all())
            .map_err(|e| Error::io("sync the folder", &self.dir, e))
    }

    /// Every file of ours with its size, sorted; what has another name is not touched.
    pub(super) fn list(&self) -> Result<Vec<(Name, u64)>> {
        let fail = |e| Error::io("list", &self.dir, e);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.dir).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let name = entry.file_name().to_str().and_then(Name::of);
            if let (Some(name), Ok(data)) = (name, entry.metadata())
                && data.is_file()
            {
                names.push((name, data.len()));
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Bytes that the disk has left for us.
    pub(super) fn free(&self) -> Result<u64> {
        let stat = rustix::fs::statvfs(&self.dir)
            .map_err(|e| Error::io("ask for the free space of", &self.dir, e.into()))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

/// Whether this open file is the one of that name.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    let both = file.metadata().ok().zip(std::fs::symlink_metadata(path).ok());
    both.is_some_and(|(held, there)| (held.dev(), held.ino()) == (there.dev(), there.ino()))
}

fn claim(dir: &Path) -> Result<File> {
    let advice = |what: String| Error::Stored { path: dir.to_owned(), what };
    match std::fs::symlink_metadata(dir) {
        Err(e) if e.kind() == ErrorKind::NotFound => DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|e| Error::io("create the folder", dir, e))?,
        Err(e) => return Err(Error::io("look at the folder", dir, e)),
        Ok(data) if data.file_type().is_symlink() => {
            return Err(advice("is a symbolic link: name the folder itself".into()));
        }
        Ok(data) if !data.is_dir() => {
            return Err(advice("is not a folder: remove it or name another".into()));
        }
        Ok(data) if data.uid() != rustix::process::geteuid().as_raw() => {
            let (owner, own) = (data.uid(), rustix::process::geteuid().as_raw());
            return Err(advice(format!(
                "belongs to another account ({owner}): chown it to the one that the PBX runs as ({own}), and see what is in it"
            )));
        }
        Ok(data) if data.mode() & 0o022 != 0 => {
            let mode = data.mode() & 0o7777;
            return Err(advice(format!(
                "other accounts may write there (mode {mode:04o}): chmod 0700 it, and see what is in it"
            )));
        }
        Ok(data) if data.mode() & 0o077 != 0 => {
            std::fs::set_permissions(dir, PermissionsExt::from_mode(0o700))
                .map_err(|e| Error::io("make the folder private", dir, e))?;
        }
        Ok(_) => {}
    }
    let path = dir.join(LOCK);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&path)
        .map_err(|e| Error::io("open the lock file", &path, e))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Busy(format!(
            "{}: another process keeps its packets there: stop it, or set another data_dir",
            dir.display()
        ))),
        Err(e) => Err(Error::io("lock", &path, e.into())),
    }
}
