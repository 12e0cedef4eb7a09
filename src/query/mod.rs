//! What the pages, the JSON API and the tests ask: one function a question, over state, store and directory.
//! Called by `web` on its own threads; returns owned values, holds no lock across calls. Reading packets and
//! changing settings is audited here, so that no page can forget it.

use std::sync::Arc;
use std::time::Duration;

use crate::audit::{Audit, Entry};
use crate::capture::Tap;
use crate::capture::pressure::{Gauge, Reading};
use crate::clock::{Clock, Timestamp};
use crate::config::Role;
use crate::directory::{Company, Directory, User};
use crate::error::{Error, Result};
use crate::event::{DumpDetail, Host, UserKey};
use crate::query::history::packets::Watchers;
use crate::query::tally::Tallies;
use crate::query::words::overload_words;
use crate::settings::{Administrator, Settings};
use crate::state::State;
use crate::store::Store;

pub use crate::audit::Entry as AuditEntry;

pub mod anomalies;
pub mod diagnostics;
pub mod export;
pub mod exports;
pub mod history;
pub mod kept;
pub mod legible;
pub mod rewind;
pub(crate) mod tally;
pub mod terminal;
pub(crate) mod terminals;
pub mod unattributed;
pub mod wall;
pub(crate) mod words;

/// The parts that questions are answered from.
pub struct Parts {
    /// Who exists.
    pub directory: Arc<Directory>,
    /// What is happening now.
    pub state: Arc<State>,
    /// The two-day ring.
    pub store: Arc<Store>,
    /// What the super-admin set.
    pub settings: Arc<Settings>,
    /// Who did what.
    pub audit: Arc<Audit>,
    /// For its counters only.
    pub tap: Arc<Tap>,
    /// How the intake is.
    pub gauge: Arc<Gauge>,
    /// The time.
    pub clock: Clock,
    /// For its name and round-trip times.
    pub host: Arc<dyn Host>,
    /// Differs in each run of the module.
    pub run: String,
}

/// Cheap to clone; all clones answer from the same parts.
#[derive(Clone)]
pub struct Query(Arc<Parts>, Arc<Tallies>, Arc<Watchers>);

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// Name of the account, or the PBX's name of the person.
    pub person: Arc<str>,
    /// What they may do.
    pub role: Role,
    /// An administrator's company; `None` for a super-admin.
    pub company: Option<Arc<str>>,
    /// Address they come from, for the audit log; may be empty.
    pub from: String,
}

impl Viewer {
    /// Whether this company exists for them.
    pub fn may_see(&self, company: &str) -> bool {
        self.is_super() || self.company.as_deref() == Some(company)
    }

    /// Whether they are a super-admin.
    pub fn is_super(&self) -> bool {
        self.role == Role::SuperAdmin
    }
}

/// A company's general settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompanySettings {
    /// What is kept of each packet.
    pub dump_detail: DumpDetail,
    /// For how long, in hours.
    pub retention_hours: u32,
    /// How many MiB of the disk its packets may take; `None`: as many as there is room for.
    pub max_mib: Option<u64>,
}

/// What every page says of the module itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The PBX's name and version.
    pub host: String,
    /// What is wrong with the storing of packets now.
    pub alarm: Option<String>,
    /// Packets dropped since the start because the queue was full.
    pub dropped: u64,
    /// What overload takes away now; `None`: there is none.
    pub overload: Option<String>,
}

/// How the module itself is doing, for the PBX's command line.
#[derive(Debug, Clone)]
pub struct Status {
    /// The PBX's name and version.
    pub host: String,
    /// What is wrong with the storing of packets now.
    pub alarm: Option<String>,
    /// Packets dropped since the start because the queue was full.
    pub dropped: u64,
    /// Packets of nobody known not kept since the start, because they were over the bound of such packets.
    pub unattributed_dropped: u64,
    /// Overload and bounds at the intake.
    pub intake: Reading,
    /// What overload takes away now; `None`: there is none.
    pub overload: Option<String>,
    /// Packets taken since the start.
    pub taken: u64,
    /// The store's own figures.
    pub store: crate::store::Status,
    /// The state's own figures.
    pub state: crate::state::Totals,
}

