//! Packets one behind the other in one buffer: how the tap holds what the PBX's threads copied. A chunk never grows,
//! so that a push allocates nothing; what is written here is read back by the same process.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use super::{Kept, Owned};
use crate::clock::Timestamp;
use crate::event::{Direction, PacketRef, Transport};

/// Bytes of a chunk: a giant message and its names go in, so that at most half of one is ever left unused.
pub(super) const CHUNK: usize = 128 * 1024;
const ADDRESS: usize = 1 + 16 + 2 + 4 + 4;
/// Bytes of a packet beside its message and names.
pub(super) const HEAD: usize = 8 + 8 + 1 + 1 + 2 * ADDRESS + 4 + 4 + 2 + 2;

/// A buffer of packets, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    bytes: Vec<u8>,
    read: usize,
}

/// Room that is filled from the front.
struct Room<'a>(&'a mut [u8]);

impl Room<'_> {
    fn put<const N: usize>(&mut self, value: [u8; N]) {
        if let Some((head, rest)) = std::mem::take(&mut self.0).split_first_chunk_mut() {
            *head = value;
            self.0 = rest;
        }
    }

    fn put_address(&mut self, address: &SocketAddr) {
        let (family, octets, flow, scope) = match address {
            SocketAddr::V4(v4) => ([4], v4.ip().to_ipv6_mapped().octets(), 0, 0),
            SocketAddr::V6(v6) => ([6], v6.ip().octets(), v6.flowinfo(), v6.scope_id()),
        };
        self.put(family);
        self.put(octets);
        self.put(address.port().to_le_bytes());
        self.put(flow.to_le_bytes());
        self.put(scope.to_le_bytes());
    }
}

/// What is left to read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn address(&mut self) -> Option<SocketAddr> {
        let [family] = self.array()?;
        let ip = self.array::<16>()?.into();
        let port = u16::from_le_bytes(self.array()?);
        let (flow, scope) = (u32::from_le_bytes(self.array()?), u32::from_le_bytes(self.array()?));
        let v6 = SocketAddrV6::new(ip, port, flow, scope);
        Some(if family == 4 { SocketAddr::new(IpAddr::V6(ip).to_canonical(), port) } else { v6.into() })
    }
}

impl Chunk {
    /// An empty one. Its memory is the system's until it is written.
    pub(super) fn new() -> Self {
        Self { bytes: Vec::with_capacity(CHUNK), read: 0 }
    }

    /// Takes its memory from the system now, so that no push has to.
    pub(super) fn touch(&mut self) {
        self.bytes.resize(self.bytes.capacity(), 0);
        self.clear();
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.read = 0;
    }

    /// Whether it was ever more than a place for one.
    pub(super) fn is_real(&self) -> bool {
        self.bytes.capacity() > 0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether a packet with so many bytes of message and names goes in.
    pub(super) fn has_room(&self, len: usize) -> bool {
        self.bytes.capacity() - self.bytes.len() >= HEAD + len
    }

    /// Copies a packet in; call [`Self::has_room`] before. `place` is its place among all packets.
    pub(super) fn push(&mut self, place: u64, packet: &PacketRef<'_>, kept: &Kept<'_>) {
        let mut head = [0; HEAD];
        let mut room = Room(&mut head);
        room.put(place.to_le_bytes());
        room.put(packet.time.micros().to_le_bytes());
        room.put([packet.direction as u8]);
        room.put([packet.transport as u8]);
        room.put_address(&packet.local);
        room.put_address(&packet.far);
        room.put(u32::try_from(packet.data.len()).unwrap_or(u32::MAX).to_le_bytes());
        room.put(u32::try_from(kept.data.len()).unwrap_or(0).to_le_bytes());
        room.put(u16::try_from(kept.company.len()).unwrap_or(0).to_le_bytes());
        room.put(u16::try_from(kept.endpoint.len()).unwrap_or(0).to_le_bytes());
        self.bytes.extend_from_slice(&head);
        self.bytes.extend_from_slice(kept.data);
        self.bytes.extend_from_slice(kept.company.as_bytes());
        self.bytes.extend_from_slice(kept.endpoint.as_bytes());
    }

    /// The place of the next packet to read.
    pub(super) fn place(&self) -> Option<u64> {
        Rest(self.bytes.get(self.read..)?).array().map(u64::from_le_bytes)
    }

    /// Puts the next packet into `packet`, whose room it uses again. `None`: all were read.
    pub(super) fn pop(&mut self, packet: &mut Owned) -> Option<()> {
        let mut rest = Rest(self.bytes.get(self.read..)?);
        let _place: [u8; 8] = rest.array()?;
        let time = Timestamp(i64::from_le_bytes(rest.array()?));
        let [direction, transport] = rest.array()?;
        let (local, far) = (rest.address()?, rest.address()?);
        let original_len = u32::from_le_bytes(rest.array()?);
        let kept_len = u32::from_le_bytes(rest.array()?);
        let company_len = u16::from_le_bytes(rest.array()?);
        let endpoint_len = u16::from_le_bytes(rest.array()?);
        let len = usize::try_from(kept_len).ok()? + usize::from(company_len) + usize::from(endpoint_len);
        let mut bytes = std::mem::take(&mut packet.bytes);
        bytes.clear();
        bytes.extend_from_slice(rest.0.get(..len)?);
        self.read += HEAD + len;
        *packet = Owned {
            time,
            direction: if direction == Direction::In as u8 { Direction::In } else { Direction::Out },
            transport: Transport::from_number(transport),
            local,
            far,
            original_len,
            kept_len,
            company_len,
            bytes,
        };
        Some(())
    }
}
