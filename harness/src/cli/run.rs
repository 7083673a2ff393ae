//! `interregnum run`: one experiment from flags.

mod as_test;
mod faults;
mod past;
mod sizes;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{anyhow, bail};
use clap::{Args, Parser, ValueEnum};
use interregnum_checker::verdict::Verdict;
use interregnum_node::{ModeFlags, Modes, pause_points};
use interregnum_workloads::append::Append;
use interregnum_workloads::register::Register;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::scenario::{self, Scenario};
use super::{duration, progress, say};
use crate::error::Error;
use crate::experiment::Experiment;
use crate::fault::FaultBudget;
use crate::node_id::MAX_NODES;
use crate::report::{Report, terminal};
use crate::run::{Orders, Snapshot};
use crate::schedule::{Schedule, mixed};
use crate::systems::node::{Node, RetryUnknown};
use crate::target::Target;
use faults::{Faults, Stream, parse_faults};

/// The longest accepted run: at ten thousand operations a second its history takes two gigabytes of memory to check. Many
/// short runs say more than a long one.
const LONGEST_RUN: Duration = Duration::from_mins(10);

/// The most clients: each may hold a connection to every node, every connection costs the harness three descriptors, and
/// 1024 is what a process usually gets.
const MOST_CLIENTS: i64 = 100;

/// The flags of `run`. Here the log is forced to the disk at intervals, see [`Node::cluster`].
#[derive(Clone, Debug, Args)]
#[command(mut_arg("fsync", |fsync| fsync.default_value(USUAL_FSYNC)))]
pub(super) struct RunFlags {
    /// Show one sentence about replication by experiment: a few runs, whose flags are told. Takes no flag beside it but --seed.
    #[arg(long, value_enum, value_name = "NAME", conflicts_with_all = FLAGS_OF_ONE_RUN)]
    scenario: Option<&'static Scenario>,

