//! Looking at a log without touching it: what stands where in its segments. It serves people and positions by file and offset.
//!
//! Not here: recovery, which refuses what this only names.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::LogError;
use super::recovery::segments;
use super::segment::{HEADER_BYTES, Header, find_record, frame_at};
use crate::record::{Lsn, Record};

/// One thing in a segment, in the order of its bytes.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A sound record and where its frame begins.
    Record { offset: usize, record: Box<Record> },
    /// Bytes that are no sound record, up to the next one or, `at_end`, to the end of the file.
    Unsound { offset: usize, bytes: usize, what: &'static str, at_end: bool },
}

/// The segments of a log directory by their first LSN, in order.
pub(crate) fn segment_files(log: &Path) -> Result<Vec<(Lsn, PathBuf)>, LogError> {
    segments(log)
}

/// Goes through one segment, which is read at once; segments are of the size that `--segment-bytes` says.
#[derive(Debug)]
pub(crate) struct SegmentReader {
    bytes: Bytes,
    salt: u32,
    at: usize,
    /// The header is of no use, so nothing is: without its salt no record can be told from other bytes.
    unreadable: Option<&'static str>,
}

impl SegmentReader {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let bytes = Bytes::from(std::fs::read(path)?);
        Ok(match Header::decode(&bytes) {
            Ok(header) => SegmentReader { bytes, salt: header.salt, at: HEADER_BYTES, unreadable: None },
            Err(what) => SegmentReader { bytes, salt: 0, at: 0, unreadable: Some(what) },
        })
    }

    fn unsound(&mut self, end: usize, what: &'static str) -> Entry {
        let (offset, at_end) = (self.at, end == self.bytes.len());
        self.at = end;
        Entry::Unsound { offset, bytes: end - offset, what, at_end }
    }
}

impl Iterator for SegmentReader {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        if let Some(what) = self.unreadable.take() {
            return Some(self.unsound(self.bytes.len(), what));
        }
        if self.at >= self.bytes.len() {
            return None;
        }
        let sound = frame_at(&self.bytes, self.at, self.salt);
        let record = sound.and_then(|payload| Some((payload.end, Record::decode(&self.bytes[payload])?)));
        Some(if let Some((end, record)) = record {
            let offset = std::mem::replace(&mut self.at, end);
            Entry::Record { offset, record: Box::new(record) }
        } else {
            let next = find_record(&self.bytes, self.at + 1, self.salt, 0);
            self.unsound(next.unwrap_or(self.bytes.len()), "no sound record here")
        })
    }
}
