//! What the super-admin changes while running: each company's dump detail, retention and share of the disk, and administrators.
//!
//! Kept in settings.json of the data folder, 0600, replaced as a whole (temporary file, sync, rename, sync of the
//! folder), so that a kill leaves the old or the new one. Asked per packet by the drain thread, changed by pages.
//! The file is never written under the lock that readers take.

mod file;
mod turn;

use std::collections::HashMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;

use crate::config::{
    Config, MAX_RETENTION, MIN_RETENTION, Role, folder, is_login_name, is_password_hash, unfit,
};
use crate::error::{Error, Result};
use crate::event::DumpDetail;
use file::{Person, Stored};
pub(crate) use file::{no_file, secure};
use turn::Turn;

const MIB: u64 = 1 << 20;
/// MiB of the disk that a company may be given, as of the whole ring in usermon.toml.
const MAX_MIB: RangeInclusive<u64> = 16..=1_073_741_824;

/// Somebody who may log in.
#[derive(Clone, PartialEq, Eq)]
pub struct Administrator {
    /// The name to log in with.
    pub name: Arc<str>,
    /// What the person may do.
    pub role: Role,
    /// Of an administrator: the company. Of a super-admin: `None`.
    pub company: Option<Arc<str>>,
    /// Argon2 in PHC form. Not shown by `Debug`.
    pub password_hash: Arc<str>,
    /// Declared in usermon.toml: can't be changed from a page.
    pub from_file: bool,
}

impl fmt::Debug for Administrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, role, company, password_hash: _, from_file } = self;
        f.debug_struct("Administrator")
            .field("name", name)
            .field("role", role)
            .field("company", company)
            .field("from_file", from_file)
            .finish_non_exhaustive()
    }
}

/// The settings of one data folder. Any thread; setters wait for the disk.
#[derive(Debug)]
pub struct Settings {
    path: PathBuf,
    /// Read per packet: held for a look-up, or to put a new value in.
    table: RwLock<Table>,
    /// One setter at a time, while readers go on.
    turn: Turn,
    /// Of what `table` holds.
    generation: AtomicU64,
}

#[derive(Debug)]
struct Table {
    stored: Arc<Stored>,
    dump_detail: DumpDetail,
    retention: Duration,
    declared: Vec<Administrator>,
}

impl Table {
    fn dump_detail(&self, company: &str) -> DumpDetail {
        self.stored.companies.get(company).and_then(|set| set.dump_detail).unwrap_or(self.dump_detail)
    }

    fn retention(&self, company: &str) -> Duration {
        let set = self.stored.companies.get(company).and_then(|set| set.retention_seconds);
        set.map_or(self.retention, Duration::from_secs)
    }

    fn administrators(&self) -> impl Iterator<Item = Administrator> {
        let hidden = |person: &&Person| !self.declared.iter().any(|known| same(&known.name, &person.name));
        self.declared
            .iter()
            .cloned()
            .chain(self.stored.administrators.iter().filter(hidden).map(Person::shown))
    }
}

/// Names that differ in letter case only would be mistaken for each other.
fn same(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right)
}

impl Settings {
    /// Reads settings.json in the data folder of `config`, and makes the folder if it is absent.
    ///
    /// # Errors
    /// When the folder or file can't be used ([`folder::prepare`]), or the file is damaged, a symbolic link, or of
    /// a later version.
    pub fn open(config: &Config) -> Result<Self> {
        folder::prepare(&config.data_dir)?;
        let path = config.data_dir.join("settings.json");
        let stored = Arc::new(file::read(&path)?);
        let table = Table {
            stored,
            dump_detail: config.dump_detail,
            retention: config.store.retention,
            declared: Vec::new(),
        };
        let settings =
            Self { path, table: RwLock::new(table), turn: Turn::default(), generation: AtomicU64::new(1) };
        settings.configure(config);
        Ok(settings)
    }

