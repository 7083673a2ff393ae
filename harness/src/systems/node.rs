//! The reference system: a cluster of `interregnum node`, in any combination of its modes.

mod answer;
mod client;
mod clocks;
mod committed_log;
mod connection;
mod damage;
mod drift;
mod helpers;
mod info;
mod members;
mod retry;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use interregnum_node::{Ack, AckDurability, Election, Fencing, Fsync, LogKind, Modes, ReadMode, clock, pause_points};
use interregnum_workloads::client::Client;

use crate::fencing;
use crate::node_id::MAX_NODES;
use crate::process::CommandLine;
use crate::reentry;
use crate::system::{Clocks, CommittedLog, Damage, Drift, Members, Place, Reach, Status, System};
use client::NodeClient;
use connection::{order, within};
use info::Asker;
use retry::Retry;
pub use retry::RetryUnknown;

/// How long a node may take to tell its status. It answers within a millisecond; one that is paused never does.
const STATUS_LIMIT: Duration = Duration::from_millis(250);

/// A cluster of reference nodes. The defaults are the sound ones: linearizable, and nothing acknowledged is lost.
///
/// ```
/// use interregnum::prelude::*;
/// let sound = Node::cluster(3);
/// let unsound = Node::cluster(3).ack(Ack::Async).election(Election::Timeout).fencing(Fencing::None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    nodes: usize,
    modes: Modes,
    operation_timeout: Duration,
    retry: Retry,
    is_routed: bool,
    keeps_tokens: bool,
    other_version: Option<OtherVersion>,
    asker: Asker,
}

/// What the fault `upgrade` starts instead.
#[derive(Clone, Debug, PartialEq, Eq)]
struct OtherVersion {
    /// `None`: the program that is running.
    program: Option<PathBuf>,
    modes: Modes,
}

impl Node {
    /// A cluster of `nodes` nodes, from 1 to [`MAX_NODES`].
    ///
    /// Its log is forced to the disk at intervals, since what the kernel holds survives a kill, and a laptop's disk should not set the
    /// pace. Ask for [`Fsync::Always`] where the power may fail.
    #[must_use]
    pub fn cluster(nodes: usize) -> Self {
        assert!((1..=MAX_NODES).contains(&nodes), "a cluster has 1 to {MAX_NODES} nodes, not {nodes}");
        let modes = Modes::default();
        let (operation_timeout, retry) = (Duration::from_millis(500), Retry::default());
        let (is_routed, keeps_tokens, other_version) = (false, false, None);
        Self { nodes, modes, operation_timeout, retry, is_routed, keeps_tokens, other_version, asker: Asker::default() }
            .fsync(Fsync::Interval(1000))
    }

    /// When a write is acknowledged.
    #[must_use]
    pub fn ack(mut self, ack: Ack) -> Self {
        self.modes.acknowledgement.ack = ack;
        self
    }

    /// How a new leader is found.
    #[must_use]
    pub fn election(mut self, election: Election) -> Self {
        self.modes.failover.election = election;
        self
    }

    /// What keeps a deposed leader from doing harm.
    #[must_use]
    pub fn fencing(mut self, fencing: Fencing) -> Self {
        self.modes.failover.fencing = fencing;
        self
    }

    /// Where a read is answered.
    #[must_use]
    pub fn read(mut self, read: ReadMode) -> Self {
        self.modes.reads.read = read;
        self
    }

    /// When the log is forced to the disk.
    #[must_use]
    pub fn fsync(mut self, fsync: Fsync) -> Self {
        self.modes.acknowledgement.fsync = fsync;
        self
    }

    /// Any of a node's modes, in the words of its command line (`interregnum node --help`).
    ///
    /// ```
    /// use interregnum::prelude::*;
    /// let patient = Node::cluster(3).modes("--heartbeat-ms 100 --missed-heartbeats 10");
    /// ```
    #[must_use]
    pub fn modes(mut self, flags: &str) -> Self {
        self.modes = self.modes.with(flags).unwrap_or_else(|error| panic!("`{flags}`: {error}"));
        self
    }

    /// What a client does when it does not know whether its operation happened; nothing unless set. One that asks again is given
    /// a few times the usual time for each operation.
    #[must_use]
    pub fn retry_unknown(self, unknown: RetryUnknown) -> Self {
        Self { retry: Retry { unknown, ..self.retry }, ..self }
    }

    /// The longest that a client waits before it asks again: each time another part of it. None unless set.
    #[must_use]
    pub fn retry_pause(self, pause: Duration) -> Self {
        Self { retry: Retry { pause, ..self.retry }, ..self }
    }

    /// Lets each client keep the position of what it wrote or saw last, and read only where that has arrived (`WITH AFTER`): then it
    /// reads its own writes at followers, too.
    #[must_use]
    pub fn session_tokens(self) -> Self {
        Self { keeps_tokens: true, ..self }
    }

    /// Lets clients go through a router, which is started beside the nodes (`interregnum node route`): it holds what nobody can take
    /// during a failover, and clients wait for that in addition to their usual time.
    #[must_use]
    pub fn routed(self) -> Self {
        Self { is_routed: true, ..self }
    }

    /// What the fault [`upgrade`](crate::schedule::upgrade) starts: this `interregnum` program, or the running one if none is given,
    /// with these flags of a node beside those that the cluster has. Set it behind the cluster's own modes.
    #[must_use]
    pub fn upgraded_to(self, program: Option<PathBuf>, flags: &str) -> Self {
        let modes = self.modes.clone().with(flags).unwrap_or_else(|error| panic!("`{flags}`: {error}"));
        Self { other_version: Some(OtherVersion { program, modes }), ..self }
    }

