//! The terminal's page: registrations, failures, calls and history of one terminal of one user.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::directory::User;
use crate::event::{FailureCause, Transport};
use crate::query::wall::{CallView, TerminalView};

/// All that the page shows.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "product.md names the parts")]
pub struct TerminalPage {
    pub user: Arc<User>,
    pub terminal: TerminalView,
    pub contacts: Vec<ContactView>,
    /// Newest first.
    pub failures: Vec<FailureView>,
    pub calls: Vec<CallView>,
    /// Registration history, newest first.
    pub history: Vec<HistoryView>,
    /// The phone's own web page, by its address (`http://192.0.2.7/`); leads out of the PBX.
    pub web_address: Option<String>,
    pub at: Timestamp,
}

/// One contact.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "fields are those of a registration")]
pub struct ContactView {
    pub contact: String,
    pub far: Option<SocketAddr>,
    pub transport: Transport,
    pub user_agent: String,
    pub path: String,
    pub since: Timestamp,
    pub refreshed: Timestamp,
    pub expires: Option<Timestamp>,
    /// Microseconds.
    pub round_trip: Option<u32>,
    pub reachable: Option<bool>,
}

/// One failed attempt, or several equal ones in a row.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "fields are those of a failed registration")]
pub struct FailureView {
    pub time: Timestamp,
    pub cause: FailureCause,
    /// A plain sentence.
    pub words: String,
    pub far: Option<SocketAddr>,
    pub user_agent: String,
    pub call_id: String,
    pub count: u32,
}

/// One line of the registration history.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "time and a plain sentence")]
pub struct HistoryView {
    pub time: Timestamp,
    pub words: String,
}
