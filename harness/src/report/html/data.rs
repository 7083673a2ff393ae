//! What a page's scripts draw beside the operations: nodes, faults, marks, outages, proofs. It computes no judgement.

use interregnum_checker::availability::{Outage, Service};
use interregnum_checker::history::History;
use interregnum_checker::staleness;
use serde::Serialize;

use super::gates;
use super::logs::Line;
use super::operations::Directory;
use super::proofs::Shown;
use super::roles::{self, Span};
use crate::node_id::NodeId;
use crate::record::{RunEvent, TimedEvent};
use crate::report::stored::Stored;
use crate::run::StepTaken;
use crate::system::Role;

/// Everything. Times are nanoseconds since the run began.
#[derive(Serialize)]
pub(super) struct Data<'a> {
    end: u64,
    clients: usize,
    pub nodes: Vec<String>,
    roles: Vec<Span>,
    phases: Vec<Phase<'a>>,
    faults: Vec<Fault<'a>>,
    marks: Vec<Mark>,
    outages: Vec<Gap<'a>>,
    fail_overs: Vec<FailOver<'a>>,
    lags: Vec<Lag>,
    stale: Vec<Stale>,
    proofs: Vec<&'a Shown>,
    pub operations: Directory,
}

/// A phase of the run begins.
#[derive(Serialize)]
struct Phase<'a> {
    at: u64,
    name: &'a str,
}

/// A fault that was in force.
#[derive(Serialize)]
struct Fault<'a> {
    name: String,
    /// Whom the schedule meant.
    target: String,
    nodes: &'a [NodeId],
    from: u64,
    to: u64,
    verified: bool,
    evidence: &'a str,
    /// What exactly was in force.
    detail: &'a str,
}

/// Something that happened at a moment, to a node or, without one, to the run.
#[derive(Serialize)]
pub(super) struct Mark {
    pub at: u64,
    pub kind: &'static str,
    pub node: Option<String>,
    pub text: String,
}

/// An outage.
#[derive(Serialize)]
struct Gap<'a> {
    kind: &'static str,
    from: u64,
    to: u64,
    new_epoch: Option<u64>,
    faults: &'a [String],
}

/// From a fault until somebody else led.
#[derive(Serialize)]
struct FailOver<'a> {
    fault: &'a str,
    from: u64,
    to: u64,
}

/// From when on which leader told of which follower that it was so many milliseconds behind. There may be many, so they have no
/// names of fields.
type Lag = (u64, NodeId, NodeId, u64);

/// A read that did not show what was known: its index, how many versions it lacked, and for how long it had.
type Stale = (usize, u64, Option<u64>);

impl<'a> Data<'a> {
    pub(super) fn of(
        stored: &'a Stored,
        nodes: Vec<String>,
        operations: Directory,
        lines: &[Line<'_>],
        proofs: impl Iterator<Item = &'a Shown>,
    ) -> Self {
        let (events, judged) = (&stored.events, &stored.judged);
        let end = end_ns(&stored.history, events);
        Self {
            end,
            clients: stored.plan.clients,
            nodes,
            roles: roles::spans(events, &judged.faults, end),
            phases: events.iter().filter_map(phase).collect(),
            faults: judged.faults.iter().map(|taken| fault(taken, events)).collect(),
            marks: elections(events).chain(rewinds(lines)).chain(gates::marks(stored)).collect(),
            outages: gaps("writes", &judged.availability.writes)
                .chain(gaps("reads", &judged.availability.reads))
                .collect(),
            fail_overs: fail_overs(stored),
            lags: lags(events),
            stale: stale(&stored.history),
            proofs: proofs.collect(),
            operations,
        }
    }
}

/// The names of all nodes that anybody told of, in order.
pub(super) fn nodes(stored: &Stored) -> Vec<String> {
    let told = stored.events.iter().filter_map(|told| match told.event {
        RunEvent::Status { node, .. } | RunEvent::Silent { node } => Some(node),
        _ => None,
    });
    let nodes: std::collections::BTreeSet<NodeId> = told.collect();
    nodes.iter().map(NodeId::to_string).collect()
}

fn end_ns(history: &History, events: &[TimedEvent]) -> u64 {
    let told = history.operations().iter();
    let ended = told.filter_map(|told| told.completed.or(told.gave_up).unwrap_or(told.invoked).time_ns).max();
    events.last().map(|last| last.time).max(ended).unwrap_or(0).max(1)
}

fn phase(told: &TimedEvent) -> Option<Phase<'_>> {
    match &told.event {
        RunEvent::Phase { phase } => Some(Phase { at: told.time, name: phase }),
        _ => None,
    }
}

fn fault<'a>(taken: &'a StepTaken, events: &'a [TimedEvent]) -> Fault<'a> {
    let detail = events.iter().find_map(|told| match &told.event {
        RunEvent::Inject { began_ns, detail, nodes, .. } if *began_ns == taken.began_ns && *nodes == taken.nodes => {
            Some(detail.as_str())
        }
        _ => None,
    });
    let name = if taken.nodes.is_empty() {
        format!("{} skipped", taken.step.fault)
    } else {
        taken.step.fault.striking(&taken.nodes)
    };
    Fault {
        name,
        target: taken.step.target.to_string(),
        nodes: &taken.nodes,
        from: taken.began_ns,
        to: taken.ended_ns,
        verified: taken.effect.verified,
        evidence: &taken.effect.evidence,
        detail: detail.unwrap_or_default(),
    }
}

/// Whenever a node was new as a leader.
fn elections(events: &[TimedEvent]) -> impl Iterator<Item = Mark> {
    let mut seen = std::collections::BTreeSet::new();
    events.iter().filter_map(move |told| match told.event {
        RunEvent::Status { node, role: Role::Leader, epoch, .. } if seen.insert((epoch, node)) => {
            let text = format!("{node} leads epoch {epoch}");
            Some(Mark { at: told.time, kind: "election", node: Some(node.to_string()), text })
        }
        _ => None,
    })
}

fn rewinds(lines: &[Line<'_>]) -> impl Iterator<Item = Mark> {
    lines.iter().filter_map(|line| {
        let (at, (after, records)) = (line.time_ns?, line.rewind()?);
        let text = format!("{} gave up {records} records behind LSN {after}", line.node);
        Some(Mark { at, kind: "rewind", node: Some(line.node.to_owned()), text })
    })
}

fn gaps<'a>(kind: &'static str, service: &'a Service) -> impl Iterator<Item = Gap<'a>> {
    service.outages.iter().map(move |outage: &Outage| Gap {
        kind,
        from: outage.start_ns,
        to: outage.end_ns,
        new_epoch: outage.new_epoch,
        faults: &outage.faults,
    })
}

fn fail_overs(stored: &Stored) -> Vec<FailOver<'_>> {
    let told = stored.judged.availability.faults.iter().filter_map(|impact| {
        let from = impact.fault.start_ns;
        Some(FailOver { fault: &impact.fault.name, from, to: from + impact.fail_over_ns? })
    });
    told.collect()
}

fn lags(events: &[TimedEvent]) -> Vec<Lag> {
    let told = events.iter().filter_map(|told| match &told.event {
        RunEvent::Lag { leader, followers_ms } => Some((told.time, *leader, followers_ms)),
        _ => None,
    });
    told.flat_map(|(at, leader, followers)| followers.iter().map(move |(&node, &ms)| (at, leader, node, ms))).collect()
}

fn stale(history: &History) -> Vec<Stale> {
    let reads = staleness::stale_reads(history).into_iter();
    reads.map(|read| (read.operation, read.versions, read.time_ns)).collect()
}
