//! What an operator chooses about a router.
//!
//! Not here: what the choices do (`topology`, `queue`).

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use clap::{Args, ValueEnum};

use crate::config::{MAX_MEMBERS, Peer, flag_words};

/// Where a client's reads go that has not said so itself by `CLIENT READ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum RouteReads {
    /// To the followers within the bound on lag, in read mode `follower`.
    #[default]
    Follower,
    /// To the leader, in read mode `leader`: as fresh as without a router.
    Leader,
}

/// Which of the followers within the bound gets a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Balance {
    /// Each in turn.
    #[default]
    RoundRobin,
    /// The one with the fewest unanswered reads of this router.
    LeastLoaded,
}

/// What becomes of a read when no follower is within the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Lagging {
    /// The leader answers it.
    #[default]
    Leader,
    /// It is refused.
    Refuse,
}

flag_words!(RouteReads: "read", Balance: "balance", Lagging: "lagging");

/// Sends each client's writes to the leader and its reads to followers, behind one address.
#[derive(Debug, Clone, Args)]
pub struct Route {
    /// Address to serve clients on (RESP, the Redis protocol). Port 0 picks a free port and logs it.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: SocketAddr,

    /// A node and the client address at which this router reaches it; repeat for each.
    #[arg(long = "node", value_name = "ID=ADDRESS", required = true)]
    pub nodes: Vec<Peer>,

    /// Where reads go, unless the client chose by CLIENT READ.
    #[arg(long, value_enum, default_value_t)]
    pub read: RouteReads,

    /// Milliseconds that a follower may be behind the leader and still get reads. It counts from when the follower was last
    /// known to have all that the leader had, so it is never less than the age of that knowledge.
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    pub max_lag_ms: u64,

    /// Records that a follower may be behind the leader and still get reads [default: any number].
    #[arg(long, value_name = "COUNT")]
    pub max_lag_records: Option<u64>,

    /// Which of the followers within the bound gets a read.
    #[arg(long, value_enum, default_value_t)]
    pub balance: Balance,

    /// Who answers a read when no follower is within the bound: the leader, or nobody.
    #[arg(long, value_enum, default_value_t)]
    pub lagging: Lagging,

    /// Keep a client's reads on one follower for as long as that is within the bound, so that they do not go back in time.
    #[arg(long)]
    pub sticky: bool,

    /// Send a client's reads only to nodes that have all that the same client wrote before.
    #[arg(long)]
    pub read_your_writes: bool,

    /// Milliseconds that an operation is held while there is no leader for it. Then it is refused; it was certainly not executed.
    #[arg(long, value_name = "MS", default_value_t = 5000)]
    pub hold_ms: u64,

    /// Most operations of all clients held at once. Further ones are refused at once.
    #[arg(long, value_name = "COUNT", default_value_t = 10_000)]
    pub hold_queue: u32,

    /// Milliseconds between two looks at each node.
    #[arg(long, value_name = "MS", default_value_t = 50)]
    pub watch_ms: u64,

    /// Looks in a row that a node leaves unanswered before it is taken for dead.
    #[arg(long, value_name = "COUNT", default_value_t = 4)]
    pub misses: u32,

    /// Most clients at once. Each has a connection of its own to every node that it uses.
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    pub max_clients: u32,
}

/// A router that cannot work. Each names the flag to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Two nodes have one id, or one address.
    #[error("--node {0}: its id or address is given twice; every node has its own")]
    Duplicate(Peer),
    /// More nodes than a cluster can have.
    #[error("--node: {0} nodes are too many; a cluster has at most {MAX_MEMBERS}")]
    TooManyNodes(usize),
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

impl Route {
    /// Checks what the command-line parser cannot see flag by flag.
    pub fn validate(&self) -> Result<(), RouteError> {
        let (mut ids, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        for node in &self.nodes {
            if !ids.insert(&node.id) || !addresses.insert(node.address) {
                return Err(RouteError::Duplicate(node.clone()));
            }
        }
        if self.nodes.len() > MAX_MEMBERS {
            return Err(RouteError::TooManyNodes(self.nodes.len()));
        }
        let ranges = [
            ("--hold-ms", self.hold_ms, 0..=3_600_000, "0 to 3600000 ms"),
            ("--watch-ms", self.watch_ms, 1..=60_000, "1 to 60000 ms"),
            ("--misses", u64::from(self.misses), 1..=1000, "1 to 1000 looks"),
            ("--max-lag-ms", self.max_lag_ms, 1..=3_600_000, "1 to 3600000 ms"),
            ("--hold-queue", u64::from(self.hold_queue), 1..=1_000_000, "1 to 1000000 operations"),
            ("--max-clients", u64::from(self.max_clients), 1..=100_000, "1 to 100000 clients"),
        ];
        match ranges.into_iter().find(|(_, value, range, _)| !range.contains(value)) {
            Some((flag, value, _, range)) => Err(RouteError::OutOfRange { flag, value, range }),
            None => Ok(()),
        }
    }
}

impl Route {
    /// How long a node may leave looks unanswered.
    pub(super) fn dead_after_ms(&self) -> u64 {
        self.watch_ms * u64::from(self.misses)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        route: Route,
    }

    #[test]
    fn a_bad_flag_is_named_with_what_it_should_be() {
        for (flags, names) in [
            ("", ""),
            ("--node n1=127.0.0.1:3", "n1=127.0.0.1:3"),
            ("--node n2=127.0.0.1:1", "n2=127.0.0.1:1"),
            ("--watch-ms 0", "1 to 60000 ms"),
            ("--max-lag-ms 0", "--max-lag-ms 0 is out of range"),
            ("--hold-queue 0", "--hold-queue"),
        ] {
            let line = format!("route --listen 127.0.0.1:0 --node n1=127.0.0.1:1 {flags}");
            let route = Cli::try_parse_from(line.split_whitespace()).unwrap().route;
            match route.validate() {
                Ok(()) => assert_eq!(names, "", "{flags}"),
                Err(error) => assert!(!names.is_empty() && error.to_string().contains(names), "{flags}: {error}"),
            }
        }
        assert!(Cli::try_parse_from(["route", "--listen", "127.0.0.1:0"]).unwrap_err().to_string().contains("--node"));
    }
}
