//! Configuration, Audit log: who read or exported packets, changed a setting, logged in or tried. Super-admins only;
//! newest first, the end of the record (`audit.jsonl` in the data folder has all of it).

use std::sync::Arc;

use axum::extract::State;
use maud::{Markup, html};

use crate::query::AuditEntry;
use crate::web::auth::{Chief, Site, aside};
use crate::web::fault::Fault;
use crate::web::settings::{Tab, tabs};
use crate::web::text::{At, Line, Shape};
use crate::web::view::{Frame, Section};

/// Lines of the page.
const LIMIT: usize = 500;

/// `GET /configuration/audit`.
pub(crate) async fn show(State(site): State<Arc<Site>>, Chief(visitor): Chief) -> Result<Markup, Fault> {
    let (query, viewer) = (site.query.clone(), visitor.viewer.clone());
    let entries = aside(move || query.audit_log(&viewer, LIMIT)).await?.map_err(Fault::inside)?;
    Ok(page(&site.frame(&visitor, None), &entries))
}

/// The whole page.
pub fn page(frame: &Frame, entries: &[AuditEntry]) -> Markup {
    let main = html! {
        (tabs(frame, Tab::Audit))
        p.crumbs { "Configuration › Audit log" }
        h1 { "Audit log" }
        p.hint {
            "Newest first" @if entries.len() >= LIMIT { ", the last " (LIMIT) }
            ". The whole record is " code { "audit.jsonl" } " in the data folder."
        }
        @if entries.is_empty() { p.empty { "Nothing is recorded yet." } } @else {
            table.list {
                thead {
                    tr {
                        th scope="col" { "Time" } th scope="col" { "Who" } th scope="col" { "What" }
                        th scope="col" { "Company" } th scope="col" { "User, account" } th scope="col" { "Detail" }
                        th scope="col" { "From" }
                    }
                }
                tbody {
                    @for entry in entries {
                        tr {
                            td { (At(entry.time, Shape::Full)) }
                            td { (Line(&entry.person)) @if let Some(role) = entry.role { " " small { (role.word()) } } }
                            td { (Line(&entry.action)) }
                            td { (Line(&entry.company)) }
                            td { (Line(&entry.subject)) }
                            td { (Line(&entry.detail)) }
                            td { (Line(&entry.from)) }
                        }
                    }
                }
            }
        }
    };
    frame.page(Section::Configuration, "Audit log", main)
}
