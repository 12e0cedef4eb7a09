//! What the ladder of each recorded scenario shows.

use std::collections::BTreeSet;
use std::time::Duration;

use usermon::event::{CallPhase, Direction, UserKey};
use usermon::query::history::joined::Joined;
use usermon::query::history::{Kind, Repeat};
use usermon::store::record::{Attribution, Gap, GapCause, Packet, Payload, Record};
use usermon::web::ladder::lanes::Lanes;
use usermon::web::ladder::rows::{Rows, What};
use usermon::web::ladder::svg;

use crate::hand::{self, SDP, keep, message, say};
use crate::house::{history, joined, site_with, viewer};
use crate::html::parse;
use crate::scenario;
use crate::web_site::{packet, site};

/// The call of a scenario, seen from its first user.
fn call(name: &str) -> (crate::web_site::Site, Joined) {
    let (site, abouts) = site_with(&[name]);
    let history = history(&site, &abouts[0].users[0].extension);
    let item = history.items.iter().find(|item| item.kind == Kind::Call).expect("a call").clone();
    let joined = joined(&site, &history, &item);
    (site, joined)
}

/// The messages of the picture, each as `lane way label`.
fn arrows(joined: &Joined) -> Vec<String> {
    let page = parse(svg(joined, "A PBX").split_once('\n').unwrap().1);
    let arrows = page.find("g").into_iter().filter(|g| g.attribute("class").starts_with("ar "));
    arrows.map(|g| g.find("text")[0].text()).collect()
}

/// What the notes on the lanes say.
fn notes(joined: &Joined) -> Vec<(usize, String)> {
    let holes = joined.holes();
    let rows = Rows::of(joined, &holes);
    let told = rows.rows.iter().filter_map(|row| match &row.what {
        What::Steps(notes) => Some(notes.iter().map(|(lane, note)| (*lane, note.words.clone()))),
        _ => None,
    });
    told.flatten().collect()
}

#[tokio::test]
async fn every_scenario_has_each_message_once_and_in_order_from_any_user() {
    for name in scenario::names() {
        let (site, abouts) = site_with(&[&name]);
        let mut root = site.logged_in("root").await;
        let mut calls: Vec<BTreeSet<(i64, Vec<u8>)>> = Vec::new();
        for party in &abouts[0].users {
            let history = history(&site, &party.extension);
            for item in &history.items {
                let joined = joined(&site, &history, item);
                let path = format!("/c/{}/u/{}/diag/item/{}", scenario::COMPANY, party.extension, item.id);
                let page = root.get(&path).await;
                assert_eq!(page.status, 200, "{name} {path}");
                let page = parse(&page.text());
                let links = page.find("a").into_iter().filter(|a| a.attribute("class").starts_with("m"));
                let mut shown: Vec<String> = Vec::new();
                let mut firsts: Vec<String> = Vec::new();
                for link in links.filter(|a| a.attribute("class").split(' ').next() == Some("m")) {
                    firsts.push(link.attribute("data-m").to_owned());
                    match link.attribute("data-all") {
                        "" => shown.push(link.attribute("data-m").to_owned()),
                        all => shown.extend(all.split(' ').map(str::to_owned)),
                    }
                }
                let there = |wanted: &dyn Fn(&str) -> bool| -> Vec<String> {
                    let all = joined.messages.iter().map(|placed| placed.message.at.to_string());
                    all.filter(|at| wanted(at)).collect()
                };
                assert_eq!(firsts, there(&|at| firsts.contains(&at.to_owned())), "{name}: out of order");
                shown.sort_by_key(|at| at.parse::<usermon::query::diagnostics::Cursor>().unwrap());
                assert_eq!(shown, there(&|_| true), "{name}: not each message once");
                // whoever looks sees the same call
                if item.kind == Kind::Call {
                    let messages = joined.messages.iter();
                    calls.push(
                        messages
                            .map(|placed| (placed.message.at.time.0, placed.message.bytes.to_vec()))
                            .collect(),
                    );
                }
            }
        }
        for one in &calls {
            for other in &calls {
                assert!(
                    one == other || one.is_disjoint(other),
                    "{name}: a call looks different from two sides"
                );
            }
        }
    }
}

#[test]
fn a_fork_has_a_lane_for_each_phone_and_says_who_answered() {
    let (_site, joined) = call("forked");
    let lanes = Lanes::of(&joined, "A PBX");
    let names: Vec<&str> = lanes.posts.iter().map(|post| &*post.name).collect();
    assert_eq!(names, ["User 1119 1119", "PBX", "User 1120 1120", "User 1120 1120"]);
    assert_eq!(lanes.posts[0].device, "Yealink SIP-T46S 66.85.0.5");
    let addresses: BTreeSet<&str> = lanes.posts.iter().map(|post| &*post.address).collect();
    assert_eq!(addresses.len(), 4, "{addresses:?}");
    let notes = notes(&joined);
    for note in
        [(1, "answered"), (0, "answered"), (2, "ended: answered elsewhere (26)"), (0, "ended: hung up (16)")]
    {
        assert!(notes.contains(&(note.0, note.1.to_owned())), "{note:?} in {notes:?}");
    }
    assert!(!notes.contains(&(2, "answered".to_owned())));
}

