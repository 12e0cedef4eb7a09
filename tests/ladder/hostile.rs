//! No field of a message becomes markup, hides text or breaks the picture.

use std::time::Duration;

use maud::Markup;
use usermon::event::{CallPhase, Direction, UserKey};
use usermon::query::history::joined::Joined;
use usermon::web::compare::{items, messages};
use usermon::web::ladder::{fragment, page, svg};
use usermon::web::view::Frame;

use crate::hand::{keep, message, say};
use crate::house::viewer;
use crate::html::{Element, parse};
use crate::web_site::{Site, site};

fn naughty() -> Vec<String> {
    let mut all: Vec<String> = [
        "\u{202e}evil\u{202c}",
        "<b>\u{202e}<i>&",
        "a\u{0}b\u{1b}[2J\u{fffe}\u{ffff}",
        "]]></text></svg><script>alert(1)</script>",
        "\"' onload=x xmlns:xlink=y",
        "&lt;&amp;&#60;",
        "\u{1F9D1}\u{200d}\u{1F52C}שלום עולم",
        "%s%n{}${x}",
        ";;;===,,,<<<>>>\"\"\"",
    ]
    .map(str::to_owned)
    .to_vec();
    all.push("Z\u{0489}\u{0321}".repeat(2_000));
    match std::fs::read_to_string("../shared/corpora/blns/blns.json") {
        Ok(text) => {
            let risky = |c: char| "<>&\"'".contains(c) || !c.is_ascii() || c.is_control();
            let strings = serde_json::from_str::<Vec<String>>(&text).unwrap();
            all.extend(strings.into_iter().filter(|s| s.chars().any(risky)));
        }
        Err(error) => println!("skipped: ../shared/corpora/blns: {error}"),
    }
    all.retain(|s| !s.is_empty() && !s.contains('\n') && !s.contains('\r'));
    all
}

/// A call with `s` in every place where a peer may write.
fn joined(site: &Site, s: &str) -> Joined {
    site.later(Duration::from_hours(1));
    let more = [
        "Contact",
        "Route",
        "Reason",
        "Warning",
        "User-Agent",
        "Diversion",
        "Refer-To",
        "Authorization",
        "WWW-Authenticate",
        "Session-Expires",
        "Subscription-State",
        "Via",
        "Expires",
        "Allow",
        "Event",
    ];
    let headers: String = more.iter().map(|name| format!("{name}: {s}\n")).collect();
    let sdp = format!(
        "Content-Type: application/sdp\n\n{s}\nm={s}\nc={s}\na=rtpmap:{s}\na=candidate:{s}\nm=audio 9 RTP/AVP {s}\n"
    );
    let call_id = &format!("call-{}", site.query.now().0);
    let began = keep(
        site,
        "101",
        Direction::In,
        &message(&format!("INVITE sip:{s}@pbx SIP/2.0"), "1 INVITE", call_id, &format!("{headers}{sdp}")),
    );
    keep(
        site,
        "101",
        Direction::Out,
        &message(&format!("SIP/2.0 486 {s}"), "1 INVITE", call_id, &format!("{headers}\n{s}")),
    );
    keep(
        site,
        "101",
        Direction::In,
        &message(&format!("{s} sip:102@pbx SIP/2.0"), &format!("2 {s}"), call_id, &format!("{s}: {s}\n\n")),
    );
    say(site, "101", call_id, CallPhase::Ringing, 0);
    let mut joined = site.query.joined(&viewer(), &UserKey::new("acme", "101"), began).unwrap().unwrap();
    let mut user = (*joined.user).clone();
    (user.name, user.surname, user.extension) = (s.into(), s.into(), s.into());
    let user: std::sync::Arc<_> = user.into();
    joined.item.verdict.words = s.into();
    (joined.item.far.number, joined.item.far.name) = (s.into(), s.into());
    for lane in &mut joined.lanes {
        (lane.user, lane.endpoint) = (Some(user.clone()), s.into());
    }
    joined
}

fn pages(joined: &Joined) -> Vec<Markup> {
    let frame = Frame::default();
    let (first, last) = (joined.messages.first().unwrap(), joined.messages.last().unwrap());
    vec![
        page(&frame, joined, None),
        fragment(&frame, joined, Some(first.message.at)),
        fragment(&frame, joined, joined.messages.get(1).map(|placed| placed.message.at)),
        fragment(&frame, joined, Some(last.message.at)),
        messages::page(&frame, (joined, first), (joined, last)),
        items::page(&frame, joined, joined, items::How::Last),
    ]
}

/// Names of all elements that a text can't bring: those that a good message has too.
fn names(element: &Element) -> std::collections::BTreeSet<String> {
    element.all().iter().map(|e| e.name.clone()).collect()
}

#[test]
fn hostile_texts_stay_texts_in_ladder_pane_and_comparisons() {
    let site = site();
    let allowed: Vec<_> = pages(&joined(&site, "x1")).iter().map(|page| names(&parse(&page.0))).collect();
    for s in naughty() {
        for (page, allowed) in pages(&joined(&site, &s)).iter().zip(&allowed) {
            let element = parse(&page.0);
            // words that differ are marked, explanations may be there or not
            let more = [
                "mark", "span", "div", "pre", "table", "tbody", "tr", "td", "h3", "p", "form", "label",
                "select", "option", "input", "button", "small", "strong", "tspan",
            ];
            for name in names(&element) {
                assert!(allowed.contains(&name) || more.contains(&&*name), "<{name}> from {s:?}");
            }
            for e in element.all() {
                assert!(!e.attributes.iter().any(|(n, _)| n.starts_with("on") || n == "style"), "{s:?}");
            }
            assert!(!element.text().chars().any(|c| matches!(c, '\u{202e}' | '\u{0}' | '\u{1b}')), "{s:?}");
        }
    }
}

#[test]
fn the_picture_is_xml_whatever_is_in_it() {
    let site = site();
    let plain = svg(&joined(&site, "x1"), "A PBX");
    for s in naughty() {
        let picture = svg(&joined(&site, &s), &s);
        let body =
            picture.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").expect("a declaration");
        let is_xml =
            |c: char| matches!(c, '\n' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        assert!(body.chars().all(is_xml), "{s:?}");
        let element = parse(body.trim_end());
        assert!(element.find("script").is_empty() && element.find("a").is_empty(), "{s:?}");
        assert_eq!(
            element.find("g").len(),
            parse(plain.split_once('\n').unwrap().1.trim_end()).find("g").len()
        );
        assert!(picture.len() < 40_000, "{} bytes from {s:?}", picture.len());
    }
}
