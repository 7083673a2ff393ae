//! The scenarios: each sentence of the table of promises in `node/README.md` that an experiment can show.
//!
//! Not here: how they are played. The flags are chosen so that a sentence shows in nearly every run: a rare loss teaches nobody.

mod acknowledgement;
mod failover;
mod fencing;
mod reads;
mod replicas;

use std::time::Duration;

use super::Scenario;
use crate::report::Report;

/// The schedules that acts follow, by the names of their files. Most acts need none: faults drawn from a seed say more.
pub(super) static SCHEDULES: &[(&str, &str)] = &[
    ("leader-dies.toml", include_str!("catalogue/schedules/leader-dies.toml")),
    ("operator-promotes.toml", include_str!("catalogue/schedules/operator-promotes.toml")),
    ("lagging-follower.toml", include_str!("catalogue/schedules/lagging-follower.toml")),
    ("fence-device-out-of-reach.toml", include_str!("catalogue/schedules/fence-device-out-of-reach.toml")),
];

/// The longest that clients waited for the next acknowledged write, be it an outage or the usual time between two.
fn longest_wait(report: &Report) -> Duration {
    Duration::from_nanos(report.availability().writes.longest_wait_ns)
}

/// A wait as people tell it, so that a short one does not look like none: `43 ms`, `3.1 s`.
fn in_words(wait: Duration) -> String {
    if wait < Duration::from_secs(1) {
        format!("{} ms", wait.as_millis())
    } else {
        format!("{:.1} s", wait.as_secs_f64())
    }
}

/// In the order of the table.
pub(super) fn scenarios() -> impl Iterator<Item = &'static Scenario> {
    let of_each =
        [acknowledgement::SCENARIOS, failover::SCENARIOS, fencing::SCENARIOS, reads::SCENARIOS, replicas::SCENARIOS];
    of_each.into_iter().flatten()
}
