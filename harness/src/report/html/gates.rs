//! When a run had done what its gates demand of acknowledgements: before, during and after its faults. The gates themselves are
//! decided elsewhere; this finds the moments at which they were met.

use interregnum_checker::history::Outcome;

use super::data::Mark;
use crate::gate::{ACKNOWLEDGED_AFTER, ACKNOWLEDGED_BEFORE, FEWEST_ACKNOWLEDGED, Gate, SERVED_DURING_FAULTS};
use crate::report::stored::Stored;

/// A mark for each such gate that was met, at the acknowledgement that met it.
pub(super) fn marks(stored: &Stored) -> Vec<Mark> {
    let faults = &stored.judged.faults;
    let operations = stored.history.operations().iter();
    let acknowledged = operations.filter(|told| told.outcome == Outcome::Ok);
    let mut acknowledged_ns: Vec<u64> = acknowledged.filter_map(|told| told.completed?.time_ns).collect();
    acknowledged_ns.sort_unstable();
    let first_ns = faults.iter().map(|taken| taken.began_ns).min().unwrap_or(u64::MAX);
    let last_ns = faults.iter().map(|taken| taken.ended_ns).max().unwrap_or(u64::MAX);
    let is_during = |ns: u64| faults.iter().any(|taken| (taken.began_ns..taken.ended_ns).contains(&ns));
    let mark = |gate: &Gate| {
        let is_counted: &dyn Fn(u64) -> bool = match gate.name.as_str() {
            ACKNOWLEDGED_BEFORE => &|ns| ns < first_ns,
            SERVED_DURING_FAULTS => &is_during,
            ACKNOWLEDGED_AFTER => &|ns| ns >= last_ns,
            _ => return None,
        };
        let at = acknowledged_ns.iter().copied().filter(|&ns| is_counted(ns)).nth(FEWEST_ACKNOWLEDGED - 1)?;
        let text = format!("{}: {}", gate.name, gate.detail);
        Some(Mark { at, kind: "gate", node: None, text })
    };
    stored.judged.gates.iter().filter(|gate| gate.met).filter_map(mark).collect()
}
