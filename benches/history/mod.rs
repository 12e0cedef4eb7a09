//! The first page of diagnostics of a user with many packets, and a search through all of them, in a ring that was sealed
//! every few hours and holds others' packets too.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use usermon::event::{Direction, UserKey};
use usermon::store::record::{Packet, Payload, Record};

use crate::timed;
use crate::web_site::{Site, packet, site_with_users};

/// Users, and packets of each; the first one is looked at.
const USERS: [&str; 3] = ["101", "102", "103"];
const SEALS: usize = 12;

/// Headers that phones send, some 300 bytes.
const REST: &str = "Via: SIP/2.0/UDP 192.0.2.17:5060;rport;branch=z9hG4bKPj6f0a3c1e5d7b4f2a9c8e\r\nMax-Forwards: 70\r\n\
Contact: <sip:101@192.0.2.17:5060>\r\nUser-Agent: Yealink SIP-T54W 96.86.0.100\r\n\
Allow: INVITE, ACK, CANCEL, BYE, REGISTER, OPTIONS, SUBSCRIBE, NOTIFY, REFER, INFO, UPDATE, MESSAGE\r\n\
Supported: replaces, 100rel, timer\r\n";
const SDP: &str = "Content-Type: application/sdp\r\nContent-Length: 180\r\n\r\nv=0\r\no=- 20081 20081 IN IP4 192.0.2.17\r\n\
s=SDP data\r\nc=IN IP4 192.0.2.17\r\nt=0 0\r\nm=audio 11780 RTP/AVP 8 0 18 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
a=rtpmap:18 G729/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n";

/// A packet that lies before the next one for so many milliseconds.
type Step = (Direction, u64, String);

fn message(line: &str, id: &str, to: &str, cseq: &str, end: &str) -> String {
    let mut text = String::new();
    let ends = "From: \"Anna Rossi\" <sip:101@pbx.example.com>;tag=1928301774";
    write!(text, "{line}\r\n{REST}{ends}\r\nTo: <sip:{to}@pbx.example.com>;tag=8321234356\r\n").unwrap();
    write!(text, "Call-ID: {id}@192.0.2.17\r\nCSeq: {cseq}\r\n{end}\r\n").unwrap();
    text
}

/// A registration with its challenge, or a call with its challenge, as a phone does them.
fn deed(n: usize) -> Vec<Step> {
    use Direction::{In, Out};
    if n.is_multiple_of(2) {
        let at = |line: &str, more: usize| {
            message(line, "registration", "101", &format!("{} REGISTER", 2 * n + more), "")
        };
        return vec![
            (In, 5, at("REGISTER sip:pbx.example.com SIP/2.0", 0)),
            (Out, 20, at("SIP/2.0 401 Unauthorized", 0)),
            (In, 5, at("REGISTER sip:pbx.example.com SIP/2.0", 1)),
            (Out, 60_000, at("SIP/2.0 200 OK", 1)),
        ];
    }
    let (id, to) = (format!("call-{n}"), format!("{}", 200 + n % 90));
    let request = |method: &str, cseq: u32, end: &str| {
        message(
            &format!("{method} sip:{to}@pbx.example.com SIP/2.0"),
            &id,
            &to,
            &format!("{cseq} {method}"),
            end,
        )
    };
    let answer = |line: &str, cseq: &str, end: &str| message(&format!("SIP/2.0 {line}"), &id, &to, cseq, end);
    let final_ = if n % 14 == 1 { "486 Busy Here" } else { "200 OK" };
    let mut all = vec![
        (In, 2, request("INVITE", 1, SDP)),
        (Out, 20, answer("401 Unauthorized", "1 INVITE", "")),
        (In, 10, request("ACK", 1, "")),
        (In, 2, request("INVITE", 2, SDP)),
        (Out, 300, answer("100 Trying", "2 INVITE", "")),
        (Out, 4_000, answer("180 Ringing", "2 INVITE", "")),
        (Out, 10, answer(final_, "2 INVITE", SDP)),
        (In, 60_000, request("ACK", 2, "")),
    ];
    if final_ == "200 OK" {
        all.push((In, 5, request("BYE", 3, "")));
        all.push((Out, 60_000, answer("200 OK", "3 BYE", "")));
    }
    all
}

fn fill(site: &Site, packets: usize) {
    let users: Vec<Arc<UserKey>> = USERS.iter().map(|user| Arc::new(UserKey::new("acme", user))).collect();
    let begin = site.query.now();
    let (mut kept, mut n) = (0, 0);
    while kept < packets {
        for (direction, after, text) in deed(n).into_iter().take(packets - kept) {
            let sent = Packet { direction, ..packet(text.as_bytes()) };
            let record = |user: &Arc<UserKey>| Record {
                seq: 0,
                time: site.query.now(),
                user: Arc::clone(user),
                payload: Payload::Packet(sent.clone()),
            };
            let mut records: Vec<Record> = users.iter().map(record).collect();
            site.store.append(&mut records).unwrap();
            kept += 1;
            site.later(Duration::from_millis(after / 4));
            if kept % (packets / SEALS) == 0 {
                site.seal();
            }
        }
        n += 1;
    }
    let span = site.query.now().since(begin);
    assert!(span < Duration::from_hours(48), "{span:?}");
}

/// `packets` of one user.
pub(crate) async fn run(packets: usize, rounds: usize) {
    let site = site_with_users(&USERS);
    fill(&site, packets);
    let mut anna = site.logged_in("anna").await;
    let (list, size) = timed(rounds, &mut anna, |_| "/c/acme/u/101/diag".to_owned()).await;
    println!("diag_list {:.1} ms", list / 1_000.0);
    println!("diag_list_size {size} bytes");
    // stands nowhere, so that all is looked through
    let (search, _) = timed(rounds, &mut anna, |_| "/c/acme/u/101/diag?text=Needle-in-it".to_owned()).await;
    println!("text_search_two_days {:.1} ms", search / 1_000.0);
    let range = usermon::store::Query {
        user: &UserKey::new("acme", "101"),
        from: usermon::clock::Timestamp::MIN,
        to: usermon::clock::Timestamp::MAX,
        before: None,
        limit: 40_001,
        kinds: usermon::store::Kinds::ALL,
    };
    let mut samples: Vec<u64> = (0..=rounds)
        .map(|_| {
            let before = crate::cpu();
            assert_eq!(site.store.read(&range).unwrap().len(), packets);
            crate::cpu() - before
        })
        .collect();
    samples.sort_unstable();
    println!("diag_list_of_which_read {:.1} ms", samples[samples.len() / 2] as f64 / 1_000_000.0);
}
