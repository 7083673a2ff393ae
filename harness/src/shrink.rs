//! From a run that broke a promise to the smallest one that still does: fewer faults, nodes, clients and keys, less time,
//! and faults that come sooner and pass sooner.
//!
//! The search (`search`) is pure: it asks "does this one fail, too?" and knows nothing of runs. What counts as failing, where a failure
//! comes and goes, is in `rule`; every try is written down (`record`), and a search that goes on asks the record first (`tries`).

mod record;
mod rule;
mod search;
mod step;
mod tries;

pub(crate) use record::Record;
pub(crate) use rule::Rate;
pub(crate) use search::{Case, Sizes};
pub(crate) use tries::{Found, Tries, Watcher};
