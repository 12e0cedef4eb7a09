//! Two days of a user as phones and the PBX make them, and a page read back as its lines.

use std::sync::Arc;
use std::time::Duration;

use usermon::config::Role;
use usermon::event::{Direction, UserKey};
use usermon::query::Viewer;
use usermon::query::diagnostics::Cursor;
use usermon::store::record::{Gap, GapCause, Packet, Payload, Record};

use crate::html::{Element, parse};
use crate::web_site::{Browser, Site, packet};

pub(crate) const PAGE: &str = "/c/acme/u/101/diag";

pub(crate) fn viewer() -> Viewer {
    Viewer { person: "anna".into(), role: Role::Administrator, company: Some("acme".into()), from: "".into() }
}

pub(crate) fn key() -> UserKey {
    UserKey::new("acme", "101")
}

/// A message of user 101; `\n` ends lines.
pub(crate) fn keep(site: &Site, direction: Direction, text: &str) -> Cursor {
    let sent = packet(text.replace('\n', "\r\n").as_bytes());
    site.keep_packet(key(), Packet { direction, ..sent })
}

/// Who calls, the status of the answer, and a header more of the INVITE.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) id: &'a str,
    pub(crate) from: &'a str,
    pub(crate) status: u16,
    pub(crate) more: &'a str,
}

/// A call to user 101 that rings for 5 s; answered ones last for 20 s.
pub(crate) fn call(site: &Site, call: Call<'_>) {
    let Call { id, from, status, more } = call;
    let head = |line: &str, cseq: &str| {
        format!("{line}\nFrom: <sip:{from}@pbx>;tag=a\nTo: <sip:101@phone>\nCall-ID: {id}\nCSeq: {cseq}\n")
    };
    let request = |method: &str| head(&format!("{method} sip:101@phone SIP/2.0"), &format!("1 {method}"));
    keep(site, Direction::Out, &format!("{}{more}\n", request("INVITE")));
    keep(site, Direction::In, &format!("{}\n", head("SIP/2.0 180 Ringing", "1 INVITE")));
    site.later(Duration::from_secs(5));
    keep(site, Direction::In, &format!("{}\n", head(&format!("SIP/2.0 {status} Word"), "1 INVITE")));
    keep(site, Direction::Out, &format!("{}\n", request("ACK")));
    if status == 200 {
        site.later(Duration::from_secs(20));
        keep(site, Direction::In, &format!("{}\n", request("BYE")));
        keep(site, Direction::Out, &format!("{}\n", head("SIP/2.0 200 OK", "1 BYE")));
    }
}

/// The phone of user 101 registers.
pub(crate) fn register(site: &Site, cseq: u32, status: u16) {
    let head = |line: &str| {
        format!(
            "{line}\nFrom: <sip:101@pbx>;tag=a\nTo: <sip:101@pbx>\nCall-ID: reg\nCSeq: {cseq} REGISTER\n\n"
        )
    };
    keep(site, Direction::In, &head("REGISTER sip:pbx SIP/2.0"));
    keep(site, Direction::Out, &head(&format!("SIP/2.0 {status} Word")));
}

/// Packets that were dropped just now.
pub(crate) fn gap(site: &Site, packets: u64) {
    let to = site.query.now();
    let gap = Gap { from: to.minus(Duration::from_secs(1)), to, packets, cause: GapCause::QueueFull };
    let user = Arc::new(key());
    site.store.append(&mut [Record { seq: 0, time: to, user, payload: Payload::Gap(gap) }]).unwrap();
}

/// A page, strictly read.
pub(crate) async fn open(browser: &mut Browser, path: &str) -> Element {
    let answer = browser.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    parse(&answer.text())
}

/// The text of an element with single spaces.
pub(crate) fn words(element: &Element) -> String {
    element.text().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The lines of the list, days among them, each as its words.
pub(crate) fn lines(page: &Element) -> Vec<String> {
    let lists = page.find("ol");
    let list = lists.iter().find(|list| list.attribute("id") == "lines");
    list.map_or_else(Vec::new, |list| list.find("li").iter().map(|li| words(li)).collect())
}

/// Where the lines lead.
pub(crate) fn links(page: &Element) -> Vec<String> {
    let lines = page.find("a").into_iter().filter(|a| a.attribute("class") == "line");
    lines.map(|a| a.attribute("href").to_owned()).collect()
}

/// The link to what follows the page.
pub(crate) fn older(page: &Element) -> Option<String> {
    page.find("a").iter().find(|a| a.attribute("rel") == "next").map(|a| a.attribute("href").to_owned())
}
