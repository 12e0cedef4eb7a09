//! The merged directory as hash tables, kept up to date user by user: what an event costs does not grow with the
//! number of users. Pure: no lock, no I/O; `mod.rs` locks.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use foldhash::HashMap as Quick;

use super::claim::Claims;
use super::file::Files;
use super::merge::{Merged, Rank, Told, merge};
use super::{Company, User};
use crate::event::{EndpointKey, Event, Presence, UserKey};

/// What the host told, by its own names (the company may be empty).
pub(super) type Host = HashMap<Arc<UserKey>, Arc<Told>>;

/// A company with its users.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) company: Arc<Company>,
    /// Stays without users too.
    declared: bool,
    users: Quick<Arc<str>, Member>,
    endpoints: Claims,
    extensions: Claims,
    /// Until the next change of one of its users.
    pub(super) sorted: Option<Arc<[Arc<User>]>>,
}

#[derive(Debug)]
struct Member {
    user: Arc<User>,
    claims: Vec<(Arc<str>, Rank)>,
}

/// The whole directory.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) files: Arc<Files>,
    pub(super) host: Host,
    /// Which of the host's users are shown under a user, by the key shown.
    guests: HashMap<Arc<UserKey>, Vec<Arc<UserKey>>>,
    /// Asked per packet, as `domains`, `companies_of` and what a place holds. The names are those of the files and the
    /// host, not of whoever sends packets, so that a quick hash does.
    pub(super) places: Quick<Arc<str>, Place>,
    /// Companies that have an endpoint of this name.
    companies_of: Quick<Arc<str>, Vec<Arc<str>>>,
    domains: Quick<Arc<str>, Arc<str>>,
    /// Until the next change of any user.
    pub(super) sorted: Option<Arc<[Arc<User>]>>,
    /// Grows with each event that the host's part took.
    pub(super) told: u64,
}

impl Tables {
    /// Builds everything: the cost is that of all users.
    pub(super) fn new(files: Arc<Files>, host: Host, told: u64) -> Self {
        let mut new = Self { files: files.clone(), told, ..Self::default() };
        for company in &files.companies {
            for domain in &company.domains {
                new.domains.insert(domain.clone(), company.id.clone());
            }
            new.places.insert(company.id.clone(), Place::new(company.clone(), true));
        }
        for key in host.keys() {
            new.guests.entry(files.target(key)).or_default().push(key.clone());
        }
        new.host = host;
        for (target, guests) in &mut new.guests {
            order(&files, target, guests);
        }
        let mut keys: HashSet<Arc<UserKey>> = new.guests.keys().cloned().collect();
        keys.extend(files.users.keys().cloned());
        for key in keys {
            new.refresh(&key);
        }
        new
    }

    /// Takes an event about a user or terminal; says whether something that is shown changed.
    pub(super) fn apply(&mut self, event: &Event) -> bool {
        let (company, user) = match event {
            Event::User(user) => (&user.company, &user.user),
            Event::Terminal(terminal) => (&terminal.company, &terminal.user),
            Event::Registration(_) | Event::Call(_) | Event::Quality(_) => return false,
        };
        let mut key = UserKey { company: company.clone(), user: user.clone() };
        if is_gone(event) && company.is_empty() && !self.host.contains_key(&key) {
            // a host that forgot whose user it was
            let told = UserKey { company: self.company_of_endpoint(user).clone(), user: user.clone() };
            if self.host.contains_key(&told) {
                key = told;
            }
        }
        let (key, before) = match self.host.remove_entry(&key) {
            Some((key, told)) => (key, told),
            None => (Arc::new(key), Arc::default()),
        };
        let mut told = Arc::unwrap_or_clone(before);
        match event {
            Event::User(user) if user.presence == Presence::Gone => told = Told::default(),
            Event::User(user) => told.user = Some(user.clone()),
            Event::Terminal(terminal) => {
                let known = told.terminals.iter().position(|known| known.terminal == terminal.terminal);
                match (terminal.presence, known.and_then(|at| told.terminals.get_mut(at))) {
                    (Presence::Here, Some(known)) => *known = terminal.clone(),
                    (Presence::Here, None) => told.terminals.push(terminal.clone()),
                    (Presence::Gone, _) => told.terminals.retain(|known| known.terminal != terminal.terminal),
                }
            }
            Event::Registration(_) | Event::Call(_) | Event::Quality(_) => {}
        }
        self.told += 1;
        let target = self.files.target(&key);
        let guests = self.guests.entry(target.clone()).or_default();
        guests.retain(|guest| *guest != key);
        if told.user.is_some() || !told.terminals.is_empty() {
            guests.push(key.clone());
            order(&self.files, &target, guests);
            self.host.insert(key, Arc::new(told));
        } else if guests.is_empty() {
            self.guests.remove(&target);
        }
        self.refresh(&target)
    }

