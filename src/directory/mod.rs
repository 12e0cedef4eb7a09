//! Who exists: companies, departments, users, terminals.

use std::sync::Arc;

use crate::event::{EndpointKey, Kind, UserKey};

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
