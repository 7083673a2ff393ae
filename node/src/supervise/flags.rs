//! What an operator chooses about a supervisor.
//!
//! Not here: what the choices do (`decision`).

use std::collections::BTreeSet;
use std::net::SocketAddr;

use clap::Args;

use crate::config::Peer;

/// Watches a cluster and, when its leader is gone, promotes the most up-to-date node that answers (for `--election supervisor`).
#[derive(Debug, Clone, Args)]
pub struct Supervise {
    /// A node and its client address; repeat for each.
    #[arg(long = "node", value_name = "ID=ADDRESS", required = true)]
    pub nodes: Vec<Peer>,

    /// Milliseconds between two looks at the nodes. A node that does not answer within it is missed.
    #[arg(long, value_name = "MS", default_value_t = 100)]
    pub interval_ms: u64,

    /// Looks in a row that find no leader before the leader is taken for dead, if no follower has heard it meanwhile either.
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    pub misses: u32,

    /// Milliseconds after a failover in which no other one is made, so that a cluster in trouble does not flap.
    #[arg(long, value_name = "MS", default_value_t = 60_000)]
    pub recovery_period_ms: u64,

    /// Least number of nodes that must answer and be fenced before one of them is promoted [default: a majority, one of which
    /// has whatever a majority acknowledged].
    #[arg(long, value_name = "COUNT")]
    pub min_nodes: Option<u32>,

    /// A shell command that kills the old leader, with `{id}` and `{address}` for its id and client address. Only when it exits
    /// with 0 is there a new leader. Give it where the nodes have `--fencing stonith`.
    #[arg(long, value_name = "COMMAND")]
    pub stonith_command: Option<String>,

    /// Tell what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,

    /// End when a leader was found or made, or could not be.
    #[arg(long)]
    pub once: bool,
}

/// A supervisor that cannot work. Each names the flag to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SuperviseError {
    /// Two nodes have one id, or one address.
    #[error("--node {0}: its id or address is given twice; every node has its own")]
    Duplicate(String),
    /// More nodes are demanded than there are.
    #[error("--min-nodes {0} is out of range: 1 to the number of --node, {1}")]
    MinNodes(u32, usize),
    /// A number outside its sensible range.
    #[error("{0} {1} is out of range: {2}")]
    OutOfRange(&'static str, u64, &'static str),
}

impl Supervise {
    /// Checks what the command-line parser cannot see flag by flag.
    pub fn validate(&self) -> Result<(), SuperviseError> {
        let (mut ids, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        for node in &self.nodes {
            if !ids.insert(&node.id) || !addresses.insert(node.address) {
                return Err(SuperviseError::Duplicate(node.id.clone()));
            }
        }
        if let Some(least) = self.min_nodes
            && !(1..=self.nodes.len()).contains(&(least as usize))
        {
            return Err(SuperviseError::MinNodes(least, self.nodes.len()));
        }
        let ranges = [
            ("--interval-ms", self.interval_ms, 1..=60_000, "1 to 60000 ms"),
            ("--misses", u64::from(self.misses), 1..=1000, "1 to 1000 looks"),
            ("--recovery-period-ms", self.recovery_period_ms, 0..=86_400_000, "0 to 86400000 ms, a day"),
        ];
        for (flag, value, range, words) in ranges {
            if !range.contains(&value) {
                return Err(SuperviseError::OutOfRange(flag, value, words));
            }
        }
        Ok(())
    }

    pub(super) fn address(&self, id: &str) -> SocketAddr {
        self.nodes.iter().find(|node| node.id == id).map(|node| node.address).expect("steps are about nodes given")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        supervise: Supervise,
    }

    #[test]
    fn a_bad_flag_is_named() {
        let check = |flags: &str, expected: &str| {
            let line = format!("supervise --node n1=127.0.0.1:1 {flags}");
            let flags = Cli::try_parse_from(line.split_whitespace()).unwrap().supervise;
            let told = flags.validate().map_or_else(|error| error.to_string(), |()| String::new());
            assert!(if expected.is_empty() { told.is_empty() } else { told.contains(expected) }, "{line}: {told}");
        };
        check("--node n2=127.0.0.1:2 --min-nodes 2", "");
        check("--node n1=127.0.0.1:2", "--node n1");
        check("--node n2=127.0.0.1:1", "--node n2");
        check("--min-nodes 2", "--min-nodes 2");
        check("--min-nodes 0", "--min-nodes 0");
        check("--misses 0", "1 to 1000");
    }
}
