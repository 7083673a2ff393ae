//! A node whose disk takes nothing any more: it gives leadership up, grants no vote, confirms nothing and writes nothing, like a
//! node that died, but listens to who leads, and answers reads that ask for no promise.
//!
//! So what it was told since its last successful write does not matter: after a restart, or once a full disk has room again, it starts
//! over from what is on the disk, as after a crash. Not here: which errors there are (`disk`), and starting over (`runtime`).

use super::message::{Body, Message};
use super::{Core, Effect, Role};
use crate::record::Member;

/// What ails a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ailment {
    /// There is no room. What was durable still is, so the node may start over by itself when there is.
    Full,
    /// Nobody knows what is on it. Only a restart reads what really is.
    Failed,
}

impl Ailment {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Ailment::Full => "full",
            Ailment::Failed => "failed",
        }
    }
}

/// An ailment and the error that showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DiskTrouble {
    pub(crate) ailment: Ailment,
    pub(crate) why: String,
}

impl<T> Core<T> {
    /// Nothing that was not reported durable so far will ever be. The first trouble counts.
    pub(crate) fn disk_failed(&mut self, trouble: DiskTrouble) {
        if self.disk_trouble.is_some() {
            return;
        }
        let (epoch, lsn, why) = (self.hard.epoch, self.flushed_lsn, &trouble.why);
        tracing::error!(
            epoch,
            lsn,
            disk = trouble.ailment.word(),
            why,
            "the disk takes no writes, so this node takes none"
        );
        self.disk_trouble = Some(trouble);
        self.release_lease();
        let leader = self.leader.filter(|(member, _)| *member != self.settings.me());
        if matches!(self.role, Role::Leader(_)) {
            tracing::info!(epoch, lsn, "stepped down: the disk takes no writes");
        }
        self.follow(self.hard.epoch, leader);
    }

    /// What a disk in trouble leaves of a batch's effects: the answers. Those that tell of nothing new.
    pub(crate) fn settle_in_trouble(&mut self) -> Vec<Effect<T>> {
        self.wake_consumers();
        let effects = std::mem::take(&mut self.effects);
        effects.into_iter().filter(|effect| matches!(effect, Effect::Answer { .. } | Effect::Lease(_))).collect()
    }

    /// Learns who leads, and nothing else.
    pub(crate) fn overhear(&mut self, from: Member, message: &Message) {
        let address = match &message.body {
            Body::Append(append) => append.address,
            Body::Part(part) => part.address,
            _ => return,
        };
        if (message.epoch, Some(from)) >= self.standing() && self.is_plausible(message.epoch) {
            self.hard.epoch = message.epoch; // not saved, and nothing is said that depends on it
            self.leader = Some((from, address));
            self.heard_ms = Some(self.now_ms);
            self.rearm();
        }
    }

    /// Nobody is sent to a leader that fell silent.
    pub(crate) fn tick_in_trouble(&mut self) {
        if self.now_ms >= self.deadline_ms {
            self.leader = None;
            self.rearm();
        }
    }
}
