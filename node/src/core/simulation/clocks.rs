//! The clocks of a simulated cluster's nodes, which need not run equally fast, and what relies on them.
//!
//! Not here: when the simulation does what; its own time is the true one.

use rand::RngExt;

use super::promises::seeds;
use super::{CLIENTS, SOUND, Setup, World};
use crate::core::Role;

const MILLION: u64 = 1_000_000;
/// A leader that is cut off answers reads only while no append of before the cut waits for its acknowledgement. So those who append are
/// slow here, and who reads is quick.
const LEISURE_MS: [u64; CLIENTS] = [60, 60, 60, 6];

/// A clock that runs too fast by so many millionths, or too slowly if they are negative.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Clock {
    fast_ppm: i64,
}

impl Clock {
    /// What this clock shows after so many milliseconds.
    pub(super) fn shows_ms(self, elapsed_ms: u64) -> u64 {
        elapsed_ms * MILLION.saturating_add_signed(self.fast_ppm) / MILLION
    }
}

impl World {
    /// A node that has just looked at its clock has no lease while another leads a later epoch.
    pub(super) fn check_lease(&mut self, index: u8) {
        let Some(own) = self.nodes[usize::from(index)].core.as_ref().filter(|core| core.has_lease()) else { return };
        self.met.leases += 1;
        let epoch = own.hard.epoch;
        let mut others = self.nodes.iter().filter_map(|node| node.core.as_ref());
        if let Some(rival) = others.find(|other| matches!(other.role, Role::Leader(_)) && other.hard.epoch > epoch) {
            let broken =
                format!("lease: n{} has one in epoch {epoch}, and epoch {} is led", index + 1, rival.hard.epoch);
            self.broken_lease.get_or_insert(broken);
        }
    }

    /// Has clocks be wrong by that much, in the worst way for a lease: one is slow, and if its node leads, all that could elect another
    /// are fast.
    pub(super) fn drift_clocks(&mut self, drift_ppm: u32) {
        let slow = self.rng.random_range(0..self.nodes.len());
        for (index, node) in self.nodes.iter_mut().enumerate() {
            node.clock.fast_ppm = i64::from(drift_ppm) * if index == slow { -1 } else { 1 };
        }
    }
}

/// What these seeds find, with clocks that drift so much; and how often a node was seen to have a lease.
fn findings(flags: &'static str, drift_ppm: u32, few: u64) -> (Vec<String>, usize) {
    let mut leases = 0;
    let run = |seed| {
        let mut world = World::new(Setup { flags, ..SOUND }, seed);
        world.drift_clocks(drift_ppm);
        world.leisure_ms = LEISURE_MS;
        world.run().inspect(|ran| leases += ran.leases).map_err(|found| format!("{found} (seed {seed})")).err()
    };
    (seeds(few).filter_map(run).collect(), leases)
}

#[test]
fn reads_under_a_lease_are_linearizable_as_long_as_clocks_keep_to_their_bound() {
    for (flags, drift_ppm) in [
        ("--read leader-lease --max-clock-drift-ppm 200000", 200_000),
        ("--read leader-lease --max-clock-drift-ppm 200000 --fencing none --demote-after-ms 1000", 200_000),
        ("--read leader-lease --max-clock-drift-ppm 0", 0),
        ("--read leader-lease --election coordinator", 50_000),
    ] {
        let (found, leases) = findings(flags, drift_ppm, 20);
        assert_eq!(found, [""; 0], "{flags}, {drift_ppm} ppm");
        assert!(leases > 10_000, "{flags}: a node had a lease only {leases} times");
    }
}

#[test]
fn where_clocks_drift_more_than_the_bound_a_lease_outlives_an_election() {
    let (found, _) = findings("--read leader-lease --max-clock-drift-ppm 0", 400_000, 40);
    assert!(!found.is_empty());
    assert!(found.iter().all(|found| found.starts_with("lease") || found.starts_with("stale")), "{found:?}");
}
