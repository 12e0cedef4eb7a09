//! A kept packet as the IP frames that would have carried it, for Wireshark's family. Called by [`super::pcap`]. The frames
//! are made here around what the PBX's stack gave or took, with the true addresses and ports and checksums that hold.
//! UDP: one datagram. TCP and TLS (which the PBX has in clear): segments of one connection for each pair of addresses,
//! numbered without a hole. WebSocket: a datagram too, as a WebSocket frame ends where its message ends, and its usual TCP
//! ports make Wireshark look for HTTP.
//! Of a message that was cut a frame has what was kept, and says how long it was, as capturing tools do. But its IP
//! header counts only what is there, as Wireshark reads no header of a SIP message that goes on beyond the capture. In a
//! stream a body is filled with empty lines to its Content-Length: a reader would take the next message for the rest.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use etherparse::{IpNumber, Ipv4Header, Ipv6Header, TcpHeader, UdpHeader, ip_number};

use crate::capture::message::scan;
use crate::event::{Direction, Transport};
use crate::store::record::{MAX_BYTES, Packet};

/// The most that one IPv4 packet carries of a stream, and of a datagram.
const SEGMENT: usize = 65_495;
const DATAGRAM: usize = 65_507;
const HOPS: u8 = 64;

/// One IP packet as captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    /// From its IP header to the last byte that was kept.
    pub(super) bytes: &'a [u8],
    /// How long it would have been with all bytes of the message.
    pub(super) original_len: usize,
}

/// Where a frame comes from and goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Way {
    from: SocketAddr,
    to: SocketAddr,
}

/// The connections of one file.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// The number of the next byte each way. Grows with the pairs of addresses in the file.
    next: HashMap<Way, u32>,
    frame: Vec<u8>,
}

impl Wire {
    /// Gives `each` the frames of a packet, in order. What no IP packet can carry is left out.
    ///
    /// # Errors
    /// Those of `each`.
    pub(super) fn put<E>(
        &mut self,
        packet: &Packet,
        mut each: impl FnMut(Frame<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (way, bytes) = (Way::of(packet), &*packet.bytes);
        let whole = usize::try_from(packet.original_len).unwrap_or(usize::MAX).max(bytes.len());
        if !is_stream(packet.transport) {
            return each(self.datagram(way, upto(bytes, DATAGRAM), whole));
        }
        let Some(missing) = missing(bytes).filter(|missing| *missing <= MAX_BYTES) else {
            return each(self.segment(way, upto(bytes, SEGMENT - 1), 1, whole));
        };
        if missing == 0 && bytes.len() <= SEGMENT {
            return each(self.segment(way, bytes, 0, whole));
        }
        let mut message = bytes.to_vec();
        message.extend((0..missing).rev().map(|left| if left % 2 == 0 { b'\n' } else { b'\r' }));
        let mut rest = whole;
        for part in message.chunks(SEGMENT) {
            let is_last = part.as_ptr_range().end == message.as_ptr_range().end;
            each(self.segment(way, part, 0, if is_last { rest } else { part.len() }))?;
            rest = rest.saturating_sub(part.len());
        }
        Ok(())
    }

    /// A datagram of what was kept of a message of `whole` bytes.
    fn datagram(&mut self, way: Way, kept: &[u8], whole: usize) -> Frame<'_> {
        let header = UdpHeader {
            source_port: way.from.port(),
            destination_port: way.to.port(),
            length: short(kept.len() + UdpHeader::LEN),
            checksum: 0,
        };
        let checksum = match way.hosts() {
            Hosts::V4(from, to) => header.calc_checksum_ipv4_raw(from.octets(), to.octets(), kept),
            Hosts::V6(from, to) => header.calc_checksum_ipv6_raw(from.octets(), to.octets(), kept),
        };
        let header = UdpHeader { checksum: checksum.unwrap_or(0), ..header };
        self.ip(way, ip_number::UDP, kept.len() + UdpHeader::LEN);
        self.frame.extend_from_slice(&header.to_bytes());
        self.with(kept, whole)
    }

