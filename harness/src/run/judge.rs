//! From the recorded history and what the nemesis did to a report: the workload's checkers, and the gates.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::Context;
use interregnum_checker::availability;
use interregnum_checker::history::{History, Outcome};
use interregnum_checker::judgement::Judgement;
use interregnum_checker::leadership::{self, Reign};
use interregnum_checker::staleness::{self, Quantiles};

use super::Plan;
use super::happened::{LeaderSeen, happened};
use super::monitor::Watched;
use super::nemesis::StepTaken;
use crate::gate::{self, Exercise};
use crate::node_id::NodeId;
use crate::record::{RunEvent, TimedEvent, read_history};
use crate::report::{Counts, Fencing, Leadership, Measured, Report, Timings, stored};
use crate::run_dir::RunDir;
use crate::schedule::Schedule;
use crate::system::Role;

/// What the earlier phases found.
pub(super) struct Facts {
    pub launched_ns: u64,
    pub load_began_ns: u64,
    /// What the times of the schedule count from.
    pub schedule_began_ns: u64,
    pub load_ended_ns: u64,
    pub healed_ns: u64,
    pub ready_after: Duration,
    pub taken_down_in: Duration,
    pub steps: Vec<StepTaken>,
    pub interrupted: bool,
    pub watched: Watched,
    /// With the moment of the first evidence, in nanoseconds since the run began, where that is known.
    pub judgements: Vec<(Judgement, Option<u64>)>,
}

pub(super) async fn judge(plan: &Plan, run_dir: &RunDir, facts: Facts) -> anyhow::Result<Report> {
    let (workload, dir, faults) =
        (plan.workload.clone(), run_dir.clone(), facts.steps.iter().filter_map(StepTaken::window).collect::<Vec<_>>());
    let load_ns = facts.load_began_ns..facts.load_ended_ns;
    let lag_records = Quantiles::of(facts.watched.lags_records.clone());
    let disk_bytes = facts.watched.disk_bytes;
    // Checking can take seconds, and whoever shows progress wants the runtime meanwhile.
    let judged = tokio::task::spawn_blocking(move || {
        let history = read_history(&dir).context("reading back the history")?;
        let judgements = workload.judge(&history, &faults);
        let options = availability::Options { load_ns: Some(load_ns), ..availability::Options::default() };
        let availability = availability::check(&history, &faults, &options);
        let measured =
            Measured { availability, staleness: staleness::check(&history, &faults), lag_records, disk_bytes };
        Ok::<_, anyhow::Error>((history, judgements, measured))
    });
    let (history, judgements, measured) = judged.await.context("a checker failed")??;
    let events = stored::events(&run_dir.events()).context("reading back the events")?;
    let leaders = leaders_seen(&events);
    let again = happened(&facts.steps, &leaders, facts.schedule_began_ns, &plan.reproduce);
    fs::write(run_dir.schedule(), again).context("writing schedule.toml")?;
    let leaderships = leaderships(&leaders, &history).context("naming the nodes that led")?;
    let gates = gate::examine(&Exercise {
        planned: &with_what_struck(&plan.schedule, &facts.steps),
        wants_faults: plan.wants_faults,
        taken: &facts.steps,
        acknowledged_ns: &acknowledged_ns(&history),
        load_ns: facts.load_began_ns..facts.healed_ns,
        interrupted: facts.interrupted,
    });
    let judged = judgements.into_iter().map(|judgement| {
        let evident_ns = evident_ns(&judgement, &history);
        (judgement, evident_ns)
    });
    let judged: Vec<_> = facts.judgements.iter().cloned().chain(judged).collect();
    let evident_ms = judged.iter().filter_map(|(judgement, ns)| Some((judgement.checker.clone(), (*ns)? / 1_000_000)));
    let report = Report {
        run_dir: run_dir.clone(),
        system: plan.system.name().to_owned(),
        flags: plan.system.flags().into_iter().map(|(flag, value)| (flag.to_owned(), value)).collect(),
        workload: plan.workload.name().to_owned(),
        seed: plan.seed,
        counts: counts(&history),
        timings: timings(&facts, &history),
        leaderships,
        fencings: fencings(&events),
        faults: facts.steps,
        measured,
        gates,
        evident_ms: evident_ms.collect(),
        judgements: judged.into_iter().map(|(judgement, _)| judgement).collect(),
        demands: Vec::new(),
        reproduce: plan.reproduce.clone(),
    };
    report.write()?;
    Ok(report)
}

