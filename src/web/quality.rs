//! Quality of a call's media as fragments of pages: a badge for lists, a table for one leg. Pure.

use std::time::Duration;

use maud::{Markup, html};

use crate::event::Direction;
use crate::query::history::quality::{Figures, Grade};
use crate::web::text::count;

/// The grade and the score, for a line of a list.
pub fn badge(figures: &Figures) -> Markup {
    html! {
        span class={ "badge q " (class(figures.grade)) } title="Mean opinion score, estimated by ITU-T G.107 (1 to 4.5)" {
            (figures.grade.word()) " " (format!("{:.1}", figures.mos))
        }
    }
}

fn class(grade: Grade) -> &'static str {
    match grade {
        Grade::Good => "s2",
        Grade::Fair => "s3",
        Grade::Poor => "s4",
    }
}

/// All figures of one leg, a line a direction; nothing where there was no report.
pub fn table(figures: &[Figures]) -> Markup {
    html! {
        @if !figures.is_empty() {
            table.quality {
                thead {
                    tr {
                        th scope="col" { "Media" } th scope="col" { "Quality" } th.sz scope="col" { "Packets" }
                        th.sz scope="col" { "Lost" } th.sz scope="col" { "Jitter, mean and worst" }
                        th.sz scope="col" { "Round trip, mean and worst" } th scope="col" { "Codec" }
                    }
                }
                tbody {
                    @for one in figures {
                        tr {
                            th scope="row" { (way(one.direction)) }
                            td { (badge(one)) }
                            td.sz { (count(one.media.packets)) }
                            td.sz { (count(one.media.lost)) " (" (format!("{:.1}", one.loss() * 100.0)) " %)" }
                            td.sz { (ms(one.media.jitter)) " / " (ms(one.media.jitter_worst)) }
                            td.sz {
                                @if one.media.round_trip_worst == 0 { "–" }
                                @else { (ms(one.media.round_trip)) " / " (ms(one.media.round_trip_worst)) }
                            }
                            td { (one.codec.name) }
                        }
                    }
                }
            }
        }
    }
}

/// Which way the media went, as people say it.
pub fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "from the phone",
        Direction::Out => "to the phone",
    }
}

/// Microseconds as milliseconds: `12.3 ms`.
fn ms(micros: u32) -> String {
    format!("{:.1} ms", Duration::from_micros(u64::from(micros)).as_secs_f64() * 1e3)
}
