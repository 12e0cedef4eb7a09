//! What belongs to nobody known: failed attempts on accounts that do not exist, and the packets of the bounded pool.
//! Super-admins only, because such a packet may be of any company. The reading is audited by `query`.

use std::sync::Arc;

use axum::extract::{Query as Args, State};
use maud::{Markup, html};

use crate::event::DumpDetail;
use crate::query::unattributed::UnattributedPage;
use crate::web::auth::{Chief, Site, aside};
use crate::web::diagnostics::packets::{LIMIT, list};
use crate::web::diagnostics::{Before, pager};
use crate::web::fault::Fault;
use crate::web::settings::{Tab, tabs};
use crate::web::terminal::failures;
use crate::web::text::{At, Shape, count};
use crate::web::view::{Frame, Section, icon};

/// Failed attempts that are shown at once; the others are folded.
const FAILURES: usize = 10;

/// `GET /unattributed?before=CURSOR`.
pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    Chief(visitor): Chief,
    Args(before): Args<Before>,
) -> Result<Markup, Fault> {
    let before = before.cursor()?;
    let (query, viewer) = (site.query.clone(), visitor.viewer.clone());
    let data = aside(move || query.unattributed(&viewer, before, LIMIT)).await?.map_err(Fault::inside)?;
    Ok(page(&site.frame(&visitor, None), &data, before.is_some()))
}

/// The whole page; `later`: it is not the newest one.
pub fn page(frame: &Frame, data: &UnattributedPage, later: bool) -> Markup {
    let here = frame.links.unattributed();
    let main = html! {
        (tabs(frame, Tab::Unattributed))
        p.crumbs { "Configuration › Unattributed" }
        div.head {
            div {
                h1 { "Unattributed" }
                p.taken {
                    "As of " (At(data.at, Shape::Full)) " · dump detail " b { (data.detail.word()) } " · newest first"
                }
            }
            a.button href=(here) { (icon("refresh")) @if later { "Newest" } @else { "Reload" } }
        }
        p.hint {
            "What could not be attributed to a user of any company: wrong accounts or domains, trunks, scanners. "
            "Only so much of it is kept a minute, so that it can't push out the users' packets"
            @if data.dropped > 0 { "; " b { (count(data.dropped)) } " packets were over that bound since the start" }
            "."
        }
        @if !later { (attempts(data)) }
        section {
            h2 { "Packets" }
            @if data.entries.is_empty() {
                @if data.detail == DumpDetail::Off {
                    p.empty { "The dump detail in usermon.toml is off: nothing is kept of such packets." }
                } @else if later { p.empty { "Nothing older is kept." } } @else { p.empty { "None." } }
            } @else {
                (list(&data.entries, &|at| frame.links.unattributed_packet(at)))
            }
        }
        (pager(&here, later, data.next.map(|next| format!("{here}?before={next}")), data.entries.is_empty()))
    };
    frame.page(Section::Configuration, "Unattributed", main)
}

fn attempts(data: &UnattributedPage) -> Markup {
    let (first, rest) = data.failures.split_at(data.failures.len().min(FAILURES));
    html! {
        section {
            h2 { "Failed attempts on unknown accounts" }
            @if first.is_empty() { p.empty { "None since the start." } } @else { (failures(first, true)) }
            @if !rest.is_empty() {
                details {
                    summary { (count(u64::try_from(rest.len()).unwrap_or(u64::MAX))) " older" }
                    (failures(rest, true))
                }
            }
        }
    }
}
