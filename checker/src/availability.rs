//! When clients were not served, and what each fault cost them. It measures; it judges only if a longest outage is
//! demanded. Why the system did not serve is not asked: faults are named with an outage because they met it in time.
//!
//! Writes and reads are looked at apart, over all keys and nodes together: a `read` is a read, and every other operation
//! a write. One that failed because its compare found another value was served and is left out of account. An operation
//! is *open* from its invocation until it ended or its client gave up; of one whose end nobody recorded it is known only
//! that it was open when it began.
//!
//! - A **wait** lies between two acknowledgements that follow each other: it starts with the first of them, or, if
//!   nothing was open then, with the first invocation after it; it ends with the second. So idle time is no wait. The
//!   first wait starts with the first invocation. The last one goes on after the last acknowledgement until nothing is
//!   open any more; it is *unfinished*.
//! - An **outage** is a wait that is longer than a threshold: ten times the median latency of the acknowledged
//!   operations of its kind, and no less than 100 ms. While a system serves, a wait is not longer than the latency of
//!   the operation that was open when it started, so latency is the measure; and the median, because the operations that
//!   an outage holds up are few. What is shorter than a tenth of a second no person notices (Miller, *Response time in
//!   man-computer conversational transactions*, 1968), and any busy machine stands still for so long.
//! - A **fault met** an outage if it was active in the course of it, or was undone before it, but less than the
//!   threshold before: undoing a partition lets a deposed leader disturb its successor.
//! - A **new leader** shows in the first write that is acknowledged under a greater epoch than all before. If it ended an
//!   outage, it is the **fail over** of the fault, of those active in the course of that outage, whose start is nearest
//!   to the outage's; otherwise of the one, of those active at that moment, that began last. The time to fail over is
//!   counted from the fault's start.
//! - **Rates**, of a fault: acknowledged operations a second while it was active, for as long before it, and for as long
//!   after it, each within the time in which clients were at work. What other faults did then is in them.
//!
//! All of it needs times. A history in which an event has none is not measured.

mod impact;
mod telling;
mod waits;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::history::{Function, History, Operation, Outcome};
use crate::lost_writes::FaultWindow;

/// What is taken for an outage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// A longer wait is an outage, in nanoseconds. Unless set, it is derived from the history.
    pub threshold_ns: Option<u64>,
    /// The longest wait that is allowed, in nanoseconds; every longer one is told as an outage, whatever the threshold.
    /// Unless set, there is no [`judgement`](Availability::judgement).
    pub max_outage_ns: Option<u64>,
    /// When clients were at work, which bounds the rates, in nanoseconds since the run began. Unless set, from the first
    /// invocation to the last end of an operation.
    pub load_ns: Option<Range<u64>>,
}

/// When clients were served, and when not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Availability {
    /// Whatever is no read.
    pub writes: Service,
    /// Reads.
    pub reads: Service,
    /// What each fault cost, in the order in which the faults were given.
    pub faults: Vec<Impact>,
    /// The longest wait that was allowed, if any was named.
    pub max_outage_ns: Option<u64>,
    /// Why nothing was measured, if nothing was.
    pub why_unmeasured: Option<String>,
}

/// How operations of one kind were served.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// How many were acknowledged.
    pub acknowledged: u64,
    /// A wait longer than this is an outage.
    pub threshold_ns: u64,
    /// The longest wait, be it an outage or not.
    pub longest_wait_ns: u64,
    /// How long all outages were together.
    pub down_ns: u64,
    /// The outages in order of time; the first 1,000.
    pub outages: Vec<Outage>,
    /// How many further ones there were.
    pub outages_left_out: u64,
}

/// A time in which clients wanted to be served, and none was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// When it started, in nanoseconds since the run began.
    pub start_ns: u64,
    /// When it ended, or when the last client gave up.
    pub end_ns: u64,
    /// The index in [`History::operations`] of the last operation acknowledged before it.
    pub last_before: Option<usize>,
    /// The index of the acknowledged operation that ended it. `None`: it is unfinished.
    pub first_after: Option<usize>,
    /// How many operations were refused in its course, or given up.
    pub unserved: u64,
    /// The greater epoch of the leader that ended it. Of writes only.
    pub new_epoch: Option<u64>,
    /// The faults that it met, in the order in which they were given.
    pub faults: Vec<String>,
}

/// What one fault cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Impact {
    /// The fault.
    #[serde(flatten)]
    pub fault: FaultWindow,
    /// For as long before it as it was active.
    pub before: Rate,
    /// While it was active.
    pub during: Rate,
    /// For as long after it.
    pub after: Rate,
    /// From its start until a new leader acknowledged a write, if that was its fail over.
    pub fail_over_ns: Option<u64>,
}

/// Acknowledged operations in some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// How many.
    pub acknowledged: u64,
    /// In how long; less than was asked for where clients were not at work all the time, and perhaps 0.
    pub over_ns: u64,
    /// How many a second. `None` of no time at all.
    pub per_s: Option<f64>,
}

/// Measures when clients were served, and what each of the `faults` cost them.
#[must_use]
pub fn check(history: &History, faults: &[FaultWindow], options: &Options) -> Availability {
    let max_outage_ns = options.max_outage_ns;
    let attempts = history.operations().iter().enumerate().filter(|(_, told)| !is_served_refusal(told));
    let Some(mut attempts) = attempts.map(Attempt::of).collect::<Option<Vec<_>>>() else {
        let why = "not every event of the history has a time".to_owned();
        return Availability { max_outage_ns, why_unmeasured: Some(why), ..Availability::default() };
    };
    attempts.sort_by_key(|attempt| attempt.invoked_ns);
    let (reads, writes): (Vec<Attempt>, Vec<Attempt>) = attempts.iter().partition(|attempt| attempt.is_read);
    let epochs = impact::Epochs::of(history, &writes);
    let [writes, reads] = [(&writes, Some(&epochs)), (&reads, None)]
        .map(|(attempts, epochs)| waits::service(attempts, epochs, faults, options));
    let faults = impact::of_faults(&attempts, &epochs, faults, &writes.outages, options);
    Availability { writes, reads, faults, max_outage_ns, why_unmeasured: None }
}

/// Whether the operation failed because a compare found another value, as it tells.
fn is_served_refusal(operation: &Operation) -> bool {
    operation.outcome == Outcome::Fail && operation.seen.is_some()
}

/// An operation that a client wanted done.
#[derive(Clone, Copy)]
struct Attempt {
    operation: usize,
    is_read: bool,
    is_acknowledged: bool,
    invoked_ns: u64,
    /// When it ended, or its client gave up.
    ended_ns: u64,
}

impl Attempt {
    /// `None` without times.
    fn of((operation, told): (usize, &Operation)) -> Option<Self> {
        let (is_read, is_acknowledged) = (told.function == Function::Read, told.outcome == Outcome::Ok);
        let invoked_ns = told.invoked.time_ns?;
        let ended = told.completed.or(told.gave_up).unwrap_or(told.invoked);
        // Where position ranks the events, their times may be out of order.
        Some(Self { operation, is_read, is_acknowledged, invoked_ns, ended_ns: ended.time_ns?.max(invoked_ns) })
    }
}

impl Outage {
    /// How long it was, in nanoseconds.
    #[must_use]
    pub fn duration_ns(&self) -> u64 {
        self.end_ns - self.start_ns
    }
}
