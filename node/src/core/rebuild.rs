//! A node that lost its log, and says so, must not do harm with what it has forgotten.
//!
//! It may have confirmed records that now only a minority holds. So it grants no vote and seeks none until it holds all that it may
//! have confirmed: everything up to a commit that a leader tells it, when (1) that commit is of the leader's own epoch, so it covers all
//! commits of earlier leaders, and (2) the leader knows of this node's new *life*, so it counts nothing any more that was said in
//! the one before and is still on its way. Its epoch and vote it still knows: they are in the hard state, without which no node is
//! rebuilt. Earlier leaders can commit nothing new by late words of the earlier life: whoever elected a later leader without this node's
//! vote shares a member with each of their majorities, and that member refuses them.
//!
//! Not here: moving the damaged files aside (`rebuild` at the crate's root).

use super::message::Message;
use super::progress::Progress;
use super::{Core, HardState, Role};
use crate::defect::Defect;
use crate::record::{Lsn, Member};

/// Sequences of a life. It knows nothing of those that earlier ones gave to records which nobody has now, and they must not come back on
/// others; ten million starts do not use so many up.
const SEQUENCES_PER_LIFE: u64 = 1 << 40;

/// What is known of another member that may have lost its log.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known {
    /// How often it was rebuilt, as far as it was heard.
    pub(crate) life: u64,
    /// Whether that goes on.
    rebuilding: bool,
}

impl HardState {
    /// Of a node that lost its log and will be rebuilt.
    pub(crate) fn in_next_life(self) -> Self {
        let life = self.life + 1;
        let sequence_floor = self.sequence_floor.max(life.saturating_mul(SEQUENCES_PER_LIFE));
        HardState { rebuilding: true, life, sequence_floor, ..self }
    }
}

impl<T> Core<T> {
    /// Whether this node takes no part in elections.
    pub(crate) fn abstains(&self) -> bool {
        self.hard.rebuilding && !self.settings.has(Defect::VoteWhileRebuilding)
    }

    /// Whether this member is known to take no part in elections, because it lost its log.
    pub(crate) fn is_rebuilding(&self, member: Member) -> bool {
        self.lives.get(&member).is_some_and(|known| known.rebuilding)
    }

    /// Whether a message is of its sender's newest life, as far as this node knows; what an earlier one said counts no more.
    pub(crate) fn is_of_newest_life(&mut self, from: Member, message: &Message) -> bool {
        let known = self.lives.entry(from).or_default();
        if message.life > known.life {
            *known = Known { life: message.life, rebuilding: true };
            let last_lsn = self.journal.last_lsn();
            if let Role::Leader(leader) = &mut self.role
                && let Some(follower) = leader.followers.get_mut(&from)
            {
                *follower = Progress::new(last_lsn, self.now_ms);
            }
        }
        let known = self.lives.entry(from).or_default();
        // It is rebuilt once in a life, so a late word that it still is says nothing.
        known.rebuilding &= message.rebuilding || message.life < known.life;
        message.life >= known.life || self.settings.has(Defect::TrustEarlierLife)
    }

    /// A leader that knows this life told its commit: how far a node that is being rebuilt must get.
    pub(crate) fn rebuild_until(&mut self, from: Member, commit_lsn: Lsn) {
        if self.hard.rebuilding
            && self.leader.is_some_and(|(leader, _)| leader == from)
            && let Role::Follower(follower) = &mut self.role
        {
            follower.rebuild_until.get_or_insert(commit_lsn);
        }
    }

    /// Ends the rebuilding when everything is there that this node may have confirmed before.
    pub(crate) fn finish_rebuilding(&mut self) {
        let Role::Follower(follower) = &mut self.role else { return };
        let durable_lsn = self.flushed_lsn.min(follower.held_lsn());
        let Some(target) = follower.rebuild_until.take_if(|target| *target <= durable_lsn) else { return };
        if self.journal.epoch(target) == self.hard.epoch || self.settings.has(Defect::RebuildInHaste) {
            tracing::info!(epoch = self.hard.epoch, lsn = target, "rebuilt: this node votes again");
            self.hard.rebuilding = false;
            self.save();
        }
    }
}
