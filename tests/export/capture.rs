//! pcap and pcapng, read back by tshark.

use std::io::Write;
use std::process::Command;

use proptest::prelude::*;
use usermon::capture::message::scan;
use usermon::clock::Timestamp;
use usermon::event::{Direction, DumpDetail, Transport};
use usermon::query::export::Form;
use usermon::store::record::{Attribution, Gap, GapCause, Packet, Payload, Record};

use crate::record::{NOON, SDP, address, at, export, long, packet, records, request, response};

/// Whether tshark is there; where tests must not be left out, it has to be.
fn has_tshark() -> bool {
    let found = Command::new("tshark").arg("--version").output().is_ok();
    let must = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(found || !must, "tshark is missing: apt-get install tshark");
    if !found {
        println!("!! SKIPPED: tshark is missing (apt-get install tshark)");
    }
    found
}

/// What tshark says of each frame of a file, field by field.
fn tshark(file: &[u8], fields: &[&str]) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::File::create(&path).unwrap().write_all(file).unwrap();
    let mut command = Command::new("tshark");
    // nobody's own preferences
    command.env("WIRESHARK_CONFIG_DIR", folder.path()).env("HOME", folder.path()).arg("-r").arg(&path);
    for check in ["ip.check_checksum", "udp.check_checksum", "tcp.check_checksum"] {
        command.args(["-o", &format!("{check}:TRUE")]);
    }
    command.args(["-T", "fields", "-E", "separator=/t"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("appears to") && !said.contains("cut short"), "{said}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

const FIELDS: [&str; 12] = [
    "frame.time_epoch",
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "udp.port",
    "tcp.port",
    "sip.Method",
    "sip.Status-Code",
    "sip.Call-ID",
    "sip.CSeq.seq",
    "frame.protocols",
];
const FAULTS: [&str; 6] = [
    "_ws.malformed",
    "tcp.analysis.flags",
    "ip.checksum.status",
    "udp.checksum.status",
    "tcp.checksum.status",
    "_ws.expert.group",
];

/// A file's frames that are SIP, as (time, from, to, transport, start, Call-ID).
fn messages(file: &[u8]) -> Vec<[String; 6]> {
    let frames = tshark(file, &FIELDS);
    let sip = frames.iter().filter(|frame| !frame[7].is_empty() || !frame[8].is_empty());
    sip.map(|f| {
        let ports = if f[5].is_empty() { &f[6] } else { &f[5] };
        let (from, to) = ports.split_once(',').unwrap();
        let end = |v4: &str, v6: &str, port: &str| match v6 {
            "" => format!("{v4}:{port}"),
            v6 => format!("[{v6}]:{port}"),
        };
        [
            f[0].clone(),
            end(&f[1], &f[3], from),
            end(&f[2], &f[4], to),
            if f[5].is_empty() { "tcp" } else { "udp" }.into(),
            format!("{}{}", f[7], f[8]),
            f[9].clone(),
        ]
    })
    .collect()
}

/// What [`messages`] is to say of a record.
fn expected(record: &Record) -> Option<[String; 6]> {
    let Payload::Packet(packet) = &record.payload else { return None };
    let scan = scan(&packet.bytes);
    if !scan.is_sip() {
        return None;
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (from, to) = match packet.direction {
        Direction::In => (packet.far, packet.local),
        Direction::Out => (packet.local, packet.far),
    };
    let stream = matches!(packet.transport, Transport::Tcp | Transport::Tls);
    let micros = record.time.micros();
    Some([
        format!("{}.{:06}000", micros / 1_000_000, micros % 1_000_000),
        from.to_string(),
        to.to_string(),
        if stream { "tcp" } else { "udp" }.into(),
        format!("{}{}", text(scan.method), scan.status.map_or_else(String::new, |s| s.to_string())),
        text(scan.call_id),
    ])
}

/// No frame is malformed, repeated, out of order, or has a wrong checksum.
fn hold(file: &[u8]) {
    for (number, frame) in tshark(file, &FAULTS).iter().enumerate() {
        assert!(frame[0].is_empty() && frame[1].is_empty(), "frame {}: {frame:?}", number + 1);
        let bad = |status: &str| status == "0";
        assert!(!bad(&frame[2]) && !bad(&frame[3]) && !bad(&frame[4]), "frame {}: {frame:?}", number + 1);
    }
}

/// Both formats of these records have each message once, and nothing wrong.
fn round_trip(records: &[Record]) {
    let wanted: Vec<_> = records.iter().filter_map(expected).collect();
    for form in [Form::Pcap, Form::PcapNg] {
        let file = export(form, records);
        let found = messages(&file);
        for (found, wanted) in found.iter().zip(&wanted) {
            assert_eq!(found, wanted, "{form:?}");
        }
        assert_eq!(found.len(), wanted.len(), "{form:?}");
        hold(&file);
    }
}

/// A dialog both ways.
fn dialog(transport: Transport, local: &str, far: &str) -> Vec<Packet> {
    use Direction::{In, Out};
    let via = transport.name();
    let one = |direction, text: String| Packet {
        local: address(local),
        far: address(far),
        ..packet(transport, direction, text.as_bytes())
    };
    vec![
        one(In, request("INVITE", 1, via, SDP)),
        one(Out, response("100 Trying", "INVITE", 1, via, "")),
        one(Out, response("180 Ringing", "INVITE", 1, via, "")),
        one(Out, response("200 OK", "INVITE", 1, via, SDP)),
        one(In, request("ACK", 1, via, "")),
        one(Out, request("BYE", 2, via, "")),
        one(In, response("200 OK", "BYE", 2, via, "")),
        one(In, request("REGISTER", 3, via, "")),
        one(Out, request("OPTIONS", 4, via, "")),
        one(Out, request("NOTIFY", 5, via, "")),
    ]
}

fn payloads(packets: Vec<Packet>) -> Vec<Payload> {
    packets.into_iter().map(Payload::Packet).collect()
}

#[test]
fn each_transport_and_family() {
    if !has_tshark() {
        return;
    }
    let mut all = Vec::new();
    for (transport, local, far) in [
        (Transport::Udp, "192.0.2.1:5060", "192.0.2.17:5062"),
        (Transport::Udp, "192.0.2.1:5080", "192.0.2.17:49152"),
        (Transport::Udp, "[2001:db8::1]:5060", "[2001:db8::17]:5062"),
        (Transport::Tcp, "192.0.2.1:5060", "192.0.2.17:40001"),
        (Transport::Tcp, "192.0.2.1:5090", "192.0.2.17:40002"),
        (Transport::Tcp, "[2001:db8::1]:5060", "[2001:db8::17]:40003"),
        (Transport::Tls, "192.0.2.1:5061", "192.0.2.17:40004"),
        (Transport::Tls, "192.0.2.1:443", "192.0.2.17:40005"),
        (Transport::Tls, "[2001:db8::1]:5061", "[2001:db8::17]:40006"),
        (Transport::Ws, "192.0.2.1:8088", "192.0.2.17:40007"),
        (Transport::Ws, "192.0.2.1:80", "192.0.2.17:40008"),
        (Transport::Wss, "192.0.2.1:8089", "192.0.2.17:40009"),
        (Transport::Wss, "[2001:db8::1]:8089", "[2001:db8::17]:40010"),
        (Transport::Unknown, "192.0.2.1:5060", "192.0.2.17:40011"),
    ] {
        all.extend(dialog(transport, local, far));
    }
    round_trip(&records(payloads(all)));
}

#[test]
fn what_a_dump_detail_cut_is_read_as_far_as_it_was_kept() {
    if !has_tshark() {
        return;
    }
    let mut all = Vec::new();
    for (transport, far) in
        [(Transport::Udp, "192.0.2.17:5062"), (Transport::Tcp, "192.0.2.17:40001"), (Transport::Tls, "192.0.2.17:40002")]
    {
        for detail in [DumpDetail::Headers, DumpDetail::Summary, DumpDetail::Full, DumpDetail::Summary] {
            let packets = dialog(transport, "192.0.2.1:5060", far);
            all.extend(packets.into_iter().map(|packet| at(detail, packet)));
        }
        // stumps and keepalives between them
        for odd in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], b"\r\n\r\n", b"\r\n", b"", b"\x80\xff\x00"] {
            let mut odd = packet(transport, Direction::In, odd);
            odd.far = address(far);
            all.push(at(DumpDetail::Headers, odd));
            all.extend(dialog(transport, "192.0.2.1:5060", far).into_iter().take(3));
        }
    }
    let records = records(payloads(all));
    round_trip(&records);
    // and the frames say how long the messages were
    let lengths = tshark(&export(Form::Pcap, &records), &["frame.len", "frame.cap_len"]);
    let cut = lengths.iter().filter(|line| line[0] != line[1]).count();
    assert!(cut > 20, "{cut} frames are marked as cut");
}
#[test]
#[ignore]
fn dump() {
    let mut all = Vec::new();
    for (transport, far) in [(Transport::Udp, "192.0.2.17:5062"), (Transport::Tcp, "192.0.2.17:40001")] {
        for detail in [DumpDetail::Headers, DumpDetail::Summary] {
            let packets = dialog(transport, "192.0.2.1:5060", far);
            all.extend(packets.into_iter().map(|packet| at(detail, packet)));
        }
    }
    std::fs::write("/tmp/w/exp/cut.pcap", export(Form::Pcap, &records(payloads(all)))).unwrap();
}
