//! What a campaign consists of: rows of runs, as a file describes them, and each run's seed.
//!
//! Everything here is a pure function of the file and the campaign's seed, so that machines which share a campaign need not talk to
//! each other. Not here: whether a row's flags are flags of `interregnum run`, which the command line knows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use interregnum_workloads::seed::Seed;
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::shard::Shard;

/// What is larger describes no campaign that anybody wrote.
const LARGEST_FILE_BYTES: u64 = 1 << 20;

/// A hundred thousand runs of ten seconds are twelve days; a journal has a line for each.
pub(crate) const MOST_RUNS: usize = 1_000_000;

const USUAL_RUNS: u32 = 10;

/// In how many of its runs a row must come out as expected, unless it says otherwise.
const USUAL_LEAST_PERCENT: u8 = 90;

/// What every run of a row is to come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Expect {
    /// Every promise holds.
    Pass,
    /// A promise is broken, as the row's configuration is unsound.
    Violation,
}

/// Runs that differ in nothing but their seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    /// Its place in the matrix.
    pub name: String,
    /// The part of it that says how the system behaves.
    pub mode: String,
    /// The words of its faults.
    pub faults: String,
    pub expect: Expect,
    /// The promises one of which must be broken for a violation to be the expected one; any, if there are none.
    pub by: BTreeSet<String>,
    /// In how many of a hundred runs it must come out as expected.
    pub least_percent: u8,
    /// How many runs.
    pub runs: u32,
    /// The flags of `interregnum run`.
    pub arguments: Vec<String>,
}

/// A whole campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Campaign {
    pub name: String,
    pub seed: u64,
    pub rows: Vec<Row>,
}

/// One run of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Trial {
    /// Which row.
    pub row: usize,
    /// Which of its runs, from 1.
    pub number: u32,
    pub seed: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: String,
    #[serde(default = "usual_seed")]
    seed: u64,
    #[serde(default = "usual_runs")]
    runs: u32,
    #[serde(default)]
    flags: String,
    matrix: Vec<Matrix>,
}

/// Every combination of its choices is a row.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Matrix {
    name: String,
    expect: Expect,
    #[serde(default)]
    by: BTreeSet<String>,
    #[serde(default = "usual_least_percent")]
    least_percent: u8,
    runs: Option<u32>,
    #[serde(default)]
    flags: String,
    #[serde(default)]
    systems: BTreeMap<String, String>,
    #[serde(default)]
    configurations: BTreeMap<String, String>,
    #[serde(default)]
    workloads: Vec<String>,
    #[serde(default)]
    faults: Vec<String>,
}

impl Row {
    /// Its name as part of a directory's.
    pub(crate) fn slug(&self) -> String {
        self.name.replace(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_', "-")
    }
}

fn usual_seed() -> u64 {
    1
}

fn usual_runs() -> u32 {
    USUAL_RUNS
}

fn usual_least_percent() -> u8 {
    USUAL_LEAST_PERCENT
}

impl Campaign {
    /// Reads a campaign's file.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let told = || format!("{} cannot be read", path.display());
        let length = fs::metadata(path).with_context(told)?.len();
        ensure!(length <= LARGEST_FILE_BYTES, "{} is larger than {LARGEST_FILE_BYTES} bytes", path.display());
        let text = fs::read_to_string(path).with_context(told)?;
        Self::parse(&text).with_context(|| format!("{} is no campaign", path.display()))
    }

    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let document: Document =
            toml::from_str(text).map_err(|error| anyhow::anyhow!("{}", error.to_string().trim_end()))?;
        let Document { name, seed, runs, flags, matrix } = document;
        let mut rows = Vec::new();
        for one in matrix {
            one.check()?;
            rows.extend(one.rows(&flags, runs));
        }
        Self { name, seed, rows }.checked()
    }

    /// A campaign of one row.
    pub(crate) fn of_one_row(expect: Expect, arguments: Vec<String>) -> Self {
        let row = Row {
            name: "run".to_owned(),
            mode: "as given".to_owned(),
            faults: "as given".to_owned(),
            expect,
            by: BTreeSet::new(),
            least_percent: USUAL_LEAST_PERCENT,
            runs: USUAL_RUNS,
            arguments,
        };
        Self { name: "flags".to_owned(), seed: usual_seed(), rows: vec![row] }
    }

    /// The same, with so many runs of each row.
    pub(crate) fn with_runs(mut self, runs: u32) -> anyhow::Result<Self> {
        for row in &mut self.rows {
            row.runs = runs;
        }
        self.checked()
    }

    fn checked(self) -> anyhow::Result<Self> {
        check_name(&self.name)?;
        ensure!(!self.rows.is_empty(), "it has no row");
        let mut names = BTreeSet::new();
        for row in &self.rows {
            ensure!(row.runs > 0, "row `{}` has no runs", row.name);
            ensure!(names.insert(row.slug()), "there are two rows `{}`", row.name);
        }
        let total: usize = self.rows.iter().map(|row| row.runs as usize).sum();
        ensure!(total <= MOST_RUNS, "it has {total} runs, more than {MOST_RUNS}");
        Ok(self)
    }

    /// Whether both consist of the same rows with the same seeds; one may have more runs.
    pub(crate) fn is_alike(&self, other: &Self) -> bool {
        let without_runs = |campaign: &Self| {
            let rows = campaign.rows.iter().map(|row| Row { runs: 0, ..row.clone() }).collect();
            Self { rows, ..campaign.clone() }
        };
        without_runs(self) == without_runs(other)
    }

    /// The runs of a shard, in their order: every row has its first before any has its second, so that a budget that ends early
    /// leaves every row with its share.
    pub(crate) fn trials(&self, shard: Shard) -> Vec<Trial> {
        let most = self.rows.iter().map(|row| row.runs).max().unwrap_or(0);
        let rounds = (1..=most).flat_map(|number| (0..self.rows.len()).map(move |row| (row, number)));
        let planned = rounds.filter(|&(row, number)| number <= self.rows[row].runs && shard.has(row, number));
        planned.map(|(row, number)| self.trial(row, number)).collect()
    }

    /// A run, with its seed.
    pub(crate) fn trial(&self, row: usize, number: u32) -> Trial {
        let name = format!("{} {} {number}", self.name, self.rows[row].name);
        // As short as the seeds that people draw by hand, since it is told and typed.
        let seed: u32 = Seed(self.seed).stream(&name).random();
        Trial { row, number, seed: seed.into() }
    }
}

