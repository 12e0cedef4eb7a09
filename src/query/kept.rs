//! What is kept of whom, and removing it for good: sizes on the disk, users and companies whose packets outlive them,
//! orders to purge. Super-admins only; an order is audited before it takes effect, its end by the seal thread.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::event::{DumpDetail, UserKey};
use crate::query::{Query, Viewer};
use crate::store::{Order, Purge};

/// What is on the disk, of whom.
#[derive(Debug, Clone)]
pub struct KeptPage {
    /// Companies that have something there, most first.
    pub companies: Vec<KeptCompany>,
    /// Users that are in no directory any more, most first.
    pub former: Vec<(UserKey, u64)>,
    /// Orders to purge, newest first.
    pub orders: Vec<Ordered>,
    /// Bytes of all files.
    pub bytes: u64,
    /// When it was asked.
    pub at: Timestamp,
}

/// An order to remove packets for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordered {
    /// Grows with each.
    pub id: u64,
    /// Of which company; empty: of nobody known.
    pub company: Arc<str>,
    /// Of which user alone.
    pub user: Option<Arc<str>>,
    /// Only what was kept at a higher dump detail.
    pub above: Option<DumpDetail>,
    /// When.
    pub asked: Timestamp,
    /// When nothing was left; `None`: it is under way.
    pub ended: Option<Timestamp>,
    /// Packets removed so far.
    pub packets: u64,
    /// Bytes on the disk that are still to be looked through.
    pub bytes_left: u64,
    /// Why it can't go on.
    pub waits: Option<String>,
}

impl From<Order> for Ordered {
    fn from(order: Order) -> Self {
        let Purge { company, user, above, leaves_gap: _ } = order.purge;
        Self {
            id: order.id,
            company,
            user: user.filter(|user| !user.is_empty()),
            above,
            asked: order.asked,
            ended: order.ended,
            packets: order.packets,
            bytes_left: order.bytes_left,
            waits: order.waits,
        }
    }
}

/// One company's packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCompany {
    /// Its id; empty: nobody known.
    pub id: Arc<str>,
    /// `None`: it is in no directory any more.
    pub name: Option<Arc<str>>,
    /// Bytes on the disk, about.
    pub bytes: u64,
    /// The most that it may have, if that is set.
    pub max_bytes: Option<u64>,
}

/// Whose packets are to be removed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal<'a> {
    /// All of a company; the empty id: of nobody known.
    Company(&'a str),
    /// All of a user.
    User(&'a UserKey),
    /// Those of a company that were kept at a higher dump detail.
    Above(&'a str, DumpDetail),
}

impl Query {
    /// What is kept of whom. Super-admins only. Reads a small part of every segment.
    ///
    /// # Errors
    /// When the viewer may not.
    pub fn kept(&self, viewer: &Viewer) -> Result<KeptPage> {
        self.super_admin(viewer)?;
        let limits = self.0.settings.limits();
        let mut companies: Vec<KeptCompany> = Vec::new();
        let mut former = Vec::new();
        for holder in self.0.store.holders() {
            let id = &holder.user.company;
            let at = companies.iter().position(|known| known.id == *id).unwrap_or(companies.len());
            if at == companies.len() {
                let name = self.company(id).map(|company| Arc::from(&*company.name));
                let max_bytes = limits.get(id).copied();
                companies.push(KeptCompany { id: Arc::clone(id), name, bytes: 0, max_bytes });
            }
            if let Some(company) = companies.get_mut(at) {
                company.bytes = company.bytes.saturating_add(holder.bytes);
            }
            if !holder.user.is_nobody() && self.user(&holder.user).is_none() {
                former.push((holder.user, holder.bytes));
            }
        }
        companies.sort_by_key(|company| std::cmp::Reverse(company.bytes));
        let orders = self.0.store.purges().into_iter().rev().map(Ordered::from).collect();
        let bytes = self.0.store.status().bytes_on_disk;
        Ok(KeptPage { companies, former, orders, bytes, at: self.now() })
    }

    /// Orders that packets are removed for good. Super-admins only; audited before it takes effect. A user or
    /// company that is in the directory no more needs not be there. Done in the background; [`Self::kept`] tells how
    /// far it is.
    ///
    /// # Errors
    /// When the viewer may not, or the audit log or the order can't be written.
    pub fn purge(&self, viewer: &Viewer, removal: Removal<'_>) -> Result<u64> {
        self.super_admin(viewer)?;
        let (company, user, words, leaves_gap) = match removal {
            // the ring's empty company is nobody's: its only user has no id either
            Removal::Company("") => ("", Some(""), "all of nobody known".to_owned(), false),
            Removal::Company(company) => (company, None, "all".to_owned(), self.company(company).is_some()),
            Removal::User(key) if key.user.is_empty() => {
                return Err(Error::Invalid("a user has an id".to_owned()));
            }
            Removal::User(key) => {
                (&*key.company, Some(&*key.user), "all".to_owned(), self.user(key).is_some())
            }
            Removal::Above(company, detail) => {
                (company, None, format!("kept above {}", detail.word()), self.company(company).is_some())
            }
        };
        let above = match removal {
            Removal::Above(_, detail) => Some(detail),
            Removal::Company(_) | Removal::User(_) => None,
        };
        let subject = user.unwrap_or_default();
        self.audit(viewer, "purge", company, subject, &words)?;
        let order = Purge { company: company.into(), user: user.map(Into::into), above, leaves_gap };
        match self.0.store.purge(order) {
            Ok(id) => Ok(id),
            Err(error) => {
                self.settle(viewer, "purge", company, subject, Err(error))?;
                Err(Error::Stopped("the packet ring"))
            }
        }
    }

    /// Writes into the audit log which orders to purge have ended since the call before; `told` are those that had
    /// ended then, and nothing in a first call. Called by the seal thread.
    ///
    /// # Errors
    /// When the audit log can't be written.
    pub fn audit_purges(&self, told: &mut Option<Vec<u64>>) -> Result<()> {
        let mut ended = self.0.store.purges();
        ended.retain(|order| order.ended.is_some());
        let before = told.replace(ended.iter().map(|order| order.id).collect());
        let fresh = |order: &&Order| before.as_ref().is_some_and(|told| !told.contains(&order.id));
        ended.iter().filter(fresh).try_for_each(|order| {
            self.0.audit.record(crate::audit::Entry {
                person: "usermon".to_owned(),
                company: order.purge.company.to_string(),
                action: "purge-done".to_owned(),
                subject: order.purge.user.as_deref().unwrap_or_default().to_owned(),
                detail: format!("{} packets removed", order.packets),
                ..Default::default()
            })
        })
    }
}
