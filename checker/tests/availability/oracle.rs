//! The definitions of outages and of fail over, tried out on every moment and every pair. It shares nothing with the
//! checker but its types, and it is slow.

use std::collections::BTreeSet;

use interregnum_checker::availability::Outage;
use interregnum_checker::history::{Function, History, Operation, Outcome};
use interregnum_checker::lost_writes::FaultWindow;

fn invoked(operation: &Operation) -> u64 {
    operation.invoked.time_ns.expect("a story has times")
}

fn ended(operation: &Operation) -> u64 {
    let ended = operation.completed.or(operation.gave_up).unwrap_or(operation.invoked);
    ended.time_ns.expect("a story has times")
}

/// Whether it is open from this moment on, if only for that moment.
fn is_open_at(operation: &Operation, ns: u64) -> bool {
    invoked(operation) == ns || (invoked(operation) < ns && ns < ended(operation))
}

pub(crate) fn outages(history: &History, is_read: bool, threshold_ns: u64, faults: &[FaultWindow]) -> Vec<Outage> {
    let operations: Vec<(usize, &Operation)> = history
        .operations()
        .iter()
        .enumerate()
        .filter(|(_, told)| (told.function == Function::Read) == is_read)
        .filter(|(_, told)| told.outcome != Outcome::Fail || told.seen.is_none())
        .collect();
    let moments: BTreeSet<u64> = operations.iter().flat_map(|(_, told)| [invoked(told), ended(told)]).collect();
    let acknowledged_at =
        |ns: u64| operations.iter().filter(move |(_, told)| told.outcome == Outcome::Ok && ended(told) == ns);
    let acknowledgements: Vec<u64> =
        moments.iter().copied().filter(|&ns| acknowledged_at(ns).next().is_some()).collect();
    let befores = std::iter::once(None).chain(acknowledgements.iter().copied().map(Some));
    let mut outages = Vec::new();
    for before in befores {
        let after = acknowledgements.iter().copied().find(|&after| before.is_none_or(|before| before < after));
        // Acknowledged at this moment is not open at it, unless it is only then invoked.
        let is_wanted = |ns: u64| {
            let outlasts = |told: &Operation| Some(ended(told)) > before || Some(invoked(told)) > before;
            operations.iter().any(|(_, told)| is_open_at(told, ns) && outlasts(told))
        };
        let start = moments.iter().copied().find(|&ns| before.is_none_or(|before| before <= ns) && is_wanted(ns));
        let (Some(start_ns), Some(end_ns)) = (start, after.or(moments.last().copied())) else { continue };
        if end_ns <= start_ns + threshold_ns {
            continue;
        }
        let unserved =
            |told: &Operation| told.outcome != Outcome::Ok && start_ns < ended(told) && ended(told) <= end_ns;
        let met = |fault: &&FaultWindow| {
            let was_active = fault.start_ns <= end_ns && start_ns <= fault.end_ns;
            was_active || (fault.end_ns < start_ns && start_ns - fault.end_ns < threshold_ns)
        };
        outages.push(Outage {
            start_ns,
            end_ns,
            // Of those of one moment the last before and the first after, in the order of their invocations.
            last_before: before.and_then(|ns| acknowledged_at(ns).next_back()).map(|&(index, _)| index),
            first_after: after.and_then(|ns| acknowledged_at(ns).next()).map(|&(index, _)| index),
            unserved: operations.iter().filter(|(_, told)| unserved(told)).count() as u64,
            new_epoch: after.filter(|_| !is_read).and_then(|ns| new_epoch_at(history, ns)),
            faults: faults.iter().filter(met).map(|fault| fault.name.clone()).collect(),
        });
    }
    outages
}

/// The greatest epoch of the writes acknowledged at this moment, if some were before, and none of them under as great a one.
fn new_epoch_at(history: &History, ns: u64) -> Option<u64> {
    let writes =
        history.operations().iter().filter(|told| told.function != Function::Read && told.outcome == Outcome::Ok);
    let before = writes.clone().filter(|told| ended(told) < ns).filter_map(|told| told.epoch).max()?;
    writes.filter(|told| ended(told) == ns).filter_map(|told| told.epoch).max().filter(|&epoch| epoch > before)
}

pub(crate) fn fail_overs(history: &History, outages: &[Outage], faults: &[FaultWindow]) -> Vec<Option<u64>> {
    let moments: BTreeSet<u64> = history.operations().iter().map(ended).collect();
    let mut told = vec![None; faults.len()];
    for led_ns in moments.into_iter().filter(|&ns| new_epoch_at(history, ns).is_some()) {
        let outage = outages.iter().find(|outage| outage.end_ns == led_ns);
        let from_ns = outage.map_or(led_ns, |outage| outage.start_ns);
        let mut active: Vec<usize> = (0..faults.len()).collect();
        active.retain(|&index| faults[index].start_ns < led_ns && from_ns <= faults[index].end_ns);
        let nearest = active.into_iter().min_by_key(|&index| faults[index].start_ns.abs_diff(from_ns));
        if let Some(index) = nearest {
            told[index] = told[index].or(Some(led_ns - faults[index].start_ns));
        }
    }
    told
}
