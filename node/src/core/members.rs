//! Changing who is a member at run time: one change at a time, by a record that takes effect when it is appended (Raft's
//! single-server change, Ongaro's thesis §4.1, with his correction of 2015), and that a rewind undoes.
//!
//! Not here: the list (`membership`), and how links follow it (`peer`).

use std::net::SocketAddr;

use bytes::Bytes;

use super::leader::Leader;
use super::progress::Progress;
use super::{Core, Effect, Role};
use crate::defect::Defect;
use crate::membership::{Entry, Listed, Membership, Standing};
use crate::record::{Change, Member};
use crate::store::Reply;

/// A learner is caught up when it lacks at most so many records: some hundredths of a second of a busy leader's writes.
const CAUGHT_UP_RECORDS: u64 = 1_000;

/// What can be asked about members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MemberAsk {
    Add { id: String, address: SocketAddr },
    Promote { id: String },
    Remove { id: String },
    List,
}

impl<T> Core<T> {
    pub(crate) fn members(&self) -> &Membership {
        &self.settings.members
    }

    /// The members, if no later leader can take back what made them so.
    pub(crate) fn committed_members(&self) -> Option<&Membership> {
        Some(self.members()).filter(|members| (1..=self.commit_lsn).contains(&members.changed_lsn))
    }

    /// The members as others are told of them.
    pub(crate) fn listed(&self) -> Listed {
        let members = self.settings.members.clone();
        Listed { epoch: self.journal.epoch(members.changed_lsn), members }
    }

    /// A node that was to join hears among whom it is. What it hears holds until its log says otherwise.
    pub(crate) fn introduce(&mut self, members: Membership) {
        if self.settings.members.is_unknown() {
            tracing::info!(id = self.settings.id, members = members.ids().join(","), "joining");
            self.set_members(members);
        }
    }

    pub(crate) fn ask_member(&mut self, token: T, ask: &MemberAsk) {
        let (epoch, lsn) = (self.hard.epoch, self.journal.last_lsn());
        if *ask == MemberAsk::List {
            return self.answer(token, Ok(Reply::List(self.member_lines())), epoch, lsn);
        }
        if !matches!(self.role, Role::Leader(_)) {
            let refusal = self.not_leading();
            return self.answer(token, Err(refusal), epoch, lsn);
        }
        match self.plan_change(ask) {
            Ok(after) => {
                let before = self.settings.members.clone();
                let terms = crate::config::ReadMode::Leader.into();
                self.pend_write(
                    token,
                    Change::Members { before: Box::new(before), after: Box::new(after) },
                    Reply::Ok,
                    terms,
                );
            }
            Err(why) => self.answer(token, Ok(Reply::Failure(format!("ERR {why}"))), epoch, lsn),
        }
    }

    fn plan_change(&self, ask: &MemberAsk) -> Result<Membership, String> {
        let Role::Leader(leader) = &self.role else { return Err("this node does not lead".to_owned()) };
        let members = &self.settings.members;
        let is_early = self.settings.has(Defect::ChangeMembersEarly);
        let committed_lsn = if is_early { self.journal.last_lsn() } else { self.commit_lsn };
        if committed_lsn < leader.first_lsn {
            // Otherwise two leaders could each change the members of their own and find majorities that do not meet.
            return Err("this leader has committed nothing of its own epoch yet; retry".to_owned());
        }
        if members.changed_lsn > committed_lsn {
            return Err("another change of members is under way; retry".to_owned());
        }
        if self.handover.is_some() {
            return Err("this leader hands over to another member; ask that one".to_owned());
        }
        let mut after = match ask {
            MemberAsk::Add { id, address } => members.add(id, *address)?,
            MemberAsk::Promote { id } => {
                let after = members.promote(id)?;
                let follower = members.index(id).and_then(|member| leader.followers.get(&member));
                let lacks = |follower: &Progress| self.journal.last_lsn() - follower.durable_lsn;
                match follower.map(lacks) {
                    Some(..=CAUGHT_UP_RECORDS) => after,
                    Some(lacks) => return Err(format!("{id} lacks {lacks} records yet; retry when it has caught up")),
                    None => return Err(format!("{id} was not heard yet; retry")),
                }
            }
            MemberAsk::Remove { id } if members.index(id) == Some(self.settings.me()) => {
                return Err(format!("{id} leads; hand over to another member first"));
            }
            MemberAsk::Remove { id } => members.remove(id)?,
            MemberAsk::List => members.clone(),
        };
        self.must_keep_a_majority(leader, &after)?;
        after.changed_lsn = self.journal.last_lsn() + 1;
        Ok(after)
    }

