//! A secret at every place of privacy.md, and the ways to write a message that holds it.

pub(crate) const CANARY: &str = "Zq7Xk9Wv3Jp8Yh";

/// One secret at one place: header lines and, for bodies, type and text. `%` stands for the secret.
pub(crate) struct Place {
    pub(crate) name: &'static str,
    /// The request line's method, where it matters.
    pub(crate) method: &'static str,
    pub(crate) headers: &'static str,
    pub(crate) body: &'static str,
    /// What must still be there at `full` (and, of headers, at `headers`).
    pub(crate) stays: &'static [&'static str],
}

const fn header(name: &'static str, headers: &'static str, stays: &'static [&'static str]) -> Place {
    Place { name, method: "INVITE", headers, body: "", stays }
}

const fn body(name: &'static str, method: &'static str, headers: &'static str, body: &'static str) -> Place {
    Place { name, method, headers, body, stays: &[] }
}

const SDP: &str = "Content-Type: application/sdp";

pub(crate) const PLACES: &[Place] = &[
    header(
        "digest",
        "Authorization: Digest username=\"u101\", realm=\"re-lm\", nonce=\"n0nce==\", uri=\"sip:pbx.example\", response=\"%\", algorithm=MD5, qop=auth, nc=00000001, auts=\"%\"",
        &[
            "Digest username=\"u101\", realm=\"re-lm\", nonce=\"n0nce==\", uri=\"sip:pbx.example\", response=",
            "algorithm=MD5, qop=auth, nc=00000001",
        ],
    ),
    header(
        "digest towards a trunk",
        "Proxy-Authorization: Digest response=\"%\",username=\"u101\",realm=\"r\",nonce=\"n\",uri=\"sip:t\"",
        &["username=\"u101\",realm=\"r\",nonce=\"n\",uri=\"sip:t\""],
    ),
    header(
        "digest without quotes",
        "Authorization: Digest username=u101, response=%, nc=1",
        &["username=u101"],
    ),
    header("digest with an open quote", "Authorization: Digest username=\"u101, response=\"%\"", &[]),
    header("digest with escaped quotes", "Authorization: Digest realm=\"a\\\", response=\\\"%\\\"\"", &[]),
    header("digest with two strings", "Authorization: Digest response=\"a\" \"%\", nonce=\"n\"", &[]),
    header("digest with a lone quote", "Authorization: Digest response=\"%, nonce=\"n\"", &[]),
    header(
        "digest with semicolons",
        "Authorization: Digest username=\"u\"; response=\"%\"; nonce=\"n\"",
        &[],
    ),
    header("digest of two", "Authorization: Digest username=\"u\", Basic %", &[]),
    header("basic", "Authorization: Basic %", &["Authorization: Basic x"]),
    header("bearer", "Proxy-Authorization: Bearer %.%.%", &["Proxy-Authorization: Bearer x"]),
    header("unknown scheme", "Authorization: Funny % abc=%", &[]),
    header("no scheme", "Authorization: %", &[]),
    header("scheme without space", "Authorization: Basic,%", &[]),
    header("no colon", "Authorization Basic %", &[]),
    header("junk before the name", "\u{1}Authorization: Basic %", &[]),
    header("white space in the name", "Author ization: Basic %", &[]),
    header(
        "credentials in a fold of another header",
        "Subject: hello\r\n Authorization: Basic %",
        &["Subject: hello"],
    ),
    header(
        "answer's proof",
        "Authentication-Info: nextnonce=\"nn\", rspauth=\"%\", qop=auth",
        &["nextnonce=\"nn\"", "qop=auth"],
    ),
    header("proxy's proof", "Proxy-Authentication-Info: rspauth=%, nc=00000001", &["nc=00000001"]),
    header("response elsewhere", "X-Debug: a=b; response=\"%\"; c=d", &["X-Debug: a=b; response=", "; c=d"]),
    header(
        "password of a contact",
        "Contact: <sip:u101:%@192.0.2.9:5060;ob>",
        &["<sip:u101:x", "@192.0.2.9:5060;ob>"],
    ),
    header(
        "password without brackets",
        "Contact: sips:u101:%@192.0.2.9:5060;expires=5",
        &["sips:u101:x", "@192.0.2.9:5060;expires=5"],
    ),
    header(
        "password in a list",
        "Route: <sip:a@b>,<sip:u:%@c>, sip:v:%@d",
        &["<sip:a@b>,<sip:u:x", "@c>, sip:v:x"],
    ),
    header("password with an at sign", "Contact: <sip:u101:p@%@192.0.2.9>", &["@192.0.2.9>"]),
    header("password with a space", "Contact: <sip:u101:p %@192.0.2.9>", &["@192.0.2.9>"]),
    header("password over a fold", "Contact: sip:u101:p\r\n %@192.0.2.9", &["@192.0.2.9"]),
    header(
        "password of a web address",
        "Call-Info: <http://u101:%@www.example/a.wav>;purpose=icon",
        &["@www.example/a.wav>;purpose=icon"],
    ),
    header("password of another scheme", "Contact: <im:u101:%@im.example>", &["@im.example>"]),
    header(
        "password in a quoted URI",
        "Authorization: Digest username=\"u\", uri=\"sip:u101:%@pbx\"",
        &["uri=\"sip:u101:x"],
    ),
    header("password in an escaped URI", "Refer-To: <sip:a@b?Referred-By=%3Csip%3Au101%3A%%40host%3E>", &[]),
    header(
        "push token",
        "Contact: <sip:u@h;pn-provider=apns;pn-prid=%;pn-param=x.y>;expires=9",
        &["pn-provider=apns;pn-prid=x", ";pn-param=x.y>;expires=9"],
    ),
    header("push token, quoted", "Contact: <sip:u@h>;pn-prid=\"%;%\";q=1", &[";q=1"]),
    header("push token, escaped name", "Contact: <sip:u@h;p%6e-prid=%>", &[]),
    header("push token, comma and space", "Contact: <sip:u@h;pn-prid=ab,% %:%>;q=1", &[">;q=1"]),
    header("push token, older name", "Contact: <sip:u@h;pn-tok=%;app-id=9>", &[";app-id=9>"]),
    header("user to user", "User-to-User: %;encoding=hex;purpose=%", &[]),
    header(
        "user to user in a URI",
        "Refer-To: <sip:a@b?Subject=hi&User-to-User=%%3Bencoding%3Dhex>",
        &["?Subject=hi&User-to-User="],
    ),
    header(
        "credentials in a URI",
        "Refer-To: <sip:a@b?Proxy-Authorization=Digest%20response%3D%22%%22>",
        &[],
    ),
    header("digest escaped in a URI", "Refer-To: <sip:a@b?X=response%3D%22%%22&y=1>", &["&y=1>"]),
    header("text in a URI", "Refer-To: <sip:a@b;method=MESSAGE?body=%>", &[]),
    body(
        "crypto",
        "INVITE",
        SDP,
        "v=0\r\nm=audio 4000 RTP/SAVP 0\r\na=rtpmap:0 PCMU/8000\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:%|2^20|1:4\r\na=sendrecv\r\n",
    ),
    body("crypto without inline", "INVITE", SDP, "v=0\r\nm=audio 4000 RTP/SAVP 0\r\nA=Crypto : 1 AES %\r\n"),
    body(
        "crypto, two keys",
        "INVITE",
        SDP,
        "m=audio 4000 RTP/SAVP 0\r\na = crypto:1 AES inline:%|2^20;inline:%|2^20\r\n",
    ),
    body("key", "INVITE", SDP, "v=0\r\nk=base64:%\r\nm=audio 4000 RTP/AVP 0\r\n"),
    body("key management", "INVITE", SDP, "v=0\r\na=key-mgmt:mikey %\r\nm=audio 4000 RTP/AVP 0\r\n"),
    body(
        "ice password",
        "INVITE",
        SDP,
        "v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:%\r\nm=audio 4000 RTP/AVP 0\r\n",
    ),
    body("SDP without a type", "INVITE", "X-Nothing: 1", "v=0\r\na=ice-pwd:%\r\nk=%\r\n"),
    body("text", "MESSAGE", "Content-Type: text/plain", "hello %\r\n\r\nand %"),
    body("text without a type", "MESSAGE", "X-Nothing: 1", "%"),
    body("text in SDP's clothes", "MESSAGE", SDP, "m=%\r\nc=%\r\n"),
    body(
        "cpim",
        "INVITE",
        "Content-Type: message/cpim",
        "From: <sip:a@b>\r\n\r\nContent-Type: text/plain\r\n\r\n%",
    ),
    body("sms", "INFO", "Content-Type: application/vnd.3gpp.sms", "\u{1}\u{2}%"),
    body("sms 2", "NOTIFY", "Content-Type: APPLICATION / vnd.3gpp2.SMS ; v=1", "%"),
    body("dtmf", "INFO", "Content-Type: application/dtmf", "%"),
    body("dtmf relay", "INFO", "Content-Type: application/dtmf-relay", "Signal=%\r\nDuration=160\r\n"),
    body(
        "dtmf relay, odd",
        "INFO",
        "Content-Type: application/dtmf-relay",
        "\r\n Signal = %\r\n%\r\nDuration=%\r\n\r\n%",
    ),
    body("telephone event", "NOTIFY", "Event: telephone-event;rate=1000", "%"),
    body("telephone event by type", "NOTIFY", "Content-Type: audio/telephone-event", "%"),
    body(
        "key press",
        "NOTIFY",
        "Content-Type: application/kpml-response+xml",
        "<kpml-response digits=\"%\"/>",
    ),
    body("compressed", "INVITE", "Content-Type: application/sdp\r\nContent-Encoding: gzip", "\u{1f}%"),
    body("base64", "INVITE", "Content-Type: application/sdp\r\nContent-Transfer-Encoding: base64", "%"),
    body(
        "multipart",
        "INVITE",
        "Content-Type: multipart/mixed;boundary=\"outer b\"",
        "--outer b\r\nContent-Type: application/sdp\r\n\r\nm=audio 1 RTP/SAVP 0\r\na=crypto:1 A inline:%\r\n--outer b\r\nContent-Type: message/cpim\r\n\r\n%\r\n\r\n%\r\n--outer b--\r\n",
    ),
    body(
        "multipart in multipart",
        "INVITE",
        "Content-Type: multipart/mixed; boundary=aa",
        "--aa\r\nContent-Type: multipart/alternative; boundary=aab\r\n\r\n--aab\r\nContent-Type: application/dtmf\r\n\r\n%\r\n--aab--\r\n--aa\r\nc: message/sipfrag\r\n\r\nMESSAGE sip:a@b SIP/2.0\r\n\r\n%\r\n--aa--\r\n",
    ),
    body(
        "multipart without a boundary",
        "INVITE",
        "Content-Type: multipart/mixed",
        "--a\r\nContent-Type: text/plain\r\n\r\n%\r\n--a--",
    ),
    body(
        "multipart of a text",
        "MESSAGE",
        "Content-Type: multipart/mixed;boundary=a",
        "--a\r\nContent-Type: text/plain\r\n\r\n%\r\n--a--\r\n%",
    ),
    body("two types", "INVITE", "Content-Type: message/cpim\r\nContent-Type: application/sdp", "%"),
    body(
        "sipfrag",
        "NOTIFY",
        "Content-Type: message/sipfrag;version=2.0",
        "INVITE sip:a:%@b SIP/2.0\r\nAuthorization: Basic %\r\nContact: <sip:a@b;pn-prid=%>\r\n\r\nk=%\r\n",
    ),
    body(
        "sipfrag of a text",
        "NOTIFY",
        "Content-Type: message/sipfrag",
        "SIP/2.0 200 OK\r\nCSeq: 1 MESSAGE\r\n\r\n%",
    ),
    body(
        "second message in the packet",
        "OPTIONS",
        "Content-Length: 0",
        "MESSAGE sip:a:%@b SIP/2.0\r\nProxy-Authorization: Basic %\r\n\r\n%",
    ),
];

