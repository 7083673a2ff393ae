//! The journal of a campaign: a line for each run that has ended. Lines are only ever added, so whatever ends the campaign, what
//! it knew is still known, and the same command goes on from there.
//!
//! A line that was cut off by the end of the campaign is cut off here too, and its run made again. Anything else that is not as it was
//! written is told with its place, and nothing is changed: a person decides.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};

use super::outcome::Outcome;
use super::plan::{Campaign, Trial};
use super::shard::Shard;
use crate::sole_file::SoleFile;

/// The file in a campaign's directory.
const FILE_NAME: &str = "journal.jsonl";

/// One line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Line {
    /// The campaign begins, or goes on.
    Begun { interregnum: String, shard: Shard, campaign: Campaign },
    /// A run has ended.
    Ran { row: String, number: u32, seed: u64, outcome: Outcome },
    /// The campaign has ended by itself.
    Ended { why: End },
}

/// Why a campaign ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum End {
    /// All its runs were made.
    Complete,
    /// Its time was over.
    Budget,
    /// A person ended it.
    Interrupted,
}

/// What a journal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub campaign: Campaign,
    pub shard: Shard,
    /// The last outcome of each run.
    pub outcomes: BTreeMap<Trial, Outcome>,
    /// `None`: it was killed, or is still going on.
    pub end: Option<End>,
    /// How many bytes hold whole lines.
    whole_bytes: u64,
}

/// The journal of a campaign that is going on. Nobody else can go on with it meanwhile.
#[derive(Debug)]
pub(crate) struct Journal {
    file: SoleFile,
    path: PathBuf,
}

impl Journal {
    /// Begins the journal in this directory, or goes on with it; tells what was known already, and whether a line was cut off.
    pub(crate) fn open(directory: &Path, campaign: &Campaign, shard: Shard) -> anyhow::Result<(Self, Told, bool)> {
        let path = directory.join(FILE_NAME);
        let file = SoleFile::open(&path, "campaign")?;
        let mut told = read(&path)?.unwrap_or_else(|| Told::nothing(campaign.clone(), shard));
        let another = |what: &str| {
            format!("{} is the journal of another {what}; give another directory with --out", path.display())
        };
        ensure!(told.campaign.is_alike(campaign), another("campaign"));
        ensure!(told.shard == shard, another(&format!("shard, {}", told.shard)));
        let cut_off = told.whole_bytes < file.metadata()?.len();
        file.set_len(told.whole_bytes).context("cutting off the last line")?;
        told.campaign = campaign.clone();
        told.forget_more_runs();
        let mut journal = Self { file, path };
        let interregnum = env!("CARGO_PKG_VERSION").to_owned();
        journal.write(&Line::Begun { interregnum, shard, campaign: campaign.clone() })?;
        Ok((journal, told, cut_off))
    }

    /// Writes down what a run came to.
    pub(crate) fn ran(&mut self, campaign: &Campaign, trial: Trial, outcome: &Outcome) -> anyhow::Result<()> {
        let row = campaign.rows[trial.row].name.clone();
        self.write(&Line::Ran { row, number: trial.number, seed: trial.seed, outcome: outcome.clone() })
    }

    /// Writes down that the campaign ends.
    pub(crate) fn ended(&mut self, why: End) -> anyhow::Result<()> {
        self.write(&Line::Ended { why })
    }

    fn write(&mut self, line: &Line) -> anyhow::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.write_all(&text).with_context(|| format!("writing {}", self.path.display()))
    }
}

impl Told {
    fn nothing(campaign: Campaign, shard: Shard) -> Self {
        Self { campaign, shard, outcomes: BTreeMap::new(), end: None, whole_bytes: 0 }
    }

    /// What the journal in this directory says.
    pub(crate) fn of(directory: &Path) -> anyhow::Result<Self> {
        let path = directory.join(FILE_NAME);
        let told = read(&path)?;
        let mut told = told.with_context(|| format!("{} is empty: no campaign has begun there", path.display()))?;
        told.forget_more_runs();
        Ok(told)
    }

    /// Leaves out runs that the campaign had when it had more of them.
    fn forget_more_runs(&mut self) {
        let rows = &self.campaign.rows;
        self.outcomes.retain(|trial, _| trial.number <= rows[trial.row].runs);
    }
}

/// What a journal says, if it says anything.
fn read(path: &Path) -> anyhow::Result<Option<Told>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!("{} is missing: is that a campaign's directory?", path.display())
        }
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    let mut told: Option<Told> = None;
    let mut whole_bytes = 0;
    for (index, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
        if !line.ends_with(b"\n") {
            break; // the campaign was ended while it wrote this line
        }
        whole_bytes += line.len() as u64;
        let place = || {
            format!(
                "{}:{} is not as it was written; nothing was changed: remove that line to have its run made again, or take the \
                 directory away",
                path.display(),
                index + 1
            )
        };
        let line: Line = serde_json::from_slice(line).with_context(place)?;
        told = Some(add(told, line).with_context(place)?);
    }
    Ok(told.map(|told| Told { whole_bytes, ..told }))
}

/// What is known with one line more.
fn add(told: Option<Told>, line: Line) -> anyhow::Result<Told> {
    match (told, line) {
        (None, Line::Begun { shard, campaign, .. }) => Ok(Told::nothing(campaign, shard)),
        (None, _) => bail!("its first line does not say which campaign it is of"),
        (Some(told), Line::Begun { shard, campaign, .. }) => {
            ensure!(told.campaign.is_alike(&campaign) && told.shard == shard, "it goes on as another campaign");
            Ok(Told { campaign, end: None, ..told })
        }
        (Some(mut told), Line::Ran { row, number, seed, outcome }) => {
            let index = told.campaign.rows.iter().position(|one| one.name == row);
            let index = index.with_context(|| format!("the campaign has no row `{row}`"))?;
            let trial = told.campaign.trial(index, number);
            let belongs =
                trial.seed == seed && number <= told.campaign.rows[index].runs && told.shard.has(index, number);
            ensure!(belongs, "the campaign has no run {number} of row `{row}` with seed {seed}");
            told.outcomes.insert(trial, outcome);
            Ok(told)
        }
        (Some(told), Line::Ended { why }) => Ok(Told { end: Some(why), ..told }),
    }
}

#[cfg(test)]
mod tests;
