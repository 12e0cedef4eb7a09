//! The PBX's own web server: an admin panel with a menu, and below `/usermon/` the library's pages, each request handed
//! to its `http` function on a thread that may wait. Started and stopped by `main`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect};
use axum::routing::{any, get};
use rsipstack::platform::CancellationToken;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::told::Request;
use crate::usermon::Usermon;

const MOUNT: &str = "/usermon";
const FRAME: &str = include_str!("panel.html");
const MONITORING: &str = "User Monitoring";
const SECTIONS: [&str; 7] =
    ["Dashboard", "Users", "Trunks", "Call routing", MONITORING, "Voicemail", "System"];

/// Serves on `listener` until `stop`.
pub(crate) fn serve(listener: TcpListener, usermon: Arc<Usermon>, stop: CancellationToken) -> JoinHandle<()> {
    let app = Router::new()
        .route("/", get(|| async { frame(MONITORING) }))
        .route("/section/{name}", get(section))
        .route(MOUNT, get(|| async { Redirect::permanent("/usermon/") }))
        .route("/usermon/", any(pages))
        .route("/usermon/{*rest}", any(pages))
        .layer(DefaultBodyLimit::max(256 * 1024))
        .with_state(usermon);
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move {
        let served = axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await;
        if let Err(e) = served {
            crate::say(&format!("the web server stopped: {e}"));
        }
    })
}

/// The panel with one section open.
fn frame(open: &str) -> Html<String> {
    let mut menu = String::new();
    for name in SECTIONS {
        let current = if name == open { " aria-current=\"page\"" } else { "" };
        let target = match name {
            MONITORING => "/".to_owned(),
            name => format!("/section/{}", name.replace(' ', "%20")),
        };
        menu.push_str(&format!("<li><a href=\"{target}\"{current}>{name}</a></li>"));
    }
    let content = if open == MONITORING {
        "<iframe src=\"/usermon/\" title=\"User Monitoring\"></iframe>".to_owned()
    } else {
        format!(
            "<section><h1>{open}</h1><p>This is the reference host of usermon, a PBX just big enough to show \
             <a href=\"/\">User Monitoring</a> at work. It has no {open} section.</p></section>"
        )
    };
    Html(FRAME.replace("{{menu}}", &menu).replace("{{content}}", &content).replace("{{title}}", open))
}

async fn section(Path(name): Path<String>) -> impl IntoResponse {
    match SECTIONS.iter().find(|section| **section == name) {
        Some(&MONITORING) | None => Redirect::to("/").into_response(),
        Some(section) => frame(section).into_response(),
    }
}

async fn pages(
    State(usermon): State<Arc<Usermon>>,
    ConnectInfo(far): ConnectInfo<SocketAddr>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let answered = tokio::task::spawn_blocking(move || {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut lines = Vec::new();
        for (name, value) in &headers {
            lines.extend_from_slice(name.as_str().as_bytes());
            lines.extend_from_slice(b": ");
            lines.extend_from_slice(value.as_bytes());
            lines.extend_from_slice(b"\r\n");
        }
        usermon.http(&Request {
            method: method.as_str(),
            target: path.strip_prefix(MOUNT).unwrap_or(path),
            mount: MOUNT,
            headers: &lines,
            body: &body,
            far,
        })
    })
    .await;
    let Ok(Ok(reply)) = answered else {
        let words = "User Monitoring does not answer now; the PBX's log says why.";
        return (StatusCode::SERVICE_UNAVAILABLE, words).into_response();
    };
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for line in reply.headers.split(|b| *b == b'\n') {
        let line = line.trim_ascii();
        let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
        let (name, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
            && name != header::CONTENT_LENGTH
        {
            response.headers_mut().append(name, value);
        }
    }
    response
}
