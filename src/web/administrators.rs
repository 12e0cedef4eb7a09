//! Configuration, Administrators: accounts of these pages. Super-admins only. A new password is made here, shown once
//! in the answer to the form, and kept nowhere but as a hash.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use crate::config::Role;
use crate::error::{Error, Result};
use crate::password;
use crate::query::{Query, Viewer};
use crate::settings::Administrator;
use crate::web::auth::{Chief, Posted, Site, Visitor, aside};
use crate::web::fault::Fault;
use crate::web::settings::{Tab, tabs};
use crate::web::text::{Line, plain};
use crate::web::view::{Frame, Section};

/// What the form asked for, done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// An account has a new password, shown now and never again.
    Password {
        /// Whose.
        name: String,
        /// The password.
        password: String,
    },
    /// An account is gone.
    Removed(String),
    /// Nothing was changed, and why.
    Refused(String),
}

/// `GET /configuration/administrators`.
pub(crate) async fn show(State(site): State<Arc<Site>>, Chief(visitor): Chief) -> Markup {
    rendered(&site, &visitor, None)
}

/// `POST /configuration/administrators`.
pub(crate) async fn change(
    State(site): State<Arc<Site>>,
    Chief(visitor): Chief,
    posted: Posted,
) -> std::result::Result<Response, Fault> {
    let (query, viewer) = (site.query.clone(), visitor.viewer.clone());
    let _turn = site.checks.acquire().await.map_err(|_| Fault::Inside)?;
    let done = match aside(move || perform(&query, &viewer, &posted)).await?.map_err(Fault::inside) {
        Ok(done) => done,
        Err(Fault::Wrong(words)) => Done::Refused(words),
        Err(other) => return Err(other),
    };
    let status =
        if matches!(done, Done::Refused(_)) { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, rendered(&site, &visitor, Some(&done))).into_response())
}

fn rendered(site: &Site, visitor: &Visitor, done: Option<&Done>) -> Markup {
    let frame = site.frame(visitor, None);
    page(&frame, &site.query.administrators(), done)
}

fn perform(query: &Query, viewer: &Viewer, posted: &Posted) -> Result<Done> {
    let name = posted.get("name").trim().to_owned();
    match posted.get("action") {
        "add" => {
            let (role, company) = match posted.get("role") {
                "super-admin" => (Role::SuperAdmin, None),
                "administrator" => (Role::Administrator, Some(posted.get("company"))),
                _ => return Err(Error::Invalid("Choose a role: administrator or super-admin.".into())),
            };
            let password = password::generate()?;
            query.add_administrator(viewer, &name, role, company, &password::hash(&password)?)?;
            Ok(Done::Password { name, password })
        }
        "reset" => {
            let password = password::generate()?;
            query.reset_password(viewer, &name, &password::hash(&password)?)?;
            Ok(Done::Password { name, password })
        }
        "remove" => {
            query.remove_administrator(viewer, &name)?;
            Ok(Done::Removed(name))
        }
        _ => Err(Error::Invalid("Use one of the page's buttons.".into())),
    }
}

/// The whole page.
pub fn page(frame: &Frame, all: &[Administrator], done: Option<&Done>) -> Markup {
    let me = frame.viewer.as_ref().map(|v| &*v.person).unwrap_or_default();
    let main = html! {
        (tabs(frame, Tab::Administrators))
        p.crumbs { "Configuration › Administrators" }
        h1 { "Administrators" }
        @match done {
            Some(Done::Password { name, password }) => {
                div.notice.good role="status" {
                    p { "The password of " strong { (Line(name)) } " is:" }
                    p.secret { code { (password) } }
                    p { "It is shown only now. Hand it over, then leave this page." }
                }
            }
            Some(Done::Removed(name)) => {
                p.notice.good role="status" { strong { (Line(name)) } " is removed and logged out." }
            }
            Some(Done::Refused(words)) => { p.notice.bad role="alert" { strong { "Nothing was changed. " } (Line(words)) } }
            None => {}
        }
        table.list {
            thead {
                tr {
                    th scope="col" { "Name" } th scope="col" { "Role" } th scope="col" { "Company" }
                    th scope="col" { span.hidden { "Changes" } }
                }
            }
            tbody { @for account in all { (account_row(frame, account, *account.name == *me && !frame.by_host)) } }
        }
        (add(frame))
    };
    frame.page(Section::Configuration, "Administrators", main)
}

fn account_row(frame: &Frame, account: &Administrator, own: bool) -> Markup {
    let company = account.company.as_deref().map(|id| {
        frame.companies.iter().find(|c| &*c.id == id).map_or_else(|| id.to_owned(), |c| c.name.to_string())
    });
    html! {
        tr {
            th scope="row" { (Line(&account.name)) @if own { " " small { "you" } } }
            td data-l="Role" { (account.role.word()) }
            td data-l="Company" { @if let Some(company) = company { (Line(&company)) } @else { "all" } }
            td.acts {
                @if account.from_file {
                    span.hint { "in usermon.toml: change it there, then reload" }
                } @else {
                    (act(frame, account, "reset", "New password", "The old password and all sessions end at once."))
                    @if !own { (act(frame, account, "remove", "Remove", "The account and its sessions end at once.")) }
                }
            }
        }
    }
}

/// A change in two steps, so that no single click makes it.
fn act(frame: &Frame, account: &Administrator, action: &str, words: &str, warning: &str) -> Markup {
    html! {
        details.act {
            summary.button { (words) "…" }
            form method="post" action=(frame.links.administrators()) {
                (frame.token())
                input type="hidden" name="action" value=(action);
                input type="hidden" name="name" value=(account.name);
                p { (warning) }
                button.main { (words) ": " (plain(&account.name)) }
            }
        }
    }
}

fn add(frame: &Frame) -> Markup {
    html! {
        form.stack.wide method="post" action=(frame.links.administrators()) {
            (frame.token())
            input type="hidden" name="action" value="add";
            fieldset {
                legend { "Add an administrator" }
                label for="new-name" { "Name" }
                input #new-name name="name" maxlength="64" required autocomplete="off" autocapitalize="none" spellcheck="false"
                    pattern="\\S+" title="1 to 64 characters without spaces";
                label for="new-role" { "Role" }
                select #new-role name="role" {
                    option value="administrator" { "administrator: one company" }
                    option value="super-admin" { "super-admin: all companies and the configuration" }
                }
                label for="new-company" { "Company of an administrator" }
                select #new-company name="company" {
                    @for company in &frame.companies { option value=(company.id) { (plain(&company.name)) } }
                }
                p.hint { "A password is made and shown once on the next page." }
                button.main { "Add" }
            }
        }
    }
}
