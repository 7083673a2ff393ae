//! `interregnum node supervise`: watches a cluster from outside and, when its leader is gone, makes the most up-to-date node that
//! answers the new one, as Orchestrator does for `MySQL`. For nodes with `--election supervisor` (or `manual`), which never promote themselves.
//!
//! It keeps nothing: whatever it needs to know, the nodes tell, so it can be restarted at any moment. Run one of them; two do no worse
//! than take turns, because every promotion has an epoch of its own.
//!
//! Here: the loop and its I/O. Not here: any decision (`decision`).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures::future::join_all;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use crate::stonith::{self, shoot};
use asking::ask;
use decision::{Outcome, Rules, Step, Supervisor};
pub use flags::{Supervise, SuperviseError};
use report::Report;

mod asking;
mod decision;
mod flags;
mod report;

/// How long a node may take to carry out a command: it writes its epoch to the disk first, and a busy disk takes its time.
const COMMAND_LIMIT: Duration = Duration::from_secs(5);

impl Supervise {
    /// Supervises until told to stop by SIGTERM or SIGINT, or, with `--once`, until there is a verdict; blocks. Logs to standard
    /// error, as much as `RUST_LOG` says.
    pub fn run(self) -> anyhow::Result<()> {
        self.validate()?;
        crate::log_to_stderr();
        let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
        runtime.block_on(supervise(&self))
    }

    fn rules(&self) -> Rules {
        Rules {
            misses: self.misses,
            patience_ms: self.interval_ms * u64::from(self.misses),
            recovery_period_ms: self.recovery_period_ms,
            min_nodes: self.min_nodes.map_or(self.nodes.len() / 2 + 1, |count| count as usize),
            stonith: self.stonith_command.is_some(),
            dry_run: self.dry_run,
        }
    }
}

async fn supervise(flags: &Supervise) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    tracing::info!(nodes = flags.nodes.len(), interval_ms = flags.interval_ms, misses = flags.misses, "supervising");
    tokio::select! {
        ended = watch(flags) => ended,
        _ = terminate.recv() => { tracing::info!(signal = "SIGTERM", "stopping"); Ok(()) }
        _ = interrupt.recv() => { tracing::info!(signal = "SIGINT", "stopping"); Ok(()) }
    }
}

/// Looks at every node, does what follows, and again.
async fn watch(flags: &Supervise) -> anyhow::Result<()> {
    let mut supervisor = Supervisor::new(flags.rules(), flags.nodes.iter().map(|node| node.id.clone()));
    let started = Instant::now();
    let now_ms = || started.elapsed().as_millis() as u64;
    let mut rounds = interval(Duration::from_millis(flags.interval_ms));
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        supervisor.observe(look(flags).await);
        while let Some(step) = supervisor.next_step(now_ms()) {
            let outcome = carry_out(flags, &step).await;
            supervisor.done(now_ms(), &step, outcome);
        }
        if flags.once
            && let Some(verdict) = supervisor.verdict()
        {
            return verdict.map_err(anyhow::Error::msg);
        }
    }
}

/// What each node tells; `None` of one that does not answer in time.
async fn look(flags: &Supervise) -> BTreeMap<String, Option<Report>> {
    let limit = Duration::from_millis(flags.interval_ms);
    let looks = flags.nodes.iter().map(async |node| (node.id.clone(), report_of(flags, &node.id, limit).await.ok()));
    join_all(looks).await.into_iter().collect()
}

async fn report_of(flags: &Supervise, id: &str, limit: Duration) -> anyhow::Result<Report> {
    let told = ask(flags.address(id), &["INFO", "replication"], limit).await?;
    let report = Report::parse(&told).with_context(|| format!("{id} does not answer as a node does"))?;
    if report.id != id {
        bail!("--node {id}: the node at that address is {}", report.id);
    }
    Ok(report)
}

async fn carry_out(flags: &Supervise, step: &Step) -> Outcome {
    match try_to(flags, step).await {
        Ok(report) => Outcome::Done(report),
        Err(error) => Outcome::Failed(format!("{error:#}")),
    }
}

async fn try_to(flags: &Supervise, step: &Step) -> anyhow::Result<Option<Report>> {
    match step {
        Step::Kill { id } => {
            let Some(command) = &flags.stonith_command else { bail!("there is no --stonith-command") };
            let command = command.replace("{id}", id).replace("{address}", &flags.address(id).to_string());
            shoot(&command, stonith::LIMIT).await.map(|()| None)
        }
        Step::Fence { id, epoch } => {
            ask(flags.address(id), &["FENCE", &epoch.to_string()], COMMAND_LIMIT).await?;
            // Only what it holds now, out of the old leader's reach, says how good a leader it would make.
            report_of(flags, id, COMMAND_LIMIT).await.map(Some)
        }
        Step::Demote { id } => ask(flags.address(id), &["DEMOTE"], COMMAND_LIMIT).await.map(|_| None),
        Step::Promote { id } => ask(flags.address(id), &["PROMOTE"], COMMAND_LIMIT).await.map(|_| None),
    }
}
