//! `interregnum replay`: what happened in a run, again, and how often it comes to the same.
//!
//! The faults come as they did, each tied to the leadership in which it struck; clients get the same operations, and whatever else is
//! random comes from the same seed. What is not repeated is the timing of processes, so the rate is told and not promised.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use interregnum_checker::judgement::Judgement;
use interregnum_checker::verdict::Verdict;
use serde::Deserialize;

use super::run::{self, RunFlags};
use super::say;
use crate::report::stored::document;
use crate::run_dir::RunDir;

/// What stands at the end of `replay --help`.
pub(super) const EXAMPLES: &str = "Examples:
  interregnum replay interregnum-runs/seed-42
  interregnum replay interregnum-runs/seed-42 --times 20

Exit codes:
  0  pass           no replay broke a promise
  1  violation      a replay broke a promise
  2  inconclusive   no replay broke a promise, and one of them did not exercise what it claims
  3  harness error  the harness failed, or the run's directory could not be read";

/// The flags of `replay`.
#[derive(Clone, Debug, Args)]
pub(super) struct ReplayFlags {
    /// The directory of the run.
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// How often.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    times: u32,

    /// Where to leave the replays [default: RUN-replays].
    #[arg(long, value_name = "DIRECTORY")]
    out: Option<PathBuf>,
}

/// What is needed of `verdict.json`.
#[derive(Deserialize)]
struct Judged {
    verdict: Verdict,
    judgements: Vec<Judgement>,
}

/// What a run came to: its verdict, and the promises that it broke.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    verdict: Verdict,
    broken: BTreeSet<String>,
}

pub(super) fn replay(flags: &ReplayFlags) -> anyhow::Result<Verdict> {
    let run_dir = RunDir::existing(&flags.run)?;
    let Judged { verdict, judgements } = document(&run_dir.verdict())?;
    let original = Outcome::of(verdict, &judgements);
    let again = RunFlags::of_past_run(&run_dir)?;
    let out = flags.out.clone().unwrap_or_else(|| beside(run_dir.path()));
    say(format!("the run    {}", original.told()));

    let (mut reproduced, mut verdict) = (0, Verdict::Pass);
    for number in 1..=flags.times {
        let name = format!("replay {number} of {}", flags.times);
        let report = run::execute(&name, again.clone().leaving(out.join(number.to_string())))?;
        let outcome = Outcome::of(report.overall(), report.judgements());
        let is_same = outcome.reproduces(&original);
        reproduced += u32::from(is_same);
        verdict = verdict.and(outcome.verdict);
        let same = if is_same { "reproduced" } else { "not reproduced" };
        say(format!("{name:<10}  {same:<14}  {}", outcome.told()));
    }
    say(format!("\nreproduced {reproduced} of {}\n", flags.times));
    say(format!("  schedule  {}\n  replays   {}", run_dir.schedule().display(), out.display()));
    Ok(verdict)
}

/// `interregnum-runs/seed-42-replays`.
fn beside(run: &Path) -> PathBuf {
    let mut name = run.file_name().unwrap_or_default().to_owned();
    name.push("-replays");
    run.with_file_name(name)
}

impl Outcome {
    fn of(verdict: Verdict, judgements: &[Judgement]) -> Self {
        let broken = judgements.iter().filter(|judgement| judgement.verdict == Verdict::Violation);
        Self { verdict, broken: broken.map(|judgement| judgement.checker.clone()).collect() }
    }

    /// The same failure is one that breaks a promise that the other broke. It may break more of them: a lost write makes a history
    /// non-linearizable too, if somebody reads in time.
    fn reproduces(&self, original: &Self) -> bool {
        self.verdict == original.verdict && (original.broken.is_empty() || !self.broken.is_disjoint(&original.broken))
    }

    fn told(&self) -> String {
        let broken: Vec<_> = self.broken.iter().map(String::as_str).collect();
        format!("{} {}", self.verdict, broken.join(", ")).trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(original: (Verdict, &[&str]), replay: (Verdict, &[&str]), expected: bool) {
        let outcome = |(verdict, broken): (Verdict, &[&str])| Outcome {
            verdict,
            broken: broken.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(outcome(replay).reproduces(&outcome(original)), expected, "{original:?} {replay:?}");
    }

    #[test]
    fn the_same_failure_breaks_a_promise_that_was_broken() {
        use Verdict::{Inconclusive, Pass, Violation};
        check((Violation, &["lost-writes"]), (Violation, &["linearizability", "lost-writes"]), true);
        check((Violation, &["lost-writes"]), (Violation, &["sessions"]), false);
        check((Violation, &["lost-writes"]), (Pass, &[]), false);
        check((Violation, &["lost-writes"]), (Inconclusive, &[]), false);
        check((Pass, &[]), (Pass, &[]), true);
        check((Pass, &[]), (Violation, &["sessions"]), false);
    }
}
