//! A fault: what is done to which nodes, verified in effect, and undone.
//!
//! A fault that was injected but had no effect would make a run pass without having tested anything, so each kind says
//! how its effect shows: a killed process is reaped, a paused one is in state `T` in the kernel, a partition has held
//! bytes back and let none through.
//!
//! Not here: how faults are written (`fault/word.rs`).

mod bit_flip;
mod budget;
mod clock;
mod corrupt;
mod crash_loop;
mod disk_trouble;
mod drift;
mod flapping;
mod half_open;
mod injected;
mod kill;
mod links;
mod partition;
mod pause;
mod pause_thread;
mod power_failure;
mod remove_member;
mod reset;
mod rolling_restart;
mod shape;
mod slow_close;
mod slow_link;
mod slow_process;
mod stop;
mod switchover;
mod upgrade;
mod word;

use std::time::Duration;

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

use crate::cluster::Cluster;
use crate::disk::Ailment;
pub use crate::disk::IoCall;
use crate::network::Direction;
use crate::node_id::NodeId;
use crate::system::Skew;
use crate::target::Target;
pub use budget::FaultBudget;
pub(crate) use budget::{Toll, faulty};
use injected::Force;
pub(crate) use injected::{Effect, Injected};
pub use pause_thread::ThreadName;
pub use shape::Shape;
pub use word::{ALL_FAULTS, UnknownFault};

/// A kind of fault, with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The node's processes get SIGKILL, and what its links had under way is lost, as when a host dies. Undone by a
    /// restart.
    Kill,
    /// Every node is killed at the same moment, as when the power fails. Undone by restarts.
    KillAll,
    /// The node is killed and started at once, and killed again as soon as it answers: so many times, after which it stays
    /// down, as with a supervisor of services that gives up. Undone by a restart.
    CrashLoop {
        /// How often it is killed.
        times: u64,
    },
    /// The node's processes get SIGTERM and end by themselves, as before an upgrade. Undone by a restart.
    Stop,
    /// The targets are stopped with SIGTERM and started again, one after the other; each waits until the one before it follows
    /// a leader again. There is nothing to undo.
    RollingRestart,
    /// The node is stopped with SIGTERM and started from the system's other version, see
    /// [`System::upgraded_commands`](crate::system::System::upgraded_commands). Undone by the way back.
    Upgrade,
    /// The node is asked to hand leadership over, as before maintenance. There is nothing to undo.
    Switchover,
    /// A follower is made leader by an operator's order, whoever leads. There is nothing to undo.
    Promote,
    /// The leader is asked to let a member go, which runs on; writes go on without it. Who leads hands over first. Undone by the
    /// leader's taking it in again, first to learn and then to vote, which takes a majority: until that is there, the fault stays.
    RemoveMember,
    /// The node's processes are stopped with SIGSTOP, as a long garbage collection or a frozen virtual machine does.
    /// Undone by SIGCONT.
    Pause,
    /// One thread of the node is stopped, and the others run. Undone by letting it go on.
    PauseThread {
        /// Which; `None`: one that is drawn.
        thread: Option<ThreadName>,
    },
    /// The node's processes are stopped and continued in turn, as on a host whose processors others use. Undone by SIGCONT.
    SlowProcess {
        /// How long they may run each time, in milliseconds.
        run_ms: u64,
        /// How long they are stopped each time, in milliseconds.
        stop_ms: u64,
    },
    /// The node's own clock, by which it waits and relies on leases, jumps; the host's does not. Undone by the jump the other way.
    ClockJump {
        /// By so many milliseconds; back, if it is negative: then it stands still for so long, as such clocks never go back.
        by_ms: i64,
    },
    /// The node's own clock runs too fast, or too slowly. Undone by the right rate; what it has gained or missed stays.
    ClockDrift {
        /// By so many millionths; slower, if it is negative.
        ppm: i64,
    },
    /// Bytes between nodes, or of clients, are held back. Undone by letting them through, late.
    Partition(Shape),
    /// A partition that is there for one period and not for the next, in turn.
    Flapping {
        /// What it cuts.
        shape: Shape,
        /// How long it stays and goes, in milliseconds.
        period_ms: u64,
    },
    /// Bytes between the targets and other nodes are under way for longer. Undone for those under way, too.
    SlowLink {
        /// How much longer, in milliseconds.
        delay_ms: u64,
        /// And up to so much longer, drawn for each piece, in milliseconds.
        jitter_ms: u64,
        /// How many bytes pass in a second in each direction; 0 is no limit.
        bytes_per_s: u64,
    },
    /// Every connection of the targets, of peers and of clients, is reset, again and again. There is nothing to undo.
    Reset {
        /// How long from one time to the next, in milliseconds.
        every_ms: u64,
    },
    /// The targets forget their connections with other nodes, which believe them to be open. Undone by telling the others.
    HalfOpen,
    /// Other nodes and clients are told that the targets are done sending, while the targets still hear them and do not know. Undone
    /// by a reset of the connections that are left so.
    HalfClose,
    /// The targets' connections are closed at their end, and other nodes and clients learn of that, and of every other end, late.
    /// Undone by telling them.
    SlowClose {
        /// How much later, in milliseconds.
        delay_ms: u64,
    },
    /// Bits of what the targets send to other nodes are changed. What has been changed stays so.
    Corrupt {
        /// A bit is changed in one of so many pieces that come together, on average.
        one_in: u64,
    },
    /// The node is killed, and everything is lost that it had not synced, as when the power of its host fails. Undone by a restart.
    PowerFailure {
        /// For how long before it the disk ends no sync, in milliseconds: else a sync takes microseconds, and hardly any is under way.
        stall_ms: u64,
        /// Whether a part of it survives: sectors that the disk had written, in an order of its own.
        torn: bool,
    },
    /// Every node is killed at the same moment, and each loses what it had not synced. Undone by restarts.
    PowerFailureAll {
        /// As above.
        stall_ms: u64,
        /// As above.
        torn: bool,
    },
    /// The targets' disks have no room, for whatever is written. Undone by room, and a start of who ended.
    DiskFull,
    /// Calls of the targets to their disks fail (EIO). What was not synced is lost with an fsync that fails. Undone by calls that work,
    /// and a restart: nobody else may believe that a disk which failed is sound.
    IoError {
        /// Which calls.
        on: IoCall,
    },
    /// An fsync of the targets takes longer.
    SlowFsync {
        /// How much longer, in milliseconds.
        delay_ms: u64,
    },
    /// The node is killed, a bit is flipped in a file of its that it checks (see [`Damage`](crate::system::Damage)), and it is started. If
    /// it refuses, as it should, it is rebuilt from the others.
    BitFlip,
    /// A row that the targets store is changed behind the back of replication, see [`Drift`](crate::system::Drift). Undone by a repair.
    Drift,
}

