//! Diagnostics: what happened to a user in the last two days, as a time line and a list, newest first; narrowed by a filter
//! that stands in the address. Beside it the same as packets, and what comes now. The reading is audited by `query`.

use std::sync::Arc;

use axum::extract::{Query as Args, State};
use maud::{Markup, html};

use crate::event::{DumpDetail, Sticker};
use crate::query::diagnostics::Cursor;
use crate::query::history::filter::Filter;
use crate::query::history::{Asked, Overview, Rest};
use crate::web::auth::{Site, Whom, aside};
use crate::web::export::menu::{Offer, menu};
use crate::web::fault::Fault;
use crate::web::kept::button;
use crate::web::text::{At, Line, Shape, link};
use crate::web::view::{Frame, Section, icon};

pub mod form;
pub mod list;
pub mod packets;
pub mod search;
pub mod tail;
pub mod timeline;

/// The fields of a query string, in their order.
pub(crate) type Fields = Args<Vec<(String, String)>>;

const WHERE: Fault =
    Fault::Missing("This place of the history can't be understood. Open the page from the navigation again.");
const NOBODY: Fault = Fault::Missing("There is no such user in this company.");

/// Where the page begins.
#[derive(serde::Deserialize)]
pub(crate) struct Before {
    before: Option<String>,
}

impl Before {
    /// `None`: at the newest.
    pub(crate) fn cursor(&self) -> Result<Option<Cursor>, Fault> {
        place(self.before.as_deref().unwrap_or_default())
    }
}

fn place(text: &str) -> Result<Option<Cursor>, Fault> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|()| WHERE) }
}

/// What a query string asks for.
pub(crate) fn asked(fields: &[(String, String)]) -> Result<Asked, Fault> {
    let value = |name: &str| {
        fields.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let rest = place(value("before"))?.zip(place(value("until"))?);
    let mut asked = Asked {
        filter: Filter::parse(fields).map_err(Fault::inside)?,
        rest: rest.map(|(before, until)| Rest { before, until }),
        past: place(value("past"))?,
        ..Asked::default()
    };
    if let Ok(slice) = value("slice").parse() {
        asked.slice = asked.slice.min(slice);
    }
    Ok(asked)
}

/// The fields that ask for the same, but for the place.
pub(crate) fn fields(asked: &Asked) -> Vec<(&'static str, String)> {
    let mut fields = asked.filter.fields();
    if asked.slice < Asked::default().slice {
        fields.push(("slice", asked.slice.to_string()));
    }
    fields
}

/// The link to what follows this page, of the lines that were read, or of those that were not.
pub(crate) fn follows(path: &str, asked: &Asked, past: Option<Cursor>, rest: Option<Rest>) -> Option<String> {
    let mut fields = fields(asked);
    if let Some(Rest { before, until }) = if past.is_some() { asked.rest } else { Some(rest?) } {
        fields.extend([("before", before.to_string()), ("until", until.to_string())]);
    }
    fields.extend(past.map(|past| ("past", past.to_string())));
    Some(link(path, &fields))
}

/// `GET /c/{company}/u/{user}/diag`.
pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    whom: Whom,
    Args(fields): Fields,
) -> Result<Markup, Fault> {
    let asked = asked(&fields)?;
    let frame = site.frame(&whom.place.visitor, Some(&whom.place.company));
    let (query, viewer, key) =
        (site.query.clone(), whom.place.visitor.viewer.clone(), Arc::clone(&whom.user.key));
    let work = move || {
        let data = query.overview(&viewer, &key, asked)?;
        Ok(data.map(|data| page(&frame, &data)))
    };
    aside(work).await?.map_err(Fault::inside)?.ok_or(NOBODY)
}

