//! What a run left in its directory, read back. It judges nothing, and shows nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, bail};
use interregnum_checker::availability::Availability;
use interregnum_checker::history::History;
use interregnum_checker::judgement::Judgement;
use interregnum_checker::lost_writes::FaultWindow;
use interregnum_checker::verdict::Verdict;
use serde::Deserialize;

use super::{Counts, Leadership};
use crate::gate::Gate;
use crate::node_id::NodeId;
use crate::record::{RunEvent, TimedEvent, read_history};
use crate::run::StepTaken;
use crate::run_dir::RunDir;

/// One run, as its directory tells it.
pub(crate) struct Stored {
    pub plan: Planned,
    pub judged: Judged,
    pub events: Vec<TimedEvent>,
    pub history: History,
    /// What each process printed, by the name of its log.
    pub logs: Vec<(String, String)>,
}

/// What is shown of `run.json`.
#[derive(Deserialize)]
pub(crate) struct Planned {
    pub clients: usize,
    pub rate_per_s: Option<f64>,
    pub run_for_ms: u64,
    pub link_delay_us: u64,
}

/// What is shown of `verdict.json`.
#[derive(Deserialize)]
pub(crate) struct Judged {
    pub verdict: Verdict,
    pub interregnum: String,
    pub system: String,
    pub flags: BTreeMap<String, String>,
    pub workload: String,
    pub seed: u64,
    pub operations: Counts,
    pub leaderships: Vec<Leadership>,
    pub faults: Vec<StepTaken>,
    pub availability: Availability,
    pub gates: Vec<Gate>,
    pub judgements: Vec<Judgement>,
    /// The checkers whose judgements count.
    pub counted: Vec<String>,
    pub reproduce: String,
}

impl Stored {
    /// Reads everything.
    pub(crate) fn read(run_dir: &RunDir) -> anyhow::Result<Self> {
        if run_dir.plan().exists() && !run_dir.verdict().exists() {
            let directory = run_dir.path().display();
            bail!("the run in {directory} came to no verdict: it goes on, was ended, or its page tells why not");
        }
        Ok(Self {
            plan: document(&run_dir.plan())?,
            judged: document(&run_dir.verdict())?,
            events: events(&run_dir.events())?,
            history: read_history(run_dir)?,
            logs: logs(&run_dir.logs())?,
        })
    }

    /// When each fault was in force, under the name that reports give it.
    pub(crate) fn fault_windows(&self) -> Vec<FaultWindow> {
        self.judged.faults.iter().filter_map(StepTaken::window).collect()
    }

    /// All nodes that anybody told of, in order.
    pub(crate) fn nodes(&self) -> Vec<NodeId> {
        let told = self.events.iter().filter_map(|told| match told.event {
            RunEvent::Status { node, .. } | RunEvent::Silent { node } => Some(node),
            _ => None,
        });
        told.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// When the last thing happened, in nanoseconds since the run began; never 0.
    pub(crate) fn end_ns(&self) -> u64 {
        let told = self.history.operations().iter();
        let ended = told.filter_map(|told| told.completed.or(told.gave_up).unwrap_or(told.invoked).time_ns).max();
        self.events.last().map(|last| last.time).max(ended).unwrap_or(0).max(1)
    }

    /// What must be taken from a time of the wall's clock, in nanoseconds since 1970, to come to one of the run.
    pub(crate) fn clock_offset_ns(&self) -> Option<u64> {
        self.events.iter().find_map(|told| match told.event {
            RunEvent::Clock { unix_ns } => Some(unix_ns.saturating_sub(told.time)),
            _ => None,
        })
    }
}

/// Reads a document of a run.
pub(crate) fn document<T: for<'de> Deserialize<'de>>(path: &Path) -> anyhow::Result<T> {
    let text =
        fs::read(path).with_context(|| format!("{} cannot be read: is this a run's directory?", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not as this version writes it", path.display()))
}

/// Reads what happened beside the operations of clients.
pub(crate) fn events(path: &Path) -> anyhow::Result<Vec<TimedEvent>> {
    let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let event = |(index, line): (usize, std::io::Result<String>)| {
        let told = serde_json::from_str(&line?);
        told.with_context(|| format!("{}:{} is not as this version writes it", path.display(), index + 1))
    };
    BufReader::new(file).lines().enumerate().map(event).collect()
}

/// The logs in order of their names. What in them is no text is replaced, not refused: a node may print anything.
pub(crate) fn logs(directory: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let entries = fs::read_dir(directory).with_context(|| format!("{} cannot be read", directory.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    paths.sort();
    let log = |path: std::path::PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        Ok((name, String::from_utf8_lossy(&text).into_owned()))
    };
    paths.into_iter().map(log).collect()
}
