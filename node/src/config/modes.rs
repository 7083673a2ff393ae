//! Everything that an operator chooses about a cluster's behaviour, as opposed to where one node of it lives. The same choices are
//! flags of a node, flags of an experiment, and fields in a test.

use clap::{Args, FromArgMatches};

use super::acknowledgement::Acknowledgement;
use super::clients::Clients;
use super::failover::{Election, Failover, Fencing};
use super::reads::{ReadMode, Reads};
use super::storage::{Engine, LogKind, Storage};
use super::verification::Verification;
use super::{Ack, ConfigError};
use crate::defect::{Defect, DefectParser};

/// A flag and its value.
pub type Flag = (&'static str, String);

/// The behaviour of a node, a group of flags for each subject. The default is what no flags give: the sound modes.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Modes {
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would make it a help text; the group's type has one")]
    pub acknowledgement: Acknowledgement,
    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub reads: Reads,
    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub failover: Failover,
    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub storage: Storage,
    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub clients: Clients,
    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub verification: Verification,

    /// A bug to wake in this node, so that whoever tests it can be tested; `?` lists them. Never for data that matter.
    #[arg(long, value_name = "NAME", value_parser = DefectParser, hide = true)]
    pub defect: Option<Defect>,
}

impl Default for Modes {
    fn default() -> Self {
        let command = Self::augment_args(clap::Command::new("modes").no_binary_name(true));
        let matches = command.try_get_matches_from([""; 0]).expect("every mode has a default");
        Self::from_arg_matches(&matches).expect("the defaults are valid")
    }
}

impl Modes {
    /// The flags that give these modes, every one of them.
    #[must_use]
    pub fn flags(&self) -> Vec<Flag> {
        let Modes { acknowledgement, reads, failover, storage, clients, verification, defect } = self;
        let first = [acknowledgement.flags(), reads.flags(), failover.flags()];
        let defect = defect.iter().map(|defect| ("--defect", defect.to_string())).collect();
        first.into_iter().chain([storage.flags(), clients.flags(), verification.flags(), defect]).flatten().collect()
    }

