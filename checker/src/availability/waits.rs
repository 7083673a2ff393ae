//! The waits between acknowledgements, and the outages among them. What these are is said in [`super`].

use std::{iter, slice};

use super::impact::Epochs;
use super::{Attempt, Options, Outage, Service};
use crate::lost_writes::FaultWindow;

/// The most outages that are told one by one: enough for any report.
const MOST_TOLD: usize = 1_000;

/// No shorter wait is an outage, unless that is asked for.
const SHORTEST_OUTAGE_NS: u64 = 100_000_000;

/// How many times the usual latency a wait may be before it is an outage.
const TIMES_THE_USUAL: u64 = 10;

/// How attempts of one kind, in order of invocation, were served. `epochs` are given of writes.
pub(super) fn service(
    attempts: &[Attempt],
    epochs: Option<&Epochs>,
    faults: &[FaultWindow],
    options: &Options,
) -> Service {
    let threshold_ns = options.threshold_ns.unwrap_or_else(|| usual_threshold_ns(attempts));
    let threshold_ns = options.max_outage_ns.map_or(threshold_ns, |most| most.min(threshold_ns));
    let mut unserved_ns: Vec<u64> =
        attempts.iter().filter(|attempt| !attempt.is_acknowledged).map(|attempt| attempt.ended_ns).collect();
    unserved_ns.sort_unstable();
    let unserved_by = |time_ns: u64| unserved_ns.partition_point(|&ended_ns| ended_ns <= time_ns) as u64;
    let outage = |Wait { start_ns, end_ns, last_before, first_after }: Wait| Outage {
        start_ns,
        end_ns,
        last_before,
        first_after,
        unserved: unserved_by(end_ns) - unserved_by(start_ns),
        new_epoch: epochs.and_then(|epochs| epochs.new_at(end_ns)),
        faults: names_of_met(faults, start_ns, end_ns, threshold_ns),
    };
    let acknowledged = (attempts.len() - unserved_ns.len()) as u64;
    let mut service = Service { acknowledged, threshold_ns, ..Service::default() };
    for wait in waits(attempts) {
        let length_ns = wait.end_ns - wait.start_ns;
        service.longest_wait_ns = service.longest_wait_ns.max(length_ns);
        if length_ns <= threshold_ns {
            continue;
        }
        service.down_ns += length_ns;
        if service.outages.len() < MOST_TOLD {
            service.outages.push(outage(wait));
        } else {
            service.outages_left_out += 1;
        }
    }
    service
}

/// The faults that were active in the course of an outage, or undone just before it.
fn names_of_met(faults: &[FaultWindow], start_ns: u64, end_ns: u64, threshold_ns: u64) -> Vec<String> {
    let was_active = |fault: &FaultWindow| fault.start_ns <= end_ns && start_ns <= fault.end_ns;
    let was_just_undone = |fault: &FaultWindow| fault.end_ns < start_ns && start_ns - fault.end_ns < threshold_ns;
    let met = faults.iter().filter(|fault| was_active(fault) || was_just_undone(fault));
    met.map(|fault| fault.name.clone()).collect()
}

fn usual_threshold_ns(attempts: &[Attempt]) -> u64 {
    let acknowledged = attempts.iter().filter(|attempt| attempt.is_acknowledged);
    let mut latencies_ns: Vec<u64> =
        acknowledged.map(|attempt| attempt.ended_ns.saturating_sub(attempt.invoked_ns)).collect();
    let middle = latencies_ns.len().saturating_sub(1) / 2;
    let usual_ns = if latencies_ns.is_empty() { 0 } else { *latencies_ns.select_nth_unstable(middle).1 };
    usual_ns.saturating_mul(TIMES_THE_USUAL).max(SHORTEST_OUTAGE_NS)
}

struct Wait {
    start_ns: u64,
    end_ns: u64,
    last_before: Option<usize>,
    first_after: Option<usize>,
}

/// All waits, in order of time.
fn waits(by_invocation: &[Attempt]) -> impl Iterator<Item = Wait> {
    let mut acknowledged: Vec<&Attempt> = by_invocation.iter().filter(|attempt| attempt.is_acknowledged).collect();
    acknowledged.sort_by_key(|attempt| attempt.ended_ns);
    let all_ended_ns = by_invocation.iter().map(|attempt| attempt.ended_ns).max();
    let mut demand = Demand { by_invocation: by_invocation.iter().peekable(), open_until_ns: 0 };
    (0..=acknowledged.len()).map_while(move |index| {
        let before = index.checked_sub(1).map(|before| acknowledged[before]);
        let after = acknowledged.get(index);
        let end_ns = after.map(|after| after.ended_ns).or(all_ended_ns)?;
        Some(Wait {
            // Of two acknowledgements at one moment the second may be the last that was wanted for a while.
            start_ns: demand.first_from(before.map(|before| before.ended_ns))?.min(end_ns),
            end_ns,
            last_before: before.map(|before| before.operation),
            first_after: after.map(|after| after.operation),
        })
    })
}

/// When something was open.
struct Demand<'a> {
    by_invocation: iter::Peekable<slice::Iter<'a, Attempt>>,
    /// The last end of those that were invoked so far.
    open_until_ns: u64,
}

impl Demand<'_> {
    /// The first moment from this one on, or at all, at which something was open. It is asked for moments in their order.
    fn first_from(&mut self, from_ns: Option<u64>) -> Option<u64> {
        while let Some(attempt) = self.by_invocation.next_if(|attempt| Some(attempt.invoked_ns) <= from_ns) {
            self.open_until_ns = self.open_until_ns.max(attempt.ended_ns);
        }
        let next_ns = self.by_invocation.peek().map(|attempt| attempt.invoked_ns);
        from_ns.filter(|&from_ns| self.open_until_ns > from_ns).or(next_ns)
    }
}
