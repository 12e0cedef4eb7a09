//! Temporary.
#![expect(missing_docs, reason = "temporary")]

use std::sync::Arc;

use parking_lot::Mutex;

use crate::clock::{Clock, Timestamp};
use crate::config::Role;
use crate::directory::{Company, User};
use crate::error::{Error, Result};
use crate::event::{DumpDetail, UserKey};
use crate::query::diagnostics::*;
use crate::query::terminal::TerminalPage;
use crate::query::wall::*;
use crate::settings::Administrator;

pub mod diagnostics;
pub mod terminal;
pub mod wall;

pub struct Fake {
    pub companies: Vec<Arc<Company>>,
    pub rows: Mutex<Vec<Row>>,
    pub administrators: Mutex<Vec<Administrator>>,
    pub settings: Mutex<CompanySettings>,
    pub audit: Mutex<Vec<String>>,
    pub clock: Clock,
}

#[derive(Clone)]
pub struct Query(pub Arc<Fake>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    pub person: Arc<str>,
    pub role: Role,
    pub company: Option<Arc<str>>,
    pub from: String,
}

impl Viewer {
    pub fn may_see(&self, company: &str) -> bool {
        self.is_super() || self.company.as_deref() == Some(company)
    }
    pub fn is_super(&self) -> bool {
        self.role == Role::SuperAdmin
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompanySettings {
    pub dump_detail: DumpDetail,
    pub retention_hours: u32,
}

#[derive(Debug, Clone)]
pub struct Status {
    pub host: String,
    pub alarm: Option<String>,
    pub dropped: u64,
}

impl Query {
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
    pub fn user(&self, key: &UserKey) -> Option<Arc<User>> {
        self.0.rows.lock().iter().map(|r| Arc::clone(&r.user)).find(|u| *u.key == *key)
    }
    pub fn companies(&self) -> Vec<Arc<Company>> {
        self.0.companies.clone()
    }
    pub fn companies_of(&self, viewer: &Viewer) -> Vec<Arc<Company>> {
        let mut companies = self.companies();
        companies.retain(|c| viewer.may_see(&c.id));
        companies
    }
    pub fn company(&self, id: &str) -> Option<Arc<Company>> {
        self.companies().into_iter().find(|c| &*c.id == id)
    }
    pub fn status(&self) -> Status {
        Status { host: "Asterisk 22.10.1".into(), alarm: None, dropped: 0 }
    }
    pub fn company_settings(&self, _: &str) -> CompanySettings {
        *self.0.settings.lock()
    }
    pub fn set_dump_detail(&self, _: &Viewer, _: &str, detail: DumpDetail) -> Result<()> {
        self.0.settings.lock().dump_detail = detail;
        Ok(())
    }
    pub fn set_retention_hours(&self, _: &Viewer, _: &str, hours: u32) -> Result<()> {
        self.0.settings.lock().retention_hours = hours;
        Ok(())
    }
    pub fn administrators(&self) -> Vec<Administrator> {
        self.0.administrators.lock().clone()
    }
    pub fn find_administrator(&self, name: &str) -> Option<Administrator> {
        self.administrators().into_iter().find(|a| &*a.name == name)
    }
    pub fn add_administrator(
        &self,
        _: &Viewer,
        name: &str,
        role: Role,
        company: Option<&str>,
        password_hash: &str,
    ) -> Result<()> {
        if self.find_administrator(name).is_some() {
            return Err(Error::Invalid("name taken".into()));
        }
        self.0.administrators.lock().push(Administrator {
            name: name.into(),
            role,
            company: company.map(Into::into),
            password_hash: password_hash.into(),
            from_file: false,
        });
        Ok(())
    }
    pub fn remove_administrator(&self, _: &Viewer, name: &str) -> Result<()> {
        self.0.administrators.lock().retain(|a| &*a.name != name);
        Ok(())
    }
    pub fn reset_password(&self, _: &Viewer, name: &str, hash: &str) -> Result<()> {
        for a in self.0.administrators.lock().iter_mut().filter(|a| &*a.name == name) {
            a.password_hash = hash.into();
        }
        Ok(())
    }
    pub fn audit(
        &self,
        viewer: &Viewer,
        action: &str,
        company: &str,
        subject: &str,
        detail: &str,
    ) -> Result<()> {
        self.0.audit.lock().push(format!("{} {action} {company} {subject} {detail}", viewer.person));
        Ok(())
    }
    pub fn terminal(&self, _: &UserKey, _: &str) -> Result<Option<TerminalPage>> {
        Ok(None)
    }
    pub fn diagnostics(
        &self,
        _: &Viewer,
        user: &UserKey,
        _: Option<Cursor>,
        _: usize,
    ) -> Result<Option<DiagnosticsPage>> {
        let Some(user) = self.user(user) else { return Ok(None) };
        Ok(Some(DiagnosticsPage {
            user,
            detail: DumpDetail::Off,
            entries: vec![],
            next: None,
            at: self.now(),
        }))
    }
    pub fn packet(&self, _: &Viewer, _: &UserKey, _: Cursor, _: &str) -> Result<Option<PacketDetail>> {
        Ok(None)
    }
    pub fn wall(&self, company: &str) -> Option<Wall> {
        let company = self.company(company)?;
        let rows: Vec<Row> =
            self.0.rows.lock().iter().filter(|r| r.user.key.company == company.id).cloned().collect();
        Some(Wall {
            version: "r.1.1".into(),
            company,
            rows,
            totals: Totals::default(),
            departments: vec![],
            at: self.now(),
        })
    }
    pub fn wall_since(&self, company: &str, _: &str) -> Option<WallUpdate> {
        let wall = self.wall(company)?;
        Some(WallUpdate {
            version: wall.version,
            full: true,
            rows: wall.rows,
            removed: vec![],
            totals: wall.totals,
            at: wall.at,
        })
    }
}
