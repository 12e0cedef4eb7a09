//! settings.json: its form, and how it is read and replaced. Called by `settings` without any lock.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Administrator;
use crate::config::{Role, is_password_hash};
use crate::error::{Error, Result};
use crate::event::DumpDetail;

/// Version 2 knows how much of the disk a company may have.
const VERSION: u32 = 2;
/// What a file of ten thousand companies stays below.
const LARGEST: u64 = 16 << 20;

/// The file's content.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    version: u32,
    #[serde(default)]
    pub(super) companies: BTreeMap<Arc<str>, Company>,
    #[serde(default)]
    pub(super) administrators: Vec<Person>,
}

/// What is set for a company; `None`: the configuration's default.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Company {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dump_detail: Option<DumpDetail>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) retention_seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) max_mib: Option<u64>,
}

/// An administrator added from a page.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Person {
    pub(super) name: Arc<str>,
    pub(super) role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) company: Option<Arc<str>>,
    pub(super) password_hash: Arc<str>,
}

impl Person {
    pub(super) fn shown(&self) -> Administrator {
        let Self { name, role, company, password_hash } = self.clone();
        Administrator { name, role, company, password_hash, from_file: false }
    }
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.shown().fmt(f)
    }
}

impl Default for Stored {
    fn default() -> Self {
        Self { version: VERSION, companies: BTreeMap::new(), administrators: Vec::new() }
    }
}

/// Reads the file; an absent one is empty. Removes what a kill left of a half-written one.
pub(super) fn read(path: &Path) -> Result<Stored> {
    let temporary = path.with_extension("json.tmp");
    match fs::remove_file(&temporary) {
        Err(wrong) if wrong.kind() != io::ErrorKind::NotFound => {
            return Err(Error::io("remove an unfinished settings file", &temporary, wrong));
        }
        _ => {}
    }
    let Some(mut file) = open(path)? else { return Ok(Stored::default()) };
    let mut text = Vec::new();
    (&mut file)
        .take(LARGEST)
        .read_to_end(&mut text)
        .map_err(|source| Error::io("read the settings", path, source))?;
    let mut stored: Stored = serde_json::from_slice(&text).map_err(|wrong| {
        // a later version has other fields: its number is what to speak of
        match serde_json::from_slice::<Version>(&text) {
            Ok(found) if found.version > VERSION => later(path, found.version),
            _ => damaged(path, &wrong.to_string()),
        }
    })?;
    if !(1..=VERSION).contains(&stored.version) {
        return Err(later(path, stored.version));
    }
    stored.version = VERSION;
    if let Some(person) = stored.administrators.iter().find(|person| !is_password_hash(&person.password_hash))
    {
        return Err(damaged(path, &format!("the password hash of {:?} is no Argon2 hash", person.name)));
    }
    Ok(stored)
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

fn later(path: &Path, version: u32) -> Error {
    let what = format!(
        "is of version {version}, this usermon reads version {VERSION}; install the usermon that wrote it, or move the file away: \
         dump details, retention and administrators then start from usermon.toml"
    );
    Error::Stored { path: path.to_owned(), what }
}

fn damaged(path: &Path, why: &str) -> Error {
    let what = format!(
        "is damaged ({why}); put a backup in its place, or move it away: dump details, retention and administrators \
         then start from usermon.toml"
    );
    Error::Stored { path: path.to_owned(), what }
}

/// Opens the file for reading, never through a symbolic link, and makes it 0600: it holds password hashes.
fn open(path: &Path) -> Result<Option<File>> {
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(link) if link.raw_os_error() == Some(libc::ELOOP) => return Err(no_file(path)),
        Err(source) => return Err(Error::io("open the settings", path, source)),
    };
    secure(&file, path)?;
    Ok(Some(file))
}

/// Refuses what is no plain file and takes other accounts' rights away.
pub(crate) fn secure(file: &File, path: &Path) -> Result<()> {
    let found = file.metadata().map_err(|source| Error::io("look at", path, source))?;
    if !found.is_file() {
        return Err(no_file(path));
    }
    if found.mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))
            .map_err(|source| Error::io("take other accounts' rights away from", path, source))?;
    }
    Ok(())
}

/// The error for a symbolic link, a folder or a device in a file's place.
pub(crate) fn no_file(path: &Path) -> Error {
    let what = "is no plain file (a symbolic link?); remove it, usermon makes its own".to_owned();
    Error::Stored { path: path.to_owned(), what }
}

/// Replaces the file: after a kill at any moment there is the old or the new one.
pub(super) fn write(path: &Path, stored: &Stored) -> Result<()> {
    let temporary = path.with_extension("json.tmp");
    let mut text = serde_json::to_vec_pretty(stored).map_err(|wrong| Error::Invalid(wrong.to_string()))?;
    text.push(b'\n');
    let written = replace(path, &temporary, &text);
    if written.is_err() {
        // the next start removes it too
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn replace(path: &Path, temporary: &Path, text: &[u8]) -> Result<()> {
    let _ = fs::remove_file(temporary);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(temporary)
        .map_err(|source| Error::io("make the new settings file", temporary, source))?;
    file.write_all(text).map_err(|source| Error::io("write the new settings file", temporary, source))?;
    file.sync_all().map_err(|source| Error::io("sync the new settings file", temporary, source))?;
    fs::rename(temporary, path).map_err(|source| Error::io("replace the settings file", path, source))?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    // the new file is in place and counts: what is in doubt is only whether a power cut now brings the old one back
    if let Err(source) = File::open(folder).and_then(|folder| folder.sync_all()) {
        tracing::warn!("{}: sync the data folder: {source}", folder.display());
    }
    Ok(())
}
