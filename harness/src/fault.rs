//! A fault: what is done to which nodes, verified in effect, and undone.
//!
//! A fault that was injected but had no effect would make a run pass without having tested anything, so each kind says
//! how its effect shows: a killed process is reaped, a paused one is in state `T` in the kernel, a partition has held
//! bytes back and let none through.

mod kill;
mod partition;
mod pause;
mod stop;
mod switchover;

use std::fmt;
use std::str::FromStr;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::cluster::{Cluster, Pause};
use crate::network::{Direction, Traffic};
use crate::node_id::NodeId;
pub use partition::Shape;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The node's processes get SIGKILL, and what its links had under way is lost, as when a host dies. Undone by a
    /// restart.
    Kill,
    /// The node's processes get SIGTERM and end by themselves, as before an upgrade. Undone by a restart.
    Stop,
    /// The node is asked to hand leadership over, as before maintenance. There is nothing to undo.
    Switchover,
    /// The node's processes are stopped with SIGSTOP, as a long garbage collection or a frozen virtual machine does.
    /// Undone by SIGCONT.
    Pause,
    /// Bytes between nodes are held back. Clients still reach every node. Undone by letting them through, late.
    Partition(Shape),
}

/// Every fault that flags and schedules can name.
pub const ALL_FAULTS: [Fault; 9] = [
    Fault::Kill,
    Fault::Stop,
    Fault::Switchover,
    Fault::Pause,
    Fault::Partition(Shape::Isolate),
    Fault::Partition(Shape::Halves),
    Fault::Partition(Shape::Inbound),
    Fault::Partition(Shape::Outbound),
    Fault::Partition(Shape::Bridge),
];

/// Whether a fault did what it was injected for, and how that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Effect {
    /// Only a verified fault counts.
    pub verified: bool,
    /// What the kernel, or the network, showed.
    pub evidence: String,
}

/// A fault in force.
#[derive(Debug)]
pub(crate) struct Injected {
    pub fault: Fault,
    pub targets: Vec<NodeId>,
    undo: Undo,
}

/// What has to be done to end it, with what is known of its effect so far.
#[derive(Debug)]
enum Undo {
    Nothing {
        effect: Effect,
    },
    Restart {
        effect: Effect,
    },
    Resume {
        pauses: Vec<Pause>,
        effect: Effect,
    },
    /// The directions that are cut, with their traffic at that moment.
    Restore {
        cut: Vec<(Direction, Traffic)>,
    },
}

impl Fault {
    /// The fault and whom it strikes, as reports tell it: `isolate n1+n2`.
    pub(crate) fn striking(self, nodes: &[NodeId]) -> String {
        let nodes: Vec<_> = nodes.iter().map(NodeId::to_string).collect();
        format!("{self} {}", nodes.join("+"))
    }

    /// Whether `node` can suffer this fault now: what is dead can't be paused.
    pub(crate) fn applies_to(self, cluster: &Cluster, node: NodeId) -> bool {
        match self {
            Self::Kill => cluster.is_alive(node),
            Self::Stop | Self::Switchover | Self::Pause => cluster.runs(node),
            Self::Partition(_) => true,
        }
    }

    /// Injects the fault on all `targets`. `rng` draws what the targets leave open (which half the others are in, say);
    /// `leader` is who leads now, if anybody does.
    pub(crate) async fn inject(
        self,
        cluster: &mut Cluster,
        targets: Vec<NodeId>,
        leader: Option<NodeId>,
        rng: &mut ChaCha8Rng,
    ) -> anyhow::Result<Injected> {
        let undo = match self {
            Self::Kill => Undo::Restart { effect: kill::inject(cluster, &targets).await? },
            Self::Stop => Undo::Restart { effect: stop::inject(cluster, &targets).await? },
            Self::Switchover => Undo::Nothing { effect: switchover::inject(cluster, &targets).await },
            Self::Pause => {
                let (pauses, effect) = pause::inject(cluster, &targets).await?;
                Undo::Resume { pauses, effect }
            }
            Self::Partition(shape) => Undo::Restore { cut: partition::inject(cluster, shape, &targets, leader, rng) },
        };
        Ok(Injected { fault: self, targets, undo })
    }
}

impl Injected {
    /// What exactly is in force, where that is more than the fault's name and targets.
    pub(crate) fn detail(&self) -> String {
        match &self.undo {
            Undo::Nothing { effect } | Undo::Restart { effect } | Undo::Resume { effect, .. } => {
                effect.evidence.clone()
            }
            Undo::Restore { cut } => {
                let directions: Vec<_> = cut.iter().map(|(direction, _)| direction.to_string()).collect();
                format!("cut {}", directions.join(" "))
            }
        }
    }

    /// Ends the fault, and tells whether it had its effect.
    pub(crate) async fn undo(self, cluster: &mut Cluster) -> anyhow::Result<Effect> {
        match self.undo {
            Undo::Nothing { effect } => Ok(effect),
            Undo::Restart { effect } => {
                kill::undo(cluster, &self.targets)?;
                Ok(effect)
            }
            Undo::Resume { pauses, effect } => {
                pause::undo(cluster, &pauses).await?;
                Ok(effect)
            }
            Undo::Restore { cut } => Ok(partition::undo(cluster, &cut)),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::Switchover => "switchover",
            Self::Pause => "pause",
            Self::Partition(Shape::Isolate) => "isolate",
            Self::Partition(Shape::Halves) => "halves",
            Self::Partition(Shape::Inbound) => "inbound",
            Self::Partition(Shape::Outbound) => "outbound",
            Self::Partition(Shape::Bridge) => "bridge",
        })
    }
}

/// A word that names no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no fault; choose from: {}", ALL_FAULTS.map(|fault| fault.to_string()).join(", "))]
pub struct UnknownFault {
    word: String,
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(word: &str) -> Result<Self, UnknownFault> {
        let named = ALL_FAULTS.into_iter().find(|fault| fault.to_string() == word);
        named.ok_or_else(|| UnknownFault { word: word.to_owned() })
    }
}

impl Serialize for Fault {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
