//! If a secret survives the redactor at any place, in any spelling, it ends on the disk of every customer.

use std::path::Path;

use usermon::capture::message::scan;
use usermon::capture::redact::{FILL, Redacted, redact};
use usermon::event::DumpDetail;

mod canary;

use canary::{CANARY, PLACES, contains, filled, leak, message, mutations, show};

fn check(name: &str, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for detail in [DumpDetail::Summary, DumpDetail::Headers, DumpDetail::Full] {
        let redacted = redact(detail, message, &mut out);
        if let Some(part) = leak(&out) {
            panic!("{name}: `{part}` at {}:\n{}\n--- became\n{}", detail.word(), show(message), show(&out));
        }
        if detail == DumpDetail::Full && scan(message).is_sip() {
            assert_eq!(out.len(), message.len(), "{name}: length");
            assert!(!redacted.cut, "{name}: cut");
            for (at, (kept, was)) in out.iter().zip(message).enumerate() {
                assert!(kept == was || *kept == FILL, "{name}: byte {at} changed to something else");
            }
        }
    }
    out
}

#[test]
fn no_secret_stays_and_what_must_stay_does() {
    for place in PLACES {
        let message = message(place);
        let full = show(&check(place.name, message.as_bytes()));
        let mut headers = Vec::new();
        redact(DumpDetail::Headers, message.as_bytes(), &mut headers);
        for kept in place
            .stays
            .iter()
            .chain(&["Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK77\r\n", "a84b4c@192.0.2.10"])
        {
            assert!(full.contains(kept), "{}: `{kept}` is gone from\n{full}", place.name);
            assert!(
                show(&headers).contains(kept),
                "{}: `{kept}` is gone from\n{}",
                place.name,
                show(&headers)
            );
        }
    }
}

#[test]
fn a_password_in_the_request_line_goes_at_every_level() {
    for line in [
        "INVITE sip:bob:%@pbx.example;user=phone SIP/2.0",
        "INVITE sip:bob:p %@pbx.example SIP/2.0",
        "INVITE <sip:bob:%@pbx.example> SIP/2.0",
        "INVITE im:bob:%@pbx.example SIP/2.0",
        "INVITE  SIPS:bob:%@pbx.example;pn-prid=%  SIP/2.0",
    ] {
        let message = format!("{}\r\nFrom: <sip:a:%@h>\r\nTo: sip:b:%@h\r\nCall-ID: 7\r\n\r\n", line)
            .replace('%', CANARY);
        let full = check(line, message.as_bytes());
        assert!(contains(&full, b"pbx.example"), "{}", show(&full));
        let mut summary = Vec::new();
        redact(DumpDetail::Summary, message.as_bytes(), &mut summary);
        assert!(
            show(&summary).contains("From: <sip:a@h>\r\nTo: <sip:b@h>\r\nCall-ID: 7\r\n"),
            "{}",
            show(&summary)
        );
    }
}

#[test]
fn no_secret_stays_in_any_spelling() {
    for place in PLACES {
        for (name, bytes) in mutations(message(place).as_bytes()) {
            check(&format!("{} / {name}", place.name), &bytes);
        }
    }
}

#[test]
fn no_secret_stays_wherever_a_fold_is_put() {
    for place in PLACES.iter().filter(|place| place.body.is_empty()) {
        let message = message(place);
        let line = message.find(&filled(place.headers)).unwrap();
        // not within names of headers and parameters: there a fold makes another name of it
        let places = message.char_indices().skip(line).filter(|(at, c)| {
            let before = message.as_bytes()[at - 1];
            let at_separator = matches!(c, ' ' | '=' | ',' | ';' | '"' | ':' | '<' | '>' | '@');
            // behind a line break it would be an empty line
            before != b'\n' && at_separator || matches!(before, b' ' | b'=' | b',' | b';' | b'"')
        });
        for (at, _) in places {
            for fold in ["\r\n ", "\n\t", "\r\n \t \r\n  "] {
                let folded = format!("{}{fold}{}", &message[..at], &message[at..]);
                let mut out = Vec::new();
                for detail in [DumpDetail::Summary, DumpDetail::Headers, DumpDetail::Full] {
                    redact(detail, folded.as_bytes(), &mut out);
                    assert!(leak(&out).is_none(), "{} at {at}:\n{folded}\n---\n{}", place.name, show(&out));
                }
            }
        }
    }
}