pub(crate) fn filled(text: &str) -> String {
    // only single `%`s that no hex digits follow stand for the secret
    let mut out = String::new();
    let bytes = text.as_bytes();
    for (at, c) in text.char_indices() {
        let escape = bytes.get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
        if c == '%' && !escape {
            out.push_str(CANARY);
        } else {
            out.push(c);
        }
    }
    out
}

pub(crate) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}

/// A few bytes of the secret in a row are a leak, whatever the letter case.
pub(crate) fn leak(bytes: &[u8]) -> Option<&'static str> {
    let lower = bytes.to_ascii_lowercase();
    ["zq7", "xk9", "wv3", "jp8"].into_iter().find(|part| contains(&lower, part.as_bytes()))
}

pub(crate) fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn message(place: &Place) -> String {
    format!(
        "{} sip:102@pbx.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK77\r\nFrom: <sip:101@pbx.example>;tag=19\r\nTo: <sip:102@pbx.example>\r\nCall-ID: a84b4c@192.0.2.10\r\nCSeq: 1 {}\r\n{}\r\n\r\n{}",
        place.method,
        place.method,
        filled(place.headers),
        filled(place.body),
    )
}

/// The ways in which a message can be written differently and mean the same, or nearly.
pub(crate) fn mutations(message: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut add = |name: &str, bytes: Vec<u8>| all.push((name.to_owned(), bytes));
    let text = String::from_utf8_lossy(message).into_owned();
    let swap = |from: &str, to: &str| text.replace(from, to).into_bytes();
    add("as it is", message.to_vec());
    add("lower case", message.to_ascii_lowercase());
    add("upper case", message.to_ascii_uppercase());
    add("bare LF", swap("\r\n", "\n"));
    add("bare CR", swap("\r\n", "\r"));
    add("empty lines first", [b"\r\n\r\n", message].concat());
    add("space before colons", swap(": ", " : "));
    add("tabs before colons", swap(": ", "\t \t:\t"));
    add("no space after colons", swap(": ", ":"));
    add("fold after colons", swap(": ", ":\r\n "));
    add("fold before colons", swap(": ", "\r\n : "));
    add("white fold after colons", swap(": ", ":\r\n \r\n\t"));
    add("fold around equals", swap("=", " =\r\n "));
    add("space around equals", swap("=", " = "));
    add("tab before equals", swap("=", "\t="));
    add("fold at commas and semicolons", swap(",", "\r\n ,\r\n\t").to_vec());
    add("fold at semicolons", swap(";", "\r\n ;\r\n\t"));
    add("fold at spaces", swap(" ", "\r\n "));
    add("long fold", swap(": ", &format!(": {}\r\n ", "\r\n ".repeat(50))));
    add("LF folds", swap("\r\n", "\n").split(|&b| b == b' ').collect::<Vec<_>>().join(&b"\n\t"[..]));
    add("compact content type", swap("Content-Type", "c"));
    add("compact content encoding", swap("Content-Encoding", "E"));
    add("compact event", swap("Event:", "o:"));
    add("twice", [message, message].concat());
    let (head, rest) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    add(
        "head twice",
        format!("{head}\r\n{}\r\n\r\n{rest}", head.split_once("\r\n").map_or("", |(_, h)| h)).into_bytes(),
    );
    add(
        "in a multipart",
        format!("INVITE sip:a@b SIP/2.0\r\nContent-Type: multipart/mixed;\r\n boundary = \"=_b:1\"\r\n\r\n--=_b:1\r\nContent-Type: message/sip\r\n\r\n{text}\r\n--=_b:1--\r\n").into_bytes(),
    );
    add(
        "in a sipfrag",
        format!("NOTIFY sip:a@b SIP/2.0\r\nContent-Type: message/sipfrag\r\n\r\n{text}").into_bytes(),
    );
    add(
        "in a multipart ten deep",
        (0..10).fold(text.clone().into_bytes(), |inner, n| {
            let head = if n == 9 { "INVITE sip:a@b SIP/2.0\r\n" } else { "" };
            [
                format!("{head}Content-Type: multipart/mixed;boundary=b{n}\r\n\r\n--b{n}\r\n").as_bytes(),
                &inner,
                format!("\r\n--b{n}--\r\n").as_bytes(),
            ]
            .concat()
        }),
    );
    add(
        "behind a long head",
        [format!("INVITE sip:a@b SIP/2.0\r\nX: {}\r\n\r\n", "y".repeat(9_000)).as_bytes(), message].concat(),
    );
    all
}