    /// Nodes in the cluster.
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=MAX_NODES as i64))]
    nodes: u8,

    /// What the clients do: `register` (read, write, compare-and-set) or `append` (list append, read of the whole list).
    #[arg(long, value_enum, default_value_t)]
    workload: WorkloadName,

    /// Keys that they share: fewer mean more contention on each [default: 5 registers or 3 lists].
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1000))]
    keys: Option<u16>,

    /// Clients, each with one operation at a time.
    #[arg(long, value_name = "COUNT", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=MOST_CLIENTS))]
    clients: u16,

    /// How many of them only read; one at least writes.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    readers: u16,

    /// Operations a second that all clients make together. Without it they go as fast as answers come.
    #[arg(long, value_name = "PER_SECOND", value_parser = parse_rate)]
    rate: Option<f64>,

    /// How long clients and faults go on.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_time)]
    time: Duration,

    /// Faults to inject in turn, separated by commas. Of processes: kill, kill-all, crash-loop, stop (SIGTERM), rolling-restart, upgrade,
    /// switchover, promote, remove-member, pause, pause-thread, slow-process, clock-jump, clock-drift. Of what is stored: drift. Of the
    /// network: partition (one of isolate, halves, inbound, outbound, bridge), each of these by name, ring, client-side, fence-side,
    /// flapping, slow-link, reset, half-open, half-close, slow-close, corrupt. Parameters stand behind colons: `crash-loop:times=5`,
    /// `flapping:shape=halves:period_ms=200`. `none` injects none. Lists joined by `+` are injected side by side, and overlap; behind a
    /// list, `@` and a target say on whom. `@at-pause-point` strikes whoever reaches a place in the node's code that is drawn.
    #[arg(long, value_name = "LIST", default_value = "kill,pause,partition", value_parser = parse_faults)]
    faults: Faults,

    /// On whom faults strike: leader, followers, most-up-to-date, random, minority, majority, all, or a node by name.
    /// Without it the seed draws a target for each fault, mostly the leader.
    #[arg(long)]
    target: Option<Target>,

    /// Exactly the faults that this file says, TOML or JSON, instead of faults drawn from the seed. Every run leaves such a file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["faults", "target", "interval", "swarm"])]
    schedule: Option<PathBuf>,

    /// About how long from one fault to the next.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration::parse)]
    interval: Duration,

    /// Draw anew, every so often, which of the faults take part, how densely they come and how long they last (swarm testing).
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    swarm: Option<Duration>,

    /// How many nodes may be faulty at once, or `minority`, which leaves a majority. A step that would go over it waits for up to two
    /// seconds and is skipped then.
    #[arg(long, value_name = "NODES")]
    fault_budget: Option<FaultBudget>,

    /// The program that the fault upgrade starts the node from. Without it, it is this one.
    #[arg(long, value_name = "PROGRAM")]
    upgrade_to: Option<PathBuf>,

    /// The flags of a node that the fault upgrade adds, as one word: '--heartbeat-ms 100'.
    #[arg(long, value_name = "FLAGS", allow_hyphen_values = true)]
    upgrade_flags: Option<String>,

    /// What clients do when they do not know whether an operation happened.
    #[arg(long, value_enum, default_value_t)]
    retry_unknown: RetryUnknown,

    /// How long clients wait at most before they ask again: each time another part of it.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse_or_zero, default_value = "0s")]
    retry_pause: Duration,

    /// Let each client read only where the newest record has arrived that it wrote or saw, so that it reads its own writes.
    #[arg(long)]
    session_tokens: bool,

    /// Let clients go through a router (`interregnum node route`), which holds what nobody can take during a failover.
    #[arg(long)]
    route: bool,

    /// What every random choice comes from. Without it a new one is drawn, and told.
    #[arg(long)]
    seed: Option<u64>,

    /// How long bytes between two nodes are under way, each way. Loopback alone takes microseconds, which hides the
    /// moment in which an asynchronous leader has acknowledged and not yet sent.
    #[arg(long, value_name = "DURATION", default_value = "1ms", value_parser = duration::parse_or_zero)]
    link_delay: Duration,

    /// What the nodes lie on. Faults of disks need `faulty` ones, a file system of the harness's own, and choose them by themselves.
    #[arg(long, value_enum, value_name = "KIND", default_value_t)]
    disk: DiskKind,

    /// Where to leave everything that is known of the run; of a scenario's runs, a directory each inside of it
    /// [default: interregnum-runs/seed-SEED].
    #[arg(long, value_name = "DIRECTORY")]
    out: Option<PathBuf>,

    #[command(flatten)]
    modes: ModeFlags,
}

/// What `--scenario` chooses by itself, besides the modes.
const FLAGS_OF_ONE_RUN: [&str; 21] = [
    "nodes",
    "workload",
    "keys",
    "clients",
    "readers",
    "rate",
    "time",
    "faults",
    "target",
    "schedule",
    "interval",
    "swarm",
    "fault_budget",
    "upgrade_to",
    "upgrade_flags",
    "retry_unknown",
    "retry_pause",
    "session_tokens",
    "route",
    "link_delay",
    "disk",
];

/// Flags that the command to run again says even where they have their usual values, because a reader wants to know them.
const SPOKEN: [&str; 5] = ["--ack", "--election", "--fencing", "--read", "--fsync"];
const USUAL_FSYNC: &str = "interval";

/// The modes of a run whose flags say nothing about them.
fn usual_modes() -> Modes {
    Modes::default().with(&format!("--fsync {USUAL_FSYNC}")).expect("these flags are valid")
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum WorkloadName {
    #[default]
    Register,
    Append,
}

/// What the nodes' directories lie on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum DiskKind {
    /// The machine's disk, unless a fault is about disks.
    #[default]
    Plain,
    /// A disk that can fail.
    Faulty,
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err(format!("`{text}` is no rate: give operations a second, more than 0")),
    }
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let time = duration::parse(text)?;
    if time > LONGEST_RUN {
        Err("a run lasts ten minutes at most; many runs say more than a long one".into())
    } else {
        Ok(time)
    }
}

/// The flags of a run as a command of their own.
#[derive(Parser)]
pub(super) struct Command {
    #[command(flatten)]
    pub flags: RunFlags,
}

