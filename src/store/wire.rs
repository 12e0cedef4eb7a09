//! Numbers and strings as bytes, for every format of the ring: little-endian, LEB128 for the small ones.
//! [`Reader`] gives `None` at the end instead of failing; no length that it reads decides an allocation.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// Takes values off the front of some bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next `n` bytes.
    pub(super) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    /// The next `N` bytes, as an array.
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// An unsigned LEB128 number of at most ten bytes.
    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A signed number, zigzag in LEB128.
    pub(super) fn signed(&mut self) -> Option<i64> {
        let n = self.varint()?;
        Some((n >> 1).cast_signed() ^ (n & 1).cast_signed().wrapping_neg())
    }

    /// A LEB128 number that fits a `usize`.
    pub(super) fn size(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?).ok()
    }

    /// Bytes after their length.
    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let n = self.size()?;
        self.take(n)
    }

    /// UTF-8 after its length.
    pub(super) fn str(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// An address as [`put_address`] wrote it.
    pub(super) fn address(&mut self) -> Option<SocketAddr> {
        Some(match self.u8()? {
            4 => {
                let ip = Ipv4Addr::from(self.array::<4>()?);
                SocketAddr::new(IpAddr::V4(ip), self.u16()?)
            }
            6 => {
                let ip = Ipv6Addr::from(self.array::<16>()?);
                SocketAddr::new(IpAddr::V6(ip), self.u16()?)
            }
            7 => {
                let ip = Ipv6Addr::from(self.array::<16>()?);
                let (flow, scope) = (self.u32()?, self.u32()?);
                SocketAddr::V6(SocketAddrV6::new(ip, self.u16()?, flow, scope))
            }
            _ => return None,
        })
    }
}

/// Appends an unsigned LEB128 number.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Appends a signed number, zigzag in LEB128.
pub(super) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, (value.wrapping_shl(1) ^ (value >> 63)).cast_unsigned());
}

/// Appends a length.
pub(super) fn put_size(out: &mut Vec<u8>, value: usize) {
    put_varint(out, value as u64);
}

/// Appends bytes after their length.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_size(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends an address: 4, 6 or 7 (IPv6 with flow and scope), address, port.
pub(super) fn put_address(out: &mut Vec<u8>, address: SocketAddr) {
    match address {
        SocketAddr::V4(v4) => {
            out.push(4);
            out.extend_from_slice(&v4.ip().octets());
        }
        SocketAddr::V6(v6) if v6.flowinfo() == 0 && v6.scope_id() == 0 => {
            out.push(6);
            out.extend_from_slice(&v6.ip().octets());
        }
        SocketAddr::V6(v6) => {
            out.push(7);
            out.extend_from_slice(&v6.ip().octets());
            out.extend_from_slice(&v6.flowinfo().to_le_bytes());
            out.extend_from_slice(&v6.scope_id().to_le_bytes());
        }
    }
    out.extend_from_slice(&address.port().to_le_bytes());
}

/// A checksum of the ring: CRC-32 (IEEE) that begins at the file's salt, so that bytes a stranger sent to the
/// PBX can never be taken for records when a damaged file is searched for the next good one.
pub(super) fn checksum(salt: u32, parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

/// A salt for one file, never 0.
pub(super) fn salt() -> u32 {
    let mut bytes = [0u8; 4];
    if getrandom::fill(&mut bytes).is_err() {
        // std seeds its maps by itself
        let guess = std::hash::RandomState::new();
        let [a, b, c, d, ..] = std::hash::BuildHasher::hash_one(&guess, std::process::id()).to_le_bytes();
        bytes = [a, b, c, d];
    }
    u32::from_le_bytes(bytes) | 1
}

/// The place of a user in a segment: FNV-1a 64 of company, `0xff`, user id, then the finalizer of MurmurHash3.
/// Part of the format. Never [`EVERYBODY`].
pub(super) fn place(company: &str, user: &str) -> u64 {
    let mut h = 0xcbf2_9ce4_8422_2325_u64;
    for &byte in company.as_bytes().iter().chain(&[0xff]).chain(user.as_bytes()) {
        h = (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h = (h ^ (h >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (h ^ (h >> 33)).min(EVERYBODY - 1)
}

/// The place of what is everybody's: gaps under the empty key.
pub(super) const EVERYBODY: u64 = u64::MAX;
