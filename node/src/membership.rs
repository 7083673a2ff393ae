//! Who is a member of the cluster, and in what standing.
//!
//! The list only grows: a member keeps its index for good, whatever becomes of it. It is part of the replicated state and changed by
//! records, each of which carries the whole list before and after. Not here: when a change is allowed (`members`).

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::config::MAX_MEMBERS;
use crate::record::{Epoch, Lsn, Member};

/// Most members that ever were; indexes are bytes, and the greatest stands for nobody.
const MAX_SLOTS: usize = 250;

/// How much of a member one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Standing {
    /// Its vote and its disk count.
    Voter,
    /// It gets the log, and counts for nothing.
    Learner,
    /// It was a member.
    Removed,
}

impl Standing {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Standing::Voter => "voter",
            Standing::Learner => "learner",
            Standing::Removed => "removed",
        }
    }
}

/// A member that is or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) id: String,
    /// Where it is reached, if it was added at run time; founders are found by `--peer`.
    pub(crate) address: Option<SocketAddr>,
    pub(crate) standing: Standing,
}

/// All members by their indexes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Membership {
    /// How many of them, from the first, founded the cluster. Two lists with other founders are of other clusters.
    founders: u8,
    entries: Vec<Entry>,
    /// The record that made it what it is; 0 for the founders'.
    pub(crate) changed_lsn: Lsn,
}

/// A list as nodes tell it one another, with the epoch of the record that made it; 0 where that is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub(crate) members: Membership,
    pub(crate) epoch: Epoch,
}

impl Listed {
    /// Greater is newer, as with logs: what a later leader has undone is of an earlier epoch, however long that log was. An index that
    /// an undone addition gave away can be another's in a list that is newer.
    pub(crate) fn version(&self) -> (Epoch, Lsn) {
        (self.epoch, self.members.changed_lsn)
    }
}

impl Membership {
    /// A new cluster of voters, whose ids are in order.
    pub(crate) fn founded(ids: impl IntoIterator<Item = String>) -> Self {
        let voter = |id| Entry { id, address: None, standing: Standing::Voter };
        let entries: Vec<Entry> = ids.into_iter().map(voter).collect();
        Membership { founders: entries.len() as u8, entries, changed_lsn: 0 }
    }

    /// Nothing is known yet: the node is to join.
    pub(crate) fn is_unknown(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a list that came from elsewhere can be one, as of this record.
    pub(crate) fn is_sound(&self, lsn: Lsn) -> bool {
        self.entries.len() <= MAX_SLOTS && usize::from(self.founders) <= self.entries.len() && self.changed_lsn <= lsn
    }

    pub(crate) fn founders(&self) -> Vec<String> {
        self.entries.iter().take(usize::from(self.founders)).map(|entry| entry.id.clone()).collect()
    }

    /// Every member with its index, removed ones too.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Member, &Entry)> {
        (0..).map(Member).zip(&self.entries)
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.entries.iter().map(|entry| entry.id.clone()).collect()
    }

    /// The ids of those that are members no more.
    pub(crate) fn removed(&self) -> Vec<String> {
        let removed = self.entries.iter().filter(|entry| entry.standing == Standing::Removed);
        removed.map(|entry| entry.id.clone()).collect()
    }

    /// A member's id; `?` for one that this list does not have.
    pub(crate) fn id(&self, member: Member) -> &str {
        self.entries.get(usize::from(member.0)).map_or("?", |entry| &entry.id)
    }

    /// Where a member is reached that was added at run time.
    pub(crate) fn address(&self, member: Member) -> Option<SocketAddr> {
        self.entries.get(usize::from(member.0)).and_then(|entry| entry.address)
    }

    pub(crate) fn index(&self, id: &str) -> Option<Member> {
        self.all().find(|(_, entry)| entry.id == id).map(|(member, _)| member)
    }

    pub(crate) fn standing(&self, member: Member) -> Standing {
        self.entries.get(usize::from(member.0)).map_or(Standing::Removed, |entry| entry.standing)
    }

