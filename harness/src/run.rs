//! One run, from start to end: setup, load, heal, settle, judge. Each phase has a file of its own; here is their order.
//!
//! ```text
//!   setup ──▶ load ───────────────────────▶ heal ──────────▶ settle ─────────▶ judge
//!             clients ⇄ nodes ............ clients go on     final reads       checkers over the
//!             faults by the schedule       all faults undone through each node recorded history
//! ```

mod claims;
mod happened;
mod in_force;
mod judge;
mod load;
mod monitor;
mod nemesis;
mod orders;
mod pause_points;
mod settle;
mod signs;
mod snapshot;
mod tally;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use interregnum_checker::judgement::Judgement;
use interregnum_checker::verdict::Verdict;
use interregnum_workloads::seed::Seed;
use interregnum_workloads::workload::Workload;
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cluster::{Cluster, WantedDisks, agreed_leader};
use crate::fault::FaultBudget;
use crate::fencing;
use crate::gate;
use crate::record::{Recorder, RunEvent};
use crate::report::Report;
use crate::run_dir::RunDir;
use crate::schedule::Schedule;
use crate::system::System;
use claims::Claims;
use load::Load;
use monitor::Monitor;
use nemesis::Nemesis;
pub(crate) use nemesis::StepTaken;
pub(crate) use orders::{Order, Orders};
use settle::Settled;
use signs::Signs;
pub(crate) use snapshot::{FaultInForce, Phase, Skipped, Snapshot};
pub(crate) use tally::{Latencies, Tally};

/// How long the nodes may take to come up and agree on a leader. They take a tenth of a second; what takes a hundred
/// times longer than usual on a busy machine still passes, and what does not come up at all is told within half a minute.
const SETUP_LIMIT: Duration = Duration::from_secs(30);

/// How long the cluster may take to work again once every fault has been undone: the promise of liveness. The reference
/// node needs a few hundred milliseconds.
const RECOVERY_LIMIT: Duration = Duration::from_secs(30);

/// Operations that must be acknowledged after everything has healed before the clients stop.
const ACKNOWLEDGED_AFTER_HEALING: u64 = 20;

/// How often a condition is looked at that nobody announces.
const POLL: Duration = Duration::from_millis(10);

/// Everything that a run is planned from.
pub(crate) struct Plan {
    pub system: Arc<dyn System>,
    pub workload: Arc<dyn Workload>,
    pub clients: usize,
    /// How many of them only read.
    pub readers: usize,
    /// Operations a second that all clients make together; `None`: as many as come back.
    pub rate_per_s: Option<f64>,
    pub run_for: Duration,
    pub link_delay: Duration,
    /// Whether the nodes' disks can fail even if no fault is about them.
    pub has_faulty_disks: bool,
    pub schedule: Schedule,
    /// Whether faults were to be drawn for it, even if none came up.
    pub wants_faults: bool,
    /// How many nodes may be faulty at once; `None`: any number.
    pub fault_budget: Option<FaultBudget>,
    pub seed: Seed,
    /// The arguments of `interregnum` that plan the same, if it was planned so.
    pub arguments: Option<Vec<String>>,
    /// What a person types to run the same again.
    pub reproduce: String,
}

