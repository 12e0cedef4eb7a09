//! If a faster redactor fills one byte less than the plain one did, secrets reach the disk that no list of places has.
//!
//! tests/golden/redact.txt holds checksums of what was kept, made when every rule looked at every line. It is made anew
//! by `UPDATE_GOLDEN=1`; that is right only where a rule of privacy.md itself has changed.

use std::fmt::Write;
use std::path::Path;

use usermon::capture::redact::redact_head;
use usermon::event::DumpDetail;

#[expect(dead_code, reason = "only its places and mutations are used here")]
mod canary;
#[path = "../benches/mix/mod.rs"]
#[expect(dead_code, reason = "only its texts are used here")]
mod mix;

use canary::{PLACES, message, mutations};

/// Lines of real phones and PBXes, and what rules react to, to be put together and bent.
const LINES: &[&str] = &[
    "INVITE sip:102@pbx.example SIP/2.0\r\n",
    "REGISTER sip:pbx.example SIP/2.0\r\n",
    "MESSAGE sip:102@pbx.example SIP/2.0\r\n",
    "SIP/2.0 200 OK\r\n",
    "SIP/2.0 401 Unauthorized\r\n",
    "Via: SIP/2.0/UDP 10.20.0.2:5060;branch=z9hG4bKab;rport=5060;received=10.20.0.2\r\n",
    "From: \"Anna\" <sip:101@pbx.example>;tag=19\r\n",
    "t: <sip:102@pbx.example;user=phone>\r\n",
    "Contact: <sip:101@10.20.0.2:5060;transport=tls>;expires=60\r\n",
    "Contact: <sip:101:p@10.20.0.2>\r\n",
    "Route: <sip:a@b;lr>,<sip:c@d;lr>\r\n",
    "Call-ID: 7f@10.20.0.2\r\n",
    "CSeq: 2 INVITE\r\n",
    "CSeq: 2 MESSAGE\r\n",
    "User-Agent: Yealink SIP-T46U 108.86.0.20\r\n",
    "Allow: INVITE, ACK, BYE\r\n",
    "Authorization: Digest username=\"101\", realm=\"pbx\", nonce=\"1/a\", uri=\"sip:pbx.example\", response=\"0123\", cnonce=\"a\", nc=1\r\n",
    "WWW-Authenticate: Digest realm=\"pbx\",nonce=\"1/a\",algorithm=MD5,qop=\"auth\"\r\n",
    "Authentication-Info: rspauth=\"0a\", nc=1\r\n",
    "User-to-User: 00;encoding=hex\r\n",
    "Event: telephone-event\r\n",
    "Content-Type: application/sdp\r\n",
    "Content-Type: application/dtmf-relay\r\n",
    "Content-Type: multipart/mixed;boundary=b\r\n",
    "Content-Encoding: gzip\r\n",
    "Content-Length: 11\r\n",
    "\r\n",
    "--b\r\n",
    "v=0\r\n",
    "o=- 1 1 IN IP4 10.20.0.2\r\n",
    "c=IN IP6 2001:db8::1\r\n",
    "m=audio 4000 RTP/SAVP 8 101\r\n",
    "a=rtpmap:8 PCMA/8000\r\n",
    "a=crypto:1 AES inline:c2VjcmV0\r\n",
    "a=ice-pwd:secret\r\n",
    "k=clear:secret\r\n",
    "Signal=5\r\n",
    " folded: <sip:a:b@c>\r\n",
    "a b c\r\n",
];

/// What is put in, or put in place of something.
const BENDS: &[&str] = &[
    "",
    "\r",
    "\n",
    "\r\n",
    "\r\n ",
    " ",
    "\t",
    "\0",
    ":",
    "=",
    "@",
    "%",
    "%40",
    "%3d",
    "<",
    ">",
    "\"",
    ";",
    ",",
    "?",
    "&",
    "/",
    "//",
    "-",
    "k",
    "a=",
    "n",
    "x",
    "sip:",
    "response=",
    "a:b@",
    "pn-prid=",
    "Authorization",
    "\u{7f}",
    "é",
];

/// Numbers that are the same in each run.
struct Noise(u64);

