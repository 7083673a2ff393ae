//! The file of this node's replication slots: one line of JSON and one with its CRC-32, replaced as a whole at each change.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use crate::core::slots::Slots;
use crate::disk::{Disk, DiskError};
use crate::hard_state::checksum_line;

/// The file, which may be missing: then there are no slots.
#[derive(Debug)]
pub(crate) struct SlotsFile {
    disk: Disk,
    path: PathBuf,
}

impl SlotsFile {
    pub(crate) fn open(disk: &Disk, data: &Path) -> anyhow::Result<(Self, Slots)> {
        let path = data.join("slots");
        let slots = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Slots::default(),
            text => read(text).with_context(|| {
                format!("{} cannot be used; remove it to give up all slots, and make them again", path.display())
            })?,
        };
        Ok((SlotsFile { disk: disk.clone(), path }, slots))
    }

    /// Returns when the slots are durable.
    pub(crate) fn save(&self, slots: &Slots) -> Result<(), DiskError> {
        let line = serde_json::to_string(slots).expect("slots have no part that cannot be serialized");
        let text = format!("{line}\n{}", checksum_line(&line));
        self.disk.replace(&self.path, text.as_bytes())
    }
}

fn read(text: io::Result<String>) -> anyhow::Result<Slots> {
    let text = text?;
    let (line, checksum) = text.split_once('\n').context("its second line, the checksum, is missing")?;
    ensure!(checksum == checksum_line(line), "its checksum is wrong");
    Ok(serde_json::from_str(line)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::slots::Slot;

    #[test]
    fn slots_are_read_back_and_damage_is_refused() {
        let data = tempfile::tempdir().unwrap();
        let (file, slots) = SlotsFile::open(&Disk::default(), data.path()).unwrap();
        assert!(slots.is_empty());
        let slots = Slots::from([("backup".to_owned(), Slot { lsn: 7, lost: false })]);
        file.save(&slots).unwrap();
        assert_eq!(SlotsFile::open(&Disk::default(), data.path()).unwrap().1, slots);
        std::fs::write(data.path().join("slots"), "{}\ncrc32 00000000\n").unwrap();
        let error = format!("{:#}", SlotsFile::open(&Disk::default(), data.path()).unwrap_err());
        assert!(error.contains("slots cannot be used") && error.contains("checksum"), "{error}");
    }
}
