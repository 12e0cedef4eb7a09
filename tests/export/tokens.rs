//! Tokens in place of names and numbers.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use usermon::capture::message::scan;
use usermon::event::{CallDirection, CallPhase, Change, Direction, Transport};
use usermon::query::export::Form;
use usermon::query::export::token::Tokens;
use usermon::store::record::{Packet, Payload, Record};

use crate::record::{address, export, packet, records};
use crate::wireshark::{has_tshark, messages};

/// What must not be found in what was replaced. In the messages each stands in several ways.
const NAMES: [&str; 17] = [
    "annamaria",
    "bianchini",
    "j\u{f6}rg",
    "C3%B6rg",
    "70412",
    "70413",
    "390612345678",
    "acmefon",
    "zentrale",
    "reparto",
    "k.bauer",
    "bauer",
    "vertrieb",
    "498912345",
    "geheim",
    "mueller",
    "nebenstelle",
];

const SDP: &str = "v=0\r\no=annamaria 1 1 IN IP4 192.0.2.17\r\ns=Annamaria's call\r\ne=annamaria@acmefon.example\r\n\
    p=+39 0612345678 498912345\r\nc=IN IP4 192.0.2.17\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n\
    a=ssrc:4711 cname:annamaria@zentrale.acmefon.example\r\na=candidate:1 1 UDP 2130706431 192.0.2.17 4000 typ host\r\n";

