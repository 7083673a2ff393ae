//! A running cluster: its nodes' processes, its network, its guardian. It does what it is told; why is decided elsewhere.

mod clock;
mod disks;
mod disturbed;
mod evidence;
mod members;
mod pause;
mod power;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures::future::join_all;
use interregnum_workloads::seed::Seed;
use nix::sys::signal::Signal;
use rand::Rng;
use tokio::net::TcpListener;

use crate::fencing;
use crate::network::address::Claim;
use crate::network::{Endpoint, Network};
use crate::node_id::NodeId;
use crate::process::guardian::Guardian;
use crate::process::{CommandLine, Process, describe_exit};
use crate::system::{Place, Reach, Role, Skew, Status, System};
pub(crate) use clock::Compared;
use disks::Disks;
pub(crate) use disks::WantedDisks;
pub(crate) use pause::{Held, Pause};

/// How long a signal may take to show in the kernel. It takes microseconds; only a machine in deep trouble needs more,
/// and there a run would mean nothing.
pub(crate) const SIGNAL_LIMIT: Duration = Duration::from_secs(10);

/// The nodes of one system and everything they need. When it is dropped, whatever way, nothing of it is left.
pub(crate) struct Cluster {
    system: Arc<dyn System>,
    network: Network,
    nodes: BTreeMap<NodeId, Running>,
    /// Processes beside the nodes; no fault strikes them.
    helpers: Vec<Process>,
    disks: Disks,
    guardian: Arc<Guardian>,
    /// Where the fence device is asked to switch nodes off, until somebody listens there.
    fence_device: Option<TcpListener>,
    /// Held so that the address stays ours.
    _claim: Claim,
    logs: PathBuf,
}

/// One node: where it lives and what runs there.
struct Running {
    place: Arc<Place>,
    processes: Vec<Process>,
    /// How often it has been started.
    starts: u64,
    /// How many pauses apply.
    pauses: u32,
    /// How many faults keep it down.
    downs: u32,
    /// Whether it is to run the system's other version.
    is_upgraded: bool,
    /// Whether it is to give up what it has when it is started the next time.
    is_to_rebuild: bool,
    /// How wrong its clock is made to be.
    skew: Skew,
    /// Whether it was asked to be no member any more, and has not surely become one again.
    is_dismissed: bool,
}

impl Running {
    /// A node that has not been started.
    fn at(place: Place) -> Self {
        let place = Arc::new(place);
        Self {
            place,
            processes: Vec::new(),
            starts: 0,
            pauses: 0,
            downs: 0,
            is_upgraded: false,
            is_to_rebuild: false,
            skew: Skew::default(),
            is_dismissed: false,
        }
    }

    fn commands(&self, system: &dyn System) -> anyhow::Result<Vec<CommandLine>> {
        let commands = match system.damage() {
            Some(damage) if self.is_to_rebuild => damage.rebuild_commands(&self.place),
            _ if self.is_upgraded => system.upgraded_commands(&self.place),
            _ => system.commands(&self.place),
        };
        commands.with_context(|| format!("configuring {}", self.place.node))
    }
}

