//! Breaks when a call with an anomaly is not in its company's list, a good one is, or the list leads nowhere.

use std::time::Duration;

use axum::http::StatusCode;
use usermon::event::{CallDirection, CallPhase, Media, Step, UserKey};
use usermon::query::anomalies::Anomaly;

#[expect(dead_code, reason = "web.rs and login.rs take the rest")]
mod web_site;
use web_site::{Site, site};

/// Two legs of a call of 101 with 102: its phases with seconds after its beginning.
fn call(
    site: &Site,
    company: &str,
    name: &str,
    phases: &[(u64, CallPhase)],
    cause: u16,
    heard: Option<Media>,
) {
    let start = site.query.now();
    for (user, other, direction) in
        [("101", "102", CallDirection::Outgoing), ("102", "101", CallDirection::Incoming)]
    {
        for (after, phase) in phases {
            let is_end = *phase == CallPhase::Ended;
            let step = Step {
                user: user.into(),
                endpoint: user.into(),
                leg: format!("{name}-{user}").into(),
                linked: name.into(),
                call_id: format!("{name}-{user}@pbx").into(),
                phase: *phase,
                direction,
                far_number: other.into(),
                far_name: "".into(),
                cause: if is_end { cause } else { 0 },
                heard: heard.filter(|_| is_end && user == "101"),
                sent: heard.filter(|_| is_end && user == "101").map(|m| Media { packets: 900, lost: 0, ..m }),
            };
            site.store.append_step(start.plus(Duration::from_secs(*after)), company, &step).unwrap();
        }
    }
    site.later(Duration::from_mins(10));
}

const TALKED: &[(u64, CallPhase)] = &[(0, CallPhase::Ringing), (5, CallPhase::Up), (65, CallPhase::Ended)];

fn media(packets: u64, lost: u64) -> Media {
    Media { packets, lost, jitter: 1_000, jitter_worst: 2_000, round_trip: 0, round_trip_worst: 0 }
}

fn calls(site: &Site) {
    call(site, "acme", "good", TALKED, 16, Some(media(900, 1)));
    call(site, "acme", "unanswered", &[(0, CallPhase::Ringing), (30, CallPhase::Ended)], 19, None);
    call(site, "acme", "absent", &[(0, CallPhase::Ringing), (1, CallPhase::Ended)], 20, None);
    call(site, "acme", "lossy", TALKED, 16, Some(media(900, 200)));
    call(site, "acme", "deaf", TALKED, 16, Some(media(0, 0)));
    call(
        site,
        "acme",
        "short",
        &[(0, CallPhase::Ringing), (5, CallPhase::Up), (6, CallPhase::Ended)],
        16,
        None,
    );
    call(site, "beta", "other", &[(0, CallPhase::Ringing), (1, CallPhase::Ended)], 20, None);
    call(site, "acme", "running", &[(0, CallPhase::Ringing), (5, CallPhase::Up)], 0, None);
}

#[tokio::test]
async fn each_anomaly_is_told_and_leads_to_the_call() {
    let site = site();
    calls(&site);
    let viewer = usermon::query::Viewer {
        person: "anna".into(),
        role: usermon::config::Role::Administrator,
        company: Some("acme".into()),
        from: "".into(),
    };
    let page = site.query.anomalies(&viewer, "acme", None, None, 100).unwrap().expect("a company");
    let told: Vec<(Vec<Anomaly>, Option<u64>)> =
        page.calls.iter().map(|c| (c.anomalies.clone(), c.talking.map(|t| t.as_secs()))).collect();
    assert_eq!(
        told,
        [
            (vec![Anomaly::Short], Some(1)),
            (vec![Anomaly::OneWay], Some(60)),
            (vec![Anomaly::Poor], Some(60)),
            (vec![Anomaly::Failed], None),
        ]
    );
    assert_eq!((page.looked, page.next), (7, None));
    let failed = &page.calls[3];
    assert_eq!(failed.words, "not registered (cause 20)");
    let extension = |c: &usermon::query::anomalies::Caller| c.user.as_ref().map(|u| u.extension.to_string());
    assert_eq!(
        (extension(&failed.from).as_deref(), extension(&failed.to).as_deref()),
        (Some("101"), Some("102"))
    );
    let only = site.query.anomalies(&viewer, "acme", None, Some(Anomaly::Poor), 100).unwrap().unwrap();
    assert_eq!(only.calls.len(), 1);
    assert!(site.query.anomalies(&viewer, "beta", None, None, 100).unwrap().is_none());
    assert!(site.audit().iter().any(|line| line.starts_with("anna read-calls acme")));

    let mut browser = site.logged_in("anna").await;
    let answer = browser.get("/c/acme/calls").await;
    assert_eq!(answer.status, StatusCode::OK);
    let text = answer.text();
    for words in ["One-way media", "Poor quality", "Failed: not registered (cause 20)", "Over at once"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("Fair quality</a></td>"));
    assert_eq!(browser.get("/c/beta/calls").await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/c/acme/calls?only=nonsense").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_line_leads_to_the_item_that_has_the_leg() {
    let site = site();
    let start = site.query.now();
    let invite = b"INVITE sip:102@pbx SIP/2.0\r\nFrom: <sip:101@pbx>\r\nTo: <sip:102@pbx>\r\nCall-ID: absent-101@pbx\r\nCSeq: 1 INVITE\r\n\r\n";
    let at = site.keep_of(UserKey::new("acme", "101"), invite);
    call(&site, "acme", "absent", &[(0, CallPhase::Ringing), (1, CallPhase::Ended)], 20, None);
    let mut browser = site.logged_in("anna").await;
    let text = browser.get("/c/acme/calls").await.text();
    let link = format!("/c/acme/u/101/diag/call?at={}&amp;call-id=absent-101%40pbx", start.micros());
    assert!(text.contains(&link), "{text}");
    let answer = browser.get(&link.replace("&amp;", "&")).await;
    assert_eq!(answer.location(), format!("/c/acme/u/101/diag/item/{at}"));
    let gone = format!("/c/acme/u/101/diag/call?at={}&call-id=another", start.micros());
    assert_eq!(browser.get(&gone).await.status, StatusCode::NOT_FOUND);
}
