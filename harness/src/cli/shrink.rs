//! `interregnum shrink`: from a run that broke a promise to the smallest one that still does; and `interregnum as-test`.

mod broken;
mod watch;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use interregnum_checker::verdict::Verdict;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::run::RunFlags;
use super::say;
use crate::campaign::{ChildRun, Outcome, run_all};
use crate::schedule::{Schedule, Step};
use crate::shrink::{Case, Found, Record, Tries, Watcher};
use broken::Broken;
use watch::Watch;
pub(super) use watch::{WatchAmong, seconds};

/// What stands at the end of `shrink --help`.
pub(super) const EXAMPLES: &str = "Examples:
  interregnum shrink interregnum-runs/seed-42
  interregnum shrink interregnum-runs/seed-42 --as-test >> tests/failover.rs

The same command goes on with a search that was ended, however it ended.

Exit codes:
  0  pass           the smallest run was found
  2  inconclusive   the run did not break its promise again in any of the first tries
  3  harness error  the harness failed, or the run's directory could not be read";

/// What stands at the end of `as-test --help`.
pub(super) const AS_TEST_EXAMPLES: &str = "Examples:
  interregnum as-test interregnum-runs/seed-42 >> tests/failover.rs";

/// The flags of `shrink`.
#[derive(Clone, Debug, Args)]
pub(super) struct ShrinkFlags {
    /// The directory of the run.
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// Print a Rust test of the smallest run, and nothing else, to standard output.
    #[arg(long)]
    as_test: bool,

    /// How often the run, and the smallest one in the end, are tried to know how often they fail.
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=100))]
    times: u8,

    /// Tries at a time. They disturb each other's timing, as neighbours do.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,

    /// Where the search leaves what it knows, and what it found [default: RUN-shrunk].
    #[arg(long, value_name = "DIRECTORY")]
    out: Option<PathBuf>,
}

/// The flags of `as-test`.
#[derive(Clone, Debug, Args)]
pub(super) struct AsTestFlags {
    /// The directory of the run.
    #[arg(value_name = "RUN")]
    run: PathBuf,
}

pub(super) fn as_test(flags: &AsTestFlags) -> anyhow::Result<Verdict> {
    let broken = Broken::read(&flags.run)?;
    say(broken.flags.as_test(&broken.schedule, &broken.promised(), None).trim_end());
    Ok(Verdict::Pass)
}

pub(super) fn shrink(flags: &ShrinkFlags) -> anyhow::Result<Verdict> {
    let out = flags.out.clone().unwrap_or_else(|| beside(&flags.run));
    let broken = Broken::read(&flags.run)?;
    let (promise, start) = (broken.promised(), broken.case());
    let record = Record::open(&out, &promise, &start)?;
    let mut watch = Watch::begin(&promise, &start, record.count());
    let smallest = search(broken, record, &out, flags.times, flags.jobs, &mut watch);
    watch.ends();
    let Some(Smallest { found, run, tries }) = smallest? else {
        say(format!(
            "{} was not broken again in any of {} tries; `interregnum replay {} --times 50` tells whether it ever is",
            promise,
            flags.times,
            flags.run.display()
        ));
        return Ok(Verdict::Inconclusive);
    };
    if flags.as_test {
        let steps = Schedule { steps: found.case.steps.clone() };
        say(run.as_test(&steps, &promise, Some(found.after)).trim_end());
    } else {
        say(told(&start, &found, &promise, tries));
        say(format!("  smallest   interregnum {}", run.words().join(" ")));
        say(format!("  as a test  interregnum shrink {} --as-test", flags.run.display()));
    }
    Ok(Verdict::Pass)
}

/// What a search came to.
pub(super) struct Smallest {
    pub found: Found,
    run: RunFlags,
    tries: usize,
}

impl Smallest {
    /// What it consists of, how often it fails, and its command, in one line.
    pub(super) fn told(&self) -> String {
        let Found { case, before, after } = &self.found;
        let (shown, command) = (watch::shown(case), self.run.words().join(" "));
        format!("{shown}, failed in {after} ({before} before): interregnum {command}")
    }
}

/// The smallest run that still breaks one of these promises, as `run` did, with one try at a time; `None` if none is broken again.
pub(super) fn smallest_of(
    run: &Path,
    out: &Path,
    promises: &BTreeSet<String>,
    times: u8,
    watcher: &mut dyn Watcher,
) -> anyhow::Result<Option<Smallest>> {
    let broken = Broken::of(run, promises.clone())?;
    let record = Record::open(out, &broken.promised(), &broken.case())?;
    search(broken, record, out, times, 1, watcher)
}

/// Searches, in a directory in which it may have begun.
fn search(
    broken: Broken,
    record: Record,
    out: &Path,
    times: u8,
    jobs: u8,
    watcher: &mut dyn Watcher,
) -> anyhow::Result<Option<Smallest>> {
    let (start, guess) = (broken.case(), broken.as_far_as_evident());
    let Broken { flags: run, promises, .. } = broken;
    let out = fs::canonicalize(out).with_context(|| format!("finding {}", out.display()))?;
    let mut place = Place { run: &run, promises: &promises, out: &out, runtime: Runtime::new()? };
    let mut tries = Tries {
        record,
        measured: times.into(),
        jobs: jobs.into(),
        attempt: &mut |case: &Case<Step>, count| place.attempt(case, count),
        watcher,
    };
    let found = tries.search(&start, guess)?;
    let tries = tries.record.count();
    let Some(found) = found else { return Ok(None) };
    let run = place.smallest(&found.case)?;
    Ok(Some(Smallest { found, run, tries }))
}