    fn merged(&self, key: &Arc<UserKey>) -> Option<Merged> {
        let guests: Vec<(&UserKey, &Told)> = self
            .guests
            .get(key)
            .into_iter()
            .flatten()
            .filter_map(|guest| self.host.get(guest).map(|told| (&**guest, &**told)))
            .collect();
        merge(key, self.files.users.get(key), &guests)
    }

    /// Merges one user anew and brings the tables up to date with it.
    fn refresh(&mut self, key: &Arc<UserKey>) -> bool {
        let merged = self.merged(key);
        if merged.is_none() && !self.places.contains_key(&key.company) {
            return false;
        }
        let place = self.places.entry(key.company.clone()).or_insert_with(|| {
            let (id, name) = (key.company.clone(), key.company.clone());
            Place::new(Arc::new(Company { id, name, domains: Vec::new() }), false)
        });
        let before = place.users.remove(&key.user);
        let mut others = HashSet::new();
        let mut gone = Vec::new();
        let mut come = Vec::new();
        if let Some(Member { user, claims }) = &before {
            place.extensions.release(&user.extension, key);
            for (name, _) in claims {
                others.extend(place.endpoints.release(name, key));
                gone.push(name.clone());
            }
        }
        if let Some(Merged { user, claims, rank, .. }) = &merged {
            place.extensions.claim(&user.extension, *rank, key);
            for (name, rank) in claims {
                others.extend(place.endpoints.claim(name, *rank, key));
                come.push(name.clone());
            }
        }
        let mut changed = before.is_some() != merged.is_some();
        if let Some(Merged { mut user, claims, .. }) = merged {
            user.endpoints = place.endpoints_of(key, &claims);
            let user = match &before {
                Some(member) if *member.user == user => member.user.clone(),
                _ => {
                    changed = true;
                    Arc::new(user)
                }
            };
            place.users.insert(key.user.clone(), Member { user, claims });
        }
        others.remove(key);
        for other in others {
            changed |= place.choose(&other);
        }
        if changed {
            place.sorted = None;
            self.sorted = None;
        }
        let left = !place.declared && place.users.is_empty();
        self.note(&key.company, gone, come);
        if left {
            self.places.remove(&key.company);
        }
        changed
    }

    /// Keeps `companies_of` in step with the endpoints of a company.
    fn note(&mut self, company: &Arc<str>, gone: Vec<Arc<str>>, come: Vec<Arc<str>>) {
        let place = self.places.get(company);
        for name in gone.into_iter().chain(come) {
            let here = place.is_some_and(|place| place.endpoints.first(&name).is_some());
            let companies = self.companies_of.entry(name.clone()).or_default();
            let listed = companies.iter().any(|known| known == company);
            match (here, listed) {
                (true, false) => companies.push(company.clone()),
                (false, true) => companies.retain(|known| known != company),
                _ => {}
            }
            if companies.is_empty() {
                self.companies_of.remove(&name);
            }
        }
    }

