//! What the files say: the users of usermon.toml and of its CSV files together, checked against each other.
//! Read once at open and at each reload, without a lock; never changed afterwards.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::{Company, csv};
use crate::config::{Config, UserEntry, entry::unknown_company};
use crate::error::{Error, Result};
use crate::event::{EndpointKey, UserKey};

/// All users of the files.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// Id of the default company.
    pub(super) default: Arc<str>,
    /// The companies of usermon.toml, and the default one.
    pub(super) companies: Vec<Arc<Company>>,
    pub(super) users: HashMap<Arc<UserKey>, UserEntry>,
    /// Who declares an endpoint.
    pub(super) endpoints: HashMap<EndpointKey, Arc<UserKey>>,
    /// The only company in which a user or endpoint of this name is declared; `None`: there are several.
    places: HashMap<Arc<str>, Option<Arc<str>>>,
}

impl Files {
    /// Takes the users of `config` and reads its CSV files.
    pub(super) fn read(config: &Config) -> Result<Self> {
        let mut files = Self { default: config.default_company.clone(), ..Self::default() };
        for entry in &config.companies {
            let crate::config::CompanyEntry { id, name, domains } = entry.clone();
            files.companies.push(Arc::new(Company { id, name, domains }));
        }
        if !config.companies.iter().any(|company| company.id == files.default) {
            let (id, name) = (files.default.clone(), files.default.clone());
            files.companies.push(Arc::new(Company { id, name, domains: Vec::new() }));
        }
        let mut extensions = HashMap::new();
        for entry in &config.users {
            files.add(config, entry.clone(), &mut extensions)?;
        }
        for path in &config.csv {
            for entry in csv::read(path, &config.default_company)? {
                files.add(config, entry, &mut extensions)?;
            }
        }
        Ok(files)
    }

    fn add(
        &mut self,
        config: &Config,
        entry: UserEntry,
        extensions: &mut HashMap<EndpointKey, Arc<UserKey>>,
    ) -> Result<()> {
        if let Some(advice) = unknown_company(config, &entry.company) {
            return Err(wrong(config, &entry, "company", advice));
        }
        let key = Arc::new(UserKey { company: entry.company.clone(), user: entry.id.clone() });
        if let Some(other) = self.users.get(&key) {
            let advice = format!(
                "company {:?} has a user {:?} already ({}); write another id in one of them",
                entry.company,
                entry.id,
                place(other)
            );
            return Err(wrong(config, &entry, "id", advice));
        }
        let within = |name: &Arc<str>| EndpointKey { company: entry.company.clone(), endpoint: name.clone() };
        if let Some(other) = extensions.insert(within(&entry.extension), key.clone()) {
            let advice = format!(
                "extension {:?} of company {:?} is that of user {:?} already ({}); write another one",
                entry.extension,
                entry.company,
                other.user,
                self.users.get(&other).map(place).unwrap_or_default()
            );
            return Err(wrong(config, &entry, "extension", advice));
        }
        for name in &entry.endpoints {
            if let Some(other) = self.endpoints.insert(within(name), key.clone()) {
                let advice = format!(
                    "endpoint {name:?} of company {:?} is that of user {:?} already ({}); an endpoint is of one user",
                    entry.company,
                    other.user,
                    self.users.get(&other).map(place).unwrap_or_default()
                );
                return Err(wrong(config, &entry, "endpoints", advice));
            }
            self.note(name, &entry.company);
        }
        self.note(&entry.id, &entry.company);
        self.users.insert(key, entry);
        Ok(())
    }

    fn note(&mut self, name: &Arc<str>, company: &Arc<str>) {
        match self.places.entry(name.clone()) {
            Entry::Vacant(free) => {
                free.insert(Some(company.clone()));
            }
            Entry::Occupied(mut known) => {
                if known.get().as_ref() != Some(company) {
                    known.insert(None);
                }
            }
        }
    }

    /// The company of a user or endpoint for which the host named none: the only one that declares it, else the
    /// default one.
    pub(super) fn company_of(&self, name: &str) -> Arc<str> {
        self.places.get(name).cloned().flatten().unwrap_or_else(|| self.default.clone())
    }

    /// Under which user to show what the host tells of `told`: the file's user with that key, else the file's
    /// user with an endpoint of that name, else a user of the host's own.
    pub(super) fn target(&self, told: &UserKey) -> Arc<UserKey> {
        let company =
            if told.company.is_empty() { self.company_of(&told.user) } else { told.company.clone() };
        let key = UserKey { company, user: told.user.clone() };
        if let Some((known, _)) = self.users.get_key_value(&key) {
            return known.clone();
        }
        let endpoint = EndpointKey { company: key.company.clone(), endpoint: key.user.clone() };
        self.endpoints.get(&endpoint).cloned().unwrap_or_else(|| Arc::new(key))
    }
}

fn place(entry: &UserEntry) -> String {
    format!("{}:{}", entry.file.display(), entry.line)
}

fn wrong(config: &Config, entry: &UserEntry, key: &str, advice: String) -> Error {
    let kind = if *entry.file == *config.file { "user." } else { "column " };
    Error::config(&entry.file, entry.line, format!("{kind}{key}"), advice)
}
