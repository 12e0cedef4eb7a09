//! One packet: what is known of it, its headers, its bytes as they were kept, and the way to its neighbours.
//! Viewing and downloading are audited by `query`.

use std::sync::Arc;

use axum::extract::{Query as Args, Request, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use crate::query::diagnostics::{Cursor, PacketDetail};
use crate::web::auth::{Chief, Site, Whom, aside, param};
use crate::web::diagnostics::packets::{badge, marks, parties, way};
use crate::web::export::menu::{Offer, menu};
use crate::web::export::{attachment, file_name};
use crate::web::fault::Fault;
use crate::web::text::{At, Line, Marked, Shape, count, raw};
use crate::web::view::{Frame, Section, icon};

const GONE: Fault =
    Fault::Missing("This packet is not kept, or no more. Open diag from the monitoring page to see what is.");

/// `?raw=1`: the bytes themselves.
#[derive(serde::Deserialize)]
pub(crate) struct How {
    raw: Option<String>,
}

impl How {
    fn is_download(&self) -> bool {
        self.raw.as_deref() == Some("1")
    }
}

/// `GET /c/{company}/u/{user}/diag/{cursor}`.
pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    whom: Whom,
    Args(how): Args<How>,
    request: Request,
) -> Result<Response, Fault> {
    let (mut parts, _) = request.into_parts();
    let at: Cursor = param(&mut parts, "cursor").await?.parse().map_err(|()| GONE)?;
    let download = how.is_download();
    let (query, viewer, key) =
        (site.query.clone(), whom.place.visitor.viewer.clone(), Arc::clone(&whom.user.key));
    let find = move || match download {
        true => query.export(&viewer, &key, at),
        false => query.packet(&viewer, &key, at),
    };
    let data = aside(find).await?.map_err(Fault::inside)?.ok_or(GONE)?;
    if download {
        return Ok(file(&data));
    }
    Ok(page(&site.frame(&whom.place.visitor, Some(&whom.place.company)), &data).into_response())
}

/// `GET /unattributed/{cursor}`.
pub(crate) async fn show_unattributed(
    State(site): State<Arc<Site>>,
    Chief(visitor): Chief,
    Args(how): Args<How>,
    request: Request,
) -> Result<Response, Fault> {
    let (mut parts, _) = request.into_parts();
    let at: Cursor = param(&mut parts, "cursor").await?.parse().map_err(|()| GONE)?;
    let download = how.is_download();
    let (query, viewer) = (site.query.clone(), visitor.viewer.clone());
    let find = move || match download {
        true => query.unattributed_export(&viewer, at),
        false => query.unattributed_packet(&viewer, at),
    };
    let data = aside(find).await?.map_err(Fault::inside)?.ok_or(GONE)?;
    if download {
        return Ok(file(&data));
    }
    Ok(page(&site.frame(&visitor, None), &data).into_response())
}

/// The bytes as kept, never shown in place: nobody's packet runs as a page of ours.
fn file(data: &PacketDetail) -> Response {
    let extension = data.user.as_ref().map_or("unattributed", |user| &user.extension);
    let name = file_name(extension, data.line.at.time, "sip.txt");
    attachment(data.raw.clone(), "text/plain; charset=utf-8", &name)
}

/// The whole page.
pub fn page(frame: &Frame, data: &PacketDetail) -> Markup {
    let line = &data.line;
    let link = |at| match &data.user {
        Some(user) => frame.links.packet(user, at),
        None => frame.links.unattributed_packet(at),
    };
    let main = html! {
        p.crumbs {
            @if let Some(user) = &data.user {
                a href=(frame.links.wall(&user.key.company)) { "Monitoring" } " › "
                a href=(frame.links.diagnostics(user)) {
                    (Line(&user.name)) " " (Line(&user.surname)) " " (Line(&user.extension)) " diag"
                }
            } @else {
                "Configuration › " a href=(frame.links.unattributed()) { "Unattributed" }
            }
            " › message"
        }
        div.head {
            div {
                h1.msg { (way(line.direction)) " " (badge(line)) (marks(line)) }
                p.taken { (At(line.at.time, Shape::Day)) ", " b { (At(line.at.time, Shape::Fine)) } }
            }
            nav.steps aria-label="Messages" {
                @if let Some(newer) = data.newer {
                    a.button rel="prev" href=(link(newer)) data-key="k" { (icon("up")) "Newer " kbd { "k" } }
                }
                @if let Some(older) = data.older {
                    a.button rel="next" href=(link(older)) data-key="j" { (icon("down")) "Older " kbd { "j" } }
                }
                @if let Some(user) = &data.user {
                    a.button href={ (frame.links.diagnostics_page(user, "item/")) (line.at) "?m=" (line.at) } { (icon("diag")) "What it belongs to" }
                }
                a.button href={ (link(line.at)) "?raw=1" } download { (icon("save")) "Raw" }
                @if let Some(user) = &data.user {
                    (menu(frame, &Offer { here: &frame.links.packet(user, line.at), holds: "This packet.", ..Offer::default() }))
                }
            }
        }
        dl.facts {
            div { dt { "PBX" } dd { code { (line.local) } } }
            div { dt { "Far address" } dd { code { (line.far) } " " (line.transport.name()) } }
            div { dt { "Size" } dd { (count(line.size.into())) " bytes on the wire, " (data.raw.len()) " kept" } }
            div { dt { "Dump detail" } dd { (line.detail.word()) } }
            div.long { dt { "Call-ID" } dd { code { (Marked(&line.call_id)) } } }
            div { dt { "CSeq" } dd { (Line(&line.cseq)) } }
            div { dt { "From, to" } dd { (parties(line)) } }
        }
        @if line.claimed {
            p.notice { strong { "Claimed. " } "Only the packet's own From or To says that it is this user's: anybody can write that." }
        }
        @if line.unsure {
            p.notice { strong { "Stump. " } "It could not be read with certainty, so only its beginning was kept, blacked out." }
        } @else if line.cut {
            p.notice { strong { "Cut. " } "Not all of it was kept, because of the dump detail at that time or a limit." }
        }
        div.split {
            section {
                h2 { "Raw" }
                pre.raw tabindex="0" { (raw(&data.raw)) }
                p.hint { "Secrets are filled with " code { "x" } " at the same length before anything is stored." }
            }
            section {
                h2 { "Headers" }
                @match &data.headers {
                    Some(headers) => {
                        table.headers {
                            tbody {
                                @for (name, value) in headers {
                                    tr { th scope="row" { (Line(name)) } td { (Marked(value)) } }
                                }
                            }
                        }
                    }
                    None => { p.empty { "The parser can't read this message; its bytes are shown as they came." } }
                }
            }
        }
    };
    let section = if data.user.is_some() { Section::Monitoring } else { Section::Configuration };
    frame.page(section, "Message", main)
}
