//! The cost of the pages, through the Router and without a socket, in CPU time of the whole process: the wall of ten
//! thousand users, what `refresh` asks for every 2 s, the wall of a past moment, and the first page of diagnostics of a
//! user with many packets. Prints lines `name value unit`, the median of the rounds; `--test` runs a tiny round, `--full`
//! rewinds in a ring of 100 events a second, `--rewind` does nothing else, `--ladder` ends after the ladder, `--history`
//! after the list of diagnostics.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use usermon::event::{EndpointKey, Event, Registration, RegistrationStep, Transport};

mod history;
mod ladder;
mod rewind;
#[expect(dead_code, reason = "the tests of the pages take the rest")]
#[path = "../tests/web_site/mod.rs"]
mod web_site;
use web_site::{Browser, Site, site_with_users};

const INVITE: &[u8] = b"INVITE sip:102@pbx.example.com SIP/2.0\r\n\
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK776asdhds\r\n\
From: <sip:101@pbx.example.com>;tag=1928301774\r\n\
To: <sip:102@pbx.example.com>\r\n\
Call-ID: a84b4c76e66710@192.0.2.10\r\n\
CSeq: 314159 INVITE\r\n\
Contact: <sip:101@192.0.2.10:5060>\r\n\
User-Agent: Yealink SIP-T54W 96.86.0.100\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 0\r\n\r\n";

/// Nanoseconds on a CPU of all threads of this process.
fn cpu() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let of = |thread: std::fs::DirEntry| -> Option<u64> {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse().ok()
    };
    threads.filter_map(|thread| of(thread.ok()?)).sum()
}

/// The phone of `acme`'s `n`th user registers, from an address that differs in each round.
fn register(site: &Site, n: usize, round: usize) {
    let now = site.query.now();
    let event = Event::Registration(Registration {
        step: RegistrationStep::Registered,
        time: now,
        key: EndpointKey::new("acme", &format!("e{n}")),
        contact: format!("sip:{n}@192.0.2.17").into(),
        far: Some(([192, 0, 2, 17], 5_060 + u16::try_from(round % 1_000).unwrap()).into()),
        transport: Transport::Udp,
        user_agent: "Yealink SIP-T46U 108.86.0.90".into(),
        path: "".into(),
        call_id: "".into(),
        expires: Some(now.plus(Duration::from_hours(1))),
        round_trip: None,
        detail: "".into(),
    });
    site.state.apply(&event, now);
}

async fn timed(rounds: usize, browser: &mut Browser, mut path: impl FnMut(usize) -> String) -> (f64, usize) {
    let mut samples = Vec::new();
    let mut size = 0;
    for round in 0..=rounds {
        let path = path(round);
        let before = cpu();
        let answer = browser.get(&path).await;
        let spent = cpu() - before;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        size = answer.body.len();
        // the first warms up
        if round > 0 {
            samples.push(spent);
        }
    }
    samples.sort_unstable();
    (samples[samples.len() / 2] as f64 / 1_000.0, size)
}

async fn version(browser: &mut Browser) -> String {
    let page = browser.get("/c/acme/wall").await;
    let json: serde_json::Value = serde_json::from_slice(&page.body).unwrap();
    json["version"].as_str().unwrap().to_owned()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let has = |word: &str| std::env::args().any(|a| a == word);
    let tiny = has("--test");
    let two_days = 172_800;
    if !has("--history") {
        rewind::run(
            match (tiny, has("--full")) {
                (true, _) => rewind::Sizes(30, 4_000, 1, 5),
                (false, full) => rewind::Sizes(10_000, two_days, if full { 100 } else { 5 }, 40),
            },
            cpu,
        );
    }
    if has("--rewind") {
        return;
    }
    if tiny {
        ladder::run(24, 1).await
    } else {
        ladder::run(204, 20).await
    }
    if has("--ladder") {
        return;
    }
    if tiny {
        history::run(300, 1).await
    } else {
        history::run(20_000, 20).await
    }
    if has("--history") {
        return;
    }
    let (users, changes, packets, rounds) = if tiny { (20, 5, 300, 1) } else { (10_000, 100, 20_000, 20) };
    let ids: Vec<String> = (0..users).map(|n| format!("{}", 100 + n)).collect();
    let site = Arc::new(site_with_users(&ids.iter().map(String::as_str).collect::<Vec<_>>()));
    let mut anna = site.logged_in("anna").await;
    // one in ten stays offline
    (0..users).filter(|n| n % 10 != 0).for_each(|n| register(&site, n, 0));

    let (full, size) = timed(rounds, &mut anna, |_| "/c/acme/".into()).await;
    println!("wall_10k_full {:.1} ms", full / 1_000.0);
    println!("wall_10k_full_size {size} bytes");

    let now = version(&mut anna).await;
    let (unchanged, _) = timed(5 * rounds, &mut anna, |_| format!("/c/acme/wall?since={now}")).await;
    println!("wall_10k_poll_unchanged {unchanged:.0} us");

    let (epoch, _) = now.rsplit_once('.').unwrap();
    let (changed, _) = timed(5 * rounds, &mut anna, |round| {
        let before = site.state.version();
        (0..changes).for_each(|n| register(&site, 10 * n % users + 1, round + 1));
        format!("/c/acme/wall?since={epoch}.{before}")
    })
    .await;
    println!("wall_10k_poll_100_changes {changed:.0} us");

    for _ in 0..packets {
        site.keep(INVITE);
        site.later(Duration::from_secs(8));
    }
    // two days have passed: the session is over
    let mut anna = site.logged_in("anna").await;
    let diagnostics = |_| "/c/acme/u/101/diag".to_owned();
    let (memory, _) = timed(rounds, &mut anna, diagnostics).await;
    println!("diag_first_page_unsealed {:.2} ms", memory / 1_000.0);
    site.seal();
    let (sealed, size) = timed(rounds, &mut anna, diagnostics).await;
    println!("diag_first_page {:.2} ms", sealed / 1_000.0);
    println!("diag_first_page_size {size} bytes");
}
