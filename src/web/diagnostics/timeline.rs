//! The time line: a picture of a stretch with a lane each for calls, registrations, failures, offline, gaps and the dump
//! detail. Marks are joined by what the eye can tell apart, so ten thousand calls are as small a picture as ten. The page's
//! script makes its ticks local and lets a drag zoom; without it there are links.

use std::fmt::Write as _;

use maud::{Markup, Render, html};

use crate::clock::Timestamp;
use crate::event::DumpDetail;
use crate::query::history::message::Method;
use crate::query::history::overview::Counts;
use crate::query::history::{Kind, Outcome, Overview};
use crate::web::text::{count, link, span};
use crate::web::view::icon;

/// Marks side by side at most.
const WIDE: usize = 960;
/// Height of a lane, and of all its lanes, in pixels.
const LANE: usize = 20;
/// Ticks at most.
const TICKS: i64 = 9;
/// Spans between ticks, in minutes.
const STEPS: [i64; 14] = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 10_080];
const MINUTE: i64 = 60_000_000;

/// One row of marks.
struct Marks {
    class: &'static str,
    /// Top and height within the lane.
    extent: (usize, usize),
    at: Vec<bool>,
}

/// Where moments are in the picture.
#[derive(Debug, Clone, Copy)]
struct Scale {
    from: i64,
    span: i64,
}

impl Scale {
    fn of((from, to): (Timestamp, Timestamp)) -> Self {
        let span = to.micros().saturating_sub(from.micros()).max(1);
        Self { from: from.micros(), span }
    }

    /// `None`: outside.
    fn column(self, at: Timestamp) -> Option<usize> {
        let past = at.micros().checked_sub(self.from).filter(|past| (0..=self.span).contains(past))?;
        let wide = i128::try_from(WIDE).ok()?;
        let column = i128::from(past).checked_mul(wide)? / i128::from(self.span);
        usize::try_from(column).ok().map(|column| column.min(WIDE.saturating_sub(1)))
    }

    /// First and last column of a stretch, and at least `least` of them; `None`: outside.
    fn columns(self, from: Timestamp, to: Timestamp, least: usize) -> Option<(usize, usize)> {
        let end = Timestamp(self.from.saturating_add(self.span));
        if to.micros() < self.from || from > end {
            return None;
        }
        let first = self.column(from.max(Timestamp(self.from)))?;
        let last = self.column(to.min(end).max(from))?.max(first.saturating_add(least).saturating_sub(1));
        Some((first, last.min(WIDE.saturating_sub(1))))
    }

    /// In hundredths of a percent.
    fn place(self, at: i64) -> i128 {
        i128::from(at.saturating_sub(self.from)).saturating_mul(10_000) / i128::from(self.span)
    }
}

impl Marks {
    fn new(class: &'static str, top: usize, height: usize) -> Self {
        Self { class, extent: (top, height), at: vec![false; WIDE] }
    }

    fn set(&mut self, scale: Scale, (from, to): (Timestamp, Timestamp), least: usize) {
        if let Some((first, last)) = scale.columns(from, to, least) {
            self.at.get_mut(first..=last).into_iter().flatten().for_each(|mark| *mark = true);
        }
    }

    /// A path of one box for each run of marks.
    fn path(&self) -> String {
        let mut path = String::new();
        let (top, height) = self.extent;
        let mut from = None;
        for (n, mark) in self.at.iter().copied().chain([false]).enumerate() {
            match (mark, from) {
                (true, None) => from = Some(n),
                (false, Some(first)) => {
                    let wide = n - first;
                    // writing to a String cannot fail
                    let _ = write!(path, "M{first} {top}h{wide}v{height}h-{wide}z");
                    from = None;
                }
                _ => {}
            }
        }
        path
    }
}

/// The picture with its words and the links that zoom; `here`: the page it is on.
pub fn picture(here: &str, data: &Overview) -> Markup {
    let scale = Scale::of(data.window);
    let lanes = [
        ("Calls", calls(data, scale)),
        ("Registrations", registrations(data, scale)),
        ("Failures", failures(data, scale)),
        ("Offline", stretches("offline", scale, data.spans.offline.iter().copied())),
        ("Gaps", stretches("gap", scale, data.history.gaps.iter().map(|(_, gap)| (gap.from, gap.to)))),
    ];
    let (from, to) = (data.window.0.micros(), data.window.1.micros());
    let tall = LANE * (lanes.len() + 1);
    let zoom = link(here, &rest(data));
    html! {
        section.timeline aria-label="Time line" {
            (summary(here, data))
            div.tl data-from=(from.div_euclid(1_000)) data-to=(to.div_euclid(1_000)) data-zoom=(zoom) {
                ul.lanes aria-hidden="true" {
                    @for (name, _) in &lanes { li { (name) } }
                    li { "Dump detail" }
                }
                svg.picture role="img" aria-labelledby="tl-title tl-words" height=(tall + LANE) {
                    title #tl-title { "Time line" }
                    desc #tl-words { (words(data)) }
                    @for n in 1..=lanes.len() {
                        rect.rule x="0" y=(n * LANE) width="100%" height="1" {}
                    }
                    g.ticks { (ticks(scale, tall)) }
                    @for (n, (_, marks)) in lanes.iter().enumerate() { (lane(n, marks)) }
                    (details(data, scale, lanes.len()))
                }
            }
            p.hint.js { "Drag over the time line to look closer." }
        }
    }
}

