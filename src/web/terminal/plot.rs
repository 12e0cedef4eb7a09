//! Round-trip times as a small picture: one bar a column from the shortest to the longest, a mark at the median, and a mark
//! where the phone did not answer. Pure; says the same in words.

use std::time::Duration;

use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::query::terminal::past::Check;
use crate::web::text::{At, Shape, count, milliseconds};

/// Columns side by side.
const COLUMNS: usize = 240;
/// Height of the picture in pixels.
const TALL: usize = 120;
/// Height of the row with the marks of what was not answered.
const MARKS: usize = 12;
/// Tops of the scale, in milliseconds.
const TOPS: [u128; 14] = [5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000];

/// What fell into one column.
#[derive(Default, Clone)]
struct Column {
    times: Vec<Duration>,
    silent: bool,
}

/// The picture of checks, oldest first, up to `now`.
pub(super) fn plot(checks: &[Check], now: Timestamp) -> Markup {
    let Some(first) = checks.first().map(|check| check.at) else { return Markup::default() };
    let mut times: Vec<Duration> = checks.iter().filter_map(|check| check.round_trip).collect();
    times.sort_unstable();
    let (median, worst) = (times.get(times.len() / 2).copied(), times.last().copied());
    let silent = checks.iter().filter(|check| check.round_trip.is_none()).count();
    let again = checks.iter().filter(|check| check.again && check.round_trip.is_some()).count();
    let highest = worst.unwrap_or_default().as_micros().div_ceil(1_000);
    let top = TOPS.into_iter().find(|top| *top >= highest).unwrap_or(highest.max(1));
    let words = html! {
        (count(number(checks.len()))) " checks"
        @if let (Some(median), Some(worst)) = (median, worst) {
            ", median " b { (short(median)) } ", longest " b { (short(worst)) }
        }
        ", " b { (count(number(silent))) } " not answered"
        @if again > 0 { ", " (count(number(again))) " answered only after they were repeated" }
        "."
    };
    html! {
        figure.plot {
            svg role="img" aria-label="Round-trip times; the text below says the same" width="100%" height=(TALL) {
                line.base x1="0" x2="100%" y1=(TALL - 1) y2=(TALL - 1) {}
                line.half x1="0" x2="100%" y1=(y(top / 2, top)) y2=(y(top / 2, top)) {}
                line.half x1="0" x2="100%" y1=(MARKS) y2=(MARKS) {}
                @for (n, column) in columns(checks, first, now).iter().enumerate() {
                    @let x = percent(n);
                    @if column.silent { rect.silent x=(x) y="1" width="0.42%" height=(MARKS - 4) {} }
                    @if let (Some(low), Some(high)) = (column.times.first(), column.times.last()) {
                        @let (low, high) = (y(low.as_millis(), top), y(high.as_millis(), top));
                        rect.range x=(x) y=(high) width="0.38%" height=((low - high).max(2)) {}
                        @if let Some(middle) = column.times.get(column.times.len() / 2) {
                            rect.median x=(x) y=(y(middle.as_millis(), top).saturating_sub(1)) width="0.38%" height="3" {}
                        }
                    }
                }
                text x="2" y=(MARKS + 12) { (top) " ms" }
                text x="2" y=(y(top / 2, top) + 12) { (top / 2) " ms" }
            }
            figcaption {
                span { (At(first, Shape::Full)) } span { (At(now, Shape::Full)) }
                p.hint { (words) }
            }
        }
    }
}

fn number(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn short(time: Duration) -> String {
    milliseconds(u32::try_from(time.as_micros()).unwrap_or(u32::MAX))
}

/// From the top, in pixels.
fn y(millis: u128, top: u128) -> usize {
    let room = TALL - MARKS - 2;
    let up = millis.min(top).saturating_mul(room as u128).checked_div(top).unwrap_or(0);
    (TALL - 2).saturating_sub(usize::try_from(up).unwrap_or(room))
}

fn percent(column: usize) -> String {
    let hundredths = column * 10_000 / COLUMNS;
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

fn columns(checks: &[Check], first: Timestamp, now: Timestamp) -> Vec<Column> {
    let all = now.since(first).as_micros().max(1);
    let mut columns = vec![Column::default(); COLUMNS];
    for check in checks {
        let past = check.at.since(first).as_micros().saturating_mul(COLUMNS as u128) / all;
        let at = usize::try_from(past).unwrap_or(COLUMNS).min(COLUMNS - 1);
        if let Some(column) = columns.get_mut(at) {
            column.times.extend(check.round_trip);
            column.silent |= check.round_trip.is_none();
        }
    }
    for column in &mut columns {
        column.times.sort_unstable();
    }
    columns
}
