//! Who asks, and what of it exists for them: extractors that every private handler takes, so that none can forget the
//! session, the company or a form's token. A company that the viewer may not see is a 404, as one that is not there.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum_extra::extract::cookie::CookieJar;
use tokio::sync::Semaphore;

use crate::config::Role;
use crate::directory::{Company, User};
use crate::event::UserKey;
use crate::query::{Query, Viewer};
use crate::web::fault::Fault;
use crate::web::session::{Session, Sessions, Throttle, same, token};
use crate::web::text::unsegment;
use crate::web::view::{Frame, Links};
use crate::web::{Far, HostLogin, Mount, Secure};

/// Name of the session's cookie.
pub const COOKIE: &str = "usermon";

/// What all handlers share.
pub struct Site {
    /// Where pages get their data from.
    pub query: Query,
    pub(crate) sessions: Sessions,
    pub(crate) throttle: Throttle,
    /// Passwords checked at once: each takes a core and 19 MiB of the PBX for some 20 ms.
    pub(crate) checks: Semaphore,
    /// Passwords checked or waiting for it; more are turned away.
    pub(crate) queue: Semaphore,
}

impl Site {
    pub(crate) fn new(query: Query) -> Self {
        Self {
            query,
            sessions: Sessions::default(),
            throttle: Throttle::default(),
            checks: Semaphore::new(2),
            queue: Semaphore::new(16),
        }
    }

    /// The frame of a page that `visitor` sees.
    pub(crate) fn frame(&self, visitor: &Visitor, company: Option<&Arc<Company>>) -> Frame {
        let health = self.query.health();
        Frame {
            links: visitor.links.clone(),
            viewer: Some(visitor.viewer.clone()),
            csrf: Arc::clone(&visitor.csrf),
            by_host: visitor.by_host,
            company: company.cloned(),
            companies: self.query.companies_of(&visitor.viewer),
            host: health.host,
            alarm: health.alarm,
            dropped: health.dropped,
            overload: health.overload,
        }
    }
}

/// Runs what reads or writes the disk, or takes long, off the threads that answer requests.
pub(crate) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|e| {
        tracing::error!("page: {e}");
        Fault::Inside
    })
}

/// What is known of a request before anybody is logged in.
#[derive(Debug, Clone)]
pub struct Door {
    pub(crate) links: Links,
    pub(crate) far: Option<IpAddr>,
    pub(crate) secure: bool,
}

impl Door {
    pub(crate) fn of(extensions: &axum::http::Extensions) -> Self {
        Self {
            links: Links::new(extensions.get::<Mount>().map_or("", |m| &m.0)),
            far: extensions.get::<Far>().and_then(|f| f.0).map(|f| f.ip()),
            secure: extensions.get::<Secure>().is_some_and(|s| s.0),
        }
    }

    pub(crate) fn from(&self) -> String {
        self.far.map(|f| f.to_canonical().to_string()).unwrap_or_default()
    }
}

impl<S: Sync> FromRequestParts<S> for Door {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.extensions))
    }
}

/// Somebody logged in, here or at the PBX.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// Who.
    pub viewer: Viewer,
    /// Makes links below the mount.
    pub links: Links,
    pub(crate) csrf: Arc<str>,
    pub(crate) by_host: bool,
}

impl FromRequestParts<Arc<Site>> for Visitor {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Fault> {
        let door = Door::of(&parts.extensions);
        if let Some(login) = parts.extensions.get::<HostLogin>() {
            return by_host(site, &door, login);
        }
        let (session, role, company) = session_of(site, &parts.headers).ok_or_else(|| {
            let here = parts.uri.path_and_query().map_or("/", |p| p.as_str());
            Fault::Login(if parts.method == axum::http::Method::POST { "/".into() } else { here.to_owned() })
        })?;
        let viewer = Viewer { person: session.person, role, company, from: door.from() };
        Ok(Self { viewer, links: door.links, csrf: session.csrf, by_host: false })
    }
}

/// The cookie's value, if it has the form of one of ours.
pub(crate) fn cookie_of(headers: &HeaderMap) -> Option<String> {
    let jar = CookieJar::from_headers(headers);
    let value = jar.get(COOKIE)?.value().to_owned();
    (value.len() == 64 && value.bytes().all(|b| b.is_ascii_hexdigit())).then_some(value)
}

/// A living session whose account still exists with the same password; the account's role and company of now.
fn session_of(site: &Site, headers: &HeaderMap) -> Option<(Session, Role, Option<Arc<str>>)> {
    let id = cookie_of(headers)?;
    let session = site.sessions.touch(&id, site.query.now())?;
    match site.query.find_administrator(&session.person) {
        Some(account) if *account.password_hash == *session.proof => {
            Some((session, account.role, account.company))
        }
        _ => {
            site.sessions.end(&id);
            None
        }
    }
}

