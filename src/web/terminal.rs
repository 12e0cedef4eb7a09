//! The terminal's page: registrations, failed attempts, calls now, history, and the way to the phone's own page.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use maud::{Markup, html};

use crate::error::Result;
use crate::event::{FailureCause, Transport};
use crate::query::terminal::past::TerminalPast;
use crate::query::terminal::{ContactView, FailureView, TerminalPage};
use crate::web::auth::{Site, Whom, aside, param};
use crate::web::fault::Fault;
use crate::web::monitoring::{call_line, kind_words, online_words};
use crate::web::text::{At, Line, Marked, Shape, milliseconds, plain, until};
use crate::web::view::{Frame, Section, icon};

mod past;
mod plot;

/// `GET /c/{company}/u/{user}/t/{terminal}`.
pub(crate) async fn show(State(site): State<Arc<Site>>, request: Request) -> Result<Markup, Fault> {
    let (mut parts, _) = request.into_parts();
    let whom = Whom::from_request_parts(&mut parts, &site).await?;
    let id = param(&mut parts, "terminal").await?;
    let (query, key) = (site.query.clone(), Arc::clone(&whom.user.key));
    let viewer = whom.place.visitor.viewer.clone();
    let read = move || -> Result<_> {
        let Some(data) = query.terminal(&key, &id)? else { return Ok(None) };
        Ok(query.terminal_past(&viewer, &key, &id)?.map(|past| (data, past)))
    };
    let (data, past) = aside(read).await?.map_err(Fault::inside)?.ok_or(Fault::Missing(
        "This user has no such terminal now. It may have been unregistered or removed; go back to the monitoring page.",
    ))?;
    Ok(page(&site.frame(&whom.place.visitor, Some(&whom.place.company)), &data, &past))
}

/// The whole page.
pub fn page(frame: &Frame, data: &TerminalPage, two_days: &TerminalPast) -> Markup {
    let (user, terminal) = (&data.user, &data.terminal);
    let kind = kind_words(terminal.kind);
    let title = match terminal.description.as_str() {
        "" => kind.to_owned(),
        words => plain(words).into_owned(),
    };
    let main = html! {
        p.crumbs {
            a href=(frame.links.wall(&user.key.company)) { "Monitoring" } " › "
            (Line(&user.name)) " " (Line(&user.surname)) " " (Line(&user.extension)) " › terminal"
        }
        div.head {
            span.big data-on=(terminal.online) { (icon(terminal.kind.word())) }
            div {
                h1 { (Line(&title)) " " small { "of " (Line(&user.name)) " " (Line(&user.surname)) } }
                p.taken {
                    @if title != kind { (kind) ", " }
                    b { (online_words(terminal)) } " · as of " (At(data.at, Shape::Full))
                }
            }
            a.button href=(frame.links.diagnostics(user)) { (icon("diag")) "diag" }
            @if let Some(address) = &data.web_address {
                @for scheme in ["http", "https"] {
                    a.button href={ (scheme) "://" (address) "/" } target="_blank" rel="noopener noreferrer nofollow external" {
                        (icon("out")) "Phone's own page, " (scheme)
                        span.hidden { " (leaves the PBX)" }
                    }
                }
            }
        }
        @if let Some(address) = &data.web_address {
            p.hint { "The phone's own page, " code { (address) } ", is served by the phone itself: the link leaves the PBX." }
        }
        (past::flaps(data.flapping.as_ref()))
        section {
            h2 { "Registrations" }
            @if data.contacts.is_empty() {
                p.empty { "No registration now." @if !data.failures.is_empty() { " See the failed attempts below." } }
            }
            @for contact in &data.contacts { (registration(contact, data)) }
        }
        (past::round_trips(data, two_days))
        section {
            h2 { "Calls now" }
            @if data.calls.is_empty() { p.empty { "None." } }
            @for call in &data.calls { (call_line(call)) }
        }
        section {
            h2 { "Failed registrations" }
            @if !two_days.attempts.is_empty() {
                (past::attempts(frame, user, &two_days.attempts))
            } @else if data.failures.is_empty() {
                p.empty { "None seen." }
            } @else {
                (failures(&data.failures, false))
            }
        }
        section {
            h2 { "Registrations of the two days" }
            @if data.lasted.is_empty() { p.empty { "Nothing seen yet." } } @else { (past::registrations(&data.lasted, data)) }
        }
        section {
            h2 { "Registration history" }
            @if data.history.is_empty() { p.empty { "Nothing seen yet." } } @else {
                ol.history {
                    @for item in &data.history { li { (At(item.time, Shape::Full)) " " span { (Line(&item.words)) } } }
                }
            }
        }
    };
    frame.page(Section::Monitoring, &title, main)
}

