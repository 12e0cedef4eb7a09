//! The lines of a user's history: each one link to the item, with all that says at a glance what happened.

use std::time::Duration;

use maud::{Markup, html};

use crate::event::CallDirection;
use crate::query::history::message::Method;
use crate::query::history::overview::{self, Named, Told};
use crate::query::history::{Item, Kind, Outcome, Overview, Party};
use crate::web::monitoring::kind_words;
use crate::web::text::{At, Line, Shape, brief, count, day, span};
use crate::web::view::{Frame, icon};

/// The lines with the days between them.
pub fn list(frame: &Frame, data: &Overview) -> Markup {
    html! {
        ol.lines #lines data-days { (lines(frame, data)) }
    }
}

/// The lines alone.
pub(crate) fn lines(frame: &Frame, data: &Overview) -> Markup {
    let mut last = String::new();
    html! {
        @for line in &data.lines {
            @let today = day(line.at.time);
            @if today != last {
                li.day { (At(line.at.time, Shape::Day)) }
                ({ last = today; "" })
            }
            @match &line.told {
                Told::Item(n) => {
                    @if let Some(item) = data.history.items.get(*n) { li { (item_line(frame, data, item)) } }
                }
                told => { li { (note(line, told)) } }
            }
        }
    }
}

fn item_line(frame: &Frame, data: &Overview, item: &Item) -> Markup {
    let outcome = item.verdict.outcome;
    let page = format!("item/{}", item.id);
    html! {
        a.line href=(frame.links.diagnostics_page(&data.history.user, &page)) data-o=(outcome.word()) data-k=(kind(item.kind)) {
            span.tm { (At(item.moment(), Shape::Clock)) } " "
            span.wh { (what(item)) } " "
            span.fa { (far(data, item)) } " "
            span.te { (terminals(data, item)) } " "
            span.re { (shape(outcome)) span { (Line(&item.verdict.words)) @if item.has_gap { " " (gap_mark()) } } } " "
            span.du { (durations(item)) } " "
            span.pk { (packets(item.messages.len())) }
        }
    }
}

/// How something ended, as a shape; the words stand beside it.
pub(crate) fn shape(outcome: Outcome) -> Markup {
    html! { span.o data-o=(outcome.word()) { (icon(&format!("o-{}", outcome.word()))) } }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Call => "call",
        Kind::Registration => "registration",
        Kind::Other(_) => "other",
    }
}

fn what(item: &Item) -> Markup {
    match (item.kind, item.direction) {
        (Kind::Call, Some(CallDirection::Incoming)) => html! { (icon("call-in")) b { "Call from" } },
        (Kind::Call, _) => html! { (icon("call-out")) b { "Call to" } },
        (Kind::Registration, _) => html! { (icon("registration")) "Registration" },
        (Kind::Other(method), direction) => html! {
            (icon(if direction == Some(CallDirection::Incoming) { "out-way" } else { "in" }))
            span {
                (method_words(method)) " "
                small { (method.name()) @if direction == Some(CallDirection::Incoming) { " to the phone" } @else { " from the phone" } }
            }
        },
    }
}

/// What a method is for.
fn method_words(method: Method) -> &'static str {
    match method {
        Method::Options => "Alive check",
        Method::Subscribe => "Subscription",
        Method::Notify => "Notification",
        Method::Message => "Text message",
        Method::Publish => "Presence",
        Method::Refer => "Transfer",
        _ => "Request",
    }
}

fn far(data: &Overview, item: &Item) -> Markup {
    let Party { number, name, user } = &item.far;
    match user {
        Some(user) => {
            html! { b { (Line(&user.name)) " " (Line(&user.surname)) } " " small { (Line(&user.extension)) } }
        }
        None if !name.is_empty() && name != number => {
            html! { b { (Line(name)) } " " small { (Line(number)) } }
        }
        None if !number.is_empty() => html! { b { (Line(number)) } },
        None => {
            let address = data.history.messages_of(item).next().map(|message| message.far);
            match (item.kind, address) {
                (Kind::Call, _) => html! { span.hint { "unknown party" } },
                (_, Some(address)) => html! { code { (address) } },
                _ => html! {},
            }
        }
    }
}

fn terminals(data: &Overview, item: &Item) -> Markup {
    html! {
        @for (n, endpoint) in item.endpoints.iter().take(3).enumerate() {
            @if n > 0 { ", " }
            @match data.terminals.iter().find(|named| named.endpoint == *endpoint) {
                Some(Named { view, .. }) => {
                    (icon(view.kind.word()))
                    span title=(brief(endpoint)) {
                        @if view.description.is_empty() { (kind_words(view.kind)) } @else { (Line(&view.description)) }
                    }
                }
                None => { (Line(endpoint)) }
            }
        }
        @if item.endpoints.len() > 3 { " +" (item.endpoints.len() - 3) }
    }
}

fn durations(item: &Item) -> Markup {
    html! {
        @if item.times > 1 {
            b { (number(item.times)) " times" }
            @if let Some(every) = item.every { ", every " (span(every)) }
            span.since { " since " (At(item.start, Shape::Full)) }
        } @else {
            @if let Some(ringing) = item.ringing { span { "rang " (lasted(ringing)) } }
            @if let Some(talking) = item.talking {
                @if item.ringing.is_some() { ", " }
                span { "talked " b { (lasted(talking)) } }
            }
        }
    }
}

fn lasted(time: Duration) -> String {
    if time < Duration::from_secs(1) { "under 1 s".to_owned() } else { span(time) }
}

fn packets(n: usize) -> Markup {
    html! { (number(n)) @if n == 1 { " packet" } @else { " packets" } }
}

fn number(n: usize) -> String {
    count(u64::try_from(n).unwrap_or(u64::MAX))
}

fn gap_mark() -> Markup {
    html! { span.mark title="A gap lies within it: packets may be missing" { "gap" } }
}

/// A line that leads nowhere.
fn note(line: &overview::Line, told: &Told) -> Markup {
    let at = line.at.time;
    match told {
        Told::Offline { from, is_now } => html! {
            div.line.note data-o="offline" {
                span.tm { (At(if *is_now { *from } else { at }, Shape::Clock)) } " "
                span.wh { (icon("s-offline")) b { @if *is_now { "Offline now" } @else { "Was offline" } } } " "
                span.re {
                    @if *is_now { "No terminal is registered: calls can't reach this user. " }
                    @else { "No terminal was registered: calls could not reach this user. " }
                    span.hint { "Since " (At(*from, Shape::Full)) @if !is_now { " for " (span(at.since(*from))) } }
                }
            }
        },
        Told::Gap { from, is_lowered, words } => html! {
            div.line.note data-o="gap" {
                span.tm { (At(at, Shape::Clock)) } " "
                span.wh { (icon("gap")) b { @if *is_lowered { "Less detail" } @else { "Gap" } } } " "
                span.re {
                    @if *is_lowered { "Overload: packets are kept with less than the dump detail here. " } @else { (Line(words)) " " }
                    span.hint { (At(*from, Shape::Full)) " to " (At(at, Shape::Full)) }
                }
            }
        },
        Told::Change(words) => html! {
            div.line.note data-o="change" {
                span.tm { (At(at, Shape::Clock)) } " "
                span.wh { (icon("registration")) "The PBX says" } " "
                span.re { (Line(words)) }
            }
        },
        Told::Item(_) => html! {},
    }
}
