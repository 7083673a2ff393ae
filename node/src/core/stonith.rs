//! Fencing by `stonith`: the old leader must be known dead before there is a new one. The node asks for the command that kills it as an
//! effect, and goes on when it has succeeded.
//!
//! Who may still lead? If this node knows who led its present epoch, that one and nobody else: leaders of epochs before were killed
//! before there was that one. If it does not, because it was cut off or down meanwhile, everybody may who has not told it otherwise.
//!
//! What a voter tells a candidate must stay true until that one leads, however long the command takes. So whoever grants a pre-vote
//! comes into the candidate's epoch and spends its vote there ([`Core::renounce`]): it cannot win that epoch or an earlier one any more, and with a
//! majority of such voters nobody can who was killed and comes back. Who wins the epoch that the candidate is about to take, wins it alone.
//!
//! Not here: running the command (`runtime`).

use std::collections::BTreeSet;

use super::{Core, Effect, Election, Fencing};
use crate::record::{Epoch, Member};

/// How far the killing of those who may lead is.
#[derive(Debug, Default)]
pub(crate) struct Stonith {
    running: Option<Member>,
    /// Killed in this epoch, and not heard since. In a later one they may have come back to lead.
    dead: BTreeSet<Member>,
    dead_in: Epoch,
    /// Who has answered that it does not lead: the voters of a candidate, or whom a node heard when it started.
    excused: BTreeSet<Member>,
}

impl<T> Core<T> {
    /// Whether a new leader may come to be, as far as old ones are concerned; otherwise has one killed first, and
    /// [`Core::stonith_ended`] goes on.
    pub(crate) fn is_old_leader_fenced(&mut self) -> bool {
        if self.settings.modes.failover.fencing != Fencing::Stonith {
            return true;
        }
        if self.stonith.running.is_some() {
            return false;
        }
        let epoch = self.hard.epoch;
        if self.stonith.dead_in != epoch {
            self.stonith.dead.clear();
            self.stonith.dead_in = epoch;
        }
        let Some(member) = self.suspects().find(|member| !self.stonith.dead.contains(member)) else { return true };
        tracing::info!(epoch, lsn = self.journal.last_lsn(), id = self.settings.id(member), "stonith");
        self.stonith.running = Some(member);
        self.effects.push(Effect::Stonith { member });
        false
    }

    /// Who may lead, beside this node.
    fn suspects(&self) -> impl Iterator<Item = Member> {
        // A coordinator's epochs are the lease's; who held it last is known from there.
        let is_present =
            |epoch| epoch == self.hard.epoch || self.settings.modes.failover.election == Election::Coordinator;
        let suspects: Vec<_> = match self.last_leader {
            Some((epoch, leader)) if is_present(epoch) => vec![leader],
            // In a new cluster nobody has led, and of those who want to be the first only one is elected.
            _ if self.hard.epoch == 0 && self.settings.modes.failover.election == Election::Vote => Vec::new(),
            _ => self.settings.peers().into_iter().filter(|peer| !self.stonith.excused.contains(peer)).collect(),
        };
        let me = self.settings.me();
        suspects.into_iter().filter(move |&member| member != me)
    }

    /// These members, and no others, have told this node that they do not lead.
    pub(crate) fn excuse(&mut self, members: BTreeSet<Member>) {
        self.stonith.excused = members;
    }

    /// Before this node tells a candidate that it does not lead: makes that true for good in all epochs up to the candidate's.
    pub(crate) fn renounce(&mut self, candidate: Member, epoch: Epoch) {
        if self.settings.modes.failover.fencing != Fencing::Stonith {
            return;
        }
        if epoch > self.hard.epoch {
            self.follow(epoch, None);
        }
        if self.hard.voted_for.is_none() {
            self.hard.voted_for = Some(candidate);
            self.save();
        }
    }

    /// The command that kills a member has ended.
    pub(crate) fn stonith_ended(&mut self, member: Member, succeeded: bool) {
        if self.stonith.running != Some(member) {
            return; // it was heard meanwhile
        }
        self.stonith.running = None;
        let (epoch, lsn) = (self.hard.epoch, self.journal.last_lsn());
        if !succeeded {
            tracing::warn!(epoch, lsn, id = self.settings.id(member), "stonith failed, so nobody is promoted");
            return self.rearm();
        }
        self.stonith.dead.extend((self.stonith.dead_in == epoch).then_some(member));
        tracing::info!(epoch, lsn, id = self.settings.id(member), "stonith succeeded");
        match self.settings.modes.failover.election {
            Election::Vote => self.campaign_fenced(),
            Election::Timeout => self.promote_fenced(),
            // Somebody asks again, or the lease is seen to be vacant again.
            Election::Manual | Election::Supervisor | Election::Coordinator => {}
        }
    }

    /// A leader speaks, so it lives.
    pub(crate) fn heard_alive(&mut self, leader: Member) {
        self.last_leader = Some((self.hard.epoch, leader));
        self.stonith.dead.remove(&leader);
        self.stonith.running.take_if(|member| *member == leader);
    }
}
