//! The registrar (RFC 3261 section 10): which contacts each account has now. Tells the library of each change.
//! Called by the switch for REGISTER, by the relay for where to ring, by the qualify loop.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use rsipstack::sip::prelude::*;
use rsipstack::sip::typed::{Contact, To};
use rsipstack::sip::{Header, MinExpires, Param, Request, Scheme, StatusCode, Uri};
use rsipstack::transaction::transaction::Transaction;

use crate::digest::{Digest, Verdict};
use crate::told::{RegistrationTold, Step};
use crate::usermon::Usermon;
use crate::wire::Identified;

const LONGEST: u32 = 3600;
const SHORTEST: u32 = 10;
const MOST_CONTACTS: usize = 10;

/// A contact of an account.
#[derive(Debug, Clone)]
pub(crate) struct Binding {
    pub(crate) endpoint: String,
    pub(crate) contact: String,
    pub(crate) uri: Uri,
    pub(crate) far: SocketAddr,
    user_agent: String,
    path: String,
    call_id: String,
    expires: Instant,
    round_trip: Option<u32>,
    reachable: bool,
}

/// The contacts of all accounts.
pub(crate) type Bindings = Arc<Mutex<HashMap<String, Vec<Binding>>>>;

pub(crate) struct Registrar {
    pub(crate) bindings: Bindings,
    pub(crate) digest: Arc<Digest>,
    pub(crate) usermon: Arc<Usermon>,
    pub(crate) identified: Arc<Identified>,
}

impl Registrar {
    /// Answers a REGISTER.
    pub(crate) async fn register(&self, tx: &mut Transaction) -> rsipstack::Result<()> {
        let request = tx.original.clone();
        let far = far_of(tx);
        let account = user_of(&request.to_header()?.typed()?);
        let verdict = self.digest.check(&request);
        let failed = |step, endpoint: &str, detail| {
            self.tell(step, endpoint, "", far, &request, detail);
        };
        let account = match verdict {
            Verdict::Ask { stale } => {
                return tx.reply_with(StatusCode::Unauthorized, vec![self.digest.www(stale)], None).await;
            }
            Verdict::Unknown(user) => {
                failed(Step::UnknownUser, &user, "no such account");
                return tx.reply(StatusCode::Forbidden).await;
            }
            Verdict::Wrong(user) => {
                failed(Step::WrongPassword, &user, "the digest response does not match");
                return tx.reply(StatusCode::Forbidden).await;
            }
            Verdict::Account(user) if user != account => {
                failed(Step::Refused, &user, "an account may register itself only");
                return tx.reply(StatusCode::Forbidden).await;
            }
            Verdict::Account(user) => user,
        };
        self.identified.set(request.call_id_header()?.value(), &account);
        let contacts = request.typed_contact_headers()?;
        let default = request.expires_header().and_then(|h| h.value().trim().parse().ok()).unwrap_or(LONGEST);
        for contact in &contacts {
            let seconds = contact.expires().unwrap_or(default);
            if (1..SHORTEST).contains(&seconds) {
                let least = Header::MinExpires(MinExpires::new(SHORTEST.to_string()));
                return tx.reply_with(StatusCode::IntervalTooBrief, vec![least], None).await;
            }
        }
        for contact in &contacts {
            let seconds = contact.expires().unwrap_or(default).min(LONGEST);
            match (&contact.uri.scheme, seconds) {
                (Some(Scheme::Other(star)), _) if star == "*" => self.unbind(&account, None, &request),
                (_, 0) => self.unbind(&account, Some(&contact.uri.to_string()), &request),
                _ => {
                    if let Some(far) = far {
                        self.bind(&account, contact, far, seconds, &request);
                    }
                }
            }
        }
        let headers = self.answer(&account);
        tx.reply_with(StatusCode::OK, headers, None).await
    }

    /// Where the account can be reached now.
    pub(crate) fn contacts(&self, account: &str) -> Vec<Binding> {
        let now = Instant::now();
        let bindings = self.bindings.lock();
        bindings.get(account).into_iter().flatten().filter(|b| b.expires > now).cloned().collect()
    }

    /// All contacts.
    pub(crate) fn all(&self) -> Vec<Binding> {
        self.bindings.lock().values().flatten().cloned().collect()
    }

    /// Drops the contacts whose time ran out.
    pub(crate) fn expire(&self) {
        let now = Instant::now();
        let mut gone = Vec::new();
        let mut bindings = self.bindings.lock();
        for of_account in bindings.values_mut() {
            gone.extend(of_account.extract_if(.., |b| b.expires <= now));
        }
        drop(bindings);
        for binding in gone {
            self.tell_of(Step::Expired, &binding);
        }
    }

