//! Calls made by hand: each message and each word of the PBX at a moment of its own.

use std::time::Duration;

use usermon::event::{CallDirection, CallPhase, Change, Direction, Step, UserKey};
use usermon::query::diagnostics::Cursor;
use usermon::store::record::Packet;

use crate::web_site::{Site, packet};

/// Keeps a packet of a user of `acme`, from or to the address that ends in its number; `text` has bare line ends.
pub(crate) fn keep(site: &Site, user: &str, direction: Direction, text: &str) -> Cursor {
    let sent = packet(text.replace('\n', "\r\n").as_bytes());
    let far = format!("192.0.2.{user}:5060").parse().unwrap();
    site.keep_packet(UserKey::new("acme", user), Packet { direction, far, endpoint: user.into(), ..sent })
}

/// A message of a dialog between two numbers.
pub(crate) fn message(line: &str, cseq: &str, call_id: &str, more: &str) -> String {
    format!(
        "{line}\nVia: SIP/2.0/UDP 192.0.2.101:5060;branch=z9hG4bK-{call_id}-{}\nFrom: \"Anna\" <sip:101@pbx>;tag=a{call_id}\n\
         To: <sip:102@pbx>\nCall-ID: {call_id}\nCSeq: {cseq}\n{more}",
        cseq.replace(' ', "-")
    )
}

pub(crate) const SDP: &str = "Content-Type: application/sdp\nContent-Length: 120\n\nv=0\no=- 1 1 IN IP4 192.0.2.101\ns=-\n\
    c=IN IP4 192.0.2.101\nt=0 0\nm=audio 16000 RTP/AVP 8 0\na=rtpmap:8 PCMA/8000\na=sendrecv\n";

/// What the PBX says of a leg, now.
pub(crate) fn say(site: &Site, user: &str, call_id: &str, phase: CallPhase, cause: u16) {
    let direction = if user == "101" { CallDirection::Outgoing } else { CallDirection::Incoming };
    let linked = format!("linked-{}", call_id.trim_end_matches(['x', 'y']));
    let step = Step {
        user: user.into(),
        endpoint: user.into(),
        leg: format!("leg-{call_id}").into(),
        linked: linked.clone().into(),
        call_id: call_id.into(),
        phase,
        direction,
        far_number: "".into(),
        far_name: "".into(),
        cause,
        heard: None,
        sent: None,
    };
    site.store.append_step(site.query.now(), "acme", &step).unwrap();
    if user == "101" {
        site.keep_change(Change::Call {
            leg: step.leg,
            linked: step.linked,
            call_id: step.call_id,
            phase,
            direction,
            far_number: "102".into(),
            far_name: "".into(),
            cause,
        });
    }
}

/// 101 calls 102 by way of the PBX: legs `NAMEx` and `NAMEy`. `end`: the answer of 102. Says where it began.
pub(crate) fn call(site: &Site, name: &str, end: &str) -> Cursor {
    let (x, y) = (format!("{name}x"), format!("{name}y"));
    let ms = |n| site.later(Duration::from_millis(n));
    let invite = |call_id: &str| message("INVITE sip:102@pbx SIP/2.0", "1 INVITE", call_id, SDP);
    let answer = |line: &str, call_id: &str, more: &str| message(line, "1 INVITE", call_id, more);
    let began = keep(site, "101", Direction::In, &invite(&x));
    ms(1);
    say(site, "101", &x, CallPhase::Ringing, 0);
    keep(site, "101", Direction::Out, &answer("SIP/2.0 100 Trying", &x, "\n"));
    ms(2);
    say(site, "102", &y, CallPhase::Ringing, 0);
    keep(site, "102", Direction::Out, &invite(&y));
    ms(500);
    keep(site, "102", Direction::Out, &invite(&y));
    ms(20);
    keep(site, "102", Direction::In, &answer("SIP/2.0 180 Ringing", &y, "\n"));
    ms(1);
    keep(site, "101", Direction::Out, &answer("SIP/2.0 180 Ringing", &x, "\n"));
    ms(4_000);
    let is_good = end.starts_with("200");
    let body = if is_good { SDP } else { "\n" };
    keep(site, "102", Direction::In, &answer(&format!("SIP/2.0 {end}"), &y, body));
    ms(1);
    keep(site, "102", Direction::Out, &message("ACK sip:102@pbx SIP/2.0", "1 ACK", &y, "\n"));
    keep(site, "101", Direction::Out, &answer(&format!("SIP/2.0 {end}"), &x, body));
    ms(3);
    keep(site, "101", Direction::In, &message("ACK sip:102@pbx SIP/2.0", "1 ACK", &x, "\n"));
    if is_good {
        say(site, "102", &y, CallPhase::Up, 0);
        say(site, "101", &x, CallPhase::Up, 0);
        ms(65_000);
        for (user, way, call_id) in [("101", Direction::In, &x), ("102", Direction::Out, &y)] {
            keep(site, user, way, &message("BYE sip:102@pbx SIP/2.0", "2 BYE", call_id, "\n"));
            ms(2);
            let back = if way == Direction::In { Direction::Out } else { Direction::In };
            keep(site, user, back, &message("SIP/2.0 200 OK", "2 BYE", call_id, "\n"));
        }
    }
    let cause = if is_good { 16 } else { 17 };
    say(site, "102", &y, CallPhase::Ended, cause);
    say(site, "101", &x, CallPhase::Ended, cause);
    site.later(Duration::from_mins(10));
    began
}
