//! What happens to a simulated cluster: crashes, pauses, cut links, and planned handovers in the midst of it.
//!
//! Not here: what a crash does to a disk (`simulation`).

use rand::RngExt;

use super::{CLIENTS, World};
use crate::record::Member;

impl World {
    /// Now and then does something bad.
    pub(super) fn injure(&mut self) {
        let what = self.rng.random_range(0..2000);
        if what >= 31 {
            return;
        }
        let victim = self.rng.random_range(0..self.setup.nodes);
        match what {
            0..4 => self.crash(victim),
            4..8 => self.nodes[usize::from(victim)].paused_until_ms = self.now_ms + self.rng.random_range(20..800),
            8..12 => self.cut_off(victim),
            12..15 => {
                let other = self.rng.random_range(0..self.setup.nodes);
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

    fn cut_off(&mut self, victim: u8) {
        self.coordinator.cut_off(victim);
        for client in 0..CLIENTS {
            if self.rng.random() {
                self.out_of_reach.insert((client, victim));
            }
        }
        for other in (0..self.setup.nodes).map(Member) {
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
