//! Who exists: companies, departments, users, terminals; from usermon.toml, its CSV files and the host.
//!
//! [`Directory`] holds the one lock. Asked per packet (`resolve`, `user_of`, `by_extension`: hash look-ups that
//! allocate nothing) and by pages; changed by the host's events and by reloads. It knows nothing of what users do.

mod claim;
mod csv;
mod file;
pub mod kind;
mod merge;
mod table;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use crate::config::Config;
use crate::error::Result;
use crate::event::{EndpointKey, Event, Kind, UserKey};
use file::Files;
use table::Tables;

/// A tenant of the PBX.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Company {
    /// Its id, unique in the PBX.
    pub id: Arc<str>,
    /// Its name for people.
    pub name: Arc<str>,
    /// Its SIP domains.
    pub domains: Vec<Arc<str>>,
}

/// A declared terminal of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terminal {
    /// Stable within the user; only letters, digits, `-`, `_`, `.`.
    pub id: Arc<str>,
    /// The declared kind, else the host's word.
    pub kind: Option<Kind>,
    /// Free text for people.
    pub description: Arc<str>,
    /// The endpoint it authenticates as.
    pub endpoint: Option<Arc<str>>,
    /// Only contacts whose User-Agent contains this (any letter case) are this terminal.
    pub user_agent: Option<Arc<str>>,
    /// The host's word: active now? `None`: not told.
    pub active: Option<bool>,
}

/// A user of a company.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "product.md defines the words")]
pub struct User {
    pub key: Arc<UserKey>,
    pub extension: Arc<str>,
    pub name: Arc<str>,
    pub surname: Arc<str>,
    pub department: Arc<str>,
    pub mobile: Option<Arc<str>>,
    /// The endpoints whose registrations and calls are this user's.
    pub endpoints: Vec<Arc<EndpointKey>>,
    /// In the order they were declared.
    pub terminals: Vec<Terminal>,
}

