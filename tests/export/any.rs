//! Capture files of hostile packets.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use usermon::clock::Timestamp;
use usermon::event::{Direction, DumpDetail, Transport};
use usermon::query::export::Form;
use usermon::store::record::{Packet, Record};

use crate::capture::payloads;
use crate::record::{SDP, at, export, packet, records, request};
use crate::wireshark::{has_tshark, tshark};

/// Messages that were made to be hard to read, as somebody's packets over UDP and TLS.
fn corpora() -> Vec<Vec<u8>> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora");
    let mut all = Vec::new();
    for name in ["rfc4475", "rfc5118-ersip"] {
        let Ok(entries) = std::fs::read_dir(root.join(name)) else {
            println!("skipped: {} is missing", root.join(name).display());
            continue;
        };
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.retain(|path| !path.ends_with("SOURCE.txt") && !path.ends_with("INDEX.tsv"));
        all.extend(paths.iter().map(|path| std::fs::read(path).unwrap()));
    }
    all
}

/// Between hostile packets, usual ones are read as if these were not there.
fn usual_ones_survive(hostile: impl IntoIterator<Item = Packet>) {
    let mut all = Vec::new();
    let mut wanted = 0;
    for odd in hostile {
        let usual = request("INFO", 7_000_000 + wanted, "TCP", "");
        all.push(odd.clone());
        all.push(Packet { cut: false, original_len: 400, bytes: usual.as_bytes().into(), ..odd });
        wanted += 1;
    }
    for form in [Form::Pcap, Form::PcapNg] {
        let frames = tshark(&export(form, &records(payloads(all.clone()))), &["sip.Call-ID"]);
        let found = |n: usize| {
            frames
                .iter()
                .any(|f| f[0].split(',').any(|id| id == format!("call-{}@192.0.2.17", 7_000_000 + n)))
        };
        let lost: Vec<usize> = (0..wanted).filter(|n| !found(*n)).collect();
        assert!(lost.is_empty(), "{form:?}: behind packets {lost:?} no message is read");
    }
}

#[test]
fn torture_messages_hide_none_of_their_neighbours() {
    if !has_tshark() {
        return;
    }
    for transport in [Transport::Udp, Transport::Tls] {
        let packets = corpora().into_iter().map(|bytes| packet(transport, Direction::In, &bytes));
        usual_ones_survive(
            packets.flat_map(|p| [at(DumpDetail::Summary, p.clone()), at(DumpDetail::Headers, p.clone()), p]),
        );
    }
}

/// Any packet at all.
fn any_packet() -> impl Strategy<Value = Packet> {
    let ends = (any::<u32>(), any::<u128>(), any::<u16>(), any::<bool>(), any::<u16>(), any::<bool>());
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..300),
        Just(vec![b'x'; 70_000]),
        Just(request("INVITE", 1, "TCP", SDP).into_bytes()),
        Just(b"INVITE sip:a SIP/2.0\r\nContent-Length: 4294967295\r\n\r\n".to_vec()),
        Just(b"SIP/2.0 200 OK\r\nContent-Length: 99999\r\n\r\nab".to_vec()),
        Just(b"SIP/2.0 200 OK\r\nContent-Length: 9".to_vec()),
    ];
    (ends, 0..6_u8, any::<bool>(), any::<u32>(), bytes).prop_map(
        |((v4, v6, port, is_v6, far_port, is_far_v6), transport, is_in, original_len, bytes)| {
            let v4 = std::net::IpAddr::from(v4.to_be_bytes());
            let v6 = std::net::IpAddr::from(v6.to_be_bytes());
            Packet {
                local: (if is_v6 { v6 } else { v4 }, port).into(),
                far: (if is_far_v6 { v6 } else { v4 }, far_port).into(),
                original_len,
                ..packet(
                    Transport::from_number(transport),
                    if is_in { Direction::In } else { Direction::Out },
                    &bytes,
                )
            }
        },
    )
}

/// The frames of a classic file, as (captured length, original length); panics where it is not one.
fn classic_frames(file: &[u8]) -> Vec<(usize, usize)> {
    let number =
        |at: usize| usize::try_from(u32::from_le_bytes(file[at..at + 4].try_into().unwrap())).unwrap();
    let (mut at, mut frames) = (24, Vec::new());
    while at < file.len() {
        let (kept, original) = (number(at + 8), number(at + 12));
        assert!(kept <= original && kept <= 65_575 && number(at + 4) < 1_000_000, "{kept} of {original}");
        let (ip, rest) = (&file[at + 16..at + 16 + kept], &file[at + 16 + kept..]);
        let length = match ip[0] >> 4 {
            4 => usize::from(u16::from_be_bytes([ip[2], ip[3]])),
            6 => usize::from(u16::from_be_bytes([ip[4], ip[5]])) + 40,
            other => panic!("IP version {other}"),
        };
        assert!(length == kept || length == kept + 1, "{kept} bytes of a packet of {length}");
        frames.push((kept, original));
        at = file.len() - rest.len();
    }
    frames
}

/// The types of a pcapng file's blocks.
fn blocks(file: &[u8]) -> Vec<u32> {
    let (mut at, mut kinds) = (0, Vec::new());
    while at < file.len() {
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        let length = usize::try_from(word(at + 4)).unwrap();
        assert!(length.is_multiple_of(4) && word(at + 4) == word(at + length - 4));
        kinds.push(word(at));
        at += length;
    }
    kinds
}

fn any_records(most: usize) -> impl Strategy<Value = Vec<Record>> {
    proptest::collection::vec((any_packet(), any::<i64>()), 1..most).prop_map(|packets| {
        let (packets, times): (Vec<_>, Vec<_>) = packets.into_iter().unzip();
        let mut records = records(payloads(packets));
        for (record, time) in records.iter_mut().zip(times) {
            record.time = Timestamp(time);
        }
        records
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_packets_make_files_with_each_of_them(records in any_records(12)) {
        let frames = classic_frames(&export(Form::Pcap, &records));
        prop_assert!(frames.len() >= records.len());
        let blocks = blocks(&export(Form::PcapNg, &records));
        prop_assert_eq!(&blocks[..2], &[0x0a0d_0d0a, 1]);
        prop_assert!(blocks.len() == frames.len() + 2 && blocks[2..].iter().all(|kind| *kind == 6));
        for form in [Form::Text, Form::JsonLines] {
            let text = String::from_utf8(export(form, &records)).unwrap();
            prop_assert!(form == Form::Text || text.lines().count() == records.len() + 1);
        }
    }
}

#[test]
fn tshark_reads_any_packets_to_the_end() {
    if !has_tshark() {
        return;
    }
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut records = Vec::new();
    for _ in 0..40 {
        records.extend(any_records(12).new_tree(&mut runner).unwrap().current());
    }
    let frames = classic_frames(&export(Form::Pcap, &records)).len();
    for form in [Form::Pcap, Form::PcapNg] {
        assert_eq!(tshark(&export(form, &records), &["frame.number"]).len(), frames, "{form:?}");
    }
}