fn with_length(head: &str, body: &str) -> String {
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// Messages of a dialog and around it, as phones and PBXes send them.
fn sources() -> Vec<Packet> {
    let dialog = "From: \"Annamaria Bianchini\" <sip:70412@acmefon.example;user=phone>;tag=a70412z\r\n\
        To: J\u{f6}rg <sip:70413@acmefon.example>\r\nCall-ID: 5f3a-70412@zentrale.acmefon.example\r\n";
    let invite = with_length(
        &format!(
            "INVITE sip:70413:xxxxxx@zentrale.acmefon.example:5070;transport=tcp SIP/2.0\r\n\
             Via: SIP/2.0/TCP zentrale.acmefon.example:5070;branch=z9hG4bK-70412-1;received=192.0.2.17;rport=5062\r\n\
             Max-Forwards: 70\r\n{dialog}CSeq: 70412 INVITE\r\n\
             Contact: <sip:70412@192.0.2.17:5062;transport=tcp>;+sip.instance=\"<urn:uuid:1-2>\"\r\n\
             P-Asserted-Identity: \"Bianchini, Annamaria\" <sip:+390612345678@acmefon.example>, <tel:+390612345678;phone-context=acmefon.example>\r\n\
             Remote-Party-ID: Annamaria <sip:70412@acmefon.example>;party=calling;screen=yes\r\n\
             Diversion: <sip:k.bauer@acmefon.example;user=phone>;reason=unconditional\r\n\
             History-Info: <sip:70413@acmefon.example?Reason=SIP%3Bcause%3D302>;index=1, <sip:J%C3%B6rg@acmefon.example>;index=1.1\r\n\
             Authorization: Digest username=\"annamaria\", realm=\"acmefon\", nonce=\"1/70412abc\", uri=\"sip:70413@acmefon.example\", response=\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\", algorithm=MD5\r\n\
             Subject: Reparto Vertrieb\r\nX-Caller-Department: Reparto Vertrieb\r\nOrganization: Acmefon Zentrale\r\n\
             User-Agent: Zentrale-Phone 108.86.0.20\r\nIdentity: eyJvcmlnIjp7InRuIjoiNzA0MTIifX0;info=<https://acmefon.example/c>\r\n\
             Supported: replaces, timer\r\nSession-Expires: 1800;refresher=uac\r\nContent-Type: application/sdp\r\n"
        ),
        SDP,
    );
    let refer = with_length(
        &format!(
            "REFER sip:70413@192.0.2.17 SIP/2.0\r\nv: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2\r\n{dialog}CSeq: 2 REFER\r\n\
             Refer-To: <sip:498912345@acmefon.example?Replaces=5f3a-70412%40zentrale.acmefon.example%3Bto-tag%3Db1%3Bfrom-tag%3Da70412z>\r\n\
             Referred-By: \"K. Bauer\"\r\n <sip:k.bauer@acmefon.example>\r\n"
        ),
        "",
    );
    let subscribe = with_length(
        &format!(
            "NOTIFY sip:70412@192.0.2.17 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK3\r\n{dialog}CSeq: 3 NOTIFY\r\n\
             Event: dialog\r\nContent-Type: application/dialog-info+xml\r\n"
        ),
        "<?xml version=\"1.0\"?>\r\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"1\" entity=\"sip:70413@acmefon.example\">\
         <dialog id=\"70413\" call-id=\"5f3a-70412@zentrale.acmefon.example\" direction=\"recipient\"><state>confirmed</state>\
         <remote><identity display=\"Annamaria Bianchini\">sip:70412@acmefon.example</identity></remote>\
         <note>Nebenstelle Mueller</note></dialog></dialog-info>\r\n",
    );
    let sipfrag = with_length(
        &format!(
            "NOTIFY sip:70412@192.0.2.17 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK4\r\n{dialog}CSeq: 4 NOTIFY\r\n\
             Event: refer\r\nContent-Type: message/sipfrag;version=2.0\r\n"
        ),
        "SIP/2.0 486 Mueller is busy\r\nTo: Mueller <sip:498912345@acmefon.example>\r\n",
    );
    let multipart = with_length(
        &format!(
            "INVITE sip:70413@acmefon.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.17;branch=z9hG4bK5\r\n{dialog}CSeq: 5 INVITE\r\n\
             Content-Type: multipart/mixed;boundary=\"b1\"\r\n"
        ),
        &format!(
            "--b1\r\nContent-Type: application/sdp\r\n\r\n{SDP}\r\n--b1\r\nContent-Type: text/plain\r\n\r\nAlso spricht Mueller, Geheim.\r\n\
             --b1\r\nContent-Type: message/sip\r\n\r\n{invite}\r\n--b1--\r\n"
        ),
    );
    let busy = with_length(
        &format!(
            "SIP/2.0 486 Annamaria is busy\r\nVia: SIP/2.0/TCP zentrale.acmefon.example:5070;branch=z9hG4bK-70412-1\r\n{dialog}\
             CSeq: 70412 INVITE\r\nWarning: 399 zentrale.acmefon.example \"Nebenstelle 70413 of J\u{f6}rg is busy\"\r\n"
        ),
        "",
    );
    let mut all = vec![invite, refer, subscribe, sipfrag, multipart, busy].into_iter();
    let one = |text: String| {
        let mut one = packet(Transport::Udp, Direction::In, text.as_bytes());
        (one.endpoint, one.linked) = ("annamaria".into(), "1700000000.12".into());
        one
    };
    all.by_ref().map(one).collect()
}

/// The records, with tokens of a secret.
fn replaced(records: &[Record], secret: u8, with_addresses: bool) -> Vec<Record> {
    let mut tokens = Tokens::new([secret; 32], with_addresses);
    for name in ["Nebenstelle", "Reparto"] {
        tokens.know(name);
    }
    for record in records {
        tokens.learn(record);
    }
    records.iter().map(|record| tokens.replace(record)).collect()
}

fn source_records() -> Vec<Record> {
    let mut all: Vec<Payload> = sources().into_iter().map(Payload::Packet).collect();
    all.push(Payload::Change(Change::Call {
        leg: "PJSIP/annamaria-0001".into(),
        linked: "c1".into(),
        call_id: "5f3a-70412@zentrale.acmefon.example".into(),
        phase: CallPhase::Up,
        direction: CallDirection::Incoming,
        far_number: "+390612345678".into(),
        far_name: "Annamaria Bianchini".into(),
        cause: 0,
    }));
    records(all)
}

fn bytes(record: &Record) -> &[u8] {
    let Payload::Packet(packet) = &record.payload else { return &[] };
    &packet.bytes
}

#[test]
fn no_name_and_no_number_is_left_in_any_form() {
    let originals = source_records();
    for with_addresses in [false, true] {
        let replaced = replaced(&originals, 7, with_addresses);
        for form in Form::ALL {
            let before = String::from_utf8_lossy(&export(form, &originals)).to_lowercase();
            let after = String::from_utf8_lossy(&export(form, &replaced)).to_lowercase();
            // the sequence number of a CSeq is nobody's number
            let after = after.replace("cseq: 70412", "cseq: n").replace("\"cseq\":70412", "");
            for name in NAMES {
                let name = name.to_lowercase();
                assert!(before.contains(&name), "{name} is in none of the messages");
                let at = after.find(&name);
                let around = at.map(|at| {
                    after
                        .get(at.saturating_sub(100)..)
                        .unwrap_or(&after[at..])
                        .chars()
                        .take(200)
                        .collect::<String>()
                });
                assert_eq!(around, None, "{form:?}: {name} is left");
            }
            assert_eq!(after.contains("192.0.2.17"), !with_addresses, "{form:?}");
        }
    }
}

#[test]
fn what_was_a_message_is_one_still() {
    let originals = source_records();
    let replaced = replaced(&originals, 7, true);
    for (before, after) in originals.iter().zip(&replaced) {
        let (data, other) = (bytes(before), bytes(after));
        let (old, new) = (scan(data), scan(other));
        assert_eq!((old.method, old.status, old.cseq), (new.method, new.status, new.cseq));
        assert_eq!((old.cseq_method, old.content_type), (new.cseq_method, new.content_type));
        if !data.is_empty() {
            let length = usize::try_from(new.content_length.unwrap()).unwrap();
            assert_eq!(length, other.len() - new.body, "{}", String::from_utf8_lossy(other));
            let parses = |data: &[u8]| rsip::SipMessage::try_from(data).is_ok();
            assert!(parses(other) || !parses(data), "{}", String::from_utf8_lossy(other));
        }
        // where everything has the same length, it stands at the same place
        assert_eq!(
            data.iter().filter(|b| **b == b'\n').count(),
            other.iter().filter(|b| **b == b'\n').count()
        );
    }
    let text = |n: usize| String::from_utf8_lossy(bytes(&replaced[n])).into_owned();
    let line = |n: usize, start: &str| text(n).lines().find(|l| l.starts_with(start)).unwrap().to_owned();
    // what has a meaning of its own is there still
    for kept in [
        "SIP/2.0/TCP ",
        "transport=tcp",
        "m=audio 4000 RTP/AVP 8",
        "algorithm=MD5",
        "Session-Expires: 1800;refresher=uac",
    ] {
        assert!(text(0).contains(kept), "{kept}\n{}", text(0));
    }
    assert!(text(0).contains("-Phone 108.86.0.20"), "{}", text(0));
    assert!(text(2).contains("<state>confirmed</state>") && text(2).contains("direction=\"recipient\""));
    assert!(text(3).contains("SIP/2.0 486 "));
    // the same name is the same token everywhere
    let call_id = line(0, "Call-ID: ").replace("Call-ID: ", "");
    for n in [1, 2, 3, 4, 5] {
        assert_eq!(line(n, "Call-ID: "), line(0, "Call-ID: "));
    }
    assert!(text(2).contains(&format!("call-id=\"{call_id}\"")), "{}", text(2));
    assert!(
        text(1).contains(&format!("Replaces={}%3Bto-tag%3Db1", call_id.replace('@', "%40"))),
        "{}",
        text(1)
    );
    let user = String::from_utf8_lossy(scan(bytes(&replaced[0])).from_user).into_owned();
    assert!(user.len() == 5 && line(0, "Contact:").contains(&format!("<sip:{user}@")), "{}", text(0));
    assert!(text(2).contains(&format!(">sip:{user}@")), "{}", text(2));
}

#[test]
fn tshark_reads_the_same_dialogs() {
    if !has_tshark() {
        return;
    }
    let originals = source_records();
    for with_addresses in [false, true] {
        let replaced = replaced(&originals, 7, with_addresses);
        let [before, after] = [&originals, &replaced].map(|records| messages(&export(Form::Pcap, records)));
        assert_eq!(before.len(), 6);
        let mut names = HashMap::new();
        for (before, after) in before.iter().zip(&after) {
            assert_eq!((&before[0], &before[4]), (&after[0], &after[4]));
            assert_eq!(before[1] == after[1], !with_addresses, "{after:?}");
            assert_eq!(names.entry(&before[5]).or_insert(&after[5]), &&after[5]);
        }
    }
}

#[test]
fn another_secret_gives_other_tokens_and_the_same_the_same() {
    let originals = source_records();
    let [one, same, other] = [1, 1, 2].map(|secret| replaced(&originals, secret, true));
    assert_eq!(one, same);
    let user = |records: &[Record]| scan(bytes(&records[0])).from_user.to_vec();
    assert_ne!(user(&one), user(&other));
}

#[test]
fn no_two_numbers_and_no_two_addresses_share_a_token() {
    let mut tokens = Tokens::new([3; 32], true);
    let mut seen = HashSet::new();
    for number in 100..3_000 {
        let token = tokens.name(&number.to_string());
        assert!(token.bytes().all(|b| b.is_ascii_lowercase()), "{token}");
        assert_eq!(token, tokens.name(&number.to_string()));
        assert!(seen.insert(token), "{number} shares its token");
    }
    let mut seen = HashSet::new();
    for n in 0..3_000_u32 {
        let host = std::net::Ipv4Addr::from(0x0a00_0001 + n);
        assert!(seen.insert(tokens.name(&host.to_string())), "{host} shares its token");
    }
}

#[test]
fn what_names_nobody_stays() {
    let mut tokens = Tokens::new([3; 32], true);
    for text in ["anonymous", "xxxxxxxx", "127.0.0.1", "0.0.0.0"] {
        assert_eq!(&*tokens.name(text), text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_replaced_without_a_panic_and_lines_stay(
        which in 0..6_usize, cuts in proptest::collection::vec((any::<u16>(), any::<u16>(), any::<[u8; 3]>()), 0..6)
    ) {
        let mut data = sources().swap_remove(which).bytes.into_vec();
        for (at, length, put) in cuts {
            let at = usize::from(at) % (data.len() + 1);
            let end = (at + usize::from(length) % 40).min(data.len());
            data.splice(at..end, put);
        }
        let mut one = packet(Transport::Tls, Direction::In, &data);
        one.far = address("[2001:db8::17]:5062");
        let before = records(vec![Payload::Packet(one)]);
        let after = replaced(&before, 9, true);
        let (old, new) = (scan(bytes(&before[0])), scan(bytes(&after[0])));
        prop_assert_eq!(old.status, new.status);
        prop_assert_eq!(old.method, new.method);
        export(Form::Pcap, &after);
    }
}
