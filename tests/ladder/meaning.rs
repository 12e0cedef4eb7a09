//! The sentences of the pane, each from a header or a line as devices write it.

use usermon::event::{Direction, UserKey};
use usermon::web::ladder::meaning::meaning;
use usermon::web::ladder::sdp::explained;

use crate::hand::{keep, message};
use crate::house::viewer;
use crate::web_site::site;

/// Start line and CSeq of a message, header, value, what is said of it.
const HEADERS: &[(&str, &str, &str, &str, &str)] = &[
    (
        "INVITE sip:102@pbx SIP/2.0",
        "1 INVITE",
        "v",
        "SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK1;rport=40001;received=198.51.100.7",
        "Sent by 10.0.0.5:5060 over UDP; answers go back that way. It came from 198.51.100.7:40001, so a router with address translation is between.",
    ),
    (
        "INVITE sip:102@pbx SIP/2.0",
        "1 INVITE",
        "f",
        "\"Anna Rossi\" <sip:101@pbx>;tag=1",
        "Who began it: Anna Rossi (101). The tag is the beginner's half of the dialog's name.",
    ),
    (
        "INVITE sip:102@pbx SIP/2.0",
        "1 INVITE",
        "To",
        "<sip:102@pbx>",
        "Whom it is for: 102. It has no tag: this begins something new.",
    ),
    ("SIP/2.0 200 OK", "7 BYE", "CSeq", "7 BYE", "Answers the BYE with the number 7."),
    ("REGISTER sip:pbx SIP/2.0", "1 REGISTER", "m", "*", "All registrations are to be removed."),
    (
        "REGISTER sip:pbx SIP/2.0",
        "1 REGISTER",
        "Contact",
        "<sip:101@10.0.0.5:5060>;expires=3600",
        "The phone is at 10.0.0.5:5060, for 1 h.",
    ),
    ("REGISTER sip:pbx SIP/2.0", "1 REGISTER", "Expires", "0", "The registration is to end."),
    ("SIP/2.0 200 OK", "1 REGISTER", "Expires", "120", "The registration holds for 2 min."),
    (
        "INVITE sip:102@pbx SIP/2.0",
        "1 INVITE",
        "Authorization",
        "Digest username=\"101\", realm=\"pbx, east\", nonce=\"1\", response=\"xxxx\"",
        "Answers the challenge as 101 in the realm pbx, east. What proves the password is blacked out.",
    ),
    (
        "SIP/2.0 401 Unauthorized",
        "1 INVITE",
        "WWW-Authenticate",
        "Digest realm=\"pbx\",nonce=\"a\",stale=true",
        "Asks for the password of the realm pbx, by MD5. The password was right, only the nonce is too old. This is how it always begins.",
    ),
    (
        "BYE sip:102@pbx SIP/2.0",
        "2 BYE",
        "Reason",
        "Q.850;cause=17;text=\"User busy\"",
        "Why, as telephone networks number it: busy (17). \"User busy\"",
    ),
    (
        "CANCEL sip:102@pbx SIP/2.0",
        "1 CANCEL",
        "Reason",
        "SIP;cause=200;text=\"Call completed elsewhere\"",
        "Why: the call was answered elsewhere. \"Call completed elsewhere\"",
    ),
    (
        "SIP/2.0 488 Not Acceptable Here",
        "1 INVITE",
        "Warning",
        "305 pbx \"Incompatible media format\"",
        "Warning 305: no common codec.",
    ),
    (
        "INVITE sip:102@pbx SIP/2.0",
        "1 INVITE",
        "x",
        "1800;refresher=uac",
        "The call ends unless it is refreshed within 30 min. The side that asked must do so.",
    ),
    (
        "INVITE sip:102@pbx SIP/2.0",
        "1 INVITE",
        "P-Asserted-Identity",
        "<sip:+391234@telco>",
        "The network vouches that this is +391234.",
    ),
    (
        "INVITE sip:102@pbx SIP/2.0",
        "1 INVITE",
        "Diversion",
        "<sip:102@pbx>;reason=no-answer",
        "Diverted by 102, because nobody answered.",
    ),
    (
        "REFER sip:102@pbx SIP/2.0",
        "3 REFER",
        "r",
        "<sip:103@pbx?Replaces=a%3Bto-tag>",
        "Transfer to 103, with a call that stands already.",
    ),
    (
        "SIP/2.0 200 OK",
        "1 OPTIONS",
        "Allow",
        "INVITE, ACK, BYE, CANCEL, OPTIONS",
        "Requests it takes. Not among them: REFER, UPDATE.",
    ),
];

#[test]
fn headers_are_explained() {
    for (line, cseq, name, value, words) in HEADERS {
        let site = site();
        let at = keep(&site, "101", Direction::In, &message(line, cseq, "one", "\n"));
        let joined = site.query.joined(&viewer(), &UserKey::new("acme", "101"), at).unwrap().unwrap();
        assert_eq!(
            meaning(name, value, &joined.messages[0].message).as_deref(),
            Some(*words),
            "{name}: {value}"
        );
    }
}

#[test]
fn lines_of_a_session_description_are_explained() {
    let body = "v=0\r\nc=IN IP4 192.168.1.5\r\nm=audio 16000 RTP/SAVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\nm=video 0 RTP/AVP 96\r\nc=IN IP4 0.0.0.0\r\n";
    let told: Vec<Option<String>> = explained(body).into_iter().map(|(_, words)| words).collect();
    let told: Vec<&str> = told.iter().map(|words| words.as_deref().unwrap_or_default()).collect();
    assert_eq!(
        told,
        [
            "Version of the format.",
            "Media is to be sent to 192.168.1.5. It is private: from outside its network it can't be reached.",
            "Audio at port 16000, encrypted (SRTP). Codecs, the preferred one first: PCMA, keys (telephone-event).",
            "Number 101 is telephone-event/8000.",
            "This side only sends: the other is on hold.",
            "No video: refused, or ended.",
            "No address: the other side is on hold, the old way.",
        ]
    );
}
