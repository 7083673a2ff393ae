//! What happened at a moment of a run: elections, power cycles by the fence device, rewinds, and when a gate had been met or, at the
//! latest, had to be. It decides none of them.

use interregnum_checker::history::Outcome;
use serde::Serialize;

use super::logs::Line;
use super::stored::Stored;
use crate::gate::{ACKNOWLEDGED_AFTER, ACKNOWLEDGED_BEFORE, FEWEST_ACKNOWLEDGED, Gate, SERVED_DURING_FAULTS};
use crate::record::{RunEvent, TimedEvent};
use crate::system::Role;

/// Something that happened at a moment, to a node or, without one, to the run.
#[derive(Debug, Serialize)]
pub(super) struct Mark {
    pub at: u64,
    pub kind: &'static str,
    pub node: Option<String>,
    pub text: String,
}

/// All of a run.
pub(super) fn of(stored: &Stored, lines: &[Line<'_>]) -> Vec<Mark> {
    elections(&stored.events).chain(fencings(&stored.events)).chain(rewinds(lines)).chain(gates(stored)).collect()
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

/// Whenever a node was switched off because another asked for it.
fn fencings(events: &[TimedEvent]) -> impl Iterator<Item = Mark> {
    events.iter().filter_map(|told| match &told.event {
        RunEvent::Fenced { node, by, evidence } => {
            let text = format!("{node} was fenced for {by}, {evidence}");
            Some(Mark { at: told.time, kind: "fencing", node: Some(node.to_string()), text })
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

/// A mark for each gate of acknowledgements: at the one that met it or, where it was not met, when it was too late for that.
fn gates(stored: &Stored) -> Vec<Mark> {
    let faults = &stored.judged.faults;
    let operations = stored.history.operations().iter();
    let acknowledged = operations.filter(|told| told.outcome == Outcome::Ok);
    let mut acknowledged_ns: Vec<u64> = acknowledged.filter_map(|told| told.completed?.time_ns).collect();
    acknowledged_ns.sort_unstable();
    let first_ns = faults.iter().map(|taken| taken.began_ns).min().unwrap_or(u64::MAX);
    let last_ns = faults.iter().map(|taken| taken.ended_ns).max().unwrap_or(u64::MAX);
    let end_ns = stored.end_ns();
    let is_during = |ns: u64| faults.iter().any(|taken| (taken.began_ns..taken.ended_ns).contains(&ns));
    let mark = |gate: &Gate| {
        let (is_counted, until_ns): (&dyn Fn(u64) -> bool, u64) = match gate.name.as_str() {
            ACKNOWLEDGED_BEFORE => (&|ns| ns < first_ns, first_ns),
            SERVED_DURING_FAULTS => (&is_during, last_ns),
            ACKNOWLEDGED_AFTER => (&|ns| ns >= last_ns, end_ns),
            _ => return None,
        };
        let text = format!("{}: {}", gate.name, gate.detail);
        if !gate.met {
            let text = format!("not met: {text}");
            return Some(Mark { at: until_ns.min(end_ns), kind: "unmet", node: None, text });
        }
        let at = acknowledged_ns.iter().copied().filter(|&ns| is_counted(ns)).nth(FEWEST_ACKNOWLEDGED - 1)?;
        Some(Mark { at, kind: "gate", node: None, text })
    };
    stored.judged.gates.iter().filter_map(mark).collect()
}
