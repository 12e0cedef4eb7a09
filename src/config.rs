//! usermon.toml: what an administrator writes, checked and with defaults filled in.
//!
//! Read by `module` at open and reload. Unknown keys are refused; every error names file, line and key and says
//! what to write. Never changed while running: what the super-admin changes lives in `settings`.

pub(crate) mod entry;
pub mod folder;
pub mod near;
mod table;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::event::{DumpDetail, Kind};
use table::{Source, Table};

/// Shortest retention that can be set.
pub const MIN_RETENTION: Duration = Duration::from_secs(3600);
/// Longest retention that can be set.
pub const MAX_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

const HOUR: u64 = 3600;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
/// Longest name, id, address ... in bytes.
pub(crate) const LABEL: usize = 256;

/// Everything that usermon.toml says.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it was read; empty: defaults, no file.
    pub file: PathBuf,
    /// Folder of journal, segments, settings and audit log.
    pub data_dir: PathBuf,
    /// The company of users and endpoints for which nobody named one.
    pub default_company: Arc<str>,
    /// Address of the own web server; `None`: pages come through the PBX's alone.
    pub listener: Option<SocketAddr>,
    /// Between the PBX's threads and the drain thread.
    pub capture: CaptureConfig,
    /// The ring on disk.
    pub store: StoreConfig,
    /// For companies where the super-admin has set none.
    pub dump_detail: DumpDetail,
    /// `[[company]]`, in the order of the file.
    pub companies: Vec<CompanyEntry>,
    /// `[[user]]`, in the order of the file.
    pub users: Vec<UserEntry>,
    /// Files with more users; absolute, or relative to the process where `file` is.
    pub csv: Vec<PathBuf>,
    /// `[[administrator]]`.
    pub administrators: Vec<AdministratorEntry>,
}

/// `[capture]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureConfig {
    /// Most packets that wait for the drain thread.
    pub queue_packets: usize,
    /// Most bytes that wait for the drain thread.
    pub queue_bytes: usize,
    /// Most packets of nobody known that are kept a minute.
    pub unknown_packets: u64,
    /// Most bytes of such packets that are kept a minute.
    pub unknown_bytes: u64,
    /// Most packets that only claim to be a user's that are kept of each user a minute.
    pub claimed_packets: u64,
    /// Most bytes of such packets that are kept of each user a minute.
    pub claimed_bytes: u64,
}

/// `[store]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// Most bytes on disk.
    pub max_bytes: u64,
    /// Storing stops while the disk has less free.
    pub min_free_bytes: u64,
    /// For companies where the super-admin has set none.
    pub retention: Duration,
    /// A segment is sealed at the latest after this.
    pub seal_interval: Duration,
    /// A segment is sealed at the latest with this many bytes in the journal.
    pub seal_bytes: u64,
}

/// `[[company]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompanyEntry {
    /// Its id.
    pub id: Arc<str>,
    /// Its name; the id where none is written.
    pub name: Arc<str>,
    /// Its SIP domains, lower case.
    pub domains: Vec<Arc<str>>,
}

/// `[[user]]`, or a row of a CSV file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserEntry {
    /// Where it stands, for errors.
    pub file: Arc<Path>,
    /// Where it stands, for errors.
    pub line: usize,
    /// The company's id.
    pub company: Arc<str>,
    /// The extension.
    pub extension: Arc<str>,
    /// The id; the extension where none is written.
    pub id: Arc<str>,
    /// Empty: not written, the PBX's word is taken.
    pub name: Arc<str>,
    /// Empty: not written, the PBX's word is taken.
    pub surname: Arc<str>,
    /// Empty: not written, the PBX's word is taken.
    pub department: Arc<str>,
    /// `None`: not written, the PBX's word is taken.
    pub mobile: Option<Arc<str>>,
    /// At least one: the id where none is written.
    pub endpoints: Vec<Arc<str>>,
    /// `[[user.terminal]]`, in the order of the file.
    pub terminals: Vec<TerminalEntry>,
}

/// `[[user.terminal]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerminalEntry {
    /// Its kind.
    pub kind: Kind,
    /// Free text for people; may be empty.
    pub description: Arc<str>,
    /// The endpoint; `None`: the user's first for sip, dect and gui, none for others.
    pub endpoint: Option<Arc<str>>,
    /// Only contacts whose User-Agent contains this (any case).
    pub user_agent: Option<Arc<str>>,
}

