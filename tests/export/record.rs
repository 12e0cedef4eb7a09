//! Records to be exported: messages as phones send them, and what the redactor keeps of them.

use std::net::SocketAddr;
use std::sync::Arc;

use usermon::capture::redact::redact;
use usermon::clock::Timestamp;
use usermon::event::{Direction, DumpDetail, Transport, UserKey};
use usermon::query::export::{About, Export, Form};
use usermon::store::record::{Attribution, Packet, Payload, Record};

/// 2026-11-23T12:00:00.000123Z.
pub(crate) const NOON: i64 = 1_795_435_200_000_123;

pub(crate) fn about() -> About {
    About { title: "Packets of Anna Rossi (101)".into(), at: Timestamp(NOON) }
}

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(crate) const SDP: &str = "v=0\r\no=101 1 1 IN IP4 192.0.2.17\r\ns=call\r\nc=IN IP4 192.0.2.17\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";

/// A request with a body of SDP.
pub(crate) fn request(method: &str, number: usize, via: &str, body: &str) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} sip:102@pbx.example SIP/2.0\r\nVia: SIP/2.0/{via} 192.0.2.17:5062;branch=z9hG4bK{number}\r\n\
         Max-Forwards: 70\r\nFrom: \"Anna Rossi\" <sip:101@pbx.example>;tag=a{number}\r\nTo: <sip:102@pbx.example>\r\n\
         Call-ID: call-{number}@192.0.2.17\r\nCSeq: {number} {method}\r\nContact: <sip:101@192.0.2.17:5062>\r\n\
         {kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(crate) fn response(status: &str, method: &str, number: usize, via: &str, body: &str) -> String {
    let request = request(method, number, via, body);
    let (_, rest) = request.split_once("\r\n").unwrap();
    format!("SIP/2.0 {status}\r\n{rest}")
}

/// An INVITE whose SDP has so many lines that it is at least `length` bytes long.
pub(crate) fn long(number: usize, via: &str, length: usize) -> String {
    let mut body = SDP.to_owned();
    while body.len() < length {
        body.push_str("a=candidate:1 1 UDP 2130706431 192.0.2.17 4000 typ host\r\n");
    }
    request("INVITE", number, via, &body)
}

pub(crate) fn packet(transport: Transport, direction: Direction, bytes: &[u8]) -> Packet {
    Packet {
        direction,
        transport,
        local: address("192.0.2.1:5060"),
        far: address("192.0.2.17:5062"),
        detail: DumpDetail::Full,
        attribution: Attribution::Proven,
        cut: false,
        unsure: false,
        original_len: u32::try_from(bytes.len()).unwrap(),
        endpoint: "101".into(),
        linked: "".into(),
        bytes: bytes.into(),
    }
}

/// What a dump detail keeps of a packet.
pub(crate) fn at(detail: DumpDetail, packet: Packet) -> Packet {
    let mut kept = Vec::new();
    let redacted = redact(detail, &packet.bytes, &mut kept);
    Packet { detail, cut: redacted.cut, unsure: redacted.unsure, bytes: kept.into(), ..packet }
}

/// The records of these payloads, 10.001 ms apart.
pub(crate) fn records(payloads: Vec<Payload>) -> Vec<Record> {
    let user = Arc::new(UserKey::new("acme", "101"));
    let record = |(n, payload)| Record {
        seq: n,
        time: Timestamp(NOON + i64::try_from(n).unwrap() * 10_001),
        user: Arc::clone(&user),
        payload,
    };
    (0..).zip(payloads).map(record).collect()
}

/// The file of these records.
pub(crate) fn export(form: Form, records: &[Record]) -> Vec<u8> {
    let mut export = Export::new(form, Vec::new(), &about()).unwrap();
    for record in records {
        export.record(record).unwrap();
    }
    export.finish().unwrap()
}