impl Cluster {
    /// Starts every node. Their logs go to `logs`; everything else they write goes to a scratch directory that does not
    /// outlive the cluster. Bytes between nodes are under way for `delay`. Where a step waits for a pause point the nodes are told
    /// where to look for such.
    pub(crate) async fn launch(
        system: Arc<dyn System>,
        seed: Seed,
        delay: Duration,
        has_pause_points: bool,
        wanted: WantedDisks,
        logs: &Path,
    ) -> anyhow::Result<Self> {
        let claim = Claim::any(system.nodes()).context("claiming a loopback address for the cluster")?;
        let scratch =
            tempfile::Builder::new().prefix("interregnum-").tempdir().context("making a scratch directory")?;
        let guardian = Guardian::post(scratch.path(), claim.listener()).context("starting the cluster's guardian")?;
        // From here on the guardian removes it.
        let scratch = scratch.keep();

        let ids: Vec<_> = (0..system.nodes()).map(NodeId).collect();
        let listens = ids.iter().map(|id| (*id, claim.listens(*id))).collect();
        let mut network =
            Network::connect(claim.ip(), &listens, delay).await.context("opening the links between nodes")?;
        let fence_device = TcpListener::bind(fencing::device_address(claim.ip())).await;
        let fence_device = fence_device.context("opening the fence device's port")?;
        network.reach_fence_device(fencing::device_address(claim.ip())).await.context("opening the links to it")?;
        let pause_points = has_pause_points.then(|| scratch.join("pause-points"));
        if let Some(shared) = &pause_points {
            fs::create_dir(shared).with_context(|| format!("making {}", shared.display()))?;
        }
        let mut seeds = seed.stream("nodes");
        let mut nodes = BTreeMap::new();
        for node in &ids {
            let directory = scratch.join(node.to_string());
            fs::create_dir(&directory).with_context(|| format!("making {}", directory.display()))?;
            let others = ids.iter().filter(|other| *other != node);
            let reaches =
                others.map(|other| (*other, network.address(Endpoint::Node(*node), Endpoint::Node(*other)))).collect();
            let listens = listens[node];
            let place = Place {
                node: *node,
                directory,
                clients: listens.clients,
                peers: listens.peers,
                reaches,
                fence_device: network.address(Endpoint::Node(*node), Endpoint::FenceDevice),
                seed: seeds.next_u64(),
                pause_points: pause_points.clone(),
            };
            nodes.insert(*node, Running::at(place));
        }
        let guardian = Arc::new(guardian);
        let disks = Disks::mount(wanted, &nodes, &scratch)?;
        let mut cluster = Self {
            system,
            network,
            nodes,
            helpers: Vec::new(),
            disks,
            guardian,
            fence_device: Some(fence_device),
            _claim: claim,
            logs: logs.to_owned(),
        };
        for node in ids {
            cluster.start(node)?;
        }
        cluster.start_helpers(&scratch)?;
        Ok(cluster)
    }

    /// Where the fence device is asked; once.
    pub(crate) fn take_fence_device(&mut self) -> Option<TcpListener> {
        self.fence_device.take()
    }

    fn start_helpers(&mut self, directory: &Path) -> anyhow::Result<()> {
        let places: Vec<&Place> = self.nodes.values().map(|running| &*running.place).collect();
        let commands =
            self.system.helpers(&places, &self.reaches()).context("configuring what runs beside the nodes")?;
        for (index, command) in commands.iter().enumerate() {
            let log = self.logs.join(format!("helper{}.log", index + 1));
            let process = Process::start(command, directory, &log, &self.guardian)
                .with_context(|| format!("starting {} beside the nodes", command.program.display()))?;
            self.helpers.push(process);
        }
        Ok(())
    }

    /// Whether a node is started from the system's other version from now on.
    pub(crate) fn set_upgraded(&mut self, node: NodeId, is_upgraded: bool) {
        self.running_mut(node).is_upgraded = is_upgraded;
    }

    /// Whether it is.
    pub(crate) fn is_upgraded(&self, node: NodeId) -> bool {
        self.running(node).is_upgraded
    }

    /// The command lines of a node's processes, as the kernel has them: a null character behind each word.
    pub(crate) fn command_lines(&self, node: NodeId) -> Vec<OsString> {
        let line = |process: &Process| process.command_line().unwrap_or_default();
        self.running(node).processes.iter().map(line).collect()
    }

    /// The same, as they would be if the node were started now.
    pub(crate) fn planned_command_lines(&self, node: NodeId) -> anyhow::Result<Vec<OsString>> {
        let commands = self.running(node).commands(&*self.system)?;
        Ok(commands.iter().map(CommandLine::in_kernel).collect())
    }

    /// Where a node lives.
    pub(crate) fn place(&self, node: NodeId) -> &Place {
        &self.running(node).place
    }

    /// Asks a node to hand leadership over; what it answers.
    pub(crate) async fn switch_over(&self, node: NodeId) -> io::Result<String> {
        self.system.switch_over(&self.running(node).place).await
    }

    /// Orders a node to lead; what it answers.
    pub(crate) async fn promote(&self, node: NodeId) -> io::Result<String> {
        self.system.promote(&self.running(node).place).await
    }

