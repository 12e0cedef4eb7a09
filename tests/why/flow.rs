//! A dialog written down as a few lines, made into whole messages and kept as the ring keeps them.
//!
//! `seconds > INVITE sip:102@pbx @1 | Header: value`: the phone sends; `<`: the PBX does; `486 Busy Here @1 INVITE`: an
//! answer; `| sdp: 0 8`: with a session description of these payloads; `#`: what the PBX told. The line that starts with `*`
//! is the one that a verdict has to point at.

use std::fmt::Write as _;
use std::time::Duration;

use usermon::config::Role;
use usermon::event::{
    Call, CallDirection, CallPhase, Change, Direction, DumpDetail, EndpointKey, Event, FailureCause,
    Transport, UserKey,
};
use usermon::query::Viewer;
use usermon::query::diagnostics::Cursor;
use usermon::query::history::History;
use usermon::store::record::{Gap, GapCause, Packet, Payload, Record};

use crate::web_site::{Site, packet, site};

/// What was kept of a dialog of user 101 of `acme`.
pub(crate) struct Flow {
    pub(crate) site: Site,
    /// The line with the `*`.
    pub(crate) shown: Option<Cursor>,
    incoming: bool,
    detail: DumpDetail,
    call_id: String,
}

pub(crate) fn viewer() -> Viewer {
    Viewer { person: "anna".into(), role: Role::Administrator, company: Some("acme".into()), from: "".into() }
}

/// Keeps a dialog at the detail `full`.
pub(crate) fn kept(lines: &str) -> Flow {
    kept_at(lines, DumpDetail::Full)
}

pub(crate) fn kept_at(lines: &str, detail: DumpDetail) -> Flow {
    let lines: Vec<&str> = lines.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let first = lines.iter().find(|line| !line.contains('#')).copied().unwrap_or("> ");
    let is_answer =
        |line: &str| line.split(['>', '<']).nth(1).unwrap().trim().starts_with(|c: char| c.is_ascii_digit());
    let mut flow = Flow {
        site: site(),
        shown: None,
        incoming: first.contains('<') != is_answer(first),
        detail,
        call_id: "3848276298220188511@192.0.2.17".into(),
    };
    let start = flow.site.query.now();
    for line in lines {
        let (shown, line) = line.strip_prefix('*').map_or((false, line), |line| (true, line.trim()));
        let (seconds, what) = line.split_once(' ').unwrap();
        let at = start.plus(Duration::from_secs_f64(seconds.parse().unwrap()));
        flow.site.later(at.since(flow.site.query.now()));
        let cursor = match what.split_once(' ').unwrap() {
            (">", text) => flow.message(Direction::In, text),
            ("<", text) => flow.message(Direction::Out, text),
            (_, text) => flow.told(text),
        };
        if shown {
            flow.shown = Some(cursor);
        }
    }
    flow
}

impl Flow {
    /// Long after the last line.
    pub(crate) fn history(&self) -> History {
        self.site.later(Duration::from_secs(5));
        let key = UserKey::new("acme", "101");
        self.site.query.history(&viewer(), &key, usermon::clock::Timestamp::MIN, None).unwrap().unwrap()
    }

