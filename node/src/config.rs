//! What an operator can choose: the modes, the addresses and the timings of one node, and which combinations are valid.
//!
//! Not here: what a mode *does*. That is in `core`; the table of promises is in the crate's README.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};

/// When a write is acknowledged to its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, ValueEnum)]
pub enum Ack {
    /// As soon as the leader's own log holds it; followers get it later or, if the leader dies first, never.
    Async,
    /// When the leader and at least one follower hold it, whichever follower that is.
    SemiSync,
    /// When a majority of the members hold it: it outlives any minority.
    #[default]
    Majority,
    /// When every member holds it; one dead member stops all writes.
    All,
}

/// How a new leader is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, ValueEnum)]
pub enum Election {
    /// By a majority vote among the members, for candidates whose log is up to date (Raft, with pre-vote).
    #[default]
    Vote,
    /// Whoever misses the leader's heartbeats promotes itself. Unsound on purpose.
    Timeout,
}

/// What keeps a deposed leader from doing harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, ValueEnum)]
pub enum Fencing {
    /// Nothing: a deposed leader goes on acknowledging until it hears of its successor and `--demote-after-ms` has passed.
    None,
    /// Lower epochs are refused, and a leader that has lost touch with the majority steps down.
    #[default]
    Epoch,
}

/// Where a read is answered, and how sure its answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, ValueEnum)]
pub enum ReadMode {
    /// At the leader, once what was read is acknowledged and a round of heartbeats has confirmed the leadership.
    #[default]
    Leader,
    /// At whoever believes to be the leader, at once.
    LeaderLocal,
    /// At any node, at once: as stale as that node is.
    Follower,
}

/// Gives an enumeration of flag words the `Display` and `FromStr` of exactly those words.
macro_rules! flag_words {
    ($($name:ident: $what:literal),+ $(,)?) => { $(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let value = self.to_possible_value().expect("no variant is hidden");
                f.write_str(value.get_name())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                <Self as ValueEnum>::from_str(word, false).map_err(|_| UnknownWord {
                    what: $what,
                    word: word.to_owned(),
                    choices: Self::value_variants().iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
                })
            }
        }
    )+ };
}

flag_words!(Ack: "acknowledgement", Election: "election", Fencing: "fencing", ReadMode: "read");

/// A mode's name that is none of the choices.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no {what} mode; choose one of: {choices}")]
pub struct UnknownWord {
    what: &'static str,
    word: String,
    choices: String,
}

/// When log records are forced to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Fsync {
    /// Before they count as held: they survive a power failure. One fsync serves every record queued meanwhile.
    #[default]
    Always,
    /// Every so many milliseconds, in the background: records survive the death of the process, but the last interval's
    /// may be lost with the machine (as with Redis' `appendfsync everysec`).
    Interval(u64),
}

/// Milliseconds between background fsyncs when `--fsync interval` names none; Redis' `everysec`.
const DEFAULT_FSYNC_INTERVAL_MS: u64 = 1000;

impl fmt::Display for Fsync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fsync::Always => f.write_str("always"),
            Fsync::Interval(DEFAULT_FSYNC_INTERVAL_MS) => f.write_str("interval"),
            Fsync::Interval(ms) => write!(f, "interval:{ms}"),
        }
    }
}

impl FromStr for Fsync {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "always" => Ok(Fsync::Always),
            None if text == "interval" => Ok(Fsync::Interval(DEFAULT_FSYNC_INTERVAL_MS)),
            Some(("interval", ms)) => match ms.parse() {
                Ok(ms) if ms > 0 => Ok(Fsync::Interval(ms)),
                _ => Err(format!("`{ms}` is no interval: give milliseconds, 1 or more, as in `interval:10`")),
            },
            _ => Err(format!("`{text}` is no fsync mode; choose one of: always, interval, interval:MILLISECONDS")),
        }
    }
}

