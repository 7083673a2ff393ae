//! Every change of a file that must last goes through here, and so does every error that a disk gives: what failed says what is known
//! of the disk afterwards, and whether a node may go on by itself.
//!
//! In tests each operation can be made to fail (`Faults`). Not here: what a node does about it (`core::disk_trouble`).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
#[cfg(test)]
use std::sync::{Arc, Mutex};

use crate::defect::Defect;

/// What was being done when a disk failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Anything whose failure changed nothing that was durable: a write, a new file, a cut.
    Write,
    /// Making it durable. After a failure nobody knows what is on the disk, and trying again tells nothing: the kernel has thrown
    /// the error away and marked the pages clean (`PostgreSQL`'s fsyncgate).
    Sync,
}

/// An operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {} {}: {source}", match .step { Step::Write => "write", Step::Sync => "make durable" }, .path.display())]
pub(crate) struct DiskError {
    pub(crate) path: PathBuf,
    pub(crate) step: Step,
    pub(crate) source: io::Error,
}

impl DiskError {
    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> DiskError + use<'_> {
        move |source| DiskError { path: path.to_owned(), step: Step::Write, source }
    }

    pub(crate) fn sync(path: &Path) -> impl FnOnce(io::Error) -> DiskError + use<'_> {
        move |source| DiskError { path: path.to_owned(), step: Step::Sync, source }
    }

    /// Nothing but room was wanting: what was durable before still is, and there is nothing else that anybody was told of.
    pub(crate) fn is_full(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull, WriteZero};
        self.step == Step::Write && matches!(self.source.kind(), StorageFull | QuotaExceeded | FileTooLarge | WriteZero)
    }
}

/// The disk under a data directory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    /// The bug that was planted in what writes to it, if one was.
    pub(crate) defect: Option<Defect>,
    #[cfg(test)]
    pub(crate) faults: Option<Arc<Mutex<Faults>>>,
}

impl Disk {
    /// One to which a node with this defect writes.
    pub(crate) fn with(defect: Option<Defect>) -> Self {
        Disk {
            defect,
            #[cfg(test)]
            faults: None,
        }
    }

    /// Whether this bug was planted.
    pub(crate) fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    /// A new file, which must not exist yet.
    pub(crate) fn create_new(&self, path: &Path) -> Result<File, DiskError> {
        self.before(Step::Write, path)?;
        OpenOptions::new().write(true).create_new(true).open(path).map_err(DiskError::write(path))
    }

    /// A file that holds nothing, whatever it held before.
    pub(crate) fn create(&self, path: &Path) -> Result<File, DiskError> {
        self.before(Step::Write, path)?;
        File::create(path).map_err(DiskError::write(path))
    }

    /// Writes all of `bytes`; after an error any part of them may be in the file.
    pub(crate) fn write(&self, mut file: &File, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        if let Err(error) = self.before(Step::Write, path) {
            let _ = file.write_all(&bytes[..bytes.len() / 2]); // the disk was full in the middle
            return Err(error);
        }
        file.write_all(bytes).map_err(DiskError::write(path))
    }

    /// Writes all of `bytes` into a file from `offset` on, as `write` does.
    pub(crate) fn write_at(&self, file: &File, path: &Path, bytes: &[u8], offset: u64) -> Result<(), DiskError> {
        if let Err(error) = self.before(Step::Write, path) {
            let _ = file.write_all_at(&bytes[..bytes.len() / 2], offset); // the disk was full in the middle
            return Err(error);
        }
        file.write_all_at(bytes, offset).map_err(DiskError::write(path))
    }

    pub(crate) fn set_len(&self, file: &File, path: &Path, bytes: u64) -> Result<(), DiskError> {
        self.before(Step::Write, path)?;
        file.set_len(bytes).map_err(DiskError::write(path))
    }

    pub(crate) fn remove(&self, path: &Path) -> Result<(), DiskError> {
        self.before(Step::Write, path)?;
        fs::remove_file(path).map_err(DiskError::write(path))
    }

    /// Makes the contents of a file durable.
    pub(crate) fn sync_data(&self, file: &File, path: &Path) -> Result<(), DiskError> {
        self.before(Step::Sync, path)?;
        file.sync_data().map_err(DiskError::sync(path))
    }

