//! Breaks when the totals that a poll of the wall brings are not those of the stickers of its company's users.

use std::time::Duration;

use axum::http::StatusCode;
use usermon::event::{Call, CallDirection, CallPhase, EndpointKey, Event};

#[expect(dead_code, reason = "web.rs and login.rs take the rest")]
mod web_site;
use web_site::{Site, site_with_users};

fn call(site: &Site, company: &str, endpoint: &str, phase: CallPhase) {
    let now = site.query.now();
    let event = Event::Call(Call {
        phase,
        time: now,
        key: EndpointKey::new(company, endpoint),
        leg: format!("{company}-{endpoint}").into(),
        linked: "".into(),
        call_id: "".into(),
        direction: CallDirection::Incoming,
        far_number: "102".into(),
        far_name: "".into(),
        cause: 0,
    });
    site.state.apply(&event, now);
}

#[tokio::test]
async fn totals_follow_the_stickers_of_one_company_from_poll_to_poll() {
    let site = site_with_users(&["101", "102", "103"]);
    let mut anna = site.logged_in("anna").await;
    let mut since = String::new();
    // company, endpoint, phase, then free, offline, busy and ringing of acme
    for (step, (company, endpoint, phase, totals)) in [
        ("acme", "e1", CallPhase::Ringing, [0, 2, 0, 1]),
        ("acme", "e2", CallPhase::Up, [0, 1, 1, 1]),
        ("beta", "e3", CallPhase::Up, [0, 1, 1, 1]),
        ("acme", "e1", CallPhase::Up, [0, 1, 2, 0]),
        ("acme", "e2", CallPhase::Ended, [0, 2, 1, 0]),
        ("beta", "e3", CallPhase::Ended, [0, 2, 1, 0]),
    ]
    .into_iter()
    .enumerate()
    {
        site.later(Duration::from_secs(if step == 4 { 61 } else { 2 }));
        call(&site, company, endpoint, phase);
        for _ in 0..2 {
            let answer = anna.get(&format!("/c/acme/wall?since={since}")).await;
            assert_eq!(answer.status, StatusCode::OK);
            let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
            let told =
                ["free", "offline", "busy", "ringing"].map(|word| json["totals"][word].as_u64().unwrap());
            assert_eq!(told, totals, "step {step}");
            since = json["version"].as_str().unwrap().to_owned();
        }
        let page = site.query.wall("acme").expect("a company").totals;
        assert_eq!([page.free, page.offline, page.busy, page.ringing].map(u64::from), totals, "step {step}");
    }
}