impl User {
    /// Name and surname, as far as there are both.
    pub fn full_name(&self) -> String {
        [&*self.name, &*self.surname]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// The directory of one PBX. Any thread.
#[derive(Debug)]
pub struct Directory {
    /// Held for hash look-ups and for merging one user. Reading files, building a new directory and sorting
    /// happen outside.
    tables: RwLock<Tables>,
    generation: AtomicU64,
}

impl Directory {
    /// Takes the companies and users of `config` and reads its CSV files.
    ///
    /// # Errors
    /// When a CSV file can't be read or a row is wrong, a user's company does not exist, or two users of a company
    /// have the same id, extension or endpoint.
    pub fn new(config: &Config) -> Result<Self> {
        let files = Arc::new(Files::read(config)?);
        let tables = RwLock::new(Tables::new(files, HashMap::new(), 0));
        Ok(Self { tables, generation: AtomicU64::new(1) })
    }

    /// Reads the files again; what the host told stays.
    ///
    /// # Errors
    /// As [`Directory::new`]; then nothing has changed.
    pub fn reload(&self, config: &Config) -> Result<()> {
        let files = Arc::new(Files::read(config)?);
        // built outside the lock, so that no thread of the PBX waits for it; again if the host told more meanwhile
        for _ in 0..8 {
            let (host, told) = {
                let tables = self.tables.read();
                (tables.host.clone(), tables.told)
            };
            let mut new = Tables::new(files.clone(), host, told);
            {
                let mut tables = self.tables.write();
                if tables.told != told {
                    continue;
                }
                std::mem::swap(&mut *tables, &mut new);
                self.generation.fetch_add(1, Ordering::Release);
            }
            return Ok(());
        }
        let mut tables = self.tables.write();
        let (host, told) = (std::mem::take(&mut tables.host), tables.told);
        *tables = Tables::new(files, host, told);
        self.generation.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Takes what the host tells of a user or terminal (other events change nothing). Says whether something that
    /// [`Directory`] gives out changed.
    ///
    /// A user for whom the host names no company is of the only company whose files declare a user or endpoint
    /// of that name, else of the default one. A file's user with the same id, or with an endpoint of that name,
    /// wins: the host then fills what the file left empty, and adds its terminals.
    pub fn apply(&self, event: &Event) -> bool {
        if !matches!(event, Event::User(_) | Event::Terminal(_)) {
            return false;
        }
        let mut tables = self.tables.write();
        let changed = tables.apply(event);
        if changed {
            self.generation.fetch_add(1, Ordering::Release);
        }
        changed
    }

    /// Grows with each change. No lock.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Fills an empty company: the only company with that endpoint, else the default one.
    pub fn resolve(&self, key: &EndpointKey) -> EndpointKey {
        if !key.company.is_empty() {
            return key.clone();
        }
        let tables = self.tables.read();
        EndpointKey {
            company: tables.company_of_endpoint(&key.endpoint).clone(),
            endpoint: key.endpoint.clone(),
        }
    }

    /// Whose endpoint it is. The company may be empty.
    pub fn user_of(&self, key: &EndpointKey) -> Option<Arc<UserKey>> {
        self.tables.read().owner(key).cloned()
    }

    /// A user by its key.
    pub fn user(&self, key: &UserKey) -> Option<Arc<User>> {
        self.tables.read().user(key).cloned()
    }

    /// How many users there are. One short lock; cost: the number of companies.
    pub fn count(&self) -> usize {
        self.tables.read().places.values().map(|place| place.count()).sum()
    }

    /// Users by company and extension (numbers by their value); of one company, or of all. Sorted once after each
    /// change, else one reference count.
    pub fn users(&self, company: Option<&str>) -> Arc<[Arc<User>]> {
        let (mut users, generation) = {
            let tables = self.tables.read();
            let known = match company {
                Some(company) => tables.places.get(company).and_then(|place| place.sorted.clone()),
                None => tables.sorted.clone(),
            };
            if let Some(known) = known {
                return known;
            }
            (tables.users(company), self.generation())
        };
        users.sort_by(|left, right| place(left).cmp(&place(right)));
        let users: Arc<[Arc<User>]> = users.into();
        let mut tables = self.tables.write();
        if self.generation() == generation {
            match company {
                Some(company) => {
                    if let Some(place) = tables.places.get_mut(company) {
                        place.sorted = Some(users.clone());
                    }
                }
                None => tables.sorted = Some(users.clone()),
            }
        }
        users
    }

    /// All companies by id: those of usermon.toml, the default one, and those of the host's users.
    pub fn companies(&self) -> Vec<Arc<Company>> {
        let mut companies: Vec<_> =
            self.tables.read().places.values().map(|place| place.company.clone()).collect();
        companies.sort_by(|left, right| left.id.cmp(&right.id));
        companies
    }

    /// The company with this SIP domain, in any letter case.
    pub fn company_of_domain(&self, domain: &str) -> Option<Arc<str>> {
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        if domain.bytes().any(|byte| byte.is_ascii_uppercase()) {
            let lower = domain.to_ascii_lowercase();
            return self.tables.read().company_of_domain(&lower).cloned();
        }
        self.tables.read().company_of_domain(domain).cloned()
    }

    /// Whose extension it is.
    pub fn by_extension(&self, company: &str, extension: &str) -> Option<Arc<UserKey>> {
        self.tables.read().by_extension(company, extension).cloned()
    }

    /// Each endpoint that has an owner, with its owner. Cost: all users; ask only after `generation` grew.
    pub fn assignment(&self) -> Vec<(Arc<EndpointKey>, Arc<UserKey>)> {
        let users = self.tables.read().users(None);
        let pairs = |user: &Arc<User>| {
            let key = user.key.clone();
            user.endpoints.clone().into_iter().map(move |endpoint| (endpoint, key.clone()))
        };
        users.iter().flat_map(pairs).collect()
    }

    /// The user and the terminal's id under which a terminal that the host told is shown; the company may be
    /// empty. Ask before [`Directory::apply`] when the terminal goes, after it when it comes.
    pub fn shown_terminal(
        &self,
        company: &str,
        user: &str,
        terminal: &str,
    ) -> Option<(Arc<UserKey>, Arc<str>)> {
        self.tables.read().shown(&UserKey::new(company, user), terminal)
    }
}

/// What users are sorted by: numbers before words, short numbers before long ones.
fn place(user: &User) -> (&str, bool, usize, &str, &str) {
    let extension = &*user.extension;
    let number = !extension.is_empty() && extension.bytes().all(|byte| byte.is_ascii_digit());
    let digits = if number { extension.len() } else { 0 };
    (&user.key.company, !number, digits, extension, &user.key.user)
}
