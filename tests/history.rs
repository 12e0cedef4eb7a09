//! Breaks when a user's history tells another story than the packets: a call that is none, registrations that do not fold,
//! legs that are not joined.

use std::sync::Arc;
use std::time::Duration;

use usermon::config::Role;
use usermon::event::{CallDirection, CallPhase, Change, Direction, Step, UserKey};
use usermon::query::Viewer;
use usermon::query::history::{Kind, Outcome, Repeat};
use usermon::store::record::Packet;

#[expect(dead_code, reason = "web.rs and login.rs take the rest")]
mod web_site;
use web_site::{Site, packet, site};

fn viewer() -> Viewer {
    Viewer { person: "anna".into(), role: Role::Administrator, company: Some("acme".into()), from: "".into() }
}

fn keep(site: &Site, user: &str, direction: Direction, text: &str) {
    let sent = packet(text.replace('\n', "\r\n").as_bytes());
    site.keep_packet(UserKey::new("acme", user), Packet { direction, endpoint: user.into(), ..sent });
}

const CALL: &[(&str, Direction, &str)] = &[
    (
        "101",
        Direction::In,
        "INVITE sip:102@pbx SIP/2.0\nFrom: <sip:101@pbx>;tag=a\nTo: <sip:102@pbx>\nCall-ID: one\nCSeq: 1 INVITE\n\n",
    ),
    (
        "101",
        Direction::Out,
        "SIP/2.0 100 Trying\nFrom: <sip:101@pbx>;tag=a\nTo: <sip:102@pbx>\nCall-ID: one\nCSeq: 1 INVITE\n\n",
    ),
    (
        "102",
        Direction::Out,
        "INVITE sip:102@phone SIP/2.0\nFrom: <sip:101@pbx>;tag=b\nTo: <sip:102@phone>\nCall-ID: two\nCSeq: 7 INVITE\n\n",
    ),
    (
        "102",
        Direction::In,
        "SIP/2.0 180 Ringing\nFrom: <sip:101@pbx>;tag=b\nTo: <sip:102@phone>\nCall-ID: two\nCSeq: 7 INVITE\n\n",
    ),
    (
        "101",
        Direction::Out,
        "SIP/2.0 180 Ringing\nFrom: <sip:101@pbx>;tag=a\nTo: <sip:102@pbx>\nCall-ID: one\nCSeq: 1 INVITE\n\n",
    ),
    (
        "102",
        Direction::In,
        "SIP/2.0 486 Busy Here\nFrom: <sip:101@pbx>;tag=b\nTo: <sip:102@phone>\nCall-ID: two\nCSeq: 7 INVITE\n\n",
    ),
    (
        "102",
        Direction::In,
        "SIP/2.0 486 Busy Here\nFrom: <sip:101@pbx>;tag=b\nTo: <sip:102@phone>\nCall-ID: two\nCSeq: 7 INVITE\n\n",
    ),
    (
        "101",
        Direction::Out,
        "SIP/2.0 486 Busy Here\nFrom: <sip:101@pbx>;tag=a\nTo: <sip:102@pbx>\nCall-ID: one\nCSeq: 1 INVITE\n\n",
    ),
];

fn busy(site: &Site) {
    for (user, direction, text) in CALL {
        keep(site, user, *direction, text);
        site.later(Duration::from_millis(500));
    }
    for (user, leg, call_id, direction) in
        [("101", "a", "one", CallDirection::Outgoing), ("102", "b", "two", CallDirection::Incoming)]
    {
        let step = Step {
            user: user.into(),
            endpoint: user.into(),
            leg: leg.into(),
            linked: "a".into(),
            call_id: call_id.into(),
            phase: CallPhase::Ringing,
            direction,
            far_number: "".into(),
            far_name: "".into(),
            cause: 0,
            heard: None,
            sent: None,
        };
        site.store.append_step(site.query.now().minus(Duration::from_secs(4)), "acme", &step).unwrap();
    }
}

