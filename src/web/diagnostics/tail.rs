//! What comes now: the packets of a user since somebody last looked, for the script of the packets' page, which asks every
//! second while it is on.

use std::sync::Arc;

use axum::extract::{Query as Args, State};
use axum::response::{IntoResponse, Json, Response};
use maud::{Markup, html};

use super::packets::row;
use super::{Fields, NOBODY, place};
use crate::directory::User;
use crate::query::diagnostics::{Cursor, DiagnosticsPage, Entry};
use crate::query::history::filter::Filter;
use crate::query::history::packets::Tail;
use crate::web::auth::{Site, Whom, aside};
use crate::web::fault::Fault;
use crate::web::text::link;
use crate::web::view::{Frame, Links, icon};

/// Rows of one answer.
const ROWS: usize = 200;

/// The button that turns it on. Nothing where it can't be: a stretch that has ended, or a filter by what a packet that just
/// came does not have.
pub(crate) fn button(frame: &Frame, user: &User, filter: &Filter, page: &DiagnosticsPage) -> Markup {
    if filter.kind.is_some() || filter.outcome.is_some() || filter.to.is_some() {
        return html! {};
    }
    let places = page.entries.iter().filter_map(|entry| match entry {
        Entry::Packet(line) => Some(line.at),
        Entry::Change { at, .. } => Some(*at),
        Entry::Gap { .. } | Entry::Lowered { .. } => None,
    });
    let newest = places.reduce(|a, b| Cursor { time: a.time.max(b.time), seq: a.seq.max(b.seq) });
    let after = newest.unwrap_or(Cursor { time: page.at, seq: 0 });
    html! {
        button.refresh.js #live type="button" aria-pressed="false"
            data-url=(link(&frame.links.diagnostics_page(user, "tail"), &filter.fields())) data-after=(after) {
            (icon("refresh")) span { "Live" }
        }
    }
}

/// Where the script says how it goes, and what was lost.
pub(crate) fn said() -> Markup {
    html! {
        p.said #tail role="status" hidden {}
        p.notice.bad #lost role="alert" hidden {}
    }
}

/// `GET /c/{company}/u/{user}/diag/tail?after=CURSOR`, with a filter.
pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    whom: Whom,
    Args(fields): Fields,
) -> Result<Response, Fault> {
    let filter = Filter::parse(&fields).map_err(Fault::inside)?;
    let after = fields.iter().find(|(name, _)| name == "after").map_or("", |(_, value)| value);
    let after = place(after)?;
    let (query, viewer, key) =
        (site.query.clone(), whom.place.visitor.viewer.clone(), Arc::clone(&whom.user.key));
    let tail = aside(move || query.tail(&viewer, &key, &filter, after, ROWS))
        .await?
        .map_err(Fault::inside)?
        .ok_or(NOBODY)?;
    Ok(Json(json(&whom.place.visitor.links, &whom.user, &tail)).into_response())
}

/// The answer to the script: rows as the page has them, made by the same function.
fn json(links: &Links, user: &User, tail: &Tail) -> serde_json::Value {
    let rows: Vec<_> = tail
        .entries
        .iter()
        .map(|(at, entry)| {
            let html = row(entry, &|at| links.packet(user, at)).into_string();
            serde_json::json!({ "at": at.to_string(), "html": html })
        })
        .collect();
    serde_json::json!({
        "rows": rows,
        "left_out": tail.left_out,
        "after": tail.after.to_string(),
        "dropped": tail.dropped,
        "detail": tail.detail.word(),
        "at": tail.at.micros().div_euclid(1_000),
    })
}
