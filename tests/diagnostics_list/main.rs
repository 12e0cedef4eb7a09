//! Breaks when an administrator who asks why a phone did not ring at ten does not see it at a glance, or sees a call twice or
//! never on the way to older ones.

#[path = "../html/mod.rs"]
mod html;
#[expect(dead_code, reason = "the other tests of the pages take the rest")]
#[path = "../web_site/mod.rs"]
mod web_site;

mod filter;
mod house;
mod tail;

use std::collections::HashSet;
use std::time::Duration;

use house::{Call, PAGE, call, gap, lines, links, older, open, register, words};
use usermon::event::{Change, Sticker};
use web_site::{Site, site};

pub(crate) const BUSY: Call<'static> = Call { id: "busy", from: "102", status: 486, more: "" };

/// A morning: registrations, a call that was answered, an hour offline, a call that was refused, a gap.
fn morning(site: &Site) {
    for n in 0..5 {
        register(site, n, 200);
        site.later(Duration::from_mins(2));
    }
    call(site, Call { id: "good", from: "103", status: 200, more: "" });
    site.later(Duration::from_mins(1));
    site.keep_change(Change::Sticker { sticker: Sticker::Offline, calls: 0 });
    site.later(Duration::from_mins(60));
    site.keep_change(Change::Sticker { sticker: Sticker::Free, calls: 0 });
    register(site, 9, 403);
    site.later(Duration::from_mins(1));
    gap(site, 3);
    site.later(Duration::from_mins(1));
    call(site, BUSY);
    site.later(Duration::from_mins(1));
}

#[tokio::test]
async fn the_first_page_says_what_happened_newest_first() {
    let site = site();
    site.register();
    morning(&site);
    let mut anna = site.logged_in("anna").await;
    let page = open(&mut anna, PAGE).await;
    let lines = lines(&page);
    let expected: [&[&str]; 7] = [
        &["2026-11-23"],
        &["13:13:25 UTC", "Call from", "Anna Rossi 102", "SIP phone", "busy", "rang 5 s", "4 packets"],
        &["13:12:25 UTC", "Gap", "3 packets are missing here"],
        &["13:11:25 UTC", "Registration", "192.0.2.17:5060", "403", "2 packets"],
        &["13:11:25 UTC", "Was offline", "calls could not reach this user", "for 1 h"],
        &["12:10:00 UTC", "Call from", "103", "hung up", "rang 5 s, talked 20 s", "6 packets"],
        &["12:08:00 UTC", "Registration", "Registered.", "5 times, every 2 min", "10 packets"],
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, parts) in lines.iter().zip(expected) {
        for part in parts {
            assert!(line.contains(part), "{part:?} is not in {line:?}");
        }
    }
    assert!(lines[0].starts_with("2026-11-23"), "the day comes first: {}", lines[0]);
    let outcomes: Vec<&str> = page
        .find("a")
        .iter()
        .filter(|a| a.attribute("class") == "line")
        .map(|a| a.attribute("data-o"))
        .collect();
    assert_eq!(outcomes, ["missed", "failed", "good", "good"]);
    for link in links(&page) {
        assert!(link.starts_with("/c/acme/u/101/diag/item/"), "{link}");
    }
    let picture = page.one("svg", "role", "img");
    let told = words(picture.find("desc")[0]);
    for part in ["calls: 1 good, 1 missed", "5 good, 1 failed", "offline: 1, 1 h in all", "gaps: 1"] {
        assert!(told.contains(part), "{part:?} is not in {told:?}");
    }
}

#[tokio::test]
async fn who_is_offline_all_the_time_is_said_to_be() {
    let site = site();
    site.keep_change(Change::Sticker { sticker: Sticker::Offline, calls: 0 });
    site.later(Duration::from_hours(100));
    gap(&site, 1);
    let mut anna = site.logged_in("anna").await;
    let found = lines(&open(&mut anna, PAGE).await);
    assert!(found[1].contains("Offline now") && found[1].contains("Since 2026-11-23 12:00:00"), "{found:#?}");
    assert!(found[2].contains("Gap"), "{found:#?}");
    // of a stretch that begins after the change
    site.later(Duration::from_mins(30));
    register(&site, 1, 403);
    let mut anna = site.logged_in("anna").await;
    let found = lines(&open(&mut anna, &format!("{PAGE}?last=1h")).await);
    assert!(found.iter().any(|line| line.contains("Offline now")), "{found:#?}");
}

