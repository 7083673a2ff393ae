//! What the harness launches and tests: the seam behind which a system's own commands, protocol and status live.
//!
//! A system says how; the harness decides when. Nothing here starts a process or injects a fault.

mod clocks;
mod committed_log;
mod damage;
mod drift;
mod members;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use futures::future::BoxFuture;
use interregnum_workloads::client::Client;

use crate::node_id::NodeId;
use crate::process::CommandLine;
pub use clocks::{Clocks, Reading, Skew};
pub use committed_log::{Account, CommittedLog, GivenUp, Listener, RecordId};
pub use damage::Damage;
pub use drift::Drift;
pub use members::{Members, Standing};

/// A leader–follower system.
pub trait System: Send + Sync {
    /// The name in flags and reports.
    fn name(&self) -> &'static str;

    /// How many nodes its cluster has.
    fn nodes(&self) -> usize;

    /// The flags of `interregnum run` that describe this cluster, with their values, for the command that reproduces a
    /// run.
    fn flags(&self) -> Vec<(&'static str, String)>;

    /// The commands that make up one node. There may be several (a database and the agent that watches over it); they
    /// are started in this order and killed together. Configuration files are written here, into the node's directory.
    fn commands(&self, place: &Place) -> io::Result<Vec<CommandLine>>;

    /// The commands of the same node in the system's other version: the next one, say, or the same with other flags. An error that
    /// says how to give one, if there is none.
    fn upgraded_commands(&self, _place: &Place) -> io::Result<Vec<CommandLine>> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "it has no other version"))
    }

    /// Commands of processes beside the nodes that are no part of any of them: a supervisor, say. They are started after the nodes,
    /// reach the nodes directly or as clients do, and no fault strikes them.
    fn helpers(&self, _places: &[&Place], _reaches: &[Reach]) -> io::Result<Vec<CommandLine>> {
        Ok(Vec::new())
    }

    /// What the node believes, asked directly and not through the network under test. An error means: not ready, or not
    /// there.
    fn status<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, io::Result<Status>>;

    /// A client that follows the leader as this system's clients do. `index` counts the clients, so that they can start
    /// at different nodes.
    fn client(&self, reaches: &[Reach], index: usize) -> Box<dyn Client>;

    /// A client that reads what this one node has, however stale, directly.
    fn local_reader(&self, place: &Place) -> Box<dyn Client>;

    /// Asks this node to hand leadership over to another, and waits until it has; what it told. An error if the system cannot, or
    /// would not.
    fn switch_over<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, io::Result<String>> {
        let unsupported =
            io::Error::new(io::ErrorKind::Unsupported, format!("{} has no planned switchover", place.node));
        Box::pin(std::future::ready(Err(unsupported)))
    }

    /// Makes this node the leader by an operator's order, whoever leads; what it told. An error if the system cannot, or would not.
    fn promote<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, io::Result<String>> {
        let unsupported = format!("{} cannot be promoted by hand", place.node);
        Box::pin(std::future::ready(Err(io::Error::new(io::ErrorKind::Unsupported, unsupported))))
    }

    /// How its replicas are made to differ, compared and mended, if they can be.
    fn drift(&self) -> Option<&dyn Drift> {
        None
    }

    /// How its nodes tell their committed log, if they do. `None` too where the configuration does not promise that what is committed
    /// stays so.
    fn committed_log(&self) -> Option<&dyn CommittedLog> {
        None
    }

    /// Which damage to its files it finds, and what a node does then, if it finds any.
    fn damage(&self) -> Option<&dyn Damage> {
        None
    }

    /// How its nodes' clocks are made wrong, each for itself, if they can be.
    fn clocks(&self) -> Option<&dyn Clocks> {
        None
    }

    /// How nodes are taken into a running cluster and let go, if they can be.
    fn members(&self) -> Option<&dyn Members> {
        None
    }

    /// Named places in the system's code at which a node can be made to stop itself, if it has such, see
    /// [`Place::pause_points`].
    fn pause_points(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Files in the node's directory that explain a run afterwards (records given up in a rewind, say), as paths
    /// relative to it. Those that exist are kept with the run.
    fn evidence(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

/// Where one node lives.
#[derive(Clone, Debug)]
pub struct Place {
    /// Which node.
    pub node: NodeId,
    /// Its directory; it exists, and it survives the node's restarts.
    pub directory: PathBuf,
    /// Where it is to listen for clients.
    pub clients: SocketAddr,
    /// Where it is to listen for the other nodes.
    pub peers: SocketAddr,
    /// The address at which this node reaches each other one: a link of the network under test.
    pub reaches: BTreeMap<NodeId, SocketAddr>,
    /// Where this node reaches the fence device, which switches other nodes off: a link of the network under test, too.
    pub fence_device: SocketAddr,
    /// For the node's own random choices.
    pub seed: u64,
    /// What the nodes and the harness tell each other of pause points, if a step waits for one: a directory that they share.
    pub pause_points: Option<PathBuf>,
}

/// How clients reach one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Which node.
    pub node: NodeId,
    /// Through the network under test.
    pub through: SocketAddr,
    /// The address that the system itself knows the node by, and tells in redirects.
    pub advertised: SocketAddr,
}

/// What a node believes of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its part.
    pub role: Role,
    /// The leadership number it is in.
    pub epoch: u64,
    /// Whom it takes for the leader.
    pub leader: Option<NodeId>,
    /// The position of its last log record.
    pub last_lsn: u64,
    /// Of a leader: how far its followers are behind, where the system tells.
    pub lags: BTreeMap<NodeId, Lag>,
    /// Where the system tells its committed log: what can be held against what it tells of that.
    pub account: Option<Account>,
}

/// How far a follower is behind its leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// How many records it does not have yet.
    pub records: u64,
    /// For how long it has not had the first of them, in milliseconds.
    pub ms: u64,
}

impl Status {
    /// How many records the follower that is furthest behind does not have yet.
    #[must_use]
    pub fn lag_records(&self) -> Option<u64> {
        self.lags.values().map(|lag| lag.records).max()
    }
}

/// The part a node plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes writes.
    Leader,
    /// Applies the leader's log.
    Follower,
    /// Asks for votes.
    Candidate,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Candidate => "candidate",
        })
    }
}