fn lane(n: usize, marks: &[Marks]) -> Markup {
    html! {
        svg x="0" y=(n * LANE + 3) width="100%" height=(LANE - 6) viewBox={ "0 0 " (WIDE) " 14" } preserveAspectRatio="none" {
            @for marks in marks {
                @let path = marks.path();
                @if !path.is_empty() { path class={ "m " (marks.class) } d=(path) {} }
            }
        }
    }
}

fn calls(data: &Overview, scale: Scale) -> Vec<Marks> {
    // the worst last, so that it is seen
    let mut all = [
        (Outcome::Unknown, Marks::new("unknown", 8, 6)),
        (Outcome::Good, Marks::new("good", 0, 14)),
        (Outcome::Running, Marks::new("running", 0, 14)),
        (Outcome::Missed, Marks::new("missed", 7, 7)),
        (Outcome::Failed, Marks::new("failed", 0, 14)),
    ];
    for item in data.items().filter(|item| item.kind == Kind::Call) {
        for (_, marks) in all.iter_mut().filter(|(outcome, _)| *outcome == item.verdict.outcome) {
            marks.set(scale, (item.start, item.end), 2);
        }
    }
    all.into_iter().map(|(_, marks)| marks).collect()
}

/// Each answer to a REGISTER, because a folded line hides the one that did not come.
fn registrations(data: &Overview, scale: Scale) -> Vec<Marks> {
    let mut good = Marks::new("good", 3, 11);
    for item in data.items().filter(|item| item.kind == Kind::Registration) {
        for message in data.history.messages_of(item) {
            if message.answers(Method::Register).is_some_and(|status| status < 300) {
                good.set(scale, (message.at.time, message.at.time), 1);
            }
        }
    }
    vec![good]
}

fn failures(data: &Overview, scale: Scale) -> Vec<Marks> {
    let mut failed = Marks::new("failed", 0, 14);
    for item in data.items().filter(|item| item.verdict.outcome == Outcome::Failed) {
        if item.times > 1 {
            data.history.messages_of(item).for_each(|m| failed.set(scale, (m.at.time, m.at.time), 3));
        } else {
            failed.set(scale, (item.start, item.start), 4);
        }
    }
    vec![failed]
}

fn stretches(
    class: &'static str,
    scale: Scale,
    all: impl Iterator<Item = (Timestamp, Timestamp)>,
) -> Vec<Marks> {
    let mut marks = Marks::new(class, 2, 10);
    all.for_each(|stretch| marks.set(scale, stretch, 2));
    vec![marks]
}

/// The dump detail in force, one box for each run of it.
fn details(data: &Overview, scale: Scale, lane: usize) -> Markup {
    let mut columns: Vec<Option<DumpDetail>> = vec![None; WIDE];
    for (from, to, detail) in &data.spans.details {
        if let Some((first, last)) = scale.columns(*from, *to, 1) {
            columns.get_mut(first..=last).into_iter().flatten().for_each(|column| *column = Some(*detail));
        }
    }
    let mut runs: Vec<(usize, usize, DumpDetail)> = Vec::new();
    for (n, detail) in columns.into_iter().enumerate() {
        let Some(detail) = detail else { continue };
        match runs.last_mut() {
            Some((_, end, last)) if *last == detail && *end + 1 == n => *end = n,
            _ => runs.push((n, n, detail)),
        }
    }
    let percent = |columns: usize| Percent(i128::try_from(columns * 10_000 / WIDE).unwrap_or_default());
    html! {
        @for (first, last, detail) in runs {
            rect class={ "detail " (detail.word()) } x=(percent(first)) y=(lane * LANE + 4)
                width=(percent(last + 1 - first)) height=(LANE - 7) {}
            @if last - first > WIDE / 12 {
                text.detail x=(percent(first)) dx="4" y=(lane * LANE + 14) { (detail.word()) }
            }
        }
    }
}

/// Hundredths of a percent, as an attribute has it.
struct Percent(i128);

impl Render for Percent {
    fn render_to(&self, out: &mut String) {
        let _ = write!(out, "{}.{:02}%", self.0 / 100, self.0 % 100);
    }
}

