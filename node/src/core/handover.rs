//! A planned change of leader: the leader holds what clients ask anew, waits until its successor has everything, and has it take over.
//! Nothing that was acknowledged is lost, and what was held is executed by nobody.
//!
//! ```text
//!   FAILOVER ─▶ hold requests ─▶ successor has the whole log, nothing awaits its acknowledgement ─▶ TakeOver ─▶ it leads ─▶ redirect
//!                   └─ in time-out: lead on, and execute what was held; once TakeOver was sent only `vote` can be sure enough for that
//! ```
//!
//! Not here: how the successor comes to lead (`election`, `promotion`).

use std::collections::VecDeque;

use super::message::Body;
use super::pending::MAX_PENDING;
use super::requests::Asked;
use super::{Core, Election, Fencing, Refusal, Role};
use crate::record::Member;
use crate::store::Reply;

/// A handover under way.
#[derive(Debug)]
pub(crate) struct Handover<T> {
    to: Member,
    /// Who asked for it, unless it was this node itself.
    token: Option<T>,
    /// When it is given up.
    deadline_ms: u64,
    /// When the successor is told again; `None` before the first time.
    tell_again_ms: Option<u64>,
    /// What clients asked meanwhile.
    held: VecDeque<Asked<T>>,
}

impl<T> Core<T> {
    /// Begins to hand leadership over, to the most up-to-date follower unless one is named. `token` is told what came of it.
    pub(crate) fn begin_handover(&mut self, token: Option<T>, to: Option<&str>, timeout_ms: u64) {
        match self.successor(to) {
            Ok(to) => {
                tracing::info!(
                    epoch = self.hard.epoch,
                    lsn = self.journal.last_lsn(),
                    to = self.settings.id(to),
                    timeout_ms,
                    "handing over"
                );
                let deadline_ms = self.now_ms.saturating_add(timeout_ms);
                self.handover = Some(Handover { to, token, deadline_ms, tell_again_ms: None, held: VecDeque::new() });
            }
            Err(why) => self.tell(token, Err(why)),
        }
    }

    fn successor(&self, to: Option<&str>) -> Result<Member, String> {
        let Role::Leader(leader) = &self.role else {
            return Err("ERR this node does not lead, so it has nothing to hand over".to_owned());
        };
        if self.settings.modes.failover.election == Election::Coordinator {
            return Err("ERR the coordinator's lease decides who leads here: DEMOTE gives it up, and the most up-to-date member \
                        that bids gets it (--election coordinator)"
                .to_owned());
        }
        if self.handover.is_some() {
            return Err("ERR a handover is under way already".to_owned());
        }
        let can_lead = |member: Member| self.linked.contains(&member) && self.settings.members.is_voter(member);
        let linked = leader.followers.iter().filter(|(member, _)| can_lead(**member));
        match to {
            None => {
                let furthest =
                    linked.max_by_key(|(member, progress)| (progress.durable_lsn, std::cmp::Reverse(**member)));
                furthest
                    .map(|(member, _)| *member)
                    .ok_or_else(|| "ERR no follower is connected; not handed over".to_owned())
            }
            Some(id) => match self.settings.members.index(id) {
                Some(member) if member == self.settings.me() => Err("ERR this node leads already".to_owned()),
                Some(member) if !self.settings.members.is_voter(member) => {
                    Err(format!("ERR {id} has no vote, so it cannot lead"))
                }
                Some(member) if self.linked.contains(&member) => Ok(member),
                Some(_) => Err(format!("ERR {id} is not connected; not handed over")),
                None => {
                    Err(format!("ERR {id} is no member; the members are {}", self.settings.members.ids().join(", ")))
                }
            },
        }
    }

    /// Keeps a request back while a handover is under way; gives it back if there is none.
    pub(crate) fn hold(&mut self, asked: Asked<T>) -> Option<Asked<T>> {
        let Some(handover) = &mut self.handover else { return Some(asked) };
        if handover.held.len() < MAX_PENDING {
            handover.held.push_back(asked);
        } else {
            self.refuse(asked.into_token(), Refusal::Busy);
        }
        None
    }

    /// Keeps back what was asked before everything that is kept back; gives it back if no handover is under way.
    pub(crate) fn hold_before_others(&mut self, earlier: VecDeque<Asked<T>>) -> VecDeque<Asked<T>> {
        let Some(handover) = &mut self.handover else { return earlier };
        let later = std::mem::replace(&mut handover.held, earlier);
        handover.held.extend(later);
        VecDeque::new()
    }

