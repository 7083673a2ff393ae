//! The run that a search begins with: one that broke a promise, and how far it had come when that showed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::bail;
use serde::Deserialize;

use crate::campaign::Outcome;
use crate::cli::run::RunFlags;
use crate::report::stored::document;
use crate::run::StepTaken;
use crate::run_dir::RunDir;
use crate::schedule::{Schedule, Step};
use crate::shrink::{Case, Sizes};

/// How much longer than to the first evidence a shortened run goes on: elections take another time in each.
const LONGER_MS: u64 = 1000;

/// A run that broke a promise.
pub(super) struct Broken {
    pub flags: RunFlags,
    /// The promises, by their checkers, of which a try must break one to count as the same failure.
    pub promises: BTreeSet<String>,
    pub schedule: Schedule,
    /// When each step of the schedule struck, in milliseconds since the run began.
    struck_ms: Vec<u64>,
    /// The first evidence that one of them was broken, in milliseconds since the run began; where it is known.
    evident_ms: Option<u64>,
}

/// What is needed of `verdict.json`.
#[derive(Deserialize)]
struct Judged {
    faults: Vec<StepTaken>,
    #[serde(default)]
    evident_ms: BTreeMap<String, u64>,
}

impl Broken {
    /// The same failure is one that breaks the most telling promise that it broke.
    pub(super) fn read(run: &Path) -> anyhow::Result<Self> {
        let Outcome { broken, verdict, .. } = Outcome::read(run)?;
        let Some(promise) = broken.into_iter().next() else {
            bail!("{} broke no promise: its verdict is {verdict}", run.display());
        };
        Self::of(run, BTreeSet::from([promise]))
    }

    /// The same failure is one that breaks any of these, as this one did.
    pub(super) fn of(run: &Path, promises: BTreeSet<String>) -> anyhow::Result<Self> {
        let run_dir = RunDir::existing(run)?;
        let Judged { faults, evident_ms } = document(&run_dir.verdict())?;
        let evident_ms = promises.iter().filter_map(|promise| evident_ms.get(promise)).min().copied();
        // The schedule has what struck, in this order.
        let mut struck_ms: Vec<_> =
            faults.iter().filter(|taken| !taken.nodes.is_empty()).map(|taken| taken.began_ns / 1_000_000).collect();
        struck_ms.sort_unstable();
        let (flags, schedule) = (RunFlags::of_past_run(&run_dir)?, Schedule::read(&run_dir.schedule())?);
        Ok(Self { flags, promises, schedule, struck_ms, evident_ms })
    }

    /// The whole run.
    pub(super) fn case(&self) -> Case<Step> {
        Case { steps: self.schedule.steps.clone(), sizes: self.flags.sizes() }
    }

    /// The promises in words.
    pub(super) fn promised(&self) -> String {
        self.promises.iter().map(String::as_str).collect::<Vec<_>>().join(" or ")
    }

    /// The run until its promise was broken: what came later can hardly have mattered. `None` where it is not known when that was, or
    /// was at the end.
    pub(super) fn as_far_as_evident(&self) -> Option<Case<Step>> {
        as_far_as(self.case(), &self.struck_ms, self.evident_ms?)
    }
}

fn as_far_as(case: Case<Step>, struck_ms: &[u64], evident_ms: u64) -> Option<Case<Step>> {
    let Case { mut steps, sizes } = case;
    // A file that somebody has changed is taken as it is.
    if steps.len() == struck_ms.len() {
        steps.truncate(struck_ms.partition_point(|ms| *ms <= evident_ms));
    }
    let time_ms = evident_ms + LONGER_MS;
    (time_ms < sizes.time_ms).then_some(Case { steps, sizes: Sizes { time_ms, ..sizes } })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fault::Fault;
    use crate::target::Target;

    /// The steps and the time of a run of ten seconds with faults at one, two and three, whose evidence came then.
    fn check(struck_ms: &[u64], evident_ms: u64, expected: Option<(usize, u64)>) {
        let second = Duration::from_secs(1);
        let steps = (1..=3).map(|at| Step::at(second * at, second, Fault::Kill, Target::Leader)).collect();
        let case = Case { steps, sizes: Sizes { nodes: 3, clients: 8, keys: 5, time_ms: 10_000 } };
        let found = as_far_as(case, struck_ms, evident_ms).map(|case| (case.steps.len(), case.sizes.time_ms));
        assert_eq!(found, expected, "{struck_ms:?}, evident at {evident_ms} ms");
    }

    #[test]
    fn nothing_that_came_after_the_evidence_is_kept() {
        check(&[1100, 2100, 3100], 2500, Some((2, 3500)));
        check(&[1100, 2100, 3100], 500, Some((0, 1500)));
        check(&[1100, 2100, 3100], 8999, Some((3, 9999)));
        check(&[1100, 2100, 3100], 9000, None); // nothing would be spared
        check(&[1100, 2100], 1500, Some((3, 2500))); // a schedule with a step that never struck was written by a person
    }
}