/// Runs the plan and leaves everything in `run_dir`. An error is a harness error: the run says nothing about the system.
///
/// When `interrupted` is cancelled the load ends early, and everything after it is done all the same. `orders` steer it meanwhile.
pub(crate) async fn run(
    plan: &Plan,
    run_dir: &RunDir,
    progress: &watch::Sender<Snapshot>,
    interrupted: &CancellationToken,
    orders: &mut Orders,
) -> anyhow::Result<Report> {
    run_dir.write_json("run.json", &plan.describe(plan.run_for)).context("writing run.json")?;
    let recorder = Arc::new(Recorder::start(run_dir).context("opening the history and the event log")?);
    let enter = |phase: Phase| {
        recorder.happened(RunEvent::Phase { phase: phase.to_string() });
        progress.send_modify(|snapshot| snapshot.phase = phase);
    };

    let has_pause_points = pause_points::are_wanted(&plan.schedule, &*plan.system)?;
    enter(Phase::Setup);
    let (launched, launched_ns) = (Instant::now(), recorder.now_ns());
    let system = Arc::clone(&plan.system);
    let disks = plan.wanted_disks();
    let cluster = Cluster::launch(system, plan.seed, plan.link_delay, has_pause_points, disks, &run_dir.logs()).await?;
    let cluster = Arc::new(Mutex::new(cluster));
    let fence_device = fencing::Device::start(&cluster, &recorder).await;
    wait_until_ready(&cluster, run_dir).await?;
    let ready_after = launched.elapsed();

    enter(Phase::Load);
    let tally = Arc::clone(&progress.borrow().tally);
    let mut nemesis =
        Nemesis::new(&cluster, Arc::clone(&recorder), Arc::clone(&tally), plan.seed, plan.fault_budget).await;
    let monitor = Monitor::start(&*cluster.lock().await, &recorder, progress);
    let load = Load::start(plan, &*cluster.lock().await, &recorder, tally);
    let load_began_ns = recorder.now_ns();
    wait_until_underway(&load, interrupted).await;
    let schedule_began_ns = recorder.now_ns();
    let signs = Signs::begin(&plan.schedule, progress.subscribe(), &cluster.lock().await.logs());
    let schedule_began = signs.begin_time();
    nemesis.follow(&plan.schedule, signs, plan.run_for, orders, interrupted, progress).await?;
    if orders.are_taken() {
        // Whoever steered it chose how long it lasted, and it is to be so long when it is run again.
        let lasted = schedule_began.elapsed().min(plan.run_for);
        run_dir.write_json("run.json", &plan.describe(lasted)).context("writing run.json")?;
    }

    enter(Phase::Heal);
    nemesis.heal(progress).await?;
    let healed_ns = recorder.now_ns();
    let recovered = wait_until_recovered(&cluster, &load).await;
    let touched = load.stop().await;
    let load_ended_ns = recorder.now_ns();
    let mut watched = monitor.stop().await;

    enter(Phase::Settle);
    let settled = match &recovered {
        Ok(()) => settle::settle(plan, &cluster, &recorder, &touched).await,
        Err(_) => Settled::not_reached(),
    };
    settled.keep(run_dir)?;
    fence_device.stop().await?;
    let steps = nemesis.retire();
    let cluster = Arc::into_inner(cluster).expect("the nemesis and the fence device have let go of it").into_inner();
    cluster.keep_evidence(&run_dir.nodes()).context("keeping what the nodes kept aside")?;
    if let (Some(claims), Some(log)) = (&mut watched.claims, cluster.system().committed_log()) {
        for node in cluster.places().into_iter().map(|place| place.node) {
            let given_up = log.given_up(&run_dir.nodes().join(node.to_string()));
            let given_up = given_up.with_context(|| format!("reading what {node} gave up"))?;
            claims.given_up(recorder.now_ns(), node, &given_up);
        }
    }
    let died = cluster.died();
    let take_down_began = Instant::now();
    cluster.take_down().await?;
    let taken_down_in = take_down_began.elapsed();
    if let Some(error) = recorder.failure() {
        return Err(error).context("the history or the event log could not be written; the run is void");
    }

    enter(Phase::Judge);
    let told = watched.claims.iter().flat_map(Claims::judgements);
    let settled = [recovery(&recovered), survival(&died), settled.judgement(recovered.is_ok())];
    let judgements = settled.into_iter().map(|judgement| (judgement, None)).chain(told).collect();
    let facts = judge::Facts {
        launched_ns,
        load_began_ns,
        schedule_began_ns,
        load_ended_ns,
        healed_ns,
        ready_after,
        taken_down_in,
        steps,
        interrupted: interrupted.is_cancelled(),
        watched,
        judgements,
    };
    judge::judge(plan, run_dir, facts).await
}

