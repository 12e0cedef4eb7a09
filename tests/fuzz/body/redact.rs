//! The redactor: same length, nothing invented, no secret left at a known place.

use usermon::capture::message::scan;
use usermon::capture::redact::{FILL, redact as redacted, redact_head};
use usermon::event::DumpDetail;

use super::canary::{PLACES, filled, leak, show};

const LEVELS: [DumpDetail; 3] = [DumpDetail::Summary, DumpDetail::Headers, DumpDetail::Full];

/// Any bytes keep their length and change to the fill only; a secret among header lines of any bytes goes.
pub fn redact(data: &[u8]) {
    check(data);
    let Some((&which, lines)) = data.split_first() else { return };
    if leak(lines).is_some() {
        return;
    }
    let places: Vec<_> = PLACES.iter().filter(|place| place.body.is_empty()).collect();
    let place = places[usize::from(which) % places.len()];
    // the bytes as header lines: an empty line would end the head, where the rules for headers end too
    let lines: Vec<Vec<u8>> = lines
        .split(|byte| matches!(byte, 0 | b'\r' | b'\n'))
        .filter(|line| !line.is_empty())
        .map(<[u8]>::to_vec)
        .collect();
    let (before, after) = lines.split_at(lines.len() / 2);
    let mut message = format!("{} sip:102@pbx.example SIP/2.0\r\nCall-ID: 7\r\n", place.method).into_bytes();
    for line in before.iter().chain([&filled(place.headers).into_bytes()]).chain(after) {
        message.extend_from_slice(line);
        message.extend_from_slice(b"\r\n");
    }
    message.extend_from_slice(b"\r\n");
    let mut out = Vec::new();
    for detail in LEVELS {
        redacted(detail, &message, &mut out);
        assert!(leak(&out).is_none(), "{}:\n{}\n--- became\n{}", place.name, show(&message), show(&out));
    }
}

/// What holds for any bytes at every level.
pub fn check(data: &[u8]) {
    let mut out = Vec::new();
    let whole = scan(data);
    for torn in [false, true] {
        for detail in LEVELS {
            let done = redact_head(detail, data, torn, &mut out);
            if !whole.is_sip() {
                assert!(out.len() <= 64, "a stump is short");
                assert!(done.unsure || out.iter().all(|b| matches!(b, b'\r' | b'\n')));
                continue;
            }
            match detail {
                DumpDetail::Full => {
                    assert_eq!(out.len(), data.len());
                    assert_eq!(done.cut, torn);
                    assert!(out.iter().zip(data).all(|(kept, was)| kept == was || *kept == FILL));
                }
                DumpDetail::Headers => {
                    assert!(out.len() <= data.len());
                    assert_eq!(done.cut, torn || out.len() < data.len());
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
                    assert!(done.cut && (small.is_sip() || small.start_line.contains(&FILL)));
                    if small.is_sip() {
                        assert_eq!((small.method, small.status), (whole.method, whole.status));
                    }
                }
            }
        }
    }
    assert_eq!(
        redacted(DumpDetail::Full, data, &mut out),
        redact_head(DumpDetail::Full, data, false, &mut out)
    );
}
