//! The directory that a run leaves behind: which files there are and what is in each.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;

/// Everything that is known of one run.
///
/// | file | what |
/// |---|---|
/// | `run.json` | the plan: system, workload, seed, schedule, versions; written before anything starts |
/// | `history.jsonl` | every invocation and completion, as it happened |
/// | `events.jsonl` | what really happened beside that: faults with their effects, changes of role, phases |
/// | `schedule.toml` | the faults as they happened, each tied to the leadership in which it struck: a schedule to be run again |
/// | `replicas.json` | what each node answered in the end, where they disagree |
/// | `verdict.json` | the verdict and all that it rests on |
/// | `report.html` | all of this on one page |
/// | `logs/n1.log` … | what each node printed |
/// | `nodes/n1/` … | what a node kept aside: records given up in a rewind |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Makes `wanted`, or the first of `wanted.2`, `wanted.3`, … that does not exist, so that no run overwrites another.
    pub fn create(wanted: &Path) -> io::Result<Self> {
        if let Some(parent) = wanted.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut number = 1_u32;
        let path = loop {
            let candidate = if number == 1 { wanted.to_owned() } else { numbered(wanted, number) };
            match fs::create_dir(&candidate) {
                Ok(()) => break candidate,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(error),
            }
        };
        // Nodes are started in directories of their own, so what they are told must not depend on ours.
        let run_dir = Self { path: fs::canonicalize(path)? };
        fs::create_dir(run_dir.logs())?;
        Ok(run_dir)
    }

    /// A directory that nobody makes, for tests of what is said about one.
    #[cfg(test)]
    pub(crate) fn at(path: &str) -> Self {
        Self { path: path.into() }
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// One that a run left.
    pub(crate) fn existing(path: &Path) -> anyhow::Result<Self> {
        let path = fs::canonicalize(path).with_context(|| format!("no run in {}", path.display()))?;
        Ok(Self { path })
    }

    /// The plan.
    pub(crate) fn plan(&self) -> PathBuf {
        self.path.join("run.json")
    }

    /// What happened to the nodes, as a schedule.
    #[must_use]
    pub fn schedule(&self) -> PathBuf {
        self.path.join("schedule.toml")
    }

    /// What the run amounted to.
    pub(crate) fn verdict(&self) -> PathBuf {
        self.path.join("verdict.json")
    }

    /// The page that shows all of it.
    #[must_use]
    pub fn report(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// The history.
    #[must_use]
    pub fn history(&self) -> PathBuf {
        self.path.join("history.jsonl")
    }

    /// What happened beside the history.
    #[must_use]
    pub fn events(&self) -> PathBuf {
        self.path.join("events.jsonl")
    }

    /// What the nodes printed.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// What the nodes kept aside.
    #[must_use]
    pub fn nodes(&self) -> PathBuf {
        self.path.join("nodes")
    }

    /// Writes a JSON document.
    pub(crate) fn write_json(&self, name: &str, document: &impl Serialize) -> io::Result<()> {
        let file = io::BufWriter::new(File::create(self.path.join(name))?);
        serde_json::to_writer_pretty(file, document).map_err(io::Error::from)
    }

    /// Removes the directory.
    pub(crate) fn remove(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.path)
    }
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{number}"));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_run_overwrites_another() {
        let parent = tempfile::tempdir().unwrap();
        let wanted = parent.path().join("runs/seed-7");
        let names: Vec<_> = (0..3)
            .map(|_| RunDir::create(&wanted).unwrap().path().file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["seed-7", "seed-7.2", "seed-7.3"]);
    }
}