#[tokio::test]
async fn older_lines_follow_each_once() {
    let site = site();
    for n in 0..1_203 {
        let id = format!("call-{n}");
        call(&site, Call { id: &id, from: "103", status: 486, more: "" });
        site.later(Duration::from_secs(30));
    }
    let mut anna = site.logged_in("anna").await;
    let mut path = Some(PAGE.to_owned());
    let mut seen = Vec::new();
    let mut pages = 0;
    while let Some(next) = path {
        let page = open(&mut anna, &next).await;
        let found = links(&page);
        assert!(found.len() <= 500, "{}", found.len());
        seen.extend(found);
        path = older(&page);
        pages += 1;
    }
    assert_eq!((seen.len(), pages), (1_203, 3));
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 1_203);
}

#[tokio::test]
async fn what_is_not_read_at_once_is_told_whole_by_the_next_reading() {
    let site = site();
    for n in 0..150 {
        let id = format!("call-{n}");
        call(&site, Call { id: &id, from: "103", status: 200, more: "X-Word: needle\n" });
        site.later(Duration::from_secs(30));
    }
    let mut anna = site.logged_in("anna").await;
    let mut path = Some(format!("{PAGE}?slice=100&text=needle"));
    let (mut seen, mut pages) = (Vec::new(), 0);
    while let Some(next) = path {
        let page = open(&mut anna, &next).await;
        for line in lines(&page).iter().filter(|line| line.contains("Call")) {
            assert!(line.contains("hung up") && line.ends_with("6 packets"), "told in part: {line}");
        }
        seen.extend(links(&page));
        path = older(&page);
        pages += 1;
    }
    assert!(pages > 5, "{pages} pages");
    assert_eq!(seen.len(), 150);
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 150);
    // the script's way to the same
    let page = open(&mut anna, &format!("{PAGE}?slice=100&text=needle")).await;
    let mut found = links(&page);
    let mut more = page.one("div", "id", "search").attribute("data-more").to_owned();
    let mut done = 0;
    while !more.is_empty() {
        let answer = anna.get(&more).await;
        let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let part = html::parse(&format!("<ol>{}</ol>", json["html"].as_str().unwrap()));
        found.extend(links(&part));
        let now = json["done"].as_i64().unwrap();
        assert!(now >= done && now <= 1_000, "{done} then {now}");
        done = now;
        more = json["more"].as_str().unwrap_or_default().to_owned();
    }
    assert_eq!(found, seen);
    assert_eq!(done, 1_000);
    // nothing in the first reading: there is a place for what the next ones find
    let page = open(&mut anna, &format!("{PAGE}?slice=100&call-id=call-0")).await;
    assert!(links(&page).is_empty() && words(page.one("div", "id", "nothing")).contains("so far"));
    assert!(page.one("ol", "id", "lines").find("li").is_empty());
    assert!(page.one("div", "id", "search").attribute("data-more").contains("before="));
}

#[tokio::test]
async fn thousands_of_calls_are_a_small_picture() {
    let site = site();
    for n in 0..4_000 {
        call(
            &site,
            Call { id: &n.to_string(), from: "103", status: if n % 7 == 0 { 486 } else { 200 }, more: "" },
        );
        site.later(Duration::from_secs(10));
    }
    let mut anna = site.logged_in("anna").await;
    let text = anna.get(PAGE).await.text();
    let (_, rest) = text.split_once("<svg class=\"picture\"").unwrap();
    let picture = rest.split("</section>").next().unwrap();
    assert!(picture.len() < 40_000, "{} bytes", picture.len());
    assert!(text.len() < 700_000, "{} bytes", text.len());
}

#[tokio::test]
async fn the_links_of_the_time_line_zoom_and_its_picture_ends_where_the_filter_does() {
    let site = site();
    morning(&site);
    let mut anna = site.logged_in("anna").await;
    for (query, from, to) in [
        ("", "2026-11-21T13:14:30Z", "2026-11-23T13:14:30Z"),
        ("?last=1h", "2026-11-23T12:14:30Z", "2026-11-23T13:14:30Z"),
        ("?from=2026-11-23T12:00&to=2026-11-23T12:30", "2026-11-23T12:00:00Z", "2026-11-23T12:30:00Z"),
        ("?from=2026-11-23T13:00:00%2B01:00", "2026-11-23T12:00:00Z", "2026-11-23T13:14:30Z"),
    ] {
        let page = open(&mut anna, &format!("{PAGE}{query}")).await;
        let line = page.one("div", "class", "tl");
        let moment = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond().to_string();
        let shown = [line.attribute("data-from"), line.attribute("data-to")];
        assert_eq!(shown, [moment(from), moment(to)], "{query}");
    }
    let page = open(&mut anna, &format!("{PAGE}?kind=call&from=2026-11-23T12:00&to=2026-11-23T12:30")).await;
    let found = lines(&page);
    assert!(found.len() == 2 && found[1].contains("103"), "{found:#?}");
    let zoom = page.one("div", "class", "tl").attribute("data-zoom").to_owned();
    assert_eq!(zoom, "/c/acme/u/101/diag?kind=call");
}
