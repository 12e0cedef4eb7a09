//! Breaks when the estimate of a call's quality is not the E-model's, or the reports of a leg do not come together.

use std::time::Duration;

use usermon::clock::Timestamp;
use usermon::event::{Direction, EndpointKey, Media, Quality};
use usermon::query::history::quality::{Codec, Grade, figures, opinion, rating};

#[test]
fn the_estimate_is_that_of_g_107() {
    let best = rating(Duration::ZERO, 0.0, Codec::of("PCMA"));
    assert!((best - 93.2).abs() < 1e-9 && (opinion(best) - 4.41).abs() < 0.005, "{best} {}", opinion(best));
    // table B.1: the borders of the categories
    for (r, mos) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
        assert!((opinion(r) - mos).abs() < 0.007, "{r}: {}", opinion(r));
    }
    assert!((opinion(-3.0) - 1.0).abs() < 1e-9 && (opinion(120.0) - 4.5).abs() < 1e-9);
    // G.113 appendix I: loss and codec
    assert!((rating(Duration::ZERO, 0.02, Codec::of("pcmu")) - (93.2 - 95.0 * 2.0 / 27.1)).abs() < 1e-9);
    assert!((rating(Duration::ZERO, 0.0, Codec::of("G729")) - 82.2).abs() < 1e-9);
    // delay: none below 100 ms, some at 200 ms, much at 400 ms
    let at = |ms| 93.2 - rating(Duration::from_millis(ms), 0.0, Codec::of("PCMA"));
    assert!(at(100) < 1e-9 && (at(200) - 3.04).abs() < 0.05 && at(400) > 20.0, "{} {}", at(200), at(400));
    assert_eq!(
        [93.0, 80.0, 79.9, 70.0, 69.9].map(Grade::of).map(Grade::word),
        ["good", "good", "fair", "fair", "poor"]
    );
}

#[test]
fn the_reports_of_a_leg_come_together_by_direction() {
    let report = |second: i64, direction, packets, lost, jitter, round_trip| Quality {
        time: Timestamp(second * 1_000_000),
        key: EndpointKey::default(),
        leg: "a".into(),
        linked: "a".into(),
        call_id: "c".into(),
        direction,
        packets,
        lost,
        jitter,
        round_trip,
    };
    let reports = [
        report(5, Direction::In, 250, 0, 1_000, 0),
        report(5, Direction::Out, 250, 1, 2_000, 40_000),
        report(10, Direction::In, 500, 100, 9_000, 0),
        report(10, Direction::Out, 500, 1, 4_000, 60_000),
    ];
    let found = figures(reports.iter(), Codec::of("PCMU"));
    let [heard, sent] = found.as_slice() else { panic!("{found:?}") };
    let media = Media { packets: 500, lost: 100, jitter: 5_000, jitter_worst: 9_000, ..Media::default() };
    assert_eq!((heard.direction, heard.media, heard.grade), (Direction::In, media, Grade::Poor));
    assert!((heard.loss() - 1.0 / 6.0).abs() < 1e-9);
    assert_eq!((sent.media.round_trip, sent.media.round_trip_worst), (50_000, 60_000));
    assert_eq!((sent.direction, sent.grade), (Direction::Out, Grade::Good));
    assert!(figures([].iter(), Codec::of("")).is_empty());
}

#[expect(dead_code, reason = "web.rs and login.rs take the rest")]
mod web_site;

/// A call of user 101 of `acme` whose answer chose a codec, and its reports.
#[test]
fn a_calls_line_and_its_legs_have_the_figures_with_the_codec_that_was_answered() {
    use usermon::event::UserKey;
    use usermon::store::record::{Payload, Record};
    let site = web_site::site();
    let message = |start: &str, sdp: &str| {
        format!(
            "{start}\r\nFrom: <sip:101@pbx>\r\nTo: <sip:102@pbx>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\n\r\n{sdp}"
        )
    };
    let offer = "v=0\r\nm=audio 4000 RTP/AVP 0 18\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:18 G729/8000\r\n";
    let answer = "v=0\r\nm=audio 5000 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n";
    let at = site.keep(message("INVITE sip:102@pbx SIP/2.0", offer).as_bytes());
    let user = UserKey::new("acme", "101");
    let sent = web_site::packet(message("SIP/2.0 200 OK", answer).as_bytes());
    site.keep_packet(user.clone(), usermon::store::record::Packet { direction: Direction::Out, ..sent });
    for direction in [Direction::In, Direction::Out] {
        let time = site.query.now();
        let report = Quality {
            time,
            key: EndpointKey::new("acme", "e0"),
            leg: "a".into(),
            linked: "a".into(),
            call_id: "c".into(),
            direction,
            packets: 500,
            lost: 0,
            jitter: 1_000,
            round_trip: 0,
        };
        let payload = Payload::Quality(report);
        site.store.append(&mut [Record { seq: 0, time, user: user.clone().into(), payload }]).unwrap();
    }
    let viewer = usermon::query::Viewer {
        person: "anna".into(),
        role: usermon::config::Role::Administrator,
        company: Some("acme".into()),
        from: "".into(),
    };
    let history = site.query.history(&viewer, &user, Timestamp::MIN, None).unwrap().unwrap();
    let worst = history.items[0].worst().expect("figures");
    assert_eq!((worst.codec.name, worst.grade), ("g729", Grade::Good));
    assert!((worst.rating - 82.2).abs() < 0.01, "{}", worst.rating);
    let joined = site.query.joined(&viewer, &user, at).unwrap().expect("a call");
    let [(_, call_id, figures)] = joined.figures().try_into().expect("one leg");
    assert_eq!((&*call_id, figures.len(), figures[0].codec.name), ("c", 2, "g729"));
}
