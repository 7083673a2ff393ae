//! The bytes of one file, and what a power failure would take back of them.
//!
//! The bytes lie in a file of the machine's disk as its readers see them. Beside them, in memory, is every change that was not
//! synced, with what stood there before: a sync forgets that, a power failure puts it back.
//!
//! Not here: the file's name (`volume`), and which sectors survive a power failure that tears (`torn`).

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use rand_chacha::ChaCha8Rng;

use super::torn::{Survivors, sectors};

/// A file's bytes.
#[derive(Debug)]
pub(super) struct Contents {
    path: PathBuf,
    /// While somebody uses it: a system has more files than a process may have open.
    file: Option<File>,
    length: u64,
    unsynced: Vec<Change>,
}

/// A change that was not synced, and what it replaced.
#[derive(Debug)]
pub(super) struct Change {
    /// Its place in the order of all changes of a volume.
    pub(super) number: u64,
    /// What was written; nothing, if only the length changed.
    pub(super) written: Range<u64>,
    pub(super) length_before: u64,
    pub(super) length_after: u64,
    /// What stood before from `old_begin` on, without the zeros at its end.
    old_begin: u64,
    old: Vec<u8>,
}

impl Change {
    /// What it takes in memory.
    pub(super) fn bytes(&self) -> u64 {
        (size_of::<Self>() + self.old.len()) as u64
    }

    /// The first byte that it may have changed.
    pub(super) fn first_byte(&self) -> u64 {
        self.old_begin.min(self.length_before)
    }

    /// What it replaced, as far as files had such bytes.
    fn replaced(&self) -> Range<u64> {
        let is_cut = self.length_after < self.length_before;
        if is_cut { self.length_after..self.length_before } else { self.written.clone() }
    }

    fn old_bytes(&self, range: Range<u64>) -> Vec<u8> {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        let from = ((range.start - self.old_begin) as usize).min(self.old.len());
        let known = &self.old[from..];
        let known = &known[..known.len().min(bytes.len())];
        bytes[..known.len()].copy_from_slice(known);
        bytes
    }
}

impl Contents {
    /// An empty file, kept at `path`.
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        File::create_new(&path)?;
        Ok(Self { path, file: None, length: 0, unsynced: Vec::new() })
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn unsynced(&self) -> &[Change] {
        &self.unsynced
    }

    /// Where the bytes are kept.
    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }

    fn file(&mut self) -> io::Result<&File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => File::options().read(true).write(true).open(&self.path)?,
        };
        Ok(self.file.insert(file))
    }

    /// Nobody uses it for now.
    pub(super) fn close(&mut self) {
        self.file = None;
    }

    /// The bytes from `offset` on, at most so many.
    pub(super) fn read(&mut self, offset: u64, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.length.saturating_sub(offset).min(most as u64) as usize];
        self.file()?.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    pub(super) fn write(&mut self, number: u64, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let old = self.read(offset, bytes.len())?;
        self.file()?.write_all_at(bytes, offset)?;
        let end = offset + bytes.len() as u64;
        self.change(number, offset..end, self.length.max(end), offset, old);
        Ok(())
    }

    pub(super) fn set_length(&mut self, number: u64, length: u64) -> io::Result<()> {
        let cut = self.read(length, usize::MAX)?;
        self.file()?.set_len(length)?;
        if length != self.length {
            self.change(number, 0..0, length, length, cut);
        }
        Ok(())
    }

    fn change(&mut self, number: u64, written: Range<u64>, length_after: u64, old_begin: u64, mut old: Vec<u8>) {
        old.truncate(old.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1));
        old.shrink_to_fit();
        self.unsynced.push(Change { number, written, length_before: self.length, length_after, old_begin, old });
        self.length = length_after;
    }

    /// Makes all of it durable. How many bytes of memory that frees.
    pub(super) fn sync(&mut self) -> u64 {
        self.unsynced.drain(..).map(|change| change.bytes()).sum()
    }

    /// Puts back what was not synced; some of it survives if the failure tears. The number of changes taken back, in part at least.
    pub(super) fn lose(&mut self, torn: Option<&mut ChaCha8Rng>) -> io::Result<usize> {
        let changes = std::mem::take(&mut self.unsynced);
        let Some(first) = changes.first() else { return Ok(0) };
        let survivors = torn.map_or_else(Survivors::none, |rng| Survivors::draw(&changes, rng));
        let length = survivors.length(&changes, first.length_before);
        let mut lost = 0;
        // Behind where the file was cut, and stayed so, nothing is put back.
        let mut end = u64::MAX;
        let file = self.file()?;
        for (index, change) in changes.iter().enumerate().rev() {
            let is_cut = change.length_after < change.length_before;
            if is_cut && survivors.has_length(index) {
                end = end.min(change.length_after);
                continue;
            }
            let mut is_lost = change.written.is_empty() && !survivors.has_length(index);
            for piece in sectors(change.replaced()).filter(|piece| is_cut || !survivors.has_sector(index, piece.start))
            {
                is_lost = true;
                if piece.start < end {
                    file.write_all_at(&change.old_bytes(piece.start..piece.end.min(end)), piece.start)?;
                }
            }
            lost += usize::from(is_lost);
        }
        file.set_len(length)?;
        self.length = length;
        Ok(lost)
    }

    /// Changes one bit where nothing knows of it. What the byte is now.
    pub(super) fn flip(&mut self, offset: u64, bit: u8) -> io::Result<u8> {
        let mut byte = [0];
        let file = self.file()?;
        file.read_exact_at(&mut byte, offset)?;
        file.write_all_at(&[byte[0] ^ 1 << bit], offset)?;
        file.read_exact_at(&mut byte, offset)?;
        Ok(byte[0])
    }

    /// Removes it from the machine's disk.
    pub(super) fn remove(self) -> io::Result<()> {
        fs::remove_file(self.path)
    }
}