fn corpora() -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for name in ["rfc4475", "rfc5118-ersip"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora").join(name);
        let Ok(entries) = std::fs::read_dir(&folder) else {
            println!("skipped: {} is missing", folder.display());
            continue;
        };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if !path.ends_with("SOURCE.txt") && !path.ends_with("INDEX.tsv") {
                all.push((path.display().to_string(), std::fs::read(&path).unwrap()));
            }
        }
    }
    all
}

#[test]
fn no_secret_stays_in_the_torture_messages() {
    for (turn, (file, data)) in corpora().into_iter().enumerate() {
        let line_end = data.windows(2).position(|two| two == b"\r\n").unwrap() + 2;
        let head_end = data.windows(4).position(|four| four == b"\r\n\r\n").map_or(data.len(), |at| at + 2);
        for (place_turn, place) in PLACES.iter().enumerate() {
            let name = format!("{file} / {}", place.name);
            let headers = format!("{}\r\n", filled(place.headers));
            for at in [line_end, head_end] {
                let mut message = data[..at].to_vec();
                message.extend_from_slice(headers.as_bytes());
                if place.body.is_empty() {
                    message.extend_from_slice(&data[at..]);
                } else {
                    // the body takes the place of the message's own
                    let own = data[at..head_end.max(at)].to_ascii_lowercase();
                    let clash = contains(&own, b"boundary");
                    message.extend_from_slice(if clash { b"" } else { &data[at..head_end.max(at)] });
                    if place.method == "MESSAGE" {
                        message.extend_from_slice(b"CSeq: 1 MESSAGE\r\n");
                    }
                    message.extend_from_slice(b"\r\n");
                    message.extend_from_slice(filled(place.body).as_bytes());
                }
                check(&name, &message);
                // both line breaks meet every message and every place, if not every pair of them
                let line_break = if (turn + place_turn) % 2 == 0 { &b"\n"[..] } else { b"\r" };
                if (at == line_end) == (turn % 4 < 2) {
                    check(&name, &split(&message).join(line_break));
                }
            }
        }
    }
}

fn split(message: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut rest = message;
    while let Some(at) = rest.windows(2).position(|two| two == b"\r\n") {
        lines.push(&rest[..at]);
        rest = &rest[at + 2..];
    }
    lines.push(rest);
    lines
}

#[test]
fn messages_without_secrets_stay_as_they_are() {
    for (file, data) in corpora() {
        // a MESSAGE, a password-like user part and credentials have something to hide
        let hides = ["mpart01.dat", "regaut01.dat", "intmeth.dat"];
        if hides.iter().any(|name| file.ends_with(name)) {
            continue;
        }
        let mut out = Vec::new();
        redact(DumpDetail::Full, &data, &mut out);
        assert_eq!(show(&out), show(&data), "{file}");
    }
}

#[test]
fn headers_keeps_codecs_and_media_lines_only() {
    let place = PLACES.iter().find(|place| place.name == "crypto").unwrap();
    let message = message(place).replace("v=0\r\n", "v=0\r\no=a 1 1 IN IP4 h\r\nc=IN IP4 192.0.2.10\r\n");
    let mut out = Vec::new();
    let redacted = redact(DumpDetail::Headers, message.as_bytes(), &mut out);
    assert_eq!(redacted, Redacted { cut: true, unsure: false });
    let kept = show(&out);
    assert!(
        kept.ends_with("\r\n\r\nc=IN IP4 192.0.2.10\r\nm=audio 4000 RTP/SAVP 0\r\na=rtpmap:0 PCMU/8000\r\n"),
        "{kept}"
    );
    let nothing = "INFO sip:a@b SIP/2.0\r\nContent-Type: text/plain\r\n\r\nm=hello\r\n";
    redact(DumpDetail::Headers, nothing.as_bytes(), &mut out);
    assert!(show(&out).ends_with("text/plain\r\n\r\n"));
}

