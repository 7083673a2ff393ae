//! A node's copy of the storage file, byte for byte, in memory above what is on the disk.
//!
//! On the disk are `pages`, the bytes, and `position`, which says of which LSN they are and how long the file is. The order of durable
//! steps, so that a crash at any of them is repaired by replaying the log from `position` on, whose records are bytes and may be made
//! any number of times:
//!
//! - A checkpoint to LSN n: (0) the log is durable up to n; (1) pages changed since the last one are written in place; (2) fsync;
//!   (3) `position` says n. Before (3), every byte that may be of either time is in a record behind the old position.
//! - A rewind below what is on the disk, to LSN m: (1) `position` says m; (2) pages changed back are written; (3) fsync; and only then
//!   (4) is the log cut. Before (4), every byte that may be of either time is in a record behind m, which the log still has.
//! - A replacement by other bytes: (1) `position` is removed, (2) all pages are written, (3) fsync, (4) `position` is there again.
//!   Without a position the pages count for nothing.
//!
//! Not here: what the bytes mean (`overlay` shows them to the storage engine).

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::data_dir::{replace_file, sync_dir};
use crate::delta::{Delta, Write};
use crate::record::{Lsn, Position, Value};
use crate::store::layers::Layers;

pub(super) const PAGE_BYTES: usize = 4096;

/// Pages that a file can have: 1 TiB of them. Whoever repairs a page behind that is mistaken.
const MAX_PAGES: u64 = 1 << 28;

/// A piece of the file that is loaded, changed and written as a whole.
pub(super) type Page = Arc<[u8; PAGE_BYTES]>;

/// What the file `position` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    format: String,
    position: Position,
    length: u64,
}

#[derive(Debug)]
pub(crate) struct Image {
    dir: PathBuf,
    pages: File,
    /// What the storage engine's bytes depend on; others' bytes are of no use.
    format: String,
    layers: Layers<u64, Page>,
    /// How long the storage engine believes the file to be. What is behind that stays until it is overwritten, on all nodes alike;
    /// the storage engine treats what is behind its end as it does a free page, which is to say that it never reads it.
    length: u64,
    kept: Position,
    sealed_length: u64,
}

impl Image {
    /// Opens the image in `dir`, an empty one if there is none.
    pub(super) fn open(dir: &Path, format: &str) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let pages = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(dir.join("pages"))?;
        let place = match fs::read(dir.join("position")) {
            Ok(bytes) => {
                parse(&bytes).ok_or_else(|| io::Error::other("`position` is damaged; empty this directory"))?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                pages.set_len(0)?;
                Place { format: format.to_owned(), position: Position::default(), length: 0 }
            }
            Err(error) => return Err(error),
        };
        if place.format != format {
            let what = format!("its bytes are of the format `{}`, this program's are `{format}`", place.format);
            return Err(io::Error::other(what));
        }
        sync_dir(dir)?;
        let Place { position, length, .. } = place;
        Ok(Image {
            dir: dir.to_owned(),
            pages,
            format: format.to_owned(),
            layers: Layers::default(),
            length,
            kept: position,
            sealed_length: length,
        })
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn kept(&self) -> Position {
        self.kept
    }

    /// The page with this number; zeros where nothing was ever written.
    pub(super) fn page(&self, number: u64) -> io::Result<Page> {
        match self.layers.get(&number) {
            Some(page) => Ok(Arc::clone(page)),
            None => load(&self.pages, number),
        }
    }

    pub(super) fn apply(&mut self, delta: &Delta) -> io::Result<()> {
        self.length = delta.length_after;
        delta.forward().try_for_each(|write| self.write(&write))
    }

    pub(super) fn undo(&mut self, delta: &Delta) -> io::Result<()> {
        self.length = delta.length_before;
        delta.backward().try_for_each(|write| self.write(&write))
    }

