//! How far behind each read was, in time and in versions. It measures, and judges nothing: how stale a read may be is
//! for the system to promise.
//!
//! After Golab, Li & Shah, *Analyzing Consistency Properties for Fun and Profit* (PODC 2011). Every acknowledged `read`
//! of a register whose written values are unique, or of an append list of unique elements, is measured on its own,
//! against versions that were *known* before it began: acknowledged, or shown by a read that had ended. Of these it
//! lacks
//!
//! - of a **register**, the versions that are certainly newer than the one that it returned (`versions.rs` says which
//!   are);
//! - of a **list**, the elements that it does not show.
//!
//! Their number is the read's staleness in *versions*, as in k-atomicity. The time from the moment at which the first
//! of them was known to the read's invocation is its staleness in *time*, as in Δ-atomicity: that long before it began,
//! and no later, what it returned can have been current. Both are 0 of a read that lacks nothing. Both are least
//! values: a version of which nobody knew yet, or whose order is not certain, is not held against a read. So every read
//! of a linearizable history is fresh. An element that was lost for good is lacking ever after: `lost_writes.rs` tells
//! the two apart.
//!
//! A read belongs to every **fault window** in which it was *invoked*, both ends included, because staleness is measured
//! at that moment: what the read lacks had been known by then, whatever happens before its answer comes. Windows may
//! overlap, and a read invoked in two of them counts in both. A read invoked in none is *outside*; one whose time is not
//! known is in no window and not outside either.

mod distribution;
mod list;
mod register;
mod windows;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::distribution::{Distribution, Quantiles};
use crate::history::{Function, History, Moment, Outcome};
use crate::linearizability::is_list;
use crate::lost_writes::FaultWindow;

/// How stale the reads of a history were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staleness {
    /// Every read that was measured.
    pub all: Distribution,
    /// Those that tell which node answered, by node.
    pub nodes: BTreeMap<String, Distribution>,
    /// Those that were invoked while a fault was active, by fault, in the order in which the faults were given.
    pub faults: Vec<UnderFault>,
    /// Those that were invoked while no fault was active.
    pub outside_faults: Distribution,
    /// The acknowledged reads of keys whose operations have no order that is known here.
    pub unmeasured_reads: u64,
    /// Why the first of those keys has none.
    pub why_unmeasured: Option<String>,
}

/// How stale the reads were that were invoked while a fault was active.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderFault {
    /// The fault.
    #[serde(flatten)]
    pub fault: FaultWindow,
    /// The reads.
    #[serde(flatten)]
    pub staleness: Distribution,
}

/// Measures every acknowledged read. No read's staleness depends on `faults`; they only say how to count it.
#[must_use]
pub fn check(history: &History, faults: &[FaultWindow]) -> Staleness {
    let (lags, unmeasured_reads, why_unmeasured) = lags(history);
    let mut found = Staleness { unmeasured_reads, why_unmeasured, ..Staleness::default() };
    let mut nodes: BTreeMap<&str, Vec<&Lag>> = BTreeMap::new();
    for lag in &lags {
        if let Some(node) = &history.operations()[lag.read].node {
            nodes.entry(node).or_default().push(lag);
        }
    }
    found.all = Distribution::of(history, lags.iter());
    found.nodes =
        nodes.into_iter().map(|(node, lags)| (node.to_owned(), Distribution::of(history, lags.into_iter()))).collect();
    let by_time = windows::ByTime::of(history, &lags);
    found.faults = faults.iter().map(|fault| by_time.under(fault)).collect();
    found.outside_faults = by_time.outside(faults);
    found
}

/// A read that lacked something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleRead {
    /// Its index in [`History::operations`].
    pub operation: usize,
    /// How many versions it lacked.
    pub versions: u64,
    /// For how long it had lacked the first of them, in nanoseconds, where the history tells.
    pub time_ns: Option<u64>,
}

/// Every stale read that can be measured, in order of invocation.
#[must_use]
pub fn stale_reads(history: &History) -> Vec<StaleRead> {
    let mut stale: Vec<StaleRead> = lags(history).0.iter().filter_map(|lag| lag.stale(history)).collect();
    stale.sort_unstable_by_key(|read| read.operation);
    stale
}

/// What each read lacks; and of what could not be measured, how many reads and why.
fn lags(history: &History) -> (Vec<Lag>, u64, Option<String>) {
    let (mut lags, mut unmeasured, mut why_unmeasured) = (Vec::new(), 0, None);
    for operations in history.by_key().into_values() {
        let told = || operations.iter().map(|&index| &history.operations()[index]);
        let measured = if is_list(told()) { list::measure } else { register::measure };
        match measured(history, &operations) {
            Ok(measured) => lags.extend(measured),
            Err(why) => {
                let is_read = told().filter(|told| told.function == Function::Read && told.outcome == Outcome::Ok);
                unmeasured += is_read.count() as u64;
                why_unmeasured.get_or_insert(why);
            }
        }
    }
    (lags, unmeasured, why_unmeasured)
}

/// What one read lacks.
#[derive(Clone, Copy, Debug)]
struct Lag {
    /// The read's index in the history.
    read: usize,
    /// How many versions.
    versions: u64,
    /// When the first of them was known.
    since: Option<Moment>,
}

impl Lag {
    /// How long the read had lacked the first version: `Some(0)` of a fresh one, `None` where the history tells no times.
    fn time_ns(&self, history: &History) -> Option<u64> {
        let Some(since) = self.since else { return Some(0) };
        Some(history.operations()[self.read].invoked.time_ns?.saturating_sub(since.time_ns?))
    }

    fn stale(&self, history: &History) -> Option<StaleRead> {
        let stale = StaleRead { operation: self.read, versions: self.versions, time_ns: self.time_ns(history) };
        (self.versions > 0).then_some(stale)
    }
}
