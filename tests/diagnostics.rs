//! Breaks when the way from a packet to its neighbours skips one, a packet is called claimed that another one proves, or
//! what a terminal's page tells is lost among calls.

use std::time::Duration;

use usermon::config::Role;
use usermon::event::{Change, Sticker, Transport, UserKey};
use usermon::query::Viewer;
use usermon::store::record::Attribution;

#[expect(dead_code, reason = "web.rs and login.rs take the rest")]
mod web_site;
use web_site::site;

fn viewer() -> Viewer {
    Viewer { person: "anna".into(), role: Role::Administrator, company: Some("acme".into()), from: "".into() }
}

#[test]
fn the_neighbours_of_a_packet_are_the_next_ones_wherever_they_lie() {
    let site = site();
    let key = UserKey::new("acme", "101");
    let mut kept = Vec::new();
    // (packets, time after each): alone, a burst, many in one microsecond, days apart, a dense stretch
    for (packets, apart) in [
        (2, Duration::from_hours(1)),
        (90, Duration::from_micros(3)),
        (150, Duration::ZERO),
        (1, Duration::from_micros(1)),
        (2, Duration::from_hours(30)),
        (200, Duration::from_millis(9)),
        (1, Duration::from_mins(7)),
        (1, Duration::ZERO),
    ] {
        for _ in 0..packets {
            kept.push(site.keep(b"OPTIONS sip:101@pbx SIP/2.0\r\nCall-ID: a\r\n\r\n"));
            site.later(apart);
        }
    }
    for (n, at) in kept.iter().enumerate() {
        let found = site.query.packet(&viewer(), &key, *at).unwrap().expect("a packet that was kept");
        assert_eq!(found.newer, kept.get(n + 1).copied(), "the newer one of number {n}");
        assert_eq!(found.older, n.checked_sub(1).map(|n| kept[n]), "the older one of number {n}");
    }
}

#[test]
fn a_packet_that_a_later_one_proves_is_not_claimed_on_any_page() {
    let site = site();
    let key = UserKey::new("acme", "101");
    let keep = |id: &str, attribution| {
        let text = format!("INVITE sip:101@pbx SIP/2.0\r\nCall-ID: {id}\r\n\r\n");
        let at = site.keep_as(text.as_bytes(), attribution);
        site.later(Duration::from_millis(10));
        at
    };
    let (invite, other) = (keep("a", Attribution::Claimed), keep("b", Attribution::Claimed));
    let answer = keep("a", Attribution::Proven);
    for (at, claimed) in [(invite, false), (other, true), (answer, false)] {
        let found = site.query.packet(&viewer(), &key, at).unwrap().expect("a packet that was kept");
        assert_eq!(found.line.claimed, claimed, "{at}");
    }
    // a page that ends just below the answer
    let page = site.query.diagnostics(&viewer(), &key, Some(answer), 10).unwrap().expect("a user");
    let claimed: Vec<bool> = page
        .entries
        .iter()
        .filter_map(|e| match e {
            usermon::query::diagnostics::Entry::Packet(line) => Some(line.claimed),
            _ => None,
        })
        .collect();
    assert_eq!(claimed, [true, false]);
}

#[tokio::test]
async fn a_hostile_peer_does_not_make_the_list_huge() {
    let site = site();
    let long = "x".repeat(60_000);
    for _ in 0..20 {
        site.keep(
            format!("INVITE sip:{long} SIP/2.0\r\nFrom: <sip:{long}@a>\r\nCall-ID: {long}\r\n\r\n")
                .as_bytes(),
        );
    }
    let page = site.logged_in("anna").await.get("/c/acme/u/101/diag/packets").await;
    assert!(page.body.len() < 200_000, "{} bytes", page.body.len());
    let page = site.logged_in("anna").await.get("/c/acme/u/101/diag").await;
    assert!(page.body.len() < 60_000, "{} bytes", page.body.len());
}

#[test]
fn a_registration_is_in_the_history_however_many_calls_came_after_it() {
    let site = site();
    site.register();
    let registered = |n: u32| Change::Registered {
        endpoint: "e0".into(),
        contact: format!("sip:{n}@192.0.2.17").into(),
        far: None,
        transport: Transport::Udp,
        user_agent: "".into(),
    };
    site.keep_change(registered(1));
    for n in 0..2_500_u32 {
        site.later(Duration::from_secs(1));
        site.keep_change(Change::Sticker { sticker: Sticker::Busy, calls: n % 3 });
    }
    site.keep_change(registered(2));
    let page = site.query.terminal(&UserKey::new("acme", "101"), "e-e0").unwrap().expect("a terminal");
    assert_eq!(page.web_address.as_deref(), Some("192.0.2.17"));
    let words: Vec<&str> = page.history.iter().map(|line| &*line.words).collect();
    assert_eq!(words, ["Registered UDP: sip:2@192.0.2.17.", "Registered UDP: sip:1@192.0.2.17."]);
}
