//! The file of what must never be forgotten: epoch and vote, and whose directory this is.
//!
//! One line of JSON and one with its CRC-32, so that an operator can read it. Replaced as a whole at each change.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::core::HardState;
use crate::disk::{Disk, DiskError};
use crate::membership::Membership;
use crate::record::Member;

const FORMAT: u32 = 1;

/// Why a directory's hard state cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HardStateError {
    #[error("cannot use {}: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error(
        "{} is damaged: {what}. A node that forgets its vote can elect two leaders; restore the file from a backup, or MEMBER \
         REMOVE this node at the leader and let it --join under another --id with an empty directory", .path.display()
    )]
    Damaged { path: PathBuf, what: String },
    #[error("{} is missing, but there is a log beside it; restore the file, or empty the directory", .0.display())]
    Missing(PathBuf),
    #[error("{} belongs to node {found} of the cluster {found_members}, but this is {id} of {members}; check --data, --id and --peer", .path.display())]
    OtherNode { path: PathBuf, found: String, found_members: String, id: String, members: String },
}

#[derive(Serialize, Deserialize)]
struct Document {
    format: u32,
    id: String,
    /// The ids of all who ever were members, in the order of their indexes.
    members: Vec<String>,
    /// Those of them that are members no more.
    #[serde(default)]
    removed: Vec<String>,
    /// The members before the first record that changed them; missing in a node that still waits to join.
    first: Option<Membership>,
    epoch: u64,
    voted_for: Option<String>,
    sequence_floor: u64,
    #[serde(default)]
    life: u64,
    #[serde(default)]
    rebuilding: bool,
}

/// The file, and whose it is.
#[derive(Debug)]
pub(crate) struct HardStateFile {
    disk: Disk,
    path: PathBuf,
    id: String,
    first: Membership,
    members: Membership,
    saved: HardState,
}

impl HardStateFile {
    /// Reads the file, or creates it in a directory that has no log yet. A node that is to join has no founders to compare.
    pub(crate) fn open(
        disk: &Disk,
        data: &Path,
        id: &str,
        founders: Option<&[String]>,
    ) -> Result<(Self, HardState), HardStateError> {
        let path = data.join("hard-state");
        let first = Membership::founded(founders.unwrap_or_default().iter().cloned());
        let (members, saved) = (first.clone(), HardState::default());
        let mut file =
            HardStateFile { disk: disk.clone(), path: path.clone(), id: id.to_owned(), first, members, saved };
        match fs::read_to_string(&path) {
            Ok(text) => {
                let document = parse(&text).map_err(|what| HardStateError::Damaged { path, what })?;
                let state = file.check(document, founders)?;
                Ok((file, state))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if data.join("log").exists() {
                    return Err(HardStateError::Missing(path));
                }
                file.save(&HardState::default())?;
                Ok((file, HardState::default()))
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(HardStateError::Damaged { path, what: "it is not text".to_owned() })
            }
            Err(error) => Err(HardStateError::Io { path, source: error }),
        }
    }

    /// The directory must be this node's, and every founder that is still a member must be known to this node.
    fn check(&mut self, document: Document, founders: Option<&[String]>) -> Result<HardState, HardStateError> {
        let first = document.first.unwrap_or_default();
        let is_known = |id: &String| founders.is_none_or(|known| known.contains(id)) || document.removed.contains(id);
        if document.id != self.id || !first.founders().iter().all(is_known) {
            return Err(HardStateError::OtherNode {
                path: self.path.clone(),
                found: document.id,
                found_members: document.members.join(","),
                id: self.id.clone(),
                members: founders.unwrap_or_default().join(","),
            });
        }
        self.first = first;
        self.members = self.first.clone();
        let Document { epoch, voted_for, sequence_floor, life, rebuilding, .. } = document;
        let member = |id: String| {
            let index = document.members.iter().position(|member| *member == id);
            let unknown = || HardStateError::Damaged {
                path: self.path.clone(),
                what: format!("it has a vote for {id}, who is no member"),
            };
            index.map(|index| Member(index as u8)).ok_or_else(unknown)
        };
        let voted_for = voted_for.map(member).transpose()?;
        self.saved = HardState { epoch, voted_for, sequence_floor, life, rebuilding };
        Ok(self.saved)
    }

    /// The members before the first record that changed them.
    pub(crate) fn first_members(&self) -> &Membership {
        &self.first
    }