impl Noise {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % n as u64).unwrap()
    }

    fn pick<'a>(&mut self, from: &'a [&'a str]) -> &'a [u8] {
        from[self.below(from.len())].as_bytes()
    }
}

/// A checksum of all that is kept of some messages.
#[derive(Default)]
struct Kept(crc32fast::Hasher, Vec<u8>);

impl Kept {
    fn of(&mut self, data: &[u8]) {
        let levels = [DumpDetail::Summary, DumpDetail::Headers, DumpDetail::Full];
        for (detail, torn) in levels.into_iter().zip([false; 3]).chain([(DumpDetail::Full, true)]) {
            let redacted = redact_head(detail, data, torn, &mut self.1);
            self.0.update(&[u8::from(redacted.cut), u8::from(redacted.unsure)]);
            self.0.update(&self.1.len().to_le_bytes());
            self.0.update(&self.1);
        }
    }
}

/// A message of the lines, bent at a few places.
fn bent(noise: &mut Noise) -> Vec<u8> {
    let mut data = Vec::new();
    if noise.below(4) > 0 {
        let start = noise.below(5);
        data.extend_from_slice(LINES[start].as_bytes());
    }
    for _ in 0..noise.below(12) {
        data.extend_from_slice(noise.pick(LINES));
    }
    for _ in 0..noise.below(6) {
        let at = noise.below(data.len() + 1);
        let end = (at + noise.below(3)).min(data.len());
        data.splice(at..end, noise.pick(BENDS).iter().copied());
    }
    data
}

fn lines() -> String {
    let mut all = String::new();
    let mut add = |name: &str, fill: &mut dyn FnMut(&mut Kept)| {
        let mut kept = Kept::default();
        fill(&mut kept);
        writeln!(all, "{:08x} {name}", kept.0.finalize()).unwrap();
    };
    for place in PLACES {
        add(place.name, &mut |kept| {
            for (_, bytes) in mutations(message(place).as_bytes()) {
                kept.of(&bytes);
            }
        });
    }
    let mut mix = mix::Mix::new(9);
    let texts: Vec<String> = (0..400).map(|_| mix.message().text).collect();
    for (n, some) in texts.chunks(100).enumerate() {
        add(&format!("mix {n}"), &mut |kept| some.iter().for_each(|text| kept.of(text.as_bytes())));
    }
    let kind = |word: &str| texts.iter().find(|text| text.contains(word)).unwrap();
    for word in ["\r\nAuthorization: Digest", "SIP/2.0 200 OK", "a=rtpmap", "SIP/2.0 401"] {
        add(&format!("each place of one with {}", word.trim()), &mut |kept| {
            let text = kind(word).as_bytes();
            for at in 0..text.len() {
                for bend in BENDS.iter().skip(at % 4).step_by(4) {
                    kept.of(&[&text[..at], bend.as_bytes(), &text[(at + 1).min(text.len())..]].concat());
                }
            }
        });
    }
    for turn in 0..60 {
        add(&format!("bent {turn}"), &mut |kept| {
            let mut noise = Noise(turn);
            (0..300).for_each(|_| kept.of(&bent(&mut noise)));
        });
    }
    all
}

fn corpora() -> String {
    let mut all = String::new();
    for name in ["rfc4475", "rfc5118-ersip"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora").join(name);
        let Ok(entries) = std::fs::read_dir(&folder) else {
            println!("skipped: {} is missing", folder.display());
            continue;
        };
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths.iter().filter(|path| !path.ends_with("SOURCE.txt") && !path.ends_with("INDEX.tsv"))
        {
            let mut kept = Kept::default();
            kept.of(&std::fs::read(path).unwrap());
            let file = path.file_name().unwrap().display();
            writeln!(all, "{:08x} {name}/{file}", kept.0.finalize()).unwrap();
        }
    }
    all
}

#[test]
fn what_is_kept_is_what_the_plain_rules_kept() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/redact.txt");
    let now = format!("{}{}", lines(), corpora());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    let other: Vec<&str> = now.lines().filter(|line| !golden.lines().any(|known| known == *line)).collect();
    assert!(other.is_empty(), "something else was kept than before of: {other:#?}");
}
