//! What an operator can choose: where a node lives, and how it and its cluster behave.
//!
//! Not here: what a mode *does*. That is in `core`; the table of promises is in the crate's README.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

pub use acknowledgement::{Ack, AckDurability, Acknowledgement, Fsync, SemiSyncFallback, Visible};
pub use clients::Clients;
pub use coordination::{Coordination, Etcd};
pub use failover::{Election, Failover, Fencing};
pub use modes::{Flag, Modes};
pub(crate) use peer::MAX_MEMBERS;
pub use peer::Peer;
pub(crate) use peer::parse_id;
pub use preset::{Like, ModeFlags, explain};
pub use reads::{ReadMode, Reads};
pub use storage::{Engine, LogKind, Storage};
pub use verification::Verification;
pub use words::UnknownWord;
pub(crate) use words::flag_words;

mod acknowledgement;
mod clients;
mod coordination;
mod failover;
mod modes;
mod peer;
mod preset;
mod reads;
mod storage;
mod verification;
mod words;

/// One node of a cluster. The members of the cluster are its `--id` and all its `--peer`s.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// This node's id, unique in the cluster.
    #[arg(long, value_name = "ID", value_parser = parse_id)]
    pub id: String,

    /// Address to serve clients on (RESP, the Redis protocol). Port 0 picks a free port and logs it.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: SocketAddr,

    /// Address to receive the other members' messages on.
    #[arg(long, value_name = "ADDRESS")]
    pub peer_listen: SocketAddr,

    /// Another member and the address at which this node reaches it; repeat for each.
    #[arg(long = "peer", value_name = "ID=ADDRESS")]
    pub peers: Vec<Peer>,

    /// Wait to be added to a running cluster (`MEMBER ADD` at its leader) instead of founding one; the `--peer`s are only where others
    /// are reached.
    #[arg(long)]
    pub join: bool,

    /// Once, for a node whose log or snapshot is damaged: move them aside and get everything from the leader. Until that is done the
    /// node grants no vote.
    #[arg(long)]
    pub rebuild: bool,

    /// Directory of the log and everything else that must survive a restart; created if missing, used by one node at a time.
    #[arg(long, value_name = "DIRECTORY")]
    pub data: PathBuf,

    /// Client address told in redirects, where it differs from `--listen`.
    #[arg(long, value_name = "ADDRESS")]
    pub advertise: Option<SocketAddr>,

    /// Address to serve Prometheus' metrics on (HTTP, `GET /metrics`). Without it there are none.
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<SocketAddr>,

    /// Seed of the randomised election timeouts; derived from the id if not given.
    #[arg(long)]
    pub seed: Option<u64>,

    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would make it a help text; the group's type has one")]
    pub coordination: Coordination,

    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub modes: ModeFlags,
}

/// A configuration that cannot work. Each names the flag to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The node is its own peer.
    #[error("--peer {0}: that is this node's own --id; name only the other members")]
    OwnIdAmongPeers(String),
    /// Two peers have one id.
    #[error("--peer {0} is given twice; every member has an id of its own")]
    DuplicatePeer(String),
    /// The cluster is larger than supported.
    #[error("--peer: {0} members are too many; a cluster has at most {MAX_MEMBERS}")]
    TooManyMembers(usize),
    /// Acknowledgement by a follower, without followers.
    #[error("--ack semi-sync needs a follower to wait for: give at least one --peer, or choose another --ack")]
    SemiSyncAlone,
    /// Fencing by a command, and no command; or the other way round.
    #[error("--fencing stonith and --stonith-command COMMAND go together: the command is what kills the old leader")]
    Stonith,
    /// More nodes must hold a write than there are.
    #[error(
        "--ack {nodes} asks for more nodes than the {members} of this cluster; no write would ever be acknowledged"
    )]
    AckBeyondMembers {
        /// What was asked for.
        nodes: u8,
        /// How many there are.
        members: usize,
    },
    /// Reads under a lease, where nothing keeps others from leading.
    #[error(
        "--read leader-lease relies on votes that are held back: choose --election vote or coordinator, or --read leader"
    )]
    NoLease,
    /// An election by a coordinator that is not given.
    #[error("--election coordinator needs --coordinator, as in `--coordinator etcd=http://127.0.0.1:2379`")]
    NoCoordinator,
    /// A physical log without a file.
    #[error("--log physical carries the bytes of a storage file: choose --storage redb as well, or --log logical")]
    PhysicalInMemory,
    /// A number outside its sensible range.
    #[error("{flag} {value} is out of range: {range}")]
    OutOfRange {
        /// The flag.
        flag: &'static str,
        /// Its value.
        value: u64,
        /// What it should be.
        range: &'static str,
    },
}