/// What a person may do (product.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Of one company: its users, terminals, diagnostics.
    Administrator,
    /// Of all companies, and their settings.
    SuperAdmin,
}

impl Role {
    /// The word that pages, config and documents use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::SuperAdmin => "super-admin",
        }
    }
}

/// `[[administrator]]`.
#[derive(Clone, PartialEq, Eq)]
pub struct AdministratorEntry {
    /// The name to log in with.
    pub name: Arc<str>,
    /// What the person may do.
    pub role: Role,
    /// Of an administrator: the company. Of a super-admin: `None`.
    pub company: Option<Arc<str>>,
    /// Argon2 in PHC form (`$argon2id$...`). Not shown by `Debug`.
    pub password_hash: Arc<str>,
}

impl fmt::Debug for AdministratorEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, role, company, password_hash: _ } = self;
        f.debug_struct("AdministratorEntry")
            .field("name", name)
            .field("role", role)
            .field("company", company)
            .finish_non_exhaustive()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            file: PathBuf::new(),
            data_dir: PathBuf::from("/var/lib/usermon"),
            default_company: "default".into(),
            listener: None,
            capture: CaptureConfig {
                queue_packets: 65_536,
                queue_bytes: 32 << 20,
                unknown_packets: 600,
                unknown_bytes: 512 * KIB,
                claimed_packets: 300,
                claimed_bytes: 256 * KIB,
            },
            store: StoreConfig {
                max_bytes: 10_240 * MIB,
                min_free_bytes: 1_024 * MIB,
                retention: Duration::from_secs(48 * HOUR),
                seal_interval: Duration::from_secs(300),
                seal_bytes: 16 * MIB,
            },
            dump_detail: DumpDetail::default(),
            companies: Vec::new(),
            users: Vec::new(),
            csv: Vec::new(),
            administrators: Vec::new(),
        }
    }
}

impl Config {
    /// Reads the file at `path`; an empty path takes the defaults.
    ///
    /// # Errors
    /// [`Error::Io`] when the file can't be read, else as [`Config::parse`].
    pub fn load(path: &Path) -> Result<Self> {
        if path.as_os_str().is_empty() {
            return Ok(Self::default());
        }
        let bytes =
            std::fs::read(path).map_err(|source| Error::io("read the configuration", path, source))?;
        let text = String::from_utf8(bytes).map_err(|wrong| {
            let good = wrong.as_bytes().get(..wrong.utf8_error().valid_up_to()).unwrap_or_default();
            let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
            Error::config(path, line, "text", "is not UTF-8; save the file in UTF-8")
        })?;
        Self::parse(&text, path)
    }