    /// Moves a handover on.
    pub(crate) fn tick_handover(&mut self) {
        let Some(handover) = &mut self.handover else { return };
        let (to, is_late) = (handover.to, self.now_ms >= handover.deadline_ms);
        match &mut self.role {
            Role::Leader(leader) => {
                let is_ready = leader.pending.writes.is_empty()
                    && leader
                        .followers
                        .get(&to)
                        .is_some_and(|progress| progress.durable_lsn == self.journal.last_lsn());
                let told = handover.tell_again_ms;
                if is_late {
                    self.give_handover_up();
                } else if is_ready && told.is_none_or(|again_ms| self.now_ms >= again_ms) {
                    leader.lease.void();
                    handover.tell_again_ms = Some(self.now_ms + self.settings.modes.failover.heartbeat_ms);
                    self.send(to, Body::TakeOver);
                }
            }
            _ if self.leader.is_some() || is_late => self.end_handover(),
            _ => {}
        }
    }

    /// The successor did not take over in time.
    fn give_handover_up(&mut self) {
        let is_told = self.handover.as_ref().is_some_and(|handover| handover.tell_again_ms.is_some());
        let failover = &self.settings.modes.failover;
        if is_told && (failover.election != Election::Vote || failover.fencing == Fencing::Stonith) {
            // It may yet promote itself, and nobody's vote would protect what this node acknowledged meanwhile. With stonith, nobody would kill it.
            tracing::info!(
                epoch = self.hard.epoch,
                lsn = self.journal.last_lsn(),
                "stepped down: the successor was told and not heard"
            );
            self.follow(self.hard.epoch, None);
            return self.end_handover();
        }
        let Some(Handover { to, token, held, .. }) = self.handover.take() else { return };
        let why = format!("{} does not have everything", self.settings.id(to));
        tracing::info!(epoch = self.hard.epoch, lsn = self.journal.last_lsn(), why, "handover given up, leading on");
        self.tell(token, Err(format!("TIMEOUT {why}; not handed over, this node leads on")));
        for asked in held {
            self.take_up(asked);
        }
    }

    /// This node leads no longer: sends everybody who waited where the leader is now, if anybody leads.
    fn end_handover(&mut self) {
        let Some(Handover { to, token, held, .. }) = self.handover.take() else { return };
        let refusal = self.not_leading();
        for asked in held {
            self.refuse(asked.into_token(), refusal);
        }
        let epoch = self.hard.epoch;
        let told = match self.leader {
            Some((leader, _)) => {
                let id = self.settings.id(leader).to_owned();
                tracing::info!(epoch, lsn = self.journal.last_lsn(), leader = id, "handed over");
                Ok(format!("{id} leads epoch {epoch}"))
            }
            None => Err(format!(
                "TIMEOUT this node leads no longer, and {} was not heard to lead yet",
                self.settings.id(to)
            )),
        };
        self.tell(token, told);
    }

    /// Whether leadership is about to pass to this member.
    pub(crate) fn hands_over_to(&self, member: Member) -> bool {
        self.handover.as_ref().is_some_and(|handover| handover.to == member && handover.tell_again_ms.is_some())
    }

    /// The leader asks this node to take over: it has everything the leader has.
    pub(crate) fn on_take_over(&mut self, from: Member, epoch: u64) {
        let is_of_leader = epoch == self.hard.epoch && self.leader.is_some_and(|(leader, _)| leader == from);
        if !is_of_leader || !matches!(self.role, Role::Follower(_)) {
            return;
        }
        tracing::info!(epoch, lsn = self.journal.last_lsn(), from = self.settings.id(from), "taking over");
        match self.settings.modes.failover.election {
            Election::Vote => self.campaign_handed_over(),
            Election::Timeout | Election::Manual | Election::Supervisor => self.promote(),
            Election::Coordinator => {} // its leaders do not ask
        }
    }

    /// Tells whoever asked for something that concerns the cluster, if it was somebody.
    pub(crate) fn tell(&mut self, token: Option<T>, told: Result<String, String>) {
        if let Some(token) = token {
            let reply = told.map_or_else(Reply::Failure, Reply::Told);
            self.answer(token, Ok(reply), self.hard.epoch, self.journal.last_lsn());
        }
    }

    /// Hands over if there is anything to hand over and anybody to take it, because this process is about to end.
    pub(crate) fn retire(&mut self, timeout_ms: u64) {
        if matches!(self.role, Role::Leader(_)) && self.handover.is_none() {
            self.begin_handover(None, None, timeout_ms);
        }
    }

    /// Whether no handover is under way: it succeeded, or was given up, or there was none.
    pub(crate) fn has_retired(&self) -> bool {
        self.handover.is_none()
    }

    /// Answers everything that still waits, because this process ends now. Whatever was logged and not acknowledged is uncertain.
    pub(crate) fn resign(&mut self) {
        if matches!(self.role, Role::Leader(_)) {
            self.follow(self.hard.epoch, None);
        }
        self.end_handover();
    }
}