impl Config {
    /// Checks what the command-line parser cannot see flag by flag.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut ids = BTreeSet::new();
        for peer in &self.peers {
            if peer.id == self.id {
                return Err(ConfigError::OwnIdAmongPeers(peer.id.clone()));
            }
            if !ids.insert(&peer.id) {
                return Err(ConfigError::DuplicatePeer(peer.id.clone()));
            }
        }
        if self.peers.len() >= MAX_MEMBERS {
            return Err(ConfigError::TooManyMembers(self.peers.len() + 1));
        }
        if self.modes.failover.election == Election::Coordinator && self.coordination.coordinator.is_none() {
            return Err(ConfigError::NoCoordinator);
        }
        self.modes.validate(self.peers.len() + 1)
    }

    /// The ids of the founding members, if this node is one: its own and its `--peer`s', in order. The order is also the rank in `timeout`
    /// elections.
    #[must_use]
    pub fn founders(&self) -> Option<Vec<String>> {
        (!self.join).then(|| self.members())
    }

    /// This node's id and its `--peer`s', in order.
    #[must_use]
    pub fn members(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.peers.iter().map(|peer| peer.id.clone()).collect();
        ids.push(self.id.clone());
        ids.sort();
        ids
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::str::FromStr;

    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        config: Config,
    }

    const MINIMAL: &str = "node --id n1 --listen 127.0.0.1:0 --peer-listen 127.0.0.1:0 --data d";

    fn parse(flags: &str) -> Result<Config, String> {
        let words = MINIMAL.split(' ').chain(flags.split_whitespace());
        let config = Cli::try_parse_from(words).map_err(|error| error.to_string())?.config;
        config.validate().map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn the_defaults_are_the_sound_modes() {
        let modes = {
            let Modes { acknowledgement, reads, failover, .. } = parse("").unwrap().modes.modes;
            format!(
                "{} {} {} {} {}",
                acknowledgement.ack, failover.election, failover.fencing, reads.read, acknowledgement.fsync
            )
        };
        assert_eq!(modes, "majority vote epoch leader always");
    }

    #[test]
    fn every_mode_is_written_as_it_is_read() {
        fn check<T: FromStr<Err: fmt::Debug> + fmt::Display>(words: &str) {
            for word in words.split(' ') {
                assert_eq!(word.parse::<T>().unwrap().to_string(), word);
            }
        }
        check::<Ack>("async semi-sync majority all 2");
        check::<AckDurability>("memory received flushed applied");
        check::<SemiSyncFallback>("block async");
        check::<Visible>("after-commit after-sync");
        check::<Etcd>("etcd=http://127.0.0.1:2379 etcd=http://a:1,http://b:2");
        check::<Election>("vote timeout manual supervisor coordinator");
        check::<Fencing>("epoch none stonith");
        check::<ReadMode>("leader leader-lease leader-local follower nearest");
        check::<Fsync>("always interval interval:10");
        check::<Engine>("memory redb");
        check::<LogKind>("logical physical");
        check::<Peer>("n2=127.0.0.1:7002");
    }

    #[test]
    fn a_bad_flag_is_named_with_its_choices() {
        for (flags, names) in [
            ("--ack most", "majority"),
            ("--fsync interval:0", "1 or more"),
            ("--fsync sometimes", "always, interval"),
            ("--peer n2", "ID=ADDRESS"),
            ("--peer n2=nowhere", "no IP address"),
            ("--peer n/2=127.0.0.1:1", "no node id"),
            ("--peer n1=127.0.0.1:1", "own --id"),
            ("--peer n2=127.0.0.1:1 --peer n2=127.0.0.1:2", "twice"),
            ("--heartbeat-ms 0", "--heartbeat-ms 0 is out of range"),
            ("--missed-heartbeats 1", "2 to 1000"),
            ("--segment-bytes 1", "4096"),
            ("--ack semi-sync", "at least one --peer"),
            ("--fencing stonith", "--stonith-command COMMAND"),
            ("--ack 0", "a number of nodes"),
            ("--ack 2", "more nodes than the 1"),
            ("--election coordinator", "needs --coordinator"),
            ("--coordinator zookeeper=x", "etcd=http://"),
            ("--coordinator etcd=https://x:1", "etcd=http://"),
            ("--scope a/b", "no scope"),
            ("--log physical", "--storage redb as well"),
        ] {
            let error = parse(flags).expect_err(flags);
            assert!(error.contains(names), "{flags}: {error}");
        }
        assert_eq!(
            "most".parse::<Ack>().unwrap_err().to_string(),
            "`most` is no acknowledgement mode; choose one of: async, semi-sync, majority, all, or a number of nodes, the leader among them"
        );
    }
}