/// For how long before a power failure no sync ends, as usual, in milliseconds.
pub(crate) const STALL_MS: u64 = 50;

/// How often a fault that waits for something looks whether it has come.
const LOOK: Duration = Duration::from_millis(10);

/// A fault that is about to be injected.
pub(crate) struct Strike {
    fault: Fault,
    targets: Vec<NodeId>,
    /// The directions of the network that it is about, if it is about any.
    directions: Vec<Direction>,
}

/// `n1+n3`
fn names(nodes: &[NodeId]) -> String {
    nodes.iter().map(NodeId::to_string).collect::<Vec<_>>().join("+")
}

impl Fault {
    /// The fault and whom it strikes, as reports tell it: `isolate n1+n2`.
    pub(crate) fn striking(self, nodes: &[NodeId]) -> String {
        format!("{self} {}", names(nodes))
    }

    /// On whom it strikes unless it is told: only a leader can hand leadership over. `None`: that is drawn.
    pub(crate) fn usual_target(self) -> Option<Target> {
        match self {
            Self::KillAll | Self::PowerFailureAll { .. } | Self::RollingRestart | Self::Partition(Shape::Ring) => {
                Some(Target::All)
            }
            Self::Switchover => Some(Target::Leader),
            Self::Promote => Some(Target::MostUpToDate),
            Self::Drift => Some(Target::Followers),
            Self::BitFlip | Self::RemoveMember => Some(Target::Random(1)),
            _ => None,
        }
    }

