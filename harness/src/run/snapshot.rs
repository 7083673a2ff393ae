//! How far a run is, for whoever watches it: published as it changes, never waited for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use crate::node_id::NodeId;
use crate::run::tally::Tally;
use crate::system::{Lag, Role};

/// The phases of a run, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    #[default]
    Setup,
    Load,
    Heal,
    Settle,
    Judge,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Setup => "setup",
            Self::Load => "load",
            Self::Heal => "heal",
            Self::Settle => "settle",
            Self::Judge => "judge",
        })
    }
}

/// Whether a node that was seen to lead in an epoch counts as another leader than the one counted last: who is behind does not.
pub(super) fn is_another_leader(last: Option<(NodeId, u64)>, seen: (NodeId, u64)) -> bool {
    last.is_none_or(|last| seen.1 >= last.1 && seen != last)
}

/// A fault in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FaultInForce {
    /// As `kill n1`.
    pub name: String,
    pub since: Instant,
}

/// A step that could not be done, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Skipped {
    pub step: usize,
    pub told: String,
}

/// What can be said of a run while it goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub phase: Phase,
    /// What the clients count; this does not stand still.
    pub tally: Arc<Tally>,
    /// Who leads, and in which epoch.
    pub leader: Option<(NodeId, u64)>,
    /// How many leaders have been seen: nodes in their epochs.
    pub leaders: u64,
    /// How far the followers are behind, by what the leader told last.
    pub lags: BTreeMap<NodeId, Lag>,
    /// What each node is, in which epoch; `None`: it cannot be asked.
    pub nodes: BTreeMap<NodeId, Option<(Role, u64)>>,
    pub faults: Vec<FaultInForce>,
    /// The step that could not be done last.
    pub skipped: Option<Skipped>,
    /// When the load began.
    pub load_began: Option<Instant>,
}