/// The PBX says who it is. The forms' token is kept per person, under a name that no cookie can have.
fn by_host(site: &Site, door: &Door, login: &HostLogin) -> Result<Visitor, Fault> {
    if login.role == Role::Administrator && login.company.as_deref().unwrap_or_default().is_empty() {
        return Err(Fault::Forbidden(
            "The PBX did not say which company you administer. Ask the super-admin.",
        ));
    }
    let company = (login.role == Role::Administrator).then(|| login.company.clone()).flatten();
    let viewer = Viewer { person: Arc::clone(&login.person), role: login.role, company, from: door.from() };
    let id = format!(
        "host {} {:?} {:?}",
        viewer.role.word(),
        viewer.company.as_deref().unwrap_or_default(),
        viewer.person
    );
    let now = site.query.now();
    let session = match site.sessions.touch(&id, now) {
        Some(session) => session,
        None => {
            let csrf = token().map_err(Fault::inside)?;
            site.sessions.begin(id, &viewer.person, "", csrf, now)
        }
    };
    Ok(Visitor { viewer, links: door.links.clone(), csrf: session.csrf, by_host: true })
}

/// A super-admin.
#[derive(Debug, Clone)]
pub struct Chief(pub Visitor);

impl FromRequestParts<Arc<Site>> for Chief {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Fault> {
        let visitor = Visitor::from_request_parts(parts, site).await?;
        if visitor.viewer.is_super() {
            return Ok(Self(visitor));
        }
        Err(Fault::Forbidden(
            "Only a super-admin may open this page. Ask the super-admin for what you need from it.",
        ))
    }
}

/// A company of the path that exists for the visitor.
#[derive(Debug, Clone)]
pub struct Place {
    /// Who asks.
    pub visitor: Visitor,
    /// Which company.
    pub company: Arc<Company>,
}

impl FromRequestParts<Arc<Site>> for Place {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Fault> {
        let visitor = Visitor::from_request_parts(parts, site).await?;
        let id = param(parts, "company").await?;
        let company = visitor.viewer.may_see(&id).then(|| site.query.company(&id)).flatten();
        let company =
            company.ok_or(Fault::Missing("There is no such company, or it is not yours to see."))?;
        Ok(Self { visitor, company })
    }
}

/// A user of the path's company.
#[derive(Debug, Clone)]
pub struct Whom {
    /// Who asks, and the company.
    pub place: Place,
    /// Which user.
    pub user: Arc<User>,
}

impl FromRequestParts<Arc<Site>> for Whom {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Fault> {
        let place = Place::from_request_parts(parts, site).await?;
        let key = UserKey::new(&place.company.id, &param(parts, "user").await?);
        let user = site.query.user(&key).ok_or(Fault::Missing(
            "There is no such user in this company. It may have been removed; go back to the monitoring page.",
        ))?;
        Ok(Self { place, user })
    }
}

/// A parameter of the path, decoded.
pub(crate) async fn param(parts: &mut Parts, name: &str) -> Result<String, Fault> {
    let wrong = |_| Fault::Other(StatusCode::BAD_REQUEST);
    let params = RawPathParams::from_request_parts(parts, &()).await.map_err(wrong)?;
    let value = params.iter().find(|(n, _)| *n == name).map(|(_, v)| unsegment(v).to_owned());
    value.ok_or(Fault::Other(StatusCode::BAD_REQUEST))
}

/// A form that came from one of our own pages, in this session.
#[derive(Debug)]
pub struct Posted {
    fields: Vec<(String, String)>,
}

impl Posted {
    /// A field's value; empty where it was not sent.
    pub fn get(&self, name: &str) -> &str {
        self.fields.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }

    /// A form that is sent before there is a session: only where it came from is checked.
    pub(crate) async fn before_login(request: Request) -> Result<Self, Fault> {
        own_origin(request.headers())?;
        match Form::<Vec<(String, String)>>::from_request(request, &()).await {
            Ok(Form(fields)) => Ok(Self { fields }),
            Err(refused) => Err(Fault::Other(refused.into_response().status())),
        }
    }
}

impl FromRequest<Arc<Site>> for Posted {
    type Rejection = Fault;

    async fn from_request(request: Request, site: &Arc<Site>) -> Result<Self, Fault> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, site).await?;
        let posted = Self::before_login(Request::from_parts(parts, body)).await?;
        if !same(posted.get("csrf"), &visitor.csrf) {
            return Err(Fault::Forged(
                "It is older than your session. Go back, reload the page and send it again.",
            ));
        }
        Ok(posted)
    }
}

/// Refuses what a browser says comes from another site. Programs that are no browsers send neither header.
fn own_origin(headers: &HeaderMap) -> Result<(), Fault> {
    const FOREIGN: Fault =
        Fault::Forged("It was sent from another site. Open the page here and send it again.");
    if let Some(site) = headers.get("sec-fetch-site") {
        return if site == "same-origin" { Ok(()) } else { Err(FOREIGN) };
    }
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let host = headers.get(HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let from = origin.to_str().ok().and_then(|o| o.split_once("://")).map_or("", |(_, host)| host);
    if !host.is_empty() && from.eq_ignore_ascii_case(host) { Ok(()) } else { Err(FOREIGN) }
}
