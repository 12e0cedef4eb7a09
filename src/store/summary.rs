//! What a segment says of itself without its runs: the companies in it and their shares, the stretches of time it
//! was merged of, the segments it replaces, and where its table of users is. Pure; read by [`super::segment`].
//!
//! Version 2 on disk: companies (count, then name and bytes of each), parts (count, then `u64 u64 i64 i64 i64` of
//! each), replaced numbers (count, then `u64` of each), the table's `offset u64`, `length u32`, `crc u32`; it may
//! grow at its end. Version 1 was the companies' names alone. Table: for each user, by place, the company's index,
//! the user's id, the bytes.

use std::sync::Arc;

use super::age::Stretch;
use super::segment::Facts;
use super::wire::{Reader, put_bytes, put_size, put_varint};
use crate::clock::Timestamp;

/// Records of one journal within a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) seqs: (u64, u64),
    pub(super) stretch: Stretch,
}

/// A company within a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Company {
    pub(super) name: Arc<str>,
    /// Bytes before compression of its records; 0: not known.
    pub(super) raw: u64,
}

/// Where the table of users is: offset, length, checksum.
pub(super) type Place = (u64, u32, u32);

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Summary {
    pub(super) companies: Vec<Company>,
    /// Never empty; by seq.
    pub(super) parts: Vec<Part>,
    /// Segments, and their journals, that this one stands for.
    pub(super) replaces: Vec<u64>,
    /// `None`: of version 1, or lost.
    pub(super) table: Option<Place>,
}

impl Summary {
    /// What is known when there is nothing but the facts and the companies' names.
    pub(super) fn bare(facts: &Facts, companies: impl IntoIterator<Item = Arc<str>>) -> Self {
        let companies = companies.into_iter().map(|name| Company { name, raw: 0 }).collect();
        let parts = vec![Part { seqs: facts.seqs, stretch: facts.stretch }];
        Self { companies, parts, replaces: Vec::new(), table: None }
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_size(out, self.companies.len());
        for company in &self.companies {
            put_bytes(out, company.name.as_bytes());
            put_varint(out, company.raw);
        }
        put_size(out, self.parts.len());
        for Part { seqs, stretch } in &self.parts {
            for value in [seqs.0, seqs.1] {
                out.extend_from_slice(&value.to_le_bytes());
            }
            for value in [stretch.from, stretch.to, stretch.skew] {
                out.extend_from_slice(&value.to_le_bytes());
            }
        }
        put_size(out, self.replaces.len());
        for number in &self.replaces {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let (offset, length, crc) = self.table.unwrap_or_default();
        out.extend_from_slice(&offset.to_le_bytes());
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&crc.to_le_bytes());
    }

    pub(super) fn take(version: u16, facts: &Facts, bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        if version == 1 {
            let mut names = Vec::new();
            while !reader.0.is_empty() {
                names.push(reader.str()?.into());
            }
            return Some(Self::bare(facts, names));
        }
        let mut companies = Vec::new();
        for _ in 0..reader.varint()? {
            companies.push(Company { name: reader.str()?.into(), raw: reader.varint()? });
        }
        let mut parts = Vec::new();
        for _ in 0..reader.varint()? {
            let seqs = (reader.u64()?, reader.u64()?);
            let stretch = Stretch { from: reader.i64()?, to: reader.i64()?, skew: reader.i64()? };
            parts.push(Part { seqs, stretch });
        }
        let mut replaces = Vec::new();
        for _ in 0..reader.varint()? {
            replaces.push(reader.u64()?);
        }
        let table = (reader.u64()?, reader.u32()?, reader.u32()?);
        (!parts.is_empty()).then_some(Self { companies, parts, replaces, table: Some(table) })
    }

    /// When the record of this seq happened, in ring time.
    pub(super) fn ring(&self, seq: u64, time: Timestamp) -> i64 {
        let at = self.parts.partition_point(|part| part.seqs.1 < seq);
        let part = self.parts.get(at).or(self.parts.last());
        part.map_or(i64::MAX, |part| part.stretch.ring(time))
    }

    /// Bytes before compression of all companies.
    pub(super) fn raw(&self) -> u64 {
        self.companies.iter().fold(0, |sum, company| sum.saturating_add(company.raw))
    }

    pub(super) fn has(&self, company: &str) -> bool {
        self.companies.iter().any(|known| *known.name == *company)
    }
}

/// One user's line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holding<'a> {
    /// Index into the summary's companies.
    pub(super) company: usize,
    pub(super) user: &'a str,
    /// Bytes before compression.
    pub(super) raw: u64,
}

impl Holding<'_> {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_size(out, self.company);
        put_bytes(out, self.user.as_bytes());
        put_varint(out, self.raw);
    }
}

/// The lines of a table, by place; ends early when they can't be read.
pub(super) fn holdings(table: &[u8]) -> impl Iterator<Item = Holding<'_>> {
    let mut reader = Reader(table);
    std::iter::from_fn(move || {
        Some(Holding { company: reader.size()?, user: reader.str()?, raw: reader.varint()? })
    })
}