#[test]
fn a_retransmission_is_told_from_a_duplicate() {
    let (_site, joined) = call("duplicates");
    let repeats = |wanted| joined.messages.iter().filter(|p| p.message.repeat == wanted).count();
    assert!(repeats(Repeat::Duplicate) > 0 && repeats(Repeat::Retransmission) > 0);
    let arrows = arrows(&joined);
    // SIPp counts `nc` up in each: it is the same request all the same
    let first = arrows.iter().position(|a| a == "INVITE 1175 SDP auth").expect("the INVITE");
    assert_eq!(arrows.iter().filter(|a| *a == "INVITE 1175 SDP auth").count(), 1, "{arrows:?}");
    assert!(arrows[first..].iter().any(|a| a == "INVITE 1175 SDP auth came twice"), "{arrows:?}");
    assert!(arrows[first..].iter().any(|a| a == "INVITE 1175 SDP auth sent again"), "{arrows:?}");
    let (_site, joined) = call("retransmissions");
    assert!(arrows_of(&joined, "sent again ×2"), "several in a row are one arrow");
}

fn arrows_of(joined: &Joined, mark: &str) -> bool {
    arrows(joined).iter().any(|arrow| arrow.ends_with(mark))
}

#[test]
fn a_hold_is_on_the_lane_and_on_the_arrows() {
    let (_site, joined) = call("hold");
    assert!(arrows_of(&joined, "re-INVITE SDP hold") && arrows_of(&joined, "re-INVITE SDP"));
    let notes = notes(&joined);
    let held = notes.iter().position(|(lane, words)| *lane == 0 && words == "on hold").expect("on hold");
    let back = notes.iter().position(|(lane, words)| *lane == 0 && words == "taken back from hold");
    assert!(back > Some(held), "{notes:?}");
    let holes = joined.holes();
    let phases: Vec<CallPhase> =
        Rows::of(&joined, &holes).bars.iter().filter(|bar| bar.lane == 0).map(|bar| bar.phase).collect();
    assert_eq!(phases, [CallPhase::Ringing, CallPhase::Up, CallPhase::Held, CallPhase::Up]);
}

#[test]
fn five_legs_are_in_one_picture_with_the_pbx_between() {
    let (_site, joined) = call("queue");
    assert_eq!(joined.call_ids.len(), 5);
    let lanes = Lanes::of(&joined, "A PBX");
    assert_eq!(lanes.posts.len(), joined.lanes.len() + 1);
    let pbx = lanes.posts.iter().position(|post| post.is_pbx).unwrap();
    assert!(pbx > 0 && pbx < lanes.posts.len() - 1, "{pbx}");
}

#[test]
fn any_record_of_a_long_call_leads_to_all_of_it() {
    let site = site();
    let began = hand::call(&site, "one", "200 OK");
    let key = UserKey::new("acme", "101");
    let whole = site.query.joined(&viewer(), &key, began).unwrap().unwrap();
    // far more than what is looked at first lies between the INVITE and the BYE
    let last = whole.messages.iter().rev().find(|placed| placed.lane == 0).unwrap();
    assert!(last.message.at.time.since(began.time) > Duration::from_secs(60));
    for placed in whole.messages.iter().filter(|placed| placed.lane == 0) {
        let from_here = site.query.joined(&viewer(), &key, placed.message.at).unwrap().unwrap();
        assert_eq!(from_here.item.id, whole.item.id);
        assert_eq!(from_here.messages.len(), whole.messages.len());
    }
}

#[test]
fn of_registrations_in_a_row_the_one_that_was_asked_for_is_shown() {
    let site = site();
    let mut last = None;
    for n in 1..=5 {
        let register =
            message("REGISTER sip:pbx SIP/2.0", &format!("{n} REGISTER"), "reg", "Expires: 60\n\n");
        last = Some(keep(&site, "101", Direction::In, &register));
        let ok = message("SIP/2.0 200 OK", &format!("{n} REGISTER"), "reg", "Expires: 60\n\n");
        keep(&site, "101", Direction::Out, &ok);
        site.later(Duration::from_secs(30));
    }
    let key = UserKey::new("acme", "101");
    let joined = site.query.joined(&viewer(), &key, last.unwrap()).unwrap().unwrap();
    let cseqs: Vec<u32> = joined.messages.iter().map(|placed| placed.message.cseq).collect();
    assert_eq!((cseqs.as_slice(), joined.item.times), ([5, 5].as_slice(), 1));
}

