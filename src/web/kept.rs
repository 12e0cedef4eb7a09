//! Configuration, Kept packets: what is on the disk of whom, and removing it for good. Super-admins only; each order
//! is made in two steps, so that no single click removes anything, and audited by `query`.

use std::sync::Arc;

use axum::extract::{Query as Args, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use crate::event::UserKey;
use crate::query::kept::{KeptPage, Ordered, Removal};
use crate::web::auth::{Chief, Posted, Site, aside};
use crate::web::fault::Fault;
use crate::web::settings::{Tab, tabs};
use crate::web::text::{At, Line, Shape, count, size};
use crate::web::view::{Frame, Section, icon};

/// Users that are listed at once; the smallest are left out.
const USERS: usize = 200;

/// Whether an order was just given.
#[derive(serde::Deserialize)]
pub(crate) struct Told {
    ordered: Option<u64>,
}

/// `GET /configuration/kept`.
pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    Chief(visitor): Chief,
    Args(told): Args<Told>,
) -> Result<Markup, Fault> {
    let (query, viewer) = (site.query.clone(), visitor.viewer.clone());
    let data = aside(move || query.kept(&viewer)).await?.map_err(Fault::inside)?;
    Ok(page(&site.frame(&visitor, None), &data, told.ordered))
}

/// `POST /configuration/kept`: `company`, and `user` where it is one user's.
pub(crate) async fn remove(
    State(site): State<Arc<Site>>,
    Chief(visitor): Chief,
    posted: Posted,
) -> Result<Response, Fault> {
    let (query, viewer) = (site.query.clone(), visitor.viewer.clone());
    let id = aside(move || match posted.get("what") {
        "company" => query.purge(&viewer, Removal::Company(posted.get("company"))),
        "user" => {
            query.purge(&viewer, Removal::User(&UserKey::new(posted.get("company"), posted.get("user"))))
        }
        _ => Err(crate::error::Error::Invalid("Use one of the page's buttons.".into())),
    })
    .await?
    .map_err(Fault::inside)?;
    Ok(Redirect::to(&ordered(&visitor.links.kept(), id)).into_response())
}

/// Where an order is followed.
pub(crate) fn ordered(kept: &str, id: u64) -> String {
    format!("{kept}?ordered={id}#removals")
}

/// A button, and behind it the warning and the button that does it.
pub(crate) fn button(frame: &Frame, company: &str, user: Option<&str>, words: &str) -> Markup {
    html! {
        details.act {
            summary.button { (words) "…" }
            form method="post" action=(frame.links.kept()) {
                (frame.token())
                input type="hidden" name="what" value=(if user.is_some() { "user" } else { "company" });
                input type="hidden" name="company" value=(company);
                @if let Some(user) = user { input type="hidden" name="user" value=(user); }
                p {
                    "Everything that is stored until now goes for good: packets, calls and registrations, quality. "
                    "It can't be brought back. What others' phones sent and received stays in their history."
                    @if user.is_some() {
                        " What the wall showed of this user, sticker and contact addresses, goes with the retention only."
                    }
                }
                button.main { (words) " for good" }
            }
        }
    }
}

