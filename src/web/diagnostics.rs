//! Diagnostics: a user's packets of the last two days as a list, newest first, a page at a time, with what is missing
//! and what changed in its place. The reading is audited by `query`.

use std::sync::Arc;

use axum::extract::{Query as Args, State};
use maud::{Markup, html};

use crate::event::{Direction, DumpDetail};
use crate::query::diagnostics::{Cursor, DiagnosticsPage, Entry, PacketLine};
use crate::web::auth::{Site, Whom, aside};
use crate::web::fault::Fault;
use crate::web::kept::button;
use crate::web::text::{At, Line, Shape, brief, count, day};
use crate::web::view::{Frame, Section, icon};

/// Lines of a page.
pub(crate) const LIMIT: usize = 200;

/// Where the page begins.
#[derive(serde::Deserialize)]
pub(crate) struct Before {
    before: Option<String>,
}

impl Before {
    /// `None`: at the newest.
    pub(crate) fn cursor(&self) -> Result<Option<Cursor>, Fault> {
        let text = self.before.as_deref().filter(|text| !text.is_empty());
        text.map(str::parse).transpose().map_err(|()| {
            Fault::Missing(
                "This place of the history can't be understood. Open the page from the navigation again.",
            )
        })
    }
}

/// `GET /c/{company}/u/{user}/diag?before=CURSOR`.
pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    whom: Whom,
    Args(before): Args<Before>,
) -> Result<Markup, Fault> {
    let before = before.cursor()?;
    let (query, viewer, key) =
        (site.query.clone(), whom.place.visitor.viewer.clone(), Arc::clone(&whom.user.key));
    let data = aside(move || query.diagnostics(&viewer, &key, before, LIMIT))
        .await?
        .map_err(Fault::inside)?
        .ok_or(Fault::Missing("There is no such user in this company."))?;
    Ok(page(&site.frame(&whom.place.visitor, Some(&whom.place.company)), &data, before.is_some()))
}

/// The whole page; `later`: it is not the newest one.
pub fn page(frame: &Frame, data: &DiagnosticsPage, later: bool) -> Markup {
    let user = &data.user;
    let here = frame.links.diagnostics(user);
    let title = format!("{} {}", user.name, user.surname);
    let main = html! {
        p.crumbs {
            a href=(frame.links.wall(&user.key.company)) { "Monitoring" } " › " (Line(&title)) " " (Line(&user.extension))
            " › diag"
        }
        div.head {
            div {
                h1 { (Line(&title)) " " small { (Line(&user.extension)) } }
                p.taken {
                    "As of " (At(data.at, Shape::Full)) " · dump detail " b { (data.detail.word()) }
                    " · newest first"
                }
            }
            a.button href=(here) { (icon("refresh")) @if later { "Newest" } @else { "Reload" } }
        }
        @if data.detail == DumpDetail::Off { (off(frame, data)) }
        @if data.entries.is_empty() {
            @if data.detail != DumpDetail::Off {
                div.empty {
                    @if later { p { "Nothing older is kept." } } @else {
                        p { strong { "No packets yet." } }
                        p { "Packets of this user appear here as soon as a terminal registers or a call begins." }
                    }
                }
            }
        } @else {
            (list(&data.entries, &|at| frame.links.packet(user, at)))
        }
        (pager(&here, later, data.next, data.entries.is_empty()))
        @if frame.is_super() {
            div.lone { (button(frame, &user.key.company, Some(&user.key.user), "Remove this user's packets")) }
        }
    };
    frame.page(Section::Monitoring, &format!("diag {title}"), main)
}

fn off(frame: &Frame, data: &DiagnosticsPage) -> Markup {
    html! {
        div.notice {
            p { strong { "Diagnostics is not activated for this company." } }
            p {
                "The dump detail is " b { "off" } ": nothing is kept of new packets. "
                @if frame.is_super() {
                    "Choose another level in the "
                    a href=(frame.links.settings(&data.user.key.company)) { "General Settings" } "."
                } @else { "A super-admin can choose another level." }
                @if data.entries.iter().any(|e| matches!(e, Entry::Packet(_))) {
                    " Packets below were kept before it was set to off; they stay until their retention ends"
                    @if frame.is_super() { ", or until you remove them" } "."
                 }
            }
        }
    }
}

/// The way to the other pages of a history that begins at `here`.
pub(crate) fn pager(here: &str, later: bool, next: Option<Cursor>, is_empty: bool) -> Markup {
    html! {
        p.pager {
            @if later { a.button href=(here) { "Newest" } }
            @if let Some(next) = next { a.button rel="next" href={ (here) "?before=" (next) } { "Older" } }
            @else if !is_empty { span.hint { "This is the oldest that is kept." } }
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
                            tr.change { td { (At(at.time, Shape::Fine)) } td colspan="6" { (Line(words)) } }
                        }
                    }
                }
            }
        }
        (legend(entries))
    }
}

fn packet_row(link: &str, packet: &PacketLine) -> Markup {
    html! {
        tr.packet {
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
