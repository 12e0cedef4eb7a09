//! Which token stands for which word, and which address for which address. Tokens are small letters, as many as the word
//! has bytes where that is possible, made from the word and a secret of the export: without the secret nobody can
//! tell them by trying all names and numbers. Two words never have the same token.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use blake2::Blake2sMac256;
use blake2::digest::{KeyInit, Mac};

/// The longest token, in bytes.
const LONGEST: usize = 32;
/// Candidates of one length before a longer one is taken.
const TRIES: u32 = 8;
/// So many words and addresses are remembered; those beyond have tokens too, but two may share one.
const MOST: usize = 200_000;

/// The table of one export.
#[derive(Debug)]
pub(super) struct Table {
    secret: [u8; 32],
    words: HashMap<Box<[u8]>, Word>,
    used: HashSet<Box<[u8]>>,
    addresses: HashMap<IpAddr, IpAddr>,
    used_addresses: HashSet<IpAddr>,
    /// Whether addresses are replaced too.
    pub(super) with_addresses: bool,
}

#[derive(Debug)]
struct Word {
    token: Box<[u8]>,
    /// It is a name or a number, to be replaced wherever it stands.
    is_name: bool,
}

impl Table {
    pub(super) fn new(secret: [u8; 32], with_addresses: bool) -> Self {
        Self {
            secret,
            words: HashMap::new(),
            used: HashSet::new(),
            addresses: HashMap::new(),
            used_addresses: HashSet::new(),
            with_addresses,
        }
    }

    /// The token of a word. Letter case does not matter.
    pub(super) fn token(&mut self, word: &[u8]) -> Box<[u8]> {
        let key = key(word);
        if let Some(known) = self.words.get(&key) {
            return known.token.clone();
        }
        let token = self.new_token(&key, word.len().min(LONGEST));
        if self.words.len() < MOST {
            self.used.insert(token.clone());
            self.words.insert(key, Word { token: token.clone(), is_name: false });
        }
        token
    }

    /// From now on the word is replaced wherever it stands.
    pub(super) fn learn(&mut self, word: &[u8]) {
        self.token(word);
        if let Some(known) = self.words.get_mut(&key(word)) {
            known.is_name = true;
        }
    }

    /// The token of a word that was learned.
    pub(super) fn learned(&self, word: &[u8]) -> Option<&[u8]> {
        self.words.get(&key(word)).filter(|known| known.is_name).map(|known| &*known.token)
    }

    fn new_token(&self, key: &[u8], length: usize) -> Box<[u8]> {
        let mut tries = 0_u32;
        loop {
            let more = usize::try_from(tries / TRIES).unwrap_or(0);
            let digest = self.digest(b"word", key, tries);
            let letters = digest.iter().map(|b| b'a' + b % 26);
            let token: Box<[u8]> = letters.take((length + more).min(LONGEST)).collect();
            // an original that stands as somebody's token could not be told from one that was forgotten
            let is_free = !self.used.contains(&token) && !self.words.contains_key(&token) && *token != *key;
            if is_free || more > LONGEST {
                return token;
            }
            tries += 1;
        }
    }

    /// The address that stands for another; of the networks that nobody has (RFC 2544, RFC 3849). What names no host
    /// stays.
    pub(super) fn address(&mut self, address: IpAddr) -> IpAddr {
        let address = address.to_canonical();
        if !self.with_addresses || address.is_loopback() || address.is_unspecified() || address.is_multicast()
        {
            return address;
        }
        if let Some(known) = self.addresses.get(&address) {
            return *known;
        }
        let mut tries = 0;
        let token = loop {
            let [a, b, c, d, ..] = self.digest(b"address", address.to_string().as_bytes(), tries);
            let token = match address {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::new(198, 18 + a % 2, b, c)),
                IpAddr::V6(_) => {
                    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
                    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, high, low))
                }
            };
            tries += 1;
            if !self.used_addresses.contains(&token) || tries > 64 {
                break token;
            }
        };
        if self.addresses.len() < MOST {
            self.addresses.insert(address, token);
            self.used_addresses.insert(token);
        }
        token
    }

    fn digest(&self, kind: &[u8], text: &[u8], tries: u32) -> [u8; 32] {
        let mut mac = Blake2sMac256::new(&self.secret.into());
        mac.update(kind);
        mac.update(&tries.to_le_bytes());
        mac.update(text);
        mac.finalize().into_bytes().into()
    }
}

/// A word in small letters.
fn key(word: &[u8]) -> Box<[u8]> {
    match std::str::from_utf8(word) {
        Ok(text) => text.to_lowercase().into_bytes().into(),
        Err(_) => word.to_ascii_lowercase().into(),
    }
}