    /// These modes but for what `flags` say, in the words of a command line: `--ack async --fencing none`. The error is what a
    /// command line would tell.
    pub fn with(self, flags: &str) -> Result<Self, String> {
        let own = self.flags().into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]);
        let arguments = own.chain(flags.split_whitespace().map(str::to_owned));
        // The last of a flag's values counts.
        let command = Self::augment_args(clap::Command::new("modes").no_binary_name(true)).args_override_self(true);
        let matches = command.try_get_matches_from(arguments).map_err(|error| error.to_string())?;
        Self::from_arg_matches(&matches).map_err(|error| error.to_string())
    }

    /// Checks what the command-line parser cannot see flag by flag. `members` is the size of the cluster.
    pub fn validate(&self, members: usize) -> Result<(), ConfigError> {
        if self.acknowledgement.ack == Ack::SemiSync && members == 1 {
            return Err(ConfigError::SemiSyncAlone);
        }
        if let Ack::Nodes(nodes) = self.acknowledgement.ack
            && usize::from(nodes) > members
        {
            return Err(ConfigError::AckBeyondMembers { nodes, members });
        }
        let election = self.failover.election;
        if self.reads.read == ReadMode::LeaderLease && !matches!(election, Election::Vote | Election::Coordinator) {
            return Err(ConfigError::NoLease);
        }
        if self.storage.log == LogKind::Physical && self.storage.storage == Engine::Memory {
            return Err(ConfigError::PhysicalInMemory);
        }
        let Failover { heartbeat_ms, missed_heartbeats, demote_after_ms, lease_ttl_ms, .. } = self.failover;
        if (self.failover.fencing == Fencing::Stonith) != self.failover.stonith_command.is_some() {
            return Err(ConfigError::Stonith);
        }
        // The margin that a node keeps to the end of a coordinator's lease is a tenth.
        let (most_drift_ppm, drift_words) = match election {
            Election::Coordinator => (50_000, "0 to 50000 millionths, with --election coordinator"),
            _ => (500_000, "0 to 500000 millionths"),
        };
        let ranges = [
            ("--max-clock-drift-ppm", u64::from(self.reads.max_clock_drift_ppm), 0..=most_drift_ppm, drift_words),
            ("--semi-sync-timeout-ms", self.acknowledgement.semi_sync_timeout_ms, 1..=3_600_000, "1 to 3600000 ms"),
            ("--heartbeat-ms", heartbeat_ms, 1..=60_000, "1 to 60000 ms"),
            ("--missed-heartbeats", u64::from(missed_heartbeats), 2..=1000, "2 to 1000 heartbeats"),
            ("--demote-after-ms", demote_after_ms, 0..=3_600_000, "0 to 3600000 ms"),
            ("--lease-ttl-ms", lease_ttl_ms, 1000..=3_600_000, "1000 to 3600000 ms"),
            ("--segment-bytes", self.storage.segment_bytes, 4096..=1 << 40, "4096 bytes to 1 TiB"),
            ("--snapshot-bytes", self.storage.snapshot_bytes, 4096..=1 << 60, "4096 bytes to 1 EiB"),
            ("--keep-log-bytes", self.storage.keep_log_bytes, 0..=1 << 60, "0 to 1 EiB"),
            ("--max-slot-size", self.storage.max_slot_size, 0..=1 << 60, "0 to 1 EiB"),
            ("--sessions", u64::from(self.clients.sessions), 1..=1_000_000, "1 to 1000000 clients"),
            ("--max-read-lag-ms", self.reads.max_read_lag_ms.unwrap_or(1), 1..=3_600_000, "1 to 3600000 ms"),
            ("--throttle-lag-ms", self.clients.throttle_lag_ms.unwrap_or(1), 1..=3_600_000, "1 to 3600000 ms"),
            ("--verify-interval-ms", self.verification.verify_interval_ms, 0..=1 << 32, "0 to 4294967296 ms"),
            ("--verify-rows-per-s", self.verification.verify_rows_per_s, 1..=1_000_000_000, "1 to 1000000000 rows"),
            ("--checkpoint-bytes", self.storage.checkpoint_bytes, 1..=1 << 30, "1 byte to 1 GiB"),
        ];
        for (flag, value, range, words) in ranges {
            if !range.contains(&value) {
                return Err(ConfigError::OutOfRange { flag, value, range: words });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_written_as_they_are_read() {
        let unusual = "--ack 2 --ack-durability memory --visible after-sync --semi-sync-fallback async \
                       --semi-sync-timeout-ms 5 --fsync interval:7 --read follower --max-clock-drift-ppm 99 --max-read-lag-ms 66 --election timeout --fencing none --heartbeat-ms 7 \
                       --missed-heartbeats 3 --demote-after-ms 9 --max-lag-on-failover 5 --stonith-command true --lease-ttl-ms 1234 \
                       --segment-bytes 8192 --snapshot-bytes 9999 --keep-log-bytes 8 --max-slot-size 10 --sessions 5 --throttle-lag-ms 6 \
                       --storage redb --log physical --checkpoint-bytes 77 --verify-interval-ms 11 --verify-rows-per-s 12 \
                       --allow-corruption true --defect vote-twice";
        for flags in ["", unusual] {
            let modes = Modes::default().with(flags).unwrap();
            let written: Vec<_> = modes.flags().into_iter().map(|(flag, value)| format!("{flag} {value}")).collect();
            assert_eq!(Modes::default().with(&written.join(" ")).unwrap(), modes);
        }
        let twice = Modes::default().with("--ack async").unwrap().with("--read follower").unwrap();
        assert_eq!(twice.acknowledgement.ack, Ack::Async, "what an earlier change chose stays chosen");
        let (defaults, unusual) = (Modes::default().flags(), Modes::default().with(unusual).unwrap().flags());
        let written = |flag: &str| unusual.iter().find(|(written, _)| written.trim_start_matches('-') == flag);
        for argument in Modes::augment_args(clap::Command::new("modes")).get_arguments() {
            let flag = argument.get_long().expect("every mode is a flag");
            let told = written(flag).unwrap_or_else(|| panic!("give --{flag} a value in this test; is it in `flags`?"));
            assert!(
                !defaults.contains(told),
                "give --{flag} another value in this test, so that it is seen to be written"
            );
        }
    }
}