    /// Checks `text`, which stands in `file`: relative paths in it start from the folder of `file`.
    ///
    /// Users are checked each by itself; that they do not collide, and that their companies exist, is checked with
    /// the rows of the CSV files by `Directory::new`.
    ///
    /// # Errors
    /// [`Error::Config`] for the first thing that is wrong.
    pub fn parse(text: &str, file: &Path) -> Result<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let source = Source::new(file, text);
        let mut root = source.parse(text)?;
        let folder = file.parent().unwrap_or_else(|| Path::new(""));
        let mut config = Self { file: file.to_owned(), ..Self::default() };
        if let Some(dir) = root.text("data_dir", "\"/var/lib/usermon\"")? {
            if dir.value.trim().is_empty() {
                return Err(root.error(
                    dir.line,
                    "data_dir",
                    "is empty; write a folder such as \"/var/lib/usermon\"",
                ));
            }
            config.data_dir = folder.join(dir.value);
        }
        if let Some(id) = entry::id(&mut root, "default_company", "\"default\"")? {
            config.default_company = id.value.into();
        }
        if let Some(word) = root.text("dump_detail", "\"headers\"")? {
            config.dump_detail = DumpDetail::from_word(&word.value).ok_or_else(|| {
                let advice = "must be \"off\", \"summary\", \"headers\" or \"full\"";
                root.error(word.line, "dump_detail", advice)
            })?;
        }
        if let Some(mut listener) = root.table("listener")? {
            config.listener = address(&mut listener)?;
            listener.finish()?;
        }
        if let Some(mut capture) = root.table("capture")? {
            config.capture(&mut capture)?;
            capture.finish()?;
        }
        if let Some(mut store) = root.table("store")? {
            config.store(&mut store)?;
            store.finish()?;
        }
        if let Some(mut directory) = root.table("directory")? {
            let files = directory.texts("csv", "[\"users.csv\"]", 4096)?;
            config.csv = files.into_iter().map(|name| folder.join(name.value)).collect();
            directory.finish()?;
        }
        config.companies = entry::companies(&mut root)?;
        config.users = entry::users(&mut root, file, &config.default_company)?;
        config.administrators = entry::administrators(&mut root, &config)?;
        root.finish()?;
        Ok(config)
    }

    /// Whether `company` is the default one or has a `[[company]]`.
    pub fn has_company(&self, company: &str) -> bool {
        *self.default_company == *company || self.companies.iter().any(|known| *known.id == *company)
    }

    fn capture(&mut self, table: &mut Table<'_, '_>) -> Result<()> {
        if let Some(packets) = table.number("queue_packets", 64..=16_777_216, "packets")? {
            self.capture.queue_packets = usize::try_from(packets).unwrap_or(usize::MAX);
        }
        if let Some(mib) = table.number("queue_mib", 1..=4096, "MiB")? {
            self.capture.queue_bytes = usize::try_from(mib * MIB).unwrap_or(usize::MAX);
        }
        if let Some(packets) = table.number("unknown_per_minute", 0..=1_000_000, "packets")? {
            self.capture.unknown_packets = packets;
        }
        if let Some(kib) = table.number("unknown_kib_per_minute", 64..=1_048_576, "KiB")? {
            self.capture.unknown_bytes = kib * KIB;
        }
        if let Some(packets) = table.number("claimed_per_minute", 0..=1_000_000, "packets")? {
            self.capture.claimed_packets = packets;
        }
        if let Some(kib) = table.number("claimed_kib_per_minute", 64..=1_048_576, "KiB")? {
            self.capture.claimed_bytes = kib * KIB;
        }
        Ok(())
    }

    fn store(&mut self, table: &mut Table<'_, '_>) -> Result<()> {
        if let Some(mib) = table.number("max_mib", 16..=1_073_741_824, "MiB")? {
            self.store.max_bytes = mib * MIB;
        }
        if let Some(mib) = table.number("min_free_mib", 0..=1_073_741_824, "MiB")? {
            self.store.min_free_bytes = mib * MIB;
        }
        if let Some(hours) = table.number("retention_hours", 1..=720, "hours")? {
            self.store.retention = Duration::from_secs(hours * HOUR);
        }
        if let Some(minutes) = table.number("seal_minutes", 1..=60, "minutes")? {
            self.store.seal_interval = Duration::from_secs(minutes * 60);
        }
        if let Some(mib) = table.number("seal_mib", 1..=1024, "MiB")? {
            self.store.seal_bytes = mib * MIB;
        }
        Ok(())
    }
}

fn address(listener: &mut Table<'_, '_>) -> Result<Option<SocketAddr>> {
    let Some(text) = listener.text("address", "\"127.0.0.1:8089\"")? else { return Ok(None) };
    text.value.trim().parse().map(Some).map_err(|_| {
        let advice = "must be an IP address and a port, such as \"127.0.0.1:8089\" or \"[::1]:8089\"";
        listener.error(text.line, "address", advice)
    })
}

/// Why `text` is unfit as a name, id or description; `None`: it is fit.
pub(crate) fn unfit(text: &str, max: usize) -> Option<String> {
    if text.len() > max {
        return Some(format!("is longer than {max} bytes"));
    }
    text.chars().find(|c| c.is_control()).map(|c| format!("has a control character ({})", c.escape_unicode()))
}

/// Why `id` is unfit as the id of a company, which stands in addresses of pages; `None`: it is fit.
pub(crate) fn unfit_id(id: &str) -> Option<&'static str> {
    let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if id.is_empty() || id.len() > 64 || id.starts_with('.') || !id.chars().all(fit) {
        return Some("must be 1 to 64 letters (a-z, A-Z), digits, - _ or ., not beginning with a point");
    }
    None
}

/// Whether `hash` is an Argon2 hash in PHC form, with salt and output.
pub(crate) fn is_password_hash(hash: &str) -> bool {
    argon2::PasswordHash::new(hash).is_ok_and(|parsed| {
        parsed.algorithm.as_str().starts_with("argon2") && parsed.salt.is_some() && parsed.hash.is_some()
    })
}

/// Whether `name` is fit to log in with: 1 to 64 printable characters without spaces.
pub(crate) fn is_login_name(name: &str) -> bool {
    (1..=64).contains(&name.chars().count()) && !name.chars().any(|c| c.is_control() || c.is_whitespace())
}
