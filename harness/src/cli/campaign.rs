//! `interregnum campaign`: many runs, over a matrix that a file describes or of one set of flags; and `campaign merge`.

pub(super) mod watch;

use std::fs::{self, File};
use std::io::Write as _;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Parser as _, Subcommand};
use interregnum_checker::verdict::Verdict;
use interregnum_workloads::seed::Seed;
use rand::RngExt as _;
use tokio_util::sync::CancellationToken;

use super::{duration, run, say};
use crate::campaign::annotations::annotations;
use crate::campaign::{Campaign, Course, Expect, Group, Kept, Shard, Tally, junit, markdown, merge, table};
use crate::report::annotation;
use watch::Watch;

/// What stands at the end of `campaign --help`.
pub(super) const EXAMPLES: &str = "Examples:
  interregnum campaign .ci/campaigns/nightly.toml --seed 20260801 --budget 2h
  interregnum campaign --runs 50 --expect violation -- --ack async --faults kill
  interregnum campaign .ci/campaigns/nightly.toml --shard 2/8 --out shards/2
  interregnum campaign merge shards/* --junit campaign.xml

The same command goes on with a campaign that was ended, however it ended.

Exit codes:
  0  pass           every row came out as expected
  1  violation      a promise broke that should hold
  2  inconclusive   a row shows too little, or not often enough what is expected of it
  3  harness error  the harness failed at a run, or a file or a shard could not be read";

/// The flags of `campaign`.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct CampaignFlags {
    #[command(subcommand)]
    merge: Option<Command>,

    /// The campaign, as TOML: rows of runs, and what each is expected to come to. See .ci/campaigns/nightly.toml.
    #[arg(value_name = "FILE", required_unless_present = "flags", conflicts_with = "flags")]
    file: Option<PathBuf>,

    /// Runs of each row, instead of what the file says (10, if it says nothing).
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    runs: Option<u32>,

    /// What every run's seed comes from, instead of what the file says (1, if it says nothing).
    #[arg(long)]
    seed: Option<u64>,

    /// Runs at a time [default: one for every two processors].
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(1..))]
    jobs: Option<u8>,

    /// After this time no run begins.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    budget: Option<Duration>,

    /// Only this part of the campaign, as in 2/8. Machines that make all parts need not talk to each other.
    #[arg(long, value_name = "I/N", default_value_t = Shard::WHOLE)]
    shard: Shard,

    /// The campaign's directory, in which it goes on if it has begun [default: interregnum-runs/campaign-NAME-SEED].
    #[arg(long, value_name = "DIRECTORY")]
    out: Option<PathBuf>,

    /// Keep the directory of every run, not only of the smallest failure of each kind.
    #[arg(long)]
    keep_all: bool,

    /// What runs with the flags behind `--` are to come to.
    #[arg(long, value_enum, value_name = "VERDICT", default_value = "pass", conflicts_with = "file")]
    expect: Expect,

    #[command(flatten)]
    told: Told,

    /// Flags of `interregnum run` for a campaign of one row.
    #[arg(last = true, value_name = "FLAGS")]
    flags: Vec<String>,
}

/// What a campaign, or all shards of one, came to, for machines.
#[derive(Clone, Debug, Args)]
struct Told {
    /// Write `JUnit` XML there.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    /// Write a summary in Markdown there. It is added to `$GITHUB_STEP_SUMMARY` too, where that is set.
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,

    /// Print annotations for GitHub Actions, too: a line for each kind of failure. Done anyway where `$GITHUB_ACTIONS` is true,
    /// but not for a shard, as `merge` tells of all.
    #[arg(long)]
    annotations: bool,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Joins the shards of a campaign, and fails if one is missing, was not ended or belongs to another campaign.
    Merge {
        /// The shards' directories.
        #[arg(value_name = "DIRECTORY", required = true)]
        directories: Vec<PathBuf>,

        #[command(flatten)]
        told: Told,
    },
}

pub(super) fn campaign(flags: CampaignFlags) -> anyhow::Result<Verdict> {
    match flags.merge {
        Some(Command::Merge { directories, told }) => join(&directories, &told),
        None => go_on(&flags),
    }
}

/// Begins a campaign or goes on with it.
fn go_on(flags: &CampaignFlags) -> anyhow::Result<Verdict> {
    let campaign = plan(flags)?;
    let load = loads(&campaign)?;
    let directory = flags.out.clone().unwrap_or_else(|| usual_directory(&campaign, flags.shard));
    let jobs = flags.jobs.map_or_else(usual_jobs, usize::from);
    let course = Course {
        directory: &directory,
        campaign: &campaign,
        shard: flags.shard,
        jobs,
        budget: flags.budget,
        keep_all: flags.keep_all,
        load_of: &|row| load[row],
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let tally = runtime.block_on(async {
        let interrupted = CancellationToken::new();
        let mut watch = Watch::new(&directory, jobs, flags.budget);
        tokio::select! {
            tally = course.run(&mut watch, &interrupted) => tally,
            () = run::end_on_ctrl_c(&interrupted, "no run begins any more, and those under way come to their end") => {
                unreachable!("the program ends there")
            }
        }
    })?;
    tell(&tally, flags.file.as_deref(), &|group| kept(&directory, &campaign, group), &flags.told)
}

fn join(directories: &[PathBuf], told: &Told) -> anyhow::Result<Verdict> {
    let (tally, places) = merge(directories)?;
    let example = |group: &Group| {
        let (_, directory) = places.iter().find(|(shard, _)| shard.has(group.smallest.row, group.smallest.number))?;
        kept(directory, &tally.campaign, group)
    };
    tell(&tally, None, &example, told)
}

/// Prints what it came to, and writes it where it was asked for.
fn tell(
    tally: &Tally,
    file: Option<&Path>,
    example: &dyn Fn(&Group) -> Option<String>,
    told: &Told,
) -> anyhow::Result<Verdict> {
    say(format_args!("\n{}", table::full(tally, example)));
    if told.annotations || annotation::are_wanted() && tally.shard.is_whole() {
        annotations(tally, file, example).iter().for_each(say);
    }
    let written = |path: &Path| format!("writing {}", path.display());
    if let Some(path) = &told.junit {
        fs::write(path, junit::report(tally)?).with_context(|| written(path))?;
    }
    let summary = markdown::summary(tally, example);
    if let Some(path) = &told.summary {
        fs::write(path, &summary).with_context(|| written(path))?;
    }
    if let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").map(PathBuf::from) {
        let file = File::options().create(true).append(true).open(&path);
        file.and_then(|mut file| file.write_all(summary.as_bytes())).with_context(|| written(&path))?;
    }
    Ok(tally.verdict())
}

/// The campaign that the flags ask for.
fn plan(flags: &CampaignFlags) -> anyhow::Result<Campaign> {
    let mut campaign = match &flags.file {
        Some(path) => Campaign::read(path)?,
        None => Campaign::of_one_row(flags.expect, flags.flags.clone()),
    };
    if flags.file.is_none() {
        // Other flags are another campaign, with another directory.
        let mark: u32 = Seed(0).stream(&flags.flags.join(" ")).random();
        campaign.name = format!("{}-{mark:08x}", campaign.name);
    }
    campaign.seed = flags.seed.unwrap_or(campaign.seed);
    match flags.runs {
        Some(runs) => campaign.with_runs(runs),
        None => Ok(campaign),
    }
}

/// How long the load of each row's runs lasts; an error names a row whose flags `run` would not take.
fn loads(campaign: &Campaign) -> anyhow::Result<Vec<Duration>> {
    let load = |row: &crate::campaign::Row| {
        const OWN: [&str; 4] = ["--seed", "--out", "--scenario", "--explain"];
        let is_own = |flag: &&String| OWN.contains(&flag.split('=').next().unwrap_or_default());
        if let Some(flag) = row.arguments.iter().find(is_own) {
            bail!("row `{}`: {flag} is not a row's to say", row.name);
        }
        let flags = run::Command::try_parse_from(["run".to_owned()].into_iter().chain(row.arguments.iter().cloned()));
        let flags = flags.map_err(|error| {
            let told = error.to_string();
            let told = told.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            anyhow::anyhow!("row `{}`: {told}", row.name)
        })?;
        Ok(flags.flags.load())
    };
    campaign.rows.iter().map(load).collect()
}

fn usual_directory(campaign: &Campaign, shard: Shard) -> PathBuf {
    let part = if shard.is_whole() { String::new() } else { format!("-shard-{shard}").replace('/', "-of-") };
    PathBuf::from(format!("interregnum-runs/campaign-{}-{}{part}", campaign.name, campaign.seed))
}

/// A run's nodes, clients and proxies keep a processor busy, and checking a second one now and then.
pub(super) fn usual_jobs() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get).div_ceil(2)
}

/// Where the directory of a group's smallest failure is, if it is there.
fn kept(directory: &Path, campaign: &Campaign, group: &Group) -> Option<String> {
    let path = Kept::below(directory, false).of(campaign, group.smallest);
    path.is_dir().then(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nightly_campaign_is_one() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/campaigns/nightly.toml");
        let campaign = Campaign::read(&path).unwrap();
        assert_eq!(loads(&campaign).unwrap(), vec![Duration::from_secs(20); campaign.rows.len()]);
    }
}
