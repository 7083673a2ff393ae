//! The directory of everything that must survive a restart: who may use it, and how files in it are made durable.
//!
//! Layout: `lock`, `hard-state`, `store.redb` or `image/{pages,position}`, `log/<first lsn>.log`, `snapshot/<lsn>.snapshot`,
//! `rewound/<epoch>-<lsn>.jsonl`, `damaged-<n>/` with what was given up by a `--rebuild`.
//! Not here: what the files say.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// What an operator can do about damage that a crash does not explain.
pub(crate) const WAY_OUT: &str = "start it once with --rebuild, which moves the log and the snapshot aside and gets everything from the \
                                  leader; or restore the file from a backup";

/// A data directory that no other process uses while this lives.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Creates the directory if it is missing, and locks it.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(path).with_context(|| format!("cannot create the data directory {}", path.display()))?;
        let lock_path = path.join("lock");
        let lock = File::create(&lock_path).with_context(|| format!("cannot create {}", lock_path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(DataDir { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                bail!("{} is in use by another node; stop that one, or choose another --data", path.display())
            }
            Err(TryLockError::Error(error)) => Err(error).context(format!("cannot lock {}", lock_path.display())),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn log_path(&self) -> PathBuf {
        self.path.join("log")
    }

    pub(crate) fn store_path(&self) -> PathBuf {
        self.path.join("store.redb")
    }

    pub(crate) fn image_path(&self) -> PathBuf {
        self.path.join("image")
    }
}

/// Makes created, renamed and removed names in a directory durable.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Writes a whole file so that after a crash it holds either what it held before or all of `contents`.
pub(crate) fn replace_file(path: &Path, contents: &[u8]) -> io::Result<()> {
    let directory = path.parent().expect("a file in a data directory has a parent");
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_dir(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_serves_one_node_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDir::open(dir.path()).unwrap();
        let error = DataDir::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("in use by another node"), "{error}");
        drop(first);
        DataDir::open(dir.path()).unwrap();
    }
}
