//! The monitoring page's data: one row a user, and what changed since a version.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::directory::{Company, User};
use crate::event::{CallDirection, CallPhase, Grey, Kind, Sticker, Transport, UserKey};
use crate::query::Query;
use crate::query::tally::Moment;
use crate::query::terminals::{id_safe, terminals};
use crate::state::{Leg, UserState};

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
    /// Why, if the sticker is grey.
    pub grey: Option<Grey>,
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

impl Totals {
    pub(crate) fn of(&mut self, sticker: Sticker) -> &mut u32 {
        match sticker {
            Sticker::Free => &mut self.free,
            Sticker::Offline => &mut self.offline,
            Sticker::Busy => &mut self.busy,
            Sticker::Ringing => &mut self.ringing,
        }
    }
}

impl Query {
    /// A company's whole wall; `None` where there is no such company. Costs some microseconds a user.
    pub fn wall(&self, company: &str) -> Option<Wall> {
        let company = self.company(company)?;
        let (moment, users) = self.users_at(&company.id);
        let version = self.version(moment);
        Some(assemble((company, &users), (version, self.now()), |key| self.0.state.user(key)))
    }

    /// What changed on a company's wall since `version`, a [`Wall::version`] or [`WallUpdate::version`].
    pub fn wall_since(&self, company: &str, version: &str) -> Option<WallUpdate> {
        let company = self.company(company)?;
        let (moment, users) = self.users_at(&company.id);
        let now = self.version(moment);
        let since = same_epoch(version, &now);
        let rows = match since {
            None => users.iter().map(|user| row(user, &self.0.state.user(&user.key))).collect(),
            Some(since) => self
                .0
                .state
                .changed_since(since)
                .iter()
                .filter(|key| key.company == company.id)
                .filter_map(|key| Some(row(&self.user(key)?, &self.0.state.user(key))))
                .collect(),
        };
        Some(WallUpdate {
            version: now,
            full: since.is_none(),
            rows,
            removed: Vec::new(),
            totals: self.1.totals(&company.id, &users, &self.0.state, moment),
            at: moment.now,
        })
    }

    /// The versions are read before the users, so that a change in between is sent again rather than lost.
    fn users_at(&self, company: &str) -> (Moment, Arc<[Arc<User>]>) {
        let (generation, version) = (self.0.directory.generation(), self.0.state.version());
        let moment = Moment { generation, version, now: self.now() };
        (moment, self.0.directory.users(Some(company)))
    }

    fn version(&self, moment: Moment) -> String {
        format!("{}.{}.{}", self.run(), moment.generation, moment.version)
    }
}

/// The state's version in `version`, if its run and directory are those of `now`.
fn same_epoch(version: &str, now: &str) -> Option<u64> {
    let (epoch, state) = version.rsplit_once('.')?;
    let (epoch_now, state_now) = now.rsplit_once('.')?;
    let state: u64 = state.parse().ok()?;
    (epoch == epoch_now && state <= state_now.parse().ok()?).then_some(state)
}

/// The wall of these users, each as `state` has it.
pub(super) fn assemble(
    (company, users): (Arc<Company>, &[Arc<User>]),
    (version, at): (String, Timestamp),
    state: impl Fn(&UserKey) -> Arc<UserState>,
) -> Wall {
    let mut totals = Totals::default();
    let mut departments = BTreeSet::new();
    let rows = users
        .iter()
        .map(|user| {
            let state = state(&user.key);
            *totals.of(state.sticker) += 1;
            departments.insert(Arc::clone(&user.department));
            row(user, &state)
        })
        .collect();
    departments.remove("");
    let departments = departments.into_iter().collect();
    Wall { version, company, rows, totals, departments, at }
}

fn row(user: &Arc<User>, state: &UserState) -> Row {
    Row {
        id: format!("u-{}", id_safe(&user.key.user)),
        user: Arc::clone(user),
        sticker: state.sticker,
        calls: state.calls,
        since: state.since,
        grey: (state.sticker == Sticker::Offline).then_some(state.grey),
        terminals: terminals(user, state).into_iter().map(|m| m.view).collect(),
        now: state.legs.iter().map(call).collect(),
    }
}

pub(crate) fn call(leg: &Leg) -> CallView {
    let far = match (&*leg.far_name, &*leg.far_number) {
        ("", number) => number.to_owned(),
        (name, "") => name.to_owned(),
        (name, number) => format!("{name} ({number})"),
    };
    CallView { far, direction: leg.direction, phase: leg.phase, since: leg.since }
}
