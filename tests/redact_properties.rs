//! If a byte sequence makes the redactor panic, the capture of the whole PBX stops; if one changes the length, every
//! offset in a stored message lies.

use proptest::collection::vec;
use proptest::prelude::*;
use usermon::capture::message::scan;
use usermon::capture::redact::{FILL, MESSAGE_LIMIT, redact, redact_head};
use usermon::event::DumpDetail;

const LEVELS: [DumpDetail; 3] = [DumpDetail::Summary, DumpDetail::Headers, DumpDetail::Full];

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

fn check(data: &[u8]) {
    let mut out = Vec::new();
    let whole = scan(data);
    for torn in [false, true] {
        for detail in LEVELS {
            let redacted = redact_head(detail, data, torn, &mut out);
            if !whole.is_sip() {
                assert!(out.len() <= 64, "a stump is short");
                assert!(redacted.unsure || out.iter().all(|b| matches!(b, b'\r' | b'\n')));
                continue;
            }
            match detail {
                DumpDetail::Full => {
                    assert_eq!(out.len(), data.len());
                    assert_eq!(redacted.cut, torn);
                    assert!(out.iter().zip(data).all(|(kept, was)| kept == was || *kept == FILL));
                }
                DumpDetail::Headers => {
                    assert!(out.len() <= data.len());
                    assert_eq!(redacted.cut, torn || out.len() < data.len());
                    // a white line may be the end of the head or a fold; of two readings the stricter counts
                    let lines = data.split(|b| matches!(b, b'\r' | b'\n'));
                    let blank = |b: &u8| matches!(b, b' ' | b'\t');
                    let doubtful = lines.into_iter().any(|line| !line.is_empty() && line.iter().all(blank));
                    assert!(doubtful || out.len() >= whole.body, "the head stays whole");
                    let head = whole.body.min(out.len());
                    assert!(
                        doubtful
                            || out[..head].iter().zip(data).all(|(kept, was)| kept == was || *kept == FILL)
                    );
                }
                _ => {
                    let small = scan(&out);
                    // a start line that is no SIP any more has had a secret in it
                    assert!(redacted.cut && (small.is_sip() || small.start_line.contains(&FILL)));
                    if small.is_sip() {
                        assert_eq!((small.method, small.status), (whole.method, whole.status));
                    }
                }
            }
        }
    }
    assert_eq!(
        redact(DumpDetail::Full, data, &mut out),
        redact_head(DumpDetail::Full, data, false, &mut out)
    );
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
