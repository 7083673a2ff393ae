//! What else is known of a lost write: the faults at the time, and what took its place in the log. It finds no losses.

use std::collections::BTreeMap;

use super::{FaultWindow, Replacement};
use crate::history::{History, Moment, Operation, Outcome};

/// How many positions below a lost write's are searched for what replaced it. A new leader's acknowledged writes are dense,
/// so that it is found at once or, among writes that nobody acknowledged, not at all.
const NEAR: usize = 1_000;

/// What a history tells of logs, and a run of faults.
pub(super) struct Evidence<'a> {
    faults: &'a [FaultWindow],
    /// Acknowledged writes by LSN, then by epoch.
    positions: BTreeMap<(u64, u64), &'a Operation>,
}

impl<'a> Evidence<'a> {
    pub(super) fn gather(history: &'a History, faults: &'a [FaultWindow]) -> Self {
        let acknowledged = |operation: &&Operation| operation.outcome == Outcome::Ok && operation.function.is_write();
        let position = |operation: &'a Operation| Some(((operation.lsn?, operation.epoch?), operation));
        let positions = history.operations().iter().filter(acknowledged).filter_map(position).collect();
        Self { faults, positions }
    }

    /// The names of the faults that were active then.
    pub(super) fn faults_at(&self, moment: Option<Moment>) -> Vec<String> {
        let Some(time_ns) = moment.and_then(|moment| moment.time_ns) else { return Vec::new() };
        let is_active = |fault: &&FaultWindow| (fault.start_ns..=fault.end_ns).contains(&time_ns);
        self.faults.iter().filter(is_active).map(|fault| fault.name.clone()).collect()
    }

    /// The acknowledged write of a later epoch nearest below the write's position, or at it.
    pub(super) fn replacement_of(&self, lost: &Operation) -> Option<Replacement> {
        let (lost_lsn, lost_epoch) = (lost.lsn?, lost.epoch?);
        let below = self.positions.range(..=(lost_lsn, u64::MAX)).rev().take(NEAR);
        let (&(lsn, epoch), operation) = { below }.find(|&(&(_, epoch), _)| epoch > lost_epoch)?;
        Some(Replacement { node: operation.node.as_deref().map(str::to_owned), epoch, lsn })
    }
}
