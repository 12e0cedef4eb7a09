//! One user out of what a file declares and what the host told: the file's word stands, the host fills what is
//! empty. Pure: called by `table` under its lock.

use std::sync::Arc;

use super::{Terminal, User};
use crate::config::UserEntry;
use crate::event::{self, Kind, UserKey};

/// What the host told of one user of its own.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    /// `None`: only terminals were told so far.
    pub(super) user: Option<event::User>,
    /// In the order they were first told.
    pub(super) terminals: Vec<event::Terminal>,
}

/// How strong a claim on an endpoint or extension is; the smallest wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// A file declares it.
    Declared,
    /// The host has a user of that name.
    Own,
    /// The host has a terminal with it.
    Terminal,
}

/// A user, its endpoints still to be chosen among the claims.
pub(super) struct Merged {
    pub(super) user: User,
    /// Name of endpoint and rank, each name once, in the order to show.
    pub(super) claims: Vec<(Arc<str>, Rank)>,
    /// Of the extension.
    pub(super) rank: Rank,
    /// Each terminal that the host told.
    pub(super) shown: Vec<Shown>,
}

/// Under which id a terminal of the host's is shown.
pub(super) struct Shown {
    /// Index of the guest that it was told of.
    pub(super) guest: usize,
    /// As told.
    pub(super) told: Arc<str>,
    /// As shown.
    pub(super) id: Arc<str>,
}

/// Merges `entry` (of a file) and `guests` (of the host); `None` when neither has a user.
pub(super) fn merge(
    key: &Arc<UserKey>,
    entry: Option<&UserEntry>,
    guests: &[(&UserKey, &Told)],
) -> Option<Merged> {
    let users = || guests.iter().filter_map(|(_, told)| told.user.as_ref());
    if entry.is_none() && users().next().is_none() {
        return None;
    }
    let fill = |declared: Option<&Arc<str>>, pick: fn(&event::User) -> &Arc<str>| -> Arc<str> {
        let told = users().map(|user| pick(user).clone());
        declared.cloned().into_iter().chain(told).find(|text| !text.is_empty()).unwrap_or_default()
    };
    let extension = match fill(entry.map(|e| &e.extension), |user| &user.extension) {
        none if none.is_empty() => key.user.clone(),
        found => found,
    };
    let mobile = fill(entry.and_then(|e| e.mobile.as_ref()), |user| &user.mobile);
    let (terminals, shown) = terminals(entry, guests);
    let user = User {
        key: key.clone(),
        extension,
        name: fill(entry.map(|e| &e.name), |user| &user.name),
        surname: fill(entry.map(|e| &e.surname), |user| &user.surname),
        department: fill(entry.map(|e| &e.department), |user| &user.department),
        mobile: (!mobile.is_empty()).then_some(mobile),
        endpoints: Vec::new(),
        terminals,
    };
    let rank = if entry.is_some() { Rank::Declared } else { Rank::Own };
    Some(Merged { user, claims: claims(entry, guests), rank, shown })
}

fn claims(entry: Option<&UserEntry>, guests: &[(&UserKey, &Told)]) -> Vec<(Arc<str>, Rank)> {
    let mut out: Vec<(Arc<str>, Rank)> = Vec::with_capacity(1);
    let mut claim = |name: &Arc<str>, rank| {
        if !name.is_empty() && !out.iter().any(|(known, _)| known == name) {
            out.push((name.clone(), rank));
        }
    };
    for name in entry.into_iter().flat_map(|entry| &entry.endpoints) {
        claim(name, Rank::Declared);
    }
    for (key, _) in guests.iter().filter(|(_, told)| told.user.is_some()) {
        claim(&key.user, Rank::Own);
    }
    for terminal in guests.iter().flat_map(|(_, told)| &told.terminals) {
        claim(&terminal.endpoint, Rank::Terminal);
    }
    out
}

/// Declared ones first, each with what the host knows of it; then the host's own.
fn terminals(entry: Option<&UserEntry>, guests: &[(&UserKey, &Told)]) -> (Vec<Terminal>, Vec<Shown>) {
    let mut out: Vec<Terminal> = Vec::new();
    for declared in entry.into_iter().flat_map(|entry| &entry.terminals) {
        let by_default = matches!(declared.kind, Kind::Sip | Kind::Dect | Kind::Gui);
        let first = entry.and_then(|entry| entry.endpoints.first()).filter(|_| by_default);
        out.push(Terminal {
            id: free(declared.kind.word(), &out),
            kind: Some(declared.kind),
            description: declared.description.clone(),
            endpoint: declared.endpoint.as_ref().or(first).cloned(),
            user_agent: declared.user_agent.clone(),
            active: None,
        });
    }
    let declared = out.len();
    let mut taken = vec![false; declared];
    let mut shown = Vec::new();
    for (guest, told) in
        guests.iter().enumerate().flat_map(|(n, (_, t))| t.terminals.iter().map(move |t| (n, t)))
    {
        let same = out
            .iter_mut()
            .take(declared)
            .zip(&mut taken)
            .find(|(known, taken)| !**taken && fits(known, told));
        let id = match same {
            Some((known, taken)) => {
                *taken = true;
                known.active = told.active;
                if known.description.is_empty() {
                    known.description = told.description.clone();
                }
                known.id.clone()
            }
            None => {
                let id = free(&safe(&told.terminal), &out);
                out.push(Terminal {
                    id: id.clone(),
                    kind: told.kind,
                    description: told.description.clone(),
                    endpoint: (!told.endpoint.is_empty()).then(|| told.endpoint.clone()),
                    user_agent: None,
                    active: told.active,
                });
                id
            }
        };
        shown.push(Shown { guest, told: told.terminal.clone(), id });
    }
    (out, shown)
}

/// Whether the host's terminal is this declared one: of the same id; or of the same kind and no other endpoint; or,
/// where the host doesn't know the kind, of the same endpoint.
fn fits(declared: &Terminal, told: &event::Terminal) -> bool {
    let endpoint = declared.endpoint.as_ref().filter(|_| !told.endpoint.is_empty());
    let same = endpoint.map(|known| *known == told.endpoint);
    declared.id == told.terminal
        || if told.kind.is_some() {
            declared.kind == told.kind && same != Some(false)
        } else {
            same == Some(true)
        }
}

/// `wanted`, or `wanted-2` and so on where a terminal has that id already.
fn free(wanted: &str, known: &[Terminal]) -> Arc<str> {
    let is_free = |id: &str| !known.iter().any(|terminal| *terminal.id == *id);
    if is_free(wanted) {
        return wanted.into();
    }
    let mut n = 2_usize;
    loop {
        let id = format!("{wanted}-{n}");
        if is_free(&id) {
            return id.into();
        }
        n += 1;
    }
}

/// An id with letters, digits, `-`, `_` and `.` only; what had others in it gets a checksum, so that two stay two.
fn safe(told: &str) -> String {
    let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let plain: String = told.chars().take(48).map(|c| if fit(c) { c } else { '-' }).collect();
    if plain == told && !plain.is_empty() && !plain.starts_with('.') {
        return plain;
    }
    format!("t-{}-{:08x}", plain.trim_matches(['-', '.']), crc32fast::hash(told.as_bytes()))
}