    /// Makes all of a file durable, its length and times too.
    pub(crate) fn sync_all(&self, file: &File, path: &Path) -> Result<(), DiskError> {
        self.before(Step::Sync, path)?;
        file.sync_all().map_err(DiskError::sync(path))
    }

    /// Makes created, renamed and removed names in a directory durable.
    pub(crate) fn sync_dir(&self, path: &Path) -> Result<(), DiskError> {
        self.before(Step::Sync, path)?;
        File::open(path).and_then(|dir| dir.sync_all()).map_err(DiskError::sync(path))
    }

    /// Writes a whole file so that after a crash it holds either what it held before or all of `contents`.
    pub(crate) fn replace(&self, path: &Path, contents: &[u8]) -> Result<(), DiskError> {
        let directory = path.parent().expect("a file in a data directory has a parent");
        let temporary = path.with_extension("new");
        let file = self.create(&temporary)?;
        self.write(&file, &temporary, contents)?;
        self.sync_all(&file, &temporary)?;
        self.before(Step::Write, path)?;
        fs::rename(&temporary, path).map_err(DiskError::write(path))?;
        self.sync_dir(directory)
    }

    /// Whether `room` more bytes can be written behind `offset` of a file in `dir`: a limit on the size of files counts too.
    pub(crate) fn has_room(&self, dir: &Path, offset: u64, room: usize) -> Result<(), DiskError> {
        let path = dir.join("room");
        let probe = || {
            let file = self.create(&path)?;
            self.set_len(&file, &path, offset)?; // a hole takes no room
            let behind = OpenOptions::new().append(true).open(&path).map_err(DiskError::write(&path))?;
            self.write(&behind, &path, &vec![0; room])?;
            self.sync_all(&behind, &path)
        };
        let probed = probe();
        let _ = fs::remove_file(&path); // if it stays, the next probe empties it
        probed
    }

    #[cfg(not(test))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "the seam at which tests make operations fail")]
    fn before(&self, _: Step, _: &Path) -> Result<(), DiskError> {
        Ok(())
    }

    #[cfg(test)]
    fn before(&self, step: Step, path: &Path) -> Result<(), DiskError> {
        let Some(faults) = &self.faults else { return Ok(()) };
        match faults.lock().unwrap().next(step) {
            None => Ok(()),
            Some(kind) => Err(DiskError { path: path.to_owned(), step, source: kind.into() }),
        }
    }
}

/// Which operations of a disk fail.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// How many operations were asked for so far.
    pub(crate) operations: usize,
    /// The operation of this number fails so, and every one behind it.
    pub(crate) from: Option<(usize, io::ErrorKind)>,
    /// Which kind of operation each was.
    pub(crate) steps: Vec<Step>,
}

#[cfg(test)]
impl Faults {
    fn next(&mut self, step: Step) -> Option<io::ErrorKind> {
        let number = self.operations;
        self.operations += 1;
        self.steps.push(step);
        self.from.filter(|&(from, _)| number >= from).map(|(_, kind)| kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_write_for_want_of_room_is_a_full_disk() {
        for (step, kind, is_full) in [
            (Step::Write, io::ErrorKind::StorageFull, true),
            (Step::Write, io::ErrorKind::QuotaExceeded, true),
            (Step::Write, io::ErrorKind::FileTooLarge, true),
            (Step::Write, io::ErrorKind::WriteZero, true),
            (Step::Write, io::ErrorKind::Other, false),
            (Step::Sync, io::ErrorKind::StorageFull, false),
        ] {
            let error = DiskError { path: "x".into(), step, source: kind.into() };
            assert_eq!(error.is_full(), is_full, "{error}");
        }
    }

    #[test]
    fn room_is_probed_and_nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        Disk::default().has_room(dir.path(), 1 << 30, 4096).unwrap();
        let faults = Arc::new(Mutex::new(Faults { from: Some((1, io::ErrorKind::StorageFull)), ..Faults::default() }));
        assert!(Disk { faults: Some(faults), ..Disk::default() }.has_room(dir.path(), 0, 4096).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