    /// Takes the defaults and administrators of a configuration that was read again.
    pub fn configure(&self, config: &Config) {
        let declared: Vec<_> = config.administrators.iter().map(declared).collect();
        let hidden: Vec<String> = {
            let mut table = self.table.write();
            table.dump_detail = config.dump_detail;
            table.retention = config.store.retention;
            table.declared = declared;
            self.generation.fetch_add(1, Ordering::Release);
            let both = |person: &&Person| table.declared.iter().any(|known| same(&known.name, &person.name));
            table.stored.administrators.iter().filter(both).map(|person| person.name.to_string()).collect()
        };
        for name in hidden {
            let (file, stored) = (config.file.display(), self.path.display());
            tracing::warn!("administrator {name} is in {file} and in {stored}; the one in {file} counts");
        }
    }

    /// Grows with each change, never zero. No lock.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The dump detail in force. One read lock, one hash look-up.
    pub fn dump_detail(&self, company: &str) -> DumpDetail {
        self.table.read().dump_detail(company)
    }

    /// Sets a company's dump detail, for new packets; gives back the one before.
    ///
    /// # Errors
    /// When it can't be written; then nothing has changed.
    pub fn set_dump_detail(&self, company: &str, detail: DumpDetail) -> Result<DumpDetail> {
        check_company(company)?;
        self.change(|table, next| {
            next.companies.entry(company.into()).or_default().dump_detail = Some(detail);
            Ok(table.dump_detail(company))
        })
    }

    /// How long the company's packets are kept.
    pub fn retention(&self, company: &str) -> Duration {
        self.table.read().retention(company)
    }

    /// Sets how long the company's packets are kept, from 1 hour to 30 days; gives back the span before.
    ///
    /// # Errors
    /// When it is out of that range, or can't be written; then nothing has changed.
    pub fn set_retention(&self, company: &str, retention: Duration) -> Result<Duration> {
        if !(MIN_RETENTION..=MAX_RETENTION).contains(&retention) {
            return Err(Error::Invalid("retention must be 1 hour to 30 days (720 hours)".to_owned()));
        }
        check_company(company)?;
        self.change(|table, next| {
            next.companies.entry(company.into()).or_default().retention_seconds = Some(retention.as_secs());
            Ok(table.retention(company))
        })
    }

    /// How many bytes of the disk the packets of companies may take, where that is set.
    pub fn limits(&self) -> HashMap<Arc<str>, u64> {
        let stored = Arc::clone(&self.table.read().stored);
        let limit =
            |(id, set): (&Arc<str>, &file::Company)| Some((Arc::clone(id), set.max_mib?.saturating_mul(MIB)));
        stored.companies.iter().filter_map(limit).collect()
    }

    /// How many MiB of the disk the company's packets may take; `None`: as many as there is room for.
    pub fn max_mib(&self, company: &str) -> Option<u64> {
        self.table.read().stored.companies.get(company)?.max_mib
    }

    /// Sets how many MiB of the disk the company's packets may take, from 16; gives back what it was.
    ///
    /// # Errors
    /// When it is less or more than that, or can't be written; then nothing has changed.
    pub fn set_max_mib(&self, company: &str, max_mib: Option<u64>) -> Result<Option<u64>> {
        if max_mib.is_some_and(|mib| !MAX_MIB.contains(&mib)) {
            let (least, most) = (MAX_MIB.start(), MAX_MIB.end());
            return Err(Error::Invalid(format!(
                "the share of the disk must be {least} to {most} MiB, or none"
            )));
        }
        check_company(company)?;
        self.change(|table, next| {
            let before = table.stored.companies.get(company).and_then(|set| set.max_mib);
            next.companies.entry(company.into()).or_default().max_mib = max_mib;
            Ok(before)
        })
    }

    /// All administrators: those of usermon.toml first. One of settings.json with the name of one of usermon.toml
    /// is not listed.
    pub fn administrators(&self) -> Vec<Administrator> {
        self.table.read().administrators().collect()
    }