fn registration(contact: &ContactView, data: &TerminalPage) -> Markup {
    let transport = match contact.transport {
        Transport::Unknown => "not known",
        known => known.name(),
    };
    html! {
        dl.facts {
            div.long { dt { "Contact" } dd { code { (Marked(&contact.contact)) } } }
            @if let Some(far) = contact.far { (fact("Address and port", html! { code { (far) } })) }
            (fact("Transport", html! { (transport) }))
            @if !contact.user_agent.is_empty() { (fact("User-Agent", html! { (Line(&contact.user_agent)) })) }
            @if !contact.path.is_empty() { (fact("Path", html! { code { (Line(&contact.path)) } })) }
            (fact("Registered since", html! {
                (At(contact.since, Shape::Full)) " (" (crate::web::text::span(data.at.since(contact.since))) ")"
            }))
            (fact("Last refreshed", html! { (At(contact.refreshed, Shape::Full)) }))
            @if let Some(expires) = contact.expires {
                (fact("Expires", html! { (until(expires, data.at)) ", at " (At(expires, Shape::Clock)) }))
            }
            @if let Some(round_trip) = contact.round_trip { (fact("Round trip", html! { (milliseconds(round_trip)) })) }
            @if let Some(reachable) = contact.reachable {
                (fact("Reachable", html! { @if reachable { "yes" } @else { strong.bad { "no, it does not answer" } } }))
            }
        }
    }
}

fn fact(name: &str, value: Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// A cause in two words.
const fn cause_words(cause: FailureCause) -> &'static str {
    match cause {
        FailureCause::WrongPassword => "wrong password",
        FailureCause::UnknownUser => "unknown user",
        FailureCause::Forbidden => "forbidden",
        FailureCause::Tls => "TLS failed",
        FailureCause::Refused => "refused",
        FailureCause::Other => "other",
    }
}

/// Failed attempts as a table; `tried`: with the account that each tried.
pub(crate) fn failures(all: &[FailureView], tried: bool) -> Markup {
    html! {
        table.list {
            thead {
                tr {
                    th scope="col" { "Last" }
                    @if tried { th scope="col" { "Account" } }
                    th scope="col" { "Cause" } th scope="col" { "From" }
                    th scope="col" { "User-Agent" } th scope="col" { "Call-ID" }
                }
            }
            tbody {
                @for failure in all {
                    tr {
                        td data-l="Last" { (At(failure.time, Shape::Full)) }
                        @if tried {
                            td data-l="Account" { code.cut title=(plain(&failure.account)) { (Line(&failure.account)) } }
                        }
                        td data-l="Cause" {
                            span.badge.s4 { (cause_words(failure.cause)) }
                            @if failure.count > 1 { " " b { (failure.count) " times" } }
                            @if !failure.words.is_empty() { p.hint { (Line(&failure.words)) } }
                        }
                        td data-l="From" { @if let Some(far) = failure.far { code { (far) } } }
                        td data-l="User-Agent" { (Line(&failure.user_agent)) }
                        td data-l="Call-ID" { code.cut title=(plain(&failure.call_id)) { (Line(&failure.call_id)) } }
                    }
                }
            }
        }
    }
}
