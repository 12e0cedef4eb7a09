//! The ladder as SVG: four parts (corner, heads of the lanes, times, rows) that a page scrolls under each other, or one
//! picture that stands alone. Colours are classes, so that a page's stylesheet gives them. Pure.

use std::sync::Arc;
use std::time::Duration;

use maud::{Markup, PreEscaped, html};

use super::label::{Label, clip, clock, delta, fit, two_lines, way};
use super::lanes::{Lanes, Post};
use super::rows::{Bar, Row, Rows, What};
use crate::clock::Timestamp;
use crate::directory::User;
use crate::event::{CallPhase, Direction, Quality};
use crate::query::diagnostics::Cursor;
use crate::query::history::joined::{Hole, Joined, Placed};
use crate::query::history::quality::{Codec, figures};
use crate::query::history::{Figures, Repeat};
use crate::web::text::{count, day};

/// Colours and fonts of the picture, light; the page adds the dark ones.
pub const STYLE: &str = include_str!("../../../web/ladder-picture.css");

/// Width of the times.
const TIMES: u32 = 112;
/// Height of the heads.
const HEAD: u32 = 66;
/// From an edge to the first lane.
const MARGIN: u32 = 84;
/// What stands above a picture that stands alone.
const TITLE: u32 = 58;
/// Above an arrow.
const ARROW: u32 = 27;

/// A ladder ready to be drawn.
#[derive(Debug)]
pub struct Picture<'a> {
    joined: &'a Joined,
    lanes: &'a Lanes,
    rows: Rows<'a>,
    figures: Vec<(Arc<User>, Arc<str>, Vec<Figures>)>,
    /// Between two lanes.
    step: u32,
}

impl<'a> Picture<'a> {
    /// Lays it out. Cost: see [`Rows::of`].
    pub fn new(joined: &'a Joined, holes: &'a [Hole], lanes: &'a Lanes) -> Self {
        let step = match lanes.posts.len() {
            0..=2 => 270,
            3 => 220,
            _ => 184,
        };
        Self { joined, lanes, rows: Rows::of(joined, holes), figures: joined.figures(), step }
    }

    /// The rows from top to bottom.
    pub fn rows(&self) -> &[Row<'a>] {
        &self.rows.rows
    }

    fn x(&self, column: usize) -> u32 {
        MARGIN + self.step * u32::try_from(column).unwrap_or(0)
    }

    fn lane_x(&self, lane: usize) -> u32 {
        self.x(self.lanes.column(lane))
    }

    fn width(&self) -> u32 {
        self.x(self.lanes.posts.len().saturating_sub(1)) + MARGIN
    }

    fn height(&self) -> u32 {
        self.rows.height + 12
    }

    /// The four parts for a page; `chosen` stands out, and each message is a link that chooses it.
    pub fn parts(&self, chosen: Option<Cursor>) -> Markup {
        let (width, height) = (self.width(), self.height());
        html! {
            svg.corner width=(TIMES) height=(HEAD) aria-hidden="true" { (self.corner()) }
            svg.heads width=(width) height=(HEAD) role="img" aria-label=(self.names()) { (self.heads()) }
            svg.times width=(TIMES) height=(height) aria-hidden="true" { (self.times()) }
            svg.rows width=(width) height=(height) role="group" aria-label="Messages, oldest first" {
                (self.body(chosen, true))
            }
        }
    }

    /// One picture that stands alone, as an XML document; times are UTC.
    pub fn alone(&self, title: &str, verdict: &str) -> String {
        let (width, height) = (TIMES + self.width(), TITLE + HEAD + self.height());
        let picture = html! {
            svg xmlns="http://www.w3.org/2000/svg" width=(width) height=(height)
                viewBox=(format!("0 0 {width} {height}")) class="ladder" font-family="sans-serif" font-size="13" {
                title { (clip(title, 400)) }
                style { (PreEscaped(STYLE)) }
                rect.ground width=(width) height=(height) {}
                text.headline x="12" y="24" { (fit(title, width)) }
                text.verdict x="12" y="44" { (fit(verdict, width)) }
                svg y=(TITLE) width=(TIMES) height=(HEAD) { (self.corner()) }
                svg x=(TIMES) y=(TITLE) width=(self.width()) height=(HEAD) { (self.heads()) }
                svg y=(TITLE + HEAD) width=(TIMES) height=(self.height()) { (self.times()) }
                svg x=(TIMES) y=(TITLE + HEAD) width=(self.width()) height=(self.height()) { (self.body(None, false)) }
            }
        };
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n", picture.into_string())
    }

    fn names(&self) -> String {
        let names: Vec<String> = self.lanes.posts.iter().map(Post::line).collect();
        clip(&format!("Lanes: {}", names.join(", ")), 1_000)
    }

