//! What a run amounts to: the verdict and all that it rests on. How it looks in a terminal is in `report/terminal.rs`.

pub(crate) mod annotation;
pub(crate) mod export;
pub(crate) mod html;
mod logs;
pub(crate) mod markdown;
mod marks;
mod roles;
pub(crate) mod stored;
pub(crate) mod terminal;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use anyhow::Context as _;
use interregnum_checker::availability::Availability;
use interregnum_checker::judgement::Judgement;
use interregnum_checker::staleness::{Quantiles, Staleness};
use interregnum_checker::verdict::Verdict;
use interregnum_workloads::seed::Seed;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::expectation::Expectation;
use crate::gate::Gate;
use crate::node_id::NodeId;
use crate::run::StepTaken;
use crate::run_dir::RunDir;

/// Operations by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Acknowledged.
    pub ok: u64,
    /// Certainly did not happen.
    pub fail: u64,
    /// Unknown.
    pub info: u64,
}

/// How long the parts of a run took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    /// From the launch of the first node until all nodes followed one leader.
    pub ready_ms: u64,
    /// From the launch of the first node until a client's first write was acknowledged, if one was.
    pub first_acknowledged_ms: Option<u64>,
    /// From the first invocation until the last fault had been undone.
    pub load_ms: u64,
    /// To end every process and remove what they had written.
    pub take_down_ms: u64,
}

/// One node's leadership of one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Leadership {
    pub epoch: u64,
    pub leader: NodeId,
    /// The writes that it acknowledged, none if only the harness saw it lead; and when the first and the last of them, in
    /// nanoseconds since the run began.
    pub writes: u64,
    pub first_ns: Option<u64>,
    pub last_ns: Option<u64>,
}

/// One power cycle by the fence device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fencing {
    /// When it was off, in nanoseconds since the run began.
    pub at_ns: u64,
    pub node: NodeId,
    /// Who asked for it.
    pub by: String,
}

/// What was measured and not judged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    pub availability: Availability,
    pub staleness: Staleness,
    /// How many records the follower furthest behind lacked, by what leaders told, 40 times a second.
    pub lag_records: Quantiles,
    /// The most bytes that one node had on its disk.
    pub disk_bytes: u64,
}

/// A finished run. Its [`verdict`](Report::verdict) counts every judgement, unless [`expect`](Report::expect) has named
/// the promises that matter.
#[derive(Debug)]
#[must_use = "a report that nobody asks for its verdict passes whatever happened"]
pub struct Report {
    pub(crate) run_dir: RunDir,
    pub(crate) system: String,
    pub(crate) flags: BTreeMap<String, String>,
    pub(crate) workload: String,
    pub(crate) seed: Seed,
    pub(crate) counts: Counts,
    pub(crate) timings: Timings,
    /// In order of epoch.
    pub(crate) leaderships: Vec<Leadership>,
    /// In order of time.
    pub(crate) fencings: Vec<Fencing>,
    pub(crate) faults: Vec<StepTaken>,
    pub(crate) measured: Measured,
    pub(crate) gates: Vec<Gate>,
    pub(crate) judgements: Vec<Judgement>,
    /// When there was the first evidence of a broken promise, by its checker, in milliseconds since the run began; where that is known.
    pub(crate) evident_ms: BTreeMap<String, u64>,
    /// What `expect` named. Empty: everything counts.
    pub(crate) demands: Vec<Expectation>,
    pub(crate) reproduce: String,
}

/// The judgements that count whatever is expected: without them the others mean nothing.
const ALWAYS: [&str; 2] = ["recovery", "survival"];

impl Report {
    /// Names a promise that this run is to be held to. Once one is named, only named ones count, besides the cluster's
    /// recovery and the survival of nodes that nobody killed, which always do.
    pub fn expect(mut self, expectation: Expectation) -> Self {
        if let Expectation::LeaderChanged(least) = expectation {
            let changes = self.leader_changes();
            self.gates.push(Gate {
                name: "the leader changed".into(),
                met: changes >= least,
                detail: format!("{changes} times, at least {least} wanted"),
            });
        }
        self.demands.push(expectation);
        self
    }

    /// Ends a test: `Ok` on a pass. The error of any other verdict prints what a person needs: the sentence, a drawing,
    /// where everything is, and how to run it again. A run that passed leaves no directory behind, unless
    /// `INTERREGNUM_KEEP` is set.
    pub fn verdict(self) -> Result {
        let is_pass = self.overall() == Verdict::Pass;
        if is_pass && std::env::var_os("INTERREGNUM_KEEP").is_none() {
            return self.run_dir.remove().map_err(|error| Error::harness(error.into()));
        }
        // Once more, because what was expected says what counts.
        self.write().map_err(Error::harness)?;
        if is_pass { Ok(()) } else { Err(Error::Verdict(Box::new(self))) }
    }

