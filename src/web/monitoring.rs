//! The monitoring page: one row a user. Rendered whole once; while `refresh` is on, the page's script asks for the
//! rows that changed and puts them in place.

use std::sync::Arc;

use axum::extract::{Query as Args, State};
use axum::response::{IntoResponse, Json, Response};
use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::event::{CallDirection, CallPhase, Kind, Sticker, Transport};
use crate::query::wall::{CallView, Row, TerminalView, Totals, Wall, WallUpdate};
use crate::web::auth::{Place, Site, aside};
use crate::web::fault::Fault;
use crate::web::text::{At, Line, Shape, plain, segment, until};
use crate::web::view::{Frame, Links, Section, icon};

/// Terminals shown as icons; the rest is counted.
pub const ICONS: usize = 4;

const NO_COMPANY: Fault = Fault::Missing("There is no such company, or it is not yours to see.");

/// `GET /c/{company}/`.
pub(crate) async fn show(State(site): State<Arc<Site>>, place: Place) -> Result<Markup, Fault> {
    // ten thousand rows are some tens of milliseconds
    aside(move || {
        let wall = site.query.wall(&place.company.id).ok_or(NO_COMPANY)?;
        Ok(page(&site.frame(&place.visitor, Some(&place.company)), &wall))
    })
    .await?
}

/// What the page's script has.
#[derive(serde::Deserialize)]
pub(crate) struct Since {
    #[serde(default)]
    since: String,
}

/// `GET /c/{company}/wall?since=VERSION`.
pub(crate) async fn update(
    State(site): State<Arc<Site>>,
    place: Place,
    Args(since): Args<Since>,
) -> Result<Response, Fault> {
    aside(move || {
        let changes = site.query.wall_since(&place.company.id, &since.since).ok_or(NO_COMPANY)?;
        Ok(Json(json(&place.visitor.links, &changes)).into_response())
    })
    .await?
}

/// The answer to the script: rows as the page has them, made by the same function.
pub fn json(links: &Links, changes: &WallUpdate) -> serde_json::Value {
    let rows: Vec<_> = changes
        .rows
        .iter()
        .map(|r| serde_json::json!({ "id": r.id, "html": row(links, r, changes.at).into_string() }))
        .collect();
    serde_json::json!({
        "version": changes.version,
        "full": changes.full,
        "at": changes.at.micros().div_euclid(1_000),
        "totals": changes.totals,
        "rows": rows,
        "removed": changes.removed,
    })
}

/// The whole page.
pub fn page(frame: &Frame, wall: &Wall) -> Markup {
    let polled = format!("{}wall", frame.links.wall(&wall.company.id));
    let main = html! {
        div.head {
            h1 { (Line(&wall.company.name)) }
            p.taken #taken {
                span #taken-words { "As of " } (At(wall.at, Shape::Clock))
            }
            button.refresh.js #refresh type="button" aria-pressed="false"
                data-url=(polled) data-version=(wall.version) data-at=(wall.at.micros().div_euclid(1_000)) {
                (icon("refresh")) "Refresh"
            }
        }
        p.notice.bad #stale role="alert" hidden {}
        div.bar {
            (totals(&wall.totals))
            form.filters.js role="search" #filters {
                label.search {
                    (icon("search"))
                    span.hidden { "Search name, surname, extension or department" }
                    input #search type="search" placeholder="Name, extension, department" autocomplete="off"
                        spellcheck="false";
                }
                label {
                    span.hidden { "Department" }
                    select #department {
                        option value="" { "All departments" }
                        @for department in &wall.departments {
                            option value=(department) { (plain(department)) }
                        }
                    }
                }
                p.shown #shown aria-live="polite" {}
            }
        }
        @if wall.rows.is_empty() {
            div.empty {
                p { strong { "This company has no users yet." } }
                p {
                    "Users come from the PBX by themselves once it tells of them, or from usermon.toml and CSV files; "
                    "then reload this page."
                }
            }
        } @else {
            table.wall {
                caption.hidden { "Users of " (Line(&wall.company.name)) ", their state and their terminals" }
                thead {
                    tr {
                        (column("status", "Sticker")) (column("name", "Name")) (column("surname", "Surname"))
                        (column("extension", "Ext.")) (column("department", "Department"))
                        th scope="col" { "Terminals" }
                        th scope="col" { span.hidden { "Diagnostics" } }
                    }
                }
                tbody #rows { @for r in &wall.rows { (row(&frame.links, r, wall.at)) } }
            }
            p.empty #none hidden { "No user matches. Clear the search or choose another filter." }
        }
    };
    frame.page(Section::Monitoring, &wall.company.name, main)
}

fn column(key: &str, words: &str) -> Markup {
    html! { th scope="col" data-sort=(key) { button type="button" { (words) } } }
}

/// How many users of each sticker; the script makes filters of them.
fn totals(totals: &Totals) -> Markup {
    let all = [
        (Sticker::Free, totals.free),
        (Sticker::Offline, totals.offline),
        (Sticker::Ringing, totals.ringing),
        (Sticker::Busy, totals.busy),
    ];
    html! {
        div.totals role="group" aria-label="Users by sticker" {
            @for (sticker, n) in all {
                button type="button" aria-pressed="false" data-s=(sticker.word()) {
                    (shape(sticker, 0)) b { (n) } " " (sticker.word())
                }
            }
        }
    }
}

