//! Where the bytes are that give a message its structure: line breaks, `:`, `=`, `@` and `%`, one bit for each byte
//! of the message, found 16 bytes at a time. The drain marks a packet once; the scanner and the redactor then go
//! from mark to mark instead of from byte to byte. Must never allocate once it has grown to the longest message.

use wide::u8x16;

use super::line::{Logical, byte, is_blank, slice};

/// Bytes, and bits, of a block.
const BLOCK: usize = 64;

/// A bit for each byte of a block; the first byte's is the lowest.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Block {
    /// CR and LF.
    pub(super) breaks: u64,
    /// `:`
    pub(super) colons: u64,
    /// `=`
    pub(super) equals: u64,
    /// `@`
    pub(super) ats: u64,
    /// `%`
    pub(super) escapes: u64,
}

/// The marks of one message. Made to be used again: [`Marks::read`] forgets the message before.
#[derive(Debug, Default)]
pub(super) struct Marks {
    blocks: Vec<Block>,
    len: usize,
}

impl Marks {
    /// The marks of `data`.
    pub(super) fn of(data: &[u8]) -> Self {
        let mut marks = Self::default();
        marks.read(data);
        marks
    }

    /// Marks `data`. Cost: 0.1 ns a byte.
    pub(super) fn read(&mut self, data: &[u8]) {
        self.len = data.len();
        self.blocks.clear();
        let (whole, rest) = data.as_chunks::<BLOCK>();
        self.blocks.extend(whole.iter().map(block));
        let mut last = [0; BLOCK];
        for (slot, &b) in last.iter_mut().zip(rest) {
            *slot = b;
        }
        self.blocks.push(block(&last));
        // so that a window always finds two
        self.blocks.push(Block::default());
    }

    /// The marks of the 64 bytes from `at` on; the byte at `at` has the lowest bit. None past the end.
    pub(super) fn window(&self, at: usize, kind: impl Fn(&Block) -> u64) -> u64 {
        let (first, shift) = (at / BLOCK, at % BLOCK);
        match self.blocks.get(first..first + 2) {
            Some([low, high]) => kind(low) >> shift | kind(high) << 1 << (BLOCK - 1 - shift),
            _ => 0,
        }
    }

    /// All kinds of marks of the 64 bytes from `at` on.
    pub(super) fn windows(&self, at: usize) -> Block {
        Block {
            breaks: self.window(at, |b| b.breaks),
            colons: self.window(at, |b| b.colons),
            equals: self.window(at, |b| b.equals),
            ats: self.window(at, |b| b.ats),
            escapes: self.window(at, |b| b.escapes),
        }
    }

    /// As [`super::line::physical`].
    pub(super) fn physical(&self, data: &[u8], from: usize) -> (usize, usize) {
        let mut at = from;
        while at < self.len {
            let breaks = self.window(at, |b| b.breaks);
            if breaks != 0 {
                let end = at + offset(breaks);
                let crlf = byte(data, end) == b'\r' && byte(data, end + 1) == b'\n';
                return (end, end + 1 + usize::from(crlf));
            }
            at += BLOCK;
        }
        (self.len, self.len)
    }

    /// The line at `from` with its continuation lines. An empty line has none.
    pub(super) fn logical(&self, data: &[u8], from: usize) -> Logical {
        let (mut end, mut next) = self.physical(data, from);
        let (mut folded, mut hollow) = (false, None);
        while end > from && is_blank(byte(data, next)) {
            let (text, after) = self.physical(data, next);
            if hollow.is_none() && slice(data, next, text).iter().all(|&b| is_blank(b)) {
                hollow = Some(after);
            }
            (end, next, folded) = (text, after, true);
        }
        Logical { end, next, folded, hollow }
    }
}

/// Place of the lowest bit.
pub(super) fn offset(bits: u64) -> usize {
    usize::try_from(bits.trailing_zeros()).unwrap_or(BLOCK)
}

fn block(bytes: &[u8; BLOCK]) -> Block {
    let mut block = Block::default();
    for (n, &part) in bytes.as_chunks::<16>().0.iter().enumerate() {
        let part = u8x16::new(part);
        let is = |b: u8| part.simd_eq(u8x16::splat(b));
        let put = |bits: &mut u64, found: u8x16| *bits |= u64::from(found.to_bitmask()) << (n * 16);
        put(&mut block.breaks, is(b'\r') | is(b'\n'));
        put(&mut block.colons, is(b':'));
        put(&mut block.equals, is(b'='));
        put(&mut block.ats, is(b'@'));
        put(&mut block.escapes, is(b'%'));
    }
    block
}
