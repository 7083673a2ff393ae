//! How records lie in a file: a header, then frames of length, checksum and payload.
//!
//! The checksums are salted per segment with a number that no client knows. So neither bytes that a client stored as a value nor
//! remains of another segment can pass for a record of this one.
//!
//! Since format 2, a frame tells how many records before it were not known to be durable when it was written, and its header lies
//! within one sector; what that is for is told in `crash`. Segments of format 1 are read, and not written on.
//!
//! Not here: which segments there are, and what to do about damage (`recovery`).

use std::ops::Range;

use crate::record::{Lsn, Record};
use crate::store::MAX_RECORD_BYTES;

const MAGIC: [u8; 8] = *b"INTRLOG\n";
const FORMAT: u32 = 2;
const OLD_FORMAT: u32 = 1;
pub(crate) const HEADER_BYTES: usize = 28;
/// Of a frame that is no record's: its length and its checksum.
pub(crate) const FRAME_HEADER_BYTES: usize = 8;
/// Of a record's frame: these, and how many before it were not durable.
pub(super) const RECORD_HEADER_BYTES: usize = 12;
/// What a disk writes as a whole or not at all. Many write more at once.
pub(super) const SECTOR_BYTES: usize = 512;

/// The first bytes of a segment: magic, format, salt, first LSN, CRC-32 of all that; little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) salt: u32,
    pub(crate) first_lsn: Lsn,
    /// Of format 1: frames have short headers, which may begin anywhere.
    pub(crate) is_old: bool,
}

/// A sound frame of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) begin: usize,
    pub(crate) payload: Range<usize>,
    /// How many records before it were not known to be durable when it was written.
    undurable: u32,
}

impl Header {
    /// Of a new segment.
    pub(crate) fn new(first_lsn: Lsn) -> Self {
        Header { salt: rand::random(), first_lsn, is_old: false }
    }

    /// In the present format.
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
        let format = u32_at(header, 8);
        if ![FORMAT, OLD_FORMAT].contains(&format) {
            return Err("the segment has a format that this program does not know");
        }
        let first_lsn = u64::from_le_bytes(*header[16..].first_chunk().expect("the header is long enough"));
        Ok(Header { salt: u32_at(header, 12), first_lsn, is_old: format == OLD_FORMAT })
    }

    /// Appends to `out` the frame of a record that is to stand at `offset` of this segment, and before it what keeps its header within
    /// a sector. So many records before it are not known to be durable.
    pub(crate) fn encode_record(self, out: &mut Vec<u8>, offset: usize, payload: &[u8], undurable: u32) {
        out.resize(out.len() + self.begin(offset) - offset, 0);
        put(out, self.salt, &undurable.to_le_bytes(), payload);
    }

    /// The frame at `offset`, where the one before it ends; `None` if there is no whole, sound one.
    pub(crate) fn frame_at(self, bytes: &[u8], offset: usize) -> Option<Frame> {
        let begin = self.begin(offset);
        if bytes.get(offset..begin)?.iter().any(|&byte| byte != 0) {
            return None;
        }
        let more = if self.is_old { 0 } else { RECORD_HEADER_BYTES - FRAME_HEADER_BYTES };
        let payload = sound(bytes, begin, self.salt, more)?;
        let undurable = if self.is_old { 0 } else { u32_at(bytes, begin + FRAME_HEADER_BYTES) };
        Some(Frame { begin, payload, undurable })
    }

    /// A frame of a record at `offset` that is whole by its length alone: what is to be taken for none, unless that defect is planted.
    pub(super) fn torn_frame_at(self, bytes: &[u8], offset: usize) -> Option<Frame> {
        let begin = self.begin(offset);
        let start = begin + RECORD_HEADER_BYTES;
        let payload = start..start + frame_length(bytes.get(begin..start)?)?;
        Record::decode(bytes.get(payload.clone())?)?;
        Some(Frame { begin, payload, undurable: 0 })
    }

    /// The first sound record that begins at or behind `offset`, with an LSN from `lsn` on. Looks at every byte, because a damaged
    /// length tells nothing about where the next frame is.
    pub(super) fn find_record(self, bytes: &[u8], offset: usize, lsn: Lsn) -> Option<(Frame, Record)> {
        (offset..bytes.len()).find_map(|at| {
            let frame = self.frame_at(bytes, at)?;
            let record = Record::decode(&bytes[frame.payload.clone()])?;
            (record.stamp.lsn >= lsn).then_some((frame, record))
        })
    }

    /// Where the frame begins that stands at `offset`: there, or at the next sector if its header would not be whole in this one.
    pub(super) fn begin(self, offset: usize) -> usize {
        let rest = SECTOR_BYTES - offset % SECTOR_BYTES;
        if !self.is_old && rest < RECORD_HEADER_BYTES { offset + rest } else { offset }
    }
}

impl Frame {
    /// How far the log was durable before the record of this frame was written.
    pub(super) fn durable_lsn(&self, record: &Record) -> Lsn {
        record.stamp.lsn.saturating_sub(1 + u64::from(self.undurable))
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("the caller checked the length"))
}

/// `more` is what stands between the checksum and the payload.
fn checksum(salt: u32, length: u32, more: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(&length.to_le_bytes());
    hasher.update(more);
    hasher.update(payload);
    hasher.finalize()
}

fn put(out: &mut Vec<u8>, salt: u32, more: &[u8], payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("records are bounded far below 4 GiB");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum(salt, length, more, payload).to_le_bytes());
    out.extend_from_slice(more);
    out.extend_from_slice(payload);
}

fn sound(bytes: &[u8], offset: usize, salt: u32, more: usize) -> Option<Range<usize>> {
    let start = offset + FRAME_HEADER_BYTES + more;
    let header = bytes.get(offset..start)?;
    let length = frame_length(header)?;
    let payload = start..start + length;
    let found = checksum(salt, length as u32, &header[FRAME_HEADER_BYTES..], bytes.get(payload.clone())?);
    (found == u32_at(header, 4)).then_some(payload)
}

/// Appends one frame to `out`.
pub(crate) fn encode_frame(out: &mut Vec<u8>, salt: u32, payload: &[u8]) {
    put(out, salt, &[], payload);
}

/// How long the payload of a frame is, by its first bytes; `None` if it cannot be.
pub(crate) fn frame_length(header: &[u8]) -> Option<usize> {
    Some(u32_at(header, 0) as usize).filter(|&length| length <= MAX_RECORD_BYTES)
}

/// The place of the payload of the frame at `offset` and where the next frame begins; `None` if there is no whole, sound frame.
pub(crate) fn frame_at(bytes: &[u8], offset: usize, salt: u32) -> Option<Range<usize>> {
    sound(bytes, offset, salt, 0)
}
