//! What explains a run, taken out of the nodes' directories.

use std::fs;
use std::io;
use std::path::Path;

use super::Cluster;

impl Cluster {
    /// Copies what explains the run out of the nodes' directories into `directory`, a folder for each node.
    pub(crate) fn keep_evidence(&self, directory: &Path) -> io::Result<()> {
        for place in self.places() {
            for path in self.system.evidence() {
                let to = directory.join(place.node.to_string()).join(&path);
                match self.disk(place.node) {
                    Some(disk) => disk.copy_out(&path, &to)?,
                    None => copy_tree(&place.directory.join(&path), &to)?,
                }
            }
        }
        Ok(())
    }
}

/// Copies a file or a directory tree; what does not exist is not copied.
fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_dir() {
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy_tree(&entry.path(), &to.join(entry.file_name()))?;
        }
    } else if from.exists() {
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(from, to)?;
    }
    Ok(())
}
