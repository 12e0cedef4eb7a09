//! Which contacts are which terminal. A declared terminal takes the contacts of its endpoint, first by its
//! User-Agent, then by its kind, then in order; what nobody declared stands for itself. Pure: no lock, no clock.

use std::sync::Arc;

use crate::directory::{Terminal, User, kind};
use crate::event::{EndpointKey, Kind};
use crate::query::wall::TerminalView;
use crate::state::{Contact, UserState};

/// A terminal with the contacts that are its own.
pub(crate) struct Matched<'a> {
    pub(crate) view: TerminalView,
    /// Newest first.
    pub(crate) contacts: Vec<&'a Contact>,
    /// The endpoint it authenticates as, if it is one with SIP.
    pub(crate) endpoint: Option<Arc<str>>,
}

/// All terminals of a user: the declared ones in their order, the mobile number, then what else is there.
pub(crate) fn terminals<'a>(user: &User, state: &'a UserState) -> Vec<Matched<'a>> {
    let mut free: Vec<&Contact> = state.contacts.iter().collect();
    free.sort_by_key(|c| c.since);
    let mut taken: Vec<Vec<&Contact>> = user.terminals.iter().map(|_| Vec::new()).collect();
    for rule in [by_user_agent, by_kind, in_order] {
        for (terminal, mine) in user.terminals.iter().zip(&mut taken) {
            rule(terminal, mine, &mut free);
        }
    }
    let mut all: Vec<Matched<'a>> = user
        .terminals
        .iter()
        .zip(taken)
        .map(|(terminal, mine)| declared(user, terminal, mine, state))
        .collect();
    if let Some(number) = &user.mobile
        && !all.iter().any(|m| m.view.kind == Kind::Mobile)
    {
        all.push(Matched { view: mobile(number), contacts: Vec::new(), endpoint: None });
    }
    for endpoint in &user.endpoints {
        undeclared(user, endpoint, &free, state, &mut all);
    }
    all
}

fn is_of(terminal: &Terminal, contact: &Contact) -> bool {
    terminal.endpoint.as_ref() == Some(&contact.endpoint.endpoint)
}

/// Takes from `free` into `mine` what `wanted` says.
fn take<'a>(free: &mut Vec<&'a Contact>, mine: &mut Vec<&'a Contact>, wanted: impl Fn(&Contact) -> bool) {
    free.retain(|contact| {
        let is_mine = wanted(contact);
        if is_mine {
            mine.push(contact);
        }
        !is_mine
    });
}

fn by_user_agent<'a>(terminal: &Terminal, mine: &mut Vec<&'a Contact>, free: &mut Vec<&'a Contact>) {
    if let Some(pattern) = &terminal.user_agent {
        let pattern = pattern.to_lowercase();
        take(free, mine, |c| is_of(terminal, c) && c.user_agent.to_lowercase().contains(&pattern));
    }
}

fn by_kind<'a>(terminal: &Terminal, mine: &mut Vec<&'a Contact>, free: &mut Vec<&'a Contact>) {
    if terminal.user_agent.is_none() && mine.is_empty() {
        let first = free
            .iter()
            .position(|c| is_of(terminal, c) && terminal.kind.is_none_or(|kind| kind == kind_of(c)))
            .map(|at| free.remove(at));
        mine.extend(first);
    }
}

fn in_order<'a>(terminal: &Terminal, mine: &mut Vec<&'a Contact>, free: &mut Vec<&'a Contact>) {
    let takes_any = matches!(terminal.kind, None | Some(Kind::Sip | Kind::Dect | Kind::Gui));
    if takes_any && terminal.user_agent.is_none() && mine.is_empty() {
        let first = free.iter().position(|c| is_of(terminal, c)).map(|at| free.remove(at));
        mine.extend(first);
    }
}

fn kind_of(contact: &Contact) -> Kind {
    kind::of_user_agent(&contact.user_agent, &contact.contact)
}

fn declared<'a>(
    user: &User,
    terminal: &Terminal,
    mut contacts: Vec<&'a Contact>,
    state: &UserState,
) -> Matched<'a> {
    contacts.reverse();
    let kind = terminal.kind.or_else(|| contacts.first().map(|c| kind_of(c))).unwrap_or(Kind::Sip);
    let mut view = view(&terminal.id, kind, &terminal.description, &contacts);
    view.online |= terminal.active == Some(true) || state.active.contains(&terminal.id);
    if kind == Kind::Mobile && view.address.is_none() {
        view.address = user.mobile.as_deref().map(str::to_owned);
    }
    Matched { view, contacts, endpoint: terminal.endpoint.clone() }
}

fn mobile(number: &str) -> TerminalView {
    let mut view = view("mobile", Kind::Mobile, "", &[]);
    view.address = Some(number.to_owned());
    view
}

/// The contacts of `endpoint` that no declared terminal took. An endpoint for which none is declared has one terminal
/// all the same, so that a phone that never came in has a page that says why; but not one that was never seen, of a
/// user whose declared terminals are all there is (a desktop client and a headset).
fn undeclared<'a>(
    user: &User,
    endpoint: &EndpointKey,
    free: &[&'a Contact],
    state: &UserState,
    all: &mut Vec<Matched<'a>>,
) {
    let name = &endpoint.endpoint;
    let mut own = free.iter().filter(|c| c.endpoint.endpoint == *name).peekable();
    let has_declared = user.terminals.iter().any(|t| t.endpoint.as_ref() == Some(name));
    let was_seen = own.peek().is_some() || state.failures.iter().any(|f| f.endpoint.endpoint == *name);
    if !has_declared && (user.terminals.is_empty() || was_seen) {
        let contacts: Vec<&Contact> = own.next().copied().into_iter().collect();
        let kind = contacts.first().map_or(Kind::Sip, |c| kind_of(c));
        let view = view(&format!("e-{}", id_safe(name)), kind, "", &contacts);
        all.push(Matched { view, contacts, endpoint: Some(Arc::clone(name)) });
    }
    for contact in own {
        let hash = crc32fast::hash(contact.contact.as_bytes());
        let view = view(&format!("c-{}-{hash:08x}", id_safe(name)), kind_of(contact), "", &[*contact]);
        all.push(Matched { view, contacts: vec![*contact], endpoint: Some(Arc::clone(name)) });
    }
}

fn view(id: &str, kind: Kind, description: &str, contacts: &[&Contact]) -> TerminalView {
    let newest = contacts.first();
    TerminalView {
        id: id.to_owned(),
        kind,
        description: description.to_owned(),
        online: newest.is_some(),
        address: newest.and_then(|c| c.far).map(|far| far.to_string()),
        transport: newest.map(|c| c.transport).unwrap_or_default(),
        user_agent: newest.map(|c| c.user_agent.to_string()).unwrap_or_default(),
        registered: newest.map(|c| c.since),
        expires: newest.and_then(|c| c.expires),
        has_page: matches!(kind, Kind::Sip | Kind::Dect) || newest.is_some(),
        contacts: u32::try_from(contacts.len()).unwrap_or(u32::MAX),
    }
}

/// `text` with all but letters, digits, `-` and `.` written as `_` and two hexadecimal digits a byte: one to one, and
/// fit for a URL's path and an HTML id.
pub(crate) fn id_safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.' {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("_{byte:02x}"));
        }
    }
    out
}