    /// The company of an endpoint for which nobody named one.
    pub(super) fn company_of_endpoint(&self, endpoint: &str) -> &Arc<str> {
        match self.companies_of.get(endpoint).map(Vec::as_slice) {
            Some([only]) => only,
            _ => &self.files.default,
        }
    }

    pub(super) fn owner(&self, key: &EndpointKey) -> Option<&Arc<UserKey>> {
        let company =
            if key.company.is_empty() { self.company_of_endpoint(&key.endpoint) } else { &key.company };
        self.places.get(company)?.endpoints.first(&key.endpoint)
    }

    pub(super) fn user(&self, key: &UserKey) -> Option<&Arc<User>> {
        self.places.get(&key.company)?.users.get(&key.user).map(|member| &member.user)
    }

    pub(super) fn by_extension(&self, company: &str, extension: &str) -> Option<&Arc<UserKey>> {
        self.places.get(company)?.extensions.first(extension)
    }

    /// `domain` in lower case.
    pub(super) fn company_of_domain(&self, domain: &str) -> Option<&Arc<str>> {
        self.domains.get(domain)
    }

    /// Users in no order.
    pub(super) fn users(&self, company: Option<&str>) -> Vec<Arc<User>> {
        let of = |place: &Place| place.users.values().map(|member| member.user.clone()).collect::<Vec<_>>();
        match company {
            Some(company) => self.places.get(company).map(of).unwrap_or_default(),
            None => self.places.values().flat_map(of).collect(),
        }
    }

    /// Where the host's terminal is shown.
    pub(super) fn shown(&self, told: &UserKey, terminal: &str) -> Option<(Arc<UserKey>, Arc<str>)> {
        let target = self.files.target(told);
        let guest = self.guests.get(&target)?.iter().position(|guest| **guest == *told)?;
        let merged = self.merged(&target)?;
        let shown =
            merged.shown.into_iter().find(|shown| shown.guest == guest && *shown.told == *terminal)?;
        Some((target, shown.id))
    }
}

fn is_gone(event: &Event) -> bool {
    matches!(event, Event::User(user) if user.presence == Presence::Gone)
}

impl Place {
    fn new(company: Arc<Company>, declared: bool) -> Self {
        Self {
            company,
            declared,
            users: Quick::default(),
            endpoints: Claims::default(),
            extensions: Claims::default(),
            sorted: None,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.users.len()
    }

    fn endpoints_of(&self, key: &UserKey, claims: &[(Arc<str>, Rank)]) -> Vec<Arc<EndpointKey>> {
        let own =
            claims.iter().filter(|(name, _)| self.endpoints.first(name).is_some_and(|first| **first == *key));
        own.map(|(name, _)| Arc::new(EndpointKey { company: key.company.clone(), endpoint: name.clone() }))
            .collect()
    }

    /// Chooses a user's endpoints anew, after somebody else's claims changed.
    fn choose(&mut self, key: &UserKey) -> bool {
        let Some(member) = self.users.get(&key.user) else { return false };
        let endpoints = self.endpoints_of(key, &member.claims);
        if endpoints == member.user.endpoints {
            return false;
        }
        let user = Arc::new(User { endpoints, ..User::clone(&member.user) });
        if let Some(member) = self.users.get_mut(&key.user) {
            member.user = user;
        }
        true
    }
}

/// The order in which the host's users fill a user's empty fields: the one of the same id first, then as the file
/// lists its endpoints, then by key.
fn order(files: &Files, target: &UserKey, guests: &mut [Arc<UserKey>]) {
    if guests.len() < 2 {
        return;
    }
    let endpoints = files.users.get(target).map(|entry| entry.endpoints.as_slice()).unwrap_or_default();
    guests.sort_by_cached_key(|guest| {
        let listed = endpoints.iter().position(|name| *name == guest.user).unwrap_or(usize::MAX);
        (guest.user != target.user, listed, guest.clone())
    });
}
