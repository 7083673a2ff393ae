//! `timeout` elections: whoever misses the leader's heartbeats promotes itself. Unsound on purpose, as in the field.
//!
//! Not here: votes, because there are none.

use std::collections::BTreeSet;

use super::follower::Follower;
use super::message::Body;
use super::{Core, Election, Fencing, Role};
use crate::record::Member;

/// A leader that heard from no majority steps down, and must hear from one before it promotes itself again; otherwise it would take
/// the next epoch, and the next, alone in its corner.
#[derive(Debug, Default)]
pub(crate) struct Isolation {
    heard: BTreeSet<Member>,
    next_ping_ms: u64,
}

impl<T> Core<T> {
    pub(crate) fn tick_promotion(&mut self) {
        if !self.may_lead() {
            return;
        }
        let is_first = self.is_brand_new() && self.settings.me() == Member(0);
        let Role::Follower(follower) = &mut self.role else { return };
        if let Some(isolation) = &mut follower.isolation {
            if self.now_ms >= isolation.next_ping_ms {
                isolation.next_ping_ms = self.now_ms + self.settings.modes.failover.heartbeat_ms;
                self.broadcast(&Body::Ping);
            }
        } else if is_first {
            self.promote();
        } else if self.now_ms >= self.deadline_ms {
            self.succeed();
        }
    }

    /// Promotes itself, unless too much would be lost or the old leader may still live.
    fn succeed(&mut self) {
        let (epoch, lsn) = (self.hard.epoch, self.journal.last_lsn());
        tracing::info!(epoch, lsn, "suspected: the leader is silent");
        if let Some(lag_records) = self.lag_too_long() {
            tracing::warn!(
                epoch,
                lsn,
                lag_records,
                "not promoted: too far behind the last leader (--max-lag-on-failover)"
            );
            self.rearm();
        } else if self.is_old_leader_fenced() {
            self.promote();
        } else {
            self.rearm();
        }
    }

    /// Goes on with the promotion that waited for the old leader's death.
    pub(crate) fn promote_fenced(&mut self) {
        let waits = matches!(&self.role, Role::Follower(follower) if follower.isolation.is_none());
        if waits && self.is_old_leader_fenced() {
            self.promote();
        }
    }

    /// Where old leaders are killed, a node that starts has missed who led meanwhile. It must hear a majority before it kills whom it
    /// does not hear; otherwise one that was killed while it was cut off would come back and lead in its corner.
    pub(crate) fn await_others_before_promotion(&mut self) {
        let failover = &self.settings.modes.failover;
        let is_concerned = failover.election == Election::Timeout && failover.fencing == Fencing::Stonith;
        if is_concerned && !self.is_brand_new() && self.settings.majority() > 1 {
            self.last_leader = None;
            let mut follower = Follower::default();
            follower.isolation = Some(Isolation::default());
            self.role = Role::Follower(follower);
        }
    }

    /// Takes the next epoch without asking anybody.
    pub(crate) fn promote(&mut self) {
        self.enter_to_lead(self.hard.epoch + 1, None);
        self.lead();
    }

    /// Gives up leading because no majority was heard.
    pub(crate) fn step_down_isolated(&mut self) {
        self.follow(self.hard.epoch, None);
        if self.settings.modes.failover.election == Election::Timeout
            && let Role::Follower(follower) = &mut self.role
        {
            follower.isolation = Some(Isolation::default());
        }
    }

    pub(crate) fn on_pong(&mut self, from: Member) {
        let Role::Follower(follower) = &mut self.role else { return };
        let Some(isolation) = &mut follower.isolation else { return };
        isolation.heard.insert(from);
        let heard = isolation.heard.clone();
        if self.voters_among(&heard) >= self.settings.majority()
            && let Role::Follower(follower) = &mut self.role
        {
            follower.isolation = None;
            self.excuse(heard);
            self.rearm();
        }
    }

    /// Lets the first surviving follower go first, so that normally only one promotes itself.
    pub(crate) fn stagger_ms(&self) -> u64 {
        let leader = self.leader.map(|(member, _)| member);
        let before = (0..self.settings.me().0).filter(|&member| leader != Some(Member(member))).count() as u64;
        before * 2 * self.settings.modes.failover.heartbeat_ms
    }
}
