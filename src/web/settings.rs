//! Configuration, Company, General Settings: the dump detail and how long packets are kept. Super-admins only; each
//! change is audited by `query` before it takes effect.

use std::sync::Arc;

use axum::extract::{Query as Args, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use crate::directory::Company;
use crate::event::DumpDetail;
use crate::query::CompanySettings;
use crate::query::kept::Removal;
use crate::web::auth::{Chief, Place, Posted, Site, aside};
use crate::web::fault::Fault;
use crate::web::kept::{button, ordered};
use crate::web::text::Line;
use crate::web::view::{Frame, Section};

/// The company that the switcher chose; whether a change was just saved.
#[derive(serde::Deserialize)]
pub(crate) struct Choice {
    company: Option<String>,
    saved: Option<String>,
}

/// `GET /configuration`: to a company's general settings.
pub(crate) async fn start(
    State(site): State<Arc<Site>>,
    Chief(visitor): Chief,
    Args(choice): Args<Choice>,
) -> Result<Response, Fault> {
    let companies = site.query.companies();
    let chosen = match &choice.company {
        Some(id) => companies.iter().find(|c| *c.id == **id),
        None => companies.first(),
    };
    let company = chosen.ok_or(Fault::Missing("There is no such company. Choose another one."))?;
    Ok(Redirect::to(&visitor.links.settings(&company.id)).into_response())
}

/// `GET /configuration/company/{company}`.
pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    Chief(visitor): Chief,
    place: Place,
    Args(choice): Args<Choice>,
) -> Markup {
    let told = choice.saved.map(|_| Told::Saved);
    let frame = site.frame(&visitor, Some(&place.company));
    page(&frame, &place.company, site.query.company_settings(&place.company.id), told.as_ref())
}

/// `POST /configuration/company/{company}`.
pub(crate) async fn save(
    State(site): State<Arc<Site>>,
    Chief(visitor): Chief,
    place: Place,
    posted: Posted,
) -> Result<Response, Fault> {
    let company = Arc::clone(&place.company);
    let before = site.query.company_settings(&company.id);
    let wish = wish(&posted);
    let removes = posted.get("remove_higher") == "1";
    let (query, viewer) = (site.query.clone(), visitor.viewer.clone());
    let id = Arc::clone(&company.id);
    let done = match wish {
        Err(words) => Err(Fault::Wrong(words)),
        Ok(wish) => aside(move || {
            if wish.retention_hours != before.retention_hours {
                query.set_retention_hours(&viewer, &id, wish.retention_hours)?;
            }
            if wish.dump_detail != before.dump_detail {
                query.set_dump_detail(&viewer, &id, wish.dump_detail)?;
            }
            if wish.max_mib != before.max_mib {
                query.set_max_mib(&viewer, &id, wish.max_mib)?;
            }
            removes.then(|| query.purge(&viewer, Removal::Above(&id, wish.dump_detail))).transpose()
        })
        .await?
        .map_err(Fault::inside),
    };
    match done {
        Ok(Some(order)) => Ok(Redirect::to(&ordered(&visitor.links.kept(), order)).into_response()),
        Ok(None) => {
            Ok(Redirect::to(&format!("{}?saved=1", visitor.links.settings(&company.id))).into_response())
        }
        Err(Fault::Wrong(words)) => {
            let frame = site.frame(&visitor, Some(&company));
            let now = site.query.company_settings(&company.id);
            let page = page(&frame, &company, now, Some(&Told::Refused(words)));
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(other) => Err(other),
    }
}

fn wish(posted: &Posted) -> Result<CompanySettings, String> {
    let dump_detail = DumpDetail::from_word(posted.get("dump_detail"))
        .ok_or("Choose one of the four dump details: off, summary, headers or full.")?;
    let retention_hours = posted
        .get("retention_hours")
        .trim()
        .parse()
        .ok()
        .filter(|h| (1..=720).contains(h))
        .ok_or("Write for how many hours packets are kept: a whole number from 1 to 720.")?;
    let max_mib = match posted.get("max_mib").trim() {
        "" => None,
        text => Some(text.parse().map_err(|_| {
            "Write how many MiB of the disk the company may have: a whole number, or nothing for no limit."
        })?),
    };
    Ok(CompanySettings { dump_detail, retention_hours, max_mib })
}

/// How the last change went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It is in force.
    Saved,
    /// It is not, and why.
    Refused(String),
}

