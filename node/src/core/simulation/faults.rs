//! What happens to a simulated cluster: crashes, pauses, cut links, and planned handovers in the midst of it.
//!
//! Not here: what a crash does to a disk (`disk`), and hazards of some clusters only (the file that each names).

use rand::RngExt;

use super::{CLIENTS, World};
use crate::record::Member;

/// About so often the power fails.
const POWER_LOSS_MS: u32 = 1_000;

/// What happens beside crashes, pauses and cut links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hazard {
    /// `members`
    Members,
    /// Nodes lose their logs (`rebuilds`).
    LostLogs,
    /// Base snapshots are interrupted (`rebuilds`).
    Interruptions,
    /// All nodes die at once, and what was not forced to their disks is lost.
    PowerLoss,
    /// Rows change by themselves (`drift`).
    Corruption,
    /// The command that kills old leaders says so when it has killed nobody (`stonith`).
    FalseReports,
}

impl World {
    fn endanger(&mut self) {
        for hazard in self.setup.hazards {
            match hazard {
                Hazard::Members => self.administer(),
                Hazard::LostLogs => self.lose_a_log(),
                Hazard::Interruptions => self.interrupt_shipping(),
                Hazard::PowerLoss => self.lose_power(),
                Hazard::Corruption => self.corrupt(),
                Hazard::FalseReports => {}
            }
        }
    }

    fn lose_power(&mut self) {
        if self.rng.random_range(0..POWER_LOSS_MS) > 0 {
            return;
        }
        for index in 0..self.nodes.len() as u8 {
            self.crash(index);
            self.nodes[usize::from(index)].disk.lose_power(&mut self.rng);
        }
    }

    /// Now and then does something bad.
    pub(super) fn injure(&mut self) {
        self.endanger();
        let what = self.rng.random_range(0..2000);
        if what >= 31 {
            return;
        }
        let victim = self.any_node();
        match what {
            0..4 => self.crash(victim),
            4..8 => self.nodes[usize::from(victim)].paused_until_ms = self.now_ms + self.rng.random_range(20..800),
            8..12 => self.cut_off(victim),
            12..15 => {
                let other = self.any_node();
                self.cut.insert((Member(victim), Member(other)));
            }
            15..25 => {
                self.heal_network();
            }
            _ => {
                if let Some(core) = &mut self.nodes[usize::from(victim)].core {
                    core.retire(300); // nothing, unless it leads
                }
            }
        }
    }

    pub(super) fn cut_off(&mut self, victim: u8) {
        self.coordinator.cut_off(victim);
        for client in 0..CLIENTS {
            if self.rng.random() {
                self.out_of_reach.insert((client, victim));
            }
        }
        for other in (0..self.nodes.len() as u8).map(Member) {
            self.cut.extend([(Member(victim), other), (other, Member(victim))]);
        }
    }

    fn heal_network(&mut self) {
        self.cut.clear();
        self.out_of_reach.clear();
        self.coordinator.heal();
    }

    pub(super) fn heal(&mut self) {
        self.heal_network();
        for node in &mut self.nodes {
            node.paused_until_ms = 0;
            node.restart_ms = node.restart_ms.map(|_| self.now_ms);
        }
    }
}