/// The whole page.
pub fn page(frame: &Frame, data: &Overview) -> Markup {
    let user = &data.history.user;
    let here = frame.links.diagnostics(user);
    let title = format!("{} {}", user.name, user.surname);
    let filter = &data.asked.filter;
    let later = data.asked.past.is_some() || data.asked.rest.is_some();
    let follows = follows(&here, &data.asked, data.past, data.rest);
    let packets = link(&frame.links.diagnostics_page(user, "packets"), &fields(&data.asked));
    let main = html! {
        link rel="stylesheet" href=(frame.links.asset("diag.css"));
        p.crumbs {
            a href=(frame.links.wall(&user.key.company)) { "Monitoring" } " › " (Line(&title)) " " (Line(&user.extension))
            " › diag"
        }
        div.head {
            div {
                h1 { (Line(&title)) " " small { (Line(&user.extension)) } }
                p.taken {
                    "As of " (At(data.history.at, Shape::Full)) " · dump detail " b { (data.history.detail.word()) }
                    " · now " b { (data.sticker.word()) } " · newest first"
                }
            }
            (tabs(&link(&here, &fields(&data.asked)), &packets, true))
            (menu(frame, &Offer {
                here: &here,
                fields: filter.fields(),
                holds: if filter.is_narrow() { "The packets of all that fits, of this user's legs." } else { "All that is kept of this stretch." },
                packets: None,
                bundle: Some(&frame.links.diagnostics_page(user, "bundle")),
            }))
            a.button href=(link(&here, &fields(&data.asked))) { (icon("refresh")) @if later { "Newest" } @else { "Reload" } }
        }
        @if data.history.detail == DumpDetail::Off { (off(frame, &user.key.company, !data.history.messages.is_empty())) }
        (timeline::picture(&here, data))
        (form::form(&here, filter, &data.terminals))
        @if data.lines.is_empty() { (nothing(data, later)) }
        // a search that goes on needs a place for what it finds
        @if !data.lines.is_empty() || data.rest.is_some() { (list::list(frame, data)) }
        @if filter.is_narrow() || data.rest.is_some() {
            (search::progress(frame, data, follows.as_deref()))
        } @else {
            (pager(&link(&here, &fields(&data.asked)), later, follows, data.lines.is_empty()))
        }
        @if frame.is_super() {
            div.lone { (button(frame, &user.key.company, Some(&user.key.user), "Remove this user's packets")) }
        }
        script src=(frame.links.asset("diag.js")) defer {}
    };
    frame.page(Section::Monitoring, &format!("diag {title}"), main)
}

/// The same history as a list of what happened, or of packets.
pub(crate) fn tabs(list: &str, packets: &str, is_list: bool) -> Markup {
    html! {
        nav.views aria-label="Views" {
            a href=(list) aria-current=[is_list.then_some("page")] { "Calls and registrations" }
            a href=(packets) aria-current=[(!is_list).then_some("page")] { "Packets" }
        }
    }
}

fn nothing(data: &Overview, later: bool) -> Markup {
    let is_narrow = data.asked.filter.is_narrow();
    html! {
        div.empty #nothing {
            @if is_narrow && data.rest.is_some() {
                p { strong { "Nothing fits so far." } }
            } @else if is_narrow {
                p { strong { "Nothing fits." } }
                p { "Remove a part of the filter above, or look at a longer stretch." }
            } @else if later {
                p { "Nothing older is kept." }
            } @else {
                p { strong { "Nothing happened in this stretch." } }
                @if data.sticker == Sticker::Offline {
                    p { "No terminal of this user is registered now, so no call can reach it." }
                } @else {
                    p { "Calls and registrations of this user appear here as soon as there are some." }
                }
            }
        }
    }
}

pub(crate) fn off(frame: &Frame, company: &str, has_packets: bool) -> Markup {
    html! {
        div.notice {
            p { strong { "Diagnostics is not activated for this company." } }
            p {
                "The dump detail is " b { "off" } ": nothing is kept of new packets. "
                @if frame.is_super() {
                    "Choose another level in the "
                    a href=(frame.links.settings(company)) { "General Settings" } "."
                } @else { "A super-admin can choose another level." }
                @if has_packets {
                    " Packets below were kept before it was set to off; they stay until their retention ends"
                    @if frame.is_super() { ", or until you remove them" } "."
                 }
            }
        }
    }
}

/// The way from one page to the others; `newest`: the first; `older`: the next.
pub(crate) fn pager(newest: &str, later: bool, older: Option<String>, is_empty: bool) -> Markup {
    html! {
        p.pager {
            @if later { a.button href=(newest) { "Newest" } }
            @if let Some(older) = older { a.button rel="next" href=(older) { "Older" } }
            @else if !is_empty { span.hint { "This is the oldest that is kept." } }
        }
    }
}
