//! Two messages side by side, header by header. A function of data.

use maud::{Markup, html};

use super::diff::{Compared, Likeness, Pair, Piece};
use crate::query::diagnostics::Cursor;
use crate::query::history::joined::{Joined, Placed};
use crate::web::ladder::label::{Label, way};
use crate::web::ladder::lanes::Lanes;
use crate::web::ladder::pane::badge;
use crate::web::ladder::{crumbs, heading};
use crate::web::text::{At, Line, Marked, Shape};
use crate::web::view::{Frame, Section};

/// The ladder of an item with a message chosen.
pub(super) fn ladder_link(frame: &Frame, joined: &Joined, at: Cursor) -> String {
    format!("{}?m={at}#m{at}", frame.links.item(&joined.user, joined.item.id))
}

/// The way back to the ladder.
pub(super) fn way_back(frame: &Frame, joined: &Joined) -> Markup {
    html! {
        p.crumbs {
            (crumbs(frame, joined))
            a href=(frame.links.item(&joined.user, joined.item.id)) { (Line(&heading(joined))) } " › compare"
        }
    }
}

/// The whole page.
pub fn page(frame: &Frame, left: (&Joined, &Placed), right: (&Joined, &Placed)) -> Markup {
    let compared = Compared::of(&left.1.message, &right.1.message);
    let differ = compared.names();
    let title = "Two messages compared";
    let main = html! {
        link rel="stylesheet" href=(frame.links.asset("ladder.css"));
        (way_back(frame, left.0))
        div.head { h1 { (title) } }
        p.notice role="status" {
            @if differ.is_empty() { strong { "The same" } " but for what always differs." }
            @else { strong { "They differ in: " } (Line(&differ.join(", "))) }
        }
        table.diff {
            caption.hidden { (title) }
            thead {
                tr { th scope="col" { "Header" } th scope="col" { (side(frame, left)) } th scope="col" { (side(frame, right)) } }
            }
            tbody { @for pair in &compared.head { (row(pair)) } }
            @if !compared.body.is_empty() {
                tbody { @for pair in &compared.body { (row(pair)) } }
            }
        }
        dl.legend {
            dt { "≠ " mark { "word" } } dd { "Differs." }
            dt { "~ " span.ever { "word" } }
            dd { "Differs in any two messages, and says nothing: branch, tag, Call-ID, nonce and the like." }
            dt { "=" } dd { "The same." }
        }
    };
    frame.page(Section::Monitoring, title, main)
}

fn side(frame: &Frame, (joined, placed): (&Joined, &Placed)) -> Markup {
    let label = Label::of(&placed.message, 0);
    let lanes = Lanes::of(joined, &frame.host);
    html! {
        a href=(ladder_link(frame, joined, placed.message.at)) {
            span class={ "badge " (badge(label.class)) } { (Line(&label.title)) }
        }
        " " (At(placed.message.at.time, Shape::Full)) " "
        span.hint { (Line(&way(placed.message.direction, &lanes.name(placed.lane)))) }
    }
}

fn row(pair: &Pair) -> Markup {
    let (class, words) = match pair.likeness {
        Likeness::Same => ("same", "the same"),
        Likeness::Ever => ("ever", "differs always"),
        Likeness::Differs => ("differs", "differs"),
    };
    html! {
        tr class=(class) {
            th scope="row" { (Line(&pair.name)) span.hidden { " " (words) } }
            (cell("Left", pair.left.as_deref()))
            (cell("Right", pair.right.as_deref()))
        }
    }
}

fn cell(label: &str, pieces: Option<&[Piece]>) -> Markup {
    let Some(pieces) = pieces else { return html! { td.none data-l=(label) { "not there" } } };
    html! {
        td data-l=(label) {
            @for piece in pieces {
                @match piece.likeness {
                    Likeness::Same => { (Marked(&piece.text)) }
                    Likeness::Ever => { span.ever { (Marked(&piece.text)) } }
                    Likeness::Differs => { mark { (Marked(&piece.text)) } }
                }
            }
        }
    }
}
