//! A user's packets as a list, newest first, a page at a time, with what is missing and what changed in its place; narrowed
//! by the same filter as the list of what happened. The reading is audited by `query`.

use std::sync::Arc;

use axum::extract::{Query as Args, State};
use maud::{Markup, html};

use super::{Fields, NOBODY, asked, fields, follows, form, off, pager, tabs, tail};
use crate::event::{Direction, DumpDetail};
use crate::query::diagnostics::{Cursor, Entry, PacketLine};
use crate::query::history::Asked;
use crate::query::history::packets::Packets;
use crate::web::auth::{Site, Whom, aside};
use crate::web::export::menu::{Offer, menu};
use crate::web::fault::Fault;
use crate::web::text::{At, Line, Shape, brief, count, day, link};
use crate::web::view::{Frame, Section, icon};

/// Lines of a page.
pub(crate) const LIMIT: usize = 200;

/// `GET /c/{company}/u/{user}/diag/packets`.
pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    whom: Whom,
    Args(fields): Fields,
) -> Result<Markup, Fault> {
    let asked = asked(&fields)?;
    let (query, viewer, key) =
        (site.query.clone(), whom.place.visitor.viewer.clone(), Arc::clone(&whom.user.key));
    let wish = asked.clone();
    let data = aside(move || query.packets(&viewer, &key, &wish, LIMIT))
        .await?
        .map_err(Fault::inside)?
        .ok_or(NOBODY)?;
    Ok(page(&site.frame(&whom.place.visitor, Some(&whom.place.company)), &data, &asked))
}

/// The whole page.
pub fn page(frame: &Frame, data: &Packets, asked: &Asked) -> Markup {
    let later = asked.past.is_some() || asked.rest.is_some();
    let page = &data.page;
    let user = &page.user;
    let here = frame.links.diagnostics_page(user, "packets");
    let newest = link(&here, &fields(asked));
    let title = format!("{} {}", user.name, user.surname);
    let main = html! {
        link rel="stylesheet" href=(frame.links.asset("diag.css"));
        p.crumbs {
            a href=(frame.links.wall(&user.key.company)) { "Monitoring" } " › "
            a href=(frame.links.diagnostics(user)) { (Line(&title)) " " (Line(&user.extension)) " diag" }
            " › packets"
        }
        div.head {
            div {
                h1 { (Line(&title)) " " small { (Line(&user.extension)) } }
                p.taken {
                    "As of " (At(page.at, Shape::Full)) " · dump detail " b { (page.detail.word()) }
                    " · newest first"
                }
            }
            (tabs(&link(&frame.links.diagnostics(user), &fields(asked)), &newest, false))
            @if !later { (tail::button(frame, user, &asked.filter, page)) }
            (menu(frame, &Offer {
                here: &here,
                fields: asked.filter.fields(),
                holds: if asked.filter.is_narrow() { "The packets that fit." } else { "All that is kept of this stretch." },
                ..Offer::default()
            }))
            a.button href=(newest) { (icon("refresh")) @if later { "Newest" } @else { "Reload" } }
        }
        (tail::said())
        @if page.detail == DumpDetail::Off {
            (off(frame, &user.key.company, page.entries.iter().any(|e| matches!(e, Entry::Packet(_)))))
        }
        (form::form(&here, &asked.filter, &[]))
        @if page.entries.is_empty() {
            @if page.detail != DumpDetail::Off || asked.filter.is_narrow() { (nothing(asked, later)) }
        }
        @if !page.entries.is_empty() || !later {
            (list(&page.entries, &|at| frame.links.packet(user, at)))
        }
        (pager(&newest, later, follows(&here, asked, data.past, data.rest), page.entries.is_empty()))
        script src=(frame.links.asset("diag.js")) defer {}
    };
    frame.page(Section::Monitoring, &format!("packets {title}"), main)
}

fn nothing(asked: &Asked, later: bool) -> Markup {
    html! {
        div.empty #nothing {
            @if asked.filter.fields().is_empty() {
                @if later { p { "Nothing older is kept." } } @else {
                    p { strong { "No packets yet." } }
                    p { "Packets of this user appear here as soon as a terminal registers or a call begins." }
                }
            } @else {
                p { strong { "No packet fits." } }
                p { "Remove a part of the filter above, or look at a longer stretch." }
            }
        }
    }
}

/// The lines of a history with their legend; `link` leads to one packet.
pub(crate) fn list(entries: &[Entry], link: &dyn Fn(Cursor) -> String) -> Markup {
    let mut last = String::new();
    html! {
        table.packets data-days {
            caption.hidden { "Packets, newest first" }
            thead {
                tr {
                    th scope="col" { "Time" } th scope="col" { "Way" } th scope="col" { "Message" }
                    th scope="col" { "From, to" } th scope="col" { "Call-ID" } th scope="col" { "Far address" }
                    th.sz scope="col" { "Size" }
                }
            }
            tbody {
                @for entry in entries {
                    @let at = match entry { Entry::Packet(p) => p.at.time, Entry::Gap { to, .. } | Entry::Lowered { to, .. } => *to, Entry::Change { at, .. } => at.time };
                    @let today = day(at);
                    @if today != last {
                        tr.day { th colspan="7" scope="rowgroup" { (At(at, Shape::Day)) } }
                        ({ last = today; "" })
                    }
                    (row(entry, link))
                }
            }
        }
        (legend(entries))
    }
}