    /// Whether it has had all of its effect once it was injected.
    pub(crate) fn is_over_at_once(self) -> bool {
        matches!(self, Self::Switchover | Self::Promote)
    }

    /// Whether nobody is served while it is in force, so that a run cannot be asked for that.
    pub(crate) fn stops_service(self) -> bool {
        matches!(self, Self::KillAll | Self::PowerFailureAll { .. })
    }

    /// Whether it needs disks that can fail.
    pub(crate) fn is_of_disks(self) -> bool {
        matches!(
            self,
            Self::PowerFailure { .. }
                | Self::PowerFailureAll { .. }
                | Self::DiskFull
                | Self::IoError { .. }
                | Self::SlowFsync { .. }
                | Self::BitFlip
        )
    }

    /// Whether `node` can suffer this fault now: what is dead can't be paused.
    pub(crate) fn applies_to(self, cluster: &Cluster, node: NodeId) -> bool {
        match self {
            Self::Kill
            | Self::KillAll
            | Self::CrashLoop { .. }
            | Self::PowerFailure { .. }
            | Self::PowerFailureAll { .. }
            | Self::BitFlip => cluster.is_alive(node),
            Self::Stop
            | Self::RollingRestart
            | Self::Switchover
            | Self::Promote
            | Self::Pause
            | Self::SlowProcess { .. }
            | Self::DiskFull
            | Self::IoError { .. }
            | Self::SlowFsync { .. }
            | Self::ClockJump { .. }
            | Self::ClockDrift { .. }
            | Self::Drift => cluster.runs(node),
            Self::RemoveMember => !cluster.is_dismissed(node),
            Self::PauseThread { thread } => pause_thread::applies_to(cluster, node, thread),
            Self::Upgrade => cluster.runs(node) && !cluster.is_upgraded(node),
            // The network is there whoever runs.
            _ => true,
        }
    }

    /// Why this system cannot suffer the fault at all, if it cannot.
    pub(crate) fn obstacle(self, cluster: &Cluster) -> Option<String> {
        match self {
            Self::Upgrade => upgrade::obstacle(cluster),
            Self::Drift => drift::obstacle(cluster),
            Self::ClockJump { .. } | Self::ClockDrift { .. } => clock::obstacle(cluster),
            Self::RemoveMember => remove_member::obstacle(cluster),
            Self::PauseThread { .. } => pause_thread::obstacle(),
            Self::BitFlip => cluster.disk_obstacle().or_else(|| bit_flip::obstacle(cluster)),
            _ if self.is_of_disks() => cluster.disk_obstacle(),
            _ => None,
        }
    }

    /// What injecting it on these targets will do. `rng` draws what the targets leave open (which half the others are in, say);
    /// `leader` is who leads now, if anybody does.
    pub(crate) fn strike(
        self,
        cluster: &Cluster,
        targets: Vec<NodeId>,
        leader: Option<NodeId>,
        rng: &mut ChaCha8Rng,
    ) -> Strike {
        let directions = match self {
            Self::Partition(shape) | Self::Flapping { shape, .. } => {
                shape::directions(shape, &targets, leader, &cluster.nodes(), rng)
            }
            Self::SlowLink { .. } | Self::Reset { .. } | Self::HalfOpen | Self::HalfClose | Self::SlowClose { .. } => {
                links::peers(cluster, &targets)
            }
            Self::Corrupt { .. } => links::outbound(cluster, &targets),
            _ => Vec::new(),
        };
        Strike { fault: self, targets, directions }
    }
}

impl Strike {
    /// What it takes away.
    pub(crate) fn toll(&self) -> Toll {
        let targets = || self.targets.iter().copied().collect();
        match self.fault {
            // Who can't have others switched off works as before.
            Fault::Partition(Shape::FenceSide)
            | Fault::Flapping { shape: Shape::FenceSide, .. }
            | Fault::Switchover
            | Fault::Promote
            | Fault::Drift => Toll::default(),
            Fault::RollingRestart => Toll { any: 1, ..Toll::default() },
            Fault::Partition(Shape::ClientSide) | Fault::Flapping { shape: Shape::ClientSide, .. } => {
                Toll { nodes: targets(), ..Toll::default() }
            }
            _ if self.directions.is_empty() => Toll { nodes: targets(), ..Toll::default() },
            _ => Toll { directions: self.directions.iter().copied().collect(), ..Toll::default() },
        }
    }

