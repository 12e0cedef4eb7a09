//! If the scan misreads a message, its packets stand under the wrong user or under nobody.

use std::path::{Path, PathBuf};

use usermon::capture::message::{Scan, scan};
use usermon::event::Direction;

const INVITE: &str = "INVITE sip:102@acme.example SIP/2.0\r\n\
Via: SIP/2.0/UDP 192.0.2.10:5060;rport;branch=z9hG4bK776asdhds, SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKother\r\n\
From: \"Anna <x> \\\" Rossi\" <sip:101:secret@acme.example:5061;transport=tcp>;tag=1928301774\r\n\
To: <sips:102@[2001:db8::9]:5061>\r\n\
Call-ID: a84b4c76e66710@192.0.2.10\r\n\
CSeq: 314159 INVITE\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 4\r\n\r\nv=0\r\n";

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn assert_is_invite(message: &[u8]) {
    let found = scan(message);
    assert_eq!(text(found.start_line), "INVITE sip:102@acme.example SIP/2.0");
    assert_eq!(text(found.method), "INVITE");
    assert_eq!(found.status, None);
    assert_eq!(text(found.call_id), "a84b4c76e66710@192.0.2.10");
    assert_eq!((found.cseq, text(found.cseq_method)), (Some(314_159), "INVITE"));
    assert_eq!((text(found.from_user), text(found.from_host)), ("101", "acme.example"));
    assert_eq!((text(found.to_user), text(found.to_host)), ("102", "[2001:db8::9]"));
    assert_eq!(text(found.branch()), "z9hG4bK776asdhds");
    assert_eq!(text(found.content_type), "application/sdp");
    assert_eq!(found.content_length, Some(4));
    assert!(message[found.body..].starts_with(b"v=0"));
}

#[test]
fn a_usual_request() {
    assert_is_invite(INVITE.as_bytes());
}

#[test]
fn bare_line_breaks_and_empty_lines_before() {
    assert_is_invite(INVITE.replace("\r\n", "\n").as_bytes());
    assert_is_invite(INVITE.replace("\r\n", "\r").as_bytes());
    assert_is_invite(format!("\r\n\r\n{INVITE}").as_bytes());
}

#[test]
fn any_letter_case_compact_names_and_space_before_the_colon() {
    let pairs = [
        ("Via:", "v :"),
        ("From:", "F\t:"),
        ("To:", "t:"),
        ("Call-ID:", "I:"),
        ("CSeq:", "cSEQ :"),
        ("Content-Type:", "c:"),
        ("Content-Length:", "L:"),
    ];
    let mut message = INVITE.to_owned();
    for (long, short) in pairs {
        message = message.replace(&format!("\r\n{long}"), &format!("\r\n{short}"));
    }
    assert_is_invite(message.as_bytes());
    assert_is_invite(
        INVITE.replace("\r\nFrom:", "\r\nFROM:").replace("\r\nCall-ID", "\r\ncall-id").as_bytes(),
    );
}

#[test]
fn folded_lines() {
    let folded = INVITE
        .replace(": ", ":\r\n ")
        .replace(";tag", "\r\n\t;tag")
        .replace("314159 INVITE", "314159\r\n  INVITE")
        .replace(";branch=z9hG4bK776asdhds", "\r\n ;branch =\r\n z9hG4bK776asdhds");
    assert_is_invite(folded.as_bytes());
}

#[test]
fn a_response() {
    let found = scan(b"SIP/2.0 180 Ringing\r\nCSeq: 7 INVITE\r\n\r\n");
    assert_eq!((found.status, found.method), (Some(180), &b""[..]));
    assert_eq!(text(found.transaction_method()), "INVITE");
    assert!(found.is_sip());
}