    /// Whether the run shows that this promise is broken, and did what it claims: for tests of systems that are known to
    /// be unsound.
    #[must_use]
    pub fn broke(&self, expectation: Expectation) -> bool {
        let broken = self.judgement(expectation).is_some_and(|judgement| judgement.verdict == Verdict::Violation);
        broken && self.unmet_gates().next().is_none()
    }

    /// What a checker said.
    #[must_use]
    pub fn judgement(&self, expectation: Expectation) -> Option<&Judgement> {
        self.judgements.iter().find(|judgement| Some(judgement.checker.as_str()) == expectation.checker())
    }

    /// All judgements, the harness's own first.
    #[must_use]
    pub fn judgements(&self) -> &[Judgement] {
        &self.judgements
    }

    /// How many operations ended how.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How long its parts took.
    #[must_use]
    pub fn timings(&self) -> Timings {
        self.timings
    }

    /// How often leadership passed on, as seen by the harness or told in an acknowledgement.
    #[must_use]
    pub fn leader_changes(&self) -> usize {
        self.leaderships.len().saturating_sub(1)
    }

    /// How often a node was switched off by the fence device, because another asked for it.
    #[must_use]
    pub fn fencings(&self) -> usize {
        self.fencings.len()
    }

    /// When clients were served and when not, and what each fault cost them.
    #[must_use]
    pub fn availability(&self) -> &Availability {
        &self.measured.availability
    }

    /// How stale reads were, by node and by fault.
    #[must_use]
    pub fn staleness(&self) -> &Staleness {
        &self.measured.staleness
    }

    /// Replication lag: how many records the follower furthest behind lacked, by what leaders told during the run.
    #[must_use]
    pub fn lag_records(&self) -> Quantiles {
        self.measured.lag_records
    }

    /// The most bytes that one node had on its disk.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        self.measured.disk_bytes
    }

    /// The run's directory.
    #[must_use]
    pub fn run_dir(&self) -> &RunDir {
        &self.run_dir
    }

    /// The verdict over everything that counts.
    #[must_use]
    pub fn overall(&self) -> Verdict {
        let gates = if self.unmet_gates().next().is_some() { Verdict::Inconclusive } else { Verdict::Pass };
        self.counted().map(|judgement| judgement.verdict).fold(gates, Verdict::and)
    }

    /// The judgements that count.
    pub(crate) fn counted(&self) -> impl Iterator<Item = &Judgement> {
        let named: BTreeSet<_> = self.demands.iter().filter_map(|demand| demand.checker()).collect();
        self.judgements.iter().filter(move |judgement| {
            let checker = judgement.checker.as_str();
            named.is_empty() || named.contains(checker) || ALWAYS.contains(&checker)
        })
    }

    pub(crate) fn unmet_gates(&self) -> impl Iterator<Item = &Gate> {
        self.gates.iter().filter(|gate| !gate.met)
    }

    /// Writes what it amounts to, for programs and for people: `verdict.json` and `report.html`.
    pub(crate) fn write(&self) -> anyhow::Result<()> {
        self.write_verdict().context("writing verdict.json")?;
        html::write(&self.run_dir).context("writing report.html")?;
        Ok(())
    }

    fn write_verdict(&self) -> io::Result<()> {
        #[derive(Serialize)]
        struct Document<'a> {
            verdict: Verdict,
            interregnum: &'static str,
            system: &'a str,
            flags: &'a BTreeMap<String, String>,
            workload: &'a str,
            seed: Seed,
            operations: Counts,
            timings: Timings,
            leaderships: &'a [Leadership],
            fencings: &'a [Fencing],
            faults: &'a [StepTaken],
            availability: &'a Availability,
            staleness: &'a Staleness,
            lag_records: Quantiles,
            disk_bytes: u64,
            gates: &'a [Gate],
            judgements: &'a [Judgement],
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            evident_ms: &'a BTreeMap<String, u64>,
            counted: Vec<&'a str>,
            reproduce: &'a str,
        }
        self.run_dir.write_json(
            "verdict.json",
            &Document {
                verdict: self.overall(),
                interregnum: env!("CARGO_PKG_VERSION"),
                system: &self.system,
                flags: &self.flags,
                workload: &self.workload,
                seed: self.seed,
                operations: self.counts,
                timings: self.timings,
                leaderships: &self.leaderships,
                fencings: &self.fencings,
                faults: &self.faults,
                availability: &self.measured.availability,
                staleness: &self.measured.staleness,
                lag_records: self.measured.lag_records,
                disk_bytes: self.measured.disk_bytes,
                gates: &self.gates,
                judgements: &self.judgements,
                evident_ms: &self.evident_ms,
                counted: self.counted().map(|judgement| judgement.checker.as_str()).collect(),
                reproduce: &self.reproduce,
            },
        )
    }
}
