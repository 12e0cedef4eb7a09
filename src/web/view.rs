//! The frame around every page: links below the mount, head and foot, navigation, error pages, security headers.
//! Views use it; it knows no page's content and takes no state.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Json, Redirect, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::clock::Timestamp;
use crate::directory::{Company, User};
use crate::query::Viewer;
use crate::query::diagnostics::Cursor;
use crate::web::asset;
use crate::web::auth::Door;
use crate::web::fault::Fault;
use crate::web::text::{Line, count, plain, segment};

/// Makes links below the mount.
#[derive(Debug, Clone, Default)]
pub struct Links {
    mount: String,
}

impl Links {
    /// For pages mounted at `mount` (`/usermon`, or empty).
    pub fn new(mount: &str) -> Self {
        let fit = mount.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-_.~%".contains(&b));
        let mount = if fit { mount.trim_matches('/') } else { "" };
        Self { mount: if mount.is_empty() { String::new() } else { format!("/{mount}") } }
    }

    /// A path below the mount; `path` begins with a slash.
    pub fn to(&self, path: &str) -> String {
        format!("{}{path}", self.mount)
    }

    /// The path of the session's cookie.
    pub fn cookie_path(&self) -> &str {
        if self.mount.is_empty() { "/" } else { &self.mount }
    }

    /// A company's monitoring page.
    pub fn wall(&self, company: &str) -> String {
        format!("{}/c/{}/", self.mount, segment(company))
    }

    /// A company's calls with an anomaly.
    pub fn calls(&self, company: &str) -> String {
        format!("{}/c/{}/calls", self.mount, segment(company))
    }

    /// A call in a user's diagnostics, by what names one of its legs.
    pub fn call(&self, user: &User, call_id: &str, at: Timestamp) -> String {
        let id = segment(call_id);
        format!("{}/diag/call?at={}&call-id={}", self.user(user), at.micros(), id.trim_start_matches('~'))
    }

    /// An item of a user's diagnostics with all its legs.
    pub fn item(&self, user: &User, at: Cursor) -> String {
        format!("{}/diag/item/{at}", self.user(user))
    }

    /// What begins all links of a user.
    pub fn user(&self, user: &User) -> String {
        format!("{}/c/{}/u/{}", self.mount, segment(&user.key.company), segment(&user.key.user))
    }

    /// A user's diagnostics.
    pub fn diagnostics(&self, user: &User) -> String {
        format!("{}/diag", self.user(user))
    }

    /// A page of a user's diagnostics (`item/1-2`, `packets`), with a query string or without.
    pub fn diagnostics_page(&self, user: &User, page: &str) -> String {
        format!("{}/diag/{page}", self.user(user))
    }

    /// One packet.
    pub fn packet(&self, user: &User, at: Cursor) -> String {
        format!("{}/diag/{at}", self.user(user))
    }

    /// A company's general settings.
    pub fn settings(&self, company: &str) -> String {
        format!("{}/configuration/company/{}", self.mount, segment(company))
    }

    /// What belongs to nobody known.
    pub fn unattributed(&self) -> String {
        self.to("/unattributed")
    }

    /// One packet of nobody known.
    pub fn unattributed_packet(&self, at: Cursor) -> String {
        format!("{}/unattributed/{at}", self.mount)
    }

    /// What is kept of whom.
    pub fn kept(&self) -> String {
        self.to("/configuration/kept")
    }

    /// The accounts.
    pub fn administrators(&self) -> String {
        self.to("/configuration/administrators")
    }

    /// The audit log.
    pub fn audit(&self) -> String {
        self.to("/configuration/audit")
    }

    pub(crate) fn asset(&self, name: &str) -> String {
        format!("{}/static/{}", self.mount, asset::hashed(name))
    }
}

/// Which part of the site a page is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the parts")]
pub enum Section {
    Monitoring,
    Calls,
    Configuration,
}

/// What all pages of one visitor have in common.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Frame {
    pub links: Links,
    /// `None`: nobody is logged in.
    pub viewer: Option<Viewer>,
    /// What each form carries.
    pub csrf: Arc<str>,
    /// Logged in at the PBX: there is no logging out here.
    pub by_host: bool,
    pub company: Option<Arc<Company>>,
    /// All that the viewer may see.
    pub companies: Vec<Arc<Company>>,
    /// The PBX's name and version.
    pub host: String,
    /// What is wrong with the storing of packets.
    pub alarm: Option<String>,
    /// Packets lost since the start.
    pub dropped: u64,
    /// What overload takes away now.
    pub overload: Option<String>,
}

