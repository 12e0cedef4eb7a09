//! pcap and pcapng, read back by tshark.

use usermon::clock::Timestamp;
use usermon::event::{Direction, DumpDetail, Transport};
use usermon::query::export::Form;
use usermon::store::record::{Attribution, Gap, GapCause, Packet, Payload, Record};

use crate::record::{NOON, SDP, address, at, export, long, packet, records, request, response};
use crate::wireshark::{expected, has_tshark, messages, tshark};

/// Both formats of these records have each message once, and nothing wrong.
pub(crate) fn round_trip(records: &[Record]) {
    let wanted: Vec<_> = records.iter().filter_map(expected).collect();
    for form in [Form::Pcap, Form::PcapNg] {
        let file = export(form, records);
        let found = messages(&file);
        for (found, wanted) in found.iter().zip(&wanted) {
            assert_eq!(found, wanted, "{form:?}");
        }
        assert_eq!(found.len(), wanted.len(), "{form:?}");
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

pub(crate) fn payloads(packets: Vec<Packet>) -> Vec<Payload> {
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
    for (transport, far) in [
        (Transport::Udp, "192.0.2.17:5062"),
        (Transport::Tcp, "192.0.2.17:40001"),
        (Transport::Tls, "192.0.2.17:40002"),
    ] {
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
fn long_messages_go_in_segments_and_are_read_whole() {
    if !has_tshark() {
        return;
    }
    let mut all = Vec::new();
    for (transport, far, length) in [
        (Transport::Udp, "192.0.2.17:5062", 60_000),
        (Transport::Tcp, "192.0.2.17:40001", 200_000),
        (Transport::Tls, "[2001:db8::17]:40002", 200_000),
        (Transport::Tcp, "192.0.2.17:40003", 65_000),
        (Transport::Wss, "192.0.2.17:40004", 60_000),
    ] {
        for number in 1..4 {
            let text = long(number, transport.name(), length);
            let mut one = packet(transport, Direction::In, text.as_bytes());
            one.far = address(far);
            if one.far.is_ipv6() {
                one.local = address("[2001:db8::1]:5061");
            }
            let answer = response("200 OK", "INVITE", number, transport.name(), SDP);
            let answer = Packet {
                direction: Direction::Out,
                bytes: answer.as_bytes().into(),
                original_len: 700,
                ..one.clone()
            };
            // cut at 64 KiB, or to its headers, and whole
            let cut = [one.clone(), at(DumpDetail::Headers, one.clone()), at(DumpDetail::Full, one)];
            all.extend(cut.into_iter().flat_map(|one| [one, answer.clone()]));
        }
    }
    // longer than a datagram can be: the beginning
    let giant = long(9, "UDP", 100_000);
    all.push(packet(Transport::Udp, Direction::In, giant.as_bytes()));
    let records = records(payloads(all));
    round_trip(&records);
    // what was kept whole comes back whole: all lines of the SDP
    let file = export(Form::Pcap, &records);
    let lengths = tshark(&file, &["sip.Method", "tcp.reassembled.length", "sip.Content-Length"]);
    let whole = lengths.iter().filter(|f| f[0] == "INVITE" && f[1].parse().is_ok_and(|n: u32| n > 200_000));
    assert!(whole.count() >= 12, "{lengths:?}");
}

#[test]
fn addresses_of_two_families_or_not_known() {
    if !has_tshark() {
        return;
    }
    let one = |local, far, transport| Packet {
        local: address(local),
        far: address(far),
        ..packet(transport, Direction::In, request("OPTIONS", 1, "UDP", "").as_bytes())
    };
    let all = vec![
        one("0.0.0.0:0", "192.0.2.17:5062", Transport::Udp),
        one("0.0.0.0:0", "192.0.2.17:5063", Transport::Tcp),
        one("0.0.0.0:0", "[2001:db8::17]:5062", Transport::Udp),
        one("192.0.2.1:5060", "[2001:db8::17]:5062", Transport::Udp),
        one("[::ffff:192.0.2.1]:5060", "192.0.2.17:5062", Transport::Tls),
        one("[::]:5060", "192.0.2.17:5062", Transport::Tcp),
        one("0.0.0.0:0", "0.0.0.0:0", Transport::Unknown),
    ];
    let wanted = [
        ("192.0.2.17:5062", "0.0.0.0:0"),
        ("192.0.2.17:5063", "0.0.0.0:0"),
        ("[2001:db8::17]:5062", "[::]:0"),
        ("[2001:db8::17]:5062", "[::ffff:192.0.2.1]:5060"),
        ("192.0.2.17:5062", "192.0.2.1:5060"),
        ("192.0.2.17:5062", "0.0.0.0:5060"),
        ("0.0.0.0:0", "0.0.0.0:0"),
    ];
    let file = export(Form::Pcap, &records(payloads(all)));
    let found: Vec<_> = messages(&file).into_iter().map(|[_, from, to, ..]| (from, to)).collect();
    assert_eq!(found, wanted.map(|(from, to)| (from.to_owned(), to.to_owned())));
}

#[test]
fn what_was_sent_by_one_and_received_by_another_of_our_own_addresses_is_no_repetition() {
    if !has_tshark() {
        return;
    }
    let text = request("INVITE", 1, "TCP", SDP);
    let sent = packet(Transport::Tcp, Direction::Out, text.as_bytes());
    let received = Packet { direction: Direction::In, local: sent.far, far: sent.local, ..sent.clone() };
    round_trip(&records(payloads(vec![sent.clone(), received.clone(), sent, received])));
}

#[test]
fn in_pcapng_each_packet_says_its_marks_and_gaps_stand_where_they_are() {
    if !has_tshark() {
        return;
    }
    let gap = |packets, cause| {
        Payload::Gap(Gap { from: Timestamp(NOON), to: Timestamp(NOON + 1_000_000), packets, cause })
    };
    let mut claimed = packet(Transport::Tls, Direction::In, request("INVITE", 1, "TLS", SDP).as_bytes());
    claimed.attribution = Attribution::Claimed;
    let cut = at(
        DumpDetail::Headers,
        packet(Transport::Udp, Direction::Out, request("BYE", 2, "UDP", SDP).as_bytes()),
    );
    let mut all = vec![Payload::Packet(claimed), gap(120, GapCause::QueueFull), gap(0, GapCause::Damage)];
    all.extend([Payload::Packet(cut), gap(7, GapCause::Overload), gap(3, GapCause::Lowered)]);
    let records = records(all);
    let file = export(Form::PcapNg, &records);
    let frames =
        tshark(&file, &["frame.comment", "frame.drop_count", "frame.packet_flags_direction", "frame.len"]);
    assert_eq!(frames.len(), 2);
    let [first, second] = [&frames[0], &frames[1]];
    assert!(first[0].contains("claimed") && first[0].contains("TLS, in clear"), "{first:?}");
    assert!(first[1].is_empty() && first[2].ends_with('1'), "{first:?}");
    assert!(second[0].contains("120 packets are missing here: the queue"), "{second:?}");
    assert!(second[0].contains("Packets are missing here: a stretch of the disk"), "{second:?}");
    assert!(second[0].contains("dump detail headers") && second[0].contains("endpoint 101"), "{second:?}");
    assert!(second[0].contains("After this packet: 7 packets are missing"), "{second:?}");
    assert!(second[0].contains("After this packet: None is missing"), "{second:?}");
    assert!(second[1] == "120" && second[2].ends_with('2'), "{second:?}");
    // the classic form has the packets alone
    assert_eq!(tshark(&export(Form::Pcap, &records), &["frame.len"]).len(), 2);
}
