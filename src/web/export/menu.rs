//! The menu that offers the files of a page. Works without a script: each is a link, the support bundle a form.

use maud::{Markup, html};

use crate::query::export::Form;
use crate::web::text::{count, link};
use crate::web::view::{Frame, icon};

/// What is offered, and of what.
#[derive(Debug, Clone, Default)]
pub struct Offer<'a> {
    /// The path of the page.
    pub here: &'a str,
    /// The filter that the page shows.
    pub fields: Vec<(&'static str, String)>,
    /// What is in a file, in words.
    pub holds: &'a str,
    /// How many packets, if that is known.
    pub packets: Option<usize>,
    /// The path under which a support bundle is found, if there is one.
    pub bundle: Option<&'a str>,
}

/// The button and what opens under it.
pub fn menu(frame: &Frame, offer: &Offer<'_>) -> Markup {
    html! {
        link rel="stylesheet" href=(frame.links.asset("export.css"));
        details.export {
            summary.button { (icon("save")) "Export" }
            div.offer {
                p {
                    (offer.holds)
                    @if let Some(packets) = offer.packets {
                        " " (count(u64::try_from(packets).unwrap_or(u64::MAX)))
                        @if packets == 1 { " packet." } @else { " packets." }
                    }
                }
                ul {
                    @for form in Form::ALL {
                        li { a href=(file(offer, form)) { b { (name(form)) } " " small { (purpose(form)) } } }
                    }
                }
                @if let Some(path) = offer.bundle { (bundle(path, offer)) }
                p.hint { "As kept: secrets are blacked out. Each export is written to the audit log." }
            }
        }
    }
}

fn file(offer: &Offer<'_>, form: Form) -> String {
    let mut fields = offer.fields.clone();
    fields.push(("form", form.word().to_owned()));
    link(&format!("{}/export", offer.here), &fields)
}

const fn name(form: Form) -> &'static str {
    match form {
        Form::Pcap => "pcap",
        Form::PcapNg => "pcapng",
        Form::Text => "Text",
        Form::JsonLines => "JSON lines",
    }
}

const fn purpose(form: Form) -> &'static str {
    match form {
        Form::Pcap => "for Wireshark, tshark, sngrep",
        Form::PcapNg => "the same with gaps and marks as comments",
        Form::Text => "for reading and for mail",
        Form::JsonLines => "for programs",
    }
}

fn bundle(path: &str, offer: &Offer<'_>) -> Markup {
    html! {
        form method="get" action=(path) {
            @for (name, value) in &offer.fields { input type="hidden" name=(name) value=(value); }
            fieldset {
                legend { "Support bundle" }
                p.hint { "A report to read in any browser, with ladders and messages, and its pcap, in one zip." }
                label { input type="checkbox" name="names" value="hide"; " Replace names and numbers by tokens" }
                label { input type="checkbox" name="addresses" value="hide"; " IP addresses too" }
                button.button { (icon("save")) "Support bundle" }
            }
        }
    }
}