/// The whole page.
pub fn page(frame: &Frame, data: &KeptPage, ordered: Option<u64>) -> Markup {
    let main = html! {
        (tabs(frame, Tab::Kept))
        p.crumbs { "Configuration › Kept packets" }
        div.head {
            div {
                h1 { "Kept packets" }
                p.taken { "As of " (At(data.at, Shape::Full)) " · " b { (size(data.bytes)) } " on the disk" }
            }
            a.button href=(frame.links.kept()) { (icon("refresh")) "Reload" }
        }
        @if ordered.is_some_and(|id| data.orders.iter().any(|order| order.id == id)) {
            p.notice.good role="status" {
                strong { "Ordered. " } "It is done in the background, also over a restart; reload to see how far it is."
            }
        }
        @if !data.orders.is_empty() { (removals(frame, &data.orders)) }
        section {
            h2 { "Companies" }
            p.hint { "About, and without what an older version stored." }
            @if data.companies.is_empty() { p.empty { "Nothing is kept yet." } } @else {
                table.list {
                    thead { tr {
                        th scope="col" { "Company" } th scope="col" { "On the disk" } th scope="col" { "At most" }
                        th scope="col" { span.hidden { "Removing" } }
                    } }
                    tbody {
                        @for company in &data.companies {
                            tr {
                                th scope="row" { (name(frame, &company.id)) @if company.name.is_none() && !company.id.is_empty() {
                                    " " small { "no longer in the directory" }
                                } }
                                td data-l="On the disk" { (size(company.bytes)) }
                                td data-l="At most" { @match company.max_bytes { Some(most) => { (size(most)) } None => { "no share set" } } }
                                td.acts { (button(frame, &company.id, None, "Remove all")) }
                            }
                        }
                    }
                }
            }
        }
        @if !data.former.is_empty() { (former(frame, &data.former)) }
    };
    frame.page(Section::Configuration, "Kept packets", main)
}

fn name(frame: &Frame, id: &str) -> Markup {
    let known = frame.companies.iter().find(|company| *company.id == *id);
    html! {
        @match known {
            Some(company) => { (Line(&company.name)) }
            None if id.is_empty() => { "Unattributed" }
            None => { (Line(id)) }
        }
    }
}

fn removals(frame: &Frame, orders: &[Ordered]) -> Markup {
    html! {
        section #removals {
            h2 { "Removals" }
            table.list {
                thead { tr {
                    th scope="col" { "Ordered" } th scope="col" { "What" } th scope="col" { "How far" }
                } }
                tbody {
                    @for order in orders {
                        tr {
                            td data-l="Ordered" { (At(order.asked, Shape::Full)) }
                            td data-l="What" { (what(frame, order)) }
                            td data-l="How far" { (progress(order)) }
                        }
                    }
                }
            }
            p.hint {
                "Done means that no file of the packet folder has a byte of them. Blocks that the disk has given free are "
                "not overwritten, and backups are not usermon's."
            }
        }
    }
}

fn what(frame: &Frame, order: &Ordered) -> Markup {
    html! {
        (name(frame, &order.company))
        @if let Some(user) = order.user.as_deref() { ", user " b { (Line(user)) } }
        @if let Some(above) = order.above { ", kept above " b { (above.word()) } }
    }
}

fn progress(order: &Ordered) -> Markup {
    html! {
        @match (order.ended, &order.waits) {
            (Some(ended), _) => { strong { "Done" } " " (At(ended, Shape::Full)) ", " (count(order.packets)) " packets removed" }
            (None, Some(why)) => { strong.bad { "Waits" } ": " (Line(why)) }
            (None, None) => {
                strong { "Under way" } ", " (count(order.packets)) " packets removed"
                @if order.bytes_left > 0 { ", " (size(order.bytes_left)) " to look through" }
            }
        }
    }
}

fn former(frame: &Frame, users: &[(UserKey, u64)]) -> Markup {
    html! {
        section {
            h2 { "Users that are no longer in the directory" }
            p.hint { "Their packets stay until the retention of their company ends, or until they are removed here." }
            table.list {
                thead { tr {
                    th scope="col" { "User" } th scope="col" { "Company" } th scope="col" { "On the disk" }
                    th scope="col" { span.hidden { "Removing" } }
                } }
                tbody {
                    @for (key, bytes) in users.iter().take(USERS) {
                        tr {
                            th scope="row" { (Line(&key.user)) }
                            td data-l="Company" { (name(frame, &key.company)) }
                            td data-l="On the disk" { (size(*bytes)) }
                            td.acts { (button(frame, &key.company, Some(&key.user), "Remove")) }
                        }
                    }
                }
            }
            @if users.len() > USERS {
                p.hint { "And " (count((users.len() - USERS) as u64)) " with less." }
            }
        }
    }
}
