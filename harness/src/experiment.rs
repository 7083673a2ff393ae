//! The builder: a system, a workload, faults, a duration. It only gathers what a run needs; the run itself is in `run.rs`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use interregnum_workloads::register::Register;
use interregnum_workloads::seed::Seed;
use interregnum_workloads::workload::Workload;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::fault::FaultBudget;
use crate::report::{Report, html};
use crate::run::{self, Orders, Plan, Snapshot};
use crate::run_dir::RunDir;
use crate::schedule::{Injection, Schedule};
use crate::system::System;

/// The variable that gives a test's experiment its seed again.
pub(crate) const SEED_VARIABLE: &str = "INTERREGNUM_SEED";

/// The variable that gives a test's experiment a schedule, as a file, instead of its own.
pub(crate) const SCHEDULE_VARIABLE: &str = "INTERREGNUM_SCHEDULE";

/// How long bytes between nodes are under way unless set: as between two data centres of one city. On bare loopback they
/// take twenty microseconds, which hides the moment in which an asynchronous leader has acknowledged and not yet sent.
const LINK_DELAY: Duration = Duration::from_millis(1);

/// An experiment, before it is run.
///
/// ```no_run
/// use interregnum::prelude::*;
///
/// #[tokio::main]
/// async fn main() -> interregnum::Result {
///     Experiment::new(Node::cluster(3).ack(Ack::Majority))
///         .workload(Register::keys(5))
///         .fault(kill(leader()).every(secs(2)))
///         .run_for(secs(10))
///         .await?
///         .expect(linearizable())
///         .expect(no_lost_writes())
///         .verdict()
/// }
/// ```
#[must_use = "an experiment does nothing until it is run"]
pub struct Experiment {
    system: Arc<dyn System>,
    workload: Arc<dyn Workload>,
    clients: usize,
    readers: usize,
    rate_per_s: Option<f64>,
    injections: Vec<Injection>,
    schedule: Option<Schedule>,
    fault_budget: Option<FaultBudget>,
    seed: Option<Seed>,
    link_delay: Duration,
    has_faulty_disks: bool,
    out: Option<PathBuf>,
    arguments: Option<Vec<String>>,
}

impl Experiment {
    /// An experiment on this system: a register workload over five keys, eight clients as fast as answers come, no
    /// faults, unless said otherwise.
    pub fn new(system: impl System + 'static) -> Self {
        Self {
            system: Arc::new(system),
            workload: Arc::new(Register::default()),
            clients: 8,
            readers: 0,
            rate_per_s: None,
            injections: Vec::new(),
            schedule: None,
            fault_budget: None,
            seed: None,
            link_delay: LINK_DELAY,
            has_faulty_disks: false,
            out: None,
            arguments: None,
        }
    }

    /// What the clients do.
    pub fn workload(self, workload: impl Workload + 'static) -> Self {
        Self { workload: Arc::new(workload), ..self }
    }

    /// How many clients there are, each with one operation at a time.
    pub fn clients(self, clients: usize) -> Self {
        assert!(clients > 0, "an experiment needs at least one client");
        Self { clients, ..self }
    }

    /// How many of the clients only read; one at least writes. A client that writes to a leader which leads no more waits for the answer,
    /// one that only reads goes on and sees what is stale.
    pub fn readers(self, readers: usize) -> Self {
        Self { readers, ..self }
    }

    /// How many operations all clients together make in a second, at most.
    pub fn rate_per_s(self, rate_per_s: f64) -> Self {
        assert!(rate_per_s > 0.0, "a rate is positive; without one, clients go as fast as answers come");
        Self { rate_per_s: Some(rate_per_s), ..self }
    }

    /// Adds faults. May be called several times; their steps overlap.
    pub fn fault(mut self, injection: Injection) -> Self {
        self.injections.push(injection);
        self
    }

    /// Exactly these steps, instead of steps drawn from [`fault`](Self::fault).
    pub fn schedule(self, schedule: Schedule) -> Self {
        Self { schedule: Some(schedule), ..self }
    }

    /// How many nodes may be faulty at once. A step that would go over it waits for up to two seconds, and is skipped then; both are
    /// told. Unless set, any number may.
    pub fn fault_budget(self, fault_budget: FaultBudget) -> Self {
        Self { fault_budget: Some(fault_budget), ..self }
    }

