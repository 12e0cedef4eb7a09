//! The reference mix of SIP messages that benches repeat: 5,000 users of five vendors, 80 % REGISTER cycles
//! (REGISTER, 401, REGISTER with digest, 200) and 20 % calls of ten messages with SDP, about 550 bytes on average,
//! with random branches, tags, Call-IDs and nonces out of a fixed seed.

use std::fmt::Write;

/// Users of the mix.
pub(crate) const USERS: usize = 5_000;

/// One message, as it passes the PBX.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// From 0 to [`USERS`].
    pub(crate) user: usize,
    /// Received by the PBX, else sent.
    pub(crate) incoming: bool,
    /// Microseconds since the mix began.
    pub(crate) time: i64,
    /// As on the wire.
    pub(crate) text: String,
}

/// The mix, without an end.
#[derive(Debug)]
pub(crate) struct Mix {
    noise: u64,
    time: i64,
    users: Vec<User>,
    waiting: std::collections::VecDeque<Message>,
}

#[derive(Debug, Clone)]
struct User {
    name: String,
    ip: String,
    port: u64,
    vendor: usize,
    call_id: String,
    tag: String,
    cseq: u64,
}

struct Vendor {
    agent: &'static str,
    allow: &'static str,
    supported: &'static str,
    contact: &'static str,
    branch: usize,
}

const VENDORS: [Vendor; 5] = [
    Vendor {
        agent: "Yealink SIP-T46U 108.86.0.20",
        allow: "INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REGISTER, SUBSCRIBE, REFER, PUBLISH, UPDATE, MESSAGE",
        supported: "replaces",
        contact: "",
        branch: 10,
    },
    Vendor {
        agent: "snomD785/10.1.169.13",
        allow: "INVITE, ACK, CANCEL, BYE, REFER, OPTIONS, NOTIFY, SUBSCRIBE, PRACK, MESSAGE, INFO, UPDATE",
        supported: "timer, 100rel, replaces, from-change",
        contact: ";reg-id=1",
        branch: 12,
    },
    Vendor {
        agent: "Grandstream GXP2170 1.0.11.64",
        allow: "INVITE, ACK, OPTIONS, CANCEL, BYE, SUBSCRIBE, NOTIFY, INFO, REFER, UPDATE",
        supported: "path",
        contact: "",
        branch: 10,
    },
    Vendor {
        agent: "PolycomVVX-VVX_450-UA/6.4.3.5057",
        allow: "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, MESSAGE, SUBSCRIBE, NOTIFY, PRACK, UPDATE, REFER",
        supported: "100rel,replaces",
        contact: ";methods=\"INVITE, ACK, BYE\"",
        branch: 16,
    },
    Vendor {
        agent: "Fanvil X6U 2.12.18",
        allow: "INVITE, ACK, OPTIONS, BYE, CANCEL, REFER, NOTIFY, INFO, PRACK, SUBSCRIBE",
        supported: "replaces, outbound",
        contact: "",
        branch: 10,
    },
];

impl Mix {
    /// The same mix for the same seed. Messages come at 580 a second: 100 million in two days.
    pub(crate) fn new(seed: u64) -> Self {
        let mut mix = Self {
            noise: seed ^ 0x9e37_79b9_7f4a_7c15,
            time: 0,
            users: Vec::new(),
            waiting: std::collections::VecDeque::new(),
        };
        for n in 0..USERS {
            let user = User {
                name: format!("{}", 1000 + n),
                ip: format!("10.{}.{}.{}", 20 + n / 2500, n / 250 % 10, 2 + n % 250),
                port: 5060 + mix.below(4) * 2,
                vendor: n % VENDORS.len(),
                call_id: mix.hex(16),
                tag: mix.hex(8),
                cseq: 1 + mix.below(500),
            };
            mix.users.push(user);
        }
        mix
    }

