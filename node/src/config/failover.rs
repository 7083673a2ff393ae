//! How a dead leader is noticed, how its successor is found, and what keeps the old one from doing harm.
//!
//! Not here: elections themselves (`core::election`, `core::promotion`).

use std::fmt;
use std::str::FromStr;

use clap::{Args, ValueEnum};

use super::modes::Flag;
use super::words::flag_words;

/// How a new leader is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, ValueEnum)]
pub enum Election {
    /// By a majority vote among the members, for candidates whose log is up to date (Raft, with pre-vote).
    #[default]
    Vote,
    /// Whoever misses the leader's heartbeats promotes itself. Unsound on purpose.
    Timeout,
    /// Nobody promotes itself: an administrator does, with `PROMOTE` (as with `PostgreSQL` and `MySQL` alone).
    Manual,
    /// Nobody promotes itself: an outside `interregnum node supervise` does (as Orchestrator).
    Supervisor,
    /// Whoever holds a lease in an outside store leads (`--coordinator`), as with Patroni.
    Coordinator,
}

/// What keeps a deposed leader from doing harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, ValueEnum)]
pub enum Fencing {
    /// Nothing: a deposed leader goes on acknowledging until it hears of its successor and `--demote-after-ms` has passed.
    None,
    /// Lower epochs are refused, and a leader that has lost touch with the majority steps down (in elections without a human or a
    /// supervisor, who decide that themselves).
    #[default]
    Epoch,
    /// As `epoch`, and `--stonith-command` must have killed the old leader before there is a new one.
    Stonith,
}

flag_words!(Election: "election", Fencing: "fencing");

/// The flags of failover.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Failover {
    /// How a new leader is found.
    #[arg(long, value_enum, default_value_t)]
    pub election: Election,

    /// What keeps a deposed leader from doing harm.
    #[arg(long, value_enum, default_value_t)]
    pub fencing: Fencing,

    /// Milliseconds between a leader's heartbeats.
    #[arg(long, value_name = "MS", default_value_t = 30)]
    pub heartbeat_ms: u64,

    /// Heartbeats a follower misses before it takes its leader for dead.
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    pub missed_heartbeats: u32,

    /// With `--fencing none`: milliseconds a leader goes on acknowledging after it has heard of a newer one, as a Redis
    /// primary does until Sentinel reconfigures it.
    #[arg(long, value_name = "MS", default_value_t = 2000)]
    pub demote_after_ms: u64,

    /// With `--fencing stonith`: a shell command that kills the old leader, with `{id}` for its id. Only when it exits with 0 is
    /// there a new leader.
    #[arg(long, value_name = "COMMAND")]
    pub stonith_command: Option<String>,

    /// Records that a node may lack of what its leader is known to have had, and still be promoted automatically (as Patroni's
    /// `maximum_lag_on_failover`). Without it, any node is. Under `--election vote` the votes see to it.
    #[arg(long, value_name = "RECORDS")]
    pub max_lag_on_failover: Option<u64>,
    /// With `--election coordinator`: how long the lease lasts that is not renewed. etcd counts in seconds, and rounds up.
    #[arg(long, value_name = "MS", default_value_t = 5000)]
    pub lease_ttl_ms: u64,
}

impl Failover {
    pub(super) fn flags(&self) -> Vec<Flag> {
        let stonith = self.stonith_command.clone().map(|command| ("--stonith-command", command));
        let max_lag = self.max_lag_on_failover.map(|records| ("--max-lag-on-failover", records.to_string()));
        let always = [
            ("--election", self.election.to_string()),
            ("--fencing", self.fencing.to_string()),
            ("--heartbeat-ms", self.heartbeat_ms.to_string()),
            ("--missed-heartbeats", self.missed_heartbeats.to_string()),
            ("--demote-after-ms", self.demote_after_ms.to_string()),
            ("--lease-ttl-ms", self.lease_ttl_ms.to_string()),
        ];
        always.into_iter().chain(stonith).chain(max_lag).collect()
    }

    /// Whether nodes come to lead by themselves.
    #[must_use]
    pub fn is_automatic(&self) -> bool {
        matches!(self.election, Election::Vote | Election::Timeout)
    }

    /// How long a leader may be silent before it is taken for dead.
    #[must_use]
    pub fn election_timeout_ms(&self) -> u64 {
        self.heartbeat_ms * u64::from(self.missed_heartbeats)
    }
}
