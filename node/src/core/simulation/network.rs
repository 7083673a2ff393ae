//! The network of a simulated cluster: it loses, delays and reorders messages, most of all on links that are cut.
//!
//! Not here: which links are cut (`faults`).

use rand::RngExt;

use super::World;
use crate::core::message::Message;
use crate::record::Member;

impl World {
    pub(super) fn send(&mut self, from: Member, to: Member, message: Message) {
        // Some of what a cut link carries is held back until long after, the rest is lost.
        let delay_ms = match self.rng.random_range(0..100) {
            0 => return,
            1..4 => self.rng.random_range(0..900),
            _ if self.cut.contains(&(from, to)) => match self.rng.random_range(0..20) {
                0 => self.rng.random_range(500..2000),
                _ => return,
            },
            _ => self.rng.random_range(0..3),
        };
        self.sent += 1;
        self.network.insert((self.now_ms + delay_ms, self.sent), (from, to, message));
    }
}
