//! What the filter of a history is set with: links for stretches, a form that needs no script, and each part that is set as
//! a link that removes it.

use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::query::history::filter::{Filter, Last, Sort};
use crate::query::history::overview::Named;
use crate::query::history::why::Outcome;
use crate::web::monitoring::kind_words;
use crate::web::text::{brief, link};
use crate::web::view::icon;

/// The links and the form; `here`: the page they lead to.
pub fn form(here: &str, filter: &Filter, terminals: &[Named]) -> Markup {
    let is_open = filter.from.is_some()
        || filter.to.is_some()
        || filter.is_of_messages() && filter.text.is_empty()
        || [&filter.far, &filter.terminal, &filter.call_id].iter().any(|value| !value.is_empty());
    html! {
        div.sift {
            nav.stretches aria-label="Stretch of time" {
                @for last in Last::ALL {
                    @let current = filter.from.is_none() && filter.last.unwrap_or(Last::TwoDays) == last;
                    a href=(with_last(here, filter, last)) aria-current=[current.then_some("true")] { (words(last)) }
                }
            }
            form.filter #filter method="get" action=(here) role="search" {
                @if let (Some(last), None) = (filter.last, filter.from) { input type="hidden" name="last" value=(last.word()); }
                div.first {
                    label.search {
                        (icon("search")) span.hidden { "Text in the messages" }
                        input #text type="search" name="text" value=(filter.text) placeholder="Text in the messages" maxlength="200" spellcheck="false" autocomplete="off";
                    }
                    (select("kind", "What", filter.kind.map(Sort::word), &Sort::ALL.map(|sort| (sort.word(), sort_words(sort)))))
                    (select("outcome", "How it ended", filter.outcome.map(Outcome::word), &Outcome::all().map(|outcome| (outcome.word(), outcome_words(outcome))).collect::<Vec<_>>()))
                    button.button { "Filter" }
                }
                details open[is_open] {
                    summary { "More filters" }
                    div.more {
                        (moment("from", "From", filter.from))
                        (moment("to", "To", filter.to))
                        (text("far", "Far party", "Number, name or address", &filter.far))
                        (text("method", "Method", "INVITE", &filter.method))
                        (text("status", "Status", "486 or 4xx", &status(filter)))
                        @if terminals.is_empty() { (text("terminal", "Terminal", "Endpoint", &filter.terminal)) }
                        @else { (terminal(filter, terminals)) }
                        (text("call-id", "Call-ID", "", &filter.call_id))
                    }
                }
            }
            (parts(here, filter))
        }
    }
}

fn with_last(here: &str, filter: &Filter, last: Last) -> String {
    let mut fields = filter.fields();
    fields.retain(|(name, _)| !matches!(*name, "from" | "to" | "last"));
    if last != Last::TwoDays {
        fields.push(("last", last.word().to_owned()));
    }
    link(here, &fields)
}

fn words(last: Last) -> &'static str {
    match last {
        Last::Hour => "Last hour",
        Last::SixHours => "6 hours",
        Last::Day => "Day",
        Last::TwoDays => "Two days",
        Last::All => "All that is kept",
    }
}

fn sort_words(sort: Sort) -> &'static str {
    match sort {
        Sort::Call => "Calls",
        Sort::Registration => "Registrations",
        Sort::Other => "Others",
    }
}

fn outcome_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Good => "Went well",
        Outcome::Missed => "Not answered, by no fault",
        Outcome::Failed => "Failed",
        Outcome::Running => "In progress",
        Outcome::Unknown => "Not known",
    }
}

fn select(name: &str, label: &str, current: Option<&str>, options: &[(&str, &str)]) -> Markup {
    html! {
        label {
            span.hidden { (label) }
            select name=(name) {
                option value="" { (label) ": any" }
                @for (value, words) in options { option value=(value) selected[current == Some(*value)] { (words) } }
            }
        }
    }
}

fn terminal(filter: &Filter, terminals: &[Named]) -> Markup {
    let mut seen: Vec<&str> = Vec::new();
    let mut options: Vec<(String, String)> = Vec::new();
    for Named { endpoint, view } in terminals {
        if !seen.contains(&&**endpoint) {
            seen.push(endpoint);
            let name = if view.description.is_empty() { kind_words(view.kind) } else { &view.description };
            options.push((endpoint.to_string(), format!("{} ({})", brief(name), brief(endpoint))));
        }
    }
    html! {
        label {
            span { "Terminal" }
            select name="terminal" {
                option value="" { "any" }
                @for (value, words) in &options { option value=(value) selected[*value == filter.terminal] { (words) } }
            }
        }
    }
}

fn text(name: &str, label: &str, placeholder: &str, value: &str) -> Markup {
    html! {
        label {
            span { (label) }
            input type="text" name=(name) value=(value) placeholder=(placeholder) maxlength="200" spellcheck="false" autocomplete="off";
        }
    }
}

/// A time of UTC; the script shows and sends a local one.
fn moment(name: &str, label: &str, at: Option<Timestamp>) -> Markup {
    let value = at.and_then(|at| jiff::Timestamp::from_microsecond(at.micros()).ok());
    let value = value.map(|at| at.strftime("%Y-%m-%dT%H:%M:%S").to_string()).unwrap_or_default();
    html! {
        label {
            span { (label) " " small data-zone { "UTC" } }
            input type="datetime-local" step="1" name=(name) value=(value);
        }
    }
}

fn status(filter: &Filter) -> String {
    filter
        .fields()
        .into_iter()
        .find(|(name, _)| *name == "status")
        .map(|(_, value)| value)
        .unwrap_or_default()
}

/// What is set, each part a link that removes it.
fn parts(here: &str, filter: &Filter) -> Markup {
    let fields = filter.fields();
    let without = |name: &str| {
        let rest: Vec<_> = fields.iter().filter(|(other, _)| *other != name).cloned().collect();
        link(here, &rest)
    };
    let set = fields.iter().filter(|(name, _)| *name != "last");
    html! {
        @if fields.iter().any(|(name, _)| *name != "last") {
            p.parts {
                @for (name, value) in set {
                    a.chip href=(without(name)) title="Remove this part of the filter" {
                        (name) " " b { (brief(value)) } span aria-hidden="true" { " ✕" }
                    }
                }
                a href=(here) { "Remove all" }
            }
        }
    }
}
