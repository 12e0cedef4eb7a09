//! The pages: one Router, the same with and without a socket. `module` builds it with [`app`] and feeds it requests of
//! the PBX's web server ([`serve::answer`]) or of the own listener ([`serve::listen`]). Handlers fetch from `query`
//! and nothing else; views are functions of data to markup. What only the host may say (where the pages are mounted,
//! who is logged in at the PBX) comes as request extensions, which no header can set.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Query as Args, State};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use tower_http::limit::RequestBodyLimitLayer;

use crate::config::Role;
use crate::query::Query;
use crate::web::auth::{Site, Visitor};
use crate::web::fault::Fault;

pub mod administrators;
pub mod asset;
pub mod audit;
pub mod auth;
pub mod calls;
pub mod compare;
pub mod diagnostics;
pub mod export;
pub mod fault;
pub mod kept;
pub mod ladder;
pub mod login;
pub mod message;
pub mod monitoring;
pub mod quality;
pub mod serve;
pub mod session;
pub mod settings;
pub mod terminal;
pub mod text;
pub mod unattributed;
pub mod view;

/// Largest body that is taken, in bytes; the largest form is far below.
pub const BODY_MAX: usize = 16 * 1024;

/// Request extension: where the pages are mounted (`/usermon`); empty at the root. The request's path is below it.
#[derive(Debug, Clone, Default)]
pub struct Mount(pub String);

/// Request extension: who is logged in at the PBX itself; needs no cookie of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostLogin {
    /// What they may do.
    pub role: Role,
    /// An administrator's company; `None` for a super-admin.
    pub company: Option<Arc<str>>,
    /// The PBX's name of the person.
    pub person: Arc<str>,
}

/// Request extension: where the request came from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Far(pub Option<SocketAddr>);

/// Request extension: the request came over TLS.
#[derive(Debug, Clone, Copy, Default)]
pub struct Secure(pub bool);

/// All pages over one `query`. Sessions live as long as the Router and its clones.
pub fn app(query: Query) -> Router {
    Router::new()
        .route("/", get(start))
        .route("/login", get(login::form).post(login::enter))
        .route("/logout", post(login::leave))
        .route("/c/{company}/", get(monitoring::show))
        .route("/c/{company}/wall", get(monitoring::update))
        .route("/c/{company}/calls", get(calls::show))
        .route("/c/{company}/u/{user}/diag/call", get(calls::lead))
        .route("/c/{company}/u/{user}/t/{terminal}", get(terminal::show))
        .route("/c/{company}/u/{user}/diag", get(diagnostics::show))
        .route("/c/{company}/u/{user}/diag/more", get(diagnostics::search::show))
        .route("/c/{company}/u/{user}/diag/packets", get(diagnostics::packets::show))
        .route("/c/{company}/u/{user}/diag/tail", get(diagnostics::tail::show))
        .route("/c/{company}/u/{user}/diag/export", get(export::items))
        .route("/c/{company}/u/{user}/diag/bundle", get(export::bundle_of_items))
        .route("/c/{company}/u/{user}/diag/packets/export", get(export::packets))
        .route("/c/{company}/u/{user}/diag/compare", get(compare::show))
        .route("/c/{company}/u/{user}/diag/item/{cursor}", get(ladder::show))
        .route("/c/{company}/u/{user}/diag/item/{cursor}/ladder.svg", get(ladder::picture))
        .route("/c/{company}/u/{user}/diag/item/{cursor}/export", get(export::item))
        .route("/c/{company}/u/{user}/diag/item/{cursor}/bundle", get(export::bundle_of_item))
        .route("/c/{company}/u/{user}/diag/{cursor}", get(message::show))
        .route("/c/{company}/u/{user}/diag/{cursor}/export", get(export::packet))
        .route("/configuration", get(settings::start))
        .route("/configuration/company/{company}", get(settings::show).post(settings::save))
        .route("/configuration/administrators", get(administrators::show).post(administrators::change))
        .route("/configuration/audit", get(audit::show))
        .route("/configuration/kept", get(kept::show).post(kept::remove))
        .route("/unattributed", get(unattributed::show))
        .route("/unattributed/{cursor}", get(message::show_unattributed))
        .route("/static/{name}", get(asset::serve))
        .fallback(|| async {
            Fault::Missing("There is no such page. Check the address, or go to the first page.")
        })
        .layer(DefaultBodyLimit::disable())
        .layer(RequestBodyLimitLayer::new(BODY_MAX))
        .layer(from_fn(view::dress))
        .with_state(Arc::new(Site::new(query)))
}

/// The company that the switcher chose.
#[derive(serde::Deserialize)]
struct Choice {
    company: Option<String>,
}

/// `GET /`: to the monitoring page of the viewer's company, of the one the switcher chose, or of the first.
async fn start(
    State(site): State<Arc<Site>>,
    visitor: Visitor,
    Args(choice): Args<Choice>,
) -> Result<Response, Fault> {
    let companies = site.query.companies_of(&visitor.viewer);
    let chosen = match &choice.company {
        Some(id) => companies.iter().find(|c| *c.id == **id),
        None => companies.first(),
    };
    let company = chosen
        .ok_or(Fault::Missing("There is no such company. Choose another one, or ask the super-admin."))?;
    Ok(Redirect::to(&visitor.links.wall(&company.id)).into_response())
}