/// When the first of a judgement's proofs was complete: when the last of its operations had been answered.
fn evident_ns(judgement: &Judgement, history: &History) -> Option<u64> {
    let answered_ns = |operation: &usize| history.operations()[*operation].completed?.time_ns;
    judgement.proofs.iter().filter_map(|proof| proof.operations.iter().filter_map(answered_ns).max()).min()
}

/// What was done by hand counts like what was planned.
fn with_what_struck(planned: &Schedule, taken: &[StepTaken]) -> Schedule {
    let struck = taken.iter().filter(|taken| !taken.nodes.is_empty()).map(|taken| &taken.step);
    Schedule { steps: planned.steps.iter().chain(struck).cloned().collect() }
}

fn timings(facts: &Facts, history: &History) -> Timings {
    let writes = history.operations().iter().filter(|operation| operation.function.is_write());
    let acknowledged = writes.filter(|operation| operation.outcome == Outcome::Ok);
    let first_ns = acknowledged.filter_map(|write| write.completed?.time_ns).min();
    Timings {
        ready_ms: facts.ready_after.as_millis() as u64,
        first_acknowledged_ms: first_ns.map(|ns| ns.saturating_sub(facts.launched_ns) / 1_000_000),
        load_ms: (facts.healed_ns - facts.load_began_ns) / 1_000_000,
        take_down_ms: facts.taken_down_in.as_millis() as u64,
    }
}

fn acknowledged_ns(history: &History) -> Vec<u64> {
    let acknowledged = history.operations().iter().filter(|operation| operation.outcome == Outcome::Ok);
    acknowledged.filter_map(|operation| operation.completed?.time_ns).collect()
}

fn counts(history: &History) -> Counts {
    let mut counts = Counts::default();
    for operation in history.operations() {
        match operation.outcome {
            Outcome::Ok => counts.ok += 1,
            Outcome::Fail => counts.fail += 1,
            Outcome::Info => counts.info += 1,
        }
    }
    counts
}

/// Whenever a node was new as a leader to the monitor.
fn leaders_seen(events: &[TimedEvent]) -> Vec<LeaderSeen> {
    let seen = events.iter().filter_map(|told| match told.event {
        RunEvent::Status { node, role: Role::Leader, epoch, .. } => Some(LeaderSeen { at_ns: told.time, node, epoch }),
        _ => None,
    });
    seen.collect()
}

/// Whenever the fence device switched a node off.
fn fencings(events: &[TimedEvent]) -> Vec<Fencing> {
    let seen = events.iter().filter_map(|told| match &told.event {
        RunEvent::Fenced { node, by, .. } => Some(Fencing { at_ns: told.time, node: *node, by: by.clone() }),
        _ => None,
    });
    seen.collect()
}

/// Every leadership that was seen, by the monitor or in an acknowledgement.
fn leaderships(leaders: &[LeaderSeen], history: &History) -> anyhow::Result<Vec<Leadership>> {
    let unseen_by_clients = |&LeaderSeen { node: leader, epoch, .. }: &LeaderSeen| {
        ((epoch, leader), Leadership { epoch, leader, writes: 0, first_ns: None, last_ns: None })
    };
    let mut seen: BTreeMap<_, _> = leaders.iter().map(unseen_by_clients).collect();
    let acknowledged_ns = |write: usize| history.operations()[write].completed?.time_ns;
    for Reign { epoch, node, writes, first, last } in leadership::reigns(history) {
        let leader: NodeId = node.parse()?;
        let [first_ns, last_ns] = [first, last].map(acknowledged_ns);
        seen.insert((epoch, leader), Leadership { epoch, leader, writes, first_ns, last_ns });
    }
    Ok(seen.into_values().collect())
}