    fn corner(&self) -> Markup {
        html! {
            text.ck x="10" y="26" { (day(self.joined.item.start)) }
            text.df.zone x="10" y="44" { "UTC" }
        }
    }

    fn heads(&self) -> Markup {
        let width = self.step.min(2 * MARGIN) - 10;
        html! {
            @for (column, post) in self.lanes.posts.iter().enumerate() {
                @let x = self.x(column);
                g.post.pbx[post.is_pbx] {
                    title { (clip(&format!("{} {}", post.line(), post.address), 400)) }
                    rect x=(x - width / 2) y="4" width=(width) height=(HEAD - 10) rx="8" {}
                    text.pn x=(x) y="23" { (fit(&post.name, width)) }
                    text.pd x=(x) y="39" { (fit(&post.device, width + 14)) }
                    text.pf x=(x) y="53" { (fit(&post.address, width + 28)) }
                }
            }
        }
    }

    fn times(&self) -> Markup {
        let mut last: Option<Timestamp> = None;
        html! {
            @for row in &self.rows.rows {
                @match &row.what {
                    What::Pause(_) | What::Cut => {}
                    _ => {
                        text.ck x="10" y=(row.y + ARROW - 6) data-t=(row.at.micros()) { (clock(row.at)) }
                        @if matches!(row.what, What::Message(..)) {
                            @if let Some(last) = last {
                                text.df x="10" y=(row.y + ARROW + 8) { "+" (delta(row.at.since(last))) }
                            }
                            ({ last = Some(row.at); "" })
                        }
                    }
                }
            }
        }
    }

    fn body(&self, chosen: Option<Cursor>, has_links: bool) -> Markup {
        let (width, height) = (self.width(), self.height());
        html! {
            @for (column, post) in self.lanes.posts.iter().enumerate() {
                line.ll.pbx[post.is_pbx] x1=(self.x(column)) x2=(self.x(column)) y1="0" y2=(height) {}
            }
            @for row in &self.rows.rows {
                @match &row.what {
                    What::Pause(span) => { (self.pause(row.y, &delta(*span))) }
                    What::Hole(hole) => { (self.hole(row.y, hole)) }
                    _ => {}
                }
            }
            @for bar in &self.rows.bars { (self.bar(bar)) }
            @for row in &self.rows.rows {
                @match &row.what {
                    What::Message(placed, again) => {
                        @if has_links { (self.link(row, placed, again, chosen)) } @else { (self.arrow(row.y, placed, again.len())) }
                    }
                    What::Steps(notes) => {
                        @for (lane, note) in notes {
                            text class={ "nt " (phase(note.phase)) } x=(self.lane_x(*lane)) y=(row.y + 16) {
                                (fit(&note.words, 2 * MARGIN))
                            }
                        }
                    }
                    What::Quality(lane, reports) => { (self.quality(row.y, *lane, reports)) }
                    What::Cut => {
                        text.nt.ended x=(width / 2) y=(row.y + 22) { "There are more messages; only the first are shown." }
                    }
                    What::Pause(_) | What::Hole(_) => {}
                }
            }
        }
    }

    fn link(&self, row: &Row<'_>, placed: &Placed, again: &[&Placed], chosen: Option<Cursor>) -> Markup {
        let at = placed.message.at;
        let is_chosen = chosen.is_some_and(|c| c == at || again.iter().any(|placed| placed.message.at == c));
        let label = Label::of(&placed.message, again.len()).line();
        let words = format!(
            "{} {}: {label}",
            clock(at.time),
            way(placed.message.direction, &self.lanes.name(placed.lane))
        );
        // the keys go from row to row; links elsewhere may name any of a row's messages
        let all = (!again.is_empty()).then(|| {
            let cursors = std::iter::once(at).chain(again.iter().map(|placed| placed.message.at));
            cursors.map(|at| at.to_string()).collect::<Vec<_>>().join(" ")
        });
        html! {
            a.m.on[is_chosen] id={ "m" (at) } href={ "?m=" (at) "#m" (at) } data-m=(at) data-all=[all] aria-current=[is_chosen.then_some("true")] {
                title { (clip(&words, 400)) }
                rect.hit x="0" y=(row.y) width=(self.width()) height="40" {}
                (self.arrow(row.y, placed, again.len()))
            }
        }
    }

