//! The record of a search: a line for each try. A search that was ended goes on with the same command: it is made again with the
//! answers that are known, which takes no time, up to the first that is not.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};

use super::search::Case;
use crate::schedule::Step;
use crate::sole_file::SoleFile;

const FILE_NAME: &str = "tries.jsonl";

/// What a try is for. One made to choose a case says too much good of it, so it does not count when the case's rate is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Purpose {
    Choose,
    Measure,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Line {
    Begun { interregnum: String, promise: String, start: Case<Step> },
    Tried { purpose: Purpose, case: Case<Step>, failed: bool },
}

/// Every try that was made.
#[derive(Debug)]
pub(crate) struct Record {
    file: SoleFile,
    path: PathBuf,
    /// By purpose, and by the case as it is written.
    tries: BTreeMap<(Purpose, String), Vec<bool>>,
}

impl Record {
    /// Begins the record in this directory, or goes on with it.
    pub(crate) fn open(directory: &Path, promise: &str, start: &Case<Step>) -> anyhow::Result<Self> {
        let path = directory.join(FILE_NAME);
        let file = SoleFile::open(&path, "search")?;
        let mut record = Self { file, path, tries: BTreeMap::new() };
        record.read(promise, start)?;
        if record.file.metadata()?.len() == 0 {
            let interregnum = env!("CARGO_PKG_VERSION").to_owned();
            record.write(&Line::Begun { interregnum, promise: promise.to_owned(), start: start.clone() })?;
        }
        Ok(record)
    }

    /// The tries of a case, in order.
    pub(crate) fn of(&self, purpose: Purpose, case: &Case<Step>) -> &[bool] {
        self.tries.get(&(purpose, written(case))).map_or(&[], Vec::as_slice)
    }

    /// How many tries there were in all.
    pub(crate) fn count(&self) -> usize {
        self.tries.values().map(Vec::len).sum()
    }

    pub(crate) fn add(&mut self, purpose: Purpose, case: &Case<Step>, failed: bool) -> anyhow::Result<()> {
        self.write(&Line::Tried { purpose, case: case.clone(), failed })?;
        self.tries.entry((purpose, written(case))).or_default().push(failed);
        Ok(())
    }

    /// Reads what is there. A line that was cut off is removed: that try is made again.
    fn read(&mut self, promise: &str, start: &Case<Step>) -> anyhow::Result<()> {
        let text = fs::read(&self.path).with_context(|| format!("reading {}", self.path.display()))?;
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        for (index, line) in text[..whole].split_inclusive(|&byte| byte == b'\n').enumerate() {
            let place = || {
                let path = self.path.display();
                format!(
                    "{path}:{} is not as it was written; nothing was changed: remove that line to have its try made again",
                    index + 1
                )
            };
            match serde_json::from_slice(line).with_context(place)? {
                Line::Begun { promise: before, start: from, .. } => ensure!(
                    before == promise && from == *start,
                    "{} is the record of another search; give another directory with --out",
                    self.path.display()
                ),
                Line::Tried { purpose, case, failed } => {
                    self.tries.entry((purpose, written(&case))).or_default().push(failed);
                }
            }
        }
        self.file.set_len(whole as u64).context("cutting off the last line")
    }

    fn write(&mut self, line: &Line) -> anyhow::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.write_all(&text).with_context(|| format!("writing {}", self.path.display()))
    }
}

fn written(case: &Case<Step>) -> String {
    serde_json::to_string(case).expect("a case is made of numbers and words")
}