    fn next(&mut self) -> u64 {
        self.noise = self.noise.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.noise;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn hex(&mut self, digits: usize) -> String {
        let mut text = format!("{:016x}{:016x}", self.next(), self.next());
        text.truncate(digits);
        text
    }

    /// The next message.
    pub(crate) fn message(&mut self) -> Message {
        if self.waiting.is_empty() {
            if self.below(5) == 0 { self.call() } else { self.register() }
        }
        self.waiting.pop_front().expect("each cycle makes messages")
    }

    fn say(&mut self, user: usize, incoming: bool, text: String) {
        self.time += 200 + self.below(3_050).cast_signed();
        self.waiting.push_back(Message { user, incoming, time: self.time, text });
    }

    fn register(&mut self) {
        let at = usize::try_from(self.below(USERS as u64)).expect("small");
        self.users[at].cseq += 2;
        let user = self.users[at].clone();
        let vendor = &VENDORS[user.vendor];
        let nonce = format!("{}/{}", 1_700_000_000 + self.time / 1_000_000, self.hex(32));
        let to_tag = self.hex(8);
        let (name, ip, port) = (&user.name, &user.ip, user.port);
        for step in 0..2 {
            let branch = self.hex(vendor.branch);
            let cseq = user.cseq + step;
            let dialog =
                format!("From: <sip:{name}@pbx.example>;tag={}\r\nTo: <sip:{name}@pbx.example>", user.tag);
            let call_id = format!("Call-ID: {}@{ip}\r\nCSeq: {cseq} REGISTER\r\n", user.call_id);
            let mut text = format!(
                "REGISTER sip:pbx.example SIP/2.0\r\nVia: SIP/2.0/UDP {ip}:{port};branch=z9hG4bK{branch};rport\r\n\
                 {dialog}\r\n{call_id}Contact: <sip:{name}@{ip}:{port}>{}\r\n",
                vendor.contact
            );
            if step == 1 {
                let (response, cnonce) = (self.hex(32), self.hex(8));
                write!(
                    text,
                    "Authorization: Digest username=\"{name}\", realm=\"pbx\", nonce=\"{nonce}\", \
                     uri=\"sip:pbx.example\", response=\"{response}\", algorithm=MD5, qop=auth, nc=00000001, \
                     cnonce=\"{cnonce}\"\r\n"
                )
                .expect("to a String");
            }
            write!(
                text,
                "Max-Forwards: 70\r\nUser-Agent: {}\r\nAllow: {}\r\nSupported: {}\r\nExpires: 120\r\n\
                 Content-Length: 0\r\n\r\n",
                vendor.agent, vendor.allow, vendor.supported
            )
            .expect("to a String");
            self.say(at, true, text);
            let via =
                format!("Via: SIP/2.0/UDP {ip}:{port};rport={port};received={ip};branch=z9hG4bK{branch}\r\n");
            let text = if step == 0 {
                format!(
                    "SIP/2.0 401 Unauthorized\r\n{via}{call_id_first}{dialog};tag=z9hG4bK{branch}\r\nCSeq: {cseq} REGISTER\r\n\
                     WWW-Authenticate: Digest realm=\"pbx\",nonce=\"{nonce}\",algorithm=MD5,qop=\"auth\"\r\n\
                     Server: Asterisk PBX 22.1.0\r\nContent-Length:  0\r\n\r\n",
                    call_id_first = format_args!("Call-ID: {}@{ip}\r\n", user.call_id)
                )
            } else {
                format!(
                    "SIP/2.0 200 OK\r\n{via}{call_id_first}{dialog};tag={to_tag}\r\nCSeq: {cseq} REGISTER\r\n\
                     Date: Tue, 14 Nov 2023 22:{:02}:{:02} GMT\r\nContact: <sip:{name}@{ip}:{port}>;expires=119\r\n\
                     Expires: 120\r\nServer: Asterisk PBX 22.1.0\r\nContent-Length:  0\r\n\r\n",
                    self.time / 60_000_000 % 60,
                    self.time / 1_000_000 % 60,
                    call_id_first = format_args!("Call-ID: {}@{ip}\r\n", user.call_id)
                )
            };
            self.say(at, false, text);
        }
    }

    fn call(&mut self) {
        let at = usize::try_from(self.below(USERS as u64)).expect("small");
        let callee = 1000 + self.below(USERS as u64);
        let user = self.users[at].clone();
        let vendor = &VENDORS[user.vendor];
        let (name, ip, port) = (&user.name, &user.ip, user.port);
        let (call_id, tag, to_tag) = (self.hex(20), self.hex(10), self.hex(16));
        let nonce = format!("{}/{}", 1_700_000_000 + self.time / 1_000_000, self.hex(32));
        let (rtp, session) = (10_000 + self.below(20_000), self.below(1 << 31));
        let from = format!("From: \"User {name}\" <sip:{name}@pbx.example>;tag={tag}\r\n");
        let to = format!("To: <sip:{callee}@pbx.example>");
        let id = format!("Call-ID: {call_id}@{ip}\r\n");
        let sdp = |ip: &str, port: u64, session: u64| {
            format!(
                "v=0\r\no=- {session} {session} IN IP4 {ip}\r\ns=SDP data\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
                 m=audio {port} RTP/AVP 9 8 0 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\n\
                 a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n\
                 a=sendrecv\r\n"
            )
        };
        let offer = sdp(ip, rtp, session);
        let answer = sdp("10.0.0.1", 10_000 + self.below(20_000), self.below(1 << 31));
        let agent = format!("User-Agent: {}\r\n", vendor.agent);
        let mut branches = [self.hex(vendor.branch), self.hex(vendor.branch), self.hex(vendor.branch)];
        let request = |method: &str, branch: &str, cseq: u64, tagged: bool, extra: &str, body: &str| {
            let tag = if tagged { format!(";tag={to_tag}") } else { String::new() };
            let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
            format!(
                "{method} sip:{callee}@pbx.example SIP/2.0\r\nVia: SIP/2.0/UDP {ip}:{port};branch=z9hG4bK{branch};rport\r\n\
                 {from}{to}{tag}\r\n{id}CSeq: {cseq} {method}\r\nContact: <sip:{name}@{ip}:{port}>\r\n{extra}\
                 Max-Forwards: 70\r\n{agent}{kind}Content-Length: {}\r\n\r\n{body}",
                body.len()
            )
        };
        let reply = |status: &str, branch: &str, cseq: &str, tagged: bool, extra: &str, body: &str| {
            let tag = if tagged { format!(";tag={to_tag}") } else { String::new() };
            let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
            format!(
                "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP {ip}:{port};rport={port};received={ip};branch=z9hG4bK{branch}\r\n\
                 {id}{from}{to}{tag}\r\nCSeq: {cseq}\r\nServer: Asterisk PBX 22.1.0\r\n{extra}{kind}Content-Length: {:>2}\r\n\r\n{body}",
                body.len()
            )
        };
        let allow = format!("Allow: {}\r\nSupported: {}\r\n", vendor.allow, vendor.supported);
        let challenge = format!(
            "WWW-Authenticate: Digest realm=\"pbx\",nonce=\"{nonce}\",algorithm=MD5,qop=\"auth\"\r\n"
        );
        let auth = format!(
            "Authorization: Digest username=\"{name}\", realm=\"pbx\", nonce=\"{nonce}\", uri=\"sip:{callee}@pbx.example\", \
             response=\"{}\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"{}\"\r\n{allow}",
            self.hex(32),
            self.hex(8)
        );
        let contact = "Contact: <sip:10.0.0.1:5060>\r\nAllow: OPTIONS, REGISTER, SUBSCRIBE, NOTIFY, PUBLISH, INVITE, ACK, BYE, CANCEL, UPDATE, PRACK, INFO, MESSAGE, REFER\r\n";
        let [first, second, third] = &mut branches;
        let script = [
            (true, request("INVITE", first, 1, false, &allow, &offer)),
            (false, reply("401 Unauthorized", first, "1 INVITE", true, &challenge, "")),
            (true, request("ACK", first, 1, true, "", "")),
            (true, request("INVITE", second, 2, false, &auth, &offer)),
            (false, reply("100 Trying", second, "2 INVITE", false, "", "")),
            (false, reply("180 Ringing", second, "2 INVITE", true, contact, "")),
            (false, reply("200 OK", second, "2 INVITE", true, contact, &answer)),
            (true, request("ACK", third, 2, true, "", "")),
            (true, request("BYE", first, 3, true, "", "")),
            (false, reply("200 OK", first, "3 BYE", true, "", "")),
        ];
        for (incoming, text) in script {
            self.say(at, incoming, text);
        }
    }
}

/// Fills what the redactor fills at `full`, at the same length.
pub(crate) fn blacken(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    if let Some(at) = text.find(" response=\"") {
        bytes[at + 11..at + 43].fill(b'x');
    }
    bytes
}