    fn arrow(&self, y: u32, placed: &Placed, again: usize) -> Markup {
        let message = &placed.message;
        let (lane, pbx) = (self.lane_x(placed.lane), self.x(self.lanes.pbx));
        let (from, to) = if message.direction == Direction::In { (lane, pbx) } else { (pbx, lane) };
        let label = Label::of(message, again).fit(lane.abs_diff(pbx).saturating_sub(12));
        let line = y + ARROW;
        // the head's tip stops short of the lane
        let (tip, back) = if to > from { (to - 5, to - 13) } else { (to + 5, to + 13) };
        let is_repeat = message.repeat != Repeat::No;
        let number = self.leg_number(placed);
        html! {
            g class={ "ar " (label.class) @if is_repeat { " again" } } {
                text x=(lane.midpoint(pbx)) y=(line - 7) {
                    @if let Some(number) = number { tspan.leg { (number) } " " }
                    tspan.tt { (label.title) }
                    @if !label.answers.is_empty() { " " tspan.mk { (label.answers) } }
                    @for (class, mark) in &label.marks { " " tspan class={ "mk " (class) } { (mark) } }
                }
                path d={ "M" (from) " " (line) "H" (back) } {}
                path.tip d={ "M" (tip) " " (line) "L" (back) " " (line - 5) "V" (line + 5) "Z" } {}
            }
        }
    }

    /// Of a device with several dialogs, which of them, in a circle.
    fn leg_number(&self, placed: &Placed) -> Option<char> {
        let lane = self.joined.lanes.get(placed.lane)?;
        let call_id = self.joined.call_ids.get(placed.message.dialog)?;
        let at = lane.call_ids.iter().position(|id| id == call_id)?;
        if lane.call_ids.len() < 2 {
            return None;
        }
        "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳".chars().nth(at)
    }

    fn pause(&self, y: u32, words: &str) -> Markup {
        html! {
            g.pz {
                rect x="0" y=(y + 4) width=(self.width()) height="22" {}
                @for column in 0..self.lanes.posts.len() {
                    @let x = self.x(column);
                    path d={ "M" (x) " " (y + 2) "l0 5 l-5 4 l10 6 l-5 4 l0 7" } {}
                }
                text x=(self.x(0).midpoint(self.x(1))) y=(y + 19) { (words) " later" }
            }
        }
    }

    fn hole(&self, y: u32, hole: &Hole) -> Markup {
        let width = self.width();
        let end = self.rows.y_of(hole.to).max(y + 36);
        let kind = if hole.is_lowered { "Less detail. " } else { "Gap. " };
        let [first, second] = two_lines(&format!("{kind}{}", hole.words), width - 24);
        html! {
            g.hl {
                title { (hole.words) " " (clock(hole.from)) " to " (clock(hole.to)) }
                rect x="0" y=(y + 1) width=(width) height="34" {}
                rect.side x="0" y=(y + 1) width="5" height=(end - y - 1) {}
                text x="14" y=(y + 15) { (first) }
                text x="14" y=(y + 29) { (second) }
            }
        }
    }

    fn bar(&self, bar: &Bar) -> Markup {
        let class = format!("br {}{}", phase(bar.phase), if bar.is_open { " open" } else { "" });
        let x = self.lane_x(bar.lane).saturating_sub(4);
        html! { rect class=(class) x=(x) y=(bar.from) width="8" height=(bar.to - bar.from) rx="3" {} }
    }

    fn quality(&self, y: u32, lane: usize, reports: &[&Quality]) -> Markup {
        let x = self.lane_x(lane);
        let is_left = self.lanes.column(lane) < self.lanes.posts.len().div_ceil(2);
        let (class, at) = if is_left { ("ql", x + 10) } else { ("ql end", x.saturating_sub(10)) };
        let call_id = reports.first().map(|report| Arc::clone(&report.call_id)).unwrap_or_default();
        let known = self.figures.iter().find(|(_, id, _)| *id == call_id);
        let codec = known.and_then(|(_, _, all)| all.first()).map_or_else(|| Codec::of(""), |one| one.codec);
        let both = figures(reports.iter().copied(), codec);
        html! {
            g class=(class) {
                circle cx=(x) cy=(y + 18) r="5" {}
                @for (n, one) in (0_u32..).zip(&both) {
                    text class=(one.grade.word()) x=(at) y=(y + 14 + 15 * n) { (quality_words(one)) }
                }
            }
        }
    }
}

/// The figures of a direction in a line.
fn quality_words(one: &Figures) -> String {
    let verb = if one.direction == Direction::In { "sends" } else { "gets" };
    let jitter = Duration::from_micros(u64::from(one.media.jitter)).as_secs_f64() * 1e3;
    format!(
        "{verb} {}, {:.1} % lost, jitter {jitter:.1} ms: {} {:.1}",
        count(one.media.packets),
        one.loss() * 100.0,
        one.grade.word(),
        one.mos
    )
}

const fn phase(phase: CallPhase) -> &'static str {
    match phase {
        CallPhase::Ringing => "ringing",
        CallPhase::Up => "up",
        CallPhase::Held => "held",
        CallPhase::Ended => "ended",
    }
}
