//! Digest authentication (RFC 3261 section 22, MD5): nonces that need no table, and the check of a response.
//! Called by the registrar and the relay.

use std::collections::HashMap;
use std::time::Instant;

use rsipstack::dialog::authenticate::compute_digest;
use rsipstack::sip::headers::auth::{Algorithm, Qop, Scheme};
use rsipstack::sip::typed::WwwAuthenticate;
use rsipstack::sip::typed::tokenizers::AuthTokenizer;
use rsipstack::sip::{Header, Method, ProxyAuthenticate, Request};

use crate::chance;

pub(crate) const REALM: &str = "pbx.example";

/// How long a nonce may be used.
const NONCE_SECONDS: u64 = 120;

/// What a request's credentials are worth.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// None, or ones that were right with a nonce that is too old: ask (again).
    Ask { stale: bool },
    /// Right: it is this account.
    Account(String),
    /// The account does not exist.
    Unknown(String),
    /// The response does not match.
    Wrong(String),
}

/// The accounts and the secret that signs nonces.
pub(crate) struct Digest {
    passwords: HashMap<String, String>,
    secret: String,
    born: Instant,
}

impl Digest {
    pub(crate) fn new(passwords: HashMap<String, String>) -> Result<Self, String> {
        Ok(Self { passwords, secret: chance::password()?, born: Instant::now() })
    }

    pub(crate) fn check(&self, request: &Request) -> Verdict {
        let Some(credentials) = credentials(request) else { return Verdict::Ask { stale: false } };
        let Ok(tokens) = AuthTokenizer::parse(credentials) else { return Verdict::Ask { stale: false } };
        let param = |name: &str| {
            tokens
                .params
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map_or("", |(_, value)| *value)
        };
        let (user, nonce) = (param("username"), param("nonce"));
        let Some(password) = self.passwords.get(user) else { return Verdict::Unknown(user.to_owned()) };
        // with qop, the nonce is followed by count, client nonce and qop (RFC 2617 section 3.2.2.1), all as received
        let middle = match param("qop") {
            "" => nonce.to_owned(),
            qop => format!("{nonce}:{}:{}:{qop}", param("nc"), param("cnonce")),
        };
        let expected = compute_digest(
            user,
            password,
            REALM,
            &middle,
            request.method(),
            param("uri"),
            Algorithm::Md5,
            None,
        );
        if param("realm") != REALM || !expected.eq_ignore_ascii_case(param("response")) {
            return Verdict::Wrong(user.to_owned());
        }
        if self.fresh(nonce) { Verdict::Account(user.to_owned()) } else { Verdict::Ask { stale: true } }
    }

    /// The challenge of a registrar, for 401.
    pub(crate) fn www(&self, stale: bool) -> Header {
        self.challenge(stale).into()
    }

    /// The challenge of a relay, for 407.
    pub(crate) fn proxy(&self, stale: bool) -> Header {
        Header::ProxyAuthenticate(ProxyAuthenticate::new(self.challenge(stale).to_string()))
    }

    fn challenge(&self, stale: bool) -> WwwAuthenticate {
        WwwAuthenticate {
            scheme: Scheme::Digest,
            realm: REALM.to_owned(),
            nonce: self.nonce(self.born.elapsed().as_secs()),
            stale: stale.then(|| "true".to_owned()),
            algorithm: Some(Algorithm::Md5),
            qop: Some(Qop::Auth),
            ..WwwAuthenticate::default()
        }
    }

    fn nonce(&self, second: u64) -> String {
        let sign = compute_digest(
            "nonce",
            &self.secret,
            REALM,
            "",
            &Method::Options,
            &second.to_string(),
            Algorithm::Md5,
            None,
        );
        format!("{second:x}-{sign}")
    }

    fn fresh(&self, nonce: &str) -> bool {
        let second = nonce.split('-').next().and_then(|hex| u64::from_str_radix(hex, 16).ok());
        second.is_some_and(|second| {
            nonce == self.nonce(second)
                && self.born.elapsed().as_secs().saturating_sub(second) <= NONCE_SECONDS
        })
    }
}

fn credentials(request: &Request) -> Option<&str> {
    request.headers.iter().find_map(|header| match header {
        Header::Authorization(h) => Some(h.value()),
        Header::ProxyAuthorization(h) => Some(h.value()),
        _ => None,
    })
}