    /// Refuses a list whose majority would have to count on voters that are missing (etcd's strict reconfiguration check): the change
    /// could not be committed, or nobody could be elected after it.
    fn must_keep_a_majority(&self, leader: &Leader<T>, after: &Membership) -> Result<(), String> {
        let voters: Vec<Member> = after.voters().collect();
        let why = |&member: &Member| Some(format!("{} {}", after.id(member), self.why_missing(leader, member)?));
        let missing: Vec<String> = voters.iter().filter_map(why).collect();
        let (present, majority) = (voters.len() - missing.len(), after.majority());
        // A change that leaves the voters as they are does not make it worse.
        if present >= majority || voters.iter().copied().eq(self.settings.members.voters()) {
            return Ok(());
        }
        Err(format!(
            "{majority} of the {} voters then would be a majority, and only {present} can be counted on: {}; start who is down, wait \
             until who is rebuilt votes again, or MEMBER REMOVE one of these",
            voters.len(),
            missing.join(", ")
        ))
    }

    /// Why a member cannot be counted on at present, as a leader knows it.
    fn why_missing(&self, leader: &Leader<T>, member: Member) -> Option<String> {
        if member == self.settings.me() {
            return None;
        }
        if self.is_rebuilding(member) {
            return Some("is being rebuilt".to_owned());
        }
        let Some(follower) = leader.followers.get(&member).filter(|follower| follower.answered_round > 0) else {
            return Some("was not heard by this leader yet".to_owned());
        };
        let silent_ms = self.now_ms.saturating_sub(follower.contact_ms);
        (silent_ms >= self.settings.modes.failover.election_timeout_ms())
            .then(|| format!("was not heard for {silent_ms} ms"))
    }

    fn member_lines(&self) -> Vec<Bytes> {
        let line = |(member, entry): (Member, &Entry)| {
            let address = entry.address.map(|address| format!(",address={address}")).unwrap_or_default();
            Bytes::from(format!("id={},index={},standing={}{address}", entry.id, member.0, entry.standing.word()))
        };
        self.settings.members.all().map(line).collect()
    }

    /// The list is another one from now on.
    pub(crate) fn set_members(&mut self, members: Membership) {
        let is_removed = |list: &Membership| list.removed().contains(&self.settings.id);
        if is_removed(&members) && !is_removed(&self.settings.members) {
            tracing::warn!(epoch = self.hard.epoch, "this node was removed from the cluster; it can be stopped");
        }
        self.settings.members = members;
        if let Role::Leader(leader) = &mut self.role {
            let last_lsn = self.journal.last_lsn();
            for member in self.settings.peers() {
                leader.followers.entry(member).or_insert_with(|| Progress::new(last_lsn, self.now_ms));
            }
        }
        self.effects.push(Effect::Members(self.listed()));
    }

    /// Lets followers go that were removed, once they know it or cannot be told.
    pub(crate) fn forget_removed(&mut self) {
        let (members, linked, commit_lsn) = (&self.settings.members, &self.linked, self.commit_lsn);
        if let Role::Leader(leader) = &mut self.role {
            leader.followers.retain(|&member, follower| {
                let knows = follower.durable_lsn >= members.changed_lsn && commit_lsn >= members.changed_lsn;
                members.standing(member) != Standing::Removed || (linked.contains(&member) && !knows)
            });
        }
    }

    /// Whether this node may become leader.
    pub(crate) fn may_lead(&self) -> bool {
        self.settings.members.is_voter(self.settings.me()) && !self.abstains()
    }
}
