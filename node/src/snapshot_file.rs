//! The files that snapshots lie in: `snapshot/<lsn>.snapshot`, one as a rule, each a header and checksummed frames like a log segment's.
//!
//! A snapshot is written under a name ending in `.new` and takes its place when it is durable, so a crash at any point leaves the one
//! before. Not here: what is in it (`core::snapshot`), when one is taken and which is to be kept (`core::retention`).

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use crate::core::retention::SnapshotKey;
use crate::core::snapshot::{Assembler, BadPart, FORMAT, Snapshot};
use crate::disk::{Disk, DiskError};
use crate::log::segment::{FRAME_HEADER_BYTES, encode_frame, frame_at, frame_length};
use crate::record::Lsn;

const MAGIC: [u8; 8] = *b"INTRSNP\n";
/// Magic, format, salt, CRC-32 of these; little-endian.
const HEADER_BYTES: usize = 20;

/// Why there is no snapshot to start from.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    #[error("cannot use {}: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error(
        "{} is damaged at byte {offset}: {what}. The log before it may be gone, so the node cannot start from here; {}",
        .path.display(), crate::data_dir::WAY_OUT
    )]
    Damaged { path: PathBuf, offset: u64, what: String },
}

impl SnapshotError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> SnapshotError + use<'_> {
        move |source| SnapshotError::Io { path: path.to_owned(), source }
    }
}

/// The directory of a node's snapshots.
#[derive(Debug, Clone)]
pub(crate) struct SnapshotDir {
    disk: Disk,
    dir: PathBuf,
}

impl SnapshotDir {
    /// Creates the directory if it is missing, and clears away what a crash left unfinished.
    pub(crate) fn open(disk: &Disk, data: &Path) -> Result<Self, SnapshotError> {
        let dir = data.join("snapshot");
        fs::create_dir_all(&dir).map_err(SnapshotError::io(&dir))?;
        disk.sync_dir(data)?;
        let snapshots = SnapshotDir { disk: disk.clone(), dir };
        for path in snapshots.files()?.into_iter().filter(|path| path.extension().is_some_and(|end| end == "new")) {
            fs::remove_file(&path).map_err(SnapshotError::io(&path))?;
        }
        Ok(snapshots)
    }

    fn path(&self, lsn: Lsn, end: &str) -> PathBuf {
        self.dir.join(format!("{lsn:020}.{end}"))
    }

    fn files(&self) -> Result<Vec<PathBuf>, SnapshotError> {
        let entries = fs::read_dir(&self.dir).map_err(SnapshotError::io(&self.dir))?;
        let paths = entries.map(|entry| Ok(entry.map_err(SnapshotError::io(&self.dir))?.path()));
        let mut paths = paths.collect::<Result<Vec<_>, SnapshotError>>()?;
        paths.sort(); // by LSN, because names have leading zeros
        Ok(paths)
    }

    /// The snapshot that was adopted last. An older one may still lie there if a crash came between.
    pub(crate) fn newest(&self) -> Result<Option<Snapshot>, SnapshotError> {
        let mut adopted = self.files()?;
        adopted.retain(|path| path.extension().is_some_and(|end| end == "snapshot"));
        adopted.pop().map(|path| read(&path)).transpose()
    }

    /// Writes a snapshot, durably, but not yet in its place. Blocks for as long as the disk takes.
    pub(crate) fn write(&self, snapshot: Snapshot) -> io::Result<SnapshotKey> {
        let key = (snapshot.lsn(), snapshot.lineage());
        let salt: u32 = rand::random();
        let mut header = [MAGIC.as_slice(), &FORMAT.to_le_bytes(), &salt.to_le_bytes()].concat();
        header.extend(crc32fast::hash(&header).to_le_bytes());
        let mut file = BufWriter::new(File::create(self.path(snapshot.lsn(), "new"))?);
        file.write_all(&header)?;
        let mut frame = Vec::new();
        for part in snapshot.into_parts() {
            frame.clear();
            encode_frame(&mut frame, salt, &part);
            file.write_all(&frame)?;
        }
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(key)
    }

    /// Puts a snapshot that was written in its place, and removes the ones before.
    pub(crate) fn adopt(&self, lsn: Lsn) -> Result<(), SnapshotError> {
        let adopted = self.path(lsn, "snapshot");
        fs::rename(self.path(lsn, "new"), &adopted).map_err(DiskError::write(&adopted))?;
        self.disk.sync_dir(&self.dir)?;
        for path in self.files()? {
            if path != adopted && path.extension().is_some_and(|end| end == "snapshot") {
                self.disk.remove(&path)?;
            }
        }
        Ok(self.disk.sync_dir(&self.dir)?)
    }
}