/// What each level keeps (product.md).
const fn keeps(detail: DumpDetail) -> &'static str {
    match detail {
        DumpDetail::Off => "Nothing. diag says that it is not activated.",
        DumpDetail::Summary => {
            "Of each packet: time, direction, addresses, transport, size, start line, From and To user, Call-ID, CSeq."
        }
        DumpDetail::Headers => {
            "The summary and all headers. Of a body only type and length; of SDP the codecs, c= and m= lines."
        }
        DumpDetail::Full => "Everything. Secrets are blacked out, as at every level.",
    }
}

/// The whole page.
pub fn page(frame: &Frame, company: &Company, now: CompanySettings, told: Option<&Told>) -> Markup {
    let main = html! {
        (tabs(frame, Tab::Company))
        p.crumbs { "Configuration › Company › General Settings" }
        h1 { (Line(&company.name)) }
        @match told {
            Some(Told::Saved) => { p.notice.good role="status" { "Saved. It is in force for new packets." } }
            Some(Told::Refused(words)) => { p.notice.bad role="alert" { strong { "Not saved. " } (Line(words)) } }
            None => {}
        }
        form.stack.wide method="post" action=(frame.links.settings(&company.id)) {
            (frame.token())
            fieldset {
                legend { "Dump detail" }
                p.hint { "How much of each packet is kept for diag. It takes effect at once, for new packets." }
                @for detail in DumpDetail::ALL {
                    label.choice {
                        input type="radio" name="dump_detail" value=(detail.word()) required
                            checked[detail == now.dump_detail];
                        span { b { (detail.word()) } @if detail == DumpDetail::default() { " (default)" } br; (keeps(detail)) }
                    }
                }
                label.choice {
                    input type="checkbox" name="remove_higher" value="1";
                    span {
                        b { "Also remove what was kept at a higher detail" } br;
                        "Packets of this company that were stored with more than the level chosen here go for good, in the "
                        "background. It can't be brought back. Without this they stay until their retention ends."
                    }
                }
            }
            fieldset {
                legend { "Retention" }
                label for="retention" { "Hours that packets are kept" }
                input #retention name="retention_hours" type="number" min="1" max="720" step="1" inputmode="numeric"
                    value=(now.retention_hours) required;
                p.hint {
                    "48 hours are two days; at most 720. What is older is not shown any more, and is off the disk some hours "
                    "later. The disk's limit may remove older packets sooner."
                }
                label for="share" { "MiB of the disk that they may take" }
                input #share name="max_mib" type="number" min="16" step="1" inputmode="numeric"
                    value=(now.max_mib.map(|mib| mib.to_string()).unwrap_or_default());
                p.hint {
                    "Empty: as much as there is room for. Beyond it, the oldest packets of the users with the most go first."
                }
            }
            button.main { "Save" }
        }
        section {
            h2 { "Remove packets" }
            p.hint { "All that is kept of this company. " a href=(frame.links.kept()) { "What is kept of whom" } "." }
            div.lone { (button(frame, &company.id, None, "Remove all packets")) }
        }
    };
    frame.page(Section::Configuration, &format!("General Settings, {}", company.name), main)
}

/// The parts of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    Company,
    Administrators,
    Audit,
    Unattributed,
    Kept,
}

pub(crate) fn tabs(frame: &Frame, here: Tab) -> Markup {
    let company = frame
        .company
        .as_ref()
        .map_or_else(|| frame.links.to("/configuration"), |c| frame.links.settings(&c.id));
    html! {
        nav.tabs aria-label="Configuration" {
            a href=(company) aria-current=[(here == Tab::Company).then_some("page")] { "Company: General Settings" }
            a href=(frame.links.administrators()) aria-current=[(here == Tab::Administrators).then_some("page")] {
                "Administrators"
            }
            a href=(frame.links.audit()) aria-current=[(here == Tab::Audit).then_some("page")] { "Audit log" }
            a href=(frame.links.unattributed()) aria-current=[(here == Tab::Unattributed).then_some("page")] {
                "Unattributed"
            }
            a href=(frame.links.kept()) aria-current=[(here == Tab::Kept).then_some("page")] { "Kept packets" }
        }
    }
}
