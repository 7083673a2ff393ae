//! Nodes that lose their logs and are rebuilt from a leader, and base snapshots that are interrupted on their way.
//!
//! One node is rebuilt at a time, and of no fewer than three voters: where a majority forgot what it confirmed, nobody can be elected any
//! more. Not here: what a disk has then (`disk`).

use rand::RngExt;

use super::World;
use crate::core::Role;

/// A log is lost about so often.
const PACE_MS: u32 = 700;
/// Of the milliseconds in which a snapshot is on its way, one in so many brings something bad.
const INTERRUPTION_MS: u32 = 12;

impl World {
    /// Now and then has a node lose its log and come back to be rebuilt.
    pub(super) fn lose_a_log(&mut self) {
        if self.rng.random_range(0..PACE_MS) > 0 || self.nodes.iter().any(|node| node.disk.hard.rebuilding) {
            return;
        }
        if self.settled_voters().is_none_or(|voters| voters < 3) {
            return;
        }
        let victim = self.any_node();
        self.crash(victim);
        self.nodes[usize::from(victim)].disk.rebuild();
        self.met.rebuilt += 1;
    }

    /// Kills a node that is sent a base snapshot, or sends one, or cuts the two apart.
    pub(super) fn interrupt_shipping(&mut self) {
        for index in 0..self.nodes.len() as u8 {
            let is_under_way = match self.core(index).map(|core| &core.role) {
                Some(Role::Leader(leader)) => leader.followers.values().any(|follower| follower.shipping.is_some()),
                Some(Role::Follower(follower)) => follower.arrival.is_some(),
                _ => false,
            };
            if is_under_way && self.rng.random_range(0..INTERRUPTION_MS) == 0 {
                self.met.interrupted += 1;
                if self.rng.random_range(0..4) == 0 { self.cut_off(index) } else { self.crash(index) }
            }
        }
    }
}
