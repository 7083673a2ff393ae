//! What a fault cost: rates around it, and the time until somebody else led. What these are is said in [`super`].

use std::cmp::Reverse;
use std::ops::Range;

use super::{Attempt, Impact, Options, Outage, Rate};
use crate::history::History;
use crate::lost_writes::FaultWindow;

/// The greatest epoch under which a write had been acknowledged, by time: an entry for each time that it grew.
pub(super) struct Epochs(Vec<(u64, u64)>);

impl Epochs {
    pub(super) fn of(history: &History, writes: &[Attempt]) -> Self {
        let acknowledged = writes.iter().filter(|write| write.is_acknowledged);
        let told = |write: &Attempt| Some((write.ended_ns, history.operations()[write.operation].epoch?));
        let mut epochs: Vec<(u64, u64)> = acknowledged.filter_map(told).collect();
        // Of one moment the greatest comes first, and so stands for it.
        epochs.sort_unstable_by_key(|&(at_ns, epoch)| (at_ns, Reverse(epoch)));
        let mut greatest = None;
        epochs.retain(|&(_, epoch)| {
            let is_greater = Some(epoch) > greatest;
            greatest = greatest.max(Some(epoch));
            is_greater
        });
        Self(epochs)
    }

    /// When a leader first acknowledged a write under a greater epoch than all before, and which.
    fn new_leaders(&self) -> &[(u64, u64)] {
        self.0.get(1..).unwrap_or_default()
    }

    /// The epoch of the new leader whose first acknowledgement came then.
    pub(super) fn new_at(&self, time_ns: u64) -> Option<u64> {
        let new = self.new_leaders();
        new.binary_search_by_key(&time_ns, |&(led_ns, _)| led_ns).ok().map(|index| new[index].1)
    }
}

/// `outages` are those of writes.
pub(super) fn of_faults(
    attempts: &[Attempt],
    epochs: &Epochs,
    faults: &[FaultWindow],
    outages: &[Outage],
    options: &Options,
) -> Vec<Impact> {
    let begin_ns = attempts.iter().map(|attempt| attempt.invoked_ns).min().unwrap_or(0);
    let end_ns = attempts.iter().map(|attempt| attempt.ended_ns).max().unwrap_or(0);
    let load_ns = options.load_ns.clone().unwrap_or(begin_ns..end_ns);
    let mut acknowledged_ns: Vec<u64> =
        attempts.iter().filter(|attempt| attempt.is_acknowledged).map(|attempt| attempt.ended_ns).collect();
    acknowledged_ns.sort_unstable();
    let rate =
        |range: Range<u64>| Rate::of(&acknowledged_ns, range.start.max(load_ns.start)..range.end.min(load_ns.end));
    let fail_overs_ns = fail_overs_ns(epochs, faults, outages);
    let impact = |(fault, fail_over_ns): (&FaultWindow, Option<u64>)| {
        let (start_ns, end_ns) = (fault.start_ns, fault.end_ns);
        let length_ns = end_ns.saturating_sub(start_ns);
        Impact {
            fault: fault.clone(),
            before: rate(start_ns.saturating_sub(length_ns)..start_ns),
            during: rate(start_ns..end_ns),
            after: rate(end_ns..end_ns.saturating_add(length_ns)),
            fail_over_ns,
        }
    };
    faults.iter().zip(fail_overs_ns).map(impact).collect()
}

/// Of each fault the time to fail over, if there was a new leader on its account; of several the first.
fn fail_overs_ns(epochs: &Epochs, faults: &[FaultWindow], outages: &[Outage]) -> Vec<Option<u64>> {
    let mut fail_overs_ns = vec![None; faults.len()];
    for &(led_ns, _) in epochs.new_leaders() {
        let outage = outages.binary_search_by_key(&led_ns, |outage| outage.end_ns).ok().map(|index| &outages[index]);
        let active_from_ns = outage.map_or(led_ns, |outage| outage.start_ns);
        let is_active = |fault: &FaultWindow| fault.start_ns < led_ns && fault.end_ns >= active_from_ns;
        // An outage starts where its fault does, or a little later; without one, what began last is the likeliest.
        let account = faults
            .iter()
            .enumerate()
            .filter(|(_, fault)| is_active(fault))
            .min_by_key(|(_, fault)| fault.start_ns.abs_diff(active_from_ns));
        if let Some((index, fault)) = account {
            fail_overs_ns[index].get_or_insert(led_ns - fault.start_ns);
        }
    }
    fail_overs_ns
}

impl Rate {
    /// `acknowledged_ns` are sorted. What came at the start of the range belongs to what was before it.
    fn of(acknowledged_ns: &[u64], range_ns: Range<u64>) -> Self {
        let up_to = |time_ns: u64| acknowledged_ns.partition_point(|&at_ns| at_ns <= time_ns) as u64;
        let acknowledged = up_to(range_ns.end).saturating_sub(up_to(range_ns.start));
        let over_ns = range_ns.end.saturating_sub(range_ns.start);
        let per_s = (over_ns > 0).then(|| acknowledged as f64 / (over_ns as f64 / 1e9));
        Self { acknowledged, over_ns, per_s }
    }
}