    /// Injects the fault. `rng` draws what it does while it is in force.
    pub(crate) async fn inject(self, cluster: &mut Cluster, rng: &mut ChaCha8Rng) -> anyhow::Result<Injected> {
        let toll = self.toll();
        let Self { fault, targets, directions } = self;
        let links = directions.clone();
        let force: Box<dyn Force> = match fault {
            Fault::Kill | Fault::KillAll => Box::new(kill::inject(cluster, &targets).await?),
            Fault::CrashLoop { times } => Box::new(crash_loop::inject(cluster, &targets, times).await?),
            Fault::Stop => Box::new(stop::inject(cluster, &targets).await?),
            Fault::RollingRestart => Box::new(rolling_restart::inject(&targets)),
            Fault::Upgrade => Box::new(upgrade::inject(cluster, &targets).await?),
            Fault::Switchover => Box::new(switchover::inject(cluster, &targets).await),
            Fault::Promote => Box::new(switchover::promote(cluster, &targets).await),
            Fault::RemoveMember => Box::new(remove_member::inject(cluster, &targets).await),
            Fault::Pause => Box::new(pause::inject(cluster, &targets).await?),
            Fault::PauseThread { thread } => Box::new(pause_thread::inject(cluster, &targets, thread, rng).await),
            Fault::SlowProcess { run_ms, stop_ms } => {
                Box::new(slow_process::inject(cluster, &targets, run_ms, stop_ms).await?)
            }
            Fault::Partition(_) => Box::new(partition::Cut::begin(cluster.network(), &directions)),
            Fault::Flapping { period_ms, .. } => Box::new(flapping::inject(cluster, directions, period_ms)),
            Fault::SlowLink { delay_ms, jitter_ms, bytes_per_s } => {
                Box::new(slow_link::inject(cluster, directions, [delay_ms, jitter_ms, bytes_per_s], rng))
            }
            Fault::ClockJump { by_ms } => {
                Box::new(clock::inject(cluster, &targets, Skew { ppm: 0, jump_ms: by_ms }).await?)
            }
            Fault::ClockDrift { ppm } => Box::new(clock::inject(cluster, &targets, Skew { ppm, jump_ms: 0 }).await?),
            Fault::Reset { every_ms } => Box::new(reset::inject(cluster, &targets, every_ms)),
            Fault::Drift => Box::new(drift::inject(cluster, &targets).await),
            Fault::PowerFailure { stall_ms, torn } | Fault::PowerFailureAll { stall_ms, torn } => {
                let torn = Some(rng.next_u64()).filter(|_| torn);
                Box::new(power_failure::inject(cluster, &targets, stall_ms, torn).await?)
            }
            Fault::DiskFull => Box::new(disk_trouble::inject(cluster, &targets, Ailment::Full)),
            Fault::IoError { on } => Box::new(disk_trouble::inject(cluster, &targets, Ailment::Failing(on))),
            Fault::SlowFsync { delay_ms } => {
                let slow = Ailment::SlowSync(Duration::from_millis(delay_ms));
                Box::new(disk_trouble::inject(cluster, &targets, slow))
            }
            Fault::BitFlip => Box::new(bit_flip::inject(cluster, &targets, rng.next_u64()).await?),
            Fault::HalfOpen => Box::new(half_open::inject(cluster, &targets)),
            Fault::HalfClose => Box::new(slow_close::half_close(cluster, &targets)),
            Fault::SlowClose { delay_ms } => Box::new(slow_close::slow_close(cluster, &targets, delay_ms)),
            Fault::Corrupt { one_in } => Box::new(corrupt::inject(cluster, directions, one_in, rng)),
        };
        Ok(Injected { fault, targets, toll, links, force })
    }
}

#[cfg(test)]
mod clock_tests;
#[cfg(test)]
mod undo_tests;