/// Ticks at round times of UTC; the script makes them local.
fn ticks(scale: Scale, tall: usize) -> Markup {
    let step = STEPS.iter().map(|minutes| minutes * MINUTE).find(|step| scale.span / step < TICKS);
    let step = step.unwrap_or(scale.span / TICKS);
    let first = scale.from.div_euclid(step).saturating_add(1).saturating_mul(step);
    let all = (0..TICKS).map(|n| first.saturating_add(n.saturating_mul(step)));
    html! {
        @for at in all.take_while(|at| *at < scale.from.saturating_add(scale.span)) {
            @let x = Percent(scale.place(at));
            line x1=(x) x2=(x) y1="0" y2=(tall) {}
            text x=(x) y=(tall + 14) { (label(at)) }
        }
    }
}

fn label(at: i64) -> String {
    let Ok(moment) = jiff::Timestamp::from_microsecond(at) else { return String::new() };
    let is_midnight = at.rem_euclid(1_440 * MINUTE) == 0;
    moment.strftime(if is_midnight { "%d %b" } else { "%H:%M" }).to_string()
}

/// The fields of the filter without those of time.
fn rest(data: &Overview) -> Vec<(&'static str, String)> {
    let mut fields = super::fields(&data.asked);
    fields.retain(|(name, _)| !matches!(*name, "from" | "to" | "last"));
    fields
}

/// How many of what, each a link to them alone.
fn summary(here: &str, data: &Overview) -> Markup {
    let counts = &data.counts;
    let narrow = |kind: &str, outcome: &str| {
        let mut fields = super::fields(&data.asked);
        fields.retain(|(name, _)| !matches!(*name, "kind" | "outcome"));
        fields.push(("kind", kind.to_owned()));
        if !outcome.is_empty() {
            fields.push(("outcome", outcome.to_owned()));
        }
        link(here, &fields)
    };
    let calls: usize = counts.calls.iter().sum();
    let registrations: usize = counts.registrations.iter().sum();
    let part = |n: usize, outcome: Outcome, kind: &str, words: &str| {
        html! {
            @if n > 0 {
                a.chip data-o=(outcome.word()) href=(narrow(kind, outcome.word())) {
                    (super::list::shape(outcome)) b { (number(n)) } " " (words)
                }
            }
        }
    };
    html! {
        p.chips {
            a.chip href=(narrow("call", "")) { b { (number(calls)) } @if calls == 1 { " call" } @else { " calls" } }
            (part(counts.calls_that(Outcome::Running), Outcome::Running, "call", "in progress"))
            (part(counts.calls_that(Outcome::Missed), Outcome::Missed, "call", "not answered"))
            (part(counts.calls_that(Outcome::Failed), Outcome::Failed, "call", "failed"))
            a.chip href=(narrow("registration", "")) {
                b { (number(registrations)) } @if registrations == 1 { " registration" } @else { " registrations" }
            }
            (part(counts.registrations_that(Outcome::Failed), Outcome::Failed, "registration", "failed"))
            @if counts.others > 0 { a.chip href=(narrow("other", "")) { b { (number(counts.others)) } " others" } }
            @if counts.offline > 0 {
                span.chip data-o="offline" { (icon("s-offline")) "offline " b { (span(counts.offline_span)) } }
            }
            @if counts.gaps > 0 {
                span.chip data-o="missed" { (icon("gap")) b { (number(counts.gaps)) } @if counts.gaps == 1 { " gap" } @else { " gaps" } }
            }
        }
    }
}

fn number(n: usize) -> String {
    count(u64::try_from(n).unwrap_or(u64::MAX))
}

fn utc(at: Timestamp) -> String {
    let moment = jiff::Timestamp::from_microsecond(at.micros());
    moment.map(|moment| moment.strftime("%Y-%m-%d %H:%M").to_string()).unwrap_or_default()
}

/// The picture in words.
fn words(data: &Overview) -> Markup {
    let Counts { calls, registrations, others, offline, offline_span, gaps } = &data.counts;
    let told = |what: &str, by: &[usize; 5]| {
        let parts = Outcome::all().zip(by).filter(|(_, n)| **n > 0);
        let parts: Vec<String> = parts.map(|(outcome, n)| format!("{n} {}", outcome.word())).collect();
        if parts.is_empty() { format!("no {what}") } else { format!("{what}: {}", parts.join(", ")) }
    };
    html! {
        (utc(data.window.0)) " to " (utc(data.window.1)) " (UTC). "
        (told("calls", calls)) "; " (told("registrations", registrations)) "; " "others: " (others) "; "
        @if *offline == 0 { "never offline" } @else { "offline: " (offline) ", " (span(*offline_span)) " in all" }
        "; " @if *gaps == 0 { "no gaps" } @else { "gaps: " (gaps) } "."
        @for (from, _, detail) in data.spans.details.iter().take(8) {
            " Dump detail " (detail.word()) " since " (utc(*from)) "."
        }
    }
}