fn read(path: &Path) -> Result<Snapshot, SnapshotError> {
    let mut file = BufReader::new(File::open(path).map_err(SnapshotError::io(path))?);
    let mut offset = 0;
    let damaged = |offset, what: &str| SnapshotError::Damaged { path: path.to_owned(), offset, what: what.to_owned() };
    let mut header = [0; HEADER_BYTES];
    fill(&mut file, &mut header).map_err(SnapshotError::io(path))?;
    let word = |at: usize| u32::from_le_bytes(*header[at..].first_chunk().expect("the header is long enough"));
    if header[..8] != MAGIC || word(16) != crc32fast::hash(&header[..16]) {
        return Err(damaged(offset, "the header of a snapshot is not there"));
    }
    if word(8) != FORMAT {
        return Err(damaged(offset, &format!("it has format {}, this program knows {FORMAT}", word(8))));
    }
    offset += HEADER_BYTES as u64;
    let mut assembler = Assembler::default();
    let mut frame = Vec::new();
    while !assembler.is_whole() {
        frame.resize(FRAME_HEADER_BYTES, 0);
        fill(&mut file, &mut frame).map_err(SnapshotError::io(path))?;
        let Some(length) = frame_length(&frame) else { return Err(damaged(offset, "no sound part here")) };
        frame.resize(FRAME_HEADER_BYTES + length, 0);
        fill(&mut file, &mut frame[FRAME_HEADER_BYTES..]).map_err(SnapshotError::io(path))?;
        let Some(part) = frame_at(&frame, 0, word(12)) else { return Err(damaged(offset, "no sound part here")) };
        assembler.add(&frame[part]).map_err(|error| damaged(offset, &error.to_string()))?;
        offset += frame.len() as u64;
    }
    assembler.finish().map_err(|error: BadPart| damaged(offset, &error.to_string()))
}

/// Reads as much as fits, or zeros where the file ends: no checksum fits those.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<()> {
    match file.read_exact(buffer) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            buffer.fill(0xff);
            Ok(())
        }
        read => read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Gtid, Member, Stamp, Value};
    use crate::store::rows::Rows;

    fn snapshot(lsn: Lsn) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let stamp = |lsn| Stamp { lsn, epoch: 1, gtid: Gtid { origin: Member(0), sequence: lsn } };
        (1..=lsn).for_each(|lsn| snapshot.history.push(&stamp(lsn)));
        let row = |row: Lsn| (row.to_string().into(), Value::String("value".into()));
        let mut rows = Rows::default();
        rows.extend((0..lsn).map(row));
        snapshot.rows = rows.into();
        snapshot
    }

    #[test]
    fn the_snapshot_adopted_last_is_found_and_nothing_unfinished() {
        let data = tempfile::tempdir().unwrap();
        let dir = SnapshotDir::open(&Disk::default(), data.path()).unwrap();
        assert_eq!(dir.newest().unwrap(), None);
        for lsn in [3, 9] {
            dir.write(snapshot(lsn)).unwrap();
            dir.adopt(lsn).unwrap();
        }
        dir.write(snapshot(12)).unwrap();
        let dir = SnapshotDir::open(&Disk::default(), data.path()).unwrap();
        assert_eq!(dir.newest().unwrap(), Some(snapshot(9)));
        assert_eq!(dir.files().unwrap().len(), 1);
    }

    #[test]
    fn no_flipped_or_missing_byte_of_a_snapshot_goes_unnoticed() {
        let data = tempfile::tempdir().unwrap();
        let dir = SnapshotDir::open(&Disk::default(), data.path()).unwrap();
        dir.write(snapshot(5)).unwrap();
        dir.adopt(5).unwrap();
        let path = dir.path(5, "snapshot");
        let sound = fs::read(&path).unwrap();
        for at in 0..sound.len() {
            let mut flipped = sound.clone();
            flipped[at] ^= 1 << (at % 8);
            for damaged in [&flipped[..], &sound[..at]] {
                fs::write(&path, damaged).unwrap();
                let error = dir.newest().unwrap_err();
                assert!(matches!(error, SnapshotError::Damaged { .. }), "byte {at}: {error}");
                assert!(error.to_string().contains("snapshot is damaged at byte"), "{error}");
            }
        }
    }
}