#[test]
fn a_trunk_has_its_name_and_a_device_of_which_nothing_was_kept_has_a_lane() {
    let site = site();
    let call = |call_id: &str| message("INVITE sip:00391@pbx SIP/2.0", "1 INVITE", call_id, SDP);
    let began = keep(&site, "101", Direction::In, &call("onex"));
    say(&site, "101", "onex", CallPhase::Ringing, 0);
    site.later(Duration::from_millis(5));
    let bytes = call("oney").replace('\n', "\r\n");
    let far = "203.0.113.9:5060".parse().unwrap();
    let trunk =
        Packet { far, direction: Direction::Out, endpoint: "telco".into(), ..packet(bytes.as_bytes()) };
    site.keep_packet(UserKey::default(), Packet { attribution: Attribution::Unknown, ..trunk });
    let step = |endpoint: &str, user: &str, call_id: &str| usermon::event::Step {
        user: user.into(),
        endpoint: endpoint.into(),
        leg: format!("leg-{call_id}").into(),
        linked: "linked-one".into(),
        call_id: call_id.into(),
        phase: CallPhase::Ringing,
        direction: usermon::event::CallDirection::Incoming,
        far_number: "".into(),
        far_name: "".into(),
        cause: 0,
        heard: None,
        sent: None,
    };
    for step in [step("telco", "", "oney"), step("102", "102", "")] {
        site.store.append_step(site.query.now(), "acme", &step).unwrap();
    }
    let joined = site.query.joined(&viewer(), &UserKey::new("acme", "101"), began).unwrap().unwrap();
    let lanes = Lanes::of(&joined, "A PBX");
    let told: Vec<(&str, &str, &str)> =
        lanes.posts.iter().map(|post| (&*post.name, &*post.device, &*post.address)).collect();
    assert_eq!(
        told,
        [
            ("Anna Rossi 101", "SIP phone", "192.0.2.101:5060 UDP"),
            ("PBX", "A PBX", "192.0.2.1:5060"),
            ("telco", "trunk", "203.0.113.9:5060 UDP"),
            ("Anna Rossi 102", "SIP phone", "no packet kept"),
        ]
    );
}

#[test]
fn what_is_missing_is_a_band_in_its_place_and_long_spans_are_labels() {
    let site = site();
    let began = hand::call(&site, "one", "200 OK");
    let gap = Gap {
        from: began.time.plus(Duration::from_secs(10)),
        to: began.time.plus(Duration::from_secs(20)),
        packets: 3,
        cause: GapCause::QueueFull,
    };
    let user = UserKey::new("acme", "101").into();
    site.store.append(&mut [Record { seq: 0, time: gap.from, user, payload: Payload::Gap(gap) }]).unwrap();
    let joined = site.query.joined(&viewer(), &UserKey::new("acme", "101"), began).unwrap().unwrap();
    let holes = joined.holes();
    let rows = Rows::of(&joined, &holes);
    let told: Vec<String> = rows
        .rows
        .iter()
        .map(|row| match &row.what {
            What::Message(placed, again) => format!("{}+{}", placed.message.title(), again.len()),
            What::Pause(span) => format!("pause {}", span.as_secs()),
            What::Hole(hole) => hole.words.clone(),
            What::Steps(notes) => format!("{} notes", notes.len()),
            What::Quality(..) | What::Cut => unreachable!(),
        })
        .collect();
    assert_eq!(
        told[6..],
        [
            "pause 4",
            "200 OK+0",
            "ACK+0",
            "200 OK+0",
            "2 notes",
            "ACK+0",
            "pause 5",
            "3 packets are missing here: the queue between the PBX and the capture was full.",
            "pause 59",
            "BYE+0",
            "200 OK+0",
            "BYE+0",
            "2 notes",
            "200 OK+0"
        ]
        .map(str::to_owned),
        "{told:?}"
    );
    let picture = parse(svg(&joined, "A PBX").split_once('\n').unwrap().1);
    assert_eq!(picture.find("g").iter().filter(|g| g.attribute("class") == "hl").count(), 1);
    assert!(picture.text().contains("59.5 s later"), "{}", picture.text());
}

#[test]
fn of_thousands_of_messages_the_first_are_shown_and_it_says_so() {
    let site = site();
    let began =
        keep(&site, "101", Direction::In, &message("INVITE sip:102@pbx SIP/2.0", "1 INVITE", "long", SDP));
    for n in 2..2_100 {
        site.later(Duration::from_millis(10));
        let info = message("INFO sip:102@pbx SIP/2.0", &format!("{n} INFO"), "long", "\n");
        keep(&site, "101", Direction::In, &info);
    }
    let joined = site.query.joined(&viewer(), &UserKey::new("acme", "101"), began).unwrap().unwrap();
    assert!(joined.is_cut);
    let holes = joined.holes();
    let rows = Rows::of(&joined, &holes);
    assert!(matches!(rows.rows.last().unwrap().what, What::Cut));
    assert_eq!(arrows(&joined).len(), 2_000);
}