    /// A segment of `part` and `absent` bytes that were not captured, which is what `whole` bytes became.
    fn segment(&mut self, way: Way, part: &[u8], absent: usize, whole: usize) -> Frame<'_> {
        let length = part.len() + absent;
        let seen = *self.next.entry(way.back()).or_insert(1);
        let next = self.next.entry(way).or_insert(1);
        let mut header = TcpHeader::new(way.from.port(), way.to.port(), *next, u16::MAX);
        (header.ack, header.psh, header.acknowledgment_number) = (true, true, seen);
        *next = next.wrapping_add(u32::from(short(length)));
        let checksum = match way.hosts() {
            Hosts::V4(from, to) => header.calc_checksum_ipv4_raw(from.octets(), to.octets(), part),
            Hosts::V6(from, to) => header.calc_checksum_ipv6_raw(from.octets(), to.octets(), part),
        };
        header.checksum = checksum.unwrap_or(0);
        self.ip(way, ip_number::TCP, length + TcpHeader::MIN_LEN);
        self.frame.extend_from_slice(&header.to_bytes());
        self.with(part, whole.max(length))
    }

    /// Begins a frame with the IP header of a packet with `payload` bytes in it.
    fn ip(&mut self, way: Way, protocol: IpNumber, payload: usize) {
        self.frame.clear();
        match way.hosts() {
            Hosts::V4(from, to) => {
                let mut header = Ipv4Header {
                    total_len: short(payload + Ipv4Header::MIN_LEN),
                    dont_fragment: true,
                    time_to_live: HOPS,
                    protocol,
                    source: from.octets(),
                    destination: to.octets(),
                    ..Ipv4Header::default()
                };
                header.header_checksum = header.calc_header_checksum();
                self.frame.extend_from_slice(&header.to_bytes());
            }
            Hosts::V6(from, to) => {
                let header = Ipv6Header {
                    payload_length: short(payload),
                    next_header: protocol,
                    hop_limit: HOPS,
                    source: from.octets(),
                    destination: to.octets(),
                    ..Ipv6Header::default()
                };
                self.frame.extend_from_slice(&header.to_bytes());
            }
        }
    }

    /// Ends the frame with what was kept of `whole` bytes.
    fn with(&mut self, kept: &[u8], whole: usize) -> Frame<'_> {
        let original_len = self.frame.len() + whole;
        self.frame.extend_from_slice(kept);
        Frame { bytes: &self.frame, original_len }
    }
}

/// Two addresses of one family.
enum Hosts {
    V4(Ipv4Addr, Ipv4Addr),
    V6(Ipv6Addr, Ipv6Addr),
}

impl Way {
    fn of(packet: &Packet) -> Self {
        match packet.direction {
            Direction::In => Self { from: packet.far, to: packet.local },
            Direction::Out => Self { from: packet.local, to: packet.far },
        }
    }

    fn back(self) -> Self {
        Self { from: self.to, to: self.from }
    }

    /// An address that is not known takes the other's family; otherwise a pair of both families goes as IPv6.
    fn hosts(self) -> Hosts {
        match (self.from.ip().to_canonical(), self.to.ip().to_canonical()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => Hosts::V4(from, to),
            (IpAddr::V6(from), IpAddr::V6(to)) => Hosts::V6(from, to),
            (IpAddr::V4(from), IpAddr::V6(to)) if from.is_unspecified() => {
                Hosts::V6(Ipv6Addr::UNSPECIFIED, to)
            }
            (IpAddr::V6(from), IpAddr::V4(to)) if to.is_unspecified() => {
                Hosts::V6(from, Ipv6Addr::UNSPECIFIED)
            }
            (IpAddr::V4(from), IpAddr::V6(to)) if to.is_unspecified() => {
                Hosts::V4(from, Ipv4Addr::UNSPECIFIED)
            }
            (IpAddr::V6(from), IpAddr::V4(to)) if from.is_unspecified() => {
                Hosts::V4(Ipv4Addr::UNSPECIFIED, to)
            }
            (IpAddr::V4(from), IpAddr::V6(to)) => Hosts::V6(from.to_ipv6_mapped(), to),
            (IpAddr::V6(from), IpAddr::V4(to)) => Hosts::V6(from, to.to_ipv6_mapped()),
        }
    }
}

const fn is_stream(transport: Transport) -> bool {
    matches!(transport, Transport::Tcp | Transport::Tls)
}

/// How many bytes of the body a reader of the stream waits for behind those kept; `None` where it would not know where the
/// message ends.
fn missing(kept: &[u8]) -> Option<usize> {
    let scan = scan(kept);
    if !scan.is_sip() {
        return kept.iter().all(|b| matches!(b, b'\r' | b'\n')).then_some(0);
    }
    let has_head = scan.body < kept.len() || kept.ends_with(b"\n\r\n") || kept.ends_with(b"\n\n");
    let promised = usize::try_from(scan.content_length.unwrap_or(0)).ok()?;
    has_head.then(|| promised.saturating_sub(kept.len().saturating_sub(scan.body)))
}

fn upto(bytes: &[u8], most: usize) -> &[u8] {
    bytes.get(..most).unwrap_or(bytes)
}

fn short(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}
