//! Breaks when a terminal's page does not tell how its registrations went: since when, until when, from where, how often it
//! was lost, why an attempt failed and which message shows it, and how fast it answers.

use std::sync::Arc;
use std::time::Duration;

use usermon::event::{Change, Direction, FailureCause, Transport, UserKey};
use usermon::query::Viewer;
use usermon::query::terminal::TerminalPage;
use usermon::query::terminal::lasted::End;
use usermon::query::terminal::past::TerminalPast;
use usermon::store::record::Packet;

#[allow(unreachable_pub, reason = "shared with the tests on the real Asterisk")]
mod scenario;
#[expect(dead_code, reason = "web.rs and login.rs take the rest")]
mod web_site;
use web_site::{Site, site};

fn viewer() -> Viewer {
    let role = usermon::config::Role::Administrator;
    Viewer { person: "anna".into(), role, company: Some("acme".into()), from: "".into() }
}

fn user() -> UserKey {
    UserKey::new("acme", "101")
}

fn pages(site: &Site) -> (TerminalPage, TerminalPast) {
    let page = site.query.terminal(&user(), "e-e0").unwrap().expect("a terminal");
    (page, site.query.terminal_past(&viewer(), &user(), "e-e0").unwrap().expect("a terminal"))
}

/// A scenario of one user, an hour ago, as that of user 101 with the endpoint e0.
fn recorded(name: &str, extension: &str) -> Site {
    use usermon::store::record::Payload;
    let site = site();
    let mut records = scenario::records(name);
    let by = site.query.now().0 - 3_600_000_000 - records[0].time.0;
    records.retain(|record| &*record.user.user == extension);
    for record in &mut records {
        record.time.0 += by;
        record.seq = 0;
        record.user = Arc::new(user());
        match &mut record.payload {
            Payload::Packet(packet) => packet.endpoint = "e0".into(),
            Payload::Change(
                Change::Registered { endpoint, .. }
                | Change::Unregistered { endpoint, .. }
                | Change::Reachability { endpoint, .. }
                | Change::Failed { endpoint, .. },
            ) => *endpoint = "e0".into(),
            _ => {}
        }
    }
    site.store.append(&mut records).unwrap();
    site
}

#[test]
fn registrations_that_a_real_phone_made_are_told_one_by_one() {
    let (page, past) = pages(&recorded("registrations", "1162"));
    let ends: Vec<End> = page.lasted.iter().map(|one| one.end).collect();
    // the recording ends before the phone's second port does
    assert_eq!(ends, [End::Expired, End::Unknown, End::Unregistered], "{:?}", page.lasted);
    assert!(
        page.lasted.iter().all(|one| one.since.is_some() && one.far.is_some() && !one.user_agent.is_empty())
    );
    assert!(page.lasted.iter().all(|one| one.until.is_some() == (one.end != End::Unknown)));
    let expired = page.lasted.iter().find(|one| one.end == End::Expired).unwrap();
    let lasted = expired.until.unwrap().since(expired.since.unwrap()).as_secs();
    assert!((2..60).contains(&lasted), "asked for three seconds, lasted {lasted}");
    assert_eq!(past.attempts.len(), 0, "what ran out is no failed attempt");
}

#[test]
fn a_failed_attempt_has_its_reason_and_the_message_that_shows_it() {
    let site = recorded("wrong-password", "1121");
    let (_, past) = pages(&site);
    let [attempt] = past.attempts.as_slice() else { panic!("{:?}", past.attempts) };
    assert_eq!((attempt.times, &*attempt.user_agent), (2, "Yealink SIP-T46S 66.85.0.5"));
    assert!(attempt.words.starts_with("Wrong password") && attempt.advice.contains("password"));
    let shown = site.query.packet(&viewer(), &user(), attempt.shown.unwrap()).unwrap().expect("a message");
    assert_eq!(shown.line.status, Some(401));
    assert!(
        site.audit().iter().any(|line| line.starts_with("anna read-packets acme 101")),
        "{:?}",
        site.audit()
    );
}

#[test]
fn a_failure_without_packets_is_told_by_the_pbxs_word() {
    let site = site();
    for _ in 0..3 {
        site.later(Duration::from_secs(10));
        site.keep_change(Change::Failed {
            endpoint: "e0".into(),
            cause: FailureCause::Tls,
            far: Some("192.0.2.17:40000".parse().unwrap()),
            call_id: "".into(),
            detail: "".into(),
        });
    }
    let (_, past) = pages(&site);
    let [attempt] = past.attempts.as_slice() else { panic!("{:?}", past.attempts) };
    assert_eq!((attempt.times, attempt.item, attempt.shown), (3, None, None));
    assert!(attempt.words.starts_with("TLS failed"));
}

