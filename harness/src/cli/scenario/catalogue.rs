//! The scenarios: each sentence of the table of promises in `node/README.md` that an experiment can show.
//!
//! Not here: how they are played. The flags are chosen so that a sentence shows in nearly every run: a rare loss teaches nobody.

mod acknowledgement;
mod failover;
mod reads;
mod replicas;

use super::Scenario;

/// In the order of the table.
pub(super) fn scenarios() -> impl Iterator<Item = &'static Scenario> {
    [acknowledgement::SCENARIOS, failover::SCENARIOS, reads::SCENARIOS, replicas::SCENARIOS].into_iter().flatten()
}