    /// A cluster in these modes.
    pub(crate) fn in_modes(nodes: usize, modes: Modes) -> Self {
        Self { modes, ..Self::cluster(nodes) }
    }

    /// How long a client waits for one operation, its redirects included; 500 ms unless set. An operation that was sent
    /// and not answered by then has an unknown outcome.
    #[must_use]
    pub fn operation_timeout(self, operation_timeout: Duration) -> Self {
        Self { operation_timeout, ..self }
    }
}

/// Starts a node from this program, or from the running one, in these modes.
fn command(place: &Place, program: Option<&Path>, modes: &Modes) -> CommandLine {
    let mut arguments = vec![OsString::from(reentry::NODE)];
    let mut flag = |name: &str, value: OsString| arguments.extend([name.into(), value]);
    flag("--id", place.node.to_string().into());
    flag("--listen", place.clients.to_string().into());
    flag("--peer-listen", place.peers.to_string().into());
    for (peer, address) in &place.reaches {
        flag("--peer", format!("{peer}={address}").into());
    }
    flag("--data", place.directory.join("data").into());
    flag("--seed", place.seed.to_string().into());
    if modes.failover.election == Election::Coordinator {
        flag("--coordinator", helpers::coordinator(place).into());
    }
    for (name, value) in modes.flags() {
        flag(name, value.into());
    }
    if helpers::is_fenced_by_device(&modes.failover) {
        flag("--stonith-command", fencing::command(place.fence_device, &place.node.to_string()).into());
    }
    let mut environment = vec![(reentry::ROLE_VARIABLE.into(), reentry::NODE.into())];
    environment.push((clock::VARIABLE.into(), clocks::file(place).into()));
    environment.extend(place.pause_points.iter().map(|shared| (pause_points::VARIABLE.into(), shared.into())));
    let program = program.map_or(reentry::PROGRAM.into(), OsString::from);
    CommandLine { program, name: Some("interregnum".into()), arguments, environment }
}

/// Whether these modes promise that an epoch has one leader, and that a committed record stays; and whether records are told at all.
fn keeps_what_is_committed(modes: &Modes) -> bool {
    let Modes { acknowledgement, failover, storage, .. } = modes;
    matches!(acknowledgement.ack, Ack::Majority | Ack::All)
        && matches!(acknowledgement.ack_durability, AckDurability::Flushed | AckDurability::Applied)
        && (failover.election, failover.fencing) == (Election::Vote, Fencing::Epoch)
        && storage.log == LogKind::Logical
}

impl System for Node {
    fn name(&self) -> &'static str {
        "node"
    }

    fn nodes(&self) -> usize {
        self.nodes
    }

    fn flags(&self) -> Vec<(&'static str, String)> {
        let nodes = ("--nodes", self.nodes.to_string());
        std::iter::once(nodes).chain(self.modes.flags()).collect()
    }

    fn commands(&self, place: &Place) -> io::Result<Vec<CommandLine>> {
        Ok(vec![command(place, None, &self.modes)])
    }

    fn upgraded_commands(&self, place: &Place) -> io::Result<Vec<CommandLine>> {
        let Some(OtherVersion { program, modes }) = &self.other_version else {
            let how = "give another with --upgrade-to or --upgrade-flags, or with `Node::upgraded_to`";
            return Err(io::Error::new(io::ErrorKind::Unsupported, how));
        };
        Ok(vec![command(place, program.as_deref(), modes)])
    }

    fn helpers(&self, places: &[&Place], reaches: &[Reach]) -> io::Result<Vec<CommandLine>> {
        let mut commands = helpers::commands(&self.modes.failover, places)?;
        if self.is_routed {
            commands.push(helpers::router(&self.modes, reaches));
        }
        Ok(commands)
    }

    fn status<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, io::Result<Status>> {
        within(STATUS_LIMIT, self.asker.status(place.clients)).boxed()
    }

    fn switch_over<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, io::Result<String>> {
        order(place.clients, ["FAILOVER"]).boxed()
    }

    fn promote<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, io::Result<String>> {
        order(place.clients, ["PROMOTE", "FORCE"]).boxed()
    }

    fn drift(&self) -> Option<&dyn Drift> {
        self.modes.verification.allow_corruption.then_some(self)
    }

    fn committed_log(&self) -> Option<&dyn CommittedLog> {
        let upgraded = self.other_version.iter().map(|other| &other.modes);
        std::iter::once(&self.modes).chain(upgraded).all(keeps_what_is_committed).then_some(self)
    }

    fn damage(&self) -> Option<&dyn Damage> {
        Some(self)
    }

    fn clocks(&self) -> Option<&dyn Clocks> {
        Some(self)
    }

    fn members(&self) -> Option<&dyn Members> {
        Some(self)
    }

    fn client(&self, reaches: &[Reach], index: usize) -> Box<dyn Client> {
        let client = if self.is_routed {
            let limit = self.operation_timeout + helpers::ROUTER_HOLD;
            NodeClient::of_router(helpers::router_address(reaches), index, limit)
        } else {
            let reads_anywhere = self.modes.reads.read.is_anywhere();
            NodeClient::of_cluster(reaches, index, reads_anywhere, self.operation_timeout)
        };
        Box::new(client.retrying(self.retry).keeping_tokens(self.keeps_tokens))
    }

    fn local_reader(&self, place: &Place) -> Box<dyn Client> {
        let reach = Reach { node: place.node, through: place.clients, advertised: place.clients };
        Box::new(NodeClient::of_one_node(reach))
    }

    fn pause_points(&self) -> Vec<&'static str> {
        pause_points::names().to_vec()
    }

    fn evidence(&self) -> Vec<PathBuf> {
        vec![committed_log::REWOUND.into()]
    }
}