    /// Puts a row of a snapshot (`super::LENGTH`) in its place; `None` stands for zeros. What is no such row is passed over.
    pub(super) fn put(&mut self, key: &Bytes, row: Option<&Value>) -> io::Result<()> {
        let bytes = match row {
            Some(Value::String(bytes)) => Some(&bytes[..]),
            _ => None,
        };
        match (key[..].try_into().map(u64::from_be_bytes), bytes) {
            (Ok(number), _) if number < MAX_PAGES && bytes.is_none_or(|bytes| bytes.len() == PAGE_BYTES) => {
                self.write(&Write { offset: number * PAGE_BYTES as u64, length: PAGE_BYTES, bytes })
            }
            (Err(_), Some(bytes)) if key == super::LENGTH => {
                self.length = bytes.try_into().map_or(self.length, u64::from_be_bytes);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn write(&mut self, write: &Write) -> io::Result<()> {
        let (mut done, mut failure) = (0, None);
        while done < write.length {
            let at = write.offset + done as u64;
            let (number, start) = (at / PAGE_BYTES as u64, (at % PAGE_BYTES as u64) as usize);
            let count = (PAGE_BYTES - start).min(write.length - done);
            let page = self.layers.change(&number, || {
                load(&self.pages, number).unwrap_or_else(|error| {
                    failure = Some(error);
                    Arc::new([0; PAGE_BYTES])
                })
            });
            let place = &mut Arc::make_mut(page)[start..start + count];
            match write.bytes {
                Some(bytes) => place.copy_from_slice(&bytes[done..done + count]),
                None => place.fill(0),
            }
            done += count;
        }
        failure.map_or(Ok(()), Err)
    }

    /// What is changed by now is the change of records up to `position`, and is to be kept.
    pub(super) fn seal(&mut self, position: Position) {
        if self.layers.seal(position) {
            self.sealed_length = self.length;
        }
    }

    /// The log is durable up to there: writes the sealed pages down if it is durable as far as they reach.
    pub(super) fn log_is_durable(&mut self, lsn: Lsn) -> io::Result<()> {
        if let Some(sealed) = self.layers.due(lsn) {
            let position = sealed.position;
            for (number, page) in &*sealed.changed {
                self.pages.write_all_at(&page[..], number * PAGE_BYTES as u64)?;
            }
            self.pages.sync_data()?;
            self.save(position, self.sealed_length)?;
            self.layers.written();
        }
        Ok(())
    }

    /// Records behind `left` were undone: the order of steps is above.
    pub(super) fn rewound(&mut self, left: Position) -> io::Result<()> {
        self.layers.unseal();
        if self.kept.lsn > left.lsn {
            self.save(left, self.length)?;
            self.keep(left)?;
        }
        Ok(())
    }

    /// Writes everything down; the log is durable up to `position`.
    pub(super) fn keep(&mut self, position: Position) -> io::Result<()> {
        self.layers.unseal();
        self.seal(position);
        self.log_is_durable(position.lsn)
    }

    /// Holds these pages and zeros everywhere else.
    pub(super) fn replace(
        &mut self,
        pages: impl Iterator<Item = (u64, Page)>,
        length: u64,
        position: Position,
    ) -> io::Result<()> {
        self.layers = Layers::default();
        match fs::remove_file(self.dir.join("position")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => sync_dir(&self.dir)?,
        }
        self.pages.set_len(0)?;
        for (number, page) in pages {
            self.pages.write_all_at(&page[..], number * PAGE_BYTES as u64)?;
        }
        self.pages.sync_all()?;
        self.length = length;
        self.save(position, length)
    }

    fn save(&mut self, position: Position, length: u64) -> io::Result<()> {
        let place = Place { format: self.format.clone(), position, length };
        let mut bytes = postcard::to_stdvec(&place).expect("a place has no part that cannot be serialized");
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        replace_file(&self.dir.join("position"), &bytes)?;
        self.kept = position;
        Ok(())
    }

    /// One more than the number of the last page that may be other than zeros.
    pub(super) fn page_count(&self) -> io::Result<u64> {
        let on_disk = self.pages.metadata()?.len().div_ceil(PAGE_BYTES as u64);
        Ok(self.layers.iter().map(|(number, _)| number + 1).fold(on_disk, u64::max))
    }
}

fn load(pages: &File, number: u64) -> io::Result<Page> {
    let mut page = [0; PAGE_BYTES];
    let mut filled = 0;
    while filled < PAGE_BYTES {
        match pages.read_at(&mut page[filled..], number * PAGE_BYTES as u64 + filled as u64)? {
            0 => break, // behind the end: zeros
            count => filled += count,
        }
    }
    Ok(Arc::new(page))
}

fn parse(bytes: &[u8]) -> Option<Place> {
    let (place, checksum) = bytes.split_last_chunk()?;
    (crc32fast::hash(place) == u32::from_le_bytes(*checksum)).then(|| postcard::from_bytes(place).ok())?
}