pub(super) fn run(flags: RunFlags) -> anyhow::Result<Verdict> {
    if let Some(scenario) = flags.scenario {
        if let Some(flag) = flags.modes.given().next() {
            bail!(
                "--scenario has modes of its own, so {flag} cannot be given beside it; its commands can be typed and changed"
            );
        }
        return scenario::play(scenario, flags.seed, flags.out.as_deref());
    }
    let report = execute(&flags.name(), flags)?;
    say(terminal::full(&report));
    Ok(report.overall())
}

/// Runs the experiment that the flags describe, with live progress. A Ctrl-C ends its load; a second one ends the
/// program at once, and the guardian cleans up.
pub(super) fn execute(name: &str, flags: RunFlags) -> anyhow::Result<Report> {
    carry_out(flags, Orders::none(), |time, watched| progress::show(name, time, watched))
}

/// Runs what the flags say, steered by orders. `show` is given how long the load is to last and what goes on, and never ends by itself.
pub(super) fn carry_out<S: Future<Output = ()>>(
    flags: RunFlags,
    orders: Orders,
    show: impl FnOnce(Duration, watch::Receiver<Snapshot>) -> S,
) -> anyhow::Result<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        let interrupted = CancellationToken::new();
        let (progress, watched) = watch::channel(Snapshot::default());
        let time = flags.time;
        let experiment = flags.into_experiment().map_err(Error::harness)?;
        tokio::select! {
            report = experiment.run_steered(time, &progress, &interrupted, orders) => report,
            () = show(time, watched) => unreachable!("it is shown until the run ends"),
            () = end_on_ctrl_c(&interrupted, "healing, stopping and judging what was recorded") => {
                unreachable!("the program ends there")
            }
        }
    });
    report.map_err(without_wrapping)
}

/// A harness error as what it is.
fn without_wrapping(error: Error) -> anyhow::Error {
    match error {
        Error::Harness(error) => error,
        error @ Error::Verdict(_) => error.into(),
    }
}

/// Waits for a Ctrl-C, tells what it sets off and cancels; a second one ends the program.
pub(super) async fn end_on_ctrl_c(interrupted: &CancellationToken, what: &str) {
    // Without a handler Ctrl-C keeps its usual meaning, and the guardian cleans up after it.
    if tokio::signal::ctrl_c().await.is_err() {
        return std::future::pending().await;
    }
    eprintln!("interrupted: {what}; once more ends at once");
    interrupted.cancel();
    let _ = tokio::signal::ctrl_c().await;
    std::process::exit(i32::from(Verdict::HarnessError.exit_code()));
}

impl WorkloadName {
    fn word(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Append => "append",
        }
    }
}