#[test]
fn a_call_is_one_line_with_its_far_party_and_all_its_legs_are_found_from_either() {
    let site = site();
    busy(&site);
    let (caller, callee) = (UserKey::new("acme", "101"), UserKey::new("acme", "102"));
    let read =
        |key| site.query.history(&viewer(), key, usermon::clock::Timestamp::MIN, None).unwrap().unwrap();
    let (out, into) = (read(&caller), read(&callee));
    let [call] = out.items.as_slice() else { panic!("{:?}", out.items) };
    assert_eq!((call.kind, call.direction), (Kind::Call, Some(CallDirection::Outgoing)));
    assert_eq!(call.far.number, "102");
    assert_eq!(call.far.user.as_ref().map(|user| Arc::clone(&user.key)).as_deref(), Some(&callee));
    assert_eq!(call.messages.len(), 4);
    assert_ne!(call.verdict.outcome, Outcome::Good);
    let [call] = into.items.as_slice() else { panic!("{:?}", into.items) };
    assert_eq!((call.direction, &*call.far.number), (Some(CallDirection::Incoming), "101"));
    assert_eq!(call.ringing, Some(Duration::from_secs(1)));
    for (key, id) in [(&caller, out.items[0].id), (&callee, into.items[0].id)] {
        let joined = site.query.joined(&viewer(), key, id).unwrap().expect("a call");
        let lines: Vec<(usize, String)> =
            joined.messages.iter().map(|p| (p.lane, p.message.title().into_owned())).collect();
        assert_eq!(
            lines,
            [
                (0, "INVITE"),
                (0, "100 Trying"),
                (1, "INVITE"),
                (1, "180 Ringing"),
                (0, "180 Ringing"),
                (1, "486 Busy Here"),
                (1, "486 Busy Here"),
                (0, "486 Busy Here")
            ]
            .map(|(lane, title)| (lane, title.to_owned()))
        );
        let repeats: Vec<Repeat> = joined.messages.iter().map(|p| p.message.repeat).collect();
        assert_eq!(repeats.iter().filter(|r| **r == Repeat::Retransmission).count(), 1);
        assert_eq!(joined.lanes.len(), 2);
    }
}

#[test]
fn a_leg_of_another_company_is_said_to_be_there_and_not_shown() {
    let site = site();
    busy(&site);
    let key = UserKey::new("acme", "101");
    let read = || site.query.history(&viewer(), &key, usermon::clock::Timestamp::MIN, None).unwrap().unwrap();
    let joined = || site.query.joined(&viewer(), &key, read().items[0].id).unwrap().expect("a call");
    assert!(!joined().has_foreign_legs);
    let foreign = |linked: &str| Step {
        user: "101".into(),
        endpoint: "101".into(),
        leg: "c".into(),
        linked: linked.into(),
        call_id: "three".into(),
        phase: CallPhase::Ringing,
        direction: CallDirection::Incoming,
        far_number: "".into(),
        far_name: "".into(),
        cause: 0,
        heard: None,
        sent: None,
    };
    let time = site.query.now().minus(Duration::from_secs(4));
    site.store.append_step(time, "beta", &foreign("another")).unwrap();
    assert!(!joined().has_foreign_legs, "that is another call");
    site.store.append_step(time, "beta", &foreign("a")).unwrap();
    let joined = joined();
    assert!(joined.has_foreign_legs);
    assert_eq!(joined.lanes.len(), 2);
}

#[test]
fn registrations_in_a_row_fold_and_a_failure_stands_alone() {
    let site = site();
    let key = UserKey::new("acme", "101");
    let mut cseq = 0;
    let mut register = |good: bool| {
        cseq += 1;
        let head = |line: &str, cseq: u32, more: &str| {
            format!(
                "{line}\nFrom: <sip:101@pbx>;tag=a\nTo: <sip:101@pbx>\nCall-ID: reg\nCSeq: {cseq} REGISTER\n{more}\n"
            )
        };
        let credentials = "Authorization: Digest username=\"101\"\n";
        keep(&site, "101", Direction::In, &head("REGISTER sip:pbx SIP/2.0", cseq, ""));
        keep(&site, "101", Direction::Out, &head("SIP/2.0 401 Unauthorized", cseq, ""));
        cseq += 1;
        keep(&site, "101", Direction::In, &head("REGISTER sip:pbx SIP/2.0", cseq, credentials));
        let answer = if good { "SIP/2.0 200 OK" } else { "SIP/2.0 403 Forbidden" };
        keep(&site, "101", Direction::Out, &head(answer, cseq, ""));
        site.later(Duration::from_mins(2));
    };
    for _ in 0..5 {
        register(true);
    }
    register(false);
    for _ in 0..3 {
        register(true);
    }
    site.keep_change(Change::Unregistered {
        endpoint: "101".into(),
        contact: "sip:101@1".into(),
        expired: true,
    });
    register(true);
    let history = site.query.history(&viewer(), &key, usermon::clock::Timestamp::MIN, None).unwrap().unwrap();
    let told: Vec<(usize, Outcome, Option<Duration>)> =
        history.items.iter().map(|item| (item.times, item.verdict.outcome, item.every)).collect();
    let every = Some(Duration::from_mins(2));
    assert_eq!(
        told,
        [
            (1, Outcome::Good, None),
            // it ran out
            (3, Outcome::Failed, every),
            (1, Outcome::Failed, None),
            (5, Outcome::Good, every)
        ]
    );
    assert_eq!(history.items.iter().map(|item| item.messages.len()).sum::<usize>(), 40);
}
