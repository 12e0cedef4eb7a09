//! A filter that lets through what it should not, or loses a line that fits.

use std::time::Duration;

use usermon::event::Direction;
use usermon::query::history::filter::{Filter, Last, Sort, Statuses};
use usermon::query::history::{Asked, Outcome};

use crate::house::{Call, PAGE, call, keep, key, lines, links, open, register, viewer, words};
use crate::web_site::{Site, site};

/// One of each.
fn day(site: &Site) {
    site.register();
    register(site, 1, 200);
    site.later(Duration::from_secs(60));
    register(site, 2, 403);
    site.later(Duration::from_secs(60));
    call(site, Call { id: "Good@x", from: "102", status: 200, more: "X-Word: Needle in it\n" });
    site.later(Duration::from_secs(60));
    call(site, Call { id: "busy@x", from: "103", status: 486, more: "" });
    site.later(Duration::from_secs(60));
    keep(
        site,
        Direction::In,
        "SUBSCRIBE sip:pbx SIP/2.0\nFrom: <sip:101@pbx>\nTo: <sip:voicemail@pbx>\nCall-ID: sub\nCSeq: 1 SUBSCRIBE\n\n",
    );
    keep(
        site,
        Direction::Out,
        "SIP/2.0 489 Bad Event\nFrom: <sip:101@pbx>\nTo: <sip:voicemail@pbx>\nCall-ID: sub\nCSeq: 1 SUBSCRIBE\n\n",
    );
}

/// What names each line of [`day`], newest first.
const ALL: [&str; 5] = ["Subscription", "103", "Anna Rossi 102", "403", "Registered."];

#[tokio::test]
async fn each_part_of_a_filter_narrows_the_list_and_the_packets() {
    let site = site();
    day(&site);
    let mut anna = site.logged_in("anna").await;
    let (sub, busy, good, bad, reg) = (ALL[0], ALL[1], ALL[2], ALL[3], ALL[4]);
    for (query, expected, packets) in [
        ("", &ALL[..], 16),
        ("kind=call", &[busy, good], 10),
        ("kind=registration", &[bad, reg], 4),
        ("kind=other", &[sub], 2),
        ("outcome=good", &[good, reg], 8),
        ("outcome=missed", &[busy], 4),
        ("outcome=failed&kind=registration", &[bad], 2),
        ("method=INVITE", &[busy, good], 6),
        ("method=bye", &[good], 2),
        ("method=PRACK", &[], 0),
        ("status=486", &[busy], 1),
        ("status=4xx", &[sub, busy, bad], 3),
        ("method=INVITE&status=4xx", &[busy], 1),
        // both of one message
        ("method=BYE&status=180", &[], 0),
        ("far=102", &[good], 6),
        ("far=rossi", &[good], 6),
        ("far=voicemail", &[sub], 2),
        ("far=192.0.2.17", &ALL[..], 16),
        ("far=192.0.2.18", &[], 0),
        ("terminal=e0", &ALL[..], 16),
        ("terminal=e1", &[], 0),
        ("call-id=good%40", &[good], 6),
        ("call-id=%40X", &[busy, good], 10),
        ("text=needle", &[good], 1),
        ("text=NEEDLE+in", &[good], 1),
        ("text=needle&kind=registration", &[], 0),
        ("text=needles", &[], 0),
        ("from=2026-11-23T12:02:00Z", &[sub, busy, good], 12),
        ("to=2026-11-23T12:01:30Z", &[bad, reg], 4),
    ] {
        let page = open(&mut anna, &format!("{PAGE}?{query}")).await;
        let found: Vec<String> = lines(&page).into_iter().filter(|line| !line.starts_with("2026")).collect();
        assert_eq!(found.len(), expected.len(), "{query}: {found:#?}");
        for (line, part) in found.iter().zip(expected) {
            assert!(line.contains(part), "{query}: {part:?} is not in {line:?}");
        }
        let page = open(&mut anna, &format!("{PAGE}/packets?{query}")).await;
        let rows = page.find("tr");
        let rows = rows.iter().filter(|row| row.attribute("class") == "packet");
        assert_eq!(rows.count(), packets, "{query}: packets");
    }
}