    /// What a contact answered to OPTIONS: a round trip in microseconds, or nothing.
    pub(crate) fn qualified(&self, probed: &Binding, round_trip: Option<u32>) {
        let mut bindings = self.bindings.lock();
        let of_account = bindings.get_mut(&probed.endpoint).into_iter().flatten();
        let Some(binding) = of_account.into_iter().find(|b| b.contact == probed.contact) else { return };
        binding.round_trip = round_trip;
        binding.reachable = round_trip.is_some();
        let binding = binding.clone();
        drop(bindings);
        self.tell_of(if binding.reachable { Step::Reachable } else { Step::Unreachable }, &binding);
    }

    fn bind(&self, account: &str, contact: &Contact, far: SocketAddr, seconds: u32, request: &Request) {
        let binding = Binding {
            endpoint: account.to_owned(),
            contact: contact.uri.to_string(),
            uri: contact.uri.clone(),
            far,
            user_agent: user_agent(request),
            path: request.path_headers().first().map(|h| h.value().to_owned()).unwrap_or_default(),
            call_id: request.call_id_header().map(|h| h.value().to_owned()).unwrap_or_default(),
            expires: Instant::now() + Duration::from_secs(u64::from(seconds)),
            round_trip: None,
            reachable: true,
        };
        let mut bindings = self.bindings.lock();
        let of_account = bindings.entry(account.to_owned()).or_default();
        // the same contact, or the same phone that came back at another address: one replaces the other
        let mut replaced: Vec<Binding> = of_account
            .extract_if(.., |b| b.contact == binding.contact || b.call_id == binding.call_id)
            .filter(|b| b.contact != binding.contact)
            .collect();
        if of_account.len() >= MOST_CONTACTS {
            replaced.push(of_account.remove(0));
        }
        of_account.push(binding.clone());
        drop(bindings);
        for old in &replaced {
            self.tell_of(Step::Unregistered, old);
        }
        self.tell_of(Step::Registered, &binding);
    }

    fn unbind(&self, account: &str, contact: Option<&str>, request: &Request) {
        let mut bindings = self.bindings.lock();
        let gone: Vec<Binding> = bindings
            .get_mut(account)
            .map(|list| list.extract_if(.., |b| contact.is_none_or(|c| b.contact == c)).collect())
            .unwrap_or_default();
        drop(bindings);
        for binding in gone {
            self.tell(Step::Unregistered, account, &binding.contact, Some(binding.far), request, "");
        }
    }

    fn answer(&self, account: &str) -> Vec<Header> {
        let now = Instant::now();
        let contact = |binding: &Binding| {
            let left = binding.expires.saturating_duration_since(now).as_secs();
            let params = vec![Param::Expires(left.to_string().into())];
            Contact { display_name: None, uri: binding.uri.clone(), params }.into()
        };
        self.bindings.lock().get(account).into_iter().flatten().map(contact).collect()
    }

    fn tell_of(&self, step: Step, binding: &Binding) {
        let left = binding.expires.saturating_duration_since(Instant::now());
        self.usermon.registration(&RegistrationTold {
            step,
            endpoint: &binding.endpoint,
            contact: &binding.contact,
            far: Some(binding.far),
            user_agent: &binding.user_agent,
            path: &binding.path,
            call_id: &binding.call_id,
            expires: epoch_micros(SystemTime::now() + left),
            round_trip: binding.round_trip,
            detail: "",
        });
    }

    fn tell(
        &self,
        step: Step,
        endpoint: &str,
        contact: &str,
        far: Option<SocketAddr>,
        request: &Request,
        detail: &str,
    ) {
        self.usermon.registration(&RegistrationTold {
            step,
            endpoint,
            contact,
            far,
            user_agent: &user_agent(request),
            path: "",
            call_id: request.call_id_header().map(|h| h.value()).unwrap_or(""),
            expires: 0,
            round_trip: None,
            detail,
        });
    }
}

/// The last round trip to a contact, for the library's question.
pub(crate) fn round_trip(bindings: &Bindings, endpoint: &str, contact: &str) -> Option<u32> {
    bindings.lock().get(endpoint)?.iter().find(|b| b.contact == contact)?.round_trip
}

/// Where a transaction's request came from.
pub(crate) fn far_of(tx: &Transaction) -> Option<SocketAddr> {
    tx.connection.as_ref()?.get_remote_addr()?.get_socketaddr().ok()
}

fn user_of(to: &To) -> String {
    to.uri.user().unwrap_or_default().to_owned()
}

fn user_agent(request: &Request) -> String {
    request.user_agent_header().map(|h| h.value().to_owned()).unwrap_or_default()
}

fn epoch_micros(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