/// One line; `link` leads to a packet.
pub(crate) fn row(entry: &Entry, link: &dyn Fn(Cursor) -> String) -> Markup {
    html! {
        @match entry {
            Entry::Packet(packet) => { (packet_row(&link(packet.at), packet)) }
            Entry::Gap { from, to, words, .. } => {
                tr.gap {
                    td { (At(*to, Shape::Fine)) }
                    td colspan="6" {
                        (icon("gap")) strong { "Gap " } (Line(words)) " "
                        span.hint { (At(*from, Shape::Fine)) " to " (At(*to, Shape::Fine)) }
                    }
                }
            }
            Entry::Lowered { from, to } => {
                tr.gap {
                    td { (At(*to, Shape::Fine)) }
                    td colspan="6" {
                        (icon("gap")) strong { "Less detail " }
                        "Overload: packets are kept with less than the dump detail here. "
                        span.hint { (At(*from, Shape::Fine)) " to " (At(*to, Shape::Fine)) }
                    }
                }
            }
            Entry::Change { at, words } => {
                tr.change data-at=(at) { td { (At(at.time, Shape::Fine)) } td colspan="6" { (Line(words)) } }
            }
        }
    }
}

fn packet_row(link: &str, packet: &PacketLine) -> Markup {
    html! {
        tr.packet data-at=(packet.at) {
            td.tc { (At(packet.at.time, Shape::Fine)) }
            td.wy { (way(packet.direction)) }
            td.ms {
                a href=(link) title=(brief(&packet.start_line)) {
                    (badge(packet))
                }
                @if packet.method.is_none() { span.cseq { (Line(&packet.cseq)) } }
                (marks(packet))
            }
            td.ft { (parties(packet)) }
            td.ci { code.cut title=(brief(&packet.call_id)) { (Line(&packet.call_id)) } }
            td.fa { code { (packet.far) } " " (packet.transport.name()) }
            td.sz { (count(packet.size.into())) " B" }
        }
    }
}

/// From and To user; a PBX that asks a phone whether it is there often is nobody.
pub fn parties(packet: &PacketLine) -> Markup {
    let who = |user: &str| html! { @if user.is_empty() { "–" } @else { (Line(user)) } };
    html! { (who(&packet.from_user)) " → " (who(&packet.to_user)) }
}

/// Which way, as arrow and word.
pub fn way(direction: Direction) -> Markup {
    match direction {
        Direction::In => html! { span.way.in { (icon("in")) "in" } },
        Direction::Out => html! { span.way.out { (icon("out-way")) "out" } },
    }
}

/// Method or status, coloured by what it means; the words are always there.
pub fn badge(packet: &PacketLine) -> Markup {
    match (&packet.method, packet.status) {
        (Some(method), _) => html! { span.badge.m { (Line(method)) } },
        (None, Some(status)) => {
            let class = match status {
                100..200 => "badge s1",
                200..300 => "badge s2",
                300..400 => "badge s3",
                // a challenge is how every registration begins, no failure
                401 | 407 => "badge s3",
                400..500 => "badge s4",
                _ => "badge s5",
            };
            let reason = packet.start_line.splitn(3, ' ').nth(2).unwrap_or_default();
            html! { span class=(class) { (status) @if !reason.is_empty() { " " (Line(reason)) } } }
        }
        (None, None) => html! { span.badge.s5 { "not SIP" } },
    }
}

/// What is to be known before trusting a packet.
pub fn marks(packet: &PacketLine) -> Markup {
    html! {
        @if packet.claimed { " " span.mark title="Only its From or To says that it is this user's" { "claimed" } }
        @if packet.unsure { " " span.mark title="It could not be scanned with certainty; only a stump was kept" { "stump" } }
        @else if packet.cut { " " span.mark title="Not all bytes were kept" { "cut" } }
    }
}

fn legend(entries: &[Entry]) -> Markup {
    let any =
        |test: fn(&PacketLine) -> bool| entries.iter().any(|e| matches!(e, Entry::Packet(p) if test(p)));
    html! {
        dl.legend {
            @if any(|p| p.claimed) {
                dt { span.mark { "claimed" } }
                dd { "Only the packet's own From or To says that it is this user's: anybody can write that." }
            }
            @if any(|p| p.cut && !p.unsure) {
                dt { span.mark { "cut" } }
                dd { "Not all of it was kept, because of the dump detail at that time, overload or a limit." }
            }
            @if any(|p| p.unsure) {
                dt { span.mark { "stump" } }
                dd { "It could not be read with certainty, so only its beginning was kept, blacked out." }
            }
        }
    }
}