#[test]
fn what_is_not_sip() {
    for data in
        [&b""[..], b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00", b"SIP/2.0", b"SIP/2.0 abc"]
    {
        assert!(!scan(data).is_sip(), "{data:?}");
    }
    assert_eq!(scan(b"").body, 0);
}

#[test]
fn the_first_of_repeated_headers_counts() {
    let found =
        scan(b"BYE sip:a@b SIP/2.0\r\nFrom: <sip:one@b>\r\nFrom: <sip:two@b>\r\ni: 1\r\nCall-ID: 2\r\n\r\n");
    assert_eq!((text(found.from_user), text(found.call_id)), ("one", "1"));
}

#[test]
fn numbers_that_do_not_fit_are_none() {
    let found = scan(b"BYE sip:a@b SIP/2.0\r\nCSeq: 99999999999 BYE\r\nContent-Length: -1\r\n\r\n");
    assert_eq!((found.cseq, text(found.cseq_method), found.content_length), (None, "BYE", None));
}

#[test]
fn our_party() {
    let party = |start: &str, method: &str, direction| {
        let message = format!("{start}\r\nFrom: <sip:f@h>\r\nTo: <sip:t@h>\r\nCSeq: 1 {method}\r\n\r\n");
        text(scan(message.as_bytes()).our_party(direction).0).to_owned()
    };
    let (request, response) = ("INVITE sip:x@y SIP/2.0", "SIP/2.0 200 OK");
    assert_eq!(party(request, "INVITE", Direction::In), "f");
    assert_eq!(party(request, "INVITE", Direction::Out), "t");
    assert_eq!(party(response, "INVITE", Direction::In), "t");
    assert_eq!(party(response, "INVITE", Direction::Out), "f");
    assert_eq!(party("REGISTER sip:y SIP/2.0", "REGISTER", Direction::In), "t");
    assert_eq!(party(response, "REGISTER", Direction::Out), "t");
}

fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora").join(name);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is missing", folder.display());
        return Vec::new();
    };
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.ends_with("SOURCE.txt") && !path.ends_with("INDEX.tsv"))
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

/// Whether a slice of the scan lies within the message, not in some other memory.
fn within(found: &Scan<'_>, data: &[u8]) -> bool {
    let range = data.as_ptr_range();
    let slices =
        [found.start_line, found.method, found.call_id, found.from_user, found.to_user, found.branch()];
    slices.iter().all(|slice| slice.is_empty() || range.contains(&slice.as_ptr()))
}

#[test]
fn every_torture_message_is_read_as_sip() {
    for folder in ["rfc4475", "rfc5118-ersip"] {
        for (path, data) in corpus(folder) {
            let found = scan(&data);
            assert!(found.is_sip(), "{}", path.display());
            assert!(within(&found, &data), "{}", path.display());
            // insuf.dat has none
            assert_eq!(found.call_id.is_empty(), path.ends_with("insuf.dat"), "{}", path.display());
            assert!(found.body <= data.len());
        }
    }
}

#[test]
fn torture_messages_in_detail() {
    let files = corpus("rfc4475");
    let of = |name: &str| files.iter().find(|(path, _)| path.ends_with(name)).map(|(_, data)| scan(data));
    if let Some(found) = of("wsinv.dat") {
        assert_eq!((text(found.from_user), text(found.from_host)), ("jdrosen", "example.com"));
        assert_eq!(text(found.to_user), "vivekg");
        assert_eq!((found.cseq, text(found.cseq_method)), (Some(9), "INVITE"));
        assert_eq!(text(found.branch()), "390skdjuw");
        assert_eq!(found.content_length, Some(150));
    }
    if let Some(found) = of("intmeth.dat") {
        assert_eq!(text(found.method), "!interesting-Method0123456789_*+`.%indeed'~");
        assert_eq!(text(found.from_user), "mundane");
    }
    if let Some(found) = of("dblreq.dat") {
        assert_eq!((text(found.method), text(found.from_user)), ("REGISTER", "j.user"));
    }
    if let Some(found) = of("noreason.dat") {
        assert_eq!(found.status, Some(100));
    }
}