fn check_name(name: &str) -> anyhow::Result<()> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    let fits = !name.is_empty() && name.len() <= 60 && name.chars().all(is_plain);
    ensure!(fits, "`{name}` is no name: directories are called so, thus letters, digits, `-` and `_`");
    Ok(())
}

impl Matrix {
    fn check(&self) -> anyhow::Result<()> {
        let Self { name, systems, configurations, workloads, faults, .. } = self;
        for name in [name].into_iter().chain(systems.keys()).chain(configurations.keys()) {
            check_name(name)?;
        }
        for list in [workloads, faults] {
            if let Some(word) = list.iter().find(|word| word.is_empty() || word.contains(char::is_whitespace)) {
                bail!("matrix `{name}`: `{word}` is no workload and no list of faults");
            }
        }
        ensure!(self.least_percent <= 100, "matrix `{name}`: least_percent is a part of a hundred");
        ensure!(self.expect == Expect::Violation || self.by.is_empty(), "matrix `{name}`: a pass is by no checker");
        Ok(())
    }

    fn rows(&self, common: &str, usual_runs: u32) -> Vec<Row> {
        let named = |choices: &BTreeMap<String, String>| -> Vec<(Option<String>, String)> {
            choices.iter().map(|(name, flags)| (Some(name.clone()), flags.clone())).collect()
        };
        let listed = |flag: &str, words: &[String]| -> Vec<(Option<String>, String)> {
            words.iter().map(|word| (Some(word.clone()), format!("{flag} {word}"))).collect()
        };
        let axes = [
            named(&self.systems),
            named(&self.configurations),
            listed("--workload", &self.workloads),
            listed("--faults", &self.faults),
        ];
        // An axis without choices leaves `run` its usual one.
        let axes = axes.map(|choices| if choices.is_empty() { vec![(None, String::new())] } else { choices });
        let [systems, configurations, workloads, faults] = &axes;
        let mut rows = Vec::new();
        for system in systems {
            for configuration in configurations {
                for workload in workloads {
                    for fault in faults {
                        rows.push(self.row([system, configuration, workload, fault], &axes, common, usual_runs));
                    }
                }
            }
        }
        rows
    }

    fn row(
        &self,
        chosen: [&(Option<String>, String); 4],
        axes: &[Vec<(Option<String>, String)>; 4],
        common: &str,
        usual_runs: u32,
    ) -> Row {
        let mut parts = vec![self.name.clone()];
        let mut mode = Vec::new();
        for (index, (name, _)) in chosen.iter().enumerate() {
            let Some(name) = name else { continue };
            parts.extend((axes[index].len() > 1).then(|| name.clone()));
            mode.extend((index < 2).then(|| name.clone()));
        }
        let mode = if mode.is_empty() { self.name.clone() } else { mode.join(" ") };
        let flags = [common, &self.flags].into_iter().chain(chosen.iter().map(|(_, flags)| flags.as_str()));
        Row {
            name: parts.join("/"),
            mode,
            faults: chosen[3].0.clone().unwrap_or_else(|| "usual".to_owned()),
            expect: self.expect,
            by: self.by.clone(),
            least_percent: self.least_percent,
            runs: self.runs.unwrap_or(usual_runs),
            arguments: flags.flat_map(str::split_whitespace).map(str::to_owned).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
