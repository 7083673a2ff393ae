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
    let mut found = Staleness::default();
    let mut lags = Vec::new();
    for operations in history.by_key().into_values() {
        let told = || operations.iter().map(|&index| &history.operations()[index]);
        let measured = if is_list(told()) { list::measure } else { register::measure };
        match measured(history, &operations) {
            Ok(measured) => lags.extend(measured),
            Err(why) => {
                let is_read = told().filter(|told| told.function == Function::Read && told.outcome == Outcome::Ok);
                found.unmeasured_reads += is_read.count() as u64;
                found.why_unmeasured.get_or_insert(why);
            }
        }
    }
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
