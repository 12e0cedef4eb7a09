//! Text and JSON lines.

use serde_json::Value;
use usermon::clock::Timestamp;
use usermon::event::{
    CallDirection, CallPhase, Change, Direction, DumpDetail, EndpointKey, FailureCause, Quality, Sticker,
    Transport,
};
use usermon::query::export::{Form, jsonl};
use usermon::store::record::{Attribution, Gap, GapCause, Packet, Payload, Record};

use crate::record::{NOON, SDP, address, at, export, packet, records, request, response};

/// What a schema says of a value, with the few words that ours uses; any other word is an error too.
fn check(schema: &Value, value: &Value, root: &Value, errors: &mut Vec<String>) {
    let fails = |schema: &Value| {
        let mut found = Vec::new();
        check(schema, value, root, &mut found);
        found
    };
    let rule = schema.as_object().unwrap();
    let mut expect = |holds: bool, why: String| {
        if !holds {
            errors.push(why);
        }
    };
    for (word, says) in rule {
        match word.as_str() {
            "$schema" | "title" | "description" | "$defs" | "contentEncoding" => {}
            "$ref" => {
                let at = says.as_str().unwrap().trim_start_matches('#');
                let found = fails(root.pointer(at).unwrap());
                expect(found.is_empty(), found.join("; "));
            }
            "type" => {
                let is = |name: &Value| match name.as_str().unwrap() {
                    "object" => value.is_object(),
                    "string" => value.is_string(),
                    "integer" => value.is_u64() || value.is_i64(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    other => panic!("type {other}"),
                };
                let holds = says.as_array().map_or_else(|| is(says), |names| names.iter().any(is));
                expect(holds, format!("{value} is not of type {says}"));
            }
            "const" => expect(value == says, format!("{value} is not {says}")),
            "enum" => expect(says.as_array().unwrap().contains(value), format!("{value} is none of {says}")),
            "minimum" => {
                expect(
                    value.as_u64().is_none_or(|n| n >= says.as_u64().unwrap()),
                    format!("{value} is below {says}"),
                );
            }
            "maximum" => {
                expect(
                    value.as_u64().is_none_or(|n| n <= says.as_u64().unwrap()),
                    format!("{value} is above {says}"),
                );
            }
            "required" => {
                for name in says.as_array().unwrap() {
                    let name = name.as_str().unwrap();
                    expect(value.get(name).is_some(), format!("{name} is missing"));
                }
            }
            "properties" => {
                for (name, member) in value.as_object().unwrap() {
                    if let Some(schema) = says.get(name) {
                        let mut found = Vec::new();
                        check(schema, member, root, &mut found);
                        expect(found.is_empty(), format!("{name}: {}", found.join("; ")));
                    }
                }
            }
            "additionalProperties" => {
                for name in value.as_object().unwrap().keys() {
                    expect(schema["properties"].get(name).is_some(), format!("{name} is not in the schema"));
                }
            }
            "oneOf" => {
                let found: Vec<_> = says.as_array().unwrap().iter().map(fails).collect();
                let right = found.iter().filter(|errors| errors.is_empty()).count();
                expect(right == 1, format!("{right} of oneOf fit: {found:?}"));
            }
            other => panic!("the schema has a word that this test does not know: {other}"),
        }
    }
}

/// The lines of an export, each as the schema says.
pub(crate) fn lines(file: &[u8]) -> Vec<Value> {
    let schema: Value = serde_json::from_str(jsonl::SCHEMA).unwrap();
    let text = std::str::from_utf8(file).unwrap();
    assert!(text.ends_with('\n'));
    let parsed = text.lines().map(|line| {
        let value = serde_json::from_str(line).unwrap();
        let mut errors = Vec::new();
        check(&schema, &value, &schema, &mut errors);
        assert!(errors.is_empty(), "{line}\n{errors:#?}");
        value
    });
    parsed.collect()
}

/// One of each kind of record, and of each change.
fn each_kind() -> Vec<Record> {
    let far = Some(address("192.0.2.17:5062"));
    let mut changes = vec![
        Change::Sticker { sticker: Sticker::Busy, calls: 2 },
        Change::Registered {
            endpoint: "101".into(),
            contact: "sip:101@192.0.2.17:5062".into(),
            far,
            transport: Transport::Tls,
            user_agent: "Phone 1.2".into(),
        },
        Change::Unregistered { endpoint: "".into(), contact: "sip:101@192.0.2.17".into(), expired: true },
        Change::Reachability { endpoint: "".into(), contact: "sip:101@192.0.2.17".into(), reachable: false },
        Change::Failed {
            endpoint: "101".into(),
            cause: FailureCause::WrongPassword,
            far: None,
            call_id: "reg-1".into(),
            detail: "".into(),
        },
    ];
    for phase in [CallPhase::Ringing, CallPhase::Up, CallPhase::Held, CallPhase::Ended] {
        changes.push(Change::Call {
            leg: "l1".into(),
            linked: "c1".into(),
            call_id: "call-1@192.0.2.17".into(),
            phase,
            direction: CallDirection::Incoming,
            far_number: "102".into(),
            far_name: "Paolo\n=== Conti".into(),
            cause: 16,
        });
    }
    let mut all: Vec<Payload> = changes.into_iter().map(Payload::Change).collect();
    for cause in [
        GapCause::QueueFull,
        GapCause::Damage,
        GapCause::Disk,
        GapCause::Limit,
        GapCause::Fault,
        GapCause::Share,
        GapCause::Removed,
        GapCause::Overload,
        GapCause::Unproven,
        GapCause::Lowered,
        GapCause::Other,
    ] {
        let packets = if cause == GapCause::Damage { 0 } else { 5 };
        all.push(Payload::Gap(Gap { from: Timestamp(NOON), to: Timestamp(NOON + 7), packets, cause }));
    }
    all.push(Payload::Quality(Quality {
        time: Timestamp(NOON),
        key: EndpointKey::new("acme", "101"),
        leg: "l1".into(),
        linked: "c1".into(),
        call_id: "call-1@192.0.2.17".into(),
        direction: Direction::In,
        packets: 500,
        lost: 3,
        jitter: 1_234,
        round_trip: 0,
    }));
    let invite = packet(Transport::Udp, Direction::In, request("INVITE", 1, "UDP", SDP).as_bytes());
    let mut answer =
        packet(Transport::Wss, Direction::Out, response("486 Busy Here", "INVITE", 1, "WSS", "").as_bytes());
    answer.attribution = Attribution::Claimed;
    answer.local = address("0.0.0.0:0");
    let odd = packet(
        Transport::Unknown,
        Direction::In,
        b"INVITE \xff\r\n\x00\x1b[2J\xe2\x80\xae\r\n=== forged\r\n\r\n",
    );
    all.extend([
        Payload::Packet(at(DumpDetail::Summary, invite.clone())),
        Payload::Packet(at(DumpDetail::Headers, invite.clone())),
        Payload::Packet(invite),
        Payload::Packet(answer),
        Payload::Packet(at(DumpDetail::Headers, odd.clone())),
        Payload::Packet(odd),
        Payload::Packet(packet(Transport::Udp, Direction::In, b"")),
    ]);
    records(all)
}

#[test]
fn each_line_is_as_the_schema_says() {
    let records = each_kind();
    let lines = lines(&export(Form::JsonLines, &records));
    assert_eq!(lines.len(), records.len() + 1);
    assert_eq!(lines[0]["record"], "export");
    for (line, record) in lines[1..].iter().zip(&records) {
        assert_eq!(line["version"], 1);
        assert_eq!(line["seq"], record.seq);
        assert_eq!(line["company"], "acme");
        if let Payload::Packet(packet) = &record.payload {
            check_packet(line, packet);
        }
    }
    let packet = lines.iter().find(|line| line["status"] == 486).unwrap();
    assert_eq!(packet["time"], "2026-11-23T12:00:00.240147Z");
    assert_eq!(packet["local_port"], Value::Null);
    assert_eq!((&packet["far_address"], &packet["far_port"]), (&"192.0.2.17".into(), &5062.into()));
    assert_eq!((&packet["cseq"], &packet["cseq_method"]), (&1.into(), &"INVITE".into()));
    assert_eq!((&packet["transport"], &packet["attribution"]), (&"wss".into(), &"claimed".into()));
    assert_eq!((&packet["from_user"], &packet["to_host"]), (&"101".into(), &"pbx.example".into()));
}

/// The bytes come back as they were kept.
fn check_packet(line: &Value, packet: &Packet) {
    use base64::Engine as _;
    let bytes = match (line.get("message"), line.get("message_base64")) {
        (Some(text), None) => text.as_str().unwrap().as_bytes().to_vec(),
        (None, Some(text)) => {
            base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap()
        }
        both => panic!("{both:?}"),
    };
    assert_eq!(bytes, &*packet.bytes);
    assert_eq!(line["kept_length"], bytes.len());
    assert_eq!(line["original_length"], packet.original_len);
}

#[test]
fn the_schema_refuses_what_is_wrong() {
    let schema: Value = serde_json::from_str(jsonl::SCHEMA).unwrap();
    let lines = lines(&export(Form::JsonLines, &each_kind()));
    let packet = lines.iter().find(|line| line["status"] == 486).unwrap();
    for (name, wrong) in
        [("direction", "up".into()), ("seq", Value::Null), ("more", 1.into()), ("version", 2.into())]
    {
        let mut line = packet.clone();
        line[name] = wrong;
        let mut errors = Vec::new();
        check(&schema, &line, &schema, &mut errors);
        assert!(!errors.is_empty(), "{name}");
    }
}

#[test]
fn text_tells_everything_in_its_place_and_nobody_forges_a_line_of_ours() {
    let records = each_kind();
    let text = String::from_utf8(export(Form::Text, &records)).unwrap();
    let ours: Vec<&str> = text.lines().filter(|line| line.starts_with("=== ")).collect();
    assert_eq!(ours.len(), records.len(), "{text}");
    for (line, record) in ours.iter().zip(&records) {
        let micros = record.time.micros() % 1_000_000;
        assert!(line.starts_with(&format!("=== 2026-11-23T12:00:00.{micros:06}Z ")), "{line}");
    }
    for wanted in [
        " in 192.0.2.17:5062 -> 192.0.2.1:5060 UDP ",
        " out 0.0.0.0:0 -> 192.0.2.17:5062 WSS ",
        "[claimed: only its From or To says that it is this user's]",
        "[cut: ",
        "[stump: ",
        "change: Call from Paolo\\x0A=== Conti (102) ends: hung up (cause 16).",
        "gap: 5 packets are missing here: the queue",
        "From 2026-11-23T12:00:00.000123Z to 2026-11-23T12:00:00.000130Z.",
        "quality: RTP from the terminal: 500 packets, 3 lost, jitter 1.2 ms, Call-ID call-1@192.0.2.17\n",
        "\nINVITE \\xFF\n\\x00\\x1B[2J\\xE2\\x80\\xAE\n\\x3D== forged\n",
        "\nm=audio 4000 RTP/AVP 8 101\n",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in\n{text}");
    }
    assert!(!text.contains('\r') && !text.contains('\u{1b}') && !text.contains('\u{202e}'));
}
