//! A call, registration or dialog beside another one, message by message. A function of data.

use maud::{Markup, html};

use super::messages::{ladder_link, way_back};
use super::twins::{Twin, Twins};
use crate::query::history::joined::{Joined, Placed};
use crate::web::ladder::heading;
use crate::web::ladder::label::{Label, delta, way};
use crate::web::ladder::lanes::Lanes;
use crate::web::ladder::pane::badge;
use crate::web::text::{At, Line, Shape, link};
use crate::web::view::{Frame, Section};

/// How the second one was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Somebody chose it.
    Chosen,
    /// It is the last one with the same party that worked.
    Last,
    /// It is the last one of the same kind that worked, with another party.
    LastWithAnother,
}

const LAST: &str = "Compared with the last time it worked";

/// The whole page.
pub fn page(frame: &Frame, left: &Joined, right: &Joined, how: How) -> Markup {
    let twins = Twins::of(left, right);
    let title = if how == How::Chosen { "Compared" } else { LAST };
    let lanes = (Lanes::of(left, &frame.host), Lanes::of(right, &frame.host));
    let main = html! {
        link rel="stylesheet" href=(frame.links.asset("ladder.css"));
        (way_back(frame, left))
        div.head { h1 { (title) } }
        @if how == How::LastWithAnother {
            p.notice { "With this party none went well before, in what is kept: this is the last good one of the same kind with another." }
        }
        (first(&twins))
        table.twins {
            caption.hidden { (title) }
            thead {
                tr {
                    th.tc scope="col" { "After" } th scope="col" { (side(frame, left)) }
                    th.tc scope="col" { "After" } th scope="col" { (side(frame, right)) } th scope="col" { "Content" }
                }
            }
            tbody {
                @for (n, line) in twins.lines.iter().enumerate() {
                    tr.differs[!line.is_same].first[twins.first == Some(n)] {
                        (cell(frame, left, &lanes.0, line.left, "This time"))
                        (cell(frame, right, &lanes.1, line.right, "Then"))
                        td data-l="Content" { (content(frame, left, right, line)) }
                    }
                }
            }
        }
        @if twins.repeats != (0, 0) {
            p.hint {
                "Retransmissions and duplicates are left out: " (twins.repeats.0) " this time, " (twins.repeats.1) " then."
            }
        }
    };
    frame.page(Section::Monitoring, title, main)
}

/// The page where there is nothing to compare with.
pub fn lonely_page(frame: &Frame, joined: &Joined) -> Markup {
    let main = html! {
        (way_back(frame, joined))
        div.head { h1 { (LAST) } }
        div.empty {
            p { strong { "None of this kind went well before, in what is kept." } }
            p { a href=(frame.links.item(&joined.user, joined.item.id)) { "Back to the ladder" } }
        }
    };
    frame.page(Section::Monitoring, LAST, main)
}

fn side(frame: &Frame, joined: &Joined) -> Markup {
    html! {
        a href=(frame.links.item(&joined.user, joined.item.id)) { (Line(&heading(joined))) } " "
        (At(joined.item.start, Shape::Full)) " " span.hint { (Line(&joined.item.verdict.words)) }
    }
}

/// The first difference in a sentence.
fn first(twins: &Twins<'_>) -> Markup {
    let name = |placed: Option<&Placed>| placed.map(|placed| Label::of(&placed.message, 0).title);
    html! {
        p.notice role="status" {
            @match twins.first.and_then(|n| twins.lines.get(n)) {
                Some(line) => {
                    strong { "The first difference: " }
                    @match (name(line.left), name(line.right)) {
                        (Some(left), Some(right)) => { (Line(&left)) " came this time, " (Line(&right)) " then." }
                        (Some(left), None) => { (Line(&left)) " came this time, and nothing like it then." }
                        (None, Some(right)) => { (Line(&right)) " came then, and nothing like it this time." }
                        (None, None) => {}
                    }
                }
                None => {
                    @let differ = twins.lines.iter().filter(|line| !line.differ.is_empty()).count();
                    strong { "The same messages came in the same order." }
                    @if differ > 0 { " In content " (differ) " of them differ." }
                }
            }
        }
    }
}

fn cell(frame: &Frame, joined: &Joined, lanes: &Lanes, placed: Option<&Placed>, label: &str) -> Markup {
    let Some(placed) = placed else { return html! { td.tc {} td.hint data-l=(label) { "–" } } };
    let message = &placed.message;
    let words = Label::of(message, 0);
    html! {
        td.tc { "+" (delta(message.at.time.since(joined.item.start))) }
        td data-l=(label) {
            a href=(ladder_link(frame, joined, message.at)) {
                span class={ "badge " (badge(words.class)) } { (Line(&words.title)) }
            }
            @for (_, mark) in &words.marks { " " span.mark { (mark) } }
            span.dir { (Line(&way(message.direction, &lanes.name(placed.lane)))) }
        }
    }
}

/// What differs in two messages, as the link to them side by side.
fn content(frame: &Frame, left: &Joined, right: &Joined, line: &Twin<'_>) -> Markup {
    let (Some(x), Some(y)) = (line.left, line.right) else { return Markup::default() };
    let fields = [
        ("item", left.item.id.to_string()),
        ("with", right.item.id.to_string()),
        ("a", x.message.at.to_string()),
        ("b", y.message.at.to_string()),
    ];
    let compare = link(&frame.links.diagnostics_page(&left.user, "compare"), &fields);
    html! {
        a href=(compare) {
            @if !line.is_same { "side by side" }
            @else if line.differ.is_empty() { "the same" }
            @else { (Line(&line.differ.join(", "))) }
        }
    }
}
