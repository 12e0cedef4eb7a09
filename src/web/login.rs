//! Logging in and out. The password is checked off the async threads, two at once at most, and as long for a name that
//! does not exist as for one that does.

use std::sync::{Arc, LazyLock};

use axum::extract::{FromRequestParts, Query as Args, Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::{Cookie, SameSite};
use maud::{Markup, html};

use crate::config::Role;
use crate::password;
use crate::query::Viewer;
use crate::web::auth::{COOKIE, Door, Posted, Site, Visitor, aside, cookie_of};
use crate::web::fault::Fault;
use crate::web::session::token;
use crate::web::view::{Links, card};

/// What a name that does not exist is checked against.
static NOBODY: LazyLock<String> = LazyLock::new(|| password::hash("nobody").unwrap_or_default());

/// Longest name and password that are looked at, in bytes.
const NAME_MAX: usize = 128;
const PASSWORD_MAX: usize = 256;

/// Where to go after login.
#[derive(serde::Deserialize)]
pub(crate) struct Next {
    #[serde(default)]
    next: String,
}

/// `GET /login`.
pub(crate) async fn form(
    State(site): State<Arc<Site>>,
    Args(next): Args<Next>,
    request: Request,
) -> Result<Response, Fault> {
    let (mut parts, _) = request.into_parts();
    let next = below(&next.next);
    match Visitor::from_request_parts(&mut parts, &site).await {
        Ok(visitor) => Ok(Redirect::to(&visitor.links.to(next)).into_response()),
        Err(Fault::Login(_)) => Ok(page(&Door::of(&parts.extensions).links, next, "", None).into_response()),
        Err(other) => Err(other),
    }
}

/// `POST /login`.
pub(crate) async fn enter(
    State(site): State<Arc<Site>>,
    door: Door,
    request: Request,
) -> Result<Response, Fault> {
    let posted = Posted::before_login(request).await?;
    let (name, password) = (posted.get("name").trim().to_owned(), posted.get("password").to_owned());
    let next = below(posted.get("next"));
    if name.is_empty() || name.len() > NAME_MAX || password.len() > PASSWORD_MAX {
        return Ok(refused(&door.links, next, "", Fault::Wrong("Write your name and your password.".into())));
    }
    let Ok(_place) = site.queue.try_acquire() else {
        return Ok(refused(&door.links, next, &name, Fault::Crowded));
    };
    let wait = site.throttle.attempt(&name, door.far, site.query.now());
    if !wait.is_zero() {
        return Ok(refused(&door.links, next, &name, Fault::Wait(wait)));
    }
    let account = site.query.find_administrator(&name);
    let hash = account.as_ref().map(|a| a.password_hash.to_string());
    let right = {
        let _turn = site.checks.acquire().await.map_err(|_| Fault::Inside)?;
        aside(move || password::verify(&password, hash.as_deref().unwrap_or(&NOBODY)) && hash.is_some())
            .await?
    };
    let from = door.from();
    let Some(account) = account.filter(|_| right) else {
        // the name as typed may be a password in the wrong field: only a known one is written down
        let known = site.query.find_administrator(&name).map_or("unknown name", |_| name.as_str());
        let viewer = Viewer { person: known.into(), role: Role::Administrator, company: None, from };
        note(&site, viewer, "login refused").await?;
        let words = "Name or password is wrong. Try again; a super-admin can give you a new password.";
        let page = page(&door.links, next, &name, Some(words));
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    };
    site.throttle.passed(&name, door.far);
    let id = token().map_err(Fault::inside)?;
    let csrf = token().map_err(Fault::inside)?;
    let person = account.name.to_string();
    let viewer = Viewer { person: account.name, role: account.role, company: account.company, from };
    note(&site, viewer, "login").await?;
    site.sessions.begin(id.clone(), &person, &account.password_hash, csrf, site.query.now());
    let mut response = Redirect::to(&door.links.to(next)).into_response();
    set_cookie(&mut response, &door, id, false);
    Ok(response)
}

/// `POST /logout`.
pub(crate) async fn leave(
    State(site): State<Arc<Site>>,
    door: Door,
    headers: HeaderMap,
    _posted: Posted,
) -> Response {
    if let Some(id) = cookie_of(&headers) {
        site.sessions.end(&id);
    }
    let mut response = Redirect::to(&door.links.to("/login")).into_response();
    set_cookie(&mut response, &door, String::new(), true);
    response
}

/// Who came in, or tried, stands in the audit log before they get further.
async fn note(site: &Arc<Site>, viewer: Viewer, action: &'static str) -> Result<(), Fault> {
    let query = site.query.clone();
    let company = viewer.company.clone().unwrap_or_default();
    aside(move || query.audit(&viewer, action, &company, "", "")).await?.map_err(Fault::inside)
}

fn set_cookie(response: &mut Response, door: &Door, value: String, gone: bool) {
    let mut cookie = Cookie::build((COOKIE, value))
        .http_only(true)
        .same_site(SameSite::Strict)
        .path(door.links.cookie_path().to_owned())
        .secure(door.secure)
        .build();
    if gone {
        cookie.make_removal();
    }
    if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

/// Only a path of our own: one slash at the start, nothing that a browser takes for another host.
fn below(next: &str) -> &str {
    let own = next.starts_with('/')
        && !next.starts_with("//")
        && !next.starts_with("/login")
        && next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if own { next } else { "/" }
}

fn refused(links: &Links, next: &str, name: &str, fault: Fault) -> Response {
    let mut response = (fault.status(), page(links, next, name, Some(&fault.advice()))).into_response();
    if let Fault::Wait(span) = fault {
        response
            .headers_mut()
            .insert(axum::http::header::RETRY_AFTER, HeaderValue::from(span.as_secs().max(1)));
    }
    response
}

/// The login page.
pub fn page(links: &Links, next: &str, name: &str, error: Option<&str>) -> Markup {
    card(
        links,
        "Log in",
        html! {
            form.stack method="post" action=(links.to("/login")) {
                @if let Some(error) = error { p.notice.bad role="alert" { (error) } }
                input type="hidden" name="next" value=(next);
                label for="name" { "Name" }
                input #name name="name" value=(name) autocomplete="username" autocapitalize="none" spellcheck="false"
                    maxlength=(NAME_MAX) required autofocus[name.is_empty()];
                label for="password" { "Password" }
                input #password name="password" type="password" autocomplete="current-password"
                    maxlength=(PASSWORD_MAX) required autofocus[!name.is_empty()];
                button.main { "Log in" }
            }
            p.hint { "At the first start, the PBX's log shows the name and password of the first super-admin, once." }
        },
    )
}
