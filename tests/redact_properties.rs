//! If a byte sequence makes the redactor panic, the capture of the whole PBX stops; if one changes the length, every
//! offset in a stored message lies.

use proptest::collection::vec;
use proptest::prelude::*;
use usermon::capture::redact::{MESSAGE_LIMIT, redact};
use usermon::event::DumpDetail;

#[expect(dead_code, unreachable_pub, reason = "tests/fuzz_replay.rs takes the rest")]
#[path = "fuzz/body/redact.rs"]
mod body;
#[expect(dead_code, reason = "the other tests of the redactor take the rest")]
mod canary;

use body::check;

/// Pieces that the rules react to, so that random splices reach them.
const PIECES: &[&str] = &[
    "INVITE sip:a:b@c SIP/2.0\r\n",
    "SIP/2.0 200 OK\r\n",
    "MESSAGE sip:a@b SIP/2.0\r\n",
    "Authorization: Digest ",
    "Authorization: Basic ",
    "Proxy-Authorization",
    "response=\"",
    "rspauth=",
    "auts",
    "username=\"a\", ",
    "User-to-User: ",
    "Content-Type: multipart/mixed;boundary=b\r\n",
    "Content-Type: application/dtmf-relay\r\n",
    "Content-Type: application/sdp\r\n",
    "c: message/cpim\r\n",
    "Content-Encoding: gzip\r\n",
    "--b\r\n",
    "--b--\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    "\r\n ",
    "\t",
    ":",
    "=",
    "\"",
    "\\",
    "<sip:",
    "sips:a:",
    "sip%3a",
    "%40",
    "%3d",
    "%",
    "@",
    ">",
    ";pn-prid=",
    "?Authorization=",
    "a=crypto:1 x inline:",
    "a",
    "k=",
    "m=audio 1 RTP/AVP 0\r\n",
    "c=",
    "Signal=5\r\n",
    "Call-ID: 7\r\n",
    "CSeq: 1 MESSAGE\r\n",
    "From: \"x\" <sip:u:p@h>\r\n",
    "t: <tel:+39>\r\n",
    "Event: telephone-event\r\n",
];

fn splice() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(PIECES).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..12),
    ];
    let start = prop::sample::select(&["", "INVITE sip:a@b SIP/2.0\r\n", "SIP/2.0 200 OK\r\n"][..]);
    (start, vec(piece, 0..40)).prop_map(|(start, pieces)| [start.as_bytes(), &pieces.concat()].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_500) })]

    #[test]
    fn any_bytes(data in vec(any::<u8>(), 0..600)) {
        check(&data);
    }

    #[test]
    fn any_splice(data in splice()) {
        check(&data);
    }
}

/// The same piece over and over is how a scan that starts again at each place becomes quadratic. No time is
/// asserted: a quadratic rule makes this test, and with it the whole run, exceed its limit by far.
#[test]
fn long_repetitions_end() {
    let mut out = Vec::new();
    for piece in PIECES.iter().copied().chain([
        "\r\n \r\n ",
        "a=\r\n ",
        "sip:sip:",
        "<sip:a ",
        "= ",
        "\r\n k\r\n ",
        "\r\n \u{1}",
        "@&sip:",
    ]) {
        for start in ["INVITE sip:a@b SIP/2.0\r\n", "INVITE sip:a@b SIP/2.0\r\nX: "] {
            let data = [start, &piece.repeat(MESSAGE_LIMIT / piece.len())].concat();
            redact(DumpDetail::Full, data.as_bytes(), &mut out);
            assert_eq!(out.len(), data.len().min(MESSAGE_LIMIT));
        }
    }
}
