//! `vote`: Raft's elections, with pre-vote and leader stickiness.
//!
//! Not here: the sound modes' unsound sibling (`promotion`).

use std::collections::BTreeSet;

use super::message::{Body, LogEnd};
use super::{Core, Election, Fencing, Role};
use crate::defect::Defect;
use crate::record::{Epoch, Member};

/// Milliseconds by which the members of a new cluster stagger their first campaigns, once they are connected to a majority.
const FIRST_CAMPAIGN_STAGGER_MS: u64 = 20;

/// A node that wants to lead.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// Only asking whether a campaign would succeed, which costs nobody an epoch.
    pre: bool,
}

impl<T> Core<T> {
    pub(crate) fn tick_election(&mut self) {
        if self.is_brand_new()
            && matches!(self.role, Role::Follower(_))
            && self.voters_among(&self.linked) >= self.settings.majority()
        {
            // Nobody can be leading yet, so there is nothing to wait for; the lowest id goes first.
            let patience_ms = FIRST_CAMPAIGN_STAGGER_MS * u64::from(self.settings.me().0);
            self.deadline_ms = self.deadline_ms.min(self.now_ms + patience_ms);
        }
        if self.now_ms >= self.deadline_ms && !self.is_pledged() && self.may_lead() {
            tracing::info!(epoch = self.hard.epoch, lsn = self.journal.last_lsn(), "suspected: the leader is silent");
            self.campaign(true, false);
        }
    }

    /// How many voters there are among these and this node.
    pub(crate) fn voters_among(&self, others: &BTreeSet<Member>) -> usize {
        let members = others.iter().copied().chain([self.settings.me()]);
        members.filter(|&member| self.settings.members.is_voter(member)).count()
    }

    /// Goes on with the campaign that waited for the old leader's death.
    pub(crate) fn campaign_fenced(&mut self) {
        if matches!(self.role, Role::Candidate(Candidate { pre: true })) {
            self.campaign_if_granted();
        }
    }

    /// Campaigns at the wish of the leader, who is alive.
    pub(crate) fn campaign_handed_over(&mut self) {
        self.campaign(false, true);
    }

    fn campaign(&mut self, pre: bool, handed_over: bool) {
        if !pre {
            let me = Some(self.settings.me());
            self.enter_to_lead(self.hard.epoch + 1, me);
        }
        self.leader = None;
        self.role = Role::Candidate(Candidate { pre });
        if !self.settings.has(Defect::CountLateAnswers) {
            self.grants.clear();
        }
        if pre {
            self.renounce(self.settings.me(), self.hard.epoch);
        }
        self.rearm();
        let log = self.log_end();
        tracing::info!(epoch = self.hard.epoch, lsn = log.lsn, pre_vote = pre, "candidate");
        self.broadcast(&if pre { Body::PreVote { log } } else { Body::Vote { log, handed_over } });
        self.count_grant(self.settings.me());
    }

    fn count_grant(&mut self, from: Member) {
        self.grants.insert(from);
        self.campaign_if_granted();
    }

    /// Goes on if a majority has granted what this candidate asked for.
    fn campaign_if_granted(&mut self) {
        let Role::Candidate(Candidate { pre }) = self.role else { return };
        let granted = self.grants.iter().filter(|&&member| self.settings.members.is_voter(member)).count();
        if granted < self.settings.majority() {
            return;
        }
        if !pre {
            return self.lead();
        }
        self.excuse(self.grants.clone());
        if self.is_old_leader_fenced() {
            self.campaign(false, false);
        }
    }

    pub(crate) fn on_pre_vote(&mut self, from: Member, epoch: Epoch, log: LogEnd) {
        if epoch > self.hard.epoch && matches!(self.role, Role::Leader(_)) {
            // That node can follow this leader no more; without a new election it would stay away for ever.
            return self.on_newer_epoch(epoch, None);
        }
        // Who grants this tells the candidate that it does not lead, and one that is being voted for may soon.
        let may_soon_lead = matches!(self.role, Role::Candidate(Candidate { pre: false }))
            && self.settings.modes.failover.fencing == Fencing::Stonith;
        let granted = epoch >= self.hard.epoch
            && !self.abstains()
            && !self.has_live_leader()
            && !may_soon_lead
            && self.is_up_to_date(log);
        if granted {
            self.renounce(from, epoch);
        }
        self.send(from, Body::PreVoteReply { proposed: epoch + 1, granted });
    }

    pub(crate) fn on_pre_vote_reply(&mut self, from: Member, proposed: Epoch, granted: bool) {
        let pre = matches!(self.role, Role::Candidate(Candidate { pre: true }));
        if pre && granted && proposed == self.hard.epoch + 1 {
            self.count_grant(from);
        }
    }

    pub(crate) fn on_vote(&mut self, from: Member, epoch: Epoch, log: LogEnd, handed_over: bool) {
        if self.settings.modes.failover.election != Election::Vote {
            return;
        }
        let is_planned = handed_over && (!matches!(self.role, Role::Leader(_)) || self.hands_over_to(from));
        if self.has_live_leader() && !is_planned {
            // Neither the vote nor the epoch: a node that comes back must not depose a working leader. And one that nothing
            // fences must not vote while it leads, or its own records would count against the candidate's.
            if epoch > self.hard.epoch
                && matches!(self.role, Role::Leader(_))
                && self.settings.modes.failover.fencing == Fencing::None
            {
                self.note_successor(epoch, None);
            }
            return;
        }
        if epoch > self.hard.epoch {
            self.follow(epoch, None);
        }
        let free =
            self.hard.voted_for.is_none_or(|candidate| candidate == from || self.settings.has(Defect::VoteTwice));
        let granted = epoch == self.hard.epoch && free && !self.abstains() && self.is_up_to_date(log);
        if granted {
            if self.hard.voted_for.is_none() {
                self.hard.voted_for = Some(from);
                self.save();
            }
            self.rearm();
        }
        self.send(from, Body::VoteReply { granted });
    }

    pub(crate) fn on_vote_reply(&mut self, from: Member, granted: bool) {
        let voting = matches!(self.role, Role::Candidate(Candidate { pre: false }));
        if voting && granted {
            self.count_grant(from);
        }
    }

    /// Whether a candidate whose log ends there has everything that this node has.
    fn is_up_to_date(&self, log: LogEnd) -> bool {
        if self.settings.has(Defect::PromoteLeastUpToDate) {
            log <= self.log_end()
        } else {
            log >= self.log_end() || self.settings.has(Defect::VoteForBehind)
        }
    }

    /// Whether this node leads, or may have answered a leader within the least election timeout.
    fn has_live_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_)) || self.is_pledged()
    }
}
