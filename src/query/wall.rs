//! The monitoring page's data: one row a user, and what changed since a version.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::directory::{Company, User};
use crate::event::{CallDirection, CallPhase, Kind, Sticker, Transport};

/// How many users of each sticker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[expect(missing_docs, reason = "the stickers' own words")]
pub struct Totals {
    pub free: u32,
    pub offline: u32,
    pub busy: u32,
    pub ringing: u32,
}

/// A company's whole wall.
#[derive(Debug, Clone)]
pub struct Wall {
    /// What to ask `wall_since` with.
    pub version: String,
    /// The company.
    pub company: Arc<Company>,
    /// By extension.
    pub rows: Vec<Row>,
    /// Over all rows.
    pub totals: Totals,
    /// The company's departments, sorted, without the empty one.
    pub departments: Vec<Arc<str>>,
    /// When it was so.
    pub at: Timestamp,
}

/// What changed since a version.
#[derive(Debug, Clone)]
pub struct WallUpdate {
    /// What to ask with next.
    pub version: String,
    /// The page's version is of another run or directory: `rows` are all rows.
    pub full: bool,
    /// The rows that changed.
    pub rows: Vec<Row>,
    /// Ids of rows that are no more.
    pub removed: Vec<String>,
    /// Over all rows.
    pub totals: Totals,
    /// When it was so.
    pub at: Timestamp,
}

/// One user.
#[derive(Debug, Clone)]
pub struct Row {
    /// Stable, and safe as an HTML id.
    pub id: String,
    /// The user.
    pub user: Arc<User>,
    /// The sticker.
    pub sticker: Sticker,
    /// Calls in progress, ringing ones included.
    pub calls: u32,
    /// Since when the sticker is so; `Timestamp(0)`: since before the module was loaded.
    pub since: Timestamp,
    /// All; the page shows four as icons and counts the rest.
    pub terminals: Vec<TerminalView>,
    /// Calls now.
    pub now: Vec<CallView>,
}

/// One terminal, as icon and detail.
#[derive(Debug, Clone)]
pub struct TerminalView {
    /// Stable within the user, safe in a URL's path.
    pub id: String,
    /// Decides the icon.
    pub kind: Kind,
    /// Free text for people; may be empty.
    pub description: String,
    /// Authenticated or active now.
    pub online: bool,
    /// Address and port of the newest contact, or the mobile number.
    pub address: Option<String>,
    /// Of the newest contact.
    pub transport: Transport,
    /// Of the newest contact; may be empty.
    pub user_agent: String,
    /// Registered since.
    pub registered: Option<Timestamp>,
    /// Expires at.
    pub expires: Option<Timestamp>,
    /// A page stands behind it (sip, dect, and any terminal that has contacts).
    pub has_page: bool,
    /// How many contacts.
    pub contacts: u32,
}

/// A call now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallView {
    /// The far party, name and number.
    pub far: String,
    /// Which way, seen from the user.
    pub direction: CallDirection,
    /// Ringing, up or held.
    pub phase: CallPhase,
    /// Since when in that phase.
    pub since: Timestamp,
}

/// Renders an address for people; `[v6]:port` and `v4:port`.
pub fn address_text(address: SocketAddr) -> String {
    address.to_string()
}
