//! Style, script and icons, embedded in the library. Each is served under a name with its checksum, so a browser
//! keeps it for good and a new build is a new name.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::web::fault::Fault;

/// The icons, put into each page so that `<use href="#i-sip">` needs no second request.
pub const ICONS: &str = include_str!("../../web/icons.svg");

/// One file.
struct Asset {
    name: &'static str,
    hashed: String,
    kind: &'static str,
    text: &'static str,
}

static ALL: LazyLock<[Asset; 8]> = LazyLock::new(|| {
    [
        asset("app.css", "text/css; charset=utf-8", include_str!("../../web/app.css")),
        asset("app.js", "text/javascript; charset=utf-8", include_str!("../../web/app.js")),
        asset("diag.css", "text/css; charset=utf-8", include_str!("../../web/diag.css")),
        asset("diag.js", "text/javascript; charset=utf-8", include_str!("../../web/diag.js")),
        asset("export.css", "text/css; charset=utf-8", include_str!("../../web/export.css")),
        asset(
            "ladder.css",
            "text/css; charset=utf-8",
            concat!(include_str!("../../web/ladder-picture.css"), include_str!("../../web/ladder.css")),
        ),
        asset("ladder.js", "text/javascript; charset=utf-8", include_str!("../../web/ladder.js")),
        asset("icons.svg", "image/svg+xml", ICONS),
    ]
});

fn asset(name: &'static str, kind: &'static str, text: &'static str) -> Asset {
    let (stem, end) = name.split_once('.').unwrap_or((name, ""));
    Asset { name, hashed: format!("{stem}-{:08x}.{end}", crc32fast::hash(text.as_bytes())), kind, text }
}

/// The name with checksum of a file; empty: there is no such file.
pub fn hashed(name: &str) -> &'static str {
    ALL.iter().find(|a| a.name == name).map_or("", |a| &a.hashed)
}

/// `GET /static/{name}`; also under the plain name, but then not kept.
pub(crate) async fn serve(Path(name): Path<String>) -> Result<Response, Fault> {
    let asset = ALL
        .iter()
        .find(|a| a.hashed == name || a.name == name)
        .ok_or(Fault::Missing("There is no such file. Reload the page."))?;
    let keep = if asset.name == name { "no-cache" } else { "public, max-age=31536000, immutable" };
    let mut response = asset.text.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    Ok(response)
}