impl Query {
    /// Answers from these parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts), Arc::default(), Arc::default())
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Differs in each run of the module.
    pub fn run(&self) -> &str {
        &self.0.run
    }

    /// A user of the directory.
    pub fn user(&self, key: &UserKey) -> Option<Arc<User>> {
        self.0.directory.user(key)
    }

    /// All companies, by id.
    pub fn companies(&self) -> Vec<Arc<Company>> {
        self.0.directory.companies()
    }

    /// The companies that exist for `viewer`.
    pub fn companies_of(&self, viewer: &Viewer) -> Vec<Arc<Company>> {
        let mut companies = self.companies();
        companies.retain(|c| viewer.may_see(&c.id));
        companies
    }

    /// A company by its id.
    pub fn company(&self, id: &str) -> Option<Arc<Company>> {
        self.companies().into_iter().find(|c| &*c.id == id)
    }

    /// What stands around each page. Unlike [`Self::status`] it doesn't count what happens now.
    pub fn health(&self) -> Health {
        Health {
            host: self.0.host.name(),
            alarm: self.0.store.status().alarm,
            dropped: self.0.tap.counters().dropped,
            overload: overload_words(self.0.gauge.read().ladder),
        }
    }

    /// How the module is doing.
    pub fn status(&self) -> Status {
        let store = self.0.store.status();
        let counters = self.0.tap.counters();
        let intake = self.0.gauge.read();
        Status {
            host: self.0.host.name(),
            alarm: store.alarm.clone(),
            dropped: counters.dropped,
            unattributed_dropped: intake.unattributed,
            overload: overload_words(intake.ladder),
            intake,
            taken: counters.pushed,
            store,
            state: self.0.state.totals(),
        }
    }

    /// A company's general settings.
    pub fn company_settings(&self, company: &str) -> CompanySettings {
        let hours = self.0.settings.retention(company).as_secs() / 3600;
        CompanySettings {
            dump_detail: self.0.settings.dump_detail(company),
            retention_hours: u32::try_from(hours).unwrap_or(u32::MAX),
            max_mib: self.0.settings.max_mib(company),
        }
    }

    /// Sets what is kept of each new packet of a company. Super-admins only; audited before it takes effect.
    ///
    /// # Errors
    /// When the viewer may not, the company does not exist, or the audit log or the settings can't be written.
    pub fn set_dump_detail(&self, viewer: &Viewer, company: &str, detail: DumpDetail) -> Result<()> {
        self.super_admin_of(viewer, company)?;
        let before = self.0.settings.dump_detail(company);
        let words = format!("{} -> {}", before.word(), detail.word());
        self.audit(viewer, "set-dump-detail", company, "", &words)?;
        let done = self.0.settings.set_dump_detail(company, detail).map(drop);
        self.settle(viewer, "set-dump-detail", company, "", done)
    }

    /// Sets for how many hours a company's packets are kept. Super-admins only; audited before it takes effect.
    ///
    /// # Errors
    /// As [`Self::set_dump_detail`], and when `hours` is out of its domain.
    pub fn set_retention_hours(&self, viewer: &Viewer, company: &str, hours: u32) -> Result<()> {
        self.super_admin_of(viewer, company)?;
        let before = self.company_settings(company).retention_hours;
        self.audit(viewer, "set-retention", company, "", &format!("{before} h -> {hours} h"))?;
        let span = Duration::from_secs(u64::from(hours) * 3600);
        let done = self.0.settings.set_retention(company, span).map(drop);
        self.settle(viewer, "set-retention", company, "", done)
    }

    /// Sets how many MiB of the disk a company's packets may take. Super-admins only; audited before it takes effect.
    ///
    /// # Errors
    /// As [`Self::set_dump_detail`], and when it is out of its domain.
    pub fn set_max_mib(&self, viewer: &Viewer, company: &str, max_mib: Option<u64>) -> Result<()> {
        self.super_admin_of(viewer, company)?;
        let words = |mib: Option<u64>| mib.map_or_else(|| "no limit".to_owned(), |mib| format!("{mib} MiB"));
        let change = format!("{} -> {}", words(self.0.settings.max_mib(company)), words(max_mib));
        self.audit(viewer, "set-share", company, "", &change)?;
        let done = self.0.settings.set_max_mib(company, max_mib).map(drop);
        self.settle(viewer, "set-share", company, "", done)
    }