    /// What every random choice comes from. Unless set: `INTERREGNUM_SEED`, or else a new one.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed: Some(Seed(seed)), ..self }
    }

    /// How long bytes between nodes are under way, each way; 1 ms unless set.
    pub fn link_delay(self, link_delay: Duration) -> Self {
        Self { link_delay, ..self }
    }

    /// Lets the nodes lie on disks that can fail even if no fault is about disks: what such disks cost is told by a run without faults.
    /// Where a fault is about disks they do anyway.
    pub fn faulty_disks(self) -> Self {
        Self { has_faulty_disks: true, ..self }
    }

    /// The run's directory. Unless set, one below cargo's target directory, named after the test and the seed.
    pub fn out(self, out: impl Into<PathBuf>) -> Self {
        Self { out: Some(out.into()), ..self }
    }

    /// The arguments of `interregnum` that run the same again. Unless set, a test does.
    pub(crate) fn arguments(self, arguments: Vec<String>) -> Self {
        Self { arguments: Some(arguments), ..self }
    }

    /// Runs the experiment: so long a load, and before and after it whatever setting up, healing and settling take.
    pub async fn run_for(self, run_for: Duration) -> Result<Report> {
        self.run_steered(run_for, &watch::Sender::default(), &CancellationToken::new(), Orders::none()).await
    }

    /// The same, telling its progress and steered by orders, until it is interrupted.
    pub(crate) async fn run_steered(
        self,
        run_for: Duration,
        progress: &watch::Sender<Snapshot>,
        interrupted: &CancellationToken,
        mut orders: Orders,
    ) -> Result<Report> {
        let seed = match self.seed {
            Some(seed) => seed,
            None => seed_from_environment().map_err(Error::harness)?,
        };
        let name = test_name();
        let out =
            self.out.unwrap_or_else(|| runs_directory().join(name.replace("::", ".")).join(format!("seed-{seed}")));
        let (schedule, wants_faults) = match schedule_from_environment().map_err(Error::harness)?.or(self.schedule) {
            Some(schedule) => (schedule, false),
            None => (Schedule::draw(&self.injections, run_for, seed), !self.injections.is_empty()),
        };
        let reproduce = match &self.arguments {
            // What a person did is in the run's directory and nowhere else.
            _ if orders.are_taken() => format!("interregnum replay {}", quoted(&out.display().to_string())),
            Some(arguments) => {
                format!("interregnum {}", arguments.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "))
            }
            None => format!("{SEED_VARIABLE}={seed} cargo test {name}"),
        };
        let plan = Plan {
            system: self.system,
            workload: self.workload,
            clients: self.clients,
            readers: self.readers,
            rate_per_s: self.rate_per_s,
            run_for,
            link_delay: self.link_delay,
            has_faulty_disks: self.has_faulty_disks,
            schedule,
            wants_faults,
            fault_budget: self.fault_budget,
            seed,
            arguments: self.arguments,
            reproduce,
        };
        let run_dir = RunDir::create(&out)
            .with_context(|| format!("making the run's directory {}", out.display()))
            .map_err(Error::harness)?;
        let report = run::run(&plan, &run_dir, progress, interrupted, &mut orders).await;
        if let Err(error) = &report {
            // The error is told in any case; a page of it is for who finds the directory later.
            let _ = html::write_failed(&run_dir, error);
        }
        let told = |error| anyhow::anyhow!("{error:#}\nwhat was recorded is in {}", run_dir.path().display());
        report.map_err(told).map_err(Error::harness)
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=:,./()".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn seed_from_environment() -> anyhow::Result<Seed> {
    match std::env::var(SEED_VARIABLE) {
        Ok(text) => {
            let seed = text.parse().with_context(|| format!("{SEED_VARIABLE}=`{text}`: a seed is a whole number"))?;
            Ok(Seed(seed))
        }
        Err(_) => Ok(Seed(rand::random::<u32>().into())),
    }
}

fn schedule_from_environment() -> anyhow::Result<Option<Schedule>> {
    let Some(file) = std::env::var_os(SCHEDULE_VARIABLE) else { return Ok(None) };
    Schedule::read(Path::new(&file)).with_context(|| format!("{SCHEDULE_VARIABLE} names a file")).map(Some)
}

/// The test that is running: the test runner names its threads after them.
fn test_name() -> String {
    let thread = std::thread::current();
    thread.name().filter(|name| *name != "main").unwrap_or("experiment").to_owned()
}

/// Cargo marks its target directory with a `CACHEDIR.TAG`; a test binary lies below it. Programs from elsewhere use the
/// current directory.
fn runs_directory() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let target = program.ancestors().find(|directory| directory.join("CACHEDIR.TAG").exists());
    target.unwrap_or(Path::new(".")).join("interregnum-runs")
}
