//! The segment that the log ends with: records are put behind its last one, into room that was made ahead.
//!
//! A file that grows with every record makes its size durable with every sync as well, and a file system has to write its journal for
//! that. So the file is filled with zeros ahead of the records, when nobody waits for them, and a sync has nothing to write but the
//! records. What is filled is durable before there are records in it; `crash` relies on zeros where nothing was written. Room that a
//! file system only promises (`fallocate`) does not do: the first write into each block has to be noted in the journal again.
//! A group that does not fit makes the file grow; it is large, and one more write is little to it.
//!
//! Not here: which records, and when they must be durable (`writer`).

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use super::LogError;
use super::recovery::segment_path;
use super::segment::{HEADER_BYTES, Header};
use crate::disk::{Disk, DiskError};
use crate::record::Lsn;

/// Most room behind the records, made anew when half of it is used: thousands of small records, and what a full disk has to have
/// free before a node goes on.
pub(super) const ROOM_BYTES: u64 = 1 << 20;

/// Most frame bytes put together before they are written: bounds the buffer, not the group commit.
const BUFFER_BYTES: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct OpenSegment {
    disk: Disk,
    path: PathBuf,
    file: File,
    header: Header,
    /// How far it holds records, and how long the file is.
    used_bytes: u64,
    file_bytes: u64,
    /// Frames not yet written to the file.
    buffer: Vec<u8>,
    /// How many records were taken in since the last sync.
    undurable: u32,
}

impl OpenSegment {
    pub(super) fn create(disk: &Disk, dir: &Path, first_lsn: Lsn) -> Result<Self, LogError> {
        let path = segment_path(dir, first_lsn);
        let header = Header::new(first_lsn);
        let file = disk.create_new(&path)?;
        disk.write_at(&file, &path, &header.encode(), 0)?;
        disk.sync_all(&file, &path)?;
        disk.sync_dir(dir)?;
        let bytes = HEADER_BYTES as u64;
        Ok(Self::new(disk, path, file, header, bytes))
    }

    /// Goes on with a segment at `bytes`, durably; what stood behind is gone. If it is of an old format, another takes its place.
    pub(super) fn reopen(
        disk: &Disk,
        path: PathBuf,
        header: Header,
        bytes: u64,
        next_lsn: Lsn,
    ) -> Result<Self, LogError> {
        let file = OpenOptions::new().write(true).open(&path).map_err(DiskError::write(&path))?;
        disk.set_len(&file, &path, bytes)?;
        disk.sync_all(&file, &path)?;
        if !header.is_old {
            return Ok(Self::new(disk, path, file, header, bytes));
        }
        if next_lsn == header.first_lsn {
            disk.remove(&path)?; // the new one will bear the same name
        }
        Self::create(disk, path.parent().expect("a segment lies in a directory"), next_lsn)
    }

    fn new(disk: &Disk, path: PathBuf, file: File, header: Header, bytes: u64) -> Self {
        let disk = disk.clone();
        OpenSegment { disk, path, file, header, used_bytes: bytes, file_bytes: bytes, buffer: Vec::new(), undurable: 0 }
    }

    pub(super) fn first_lsn(&self) -> Lsn {
        self.header.first_lsn
    }

    /// How many bytes its header and records take, what is not written yet included.
    pub(super) fn bytes(&self) -> u64 {
        self.used_bytes + self.buffer.len() as u64
    }

    pub(super) fn append(&mut self, record: &[u8]) -> Result<(), LogError> {
        let offset = self.bytes() as usize;
        self.header.encode_record(&mut self.buffer, offset, record, self.undurable);
        self.undurable += 1;
        if self.buffer.len() >= BUFFER_BYTES { self.write() } else { Ok(()) }
    }

    pub(super) fn write(&mut self) -> Result<(), LogError> {
        if !self.buffer.is_empty() {
            self.disk.write_at(&self.file, &self.path, &self.buffer, self.used_bytes)?;
        }
        self.used_bytes += self.buffer.len() as u64;
        self.file_bytes = self.file_bytes.max(self.used_bytes);
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_BYTES);
        Ok(())
    }

    pub(super) fn sync(&mut self) -> Result<(), LogError> {
        self.write()?;
        self.disk.sync_data(&self.file, &self.path)?;
        self.undurable = 0;
        Ok(())
    }

    /// Makes room for records to come, up to `limit` bytes of file, if there is little left.
    pub(super) fn make_room(&mut self, limit: u64) -> Result<(), LogError> {
        let end = limit.min(self.used_bytes + ROOM_BYTES);
        let has_enough = self.file_bytes >= self.used_bytes + ROOM_BYTES / 2;
        if has_enough || self.file_bytes >= end {
            return Ok(());
        }
        let zeros = vec![0; (end - self.file_bytes) as usize];
        self.disk.write_at(&self.file, &self.path, &zeros, self.file_bytes)?;
        self.disk.sync_data(&self.file, &self.path)?;
        self.file_bytes = end;
        Ok(())
    }

    /// Makes all durable and gives unused room back. Other segments may follow only then: all but the last end with a record.
    pub(super) fn finish(&mut self) -> Result<(), LogError> {
        self.write()?;
        if self.file_bytes > self.used_bytes {
            self.disk.set_len(&self.file, &self.path, self.used_bytes)?;
            self.file_bytes = self.used_bytes;
        }
        self.disk.sync_all(&self.file, &self.path)?;
        self.undurable = 0;
        Ok(())
    }
}
