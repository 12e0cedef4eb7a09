//! Breaks when a file that a page offers is not what the page shows, goes to somebody who may not see the page, leaves no
//! line in the audit log, holds up the pages, or tells names that it was to hide.

use std::collections::HashMap;
use std::io::{Cursor as Bytes, Read};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;
use usermon::clock::Timestamp;
use usermon::event::{Change, Step, UserKey};
use usermon::query::history::Kind;
use usermon::store::record::{Attribution, Packet, Payload, Record};
use usermon::web::HostLogin;

mod scenario;
#[expect(dead_code, reason = "web.rs and login.rs take the rest")]
mod web_site;
#[expect(dead_code, reason = "the tests of exports take the rest")]
mod wireshark;

use web_site::{Answer, Browser, Site, packet, site, site_of};
use wireshark::{has_tshark, tshark as fields_of};

/// Of a company with names that stand in nothing else.
const CONFIG: &str = "[[company]]\nid = \"acme\"\n[[company]]\nid = \"beta\"\n\
    [[company]]\nid = \"default\"\nname = \"Quarzo Immobiliare\"\n\
    [[user]]\ncompany = \"default\"\nextension = \"1101\"\nname = \"Ermenegilda\"\nsurname = \"Quarantotti\"\n\
    mobile = \"+393470000117\"\n\
    [[user]]\ncompany = \"default\"\nextension = \"1102\"\nname = \"Bartolomeo\"\nsurname = \"Zuccagni\"\n";
const NAMES: [&str; 9] = [
    "1101",
    "1102",
    "ermenegilda",
    "quarantotti",
    "bartolomeo",
    "zuccagni",
    "quarzo",
    "immobiliare",
    "3470000117",
];

/// A recorded call of 1101 with 1102, with what the PBX told of its legs.
fn call() -> Site {
    let site = site_of(CONFIG);
    let start = site.query.now();
    scenario::load_at("answered", &site.store, start);
    let records = scenario::records("answered");
    let by = start.0 - records[0].time.0;
    for record in records {
        if let Payload::Change(Change::Call {
            leg,
            linked,
            call_id,
            phase,
            direction,
            far_number,
            far_name,
            cause,
        }) = record.payload
        {
            let (user, endpoint) = (record.user.user.clone(), record.user.user.clone());
            let (heard, sent) = (None, None);
            let step = Step {
                user,
                endpoint,
                leg,
                linked,
                call_id,
                phase,
                direction,
                far_number,
                far_name,
                cause,
                heard,
                sent,
            };
            site.store.append_step(Timestamp(record.time.0 + by), "default", &step).unwrap();
        }
    }
    site.later(Duration::from_mins(5));
    site
}

/// The call in the history of 1101.
fn the_call(site: &Site) -> String {
    let key = UserKey::new("default", "1101");
    let viewer = usermon::query::Viewer {
        person: "root".into(),
        role: usermon::config::Role::SuperAdmin,
        company: None,
        from: String::new(),
    };
    let history = site.query.history(&viewer, &key, Timestamp::MIN, None).unwrap().unwrap();
    history.items.iter().find(|item| item.kind == Kind::Call).unwrap().id.to_string()
}

/// How many packets these users have, and how many of them are of calls.
fn packets_of(users: &[&str]) -> (usize, usize) {
    let records = scenario::records("answered");
    let its = records.iter().filter(|record| users.iter().any(|user| *user == &*record.user.user));
    let packets = its.filter_map(|record| match &record.payload {
        Payload::Packet(packet) => Some(String::from_utf8_lossy(&packet.bytes)),
        _ => None,
    });
    let (registrations, calls): (Vec<_>, Vec<_>) = packets.partition(|text| text.contains(" REGISTER\r\n"));
    (registrations.len() + calls.len(), calls.len())
}

/// The lines of records of a JSON export.
fn lines(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let text = answer.text();
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert_eq!(lines.next().unwrap()["record"], "export");
    lines.collect()
}

fn packets(lines: &[Value]) -> Vec<&Value> {
    lines.iter().filter(|line| line["record"] == "packet").collect()
}

