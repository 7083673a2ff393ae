//! Fencing by `stonith`: the old leader must be known dead before there is a new one. The node asks for the command that kills it as an
//! effect, and goes on when it has succeeded.
//!
//! Not here: running the command (`runtime`).

use super::{Core, Effect, Election, Fencing};
use crate::record::Member;

/// How far the killing of an old leader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stonith {
    Running(Member),
    /// Known dead, until it is heard again.
    Dead(Member),
}

impl<T> Core<T> {
    /// Whether a new leader may come to be, as far as the old one is concerned; otherwise has it killed first, and
    /// [`Core::stonith_ended`] goes on.
    pub(crate) fn is_old_leader_fenced(&mut self) -> bool {
        if self.settings.modes.failover.fencing != Fencing::Stonith {
            return true;
        }
        let Some(old) = self.last_leader.filter(|&old| old != self.settings.me()) else { return true };
        match self.stonith {
            Some(Stonith::Dead(dead)) if dead == old => true,
            Some(Stonith::Running(_)) => false,
            _ => {
                tracing::info!(
                    epoch = self.hard.epoch,
                    lsn = self.journal.last_lsn(),
                    id = self.settings.id(old),
                    "stonith"
                );
                self.stonith = Some(Stonith::Running(old));
                self.effects.push(Effect::Stonith { member: old });
                false
            }
        }
    }

    /// The command that kills a member has ended.
    pub(crate) fn stonith_ended(&mut self, member: Member, succeeded: bool) {
        if self.stonith != Some(Stonith::Running(member)) {
            return; // it was heard meanwhile
        }
        self.stonith = succeeded.then_some(Stonith::Dead(member));
        let (epoch, lsn) = (self.hard.epoch, self.journal.last_lsn());
        if !succeeded {
            tracing::warn!(epoch, lsn, id = self.settings.id(member), "stonith failed, so nobody is promoted");
            return self.rearm();
        }
        tracing::info!(epoch, lsn, id = self.settings.id(member), "stonith succeeded");
        match self.settings.modes.failover.election {
            Election::Vote => self.campaign_fenced(),
            Election::Timeout => self.promote(),
            // Somebody asks again, or the lease is seen to be vacant again.
            Election::Manual | Election::Supervisor | Election::Coordinator => {}
        }
    }

    /// A leader speaks, so it lives.
    pub(crate) fn heard_alive(&mut self, leader: Member) {
        self.last_leader = Some(leader);
        if matches!(self.stonith, Some(Stonith::Running(old) | Stonith::Dead(old)) if old == leader) {
            self.stonith = None;
        }
    }
}