    /// Adds an administrator to settings.json.
    ///
    /// # Errors
    /// When the name is not 1 to 64 printable characters without spaces, or is there already (in any letter case);
    /// when the role and company don't fit each other; when `password_hash` is no Argon2 hash; when it can't be
    /// written. Then nothing has changed.
    pub fn add_administrator(
        &self,
        name: &str,
        role: Role,
        company: Option<&str>,
        password_hash: &str,
    ) -> Result<()> {
        if !is_login_name(name) {
            let advice = "a name must be 1 to 64 printable characters without spaces";
            return Err(Error::Invalid(advice.to_owned()));
        }
        match (role, company) {
            (Role::Administrator, None | Some("")) => {
                return Err(Error::Invalid("an administrator needs a company; choose one".to_owned()));
            }
            (Role::SuperAdmin, Some(_)) => {
                return Err(Error::Invalid("a super-admin is of all companies; choose none".to_owned()));
            }
            (Role::Administrator, Some(_)) | (Role::SuperAdmin, None) => {}
        }
        company.map_or(Ok(()), check_company)?;
        let hash = check_hash(password_hash)?;
        self.change(|table, next| {
            if table.administrators().any(|known| same(&known.name, name)) {
                return Err(Error::Invalid(format!(
                    "there is an administrator {name:?} already; choose another name"
                )));
            }
            let company = company.map(Arc::from);
            next.administrators.push(Person { name: name.into(), role, company, password_hash: hash });
            Ok(())
        })
    }

    /// Removes an administrator from settings.json.
    ///
    /// # Errors
    /// When there is none of that name, it stands in usermon.toml, it is the last super-admin, or it can't be
    /// written. Then nothing has changed.
    pub fn remove_administrator(&self, name: &str) -> Result<()> {
        self.change(|table, next| {
            let found = changeable(table, name)?;
            let super_admins = table.administrators().filter(|known| known.role == Role::SuperAdmin).count();
            if found.role == Role::SuperAdmin && super_admins < 2 {
                let advice = format!("{name:?} is the last super-admin; add another one first");
                return Err(Error::Invalid(advice));
            }
            next.administrators.retain(|person| *person.name != *name);
            Ok(())
        })
    }

    /// Gives an administrator of settings.json another password.
    ///
    /// # Errors
    /// When there is none of that name, it stands in usermon.toml, `hash` is no Argon2 hash, or it can't be
    /// written. Then nothing has changed.
    pub fn set_password_hash(&self, name: &str, hash: &str) -> Result<()> {
        let hash = check_hash(hash)?;
        self.change(|table, next| {
            changeable(table, name)?;
            for person in next.administrators.iter_mut().filter(|person| *person.name == *name) {
                person.password_hash = hash.clone();
            }
            Ok(())
        })
    }

    /// Makes the next settings out of those now, writes them, then shows them to readers.
    fn change<T>(&self, edit: impl FnOnce(&Table, &mut Stored) -> Result<T>) -> Result<T> {
        let _turn = self.turn.take();
        let (next, out) = {
            let table = self.table.read();
            let mut next = Stored::clone(&table.stored);
            let out = edit(&table, &mut next)?;
            (next, out)
        };
        file::write(&self.path, &next)?;
        self.table.write().stored = Arc::new(next);
        self.generation.fetch_add(1, Ordering::Release);
        Ok(out)
    }
}

fn declared(entry: &crate::config::AdministratorEntry) -> Administrator {
    let crate::config::AdministratorEntry { name, role, company, password_hash } = entry.clone();
    Administrator { name, role, company, password_hash, from_file: true }
}

fn changeable(table: &Table, name: &str) -> Result<Administrator> {
    match table.administrators().find(|known| *known.name == *name) {
        None => Err(Error::Invalid(format!("there is no administrator {name:?}"))),
        Some(found) if found.from_file => {
            Err(Error::Invalid(format!("{name:?} stands in usermon.toml; change it there and reload")))
        }
        Some(found) => Ok(found),
    }
}

fn check_company(company: &str) -> Result<()> {
    let why = if company.is_empty() { Some("is empty".to_owned()) } else { unfit(company, 256) };
    why.map_or(Ok(()), |why| Err(Error::Invalid(format!("the company's id {why}"))))
}

fn check_hash(hash: &str) -> Result<Arc<str>> {
    if is_password_hash(hash) {
        return Ok(hash.into());
    }
    Err(Error::Invalid("the password's hash is no Argon2 hash in PHC form ($argon2id$...)".to_owned()))
}