    /// All accounts, those of the configuration file too.
    pub fn administrators(&self) -> Vec<Administrator> {
        self.0.settings.administrators()
    }

    /// An account by its name.
    pub fn find_administrator(&self, name: &str) -> Option<Administrator> {
        self.administrators().into_iter().find(|a| &*a.name == name)
    }

    /// Adds an account with the hash of its password. Super-admins only; audited before it takes effect.
    ///
    /// # Errors
    /// When the viewer may not, the name is taken or unfit, the company does not exist, or nothing can be written.
    pub fn add_administrator(
        &self,
        viewer: &Viewer,
        name: &str,
        role: Role,
        company: Option<&str>,
        password_hash: &str,
    ) -> Result<()> {
        match company {
            Some(company) => self.super_admin_of(viewer, company)?,
            None => self.super_admin(viewer)?,
        }
        let place = company.unwrap_or_default();
        self.audit(viewer, "add-administrator", place, name, role.word())?;
        let done = self.0.settings.add_administrator(name, role, company, password_hash);
        self.settle(viewer, "add-administrator", place, name, done)
    }

    /// Removes an account. Super-admins only, and not their own; audited before it takes effect.
    ///
    /// # Errors
    /// When the viewer may not, there is no such account, it stands in the configuration file, or nothing can be
    /// written.
    pub fn remove_administrator(&self, viewer: &Viewer, name: &str) -> Result<()> {
        self.super_admin(viewer)?;
        if &*viewer.person == name {
            return Err(Error::Invalid(
                "this is your own account; another super-admin can remove it".to_owned(),
            ));
        }
        self.audit(viewer, "remove-administrator", "", name, "")?;
        let done = self.0.settings.remove_administrator(name);
        self.settle(viewer, "remove-administrator", "", name, done)
    }

    /// Gives an account another password. Super-admins only; audited before it takes effect.
    ///
    /// # Errors
    /// As [`Self::remove_administrator`].
    pub fn reset_password(&self, viewer: &Viewer, name: &str, password_hash: &str) -> Result<()> {
        self.super_admin(viewer)?;
        self.audit(viewer, "reset-password", "", name, "")?;
        let done = self.0.settings.set_password_hash(name, password_hash);
        self.settle(viewer, "reset-password", "", name, done)
    }

    /// Writes that `viewer` did `action` on `subject` of `company`.
    ///
    /// # Errors
    /// When the audit log can't be written.
    pub fn audit(
        &self,
        viewer: &Viewer,
        action: &str,
        company: &str,
        subject: &str,
        detail: &str,
    ) -> Result<()> {
        self.0.audit.record(Entry {
            time: Timestamp::default(),
            person: viewer.person.to_string(),
            role: Some(viewer.role),
            company: company.to_owned(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            detail: detail.to_owned(),
            from: viewer.from.clone(),
        })
    }

    /// The newest `n` entries of the audit log, newest first. Super-admins only.
    ///
    /// # Errors
    /// When the viewer may not, or the file can't be read.
    pub fn audit_log(&self, viewer: &Viewer, n: usize) -> Result<Vec<Entry>> {
        if !viewer.is_super() {
            return Err(Error::Invalid("only a super-admin may read the audit log".to_owned()));
        }
        self.0.audit.newest(n)
    }

    /// What was written down before it took effect, and then did not, is written down as refused.
    fn settle(
        &self,
        viewer: &Viewer,
        action: &str,
        company: &str,
        subject: &str,
        done: Result<()>,
    ) -> Result<()> {
        if let Err(error) = &done {
            self.audit(viewer, &format!("{action}-refused"), company, subject, &error.to_string())?;
        }
        done
    }

    fn super_admin(&self, viewer: &Viewer) -> Result<()> {
        if viewer.is_super() {
            return Ok(());
        }
        Err(Error::Invalid("only a super-admin may change this".to_owned()))
    }

    fn super_admin_of(&self, viewer: &Viewer, company: &str) -> Result<()> {
        self.super_admin(viewer)?;
        self.company(company)
            .map(drop)
            .ok_or_else(|| Error::Invalid(format!("there is no company {company:?}")))
    }
}
