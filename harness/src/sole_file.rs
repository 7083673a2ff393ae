//! A file that grows line by line and that one process at a time has: the journal of a campaign, the record of a search.
//!
//! Not here: what its lines say.

use std::fs::{self, File};
use std::ops::{Deref, DerefMut};
use std::path::Path;

use anyhow::{Context as _, ensure};

/// The file, for reading and appending. Nobody else opens it so while this lives.
#[derive(Debug)]
pub(crate) struct SoleFile(File);

impl SoleFile {
    /// Opens it, and makes it and its directory if they are missing. Another's is refused: `going_on` says what goes on there.
    pub(crate) fn open(path: &Path, going_on: &str) -> anyhow::Result<Self> {
        let directory = path.parent().expect("a file has a directory");
        fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
        let file = File::options().create(true).append(true).read(true).open(path);
        let file = file.with_context(|| format!("opening {}", path.display()))?;
        ensure!(file.try_lock().is_ok(), "{} is in use: this {going_on} is going on already", path.display());
        Ok(Self(file))
    }
}

impl Drop for SoleFile {
    /// Closing the file would not be enough: a process that is being started by another thread has a copy of it until it runs its
    /// program, and the lock lasts as long as any copy.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

impl Deref for SoleFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl DerefMut for SoleFile {
    fn deref_mut(&mut self) -> &mut File {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_can_be_had_again_at_once_though_somebody_has_a_copy() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/lines");
        let file = SoleFile::open(&path, "search").unwrap();
        let copy = file.try_clone().unwrap();
        let refused = SoleFile::open(&path, "search").unwrap_err().to_string();
        assert!(refused.ends_with("is in use: this search is going on already"), "{refused}");
        drop(file);
        SoleFile::open(&path, "search").unwrap();
        drop(copy);
    }
}
