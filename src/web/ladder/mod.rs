//! One call, registration or other dialog: why it ended as it did, the ladder of all its legs, and the message that is
//! chosen. The reading is audited by `query`. Nothing of it needs the script, which only spares the reload.

use std::sync::Arc;

use axum::extract::{Query as Args, Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use self::lanes::Lanes;
use self::pane::{Ways, pane};
use self::svg::Picture;
use crate::event::{CallDirection, DumpDetail};
use crate::query::diagnostics::Cursor;
use crate::query::history::joined::{Joined, MOST_MESSAGES};
use crate::query::history::{Kind, Outcome, Party, Repeat};
use crate::web::auth::{Site, Whom, aside, param};
use crate::web::diagnostics::list::shape;
use crate::web::export::menu::{Offer, menu};
use crate::web::fault::Fault;
use crate::web::quality::table;
use crate::web::text::{At, Line, Shape, count, link, span, stamp};
use crate::web::view::{Frame, Section, icon};

pub mod label;
pub mod lanes;
pub mod meaning;
pub mod pane;
pub mod rows;
pub mod sdp;
pub mod svg;
pub mod value;

pub(crate) const GONE: Fault =
    Fault::Missing("This is not kept, or no more. Open diag from the monitoring page to see what is.");

/// Which message is chosen, and whether only its pane is asked for.
#[derive(serde::Deserialize)]
pub(crate) struct Choice {
    m: Option<String>,
    pane: Option<String>,
}

/// What a path names: whose item, and a record of it.
pub(crate) async fn place(site: &Arc<Site>, request: Request) -> Result<(Whom, Cursor), Fault> {
    use axum::extract::FromRequestParts;
    let (mut parts, _) = request.into_parts();
    let whom = Whom::from_request_parts(&mut parts, site).await?;
    let at = param(&mut parts, "cursor").await?.parse().map_err(|()| GONE)?;
    Ok((whom, at))
}

/// `GET /c/{company}/u/{user}/diag/item/{cursor}?m=CURSOR`; `&pane=1`: the pane of that message alone.
pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    Args(choice): Args<Choice>,
    request: Request,
) -> Result<Markup, Fault> {
    let (whom, at) = place(&site, request).await?;
    let chosen = choice.m.as_deref().map(str::parse).transpose().map_err(|()| GONE)?;
    let frame = site.frame(&whom.place.visitor, Some(&whom.place.company));
    let (query, viewer) = (site.query.clone(), whom.place.visitor.viewer.clone());
    let work = move || {
        let joined = query.joined(&viewer, &whom.user.key, at)?;
        Ok(joined.map(|joined| {
            if choice.pane.is_some() {
                fragment(&frame, &joined, chosen)
            } else {
                page(&frame, &joined, chosen)
            }
        }))
    };
    aside(work).await?.map_err(Fault::inside)?.ok_or(GONE)
}

/// `GET /c/{company}/u/{user}/diag/item/{cursor}/ladder.svg`: the picture alone, to take away.
pub(crate) async fn picture(State(site): State<Arc<Site>>, request: Request) -> Result<Response, Fault> {
    let (whom, at) = place(&site, request).await?;
    let host = site.frame(&whom.place.visitor, None).host;
    let (query, viewer) = (site.query.clone(), whom.place.visitor.viewer.clone());
    let work = move || {
        let joined = query.joined_export(&viewer, &whom.user.key, at)?;
        Ok(joined.map(|joined| (stamp(joined.item.start), svg(&joined, &host))))
    };
    let (when, text) = aside(work).await?.map_err(Fault::inside)?.ok_or(GONE)?;
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    let name = format!("attachment; filename=\"ladder-{when}.svg\"");
    headers.insert(
        CONTENT_DISPOSITION,
        HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment")),
    );
    Ok(response)
}

/// The ladder as an SVG document that stands alone; `host` is the PBX's name.
pub fn svg(joined: &Joined, host: &str) -> String {
    let (lanes, holes) = (Lanes::of(joined, host), joined.holes());
    Picture::new(joined, &holes, &lanes).alone(&heading(joined), &joined.item.verdict.words)
}

/// What it is, in a line.
pub fn heading(joined: &Joined) -> String {
    let item = &joined.item;
    let Party { number, name, user } = &item.far;
    let far = match user {
        Some(user) => format!("{} {}", user.full_name(), user.extension),
        None if !name.is_empty() && name != number => format!("{name} {number}"),
        None if !number.is_empty() => number.clone(),
        None => "an unknown party".to_owned(),
    };
    match (item.kind, item.direction) {
        (Kind::Call, Some(CallDirection::Incoming)) => format!("Call from {far}"),
        (Kind::Call, _) => format!("Call to {far}"),
        (Kind::Registration, _) => "Registration".to_owned(),
        (Kind::Other(method), Some(CallDirection::Incoming)) => format!("{} to the phone", method.name()),
        (Kind::Other(method), _) => format!("{} from the phone", method.name()),
    }
}

/// The number of the message that the pane shows: the chosen one, else the one that shows why, else the first.
fn number(joined: &Joined, chosen: Option<Cursor>) -> usize {
    let of = |at: Cursor| joined.messages.iter().position(|placed| placed.message.at == at);
    chosen.and_then(of).or_else(|| joined.item.verdict.at.and_then(of)).unwrap_or(0)
}

fn pane_of(frame: &Frame, joined: &Joined, lanes: &Lanes, number: usize) -> Markup {
    let own = |key: &_| *key == joined.user.key;
    let placed = joined.messages.get(number);
    let packet = placed
        .filter(|placed| placed.owner.as_ref().is_some_and(|owner| own(&owner.key)))
        .map(|placed| frame.links.packet(&joined.user, placed.message.at));
    let ways = Ways {
        item: &frame.links.item(&joined.user, joined.item.id),
        compare: &frame.links.diagnostics_page(&joined.user, "compare"),
        packet,
    };
    pane(joined, lanes, number, &ways)
}