    fn message(&mut self, direction: Direction, text: &str) -> Cursor {
        let mut parts = text.split(" | ").map(str::trim);
        let (line, cseq) = parts.next().unwrap().split_once(" @").unwrap();
        let (number, method) = match cseq.split_once(' ') {
            Some((number, method)) => (number, method),
            None => (cseq, line.split(' ').next().unwrap()),
        };
        let is_answer = line.starts_with(|c: char| c.is_ascii_digit());
        let start = if is_answer { format!("SIP/2.0 {line}") } else { format!("{line} SIP/2.0") };
        let (from, to) = match (self.incoming, method) {
            (_, "REGISTER") => ("101", "101"),
            (true, _) => ("102", "101"),
            (false, _) => ("101", "102"),
        };
        let mut message = format!("{start}\r\n");
        if self.detail > DumpDetail::Summary {
            let via = if self.incoming { "192.0.2.1:5060" } else { "192.0.2.17:5060" };
            write!(
                message,
                "Via: SIP/2.0/UDP {via};branch=z9hG4bK-{number}-{method};rport\r\nMax-Forwards: 70\r\n"
            )
            .unwrap();
        }
        write!(message, "From: <sip:{from}@pbx.example>;tag=1928301774\r\nTo: <sip:{to}@pbx.example>\r\n")
            .unwrap();
        write!(message, "Call-ID: {}\r\nCSeq: {number} {method}\r\n", self.call_id).unwrap();
        let mut body = String::new();
        for header in parts {
            match header.split_once(": ") {
                Some(("sdp", payloads)) => {
                    message += "Content-Type: application/sdp\r\n";
                    body = format!(
                        "v=0\r\no=- 1 1 IN IP4 192.0.2.17\r\ns=-\r\nc=IN IP4 192.0.2.17\r\nt=0 0\r\nm=audio 4000 RTP/AVP {payloads} 101\r\n\
                         a=rtpmap:97 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n"
                    );
                }
                Some(("body", text)) => body = format!("{text}\r\n"),
                _ if self.detail > DumpDetail::Summary => write!(message, "{header}\r\n").unwrap(),
                _ => {}
            }
        }
        write!(message, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let sent = packet(message.as_bytes());
        let packet = Packet { direction, detail: self.detail, transport: Transport::Udp, ..sent };
        self.site.keep_packet(UserKey::new("acme", "101"), packet)
    }

    fn told(&mut self, text: &str) -> Cursor {
        let mut words = text.split(' ');
        let word = words.next().unwrap();
        let more = words.next().unwrap_or_default();
        match word {
            "failed" => {
                let cause: FailureCause = serde_json::from_value(more.into()).unwrap();
                let (far, call_id) = (Some("192.0.2.17:5060".parse().unwrap()), self.call_id.as_str().into());
                self.change(Change::Failed { endpoint: "e0".into(), cause, far, call_id, detail: "".into() })
            }
            "registered" => self.change(Change::Registered {
                endpoint: "e0".into(),
                contact: more.into(),
                far: None,
                transport: Transport::Udp,
                user_agent: "".into(),
            }),
            "expired" | "unregistered" => self.change(Change::Unregistered {
                endpoint: "e0".into(),
                contact: more.into(),
                expired: word == "expired",
            }),
            "gap" => self.gap(more.parse().unwrap()),
            "running" => {
                let now = self.site.query.now();
                let call = Call {
                    phase: CallPhase::Up,
                    time: now,
                    key: EndpointKey::new("acme", "e0"),
                    leg: "leg".into(),
                    linked: "".into(),
                    call_id: self.call_id.as_str().into(),
                    direction: CallDirection::Outgoing,
                    far_number: "102".into(),
                    far_name: "".into(),
                    cause: 0,
                };
                self.site.state.apply(&Event::Call(call), now);
                Cursor { time: now, seq: 0 }
            }
            phase => {
                let phase: CallPhase = serde_json::from_value(phase.into()).unwrap();
                let (cause, number) = match phase {
                    CallPhase::Ended => (more.parse().unwrap(), "102"),
                    _ if more.is_empty() => (0, "102"),
                    _ => (0, more),
                };
                let direction = if self.incoming { CallDirection::Incoming } else { CallDirection::Outgoing };
                self.change(Change::Call {
                    leg: "leg".into(),
                    linked: "leg".into(),
                    call_id: self.call_id.as_str().into(),
                    phase,
                    direction,
                    far_number: number.into(),
                    far_name: "".into(),
                    cause,
                })
            }
        }
    }

    /// Packets of this many seconds up to now are missing.
    fn gap(&mut self, seconds: u64) -> Cursor {
        let to = self.site.query.now();
        let gap =
            Gap { from: to.minus(Duration::from_secs(seconds)), to, packets: 3, cause: GapCause::QueueFull };
        self.record(Payload::Gap(gap))
    }

    fn change(&mut self, change: Change) -> Cursor {
        self.record(Payload::Change(change))
    }

    fn record(&mut self, payload: Payload) -> Cursor {
        let user = std::sync::Arc::new(UserKey::new("acme", "101"));
        let mut records = [Record { seq: 0, time: self.site.query.now(), user, payload }];
        self.site.store.append(&mut records).unwrap();
        Cursor { time: records[0].time, seq: records[0].seq }
    }
}

/// The records of a scenario of one user, as those of user 101 of `acme`, an hour ago.
pub(crate) fn recorded(scenario: &str, extension: &str) -> Site {
    let site = site();
    let mut records = crate::scenario::records(scenario);
    let by = site.query.now().0 - 3_600_000_000 - records[0].time.0;
    records.retain(|record| &*record.user.user == extension);
    for record in &mut records {
        record.time.0 += by;
        record.seq = 0;
        record.user = std::sync::Arc::new(UserKey::new("acme", "101"));
    }
    site.store.append(&mut records).unwrap();
    site
}
