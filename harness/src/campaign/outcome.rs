//! What a run came to, in the few words that are kept of it when its directory is gone.

use std::collections::BTreeMap;
use std::path::Path;

use interregnum_checker::judgement::Judgement;
use interregnum_checker::verdict::Verdict;
use serde::{Deserialize, Serialize};

use crate::gate::Gate;
use crate::report::stored::document;
use crate::report::terminal::most_telling_first;
use crate::run::StepTaken;
use crate::run_dir::RunDir;

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outcome {
    pub verdict: Verdict,
    /// The promises that it broke, by their checkers, the most telling first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<String>,
    /// Why it is inconclusive or a harness error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complaint: Option<Complaint>,
    /// How many faults struck.
    pub faults: usize,
    /// How many operations clients made.
    pub operations: u64,
    /// How long it took in all.
    pub elapsed_ms: u64,
    /// When there was the first evidence of a broken promise, by its checker, since the run began; where that is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub evident_ms: BTreeMap<String, u64>,
}

/// Why a run says nothing about the system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Complaint {
    /// The same words for every run with the same fault: the gate that was not met, the checker that could not decide.
    pub what: String,
    /// What it was this time.
    pub detail: String,
}

/// What is needed of `verdict.json`.
#[derive(Deserialize)]
struct Judged {
    verdict: Verdict,
    judgements: Vec<Judgement>,
    gates: Vec<Gate>,
    faults: Vec<StepTaken>,
    operations: Operations,
    #[serde(default)]
    evident_ms: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Operations {
    ok: u64,
    fail: u64,
    info: u64,
}

impl Outcome {
    /// A run that says nothing about the system.
    pub(crate) fn harness_error(detail: String) -> Self {
        let complaint = Complaint { what: "harness error".to_owned(), detail };
        Self {
            verdict: Verdict::HarnessError,
            broken: Vec::new(),
            complaint: Some(complaint),
            faults: 0,
            operations: 0,
            elapsed_ms: 0,
            evident_ms: BTreeMap::new(),
        }
    }

    /// How much somebody has to look at who looks for the reason: seconds to the first evidence, faults, operations. Where it is not
    /// known when there was evidence, that is the whole run.
    pub(crate) fn size(&self) -> (u64, usize, u64) {
        let seconds = self.evident_ms.values().min().map_or(u64::MAX, |ms| ms / 1000);
        (seconds, self.faults, self.operations)
    }

    /// What the directory of a run tells, but for the time it took.
    pub(crate) fn read(run: &Path) -> anyhow::Result<Self> {
        let run_dir = RunDir::existing(run)?;
        let judged: Judged = document(&run_dir.verdict())?;
        let Judged { verdict, judgements, gates, faults, operations, evident_ms } = judged;
        let mut broken: Vec<_> = judgements.iter().filter(|judged| judged.verdict == Verdict::Violation).collect();
        most_telling_first(&mut broken);
        let unmet = gates.iter().find(|gate| !gate.met);
        let unmet =
            unmet.map(|gate| Complaint { what: format!("not met: {}", gate.name), detail: gate.detail.clone() });
        let undecided = judgements.iter().find(|judged| judged.verdict == Verdict::Inconclusive);
        let undecided = undecided
            .map(|judged| Complaint { what: format!("undecided: {}", judged.checker), detail: judged.summary.clone() });
        Ok(Self {
            verdict,
            broken: broken.into_iter().map(|judged| judged.checker.clone()).collect(),
            complaint: unmet.or(undecided).filter(|_| verdict == Verdict::Inconclusive),
            faults: faults.iter().filter(|taken| taken.effect.verified).count(),
            operations: operations.ok + operations.fail + operations.info,
            elapsed_ms: 0,
            evident_ms,
        })
    }
}