#[test]
fn summary_is_read_by_the_same_scan() {
    for (file, data) in corpora() {
        let mut out = Vec::new();
        redact(DumpDetail::Summary, &data, &mut out);
        let (whole, small) = (scan(&data), scan(&out));
        assert!(small.is_sip(), "{file}:\n{}", show(&out));
        assert_eq!((small.method, small.status), (whole.method, whole.status), "{file}");
        assert_eq!(small.call_id, whole.call_id, "{file}");
        assert_eq!((small.cseq, small.cseq_method), (whole.cseq, whole.cseq_method), "{file}");
        assert_eq!(small.to_host, whole.to_host, "{file}");
        assert_eq!(small.from_host, whole.from_host, "{file}");
        assert!(out.len() <= data.len() + 64, "{file}");
        assert!(!show(&out).contains("Via"));
    }
}

#[test]
fn what_is_not_sip_leaves_a_stump_without_secrets() {
    let mut out = Vec::new();
    for text in [
        "% % %",
        "response=\"%\"\r\nfoo",
        "hello password:%",
        "Basic %\r\n%",
        "Authorization: Basic %\r\n\r\n%",
        "sip:a:%@b",
        "MESSAGE sip:a@b\r\n\r\n%",
    ] {
        let data = text.replace('%', CANARY);
        for detail in [DumpDetail::Summary, DumpDetail::Headers, DumpDetail::Full] {
            let redacted = redact(detail, data.as_bytes(), &mut out);
            assert!(redacted.unsure);
            assert!(leak(&out).is_none(), "{data} -> {}", show(&out));
            assert_eq!(out.len(), data.len().min(64));
        }
    }
    let redacted = redact(DumpDetail::Full, "GET / HTTP\r\n".repeat(20).as_bytes(), &mut out);
    assert_eq!(redacted, Redacted { cut: true, unsure: true });
    assert!(out.starts_with(b"GETx"), "{}", show(&out));
}

#[test]
fn a_long_message_keeps_its_head_and_no_half_secret() {
    let mut message = "INVITE sip:a@b SIP/2.0\r\nCall-ID: 7\r\nS: ".to_owned();
    let contact = format!("\r\nContact: <sip:bob:{CANARY}");
    message.push_str(&"w".repeat(64 * 1024 - message.len() - contact.len() - 20));
    message.push_str(&contact);
    message.push_str(&"q".repeat(500));
    message.push_str("@h>\r\n\r\n");
    assert!(contains(&message.as_bytes()[..64 * 1024], CANARY.as_bytes()));
    let mut out = Vec::new();
    for detail in [DumpDetail::Summary, DumpDetail::Headers, DumpDetail::Full] {
        let redacted = redact(detail, message.as_bytes(), &mut out);
        assert!(redacted.cut && leak(&out).is_none(), "{}", detail.word());
    }
    assert_eq!(out.len(), 64 * 1024);
    assert!(out.starts_with(b"INVITE sip:a@b SIP/2.0\r\nCall-ID: 7\r\n"));
}

#[test]
fn a_secret_behind_folds_with_nothing_to_be_seen_is_found() {
    for head in ["X: y\r\n", "X:\r\n \u{1}\r\n", ""] {
        for hidden in [" \u{1}\r\n", " \u{1}\r\n \u{2} \u{3}\r\n \r\n"] {
            for line in [" a=crypto:1 AES inline:%\r\n", " k=clear:%\r\n", " Authorization: Basic %\r\n"] {
                let text = format!("INVITE sip:a@b SIP/2.0\r\n{head}{hidden}{line}\r\n");
                check(line, text.replace('%', CANARY).as_bytes());
            }
        }
    }
}

#[test]
fn a_keep_alive_stays() {
    let mut out = Vec::new();
    assert_eq!(redact(DumpDetail::Full, b"\r\n\r\n", &mut out), Redacted::default());
    assert_eq!(out, b"\r\n\r\n");
    assert_eq!(redact(DumpDetail::Full, b"", &mut out), Redacted::default());
    assert!(out.is_empty());
    redact(DumpDetail::Off, b"INVITE sip:a@b SIP/2.0\r\n\r\n", &mut out);
    assert!(out.is_empty());
}
