//! What a page's scripts draw beside the operations: nodes, faults, marks, outages, proofs. It computes no judgement.

use interregnum_checker::availability::{Outage, Service};
use interregnum_checker::history::History;
use interregnum_checker::staleness;
use serde::Serialize;

use super::operations::Directory;
use super::proofs::Shown;
use crate::node_id::NodeId;
use crate::record::{RunEvent, TimedEvent};
use crate::report::logs::Line;
use crate::report::marks::{self, Mark};
use crate::report::roles::{self, Span};
use crate::report::stored::Stored;
use crate::run::StepTaken;

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
        let end = stored.end_ns();
        Self {
            end,
            clients: stored.plan.clients,
            nodes,
            roles: roles::spans(events, &judged.faults, end),
            phases: events.iter().filter_map(phase).collect(),
            faults: judged.faults.iter().map(|taken| fault(taken, events)).collect(),
            marks: marks::of(stored, lines),
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
    Fault {
        name: taken.told(),
        target: taken.step.target.to_string(),
        nodes: &taken.nodes,
        from: taken.began_ns,
        to: taken.ended_ns,
        verified: taken.effect.verified,
        evidence: &taken.effect.evidence,
        detail: detail.unwrap_or_default(),
    }
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