    /// Whether all of the node's processes live, paused or not.
    pub(crate) fn is_alive(&self, node: NodeId) -> bool {
        self.running(node).processes.iter().all(Process::is_alive)
    }

    /// Whether the node lives and is not paused.
    pub(crate) fn runs(&self, node: NodeId) -> bool {
        self.is_alive(node) && self.running(node).pauses == 0
    }

    /// The nodes that ended although nobody killed them, with how they ended. Call it while no kill is in force.
    pub(crate) fn died(&self) -> Vec<String> {
        let ended = |(node, running): (&NodeId, &Running)| {
            let status = running.processes.iter().find_map(Process::exit_status)?;
            Some(format!("{node} ended with {}", describe_exit(status)))
        };
        self.nodes.iter().filter_map(ended).collect()
    }

    /// What every node that can be asked believes.
    pub(crate) async fn statuses(&self) -> BTreeMap<NodeId, Status> {
        let asked = self.nodes().into_iter().map(|node| async move { Some((node, self.status(node).await?)) });
        join_all(asked).await.into_iter().flatten().collect()
    }

    /// What one node believes; `None` if it cannot be asked.
    pub(crate) async fn status(&self, node: NodeId) -> Option<Status> {
        if !self.runs(node) {
            return None;
        }
        self.system.status(&self.running(node).place).await.ok()
    }

    /// All nodes.
    pub(crate) fn nodes(&self) -> BTreeSet<NodeId> {
        self.nodes.keys().copied().collect()
    }

    /// Where every node lives.
    pub(crate) fn places(&self) -> Vec<Arc<Place>> {
        self.nodes.values().map(|running| Arc::clone(&running.place)).collect()
    }

    /// Where a node's processes print.
    pub(crate) fn log_of(&self, node: NodeId) -> PathBuf {
        self.logs.join(format!("{node}.log"))
    }

    /// The same of all nodes.
    pub(crate) fn logs(&self) -> Vec<PathBuf> {
        self.nodes.keys().map(|node| self.log_of(*node)).collect()
    }

    /// How clients reach the nodes.
    pub(crate) fn reaches(&self) -> Vec<Reach> {
        let reach = |place: Arc<Place>| Reach {
            node: place.node,
            through: self.network.address(Endpoint::Clients, Endpoint::Node(place.node)),
            advertised: place.clients,
        };
        self.places().into_iter().map(reach).collect()
    }

    /// The system that runs here.
    pub(crate) fn system(&self) -> &Arc<dyn System> {
        &self.system
    }

    /// The network it runs on.
    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    /// Ends every process and removes the scratch directory.
    pub(crate) async fn take_down(mut self) -> anyhow::Result<()> {
        for helper in &self.helpers {
            helper.signal(Signal::SIGKILL).context("killing a process beside the nodes")?;
        }
        let nodes: Vec<_> = self.nodes().into_iter().collect();
        self.kill(&nodes).await?;
        let guardian = Arc::clone(&self.guardian);
        tokio::task::spawn_blocking(move || guardian.dismiss()).await?.context("taking the cluster down")
    }

    fn running(&self, node: NodeId) -> &Running {
        &self.nodes[&node]
    }

    fn running_mut(&mut self, node: NodeId) -> &mut Running {
        self.nodes.get_mut(&node).expect("targets are nodes of the cluster")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Processes hold the guardian too, so it has to be dismissed by name. Errors were told by `take_down`, or
        // something worse is being told already.
        let _ = self.guardian.dismiss();
    }
}

/// The one leader that all nodes follow in one epoch, if that is what the statuses say.
pub(crate) fn agreed_leader(statuses: &BTreeMap<NodeId, Status>, nodes: usize) -> Option<NodeId> {
    let mut leaders = statuses.iter().filter(|(_, status)| status.role == Role::Leader);
    let (leader, leading) = leaders.next()?;
    let agreed = statuses.values().all(|status| status.epoch == leading.epoch && status.leader == Some(*leader));
    (leaders.next().is_none() && agreed && statuses.len() == nodes).then_some(*leader)
}
