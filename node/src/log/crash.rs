//! What a crash can leave at the end of a log, told apart from damage.
//!
//! A *group* is what was written between two syncs that succeeded. Before a group is written, all before it is durable; so only the
//! last group can be unfinished. Of that, a power failure leaves any choice of sectors, each as it was after one of the writes to
//! it, for nobody says in which order they reach the disk. What was never written reads as zeros, because the file was filled with
//! them ahead of its records, or ended before. So a record can be missing while one behind it is there, and that has to be cut off.
//! But a durable record that was changed must be refused, since it may have been acknowledged. Two things tell one from the other:
//!
//! - *What was durable.* Every record says how far the log was durable before it was written. If any sound record behind this place
//!   says that the record missing here was, this is damage.
//! - *The missing sector.* Of a record that a crash left unfinished, at least one sector is as it was before: zeros from where the
//!   record begins, or from where the sector does, to the sector's end. Writes end where records do, and the header of a record lies
//!   within one sector, so that this takes all twelve bytes of it or 512 of its payload. A record that lacks nothing so
//!   large was on the disk, and was changed there.
//!
//! What remains is a record of the last group, not the last of it, that has 512 zeros of its own in one sector, and was changed
//! elsewhere: it is taken for unfinished. (etcd's `isTornEntry` looks for zeros in the same way, and at nothing else.) Damage in the
//! very last record cannot be told from a torn write at all.
//!
//! Segments of format 1 say nothing of what was durable. There, a sound record behind is damage, as it was when they were written.

use super::segment::{Frame, Header, RECORD_HEADER_BYTES, SECTOR_BYTES, frame_length};
use crate::record::{Lsn, Record};

/// What stands in the last segment where a sound record should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsound {
    /// Zeros up to the end: room for records to come.
    Room,
    /// The end of a group that was being written.
    Torn,
    /// Something that was durable. The record at byte `behind` shows it.
    Damaged { behind: usize },
}

/// Says what the bytes from `offset` on are, where the record of that LSN would stand if it were sound.
pub(crate) fn unsound(bytes: &[u8], header: Header, offset: usize, lsn: Lsn) -> Unsound {
    if is_blank(bytes, offset, bytes.len()) {
        return Unsound::Room;
    }
    let Some(first) = header.find_record(bytes, offset + 1, lsn) else { return Unsound::Torn };
    let behind = first.0.begin;
    if header.is_old || !misses_a_sector(bytes, header.begin(offset), behind) {
        return Unsound::Damaged { behind };
    }
    let next = |(frame, _): &(Frame, Record)| header.find_record(bytes, frame.payload.end, lsn);
    let mut sound = std::iter::successors(Some(first), next);
    match sound.find(|(frame, record)| frame.durable_lsn(record) >= lsn) {
        Some((frame, _)) => Unsound::Damaged { behind: frame.begin },
        None => Unsound::Torn,
    }
}

/// Whether a sector of the record that begins here was never written. It ends before the sound one that begins `behind`.
fn misses_a_sector(bytes: &[u8], begin: usize, behind: usize) -> bool {
    let Some(frame) = bytes.get(begin..behind).filter(|frame| frame.len() >= RECORD_HEADER_BYTES) else { return false };
    let second_sector = begin - begin % SECTOR_BYTES + SECTOR_BYTES;
    if is_blank(frame, 0, RECORD_HEADER_BYTES) {
        return is_blank(bytes, begin, second_sector);
    }
    // The first sector was written, so the length in it can be believed.
    let Some(length) = frame_length(frame) else { return false };
    let end = behind.min(begin + RECORD_HEADER_BYTES + length);
    (second_sector..end).step_by(SECTOR_BYTES).any(|sector| is_blank(bytes, sector, sector + SECTOR_BYTES))
}

fn is_blank(bytes: &[u8], from: usize, to: usize) -> bool {
    let to = to.min(bytes.len());
    bytes[from.min(to)..to].iter().all(|&byte| byte == 0)
}
