//! The pane beside the ladder: one message with the meaning of its headers, its body and its bytes; and the way to compare
//! it. A function of data: shown in the page, or by itself when the script asks for it.

use std::borrow::Cow;

use maud::{Markup, html};

use super::label::{Label, delta, way};
use super::lanes::Lanes;
use super::meaning::{long_name, meaning};
use super::sdp::explained;
use crate::query::history::joined::{Joined, Placed};
use crate::query::history::{Message, Repeat};
use crate::web::text::{At, Line, Marked, Shape, count, plain, raw};
use crate::web::view::icon;

/// Messages that the form offers to compare with.
const CHOICES: usize = 120;

/// Where a pane's links lead.
pub struct Ways<'a> {
    /// The item's page.
    pub item: &'a str,
    /// The comparison.
    pub compare: &'a str,
    /// One packet's page, if it is the user's own.
    pub packet: Option<String>,
}

/// The pane of the message with this number.
pub fn pane(joined: &Joined, lanes: &Lanes, number: usize, ways: &Ways<'_>) -> Markup {
    let Some(placed) = joined.messages.get(number) else { return nothing() };
    let message = &placed.message;
    let label = Label::of(message, 0);
    let before = number.checked_sub(1).and_then(|n| joined.messages.get(n));
    let after = joined.messages.get(number + 1);
    html! {
        div.pane-head {
            h2.msg {
                span class={ "badge " (badge(label.class)) } { (Line(&label.title)) }
                @if !label.answers.is_empty() { span.cseq { "to " (label.answers) } }
                @for (_, mark) in &label.marks { span.mark { (mark) } }
            }
            nav.steps aria-label="Messages of this ladder" {
                @if let Some(before) = before { (step(ways.item, before, "-1", "up", "Before")) }
                @if let Some(after) = after { (step(ways.item, after, "1", "down", "After")) }
            }
        }
        p.taken {
            (At(message.at.time, Shape::Fine)) " · "
            @if let Some(before) = before { "+" (delta(message.at.time.since(before.message.at.time))) " · " }
            (Line(&way(message.direction, &lanes.name(placed.lane)))) " · " (message.transport.name()) " "
            code { (message.far) } " · " (count(message.size.into())) " bytes · " (number + 1) " of " (joined.messages.len())
        }
        (repeats(joined, placed, ways.item))
        @if message.unsure {
            p.notice { strong { "Stump. " } "It could not be read with certainty, so only its beginning was kept, blacked out." }
        } @else if message.cut {
            p.notice {
                strong { "Cut. " } "Not all of it was kept: the dump detail was " (message.detail.word())
                ", or a limit was reached."
            }
        }
        (headers(message))
        (body(message))
        details #raw {
            summary { "Raw" }
            pre.raw tabindex="0" { (raw(&message.bytes)) }
            p.hint { "Secrets are filled with " code { "x" } " at the same length before anything is stored." }
        }
        (compare(joined, lanes, number, ways))
    }
}

/// What stands in place of a message.
pub fn nothing() -> Markup {
    html! { p.empty { "Choose a message in the ladder to see what it says." } }
}

/// The badge's class for an arrow's.
pub fn badge(class: &str) -> &str {
    if class == "rq" { "m" } else { class }
}

fn step(item: &str, to: &Placed, by: &str, name: &str, word: &str) -> Markup {
    let at = to.message.at;
    html! {
        a.button href={ (item) "?m=" (at) "#m" (at) } data-step=(by) data-m=(at) { (icon(name)) (word) }
    }
}

/// When the same was sent again, or that this is it.
fn repeats(joined: &Joined, placed: &Placed, item: &str) -> Markup {
    let is_same = |other: &&Placed| other.message.is_again(&placed.message);
    let same: Vec<&Placed> = joined.messages.iter().filter(is_same).take(40).collect();
    let words = match placed.message.repeat {
        Repeat::No if same.len() < 2 => return Markup::default(),
        Repeat::No => "The same was sent again:",
        Repeat::Retransmission => "A retransmission: no answer had come in time. All of them:",
        Repeat::Duplicate => "A duplicate: the same came twice at the same moment. All of them:",
    };
    html! {
        p.notice {
            (words)
            @for other in same {
                @let at = other.message.at;
                " " a href={ (item) "?m=" (at) "#m" (at) } data-m=(at) aria-current=[(at == placed.message.at).then_some("true")] {
                    (At(at.time, Shape::Fine))
                }
            }
        }
    }
}

/// Name and value of each header as text.
pub fn pairs(message: &Message) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    let head = message.head();
    let text = |(name, value)| (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
    head.iter().map(text).collect()
}

fn headers(message: &Message) -> Markup {
    let pairs = pairs(message);
    html! {
        @if pairs.is_empty() { p.empty { "No header was kept of it." } }
        @else {
            table.headers {
                caption.hidden { "Headers" }
                tbody {
                    @for (name, value) in &pairs {
                        tr {
                            th scope="row" {
                                (Line(long_name(name)))
                            }
                            td {
                                div { (Marked(value)) }
                                @if let Some(words) = meaning(name, value, message) { div.mean { (Line(&words)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The body's bytes.
pub fn body_of(message: &Message) -> &[u8] {
    message.bytes.get(message.scan().body..).unwrap_or_default()
}

fn body(message: &Message) -> Markup {
    let bytes = body_of(message);
    let text = String::from_utf8_lossy(bytes);
    html! {
        @if !bytes.is_empty() {
            @if message.sdp {
                h3 { "Session description" }
                table.headers.sdp {
                    tbody {
                        @for (line, words) in explained(&text) {
                            tr {
                                td { div { (Marked(line)) } }
                                td { @if let Some(words) = words { div.mean { (Line(&words)) } } }
                            }
                        }
                    }
                }
            } @else {
                h3 { "Body" }
                pre.raw tabindex="0" { (raw(bytes)) }
            }
        }
    }
}

/// The form that compares this message with another one of the ladder, those like it first.
fn compare(joined: &Joined, lanes: &Lanes, number: usize, ways: &Ways<'_>) -> Markup {
    let Some(this) = joined.messages.get(number) else { return Markup::default() };
    let is_like = |other: &Placed| {
        other.message.method == this.message.method && other.message.status == this.message.status
    };
    let mut others: Vec<(usize, &Placed)> = joined.messages.iter().enumerate().collect();
    others.retain(|(n, other)| *n != number && other.message.repeat == Repeat::No);
    others.sort_by_key(|(n, other)| (!is_like(other), n.abs_diff(number)));
    others.truncate(CHOICES);
    html! {
        @if !others.is_empty() {
            form.compare method="get" action=(ways.compare) {
                input type="hidden" name="item" value=(joined.item.id);
                input type="hidden" name="a" value=(this.message.at);
                label for="other" { "Compare with" }
                select #other name="b" {
                    @for (n, other) in &others {
                        @let label = Label::of(&other.message, 0);
                        option value=(other.message.at) {
                            (n + 1) ". " (plain(&label.title)) ", "
                            (plain(&way(other.message.direction, &lanes.name(other.lane))))
                        }
                    }
                }
                button.button { "Compare" }
            }
        }
        @if let Some(packet) = &ways.packet {
            p.hint { a href=(packet) { "This packet in the list of packets" } }
        }
    }
}
