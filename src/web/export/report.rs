//! The support bundle: a zip with `report.html`, which needs nothing but a browser, and `packets.pcap` with the same
//! packets. The report has no script and no reference to anything outside of itself. Pure.

use std::io::{Cursor, Write};

use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, DateTime};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::query::exports::bundle::{Bundle, Hidden, Part};
use crate::query::history::Outcome;
use crate::query::history::joined::{Joined, Placed};
use crate::web::ladder::label::{Label, way};
use crate::web::ladder::lanes::Lanes;
use crate::web::ladder::{heading, svg};
use crate::web::quality;
use crate::web::text::{At, Line, Marked, Shape, count, plain, raw, span};

const STYLE: &str = include_str!("../../../web/report.css");

/// Both files in one.
///
/// # Errors
/// When they can't be packed, which is a fault of ours.
pub fn zip(bundle: &Bundle) -> Result<Vec<u8>> {
    let files =
        [("report.html", report(bundle).into_string().into_bytes()), ("packets.pcap", bundle.capture()?)];
    let unpacked = |error: &dyn std::fmt::Display| Error::Invalid(format!("the zip can't be made: {error}"));
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(moment(bundle.at))
        .unix_permissions(0o644);
    for (name, bytes) in files {
        zip.start_file(name, options).map_err(|error| unpacked(&error))?;
        zip.write_all(&bytes).map_err(|error| unpacked(&error))?;
    }
    Ok(zip.finish().map_err(|error| unpacked(&error))?.into_inner())
}

/// In UTC; a zip knows no zones.
fn moment(at: Timestamp) -> DateTime {
    let civil = jiff::Timestamp::from_microsecond(at.micros()).map(|at| TimeZone::UTC.to_datetime(at));
    let part = |n: i8| u8::try_from(n).unwrap_or_default();
    civil
        .ok()
        .and_then(|t| {
            let (year, month, day) = (u16::try_from(t.year()).ok()?, part(t.month()), part(t.day()));
            let (hour, minute, second) = (part(t.hour()), part(t.minute()), part(t.second()));
            DateTime::from_date_and_time(year, month, day, hour, minute, second).ok()
        })
        .unwrap_or_default()
}

/// The report.
pub fn report(bundle: &Bundle) -> Markup {
    let title = bundle.title();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (plain(&title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (Line(&title)) }
                p {
                    "As of " (At(bundle.at, Shape::Full)) ". All times are UTC. Dump detail " b { (bundle.detail.word()) }
                    ". " (Line(&bundle.host)) ", usermon " (env!("CARGO_PKG_VERSION")) "."
                }
                @if !bundle.asked.is_empty() {
                    p { "Narrowed by " @for (name, value) in &bundle.asked { (name) " " b { (Line(value)) } " " } }
                }
                p.hint { (words(bundle.hidden)) }
                @if bundle.left_out > 0 {
                    p.notice {
                        "There is more than a bundle holds: " (number(bundle.left_out)) " older items or more are not in it. "
                        "Narrow the filter, or export the packets alone."
                    }
                }
                @if bundle.parts.is_empty() { p.notice { "Nothing fits." } } @else { (list(bundle)) }
                @for (n, part) in bundle.parts.iter().enumerate() { (section(bundle, n, part)) }
            }
        }
    }
}

const fn words(hidden: Hidden) -> &'static str {
    match hidden {
        Hidden::Nothing => "Secrets were blacked out before anything was stored.",
        Hidden::Names => {
            "Names and numbers are replaced by tokens, the same one everywhere in this bundle; IP addresses are true. \
             Secrets were blacked out before anything was stored."
        }
        Hidden::Addresses => {
            "Names, numbers and IP addresses are replaced by tokens, the same one everywhere in this bundle. Secrets were \
             blacked out before anything was stored."
        }
    }
}

fn list(bundle: &Bundle) -> Markup {
    html! {
        table {
            thead { tr {
                th scope="col" { "Begin" } th scope="col" { "What" } th scope="col" { "How it ended" }
                th scope="col" { "Rang" } th scope="col" { "Talked" } th scope="col" { "Packets" }
            } }
            tbody {
                @for (n, Part { item, joined }) in bundle.parts.iter().enumerate() {
                    tr {
                        td { (At(item.start, Shape::Full)) }
                        td { a href={ "#i" (n) } { (Line(&heading(joined))) } @if item.times > 1 { ", " (number(item.times)) " times" } }
                        td { (outcome(item.verdict.outcome)) " " (Line(&item.verdict.words)) }
                        td { @if let Some(ringing) = item.ringing { (span(ringing)) } }
                        td { @if let Some(talking) = item.talking { (span(talking)) } }
                        td { (number(item.messages.len().max(joined.messages.len()))) }
                    }
                }
            }
        }
    }
}

fn outcome(outcome: Outcome) -> Markup {
    let words = match outcome {
        Outcome::Good => "✓ good",
        Outcome::Missed => "○ missed",
        Outcome::Failed => "✕ failed",
        Outcome::Running => "… in progress",
        Outcome::Unknown => "? not known",
    };
    html! { span class={ "o " (outcome.word()) } { (words) } }
}

fn section(bundle: &Bundle, n: usize, Part { item, joined }: &Part) -> Markup {
    let lanes = Lanes::of(joined, &bundle.host);
    let picture = svg(joined, &bundle.host);
    // within a page the declaration of an XML document has no place
    let picture = picture.split_once("?>").map_or(&*picture, |(_, picture)| picture);
    html! {
        section id={ "i" (n) } {
            h2 { (Line(&heading(joined))) " " small { (At(item.start, Shape::Full)) } }
            p { (outcome(item.verdict.outcome)) " " (Marked(&item.verdict.words)) " " (Marked(&item.verdict.advice)) }
            @if item.times > 1 {
                p.hint { "One of " (number(item.times)) " equal ones in a row; the packets of all are in packets.pcap." }
            }
            @if joined.is_cut { p.notice { "There are more messages; only the first " (number(joined.messages.len())) " are here." } }
            @if joined.has_foreign_legs { p.notice { "A leg of another company is not shown." } }
            @if joined.messages.is_empty() {
                p.hint { "No message of it was kept." }
            } @else {
                div.picture { (PreEscaped(picture)) }
            }
            @for (user, call_id, figures) in &joined.figures() {
                h3 { "Media of " (Line(&format!("{} {} {}", user.name, user.surname, user.extension))) " " small { code { (Line(call_id)) } } }
                (quality::table(figures))
            }
            @for placed in &joined.messages { (message(joined, &lanes, placed)) }
        }
    }
}

fn message(joined: &Joined, lanes: &Lanes, placed: &Placed) -> Markup {
    let message = &placed.message;
    let label = Label::of(message, 0);
    let shows_why = joined.item.verdict.at == Some(message.at);
    html! {
        details open[shows_why] {
            summary {
                (At(message.at.time, Shape::Fine)) " " b { (Line(&label.line())) } " "
                (Line(&way(message.direction, &lanes.name(placed.lane)))) " "
                small { (message.transport.name()) " " (message.far) ", " (count(message.size.into())) " bytes" }
                @if shows_why { " " b.o { "shows why" } }
            }
            pre { (raw(&message.bytes)) }
        }
    }
}

fn number(n: usize) -> String {
    count(u64::try_from(n).unwrap_or(u64::MAX))
}