#[tokio::test]
async fn the_filter_stands_in_the_form_and_each_part_can_be_removed() {
    let site = site();
    day(&site);
    let mut anna = site.logged_in("anna").await;
    let query = "kind=call&outcome=missed&method=INVITE&status=4xx&far=103&call-id=busy&terminal=e0&from=2026-11-23T12:00";
    for path in [PAGE.to_owned(), format!("{PAGE}/packets")] {
        let page = open(&mut anna, &format!("{path}?{query}")).await;
        let form = page.one("form", "id", "filter");
        for (name, value) in [
            ("method", "INVITE"),
            ("status", "4xx"),
            ("far", "103"),
            ("call-id", "busy"),
            ("from", "2026-11-23T12:00:00"),
        ] {
            assert_eq!(form.one("input", "name", name).attribute("value"), value, "{name}");
        }
        for (name, value) in [("kind", "call"), ("outcome", "missed")] {
            let chosen = form.one("select", "name", name).find("option");
            assert!(chosen.iter().any(|o| o.attribute("value") == value && o.has("selected")), "{name}");
        }
        let parts = page.one("p", "class", "parts");
        let links = parts.find("a");
        assert_eq!(links.len(), 9, "eight parts and all");
        for link in &links[..8] {
            let name = words(link).split(' ').next().unwrap().to_owned();
            assert!(!link.attribute("href").contains(&format!("{name}=")), "{}", link.attribute("href"));
            assert_eq!(link.attribute("href").matches('=').count(), 7);
        }
        // the other view is of the same
        let views = page.one("nav", "class", "views").find("a");
        assert!(views.iter().all(|a| a.attribute("href").contains("far=103")));
    }
}

#[tokio::test]
async fn what_cannot_be_understood_is_said_with_what_to_write() {
    let site = site();
    let mut anna = site.logged_in("anna").await;
    for (query, what) in [
        ("from=yesterday", "2026-11-23T10:00"),
        ("to=10:00", "2026-11-23T10:00"),
        ("last=2h", "1h, 6h"),
        ("kind=calls", "call, registration or other"),
        ("outcome=bad", "good, missed"),
        ("status=4", "486, or 4xx"),
        ("status=9xx", "486, or 4xx"),
        ("status=%2B86", "486, or 4xx"),
    ] {
        for path in
            [PAGE.to_owned(), format!("{PAGE}/packets"), format!("{PAGE}/more"), format!("{PAGE}/tail")]
        {
            let answer = anna.get(&format!("{path}?{query}")).await;
            assert_eq!(answer.status, 422, "{path}?{query}");
            assert!(answer.text().contains(what), "{query}: {}", answer.text());
        }
    }
    let long = "x".repeat(201);
    assert_eq!(anna.get(&format!("{PAGE}?text={long}")).await.status, 422);
    for query in ["before=x", "past=1", "before=1-1&until=x"] {
        assert_eq!(anna.get(&format!("{PAGE}?{query}")).await.status, 404, "{query}");
    }
    // an older page's address, and one with more than we know
    assert_eq!(anna.get(&format!("{PAGE}?before=1-1&slice=0&utm=x&slice=many")).await.status, 200);
}

#[test]
fn a_filter_is_the_same_after_it_was_in_an_address() {
    let now = site().query.now();
    for filter in [
        Filter::default(),
        Filter { last: Some(Last::All), kind: Some(Sort::Other), ..Filter::default() },
        Filter {
            from: Some(now),
            to: Some(now.plus(Duration::from_micros(1_234_567))),
            kind: Some(Sort::Registration),
            outcome: Some(Outcome::Running),
            method: "X-ODD".into(),
            status: Some(Statuses { from: 500, to: 599 }),
            far: "a&b=c %".into(),
            terminal: "e0".into(),
            call_id: "\u{202e}<b>".into(),
            text: "ü;?".into(),
            ..Filter::default()
        },
    ] {
        let fields: Vec<(String, String)> =
            filter.fields().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        assert_eq!(Filter::parse(&fields).unwrap(), filter);
    }
}

#[tokio::test]
async fn a_call_that_ends_after_the_stretch_is_told_whole() {
    let site = site();
    site.register();
    call(&site, Call { id: "long", from: "102", status: 200, more: "" });
    let query = "from=2026-11-23T12:00:00Z&to=2026-11-23T12:00:02Z";
    let mut anna = site.logged_in("anna").await;
    let page = open(&mut anna, &format!("{PAGE}?{query}")).await;
    assert!(lines(&page)[1].contains("talked 20 s"), "{:?}", lines(&page));
    assert_eq!(links(&page).len(), 1);
}

#[test]
fn what_was_looked_for_is_written_down() {
    let site = site();
    let filter = Filter { text: "secret plan".into(), ..Filter::default() };
    let asked = Asked { filter, ..Asked::default() };
    site.query.overview(&viewer(), &key(), asked.clone()).unwrap().expect("a user");
    site.query.packets(&viewer(), &key(), &asked, 10).unwrap().expect("a user");
    let log = site.query.audit_log(
        &usermon::query::Viewer { role: usermon::config::Role::SuperAdmin, company: None, ..viewer() },
        10,
    );
    let told: Vec<String> = log.unwrap().into_iter().map(|e| format!("{} {}", e.action, e.detail)).collect();
    assert_eq!(told, ["read-packets text=secret plan", "read-packets text=secret plan"]);
}