    /// Remembers who the members are; returns when that is durable.
    pub(crate) fn set_members(&mut self, members: &Membership) -> Result<(), DiskError> {
        if self.first.is_unknown() {
            self.first = members.clone();
        } else if self.members == *members {
            return Ok(());
        }
        self.members = members.clone();
        let saved = self.saved;
        self.save(&saved)
    }

    /// Returns when the state is durable.
    pub(crate) fn save(&mut self, state: &HardState) -> Result<(), DiskError> {
        let document = Document {
            format: FORMAT,
            id: self.id.clone(),
            members: self.members.ids(),
            removed: self.members.removed(),
            first: Some(self.first.clone()).filter(|first| !first.is_unknown()),
            epoch: state.epoch,
            voted_for: state.voted_for.map(|member| self.members.id(member).to_owned()),
            sequence_floor: state.sequence_floor,
            life: state.life,
            rebuilding: state.rebuilding,
        };
        self.saved = *state;
        let line = serde_json::to_string(&document).expect("a hard state has no part that cannot be serialized");
        let text = format!("{line}\n{}", checksum_line(&line));
        self.disk.replace(&self.path, text.as_bytes())
    }
}

/// The members of the cluster to which a data directory belongs. Changes nothing.
pub(crate) fn members_of(data: &Path) -> Result<Vec<String>, HardStateError> {
    let path = data.join("hard-state");
    let text = fs::read_to_string(&path).map_err(|source| HardStateError::Io { path: path.clone(), source })?;
    parse(&text).map(|document| document.members).map_err(|what| HardStateError::Damaged { path, what })
}

fn parse(text: &str) -> Result<Document, String> {
    let (line, checksum) = text.split_once('\n').ok_or("its second line, the checksum, is missing")?;
    if checksum != checksum_line(line) {
        return Err(format!(
            "line 2 is `{}`, but line 1 has the checksum `{}`",
            checksum.trim(),
            checksum_line(line).trim()
        ));
    }
    let document: Document = serde_json::from_str(line).map_err(|error| format!("line 1: {error}"))?;
    if document.format != FORMAT {
        return Err(format!("it has format {}, this program writes {FORMAT}", document.format));
    }
    Ok(document)
}

pub(crate) fn checksum_line(line: &str) -> String {
    format!("crc32 {:08x}\n", crc32fast::hash(line.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members() -> Vec<String> {
        ["n1", "n2", "n3"].map(String::from).to_vec()
    }

    #[test]
    fn what_was_saved_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let (mut file, state) = HardStateFile::open(&Disk::default(), dir.path(), "n2", Some(&members())).unwrap();
        assert_eq!(state, HardState::default());
        let state = HardState { epoch: 7, voted_for: Some(Member(2)), sequence_floor: 9, life: 1, rebuilding: true };
        file.save(&state).unwrap();
        assert_eq!(HardStateFile::open(&Disk::default(), dir.path(), "n2", Some(&members())).unwrap().1, state);
    }

    #[test]
    fn no_changed_or_missing_byte_goes_unnoticed() {
        let dir = tempfile::tempdir().unwrap();
        let (mut file, _) = HardStateFile::open(&Disk::default(), dir.path(), "n2", Some(&members())).unwrap();
        file.save(&HardState { epoch: 7, voted_for: Some(Member(2)), ..HardState::default() }).unwrap();
        let path = dir.path().join("hard-state");
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut flipped = good.clone();
            flipped[at] ^= 1;
            for bad in [&flipped[..], &good[..at]] {
                fs::write(&path, bad).unwrap();
                let error = HardStateFile::open(&Disk::default(), dir.path(), "n2", Some(&members()))
                    .expect_err("damage at each byte is found");
                assert!(matches!(error, HardStateError::Damaged { .. }), "{error}");
            }
        }
    }

    #[test]
    fn another_nodes_directory_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        HardStateFile::open(&Disk::default(), dir.path(), "n2", Some(&members())).unwrap();
        for (id, members) in [("n1", members()), ("n2", members()[..2].to_vec())] {
            let error = HardStateFile::open(&Disk::default(), dir.path(), id, Some(&members)).unwrap_err().to_string();
            assert!(error.contains("belongs to node n2 of the cluster n1,n2,n3"), "{error}");
        }
    }

    #[test]
    fn a_log_without_its_hard_state_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("log")).unwrap();
        let error = HardStateFile::open(&Disk::default(), dir.path(), "n1", Some(&members())).unwrap_err();
        assert!(matches!(error, HardStateError::Missing(_)), "{error}");
    }
}
