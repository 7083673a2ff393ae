//! Reads with a bound on how old their data are, at whatever node: whether each saw all that had been acknowledged so long before it began.
//!
//! Not here: reads that must see the newest (`judge`).

use super::judge::{Operated, Outcome};
use super::promises::seeds;
use super::{SOUND, Setup, World};

impl World {
    /// Notes which moment it is now.
    pub(super) fn note_moment(&mut self) {
        self.moments.push(self.moment);
    }

    /// The moment up to which a read must have seen everything that begins now, if it may be stale at all.
    pub(super) fn horizon(&self) -> Option<u64> {
        let max_lag_ms = self.max_lag_ms?;
        Some(self.now_ms.checked_sub(max_lag_ms).map_or(0, |then_ms| self.moments[then_ms as usize]))
    }

    pub(super) fn no_read_is_too_old(&self) -> Result<(), String> {
        for (number, read) in self.history.iter().enumerate() {
            let (Some(horizon), Some((_, Outcome::Read(seen)))) = (read.horizon, &read.completed) else { continue };
            let is_due = |append: &Operated| {
                append.key == read.key && matches!(append.completed, Some((at, Outcome::Appended(_))) if at <= horizon)
            };
            if let Some(missed) = (0..number).find(|other| is_due(&self.history[*other]) && !seen.contains(other)) {
                return Err(format!(
                    "too old: read {number} did not see {missed}, acknowledged more than its bound before"
                ));
            }
        }
        Ok(())
    }
}

const MAX_LAG_MS: u64 = 120;
const BOUNDED: &str = "--read follower --max-read-lag-ms 120";

/// What these seeds find when reads go to any node and are judged by that bound; and how many reads were answered.
fn findings(setup: Setup, few: u64) -> (Vec<String>, usize) {
    let mut reads = 0;
    let run = |seed| {
        let mut world = World::new(setup, seed);
        world.max_lag_ms = Some(MAX_LAG_MS);
        world.run().inspect(|ran| reads += ran.bounded_reads).err()
    };
    (seeds(few).filter_map(run).collect(), reads)
}

#[test]
fn no_read_is_older_than_its_bound_at_any_node() {
    for (nodes, flags) in
        [(3, BOUNDED), (5, BOUNDED), (3, "--read follower --max-read-lag-ms 120 --fencing none --demote-after-ms 1000")]
    {
        let (found, reads) = findings(Setup { nodes, flags, ..SOUND }, 30);
        assert_eq!(found, [""; 0], "{nodes} nodes, {flags}");
        assert!(reads > 1000, "only {reads} reads were answered");
    }
}

#[test]
fn without_a_bound_followers_answer_with_data_of_any_age() {
    let (found, _) = findings(Setup { flags: "--read follower", ..SOUND }, 10);
    assert!(found.iter().any(|found| found.starts_with("too old")), "{found:?}");
}
