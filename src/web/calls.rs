//! Calls of a company with which something was wrong: failed by a fault, of poor quality, one-way, over at once. Each leads
//! into the diagnostics of the user. The reading is audited by `query`.

use std::sync::Arc;

use axum::extract::{Query as Args, State};
use axum::response::Redirect;
use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::query::anomalies::{Anomaly, CallLine, Caller, CallsPage};
use crate::web::auth::{Place, Site, Whom, aside};
use crate::web::fault::Fault;
use crate::web::quality::{badge, way};
use crate::web::text::{At, Line, Shape, count, day, span};
use crate::web::view::{Frame, Section, icon};

/// Calls of a page.
const LIMIT: usize = 200;

/// Where the page begins, and of which kind.
#[derive(serde::Deserialize)]
pub(crate) struct Which {
    before: Option<String>,
    only: Option<String>,
}

const UNREADABLE: Fault =
    Fault::Missing("This place can't be understood. Open the page from the navigation again.");

/// `GET /c/{company}/calls?only=WORD&before=MICROSECONDS`.
pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    place: Place,
    Args(which): Args<Which>,
) -> Result<Markup, Fault> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let before = given(&which.before).map(|text| text.parse().map(Timestamp)).transpose();
    let before = before.map_err(|_| UNREADABLE)?;
    let only = given(&which.only);
    let only = match only {
        Some(word) => {
            Some(Anomaly::ALL.into_iter().find(|anomaly| anomaly.word() == word).ok_or(UNREADABLE)?)
        }
        None => None,
    };
    let (query, viewer, company) =
        (site.query.clone(), place.visitor.viewer.clone(), Arc::clone(&place.company.id));
    let data = aside(move || query.anomalies(&viewer, &company, before, only, LIMIT))
        .await?
        .map_err(Fault::inside)?
        .ok_or(Fault::Missing("There is no such company, or it is not yours to see."))?;
    Ok(page(&site.frame(&place.visitor, Some(&place.company)), &data, only, before.is_some()))
}

/// What names a leg.
#[derive(serde::Deserialize)]
pub(crate) struct Leg {
    at: i64,
    #[serde(rename = "call-id")]
    call_id: String,
}

/// `GET /c/{company}/u/{user}/diag/call?at=MICROSECONDS&call-id=ID`: to the call in the user's diagnostics.
pub(crate) async fn lead(
    State(site): State<Arc<Site>>,
    whom: Whom,
    Args(leg): Args<Leg>,
) -> Result<Redirect, Fault> {
    let (query, key) = (site.query.clone(), Arc::clone(&whom.user.key));
    let found = aside(move || query.place_of_call(&key, &leg.call_id, Timestamp(leg.at)))
        .await?
        .map_err(Fault::inside)?
        .ok_or(Fault::Missing("Nothing of this call is kept, or no more."))?;
    Ok(Redirect::to(&whom.place.visitor.links.item(&whom.user, found)))
}

/// The whole page; `later`: it is not the newest one.
pub fn page(frame: &Frame, data: &CallsPage, only: Option<Anomaly>, later: bool) -> Markup {
    let here = frame.links.calls(&data.company.id);
    let with = |only: Option<Anomaly>| match only {
        Some(only) => format!("{here}?only={}", only.word()),
        None => here.clone(),
    };
    let main = html! {
        div.head {
            div {
                h1 { "Calls with an anomaly" }
                p.taken {
                    "As of " (At(data.at, Shape::Full)) " · newest first · "
                    (count(u64::try_from(data.looked).unwrap_or(u64::MAX))) " calls looked through"
                }
            }
            a.button href=(with(only)) { (icon("refresh")) @if later { "Newest" } @else { "Reload" } }
        }
        nav.choices aria-label="Kind of anomaly" {
            a.button href=(with(None)) aria-current=[only.is_none().then_some("true")] { "All" }
            @for one in Anomaly::ALL {
                a.button href=(with(Some(one))) aria-current=[(only == Some(one)).then_some("true")] { (one.words()) }
            }
        }
        @if data.calls.is_empty() {
            div.empty {
                p { strong { @if only.is_some() { "None of this kind." } @else { "No call had an anomaly." } } }
                p { "Calls that fail by a fault, have fair or poor quality, media in one direction only, or end at once appear here." }
            }
        } @else {
            (list(frame, &data.calls))
        }
        p.pager {
            @if later { a.button href=(with(only)) { "Newest" } }
            @if let Some(next) = data.next {
                a.button rel="next" href={ (here) "?before=" (next.micros()) @if let Some(only) = only { "&only=" (only.word()) } } { "Older" }
            } @else if !data.calls.is_empty() { span.hint { "This is the oldest that is kept." } }
        }
        p.hint {
            "Quality is an estimate of the mean opinion score by ITU-T G.107 out of the RTCP figures that the PBX tells, "
            "as if the codec were G.711; a call's own page takes its codec. Calls without RTCP have no figure."
        }
    };
    frame.page(Section::Calls, "Calls", main)
}

fn list(frame: &Frame, calls: &[CallLine]) -> Markup {
    let mut last = String::new();
    html! {
        table.packets.calls data-days {
            caption.hidden { "Calls with an anomaly, newest first" }
            thead {
                tr {
                    th scope="col" { "Time" } th scope="col" { "From" } th scope="col" { "To" }
                    th scope="col" { "What is wrong" } th scope="col" { "Quality" } th.sz scope="col" { "Talked" }
                }
            }
            tbody {
                @for call in calls {
                    @let today = day(call.start);
                    @if today != last {
                        tr.day { th colspan="6" scope="rowgroup" { (At(call.start, Shape::Day)) } }
                        ({ last = today; "" })
                    }
                    (row(frame, call))
                }
            }
        }
    }
}

fn row(frame: &Frame, call: &CallLine) -> Markup {
    let wrong = html! {
        @for (n, one) in call.anomalies.iter().enumerate() { @if n > 0 { ", " } (one.words()) }
        @if !call.words.is_empty() { ": " (call.words) }
    };
    html! {
        tr {
            td.tc { (At(call.start, Shape::Clock)) }
            td { (party(&call.from)) }
            td { (party(&call.to)) }
            td {
                @match &call.place {
                    Some((user, call_id, at)) => { a href=(frame.links.call(user, call_id, *at)) { (wrong) } }
                    None => { (wrong) }
                }
            }
            td {
                @match &call.worst {
                    Some(figures) => { (badge(figures)) " " small { (way(figures.direction)) } }
                    None => { "–" }
                }
            }
            td.sz { @match call.talking { Some(talking) => { (span(talking)) } None => { "–" } } }
        }
    }
}

fn party(caller: &Caller) -> Markup {
    html! {
        @if let Some(user) = &caller.user {
            (Line(&user.name)) " " (Line(&user.surname)) " " small { (Line(&user.extension)) }
        } @else if caller.number.is_empty() && caller.name.is_empty() { "–" }
        @else { (Line(&caller.name)) " " small { (Line(&caller.number)) } }
    }
}
