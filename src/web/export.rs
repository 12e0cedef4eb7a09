//! Histories as files: the menus that offer them, and the downloads. What a page shows is found under its own path with
//! `/export` behind it, with the same filter. A download is made while it is sent, a piece at a time, so a slow client
//! costs one piece of memory and no thread. Rights are those of the pages; `query` audits.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Query as Args, Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use http_body_util::channel::{Channel, Sender};

use crate::clock::Timestamp;
use crate::error::Error;
use crate::query::export::Form;
use crate::query::exports::bundle::Hidden;
use crate::query::exports::{Taking, What};
use crate::query::history::filter::Filter;
use crate::web::auth::{Site, Whom, aside};
use crate::web::diagnostics::Fields;
use crate::web::fault::Fault;
use crate::web::ladder::place;
use crate::web::text::stamp;

pub mod menu;
pub mod report;

const GONE: Fault =
    Fault::Missing("This is not kept, or no more. Open diag from the monitoring page to see what is.");
/// Pieces that wait for a slow client.
const AHEAD: usize = 1;

/// `GET /c/{company}/u/{user}/diag/export?form=pcap`, with a filter: what the list shows.
pub(crate) async fn items(
    State(site): State<Arc<Site>>,
    whom: Whom,
    Args(fields): Fields,
) -> Result<Response, Fault> {
    let what = What::Items(Filter::parse(&fields).map_err(Fault::inside)?);
    download(&site, whom, what, form(&fields)?).await
}

/// `GET /c/{company}/u/{user}/diag/packets/export?form=pcap`, with a filter: the packets of that page and the others.
pub(crate) async fn packets(
    State(site): State<Arc<Site>>,
    whom: Whom,
    Args(fields): Fields,
) -> Result<Response, Fault> {
    let what = What::Packets(Filter::parse(&fields).map_err(Fault::inside)?);
    download(&site, whom, what, form(&fields)?).await
}

/// `GET /c/{company}/u/{user}/diag/item/{cursor}/export?form=pcap`: an item with all its legs.
pub(crate) async fn item(
    State(site): State<Arc<Site>>,
    Args(fields): Fields,
    request: Request,
) -> Result<Response, Fault> {
    let (whom, at) = place(&site, request).await?;
    download(&site, whom, What::Item(at), form(&fields)?).await
}

/// `GET /c/{company}/u/{user}/diag/{cursor}/export?form=pcap`: one packet.
pub(crate) async fn packet(
    State(site): State<Arc<Site>>,
    Args(fields): Fields,
    request: Request,
) -> Result<Response, Fault> {
    let (whom, at) = place(&site, request).await?;
    download(&site, whom, What::Packet(at), form(&fields)?).await
}

/// `GET /c/{company}/u/{user}/diag/bundle`, with a filter: what the list shows, as a support bundle.
pub(crate) async fn bundle_of_items(
    State(site): State<Arc<Site>>,
    whom: Whom,
    Args(fields): Fields,
) -> Result<Response, Fault> {
    let what = What::Items(Filter::parse(&fields).map_err(Fault::inside)?);
    bundle(&site, whom, what, hidden(&fields)).await
}

/// `GET /c/{company}/u/{user}/diag/item/{cursor}/bundle`: an item as a support bundle.
pub(crate) async fn bundle_of_item(
    State(site): State<Arc<Site>>,
    Args(fields): Fields,
    request: Request,
) -> Result<Response, Fault> {
    let (whom, at) = place(&site, request).await?;
    bundle(&site, whom, What::Item(at), hidden(&fields)).await
}

fn value<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields.iter().rev().find(|(n, _)| n == name).map_or("", |(_, value)| value)
}

fn form(fields: &[(String, String)]) -> Result<Form, Fault> {
    let word = value(fields, "form");
    Form::of(word).ok_or_else(|| {
        let words = Form::ALL.map(Form::word).join(", ");
        Fault::Wrong(format!("form: {word:?} can't be understood; write one of {words}"))
    })
}

/// `names=hide`, and `addresses=hide` besides.
fn hidden(fields: &[(String, String)]) -> Hidden {
    let hides = |name| value(fields, name) == "hide";
    match (hides("names"), hides("addresses")) {
        (_, true) => Hidden::Addresses,
        (true, false) => Hidden::Names,
        (false, false) => Hidden::Nothing,
    }
}

async fn download(site: &Site, whom: Whom, what: What, form: Form) -> Result<Response, Fault> {
    let (query, viewer) = (site.query.clone(), whom.place.visitor.viewer);
    let begin = move || {
        let Some(mut taking) = query.take(&viewer, &whom.user.key, &what, form)? else { return Ok(None) };
        let first = taking.piece()?;
        Ok(Some((taking, first)))
    };
    let (taking, first) = aside(begin).await?.map_err(Fault::inside)?.ok_or(GONE)?;
    let name = file_name(&taking.user().extension, taking.at(), form.extension());
    let (sender, body) = Channel::new(AHEAD);
    tokio::spawn(send(taking, first, sender));
    Ok(attachment(Body::new(body), form.media_type(), &name))
}

/// Makes and sends piece after piece, until the file is whole or the client gone. A file that can't be made whole ends in
/// the middle, which the client sees.
async fn send(mut taking: Taking, first: Option<Vec<u8>>, mut to: Sender<Bytes, Error>) {
    let mut next = first;
    while let Some(piece) = next {
        if to.send_data(piece.into()).await.is_err() {
            return;
        }
        let made = aside(move || {
            let piece = taking.piece();
            (taking, piece)
        });
        match made.await {
            Ok((back, Ok(piece))) => (taking, next) = (back, piece),
            Ok((_, Err(error))) => {
                tracing::error!("export: {error}");
                return to.abort(error);
            }
            Err(_) => return to.abort(Error::Stopped("the export")),
        }
    }
}

async fn bundle(site: &Site, whom: Whom, what: What, hidden: Hidden) -> Result<Response, Fault> {
    let (query, viewer) = (site.query.clone(), whom.place.visitor.viewer);
    let work = move || {
        let Some(bundle) = query.bundle(&viewer, &whom.user.key, &what, hidden)? else { return Ok(None) };
        let name = file_name(&bundle.user.extension, bundle.at, "zip");
        Ok(Some((report::zip(&bundle)?, name)))
    };
    let (bytes, name) = aside(work).await?.map_err(Fault::inside)?.ok_or(GONE)?;
    Ok(attachment(bytes, "application/zip", &name))
}

/// A download, never shown in place.
pub(crate) fn attachment(body: impl IntoResponse, media_type: &'static str, name: &str) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(
        CONTENT_DISPOSITION,
        HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
            .unwrap_or(HeaderValue::from_static("attachment")),
    );
    response
}

/// `101-20261123T120000Z.pcap`
pub(crate) fn file_name(extension: &str, at: Timestamp, ending: &str) -> String {
    let clean = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let extension: String = extension.chars().map(clean).take(32).collect();
    format!("{extension}-{}.{ending}", stamp(at))
}