impl RunFlags {
    /// What it is called while it goes on.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.modes.acknowledgement.ack, self.workload.word())
    }

    /// Whether it asks for a scenario instead of a run.
    pub(super) fn is_scenario(&self) -> bool {
        self.scenario.is_some()
    }

    /// How long clients and faults go on.
    pub(super) fn load(&self) -> Duration {
        self.time
    }

    /// The same, with exactly the faults of a file.
    pub(super) fn following(self, schedule: PathBuf) -> Self {
        Self { schedule: Some(schedule), ..self }
    }

    /// The same, leaving what is known of it elsewhere.
    pub(super) fn leaving(self, out: PathBuf) -> Self {
        Self { out: Some(out), ..self }
    }

    /// The same as words of a command line, of a run whose seed is known.
    pub(super) fn words(&self) -> Vec<String> {
        self.arguments(self.seed.expect("the run was made, so its seed is known"))
    }

    /// The arguments that say the same, seed included.
    fn arguments(&self, seed: u64) -> Vec<String> {
        let mut flags = vec![
            ("--nodes", self.nodes.to_string()),
            ("--workload", self.workload.word().to_owned()),
            ("--clients", self.clients.to_string()),
            ("--time", duration::show(self.time)),
            ("--link-delay", duration::show(self.link_delay)),
            ("--seed", seed.to_string()),
        ];
        if let Some(file) = &self.schedule {
            flags.push(("--schedule", file.display().to_string()));
        } else {
            flags.push(("--faults", self.faults.words.clone()));
            flags.push(("--interval", duration::show(self.interval)));
            flags.extend(self.target.map(|target| ("--target", target.to_string())));
            flags.extend(self.swarm.map(|length| ("--swarm", duration::show(length))));
        }
        let usual = usual_modes().flags();
        flags.extend(self.modes.flags().into_iter().filter(|flag| SPOKEN.contains(&flag.0) || !usual.contains(flag)));
        if self.retry_unknown != RetryUnknown::Never {
            let word = self.retry_unknown.to_possible_value().expect("no choice is hidden");
            flags.push(("--retry-unknown", word.get_name().to_owned()));
        }
        if !self.retry_pause.is_zero() {
            flags.push(("--retry-pause", duration::show(self.retry_pause)));
        }
        flags.extend(self.fault_budget.map(|budget| ("--fault-budget", budget.to_string())));
        flags.extend(self.keys.map(|keys| ("--keys", keys.to_string())));
        flags.extend(self.upgrade_to.iter().map(|program| ("--upgrade-to", program.display().to_string())));
        flags.extend(self.upgrade_flags.iter().map(|given| ("--upgrade-flags", given.clone())));
        flags.extend((self.readers > 0).then(|| ("--readers", self.readers.to_string())));
        flags.extend(self.rate.map(|rate| ("--rate", rate.to_string())));
        let mut words = vec!["run".to_owned()];
        words.extend(flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]));
        words.extend(self.session_tokens.then(|| "--session-tokens".to_owned()));
        words.extend(self.route.then(|| "--route".to_owned()));
        if self.disk == DiskKind::Faulty {
            words.extend(["--disk".to_owned(), "faulty".to_owned()]);
        }
        words
    }

    fn into_experiment(self) -> anyhow::Result<Experiment> {
        let seed = self.seed.unwrap_or_else(|| rand::random::<u32>().into());
        let mut node = Node::in_modes(self.nodes.into(), self.modes.modes.clone())
            .retry_unknown(self.retry_unknown)
            .retry_pause(self.retry_pause);
        if self.upgrade_to.is_some() || self.upgrade_flags.is_some() {
            let flags = self.upgrade_flags.as_deref().unwrap_or_default();
            self.modes.modes.clone().with(flags).map_err(|error| anyhow!("--upgrade-flags `{flags}`: {error}"))?;
            node = node.upgraded_to(self.upgrade_to.clone(), flags);
        }
        if self.session_tokens {
            node = node.session_tokens();
        }
        if self.route {
            node = node.routed();
        }
        let mut experiment = Experiment::new(node)
            .clients(self.clients.into())
            .readers(self.readers.into())
            .link_delay(self.link_delay)
            .seed(seed)
            .arguments(self.arguments(seed))
            .out(self.out.clone().unwrap_or_else(|| PathBuf::from(format!("interregnum-runs/seed-{seed}"))));
        let keys = self.keys.map(usize::from);
        experiment = match self.workload {
            WorkloadName::Register => experiment.workload(keys.map_or_else(Register::default, Register::keys)),
            WorkloadName::Append => experiment.workload(keys.map_or_else(Append::default, Append::keys)),
        };
        if self.disk == DiskKind::Faulty {
            experiment = experiment.faulty_disks();
        }
        if let Some(budget) = self.fault_budget {
            experiment = experiment.fault_budget(budget);
        }
        if let Some(rate) = self.rate {
            experiment = experiment.rate_per_s(rate);
        }
        if let Some(file) = &self.schedule {
            experiment = experiment.schedule(Schedule::read(file)?);
        } else {
            for Stream { groups, target } in self.faults.streams {
                let faults = mixed(groups).every(self.interval);
                let faults = self.swarm.map_or(faults.clone(), |length| faults.in_swarms(length));
                experiment = experiment.fault(match target.or(self.target) {
                    Some(Target::AtPausePoint) => faults.at_pause_points(pause_points::names().to_vec()),
                    Some(target) => faults.on(target),
                    None => faults,
                });
            }
        }
        Ok(experiment)
    }
}
