//! The parts of the terminal's page that tell of the two days: whether it comes and goes, its registrations one by one, its
//! failed attempts, its round-trip times.

use maud::{Markup, html};

use crate::directory::User;
use crate::event::{DumpDetail, Transport};
use crate::query::terminal::TerminalPage;
use crate::query::terminal::lasted::{End, Flapping, Lasted, MOST_LOSSES};
use crate::query::terminal::past::{AttemptView, TerminalPast};
use crate::web::terminal::plot::plot;
use crate::web::text::{At, Line, Shape, brief, span};
use crate::web::view::Frame;

/// A terminal that comes and goes says so on top.
pub(super) fn flaps(flapping: Option<&Flapping>) -> Markup {
    html! {
        @if let Some(flapping) = flapping {
            div.notice.bad {
                p {
                    strong { "It comes and goes. " }
                    "It was lost " b { (flapping.worst) " times within an hour" } ", up to " (At(flapping.at, Shape::Full))
                    ", and " (flapping.total) " times in all since " (At(flapping.since, Shape::Full)) "."
                }
                p.hint {
                    "Lost is a terminal that unregisters, whose registration runs out, or that ceases to answer the PBX's check; more "
                    "than " (MOST_LOSSES) " times within an hour is too often. Usual reasons: weak Wi-Fi, a NAT or firewall that closes "
                    "the way before the phone registers again (let it register more often), two devices with one account."
                }
            }
        }
    }
}

/// The round-trip times, or why there are none.
pub(super) fn round_trips(data: &TerminalPage, past: &TerminalPast) -> Markup {
    html! {
        section {
            h2 { "Round-trip times" }
            @if !past.checks.is_empty() {
                (plot(&past.checks, data.at))
            } @else if past.detail == DumpDetail::Off {
                p.empty { "Not known: the company's dump detail is off, so the PBX's checks are not kept." }
            } @else {
                p.empty { "Not known: the PBX has not asked this terminal whether it is there, or it was not kept. In Asterisk, set qualify_frequency." }
            }
        }
    }
}

/// The registrations of the two days.
pub(super) fn registrations(lasted: &[Lasted], data: &TerminalPage) -> Markup {
    html! {
        table.list {
            thead {
                tr {
                    th scope="col" { "Since" } th scope="col" { "Until" } th scope="col" { "Lasted" }
                    th scope="col" { "From" } th scope="col" { "Device" } th scope="col" { "Contact" }
                }
            }
            tbody {
                @for one in lasted {
                    tr {
                        td data-l="Since" {
                            @if let Some(since) = one.since { (At(since, Shape::Full)) } @else { "before what is kept" }
                        }
                        td data-l="Until" { (until(one)) }
                        td data-l="Lasted" {
                            @if let Some(since) = one.since {
                                @match (one.until, one.end) {
                                    (Some(until), _) => { (span(until.since(since))) }
                                    (None, End::Goes) => { (span(data.at.since(since))) }
                                    (None, _) => { "not known" }
                                }
                            }
                            @if one.silent > 0 {
                                p.hint { "Ceased to answer the check " (one.silent) @if one.silent == 1 { " time" } @else { " times" } }
                            }
                        }
                        td data-l="From" {
                            @if let Some(far) = one.far { code { (far) } }
                            @if one.transport != Transport::Unknown { " " (one.transport.name()) }
                        }
                        td data-l="Device" { (Line(&one.user_agent)) }
                        td data-l="Contact" { code.cut title=(brief(&one.contact)) { (Line(&one.contact)) } }
                    }
                }
            }
        }
    }
}

fn until(one: &Lasted) -> Markup {
    html! {
        @if let Some(until) = one.until { (At(until, Shape::Full)) " " }
        @match one.end {
            End::Goes => { span.badge.s2 { "registered now" } }
            End::Unregistered => { span.badge { "unregistered" } }
            End::Expired => { span.badge.s4 { "ran out" } }
            End::Unknown => { span.badge { "end not told" } }
        }
    }
}

/// Failed attempts, each with its reason and the message that shows it.
pub(super) fn attempts(frame: &Frame, user: &User, all: &[AttemptView]) -> Markup {
    html! {
        table.list {
            thead {
                tr {
                    th scope="col" { "Last" } th scope="col" { "Why" } th scope="col" { "From" }
                    th scope="col" { "User-Agent" } th scope="col" { "Shown by" }
                }
            }
            tbody {
                @for attempt in all {
                    tr {
                        td data-l="Last" {
                            (At(attempt.last, Shape::Full))
                            @if attempt.times > 1 { p.hint { (attempt.times) " times since " (At(attempt.first, Shape::Full)) } }
                        }
                        td data-l="Why" {
                            (Line(&attempt.words))
                            @if !attempt.advice.is_empty() { p.hint { (Line(&attempt.advice)) } }
                        }
                        td data-l="From" { @if let Some(far) = attempt.far { code { (far) } } }
                        td data-l="User-Agent" { (Line(&attempt.user_agent)) }
                        td data-l="Shown by" {
                            @if let Some(shown) = attempt.shown { a href=(frame.links.packet(user, shown)) { "message" } }
                            @if let Some(item) = attempt.item { @if attempt.shown.is_some() { " · " } a href=(frame.links.item(user, item)) { "whole attempt" } }
                            @if attempt.item.is_none() { "the PBX's word" }
                        }
                    }
                }
            }
        }
    }
}
