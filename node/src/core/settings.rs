//! What a core is started with.
//!
//! Not here: the flags (`config`), and how the list of members changes (`members`).

use std::net::SocketAddr;

use crate::config::Modes;
use crate::defect::Defect;
use crate::membership::Membership;
use crate::record::Member;

/// What a node must know of itself and its cluster.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) id: String,
    /// The founders at first; then whatever the log says.
    pub(crate) members: Membership,
    pub(crate) modes: Modes,
    pub(crate) seed: u64,
    /// Another at each start of the node, however it ended: what was said to the one before is not taken for said to this one.
    pub(crate) incarnation: u64,
    /// Where this node serves clients, as told in redirects.
    pub(crate) address: SocketAddr,
}

impl Settings {
    /// This node's index in the present list: in one that is undone it may have had another.
    pub(crate) fn me(&self) -> Member {
        self.members.index(&self.id).unwrap_or(Member::NOBODY)
    }

    pub(crate) fn id(&self, member: Member) -> &str {
        self.members.id(member)
    }

    /// How many voters elect a leader.
    pub(crate) fn majority(&self) -> usize {
        let less = usize::from(self.has(Defect::HalfIsMajority));
        self.members.majority().saturating_sub(less).max(1)
    }

    /// Whether this bug was planted. Each is asked for at one place.
    pub(crate) fn has(&self, defect: Defect) -> bool {
        self.modes.defect == Some(defect)
    }

    /// The others that get the log.
    pub(crate) fn peers(&self) -> Vec<Member> {
        let me = self.me();
        self.members.present().filter(|&member| member != me).collect()
    }
}