    pub(crate) fn is_voter(&self, member: Member) -> bool {
        self.standing(member) == Standing::Voter
    }

    /// Those that get the log.
    pub(crate) fn present(&self) -> impl Iterator<Item = Member> {
        self.all().filter(|(_, entry)| entry.standing != Standing::Removed).map(|(member, _)| member)
    }

    /// Those whose votes and disks count.
    pub(crate) fn voters(&self) -> impl Iterator<Item = Member> {
        self.all().filter(|(_, entry)| entry.standing == Standing::Voter).map(|(member, _)| member)
    }

    /// More than half of the voters.
    pub(crate) fn majority(&self) -> usize {
        self.voters().count() / 2 + 1
    }

    /// With another learner; who was removed gets its old index.
    pub(crate) fn add(&self, id: &str, address: SocketAddr) -> Result<Self, String> {
        let mut after = self.clone();
        let learner = Entry { id: id.to_owned(), address: Some(address), standing: Standing::Learner };
        match self.index(id) {
            Some(member) if self.standing(member) != Standing::Removed => {
                return Err(format!("{id} is a {} already", self.standing(member).word()));
            }
            Some(member) => after.entries[usize::from(member.0)] = learner,
            None => after.entries.push(learner),
        }
        if self.present().count() >= MAX_MEMBERS {
            return Err(format!("a cluster has at most {MAX_MEMBERS} members; remove one first"));
        }
        if after.entries.len() > MAX_SLOTS {
            return Err(format!(
                "a cluster has at most {MAX_SLOTS} members in its life; add one again that was removed"
            ));
        }
        Ok(after)
    }

    /// With a learner that becomes a voter.
    pub(crate) fn promote(&self, id: &str) -> Result<Self, String> {
        match self.index(id).map(|member| (member, self.standing(member))) {
            Some((member, Standing::Learner)) => Ok(self.with(member, Standing::Voter)),
            Some((_, Standing::Voter)) => Err(format!("{id} is a voter already")),
            _ => Err(format!("{id} is no member; MEMBER ADD it first")),
        }
    }

    /// Without that member.
    pub(crate) fn remove(&self, id: &str) -> Result<Self, String> {
        match self.index(id).filter(|&member| self.standing(member) != Standing::Removed) {
            Some(member) => Ok(self.with(member, Standing::Removed)),
            None => Err(format!("{id} is no member")),
        }
    }

    fn with(&self, member: Member, standing: Standing) -> Self {
        let mut after = self.clone();
        after.entries[usize::from(member.0)].standing = standing;
        after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_keeps_its_index_through_all_changes() {
        let address = "127.0.0.1:1".parse().unwrap();
        let list = Membership::founded(["n1", "n2", "n3"].map(String::from));
        assert_eq!((list.majority(), list.promote("n4").is_err(), list.add("n2", address).is_err()), (2, true, true));
        let list = list.add("n4", address).unwrap();
        assert_eq!((list.majority(), list.standing(Member(3))), (2, Standing::Learner), "learners do not count");
        let list = list.promote("n4").unwrap();
        assert_eq!((list.majority(), list.is_voter(Member(3))), (3, true));
        let list = list.remove("n2").unwrap().remove("n4").unwrap();
        assert_eq!((list.majority(), list.present().collect::<Vec<_>>()), (2, vec![Member(0), Member(2)]));
        assert!(list.remove("n2").is_err());
        let list = list.add("n5", address).unwrap().add("n4", address).unwrap();
        assert_eq!((list.index("n4"), list.index("n5")), (Some(Member(3)), Some(Member(4))));
        assert_eq!(list.founders(), ["n1", "n2", "n3"]);
        assert_eq!(list.id(Member(99)), "?");
    }

    #[test]
    fn a_list_that_a_later_leader_undid_is_older_however_long_its_log_was() {
        let listed =
            |epoch, changed_lsn| Listed { members: Membership { changed_lsn, ..Membership::default() }, epoch };
        assert!(listed(2, 50).version() < listed(3, 30).version());
        assert!(listed(3, 30).version() < listed(3, 31).version());
    }
}