/// Another member of the cluster, and the address at which *this* node reaches it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Peer {
    /// The member's id.
    pub id: String,
    /// Its `--peer-listen` address, or that of a proxy in front of it.
    pub address: SocketAddr,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.id, self.address)
    }
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (id, address) = text.split_once('=').ok_or("expected ID=ADDRESS, as in `n2=127.0.0.1:7002`")?;
        let address = address.parse().map_err(|_| format!("`{address}` is no IP address with a port"))?;
        Ok(Peer { id: parse_id(id)?, address })
    }
}

/// Longest accepted node id; ids travel in every hello and stand in every log line.
const MAX_ID_BYTES: usize = 32;
/// A leader's commit needs a majority, so more members only make it slower; Raft clusters have 3 to 7.
const MAX_MEMBERS: usize = 15;

fn parse_id(text: &str) -> Result<String, String> {
    let fits = (1..=MAX_ID_BYTES).contains(&text.len());
    if fits && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is no node id: 1 to {MAX_ID_BYTES} letters, digits, `-` or `_`"))
    }
}

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

    /// Directory of the log and everything else that must survive a restart; created if missing, used by one node at a time.
    #[arg(long, value_name = "DIRECTORY")]
    pub data: PathBuf,

    /// When a write is acknowledged.
    #[arg(long, value_enum, default_value_t)]
    pub ack: Ack,

    /// How a new leader is found.
    #[arg(long, value_enum, default_value_t)]
    pub election: Election,

    /// What keeps a deposed leader from doing harm.
    #[arg(long, value_enum, default_value_t)]
    pub fencing: Fencing,

    /// Where reads are answered; a connection can choose its own with `CLIENT READ`.
    #[arg(long, value_enum, default_value_t)]
    pub read: ReadMode,

    /// When log records are forced to the disk: `always`, `interval` or `interval:MILLISECONDS`.
    #[arg(long, default_value_t)]
    pub fsync: Fsync,

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

    /// Bytes after which the log begins a new segment file.
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    pub segment_bytes: u64,

    /// Client address told in redirects, where it differs from `--listen`.
    #[arg(long, value_name = "ADDRESS")]
    pub advertise: Option<SocketAddr>,

    /// Seed of the randomised election timeouts; derived from the id if not given.
    #[arg(long)]
    pub seed: Option<u64>,
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
        if self.ack == Ack::SemiSync && self.peers.is_empty() {
            return Err(ConfigError::SemiSyncAlone);
        }
        let ranges = [
            ("--heartbeat-ms", self.heartbeat_ms, 1..=60_000, "1 to 60000 ms"),
            ("--missed-heartbeats", u64::from(self.missed_heartbeats), 2..=1000, "2 to 1000 heartbeats"),
            ("--demote-after-ms", self.demote_after_ms, 0..=3_600_000, "0 to 3600000 ms"),
            ("--segment-bytes", self.segment_bytes, 4096..=1 << 40, "4096 bytes to 1 TiB"),
        ];
        for (flag, value, range, words) in ranges {
            if !range.contains(&value) {
                return Err(ConfigError::OutOfRange { flag, value, range: words });
            }
        }
        Ok(())
    }

    /// The ids of all members, this node's among them, in order. The order is also the rank in `timeout` elections.
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
        let config = parse("").unwrap();
        let modes = format!("{} {} {} {} {}", config.ack, config.election, config.fencing, config.read, config.fsync);
        assert_eq!(modes, "majority vote epoch leader always");
    }

    #[test]
    fn every_mode_is_written_as_it_is_read() {
        fn check<T: FromStr<Err: fmt::Debug> + fmt::Display>(words: &str) {
            for word in words.split(' ') {
                assert_eq!(word.parse::<T>().unwrap().to_string(), word);
            }
        }
        check::<Ack>("async semi-sync majority all");
        check::<Election>("vote timeout");
        check::<Fencing>("epoch none");
        check::<ReadMode>("leader leader-local follower");
        check::<Fsync>("always interval interval:10");
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
        ] {
            let error = parse(flags).expect_err(flags);
            assert!(error.contains(names), "{flags}: {error}");
        }
        assert_eq!(
            "most".parse::<Ack>().unwrap_err().to_string(),
            "`most` is no acknowledgement mode; choose one of: async, semi-sync, majority, all"
        );
    }
}
