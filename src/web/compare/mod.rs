//! Comparisons: two messages side by side, or a call, registration or dialog beside the last one of its kind that worked.
//! Each reading is audited by `query`.

use std::sync::Arc;

use axum::extract::{Query as Args, State};
use maud::Markup;

use crate::error::Result;
use crate::event::UserKey;
use crate::query::diagnostics::Cursor;
use crate::query::{Query, Viewer};
use crate::web::auth::{Site, Whom, aside};
use crate::web::fault::Fault;
use crate::web::ladder::GONE;
use crate::web::view::Frame;

pub mod diff;
pub mod items;
pub mod messages;
pub mod twins;
pub mod word;

/// What is compared: the messages `a` and `b`, or all of `item` and `with`; where `with` is not given, the last one that
/// worked. Of messages, `item` and `with` say whose ladders they are in.
#[derive(serde::Deserialize)]
pub(crate) struct What {
    item: Option<String>,
    with: Option<String>,
    a: Option<String>,
    b: Option<String>,
}

/// The same, read.
#[derive(Debug, Clone, Copy)]
struct Asked {
    item: Option<Cursor>,
    with: Option<Cursor>,
    messages: Option<(Cursor, Cursor)>,
}

impl What {
    fn read(&self) -> Result<Asked, Fault> {
        let cursor = |text: &Option<String>| {
            let text = text.as_deref().filter(|text| !text.is_empty());
            text.map(str::parse::<Cursor>).transpose().map_err(|()| GONE)
        };
        Ok(Asked {
            item: cursor(&self.item)?,
            with: cursor(&self.with)?,
            messages: cursor(&self.a)?.zip(cursor(&self.b)?),
        })
    }
}

/// `GET /c/{company}/u/{user}/diag/compare?item=CURSOR[&with=CURSOR]` or `?a=CURSOR&b=CURSOR[&item=CURSOR][&with=CURSOR]`.
pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    whom: Whom,
    Args(what): Args<What>,
) -> Result<Markup, Fault> {
    let asked = what.read()?;
    let frame = site.frame(&whom.place.visitor, Some(&whom.place.company));
    let (query, viewer, key) =
        (site.query.clone(), whom.place.visitor.viewer.clone(), Arc::clone(&whom.user.key));
    let work = move || match (asked.messages, asked.item) {
        (Some(two), _) => of_messages(&query, &viewer, &key, asked, two, &frame),
        (None, Some(item)) => of_items(&query, &viewer, &key, (item, asked.with), &frame),
        (None, None) => Ok(None),
    };
    aside(work).await?.map_err(Fault::inside)?.ok_or(GONE)
}

fn of_messages(
    query: &Query,
    viewer: &Viewer,
    user: &UserKey,
    asked: Asked,
    (a, b): (Cursor, Cursor),
    frame: &Frame,
) -> Result<Option<Markup>> {
    let Some(left) = query.joined(viewer, user, asked.item.unwrap_or(a))? else { return Ok(None) };
    let right = match asked.with {
        None if left.message(b).is_some() => None,
        with => query.joined(viewer, user, with.unwrap_or(b))?,
    };
    let right = right.as_ref().unwrap_or(&left);
    let (Some(x), Some(y)) = (left.message(a), right.message(b)) else { return Ok(None) };
    Ok(Some(messages::page(frame, (&left, x), (right, y))))
}

fn of_items(
    query: &Query,
    viewer: &Viewer,
    user: &UserKey,
    (item, with): (Cursor, Option<Cursor>),
    frame: &Frame,
) -> Result<Option<Markup>> {
    let Some(left) = query.joined(viewer, user, item)? else { return Ok(None) };
    let earlier = if with.is_none() { query.last_good(viewer, user, &left)? } else { None };
    let how = match (with, earlier) {
        (Some(_), _) => items::How::Chosen,
        (None, Some(earlier)) if earlier.is_same_party => items::How::Last,
        (None, _) => items::How::LastWithAnother,
    };
    let with = with.or(earlier.map(|earlier| earlier.at));
    let right = with.map(|with| query.joined(viewer, user, with)).transpose()?.flatten();
    Ok(Some(match right {
        Some(right) => items::page(frame, &left, &right, how),
        None => items::lonely_page(frame, &left),
    }))
}