/// `interregnum-runs/seed-42-shrunk`.
fn beside(run: &Path) -> PathBuf {
    let mut name = run.file_name().unwrap_or_default().to_owned();
    name.push("-shrunk");
    run.with_file_name(name)
}

/// Where cases are tried.
struct Place<'a> {
    run: &'a RunFlags,
    promises: &'a BTreeSet<String>,
    out: &'a Path,
    runtime: Runtime,
}

impl Place<'_> {
    /// Tries a case so many times, and says which of them failed in the same way.
    fn attempt(&mut self, case: &Case<Step>, count: usize) -> anyhow::Result<Vec<bool>> {
        let run = self.following(case, "candidate.toml")?;
        let arguments: Vec<_> = run.words().into_iter().skip(1).collect();
        let tries = (1..=count).map(|number| {
            let limit = ChildRun::usual_limit(run.load());
            (number, ChildRun { arguments: arguments.clone(), out: self.out.join(format!("try-{number}")), limit })
        });
        let mut failed = Vec::new();
        let mut harness_error = None;
        let ended = |number: usize, outcome: Outcome| {
            failed.push(outcome.broken.iter().any(|promise| self.promises.contains(promise)));
            if outcome.verdict == Verdict::HarnessError {
                harness_error = outcome.complaint.map(|complaint| complaint.detail);
            }
            let left = self.out.join(format!("try-{number}"));
            fs::remove_dir_all(&left).or_else(|error| if left.exists() { Err(error) } else { Ok(()) })?;
            Ok(())
        };
        self.runtime.block_on(run_all(tries, count, &CancellationToken::new(), ended))?;
        ensure!(harness_error.is_none(), "a try failed: {}", harness_error.unwrap_or_default());
        Ok(failed)
    }

    /// The run of a case, with its schedule in a file of this name.
    fn following(&self, case: &Case<Step>, name: &str) -> anyhow::Result<RunFlags> {
        let path = self.out.join(name);
        let steps: Vec<_> = case.steps.iter().map(Step::to_toml).collect();
        fs::write(&path, steps.join("\n")).with_context(|| format!("writing {}", path.display()))?;
        Ok(self.run.clone().sized(case.sizes).following(path))
    }

    /// The run that was found.
    fn smallest(&self, case: &Case<Step>) -> anyhow::Result<RunFlags> {
        let candidate = self.out.join("candidate.toml");
        if candidate.exists() {
            fs::remove_file(&candidate).with_context(|| format!("removing {}", candidate.display()))?;
        }
        self.following(case, "schedule.toml")
    }
}

/// What was found, beside what it was found from.
fn told(start: &Case<Step>, found: &Found, promise: &str, tries: usize) -> String {
    let in_force = |case: &Case<Step>| {
        let hold_ms: u64 = case.steps.iter().map(|step| step.hold_ms).sum();
        seconds(hold_ms)
    };
    let count = |number: u64| number.to_string();
    let (a, b) = (start, &found.case);
    let rows = [
        ("faults", count(a.steps.len() as u64), count(b.steps.len() as u64)),
        ("in force", in_force(a), in_force(b)),
        ("nodes", count(a.sizes.nodes), count(b.sizes.nodes)),
        ("clients", count(a.sizes.clients), count(b.sizes.clients)),
        ("keys", count(a.sizes.keys), count(b.sizes.keys)),
        ("time", seconds(a.sizes.time_ms), seconds(b.sizes.time_ms)),
        ("failed", found.before.to_string(), found.after.to_string()),
    ];
    let rows: Vec<_> =
        rows.iter().map(|(name, before, after)| format!("  {name:<9}{before:>10}{after:>10}\n")).collect();
    format!("{promise}, by {tries} tries:\n\n{:<11}{:>10}{:>10}\n{}", "", "before", "after", rows.concat())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fault::Fault;
    use crate::shrink::{Rate, Sizes};
    use crate::target::Target;

    #[test]
    fn what_was_found_is_told_beside_what_it_was_found_from() {
        let step =
            |at_ms| Step::at(Duration::from_millis(at_ms), Duration::from_millis(9), Fault::Kill, Target::Leader);
        let sizes = Sizes { nodes: 3, clients: 8, keys: 5, time_ms: 10_000 };
        let start = Case { steps: vec![step(1), step(2), step(3)], sizes };
        let case = Case { steps: vec![step(2)], sizes: Sizes { nodes: 2, clients: 1, keys: 1, time_ms: 1250 } };
        let rate = |failed| Rate { failed, tries: 10 };
        insta::assert_snapshot!(told(&start, &Found { case, before: rate(9), after: rate(7) }, "lost-writes", 61));
    }
}
