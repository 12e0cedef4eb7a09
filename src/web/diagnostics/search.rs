//! A search that is not over with the first reading: how far it is, and its next stretch, for the script that goes on by
//! itself and can be stopped. Without a script a link goes on.

use std::sync::Arc;

use axum::extract::{Query as Args, State};
use axum::response::{IntoResponse, Json, Response};
use maud::{Markup, html};

use super::{Fields, NOBODY, asked, fields, follows, list};
use crate::clock::Timestamp;
use crate::query::history::Overview;
use crate::web::auth::{Site, Whom, aside};
use crate::web::fault::Fault;
use crate::web::text::{At, Shape, link};
use crate::web::view::Frame;

/// How far a search is, in thousandths of its stretch.
const WHOLE: i64 = 1_000;

/// How far the search is and how it goes on; `follows`: the link to that.
pub(crate) fn progress(frame: &Frame, data: &Overview, follows: Option<&str>) -> Markup {
    let later = data.asked.past.is_some() || data.asked.rest.is_some();
    let newest = link(&frame.links.diagnostics(&data.history.user), &fields(&data.asked));
    html! {
        div.progress #search data-more=[more(frame, data)] {
            p role="status" {
                span #found { (found(data)) } " "
                @if follows.is_some() { "Looked back to " span #reached { (At(reached(data), Shape::Full)) } "." }
                @else { "That is all of this stretch." }
            }
            @if more(frame, data).is_some() {
                progress.js max=(WHOLE) value=(share(data)) aria-label="How far the search is" {}
                button.button.js #stop type="button" hidden { "Stop" }
            }
            p.pager {
                @if later { a.button href=(newest) { "Newest" } }
                @if let Some(follows) = follows {
                    a.button #older rel="next" href=(follows) { @if data.past.is_some() { "Older" } @else { "Search on" } }
                }
            }
        }
    }
}

fn found(data: &Overview) -> String {
    let n = data.lines.len();
    format!("{n} {}.", if n == 1 { "line" } else { "lines" })
}

/// How far back everything was looked through.
fn reached(data: &Overview) -> Timestamp {
    data.rest.map_or(data.window.0, |rest| rest.until.time.max(data.window.0))
}

fn share(data: &Overview) -> i64 {
    let (from, to) = (i128::from(data.window.0.micros()), i128::from(data.window.1.micros()));
    let done = (to - i128::from(reached(data).micros())).max(0) * i128::from(WHOLE) / (to - from).max(1);
    i64::try_from(done).unwrap_or(WHOLE).min(WHOLE)
}

/// Where the script finds the next stretch; `None`: there is none, or this page is full.
fn more(frame: &Frame, data: &Overview) -> Option<String> {
    let path = frame.links.diagnostics_page(&data.history.user, "more");
    if data.past.is_some() || !data.asked.filter.is_narrow() {
        return None;
    }
    follows(&path, &data.asked, None, data.rest)
}

/// The answer to the script: lines as the page has them, made by the same function.
fn json(frame: &Frame, data: &Overview) -> serde_json::Value {
    let here = frame.links.diagnostics(&data.history.user);
    serde_json::json!({
        "html": list::lines(frame, data).into_string(),
        "lines": data.lines.len(),
        "reached": reached(data).micros().div_euclid(1_000),
        "done": share(data),
        "more": more(frame, data),
        "older": follows(&here, &data.asked, data.past, data.rest),
    })
}

/// `GET /c/{company}/u/{user}/diag/more?before=CURSOR`, with a filter: the next stretch of a search.
pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    whom: Whom,
    Args(fields): Fields,
) -> Result<Response, Fault> {
    let asked = asked(&fields)?;
    let frame = site.frame(&whom.place.visitor, Some(&whom.place.company));
    let (query, viewer, key) =
        (site.query.clone(), whom.place.visitor.viewer.clone(), Arc::clone(&whom.user.key));
    let work = move || {
        let data = query.overview(&viewer, &key, asked)?;
        Ok(data.map(|data| json(&frame, &data)))
    };
    let json = aside(work).await?.map_err(Fault::inside)?.ok_or(NOBODY)?;
    Ok(Json(json).into_response())
}
