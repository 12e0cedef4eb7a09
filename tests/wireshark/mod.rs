//! Capture files as tshark reads them, and what it should read.

use std::io::Write;
use std::process::Command;

use usermon::capture::message::scan;
use usermon::event::{Direction, Transport};
use usermon::store::record::{Payload, Record};

/// What is read of a message: time, from, to, transport, method or status, Call-ID, CSeq.
pub(crate) type Row = [String; 7];

/// Whether tshark is there; where tests must not be left out, it has to be.
pub(crate) fn has_tshark() -> bool {
    let found = Command::new("tshark").arg("--version").output().is_ok();
    let must = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(found || !must, "tshark is missing: apt-get install tshark");
    if !found {
        println!("!! SKIPPED: tshark is missing (apt-get install tshark)");
    }
    found
}

/// What tshark says of each frame of a file, field by field.
pub(crate) fn tshark(file: &[u8], fields: &[&str]) -> Vec<Vec<String>> {
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

const FIELDS: [&str; 17] = [
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
    "tcp.reassembled.length",
    "_ws.expert.severity",
    "tcp.analysis.flags",
    "ip.checksum.status",
    "udp.checksum.status",
    "tcp.checksum.status",
    "sip.CSeq",
];

/// The messages of a file. No frame may be malformed, repeated, out of order, or have a wrong checksum.
pub(crate) fn messages(file: &[u8]) -> Vec<Row> {
    frames(file).into_iter().flatten().collect()
}

/// Each frame of a file, as [`messages`]; `None`: it is no SIP, or a part of a longer message.
pub(crate) fn frames(file: &[u8]) -> Vec<Option<Row>> {
    // a note: a line of SDP that the redactor has filled
    const ERROR: u32 = 0x0080_0000;
    let frames = tshark(file, &FIELDS);
    for (number, frame) in frames.iter().enumerate() {
        let worst = frame[11].split(',').filter_map(|severity| severity.parse().ok()).max();
        assert!(worst.unwrap_or(0) < ERROR && frame[12].is_empty(), "frame {}: {frame:?}", number + 1);
        assert!(!frame[13..16].iter().any(|status| status == "0"), "frame {}: {frame:?}", number + 1);
    }
    let row = |f: &Vec<String>| {
        if f[7].is_empty() && f[8].is_empty() {
            return None;
        }
        let ports = if f[5].is_empty() { &f[6] } else { &f[5] };
        let (from, to) = ports.split_once(',').unwrap();
        let end = |v4: &str, v6: &str, port: &str| match v6 {
            "" => format!("{v4}:{port}"),
            v6 => format!("[{v6}]:{port}"),
        };
        Some([
            f[0].clone(),
            end(&f[1], &f[3], from),
            end(&f[2], &f[4], to),
            if f[5].is_empty() { "tcp" } else { "udp" }.into(),
            format!("{}{}", f[7], f[8]),
            f[9].clone(),
            f[16].clone(),
        ])
    };
    frames.iter().map(row).collect()
}

/// What [`messages`] is to say of a record; `None`: it is no message.
pub(crate) fn expected(record: &Record) -> Option<Row> {
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
    let cseq = text(&packet.bytes).lines().find_map(|line| line.strip_prefix("CSeq: ").map(str::to_owned));
    Some([
        format!("{}.{:06}000", micros / 1_000_000, micros % 1_000_000),
        from.to_string(),
        to.to_string(),
        if stream { "tcp" } else { "udp" }.into(),
        format!("{}{}", text(scan.method), scan.status.map_or_else(String::new, |s| s.to_string())),
        text(scan.call_id),
        cseq.unwrap_or_default(),
    ])
}
