//! Looking at a log without touching it: what stands where in its segments. It serves people and positions by file and offset.
//!
//! Not here: recovery, which refuses what this only names.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::LogError;
use super::crash::{Unsound, unsound};
use super::recovery::segments;
use super::segment::{HEADER_BYTES, Header};
use crate::record::{Lsn, Record};

/// One thing in a segment, in the order of its bytes.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A sound record and where its frame begins.
    Record { offset: usize, record: Box<Record> },
    /// What a crash left: the end of the last segment, unfinished.
    Torn { offset: usize, bytes: usize },
    /// Bytes that are no sound record, up to the next one or the end of the file.
    Damaged { offset: usize, bytes: usize, what: &'static str },
}

/// The segments of a log directory by their first LSN, in order.
pub(crate) fn segment_files(log: &Path) -> Result<Vec<(Lsn, PathBuf)>, LogError> {
    segments(log)
}

/// Goes through one segment, which is read at once; segments are of the size that `--segment-bytes` says.
#[derive(Debug)]
pub(crate) struct SegmentReader {
    bytes: Bytes,
    /// `None` if it is of no use. Then nothing is: without its salt no record can be told from other bytes.
    header: Option<Header>,
    is_last: bool,
    at: usize,
    next_lsn: Lsn,
}

impl SegmentReader {
    /// Only the last segment of a log may have an unfinished end, and room for records to come.
    pub(crate) fn open(path: &Path, is_last: bool) -> io::Result<Self> {
        let bytes = Bytes::from(std::fs::read(path)?);
        let header = Header::decode(&bytes).ok();
        let (at, next_lsn) = header.map_or((0, 0), |header| (HEADER_BYTES, header.first_lsn));
        Ok(SegmentReader { bytes, header, is_last, at, next_lsn })
    }

    /// Goes on at `end`. Returns where this was, and how many bytes are left behind.
    fn skip_to(&mut self, end: usize) -> (usize, usize) {
        let offset = std::mem::replace(&mut self.at, end);
        (offset, end - offset)
    }

    fn no_record(&mut self, header: Header) -> Option<Entry> {
        let length = self.bytes.len();
        let end = match unsound(&self.bytes, header, self.at, self.next_lsn) {
            Unsound::Room if self.is_last => return None,
            Unsound::Torn if self.is_last => {
                let (offset, bytes) = self.skip_to(length);
                return Some(Entry::Torn { offset, bytes });
            }
            _ => header.find_record(&self.bytes, self.at + 1, 0).map_or(length, |(frame, _)| frame.begin),
        };
        let (offset, bytes) = self.skip_to(end);
        Some(Entry::Damaged { offset, bytes, what: "no sound record here" })
    }
}

impl Iterator for SegmentReader {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let Some(header) = self.header else {
            let what = Header::decode(&self.bytes).expect_err("it could not be decoded before");
            let (offset, bytes) = self.skip_to(self.bytes.len());
            let is_unfinished = self.is_last && bytes <= HEADER_BYTES;
            return Some(if is_unfinished {
                Entry::Torn { offset, bytes }
            } else {
                Entry::Damaged { offset, bytes, what }
            });
        };
        let sound = header.frame_at(&self.bytes, self.at);
        let sound = sound.and_then(|frame| Some((Record::decode(&self.bytes[frame.payload.clone()])?, frame)));
        let Some((record, frame)) = sound else { return self.no_record(header) };
        self.at = frame.payload.end;
        self.next_lsn = record.stamp.lsn + 1;
        Some(Entry::Record { offset: frame.begin, record: Box::new(record) })
    }
}