async fn root(site: &Site) -> Browser {
    let mut browser = site.browser();
    browser.login =
        Some(HostLogin { role: usermon::config::Role::SuperAdmin, company: None, person: "root".into() });
    browser
}

#[tokio::test]
async fn every_page_has_its_packets_in_every_form() {
    let site = call();
    let mut browser = root(&site).await;
    let item = the_call(&site);
    let (_, both) = packets_of(&["1101", "1102"]);
    let (one, _) = packets_of(&["1101"]);
    assert!(both > 8 && one > 4);
    let message = {
        let all = browser.get("/c/default/u/1101/diag/export?form=jsonl").await;
        let all = lines(&all);
        let first = packets(&all)[0];
        let at: Timestamp =
            Timestamp(first["time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_microsecond());
        format!("{}-{}", at.0, first["seq"])
    };
    for (page, number) in [
        ("diag".to_owned(), one),
        ("diag/packets".to_owned(), one),
        (format!("diag/item/{item}"), both),
        (format!("diag/{message}"), 1),
    ] {
        let path = format!("/c/default/u/1101/{page}/export?form=");
        let found = browser.get(&format!("{path}jsonl")).await;
        let found = lines(&found);
        assert_eq!(packets(&found).len(), number, "{page}");
        let times: Vec<&str> = found.iter().map(|line| line["time"].as_str().unwrap()).collect();
        assert!(times.is_sorted(), "{page}: {times:?}");
        let text = browser.get(&format!("{path}text")).await;
        assert_eq!(text.text().matches("\n=== ").count(), found.len(), "{page}");
        assert_eq!(text.header("content-type"), "text/plain; charset=utf-8");
        for form in ["pcap", "pcapng"] {
            let file = browser.get(&format!("{path}{form}")).await;
            assert_eq!(file.status, StatusCode::OK);
            let name = file.header("content-disposition").to_owned();
            assert!(
                name.starts_with("attachment; filename=\"1101-2026") && name.ends_with(&format!(".{form}\"")),
                "{name}"
            );
            assert_eq!(file.header("cache-control"), "no-store");
            if has_tshark() {
                let read = fields_of(&file.body, &["sip.Call-ID", "frame.time_epoch"]);
                let read: Vec<String> = read.into_iter().map(|frame| frame[0].clone()).collect();
                let kept: Vec<&str> =
                    packets(&found).iter().map(|p| p["call_id"].as_str().unwrap()).collect();
                assert_eq!(read, kept, "{page} {form}");
            }
        }
    }
    let wrong = browser.get("/c/default/u/1101/diag/export?form=doc").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().contains("pcap, pcapng, text, jsonl"), "{}", wrong.text());
    for gone in ["diag/1-1/export?form=pcap", "diag/item/1-1/export?form=pcap", "diag/item/x/bundle"] {
        assert_eq!(browser.get(&format!("/c/default/u/1101/{gone}")).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn pages_offer_what_they_show() {
    let site = call();
    let mut browser = root(&site).await;
    let item = the_call(&site);
    for (page, with_bundle) in [
        ("diag?kind=call&text=INVITE".to_owned(), true),
        ("diag/packets?method=BYE".to_owned(), false),
        (format!("diag/item/{item}"), true),
        (format!("diag/{item}"), false),
    ] {
        let text = browser.get(&format!("/c/default/u/1101/{page}")).await.text();
        let (path, filter) = page.split_once('?').unwrap_or((&page, ""));
        for form in ["pcap", "pcapng", "text", "jsonl"] {
            let filter =
                if filter.is_empty() { String::new() } else { format!("{}&", filter.replace('&', "&amp;")) };
            let filter =
                filter.trim_end_matches('&').to_owned() + if filter.is_empty() { "" } else { "&amp;" };
            let link = format!("href=\"/c/default/u/1101/{path}/export?{filter}form={form}\"");
            assert!(text.contains(&link), "{page} has no {link}");
        }
        assert_eq!(text.contains("/bundle\""), with_bundle, "{page}");
    }
    let text = browser.get(&format!("/c/default/u/1101/diag/item/{item}")).await.text();
    assert!(text.contains(&format!("All legs. {} packets.", packets_of(&["1101", "1102"]).1)));
}

#[tokio::test]
async fn a_filter_narrows_a_file_as_it_narrows_the_page() {
    let site = call();
    let mut browser = root(&site).await;
    let mut get =
        async |page: &str| lines(&browser.get(&format!("/c/default/u/1101/{page}&form=jsonl")).await);
    let all = get("diag/export?last=48h").await;
    assert!(all.iter().any(|line| line["record"] == "change"));
    // an item is taken whole, packets are not
    let calls = get("diag/export?method=BYE").await;
    let methods: Vec<&str> = packets(&calls).iter().filter_map(|p| p["method"].as_str()).collect();
    assert!(
        methods.contains(&"INVITE") && methods.contains(&"BYE") && !methods.contains(&"REGISTER"),
        "{methods:?}"
    );
    assert!(calls.iter().any(|line| line["change"] == "call"), "the steps of the call are missing");
    assert!(!calls.iter().any(|line| line["change"] == "sticker"));
    let byes = get("diag/packets/export?method=BYE").await;
    assert!(packets(&byes).iter().all(|packet| packet["cseq_method"] == "BYE"));
    assert_eq!(packets(&byes).len(), packets(&calls).iter().filter(|p| p["cseq_method"] == "BYE").count());
    assert_eq!(get("diag/export?text=nobody-wrote-this").await.len(), 0);
    assert_eq!(packets(&get("diag/export?to=2020-01-01T00:00").await).len(), 0);
}

#[tokio::test]
async fn nobody_takes_away_what_they_may_not_see_and_who_does_is_written_down() {
    let site = site();
    let at = site.keep(b"OPTIONS sip:101@pbx SIP/2.0\r\nCall-ID: a\r\nCSeq: 1 OPTIONS\r\n\r\n");
    let pages = [
        "diag/export?form=pcap&method=OPTIONS".to_owned(),
        "diag/packets/export?form=text".to_owned(),
        format!("diag/item/{at}/export?form=jsonl"),
        format!("diag/{at}/export?form=pcapng"),
        "diag/bundle?names=hide".to_owned(),
        format!("diag/item/{at}/bundle?addresses=hide"),
    ];
    let (mut anna, mut berta, mut nobody) =
        (site.logged_in("anna").await, site.logged_in("berta").await, site.browser());
    let before = site.audit().len();
    for page in &pages {
        let path = format!("/c/acme/u/101/{page}");
        let to_login = nobody.get(&path).await;
        assert_eq!(to_login.status, StatusCode::SEE_OTHER);
        assert!(to_login.location().starts_with("/login"), "{}", to_login.location());
        assert_eq!(berta.get(&path).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(site.audit().len(), before, "what was refused is no export");
    for page in &pages {
        assert_eq!(anna.get(&format!("/c/acme/u/101/{page}")).await.status, StatusCode::OK, "{page}");
    }
    let details: Vec<String> = site.audit_details();
    let expected = [
        "pcap: history method=OPTIONS".to_owned(),
        "text: packets".to_owned(),
        format!("jsonl: item {at}"),
        format!("pcapng: packet {at}"),
        "bundle without names: history".to_owned(),
        format!("bundle without names and addresses: item {at}"),
    ];
    assert_eq!(
        details.into_iter().take(6).rev().collect::<Vec<_>>(),
        expected.map(|d| format!("anna export-packets acme 101 {d}"))
    );
}

/// Many packets of 101, some of them of one moment; oldest first.
fn many(site: &Site, number: usize, size: usize) -> Vec<String> {
    let start = site.query.now();
    let user = Arc::new(UserKey::new("acme", "101"));
    let mut names = Vec::new();
    let mut records: Vec<Record> = (0..number)
        .map(|n| {
            // a third of them at one moment
            let after = if n < number / 3 { 0 } else { n as u64 };
            let name = format!("call-{n:06}");
            let bytes = format!(
                "OPTIONS sip:101@pbx SIP/2.0\r\nCall-ID: {name}\r\nCSeq: 1 OPTIONS\r\n\r\n{}",
                "y".repeat(size)
            );
            names.push(name);
            let payload = Payload::Packet(packet(bytes.as_bytes()));
            Record {
                seq: 0,
                time: start.plus(Duration::from_millis(after)),
                user: Arc::clone(&user),
                payload,
            }
        })
        .collect();
    for some in records.chunks_mut(500) {
        site.store.append(some).unwrap();
    }
    site.later(Duration::from_hours(1));
    names
}

#[tokio::test]
async fn a_long_history_goes_through_in_pieces_each_packet_once_and_in_order() {
    let site = site();
    let names = many(&site, 3_200, 10);
    site.seal();
    let mut anna = site.logged_in("anna").await;
    for path in ["diag/export?", "diag/export?last=all&", "diag/packets/export?method=OPTIONS&"] {
        let found = lines(&anna.get(&format!("/c/acme/u/101/{path}form=jsonl")).await);
        let found: Vec<&str> = packets(&found).iter().map(|p| p["call_id"].as_str().unwrap()).collect();
        assert!(found == names, "{path}: {} of {}", found.len(), names.len());
    }
}

#[tokio::test]
async fn a_claim_that_the_pages_hold_proven_is_proven_in_the_file() {
    let site = site();
    let message = |id: &str| {
        format!("MESSAGE sip:101@pbx SIP/2.0\r\nCall-ID: {id}\r\nCSeq: 1 MESSAGE\r\n\r\n").into_bytes()
    };
    site.keep_as(&message("shown"), Attribution::Claimed);
    site.keep_as(&message("forged"), Attribution::Claimed);
    site.later(Duration::from_secs(1));
    site.keep_as(&message("shown"), Attribution::Proven);
    let mut anna = site.logged_in("anna").await;
    let found = lines(&anna.get("/c/acme/u/101/diag/export?form=jsonl").await);
    let found: HashMap<&str, &str> = packets(&found)
        .iter()
        .rev()
        .map(|p| (p["call_id"].as_str().unwrap(), p["attribution"].as_str().unwrap()))
        .collect();
    assert_eq!(found, HashMap::from([("shown", "proven"), ("forged", "claimed")]));
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let site = site();
        let names = many(&site, 2_500, 10);
        let mut anna = site.logged_in("anna").await;
        let begin = async || {
            let cookie = anna.cookie.clone().unwrap();
            let request = Request::get("/c/acme/u/101/diag/export?form=text").header("cookie", cookie);
            let response = site.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            response.into_body()
        };
        let mut waiting = vec![begin().await, begin().await, begin().await];
        let page = anna.get("/c/acme/u/101/diag/packets").await;
        assert_eq!(page.status, StatusCode::OK);
        let whole = waiting.remove(0).collect().await.unwrap().to_bytes();
        let text = String::from_utf8(whole.to_vec()).unwrap();
        assert!(names.iter().all(|name| text.contains(name.as_str())));
    });
}

#[tokio::test]
async fn what_the_pbx_can_not_hand_over_at_once_is_refused_with_what_to_do() {
    let site = site();
    many(&site, 700, 60_000);
    let mut anna = site.logged_in("anna").await;
    let answer = anna.get("/c/acme/u/101/diag/export?form=text").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text().contains("narrow the filter") && answer.text().contains("listener.address"));
    let part = anna.get("/c/acme/u/101/diag/packets/export?form=text&call-id=call-000001").await;
    assert_eq!(part.status, StatusCode::OK);
}

/// Name and bytes of each file of a zip.
fn unzipped(answer: &Answer) -> HashMap<String, Vec<u8>> {
    assert_eq!(answer.status, StatusCode::OK, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.header("content-type"), "application/zip");
    let mut zip = zip::ZipArchive::new(Bytes::new(&answer.body)).unwrap();
    let mut files = HashMap::new();
    for n in 0..zip.len() {
        let mut file = zip.by_index(n).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        let name = file.name().unwrap().into_owned();
        files.insert(name, bytes);
    }
    files
}

#[tokio::test]
async fn a_bundle_needs_nothing_else_and_runs_nothing() {
    let site = call();
    // a peer that would like to run in it
    let user = UserKey::new("default", "1101");
    let evil = "OPTIONS sip:<script>alert(1)</script>@pbx SIP/2.0\r\nCall-ID: <img src=x onerror=alert(1)>\r\n\
        From: \"</pre><script>alert(1)</script>\" <sip:a@b>;tag=1\r\nCSeq: 1 OPTIONS\r\n\r\n";
    site.keep_packet(user, Packet { endpoint: "<b>".into(), ..packet(evil.as_bytes()) });
    let mut browser = root(&site).await;
    let item = the_call(&site);
    let (all, call) = packets_of(&["1101"]);
    let (_, both) = packets_of(&["1101", "1102"]);
    for (page, number) in [
        ("diag/bundle".to_owned(), both + all - call + 1),
        ("diag/bundle?kind=call".to_owned(), both),
        (format!("diag/item/{item}/bundle"), both),
    ] {
        let files = unzipped(&browser.get(&format!("/c/default/u/1101/{page}")).await);
        let mut names: Vec<&String> = files.keys().collect();
        names.sort();
        assert_eq!(names, ["packets.pcap", "report.html"]);
        let report = String::from_utf8(files["report.html"].clone()).unwrap();
        let lower = report.to_lowercase();
        for bad in ["<script", "<img", "<link", "<iframe", "@import"] {
            assert!(!lower.contains(bad), "{page} has {bad}");
        }
        for tag in lower.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
            let bad = [" src=", " onerror", "url("].iter().find(|bad| tag.contains(**bad));
            assert!(bad.is_none(), "{page} has {bad:?} in <{tag}>");
        }
        for link in lower.split("href=\"").skip(1) {
            assert!(link.starts_with('#'), "{page} leads to {}", link.split('"').next().unwrap());
        }
        assert!(report.contains("Ermenegilda Quarantotti 1101"), "{page}");
        assert!(report.contains("<svg") && report.contains("INVITE sip:1102@"), "{page}");
        if has_tshark() {
            let frames = fields_of(&files["packets.pcap"], &["frame.number"]);
            assert_eq!(frames.len(), number, "{page}");
        }
    }
}

#[tokio::test]
async fn with_tokens_no_name_or_number_is_left_and_the_messages_are_the_same() {
    let site = call();
    let mut browser = root(&site).await;
    let item = the_call(&site);
    for page in [
        "diag/bundle?names=hide&far=1102".to_owned(),
        "diag/bundle?names=hide&addresses=hide".to_owned(),
        format!("diag/item/{item}/bundle?names=hide"),
    ] {
        let plain =
            unzipped(&browser.get(&format!("/c/default/u/1101/{}", page.replace("hide", "show"))).await);
        let answer = browser.get(&format!("/c/default/u/1101/{page}")).await;
        let hidden = unzipped(&answer);
        for (name, bytes) in &hidden {
            let lower = String::from_utf8_lossy(bytes).to_lowercase();
            for secret in NAMES {
                let at = lower.find(secret);
                let around =
                    at.map(|at| lower.chars().skip(at.saturating_sub(60)).take(140).collect::<String>());
                assert!(at.is_none(), "{page}: {secret} is left in {name}: {around:?}");
            }
            let has_addresses = lower.contains("127.0.0.1");
            assert!(has_addresses, "{page}: loopback names no host");
        }
        let plain_text = String::from_utf8_lossy(&plain["report.html"]).to_lowercase();
        assert!(NAMES[..6].iter().all(|name| plain_text.contains(name)), "{page}");
        let name = answer.header("content-disposition");
        assert!(name.contains("filename=\"") && !name.contains("1101"), "{name}");
        if has_tshark() {
            let read = |files: &HashMap<String, Vec<u8>>| {
                let fields = ["frame.time_epoch", "sip.Method", "sip.Status-Code", "sip.CSeq"];
                fields_of(&files["packets.pcap"], &fields)
            };
            assert_eq!(read(&plain), read(&hidden), "{page}");
        }
    }
}