impl Frame {
    /// A whole page.
    pub fn page(&self, section: Section, title: &str, main: Markup) -> Markup {
        let links = &self.links;
        let place = self.company.as_deref().map(|c| &*c.name).unwrap_or_default();
        document(
            links,
            title,
            html! {
                a.skip href="#main" { "Skip to the content" }
                header.top {
                    a.brand href=(links.to("/")) { (icon("mark")) span { "User Monitoring" } }
                    nav aria-label="Sections" {
                        @if let Some(company) = &self.company {
                            (tab(&links.wall(&company.id), "Monitoring", section == Section::Monitoring))
                            (tab(&links.calls(&company.id), "Calls", section == Section::Calls))
                        } @else {
                            (tab(&links.to("/"), "Monitoring", section == Section::Monitoring))
                        }
                        @if self.is_super() {
                            (tab(&self.configuration(), "Configuration", section == Section::Configuration))
                        }
                    }
                    @if self.companies.len() > 1 { (self.switcher(section)) }
                    @else if !place.is_empty() { span.company { (Line(place)) } }
                    @if let Some(viewer) = &self.viewer {
                        div.who {
                            span.person { (Line(&viewer.person)) small { (viewer.role.word()) } }
                            @if !self.by_host {
                                form method="post" action=(links.to("/logout")) {
                                    (self.token())
                                    button.quiet { "Log out" }
                                }
                            }
                        }
                    }
                }
                @if let Some(alarm) = &self.alarm {
                    p.notice.bad role="alert" { strong { "Storing packets: " } (Line(alarm)) }
                }
                @if let Some(overload) = &self.overload {
                    p.notice role="status" { strong { "Overload: " } (Line(overload)) }
                }
                main #main { (main) }
                footer.foot {
                    @if !self.host.is_empty() { span { (Line(&self.host)) } }
                    span { "usermon " (env!("CARGO_PKG_VERSION")) }
                    @if self.dropped > 0 {
                        span { (count(self.dropped)) " packets dropped since the start" }
                    }
                }
            },
        )
    }

    /// The hidden field that each form has.
    pub fn token(&self) -> Markup {
        html! { input type="hidden" name="csrf" value=(self.csrf); }
    }

    /// Whether the viewer is a super-admin.
    pub fn is_super(&self) -> bool {
        self.viewer.as_ref().is_some_and(Viewer::is_super)
    }

    fn configuration(&self) -> String {
        self.company.as_ref().map_or_else(|| self.links.to("/configuration"), |c| self.links.settings(&c.id))
    }

    fn switcher(&self, section: Section) -> Markup {
        let action = self.links.to(if section == Section::Monitoring { "/" } else { "/configuration" });
        let current = self.company.as_deref().map(|c| &*c.id);
        html! {
            form.switch method="get" action=(action) data-switch {
                label.hidden for="company" { "Company" }
                select #company name="company" {
                    @for company in &self.companies {
                        option value=(company.id) selected[Some(&*company.id) == current] { (plain(&company.name)) }
                    }
                }
                button.quiet { "Go" }
            }
        }
    }
}

fn tab(link: &str, words: &str, here: bool) -> Markup {
    html! { a href=(link) aria-current=[here.then_some("page")] { (words) } }
}

/// An icon of the sprite, for the eye only.
pub fn icon(name: &str) -> Markup {
    html! { svg.i aria-hidden="true" { use href={ "#i-" (name) } {} } }
}

/// A page without navigation, in the middle of the screen: login and errors.
pub fn card(links: &Links, title: &str, content: Markup) -> Markup {
    document(
        links,
        title,
        html! {
            main.card #main {
                p.brand { (icon("mark")) span { "User Monitoring" } }
                h1 { (title) }
                (content)
            }
        },
    )
}

fn document(links: &Links, title: &str, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { (plain(title)) " · User Monitoring" }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" type="image/svg+xml" href=(links.asset("icons.svg"));
                link rel="stylesheet" href=(links.asset("app.css"));
                script src=(links.asset("app.js")) defer {}
            }
            body {
                (PreEscaped(asset::ICONS))
                (body)
            }
        }
    }
}

/// The outermost layer: makes a page (or JSON, for the script) of every refusal, and sets the headers of all answers.
pub(crate) async fn dress(request: Request, next: Next) -> Response {
    let links = Door::of(request.extensions()).links;
    let wants_json =
        request.headers().get(ACCEPT).is_some_and(|a| a.as_bytes().starts_with(b"application/json"));
    let mut response = next.run(request).await;
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        let fault = response.extensions_mut().remove::<Fault>();
        if fault.is_some() || !is_html(response.headers()) {
            let allow = response.headers_mut().remove(axum::http::header::ALLOW);
            response = refuse(&links, fault.unwrap_or(Fault::Other(status)), wants_json);
            if let Some(allow) = allow {
                response.headers_mut().insert(axum::http::header::ALLOW, allow);
            }
        }
    }
    headers(response.headers_mut());
    response
}

fn is_html(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

fn refuse(links: &Links, fault: Fault, wants_json: bool) -> Response {
    let status = fault.status();
    if wants_json {
        let login = matches!(fault, Fault::Login(_));
        let body = serde_json::json!({ "error": fault.title(), "advice": fault.advice(), "login": login });
        return (status, Json(body)).into_response();
    }
    if let Fault::Login(next) = &fault {
        let next = if next == "/" { String::new() } else { format!("?next={}", segment(next)) };
        return Redirect::to(&links.to(&format!("/login{next}"))).into_response();
    }
    let page = card(
        links,
        fault.title(),
        html! {
            p.code { "Error " (status.as_u16()) }
            p { (Line(&fault.advice())) }
            p.actions { a.button href=(links.to("/")) { "Go to the monitoring page" } }
        },
    );
    let mut response = (status, page).into_response();
    if let Fault::Wait(span) = fault {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(span.as_secs().max(1)));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

fn headers(headers: &mut HeaderMap) {
    const ALWAYS: [(HeaderName, &str); 5] = [
        (
            axum::http::header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
        ),
        (axum::http::header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (axum::http::header::REFERRER_POLICY, "no-referrer"),
        (axum::http::header::X_FRAME_OPTIONS, "SAMEORIGIN"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