/// The pane alone.
pub fn fragment(frame: &Frame, joined: &Joined, chosen: Option<Cursor>) -> Markup {
    pane_of(frame, joined, &Lanes::of(joined, &frame.host), number(joined, chosen))
}

/// The way back to the list.
pub(crate) fn crumbs(frame: &Frame, joined: &Joined) -> Markup {
    let user = &joined.user;
    html! {
        a href=(frame.links.wall(&user.key.company)) { "Monitoring" } " › "
        a href=(frame.links.diagnostics(user)) {
            (Line(&user.name)) " " (Line(&user.surname)) " " (Line(&user.extension)) " diag"
        }
        " › "
    }
}

/// The whole page.
pub fn page(frame: &Frame, joined: &Joined, chosen: Option<Cursor>) -> Markup {
    let (lanes, holes) = (Lanes::of(joined, &frame.host), joined.holes());
    let picture = Picture::new(joined, &holes, &lanes);
    let number = number(joined, chosen);
    let shown = joined.messages.get(number).map(|placed| placed.message.at);
    let item = &joined.item;
    let title = heading(joined);
    let here = frame.links.item(&joined.user, item.id);
    let compare = frame.links.diagnostics_page(&joined.user, "compare");
    let main = html! {
        link rel="stylesheet" href=(frame.links.asset("ladder.css"));
        p.crumbs { (crumbs(frame, joined)) (Line(&title)) }
        div.head {
            div {
                h1 { (Line(&title)) }
                p.taken {
                    (At(item.start, Shape::Full))
                    @if let Some(ringing) = item.ringing { " · rang " (span(ringing)) }
                    @if let Some(talking) = item.talking { " · talked " (span(talking)) }
                    " · " (count(u64::try_from(joined.messages.len()).unwrap_or(u64::MAX))) " messages"
                    @if joined.call_ids.len() > 1 { " in " (joined.call_ids.len()) " legs" }
                }
            }
            a.button href=(link(&compare, &[("item", item.id.to_string())])) { "Last time it worked" }
            (menu(frame, &Offer {
                here: &here,
                holds: "All legs.",
                packets: Some(joined.messages.len()),
                bundle: Some(&format!("{here}/bundle")),
                ..Offer::default()
            }))
            a.button href={ (here) "/ladder.svg" } download { (icon("save")) "SVG" }
            button.button.js #png type="button" data-svg={ (here) "/ladder.svg" } { (icon("save")) "PNG" }
        }
        (verdict(joined))
        p.notice.bad #said hidden role="status" {}
        div.ladder-page {
            div.ladder #ladder tabindex="0" role="group" aria-label="Ladder" { (picture.parts(shown)) }
            section.pane #pane aria-label="Message" { (pane_of(frame, joined, &lanes, number)) }
        }
        (media(joined, &lanes))
        (legend(joined))
        script src=(frame.links.asset("ladder.js")) defer {}
    };
    frame.page(Section::Monitoring, &title, main)
}

/// How it ended and why, with the message that shows it.
fn verdict(joined: &Joined) -> Markup {
    let verdict = &joined.item.verdict;
    let class = match verdict.outcome {
        Outcome::Good => "notice verdict good",
        Outcome::Failed => "notice verdict bad",
        _ => "notice verdict",
    };
    html! {
        p class=(class) {
            (shape(verdict.outcome)) strong { (Line(&verdict.words)) }
            @if !verdict.advice.is_empty() { span { (Line(&verdict.advice)) } }
            @if let Some(at) = verdict.at.filter(|at| joined.message(*at).is_some()) {
                a href={ "?m=" (at) "#m" (at) } data-m=(at) { "The message that shows it" }
            }
        }
        @if joined.is_cut {
            p.notice { "There are more messages than can be shown: the first " (count(MOST_MESSAGES as u64)) " are." }
        }
        @if joined.has_foreign_legs { p.notice { "A leg of another company is not shown." } }
    }
}

/// The figures of the media, leg by leg.
fn media(joined: &Joined, lanes: &Lanes) -> Markup {
    let figures = joined.figures();
    html! {
        @if !figures.is_empty() {
            section {
                h2 { "Quality of the media" }
                @for (_, call_id, figures) in &figures {
                    @let lane = joined.lanes.iter().position(|lane| lane.call_ids.contains(call_id));
                    @if let Some(lane) = lane { p.hint { (Line(&lanes.name(lane))) } }
                    (table(figures))
                }
            }
        }
    }
}

fn legend(joined: &Joined) -> Markup {
    let has_repeat = joined.messages.iter().any(|p| p.message.repeat != Repeat::No);
    html! {
        dl.legend {
            dt.js { kbd { "↑" } " " kbd { "↓" } " " kbd { "k" } " " kbd { "j" } }
            dd.js { "The message before and after." }
            @if !joined.steps.is_empty() {
                dt { span.key.ringing {} " " span.key.up {} " " span.key.held {} }
                dd { "The leg rings, is up, is on hold, as the PBX told." }
            }
            @if has_repeat {
                dt { span.key.again {} }
                dd { "Sent again because no answer had come in time, or the same twice at once." }
            }
            @if let Some(placed) = joined.messages.iter().find(|p| p.message.cut && p.message.detail < DumpDetail::Full) {
                dt { (placed.message.detail.word()) }
                dd { "The dump detail: not all of each message was kept." }
            }
            @if joined.lanes.iter().any(|lane| lane.call_ids.len() > 1) {
                dt { "① ②" }
                dd { "Which dialog (Call-ID) of the device it belongs to." }
            }
        }
    }
}