/// Waits until all nodes follow one leader.
async fn wait_until_ready(cluster: &Mutex<Cluster>, run_dir: &RunDir) -> anyhow::Result<()> {
    let deadline = Instant::now() + SETUP_LIMIT;
    loop {
        let cluster = cluster.lock().await;
        let statuses = cluster.statuses().await;
        if agreed_leader(&statuses, cluster.nodes().len()).is_some() {
            return Ok(());
        }
        let died = cluster.died();
        if !died.is_empty() {
            bail!("the cluster did not come up: {}; see {}", died.join(", "), run_dir.logs().display());
        }
        if Instant::now() >= deadline {
            let answered = statuses.len();
            bail!(
                "the cluster did not agree on a leader within {} s ({answered} nodes answered); see {}",
                SETUP_LIMIT.as_secs(),
                run_dir.logs().display()
            );
        }
        drop(cluster);
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until clients are being served, so that the faults find a working cluster however slow the machine is: the time of
/// the schedule counts from here. A cluster that does not serve at all is left to the gates.
async fn wait_until_underway(load: &Load, interrupted: &CancellationToken) {
    let deadline = Instant::now() + SETUP_LIMIT;
    while load.acknowledged() < gate::FEWEST_ACKNOWLEDGED as u64 && Instant::now() < deadline {
        if interrupted.run_until_cancelled(tokio::time::sleep(POLL)).await.is_none() {
            return;
        }
    }
}

/// Waits until all nodes follow one leader again and clients get acknowledgements again; says what is missing otherwise.
async fn wait_until_recovered(cluster: &Mutex<Cluster>, load: &Load) -> Result<(), String> {
    let deadline = Instant::now() + RECOVERY_LIMIT;
    let limit_s = RECOVERY_LIMIT.as_secs();
    let wanted = load.acknowledged() + ACKNOWLEDGED_AFTER_HEALING;
    loop {
        let cluster = cluster.lock().await;
        let statuses = cluster.statuses().await;
        let agreed = agreed_leader(&statuses, cluster.nodes().len());
        if agreed.is_some() && load.acknowledged() >= wanted {
            return Ok(());
        }
        let died = cluster.died();
        if !died.is_empty() {
            return Err(format!("a node was missing: {}", died.join(", ")));
        }
        if Instant::now() >= deadline {
            return Err(match agreed {
                Some(leader) => {
                    format!("after {limit_s} s all nodes follow {leader}, but clients are not acknowledged")
                }
                None => format!("after {limit_s} s they agree on no leader ({} nodes answer)", statuses.len()),
            });
        }
        drop(cluster);
        tokio::time::sleep(POLL).await;
    }
}

/// Judges liveness: did the cluster come back?
fn recovery(recovered: &Result<(), String>) -> Judgement {
    let (verdict, summary) = match recovered {
        Ok(()) => (Verdict::Pass, "the cluster worked again after every fault had been undone".to_owned()),
        Err(missing) => {
            (Verdict::Violation, format!("the cluster did not work again after every fault had been undone: {missing}"))
        }
    };
    Judgement::without_proofs("recovery", verdict, summary)
}

/// Judges whether a node ended that nobody killed.
fn survival(died: &[String]) -> Judgement {
    let (verdict, summary) = if died.is_empty() {
        (Verdict::Pass, "no node ended that had not been killed".to_owned())
    } else {
        (Verdict::Violation, format!("a node ended by itself: {}", died.join(", ")))
    };
    Judgement::without_proofs("survival", verdict, summary)
}

impl Plan {
    fn wanted_disks(&self) -> WantedDisks {
        match self.schedule.steps.iter().any(|step| step.fault.is_of_disks()) {
            _ if self.has_faulty_disks => WantedDisks::OnlyFaulty,
            true => WantedDisks::Faulty,
            false => WantedDisks::Plain,
        }
    }

    /// The plan as `run.json` tells it.
    fn describe(&self, run_for: Duration) -> serde_json::Value {
        let flags: std::collections::BTreeMap<_, _> = self.system.flags().into_iter().collect();
        serde_json::json!({
            "interregnum": env!("CARGO_PKG_VERSION"),
            "system": self.system.name(),
            "flags": flags,
            "workload": self.workload.name(),
            "clients": self.clients,
            "readers": self.readers,
            "rate_per_s": self.rate_per_s,
            "run_for_ms": run_for.as_millis() as u64,
            "link_delay_us": self.link_delay.as_micros() as u64,
            "faulty_disks": self.has_faulty_disks,
            "seed": self.seed,
            "schedule": self.schedule,
            "fault_budget": self.fault_budget.map(|budget| budget.to_string()),
            "arguments": self.arguments,
            "reproduce": self.reproduce,
        })
    }
}