#[test]
fn round_trips_are_those_of_the_pbxs_checks() {
    let (page, past) = pages(&recorded("unreachable", "1163"));
    let [first, second, third] = past.checks.as_slice() else { panic!("{:?}", past.checks) };
    assert!(first.round_trip.is_some() && second.round_trip.is_some(), "{:?}", past.checks);
    assert_eq!((third.round_trip, third.again), (None, true));
    assert!(page.lasted.iter().any(|one| one.silent > 0), "{:?}", page.lasted);
}

#[test]
fn a_round_trip_is_from_the_first_question_to_the_answer_and_says_that_it_was_repeated() {
    let site = site();
    let head = |line: &str, n: u32| {
        format!(
            "{line}\r\nFrom: <sip:pbx@pbx>;tag=a\r\nTo: <sip:101@pbx>\r\nCall-ID: check-{n}\r\nCSeq: 1 OPTIONS\r\n\r\n"
        )
    };
    let keep = |direction, line: &str, n, far: &str| {
        let sent = web_site::packet(head(line, n).as_bytes());
        let packet = Packet { direction, far: far.parse().unwrap(), ..sent };
        site.keep_packet(user(), packet);
    };
    let (ask, answer) = ("OPTIONS sip:101@192.0.2.17 SIP/2.0", "SIP/2.0 200 OK");
    for (n, repeated, millis) in [(1, false, 20), (2, true, 700), (3, false, 35)] {
        keep(Direction::Out, ask, n, "192.0.2.17:5060");
        if repeated {
            site.later(Duration::from_millis(500));
            keep(Direction::Out, ask, n, "192.0.2.17:5060");
            site.later(Duration::from_millis(millis - 500));
        } else {
            site.later(Duration::from_millis(millis));
        }
        keep(Direction::In, answer, n, "192.0.2.17:5060");
        site.later(Duration::from_mins(1));
    }
    // the phone asks too; the last check is still open
    keep(Direction::In, "OPTIONS sip:pbx SIP/2.0", 4, "192.0.2.17:5060");
    keep(Direction::Out, answer, 4, "192.0.2.17:5060");
    keep(Direction::Out, ask, 5, "192.0.2.17:5060");
    site.later(Duration::from_secs(1));
    let told: Vec<(Option<Duration>, bool)> =
        pages(&site).1.checks.iter().map(|check| (check.round_trip, check.again)).collect();
    let millis = |n| Some(Duration::from_millis(n));
    assert_eq!(told, [(millis(20), false), (millis(700), true), (millis(35), false)]);
    site.later(Duration::from_secs(10));
    assert_eq!(pages(&site).1.checks.last().map(|check| check.round_trip), Some(None));
}

#[test]
fn a_terminal_that_comes_and_goes_is_told_with_its_figures() {
    for (apart, flaps) in [(Duration::from_mins(30), None), (Duration::from_mins(5), Some(10))] {
        let site = site();
        let bound = |on: bool, n: u32| match on {
            true => Change::Registered {
                endpoint: "e0".into(),
                contact: format!("sip:101@192.0.2.17:{n}").into(),
                far: Some("192.0.2.17:5060".parse().unwrap()),
                transport: Transport::Udp,
                user_agent: "Phone".into(),
            },
            false => Change::Unregistered {
                endpoint: "e0".into(),
                contact: format!("sip:101@192.0.2.17:{n}").into(),
                expired: true,
            },
        };
        for n in 0..10 {
            site.keep_change(bound(true, n));
            site.later(apart);
            site.keep_change(bound(false, n));
        }
        let (page, _) = pages(&site);
        assert_eq!(page.flapping.map(|f| f.worst), flaps, "{apart:?}");
        assert_eq!(page.lasted.len(), 10);
        assert!(page.lasted.iter().all(|one| one.until.unwrap().since(one.since.unwrap()) == apart));
    }
}

#[tokio::test]
async fn the_page_shows_it_all_and_links_the_message() {
    let site = recorded("wrong-password", "1121");
    let mut anna = site.logged_in("anna").await;
    let text = anna.get("/c/acme/u/101/t/e-e0").await.text();
    let (_, past) = pages(&site);
    let link = format!("/c/acme/u/101/diag/{}\"", past.attempts[0].shown.unwrap());
    assert!(text.contains(&link) && text.contains("Wrong password"), "{text}");
    assert!(text.contains("the PBX has not asked this terminal"), "{text}");
    let checked = recorded("unreachable", "1163");
    let mut anna = checked.logged_in("anna").await;
    let text = anna.get("/c/acme/u/101/t/e-e0").await.text();
    assert!(text.contains("<svg") && text.contains("3 checks") && !text.contains("style=\""), "{text}");
}
