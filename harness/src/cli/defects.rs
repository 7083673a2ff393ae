//! `interregnum defects`: the defect suite from flags, with live progress.

mod smallest;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;
use interregnum_checker::verdict::Verdict;
use interregnum_node::Defect;
use tokio_util::sync::CancellationToken;

use super::campaign::usual_jobs;
use super::campaign::watch::Watch;
use super::{duration, run, say};
use crate::campaign::{Course, Shard};
use crate::defects::{Found, OF_POWER, Speed, json, suite, told};
use crate::disk;

/// What stands at the end of `defects --help`.
pub(super) const EXAMPLES: &str = "Examples:
  interregnum defects --runs 10 --sound-runs 500
  interregnum defects --only ack-off-by-one,forget-vote --jobs 2
  interregnum defects --only ack-off-by-one --shrink
  interregnum node --defect '?'          what each is

The same command goes on with a suite that was ended, however it ended.

Exit codes:
  0  pass           every defect was caught in at least 9 of 10 runs, by a checker of what it breaks, and nothing without one
  1  violation      a defect was caught less often, or something was found without one
  2  inconclusive   it was ended before all runs were made
  3  harness error  the harness failed at a run";

/// The longest run that the bar allows.
const LONGEST_RUN: Duration = Duration::from_mins(1);

/// The flags of `defects`.
#[derive(Clone, Debug, Args)]
pub(super) struct DefectsFlags {
    /// Only these, separated by commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    only: Vec<Defect>,

    /// Runs with each defect.
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,

    /// Runs without any, in which nothing is to be found.
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    sound_runs: u32,

    /// How long clients and faults go on in each run; a minute at most.
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration::parse)]
    time: Duration,

    /// What every run's seed comes from.
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Runs at a time [default: one for every two processors].
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(1..))]
    jobs: Option<u8>,

    /// Look for the smallest run that shows each defect which was caught, and tell its command and how often it fails. It takes some
    /// hundred short runs for each.
    #[arg(long, conflicts_with = "json")]
    shrink: bool,

    /// Print the table as JSON.
    #[arg(long)]
    json: bool,

    /// The suite's directory, in which it goes on if it has begun [default: interregnum-runs/defects-SEED].
    #[arg(long, value_name = "DIRECTORY")]
    out: Option<PathBuf>,
}

pub(super) fn defects(flags: &DefectsFlags) -> anyhow::Result<Verdict> {
    if flags.time > LONGEST_RUN {
        bail!("--time: a run of the suite lasts {} s at most", LONGEST_RUN.as_secs());
    }
    let obstacle = disk::obstacle();
    if let Some(obstacle) = &obstacle {
        let names: Vec<_> = OF_POWER.iter().map(Defect::to_string).collect();
        eprintln!("the power cannot fail here, so {} cannot show: {obstacle}", names.join(", "));
    }
    let campaign = suite(&flags.only, flags.runs, flags.sound_runs, flags.time, flags.seed, obstacle.is_none());
    let directory =
        flags.out.clone().unwrap_or_else(|| PathBuf::from(format!("interregnum-runs/defects-{}", flags.seed)));
    let jobs = flags.jobs.map_or_else(usual_jobs, usize::from);
    let load_of = |_| flags.time;
    let course = Course {
        directory: &directory,
        campaign: &campaign,
        shard: Shard::WHOLE,
        jobs,
        budget: None,
        keep_all: false,
        load_of: &load_of,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut watch = Watch::new(&directory, jobs, None);
    let began = Instant::now();
    let tally = runtime.block_on(async {
        let interrupted = CancellationToken::new();
        tokio::select! {
            tally = course.run(&mut watch, &interrupted) => tally,
            () = run::end_on_ctrl_c(&interrupted, "no run begins any more, and those under way come to their end") => {
                unreachable!("the program ends there")
            }
        }
    });
    let elapsed = began.elapsed();
    let tally = tally.with_context(|| format!("the suite in {}", directory.display()))?;
    let found = Found::all(&tally);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let speed = Speed::of(watch.made, elapsed, cores);
    drop(watch);
    say(if flags.json { json(&found) } else { format!("\n{}", told(&found, speed.as_ref())) });
    if flags.shrink {
        smallest::tell(&tally, &directory, jobs)?;
    }
    let failed = tally.rows.iter().any(|row| row.harness_error > 0);
    Ok(match () {
        () if failed => Verdict::HarnessError,
        () if !tally.is_complete() => Verdict::Inconclusive,
        () if found.iter().all(|row| row.is_met) => Verdict::Pass,
        () => Verdict::Violation,
    })
}