/// One user's row.
pub fn row(links: &Links, row: &Row, at: Timestamp) -> Markup {
    let user = &row.user;
    let base = links.user(user);
    let rest = row.terminals.get(ICONS..).unwrap_or_default();
    html! {
        tr id=(row.id) data-s=(row.sticker.word()) {
            td.st { (sticker(row)) }
            th.nm scope="row" { (Line(&user.name)) }
            td.sn { (Line(&user.surname)) }
            td.ex { (Line(&user.extension)) }
            td.dp { (Line(&user.department)) }
            td.tm {
                @for terminal in row.terminals.iter().take(ICONS) { (terminal_icon(&base, terminal, at)) }
                @if !rest.is_empty() { (more(&base, rest)) }
            }
            td.dg {
                a.button href={ (base) "/diag" }
                    aria-label={ "diag " (plain(&user.name)) " " (plain(&user.surname)) " " (plain(&user.extension)) } {
                    (icon("diag")) "diag"
                }
            }
        }
    }
}

/// Colour, shape, word, and where it counts, the number of calls; on hover or focus, the calls.
fn sticker(row: &Row) -> Markup {
    let mark = html! { (shape(row.sticker, row.calls)) span { (row.sticker.word()) } };
    html! {
        @if row.now.is_empty() {
            span.s { (mark) }
        } @else {
            div.p {
                span.s tabindex="0" { (mark) }
                div.d role="tooltip" { @for call in &row.now { (call_line(call)) } }
            }
        }
    }
}

/// The sticker's shape with its number in it; 0 shows none.
pub fn shape(sticker: Sticker, calls: u32) -> Markup {
    let numbered = calls > 0 && matches!(sticker, Sticker::Busy | Sticker::Ringing);
    html! {
        span.shape data-s=(sticker.word()) {
            (icon(&format!("s-{}", sticker.word())))
            @if numbered { b { (calls) } }
        }
    }
}

/// A call in words: `incoming from Anna (101), up since 12:00:00`.
pub fn call_line(call: &CallView) -> Markup {
    let (way, of) = match call.direction {
        CallDirection::Incoming => ("incoming", "from"),
        CallDirection::Outgoing => ("outgoing", "to"),
    };
    let phase = match call.phase {
        CallPhase::Ringing => "ringing",
        CallPhase::Up => "up",
        CallPhase::Held => "on hold",
        CallPhase::Ended => "ended",
    };
    html! {
        p.call {
            b { (way) } " "
            @if !call.far.is_empty() { (of) " " (Line(&call.far)) } @else { "call" }
            ", " (phase) @if call.since != Timestamp(0) { " since " (At(call.since, Shape::Clock)) }
        }
    }
}

/// A kind in words.
pub const fn kind_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Gui => "Desktop client",
        Kind::Mobile => "Mobile number",
        Kind::Usb => "USB audio device",
        Kind::Sip => "SIP phone",
        Kind::Dect => "DECT handset",
    }
}

/// Whether it is there, in a word that fits the kind.
pub fn online_words(terminal: &TerminalView) -> &'static str {
    match (terminal.kind, terminal.registered.is_some(), terminal.online) {
        (Kind::Mobile, false, _) => "on the user's record",
        (_, true, true) => "registered",
        (_, false, true) => "active",
        (Kind::Usb, _, false) => "not active",
        (_, _, false) => "not registered",
    }
}

fn terminal_icon(base: &str, terminal: &TerminalView, at: Timestamp) -> Markup {
    let kind = kind_words(terminal.kind);
    let state = online_words(terminal);
    let lit = terminal.online || terminal.kind == Kind::Mobile;
    let label = match terminal.description.as_str() {
        "" => format!("{kind}, {state}"),
        words => format!("{kind} {}, {state}", plain(words)),
    };
    let class = if lit { "k on" } else { "k" };
    html! {
        div.p {
            @if terminal.has_page {
                a class=(class) href={ (base) "/t/" (segment(&terminal.id)) } aria-label=(label) {
                    (icon(terminal.kind.word()))
                }
            } @else {
                span class=(class) tabindex="0" role="img" aria-label=(label) { (icon(terminal.kind.word())) }
            }
            div.d role="tooltip" { (detail(terminal, at)) }
        }
    }
}

/// What hover and focus show of a terminal.
pub fn detail(terminal: &TerminalView, at: Timestamp) -> Markup {
    html! {
        p.t { b { (kind_words(terminal.kind)) } " " span.state { (online_words(terminal)) } }
        @if !terminal.description.is_empty() { p { (Line(&terminal.description)) } }
        dl {
            @if let Some(address) = &terminal.address {
                dt { @if terminal.kind == Kind::Mobile { "Number" } @else { "Address" } }
                dd {
                    (Line(address))
                    @if terminal.transport != Transport::Unknown { " " (terminal.transport.name()) }
                }
            }
            @if !terminal.user_agent.is_empty() { dt { "User-Agent" } dd { (Line(&terminal.user_agent)) } }
            @if let Some(since) = terminal.registered { dt { "Registered since" } dd { (At(since, Shape::Full)) } }
            @if let Some(expires) = terminal.expires { dt { "Expires" } dd { (until(expires, at)) } }
            @if terminal.contacts > 1 { dt { "Contacts" } dd { (terminal.contacts) } }
        }
    }
}

fn more(base: &str, rest: &[TerminalView]) -> Markup {
    html! {
        div.p {
            span.k.n tabindex="0" aria-label={ (rest.len()) " more terminals" } { "+" (rest.len()) }
            div.d role="tooltip" {
                @for terminal in rest {
                    p.t {
                        (icon(terminal.kind.word()))
                        @if terminal.has_page {
                            a href={ (base) "/t/" (segment(&terminal.id)) } { (kind_words(terminal.kind)) }
                        } @else { b { (kind_words(terminal.kind)) } }
                        " " (Line(&terminal.description)) " "
                        span.state { (online_words(terminal)) }
                    }
                }
            }
        }
    }
}
