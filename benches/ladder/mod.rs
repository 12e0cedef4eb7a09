//! The page of a call of 200 messages in two legs with its ladder, the reading included, in a sealed ring that holds other
//! packets of its users around it.

use std::time::Duration;

use usermon::event::{CallDirection, CallPhase, Direction, Step, UserKey};
use usermon::query::diagnostics::Cursor;
use usermon::store::record::Packet;

use crate::timed;
use crate::web_site::{Site, packet, site_with_users};

const REST: &str = "Max-Forwards: 70\r\nContact: <sip:101@192.0.2.17:5060>\r\nUser-Agent: Yealink SIP-T54W 96.86.0.100\r\n\
Allow: INVITE, ACK, CANCEL, BYE, REGISTER, OPTIONS, SUBSCRIBE, NOTIFY, REFER, INFO, UPDATE, MESSAGE\r\n\
Supported: replaces, 100rel, timer\r\n";
const SDP: &str = "Content-Type: application/sdp\r\nContent-Length: 180\r\n\r\nv=0\r\no=- 20081 20081 IN IP4 192.0.2.17\r\n\
s=SDP data\r\nc=IN IP4 192.0.2.17\r\nt=0 0\r\nm=audio 11780 RTP/AVP 8 0 18 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
a=rtpmap:18 G729/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n";

fn keep(
    site: &Site,
    user: &str,
    direction: Direction,
    line: &str,
    call_id: &str,
    cseq: &str,
    end: &str,
) -> Cursor {
    let text = format!(
        "{line}\r\nVia: SIP/2.0/UDP 192.0.2.17:5060;rport;branch=z9hG4bK-{call_id}-{}\r\nFrom: \"Anna Rossi\" \
         <sip:101@pbx.example.com>;tag=1928301774\r\nTo: <sip:102@pbx.example.com>\r\nCall-ID: {call_id}@192.0.2.17\r\n\
         CSeq: {cseq}\r\n{REST}{end}\r\n",
        cseq.replace(' ', "-")
    );
    let far = format!("192.0.2.{user}:5060").parse().unwrap();
    let packet = Packet { direction, far, endpoint: user.into(), ..packet(text.as_bytes()) };
    let at = site.keep_packet(UserKey::new("acme", user), packet);
    site.later(Duration::from_millis(3));
    at
}

/// Registrations of both users for so long.
fn others(site: &Site, span: Duration) {
    for n in 0..span.as_secs() / 4 {
        for user in ["101", "102"] {
            let (id, cseq) = (format!("registration-{user}"), format!("{n} REGISTER"));
            keep(site, user, Direction::In, "REGISTER sip:pbx.example.com SIP/2.0", &id, &cseq, "");
            keep(site, user, Direction::Out, "SIP/2.0 200 OK", &id, &cseq, "");
        }
        site.later(Duration::from_secs(4));
    }
}

fn say(site: &Site, phase: CallPhase) {
    for (user, leg, direction) in
        [("101", "a", CallDirection::Outgoing), ("102", "b", CallDirection::Incoming)]
    {
        let step = Step {
            user: user.into(),
            endpoint: user.into(),
            leg: leg.into(),
            linked: "a".into(),
            call_id: format!("{leg}@192.0.2.17").into(),
            phase,
            direction,
            far_number: "".into(),
            far_name: "".into(),
            cause: 16,
            heard: None,
            sent: None,
        };
        site.store.append_step(site.query.now(), "acme", &step).unwrap();
    }
}

pub(crate) async fn run(messages: u32, rounds: usize) {
    let site = site_with_users(&["101", "102", "103"]);
    others(&site, Duration::from_mins(30));
    let mut began = None;
    // each re-INVITE is six messages
    for n in 1..=messages / 6 {
        let cseq = format!("{n} INVITE");
        let two = [("101", "a", Direction::In, Direction::Out), ("102", "b", Direction::Out, Direction::In)];
        for (user, leg, there, back) in two {
            let at = keep(&site, user, there, "INVITE sip:102@pbx.example.com SIP/2.0", leg, &cseq, SDP);
            began = began.or(Some(at));
            keep(&site, user, back, "SIP/2.0 200 OK", leg, &cseq, SDP);
            keep(&site, user, there, "ACK sip:102@pbx.example.com SIP/2.0", leg, &format!("{n} ACK"), "");
        }
        match n {
            1 => say(&site, CallPhase::Ringing),
            2 => say(&site, CallPhase::Up),
            _ => {}
        }
        site.later(Duration::from_secs(2));
    }
    for (user, leg, way) in [("101", "a", Direction::In), ("102", "b", Direction::Out)] {
        keep(&site, user, way, "BYE sip:102@pbx.example.com SIP/2.0", leg, "99 BYE", "");
    }
    say(&site, CallPhase::Ended);
    others(&site, Duration::from_mins(30));
    site.seal();
    let mut anna = site.logged_in("anna").await;
    let path = format!("/c/acme/u/101/diag/item/{}", began.unwrap());
    let page = anna.get(&path).await.text();
    let shown = page.matches("<a class=\"m").count();
    assert!(shown + 6 >= messages as usize, "{shown} messages");
    let (spent, size) = timed(rounds, &mut anna, |_| path.clone()).await;
    println!("ladder_200 {:.2} ms", spent / 1_000.0);
    println!("ladder_200_size {size} bytes");
    let (spent, _) = timed(rounds, &mut anna, |_| format!("{path}?pane=1")).await;
    println!("ladder_200_pane {:.2} ms", spent / 1_000.0);
}
