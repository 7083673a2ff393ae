//! Members that come and go: nodes that wait to join, an operator who adds, promotes and removes whomever, at whoever leads or believes
//! to, and what the nodes' links make of it.
//!
//! A member is known by its id; which index that has is a matter of the list, so what is sent is looked up in the sender's list, and from
//! whom it is in the receiver's. Not here: when a change is allowed (`core::members`).

use std::net::{Ipv4Addr, SocketAddr};

use rand::RngExt;
use rand::seq::IndexedRandom;

use super::World;
use super::clients::Asker;
use super::nodes::{Ask, Node};
use crate::core::admin::Admin;
use crate::core::members::MemberAsk;
use crate::core::{Core, Role};
use crate::membership::{Listed, Membership, Standing};
use crate::record::{Epoch, Member};

/// Nodes that are no members at first, where members change.
pub(super) const SPARES: u8 = 2;
/// A change is asked for about so often.
const PACE_MS: u32 = 80;

pub(super) fn id(index: u8) -> String {
    format!("n{}", index + 1)
}

pub(super) fn address(index: u8) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, u16::from(index) + 1))
}

impl World {
    /// Now and then asks a leader to change the members; two voters stay.
    pub(super) fn administer(&mut self) {
        if self.rng.random_range(0..PACE_MS) > 0 {
            return;
        }
        let leads = |index: &u8| matches!(self.core(*index), Some(Core { role: Role::Leader(_), .. }));
        let leaders: Vec<u8> = (0..self.nodes.len() as u8).filter(leads).collect();
        let Some(&leader) = leaders.choose(&mut self.rng) else { return };
        let about = self.any_node();
        let rebuilds = self.nodes.iter().any(|node| node.disk.hard.rebuilding);
        let members = self.core(leader).expect("it leads").members();
        let voters = members.voters().count();
        let ask = match members.index(&id(about)).map_or(Standing::Removed, |member| members.standing(member)) {
            Standing::Removed => MemberAsk::Add { id: id(about), address: address(about) },
            Standing::Learner => MemberAsk::Promote { id: id(about) },
            Standing::Voter if voters > 2 && !rebuilds => MemberAsk::Remove { id: id(about) },
            Standing::Voter => return,
        };
        self.submit(leader, Asker::Operator, Ask::Admin(Admin::Member(ask)));
    }

    /// How many voters there are, if none of them can be on its way out: of the latest reign that ever was, a majority has a record and all
    /// changes of members, and nobody was asked to remove one. What an earlier leader began comes to effect no more.
    pub(super) fn settled_voters(&self) -> Option<usize> {
        let core = self.core(self.leader()?)?;
        let Role::Leader(reign) = &core.role else { return None };
        let is_latest = self.leaders.keys().next_back() == Some(&core.hard.epoch);
        let is_committed = core.commit_lsn >= reign.first_lsn.max(core.members().changed_lsn);
        let removes = |(_, ask): &(Asker, Ask)| matches!(ask, Ask::Admin(Admin::Member(MemberAsk::Remove { .. })));
        let is_asked = self.nodes.iter().any(|node| node.requests.iter().any(removes));
        (is_latest && is_committed && !is_asked).then(|| core.members().voters().count())
    }

    pub(super) fn core(&self, index: u8) -> Option<&Core<Asker>> {
        self.nodes[usize::from(index)].core.as_ref()
    }

    /// The list of whoever leads the latest epoch.
    pub(super) fn members(&self) -> Option<&Membership> {
        self.leader().and_then(|leader| self.core(leader)).map(Core::members)
    }

    /// Who leads the latest epoch.
    pub(super) fn leader(&self) -> Option<u8> {
        let epoch = |index: &u8| -> Option<Epoch> {
            self.core(*index).filter(|core| matches!(core.role, Role::Leader(_))).map(|core| core.hard.epoch)
        };
        (0..self.nodes.len() as u8).filter(|index| epoch(index).is_some()).max_by_key(epoch)
    }

    pub(super) fn members_changed(&mut self, index: u8, listed: Listed) {
        let node = &mut self.nodes[usize::from(index)];
        if node.disk.first_members.is_unknown() {
            node.disk.first_members.clone_from(&listed.members);
        }
        if listed.version() >= node.listed.version() {
            node.listed = listed;
        }
        self.met.memberships += usize::from(self.leader() == Some(index));
        self.relink(index);
    }

    pub(super) fn relink_all(&mut self) {
        (0..self.nodes.len() as u8).for_each(|index| self.relink(index));
    }

    /// Has a node's links follow its list and who is up.
    fn relink(&mut self, index: u8) {
        for other in (0..self.nodes.len() as u8).filter(|&other| other != index) {
            let is_up = self.core(other).is_some();
            let Node { core: Some(core), listed, .. } = &mut self.nodes[usize::from(index)] else { return };
            if let Some(member) = listed.members.index(&id(other))
                && core.linked.contains(&member) != is_up
            {
                core.link(member, is_up);
            }
        }
    }

    /// Which node a member is in the eyes of this one.
    pub(super) fn whereabouts(&self, index: u8, member: Member) -> Option<Member> {
        let id = self.nodes[usize::from(index)].listed.members.id(member);
        id.strip_prefix('n')?.parse::<u8>().ok().map(|number| Member(number - 1))
    }

    /// Which member a node is in the eyes of this one, which lets everybody in but who is removed for good. A node that waits to join is
    /// introduced by the first that knows it. The newer list decides, as between two nodes that connect.
    pub(super) fn let_in(&mut self, index: u8, other: Member) -> Option<Member> {
        let joins = self.core(index)?.members().is_unknown();
        let theirs = &self.nodes[usize::from(other.0)].listed;
        if theirs.version() > self.nodes[usize::from(index)].listed.version() {
            let knows =
                |id: &str| theirs.members.index(id).is_some_and(|is| theirs.members.standing(is) != Standing::Removed);
            if joins && !knows(&id(index)) {
                return None;
            }
            let theirs = theirs.clone();
            self.nodes[usize::from(index)].listed = theirs.clone();
            if joins {
                self.nodes[usize::from(index)].core.as_mut()?.introduce(theirs.members);
            }
            self.relink(index);
        }
        let Node { listed: Listed { members, .. }, gone, .. } = &self.nodes[usize::from(index)];
        let is_gone = |member| members.standing(member) == Standing::Removed && gone.contains(&id(other.0));
        members.index(&id(other.0)).filter(|&member| !is_gone(member))
    }
}
