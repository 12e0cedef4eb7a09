//! Writes files of a ring of version 1 around any bytes, with checksums that are right: what a fuzzer could never hit.

const SALT: u32 = 0x1234_5679;
/// When the records of these files are, about: 1,700,000,000 s.
pub(super) const START: i64 = 1_700_000_000_000_000;

fn crc(salt: u32, parts: &[&[u8]]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().to_le_bytes()
}

fn short(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap().to_le_bytes()
}

/// A journal whose frames hold these records.
pub(super) fn journal(records: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut header = b"USRMONJ\n".to_vec();
    header.extend_from_slice(&1u16.to_le_bytes());
    header.extend_from_slice(&61u16.to_le_bytes());
    header.extend_from_slice(&SALT.to_le_bytes());
    header.extend_from_slice(&7u64.to_le_bytes());
    for stamp in [0, START, 0, 0] {
        header.extend_from_slice(&stamp.to_le_bytes());
    }
    header.push(0);
    header.extend_from_slice(&crc(0, &[&header]));
    let mut file = [header.as_slice(), &header].concat();
    for record in records {
        file.extend_from_slice(&(SALT.rotate_left(11) ^ 0x5553_4a4d).to_le_bytes());
        file.extend_from_slice(&short(record.len()));
        file.extend_from_slice(&crc(SALT, &[&short(record.len()), &record]));
        file.extend_from_slice(&record);
    }
    file
}

/// A segment whose one run unpacks to `raw`; with an index and a summary of these bytes, if there are any.
pub(super) fn segment(raw: &[u8], tail: Option<(&[u8], &[u8])>) -> Vec<u8> {
    let mut header = b"USRMONS\n".to_vec();
    header.extend_from_slice(&1u16.to_le_bytes());
    header.extend_from_slice(&100u16.to_le_bytes());
    header.extend_from_slice(&SALT.to_le_bytes());
    for value in [7, 3, 3, 1, 3] {
        header.extend_from_slice(&u64::to_le_bytes(value));
    }
    for value in [START - 1_000_000, START + 1_000_000, 0, 1_000, START] {
        header.extend_from_slice(&i64::to_le_bytes(value));
    }
    header.extend_from_slice(&crc(0, &[&header]));
    assert_eq!(header.len(), 100);
    let mut file = header.clone();
    let packed = zstd::bulk::compress(raw, 1).unwrap();
    let mut head = (SALT.rotate_left(17) ^ 0x5553_4d52).to_le_bytes().to_vec();
    head.extend_from_slice(&short(packed.len()));
    head.extend_from_slice(&short(raw.len()));
    head.extend_from_slice(&short(3));
    head.push(1);
    head.extend_from_slice(&crc(SALT, &[&head, &packed]));
    file.extend_from_slice(&head);
    file.extend_from_slice(&packed);
    if let Some((index, summary)) = tail {
        let offset = u64::try_from(file.len()).unwrap();
        file.extend_from_slice(index);
        file.extend_from_slice(summary);
        let mut footer = offset.to_le_bytes().to_vec();
        footer.extend_from_slice(&short(index.len()));
        footer.extend_from_slice(&crc(0, &[index]));
        footer.extend_from_slice(&short(summary.len()));
        footer.extend_from_slice(&crc(0, &[summary]));
        footer.extend_from_slice(&header);
        footer.extend_from_slice(&crc(0, &[&footer]));
        footer.extend_from_slice(b"USRMONE\n");
        file.extend_from_slice(&footer);
    }
    file
}

/// The places where a fuzzer's bytes change a file: pairs of an offset (three bytes) and what stands there then.
pub(super) fn edited(file: &[u8], edits: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    for edit in edits.chunks_exact(4) {
        let at = usize::from(edit[0]) | usize::from(edit[1]) << 8 | usize::from(edit[2]) << 16;
        match (edit[2] >> 7, file.len()) {
            (_, 0) => {}
            (0, length) => file[at % length] ^= edit[3],
            (_, length) => file.truncate(at % length),
        }
    }
    file
}
