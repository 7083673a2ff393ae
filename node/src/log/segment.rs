//! How records lie in a file: a header, then frames of length, checksum and payload.
//!
//! The checksums are salted per segment with a number that no client knows. So neither bytes that a client stored as a value nor
//! remains of another segment can pass for a record of this one.
//!
//! Not here: which segments there are, and what to do about damage (`recovery`).

use crate::record::{Lsn, Record};
use crate::store::MAX_RECORD_BYTES;

const MAGIC: [u8; 8] = *b"INTRLOG\n";
const FORMAT: u32 = 1;
pub(crate) const HEADER_BYTES: usize = 28;
pub(crate) const FRAME_HEADER_BYTES: usize = 8;

/// The first bytes of a segment: magic, format, salt, first LSN, CRC-32 of all that; little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) salt: u32,
    pub(crate) first_lsn: Lsn,
}

impl Header {
    pub(crate) fn encode(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.salt.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first_lsn.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..24]);
        bytes[24..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or("the segment's header is cut off")?;
        if header[..8] != MAGIC {
            return Err("this is no log segment");
        }
        if crc32fast::hash(&header[..24]) != u32_at(header, 24) {
            return Err("the segment's header has a wrong checksum");
        }
        if u32_at(header, 8) != FORMAT {
            return Err("the segment has a format that this program does not know");
        }
        let first_lsn = u64::from_le_bytes(*header[16..].first_chunk().expect("the header is long enough"));
        Ok(Header { salt: u32_at(header, 12), first_lsn })
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("the caller checked the length"))
}

fn checksum(salt: u32, length: u32, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(&length.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// Appends one frame to `out`.
pub(crate) fn encode_frame(out: &mut Vec<u8>, salt: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("records are bounded far below 4 GiB");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum(salt, length, payload).to_le_bytes());
    out.extend_from_slice(payload);
}

/// How long the payload of a frame is, by its first bytes; `None` if it cannot be.
pub(crate) fn frame_length(header: &[u8]) -> Option<usize> {
    Some(u32_at(header, 0) as usize).filter(|&length| length <= MAX_RECORD_BYTES)
}

/// The place of the payload of the frame at `offset` and where the next frame begins; `None` if there is no whole, sound frame.
pub(crate) fn frame_at(bytes: &[u8], offset: usize, salt: u32) -> Option<std::ops::Range<usize>> {
    let header = bytes.get(offset..offset + FRAME_HEADER_BYTES)?;
    let length = frame_length(header)?;
    let start = offset + FRAME_HEADER_BYTES;
    let payload = start..start + length;
    (checksum(salt, length as u32, bytes.get(payload.clone())?) == u32_at(header, 4)).then_some(payload)
}

/// Where, behind `offset`, a sound record with an LSN from `lsn` on begins. Looks at every byte, because a damaged length tells
/// nothing about where the next frame is.
pub(crate) fn find_record(bytes: &[u8], offset: usize, salt: u32, lsn: Lsn) -> Option<usize> {
    (offset..bytes.len()).find(|&at| {
        frame_at(bytes, at, salt)
            .and_then(|payload| Record::decode(&bytes[payload]))
            .is_some_and(|record| record.stamp.lsn >= lsn)
    })
}
