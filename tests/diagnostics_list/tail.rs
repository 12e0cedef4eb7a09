//! A packet that comes while somebody looks on and is not shown, or is shown twice, or is looked at by nobody the audit log
//! knows of.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use usermon::event::{Change, Sticker};
use usermon::store::record::{Payload, Record};

use crate::house::{PAGE, gap, key, open, register};
use crate::html::parse;
use crate::web_site::{Browser, packet, site};

async fn ask(browser: &mut Browser, query: &str, after: &str) -> Value {
    let answer = browser.get(&format!("{PAGE}/tail?{query}&after={after}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).unwrap()
}

fn rows(tail: &Value) -> Vec<String> {
    let all = tail["rows"].as_array().unwrap().iter();
    all.map(|row| {
        let table = format!("<table><tbody>{}</tbody></table>", row["html"].as_str().unwrap());
        let row = parse(&table).find("tr")[0].text();
        row.split_whitespace().collect::<Vec<_>>().join(" ")
    })
    .collect()
}

#[tokio::test]
async fn each_packet_comes_once_with_what_is_missing_in_its_place() {
    let site = site();
    register(&site, 1, 200);
    site.later(Duration::from_secs(1));
    let mut anna = site.logged_in("anna").await;
    let page = open(&mut anna, &format!("{PAGE}/packets")).await;
    let live = page.one("button", "id", "live");
    assert_eq!(live.attribute("data-url"), format!("{PAGE}/tail"));
    let mut after = live.attribute("data-after").to_owned();
    let mut seen: Vec<String> = Vec::new();
    for n in 2..6 {
        register(&site, n, 200);
        site.keep_change(Change::Sticker { sticker: Sticker::Free, calls: n });
        if n == 3 {
            gap(&site, 7);
        }
        site.later(Duration::from_millis(700));
        let tail = ask(&mut anna, "", &after).await;
        after = tail["after"].as_str().unwrap().to_owned();
        seen.extend(
            tail["rows"].as_array().unwrap().iter().map(|row| row["at"].as_str().unwrap().to_owned()),
        );
        let told = rows(&tail).join("\n");
        assert!(told.contains("REGISTER") && told.contains("Sticker: free"), "{told}");
        assert_eq!(told.contains("7 packets are missing here"), n == 3, "{told}");
    }
    assert_eq!(seen.len(), 4 * 3 + 1);
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), seen.len());
    assert!(rows(&ask(&mut anna, "", &after).await).is_empty());
    // a thread of the PBX was slow: the packet is of a moment before the last one
    let (user, time) = (Arc::new(key()), site.query.now().minus(Duration::from_secs(2)));
    let payload = Payload::Packet(packet(b"OPTIONS sip:101@phone SIP/2.0\r\nCall-ID: late\r\n\r\n"));
    site.store.append(&mut [Record { seq: 0, time, user, payload }]).unwrap();
    let tail = ask(&mut anna, "", &after).await;
    assert!(rows(&tail)[0].contains("OPTIONS"), "{tail}");
    after = tail["after"].as_str().unwrap().to_owned();
    assert!(rows(&ask(&mut anna, "", &after).await).is_empty());
}

#[tokio::test]
async fn what_comes_is_narrowed_by_the_filter_and_more_than_fit_are_counted() {
    let site = site();
    let mut anna = site.logged_in("anna").await;
    let page = open(&mut anna, &format!("{PAGE}/packets?method=OPTIONS&text=zebra")).await;
    let live = page.one("button", "id", "live");
    let (query, after) = (live.attribute("data-url").to_owned(), live.attribute("data-after").to_owned());
    let query = query.split_once('?').unwrap().1.to_owned();
    register(&site, 1, 200);
    for n in 0..300 {
        let word = if n % 3 == 0 { "Zebra" } else { "horse" };
        site.keep(
            format!("OPTIONS sip:101@phone SIP/2.0\r\nCall-ID: {n}\r\nX-Word: {word}\r\n\r\n").as_bytes(),
        );
    }
    let tail = ask(&mut anna, &query, &after).await;
    assert_eq!((rows(&tail).len(), tail["left_out"].as_u64()), (100, Some(0)));
    let tail = ask(&mut anna, "method=options", &after).await;
    assert_eq!((rows(&tail).len(), tail["left_out"].as_u64()), (200, Some(100)));
    let tail = ask(&mut anna, "far=nobody", &after).await;
    assert!(rows(&tail).is_empty());
    // a packet that just came has no outcome yet
    for query in ["outcome=good", "kind=call", "to=2026-11-23T12:00"] {
        let page = open(&mut anna, &format!("{PAGE}/packets?{query}")).await;
        assert!(!page.find("button").iter().any(|b| b.attribute("id") == "live"), "{query}");
    }
}

#[tokio::test]
async fn who_looks_on_is_written_down_at_the_begin_and_every_ten_minutes() {
    let site = site();
    let mut anna = site.logged_in("anna").await;
    let mut root = site.logged_in("root").await;
    let looks = || site.audit().iter().filter(|line| line.contains("watch-packets acme 101")).count();
    for _ in 0..100 {
        ask(&mut anna, "", "1-1").await;
        site.later(Duration::from_secs(1));
    }
    assert_eq!(looks(), 1);
    ask(&mut root, "", "1-1").await;
    assert_eq!(looks(), 2);
    site.later(Duration::from_mins(10));
    ask(&mut anna, "", "1-1").await;
    assert_eq!(looks(), 3);
}
