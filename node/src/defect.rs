//! Planted defects: bugs that a real system had or a reviewer would fear, each a line somewhere in this crate, asleep unless
//! `--defect NAME` wakes it. They measure whoever tests this node: a harness that does not find them finds nothing.
//!
//! Here is what each is, what it breaks and where it is known from; `Settings::has` asks for it where it is planted. Not here: who
//! is to find it.

use std::ffi::OsStr;
use std::fmt;
use std::str::FromStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command, ValueEnum};

use crate::config::flag_words;

/// A planted bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
#[allow(missing_docs, reason = "`about` tells what each is, to readers and to users")]
pub enum Defect {
    AckBeforeFsync,
    AckBeforeReplication,
    AckReceiptAsDurable,
    AckOffByOne,
    AckByTheReachable,
    AckUncertain,
    CommitOlderEpoch,
    ForgetVote,
    ForgetEpoch,
    VoteTwice,
    VoteForBehind,
    PromoteLeastUpToDate,
    HalfIsMajority,
    CountLateAnswers,
    AcceptOldLeader,
    SkipPreviousCheck,
    KeepDivergedTail,
    RewindLogOnly,
    ApplyTwice,
    DropLastOfBatch,
    ReadUnconfirmed,
    LeaseTooLong,
    ForgetToRedirect,
    ServeBeforeReplay,
    SnapshotWithoutRequests,
    RequestsNotReplicated,
    ReuseGtids,
    LoseAtSegmentEnd,
    AckOneFewer,
    AckByLearners,
    ChangeMembersEarly,
    KeepUndoneMembers,
    VoteWhileRebuilding,
    RebuildInHaste,
    TrustEarlierLife,
    OvertakeHeldWrites,
    CompareTokensByLsn,
    AcceptTornRecord,
}

flag_words!(Defect: "defect");

/// A promise of the sound modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Promise {
    /// What was acknowledged is there for ever.
    WritesSurvive,
    /// A read sees what was acknowledged before it began, and nothing that can still be lost.
    ReadsAreCurrent,
    /// A request is executed once, however often it is asked.
    OnceOnly,
    /// An epoch has one leader, and a node's epoch never goes back.
    OneLeader,
    /// All nodes come to the same log and the same rows.
    ReplicasAgree,
    /// A GTID is the name of one write.
    UniqueGtids,
    /// No node ends by itself, and each that is started again is of use.
    NodesSurvive,
}

/// What there is to say about a defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// What the node does wrong.
    pub sentence: &'static str,
    /// Where such a bug is known from, or what forbids it.
    pub source: &'static str,
    /// What it breaks. Any of these is the right thing to find.
    pub breaks: &'static [Promise],
}

impl Defect {
    /// What it is.
    #[must_use]
    #[allow(clippy::too_many_lines, reason = "it is a table")]
    pub fn about(self) -> About {
        use Promise::{NodesSurvive, OnceOnly, OneLeader, ReadsAreCurrent, ReplicasAgree, UniqueGtids, WritesSurvive};
        let (breaks, sentence, source): (&[Promise], _, _) = match self {
            Self::AckBeforeFsync => (
                &[WritesSurvive],
                "Every node counts a record as durable as soon as it was given to the log's thread",
                "Jepsen, NATS 2.12.1 (jepsen.io/analyses/nats-2.12.1)",
            ),
            Self::AckBeforeReplication => (
                &[WritesSurvive],
                "The leader acknowledges what only its own disk has",
                "Jepsen, MongoDB 2.4.3 (aphyr.com/posts/284-jepsen-mongodb)",
            ),
            Self::AckReceiptAsDurable => (
                &[WritesSurvive],
                "A follower confirms what it has received, not what is on its disk",
                "nats-io/nats-server#7564",
            ),
            Self::AckOffByOne => (
                &[WritesSurvive],
                "The leader takes the record behind the last one that a majority has for committed, too",
                "a slip between a count and an index",
            ),
            Self::AckByTheReachable => (
                &[WritesSurvive],
                "Followers that have been silent for two heartbeats are not waited for",
                "Jepsen, Kafka 0.8: the set of in-sync replicas shrinks to the leader (aphyr.com/posts/293-jepsen-kafka)",
            ),
            Self::AckUncertain => (
                &[WritesSurvive],
                "A leader that is deposed answers the writes that still wait as if they were done",
                "Jepsen, MongoDB 2.4.3: success after a network error (aphyr.com/posts/322-call-me-maybe-mongodb-stale-reads)",
            ),
            Self::CommitOlderEpoch => (
                &[WritesSurvive, ReadsAreCurrent],
                "A leader writes no first record of its own and counts who holds records of earlier epochs as a commit",
                "Raft §5.4.2, figure 8; logcabin/logcabin#44, canonical/raft#220",
            ),
            Self::ForgetVote => (
                &[OneLeader, WritesSurvive],
                "A node that restarts has forgotten whom it voted for",
                "datatechnology/cornerstone#65, ktoso/akka-raft#56",
            ),
            Self::ForgetEpoch => (
                &[OneLeader, WritesSurvive],
                "A node that restarts takes the epoch of its last record for the greatest it knew",
                "Raft §5.2: the current term is on stable storage before anybody is answered",
            ),
            Self::VoteTwice => (
                &[OneLeader, WritesSurvive],
                "A node votes for whoever asks, though it has voted in this epoch",
                "camunda/camunda#5356, vesoft-inc/nebula#2405, hazelcast/hazelcast#16643",
            ),
            Self::VoteForBehind => (
                // Who is made to follow such a leader refuses to undo what it knows to be committed, and is of no use any more.
                &[WritesSurvive, NodesSurvive],
                "A node votes for candidates that lack records which it has",
                "Raft §5.4.1; ktoso/akka-raft#51, jgroups-extras/jgroups-raft#14",
            ),
            Self::PromoteLeastUpToDate => (
                &[WritesSurvive],
                "Voters compare logs the wrong way round, so the candidate with the shortest wins",
                "eBay/NuRaft#185: the vote for the stale node was granted, the other denied",
            ),
            Self::HalfIsMajority => (
                &[OneLeader, WritesSurvive],
                "Half of the members elect a leader, rounded down",
                "Elasticsearch with minimum_master_nodes too small (aphyr.com/posts/317-jepsen-elasticsearch)",
            ),
            Self::CountLateAnswers => (
                &[OneLeader, WritesSurvive],
                "Votes and confirmations of an earlier epoch are counted in the present one",
                "Raft §5.1: a response with a stale term is ignored",
            ),
            Self::AcceptOldLeader => (
                &[WritesSurvive, ReplicasAgree],
                "Records of a leader whose epoch is over are taken, whatever is committed in their place",
                "Raft §5.1: a request with a stale term is refused; jasonrogena/lightraft#11",
            ),
            Self::SkipPreviousCheck => (
                &[WritesSurvive, ReplicasAgree],
                "Records are taken behind whatever record the log ends with",
                "Raft §5.3: reply false if the log has no entry at prevLogIndex whose term matches",
            ),
            Self::KeepDivergedTail => (
                &[WritesSurvive, ReplicasAgree],
                "A follower keeps its own records where the leader has others, and says that it has the leader's",
                "Raft §5.3; atomix/copycat#265, scylladb/scylladb#9965, mofa-org/mofa#1150",
            ),
            Self::RewindLogOnly => (
                &[WritesSurvive, ReadsAreCurrent, ReplicasAgree],
                "A rewind cuts the log and leaves the rows as they are",
                "what a rollback is for: MongoDB's keeps the two together by recovering to a checkpoint",
            ),
            Self::ApplyTwice => (
                &[OnceOnly, ReplicasAgree],
                "A record that is sent again after a lost connection is applied again",
                "MySQL replicas that are not crash-safe; rqlite/rqlite#2759",
            ),
            Self::DropLastOfBatch => (
                &[WritesSurvive, ReplicasAgree],
                "A follower logs the last record of a batch and does not apply it",
                "a loop that ends one too early",
            ),
            Self::ReadUnconfirmed => (
                &[ReadsAreCurrent],
                "A leader answers reads at once, whether it still leads or not and whether what it tells can still be lost or not",
                "hashicorp/consul#54; Jepsen, MongoDB 2.6.7 (aphyr.com/posts/322-call-me-maybe-mongodb-stale-reads)",
            ),
            Self::LeaseTooLong => (
                &[ReadsAreCurrent],
                "A leader goes on, and relies on its lease, for twenty times as long as others keep from electing another",
                "etcd-io/raft#99; hashicorp/consul#54",
            ),
            Self::ForgetToRedirect => (
                &[ReadsAreCurrent],
                "A follower that is asked for a leader's read answers it itself",
                "otoolep/hraftd#22; etcd before 2.0 without quorum=true",
            ),
            Self::ServeBeforeReplay => (
                &[WritesSurvive, ReplicasAgree],
                "A node that restarts serves what its snapshot has and does not replay the log behind it",
                "RedisLabs/redisraft#22: reads at start-up, before the commit index is known",
            ),
            Self::SnapshotWithoutRequests => (
                &[OnceOnly],
                "A snapshot knows who the clients are but not what they asked last",
                "Ongaro's thesis §6.3; RedisLabs/redisraft#568",
            ),
            Self::RequestsNotReplicated => (
                &[OnceOnly],
                "Only the leader remembers what clients asked last, so its successor executes their retries",
                "Ongaro's thesis §6.3: the sessions are part of the replicated state",
            ),
            Self::ReuseGtids => (
                &[UniqueGtids],
                "A node that restarts gives new writes the GTIDs of records that it had lost",
                "what a sequence that is not durable before it is used leads to",
            ),
            Self::LoseAtSegmentEnd => (
                &[NodesSurvive, WritesSurvive],
                "What waits to be written when a segment of the log is full is dropped",
                "a buffer that nobody flushes before its file is changed",
            ),
            Self::AckOneFewer => (
                &[WritesSurvive],
                "`--ack N` counts the leader's disk twice",
                "Jepsen, Redis Raft 1b3fbf6: a quorum that is too small (jepsen.io/analyses/redis-raft-1b3fbf6)",
            ),
            Self::AckByLearners => (
                &[WritesSurvive],
                "Learners, who elect nobody, are counted among those who hold a write",
                "Ongaro's thesis §4.2.1: non-voting members are not counted in majorities",
            ),
            Self::ChangeMembersEarly => (
                &[OneLeader, WritesSurvive],
                "A leader changes the members before it has committed a record of its own epoch, and while a change is under way",
                "Ongaro, raft-dev, 10 July 2015: bug in single-server membership changes",
            ),
            Self::KeepUndoneMembers => (
                &[OneLeader, WritesSurvive],
                "A rewind leaves the list of members as the record made it that is undone",
                "Ongaro's thesis §4.1: a server must be prepared to fall back to its previous configuration",
            ),
            Self::VoteWhileRebuilding => (
                &[WritesSurvive],
                "A node that lost its log votes before it has again what it had confirmed",
                "Chandra et al., Paxos Made Live §5.1: who lost its disk takes no part until it has caught up",
            ),
            Self::RebuildInHaste => (
                &[WritesSurvive],
                "A node that lost its log takes itself for rebuilt at the first commit that anybody tells it",
                "Liskov, Viewstamped Replication Revisited §4.3: recovery waits for a leader that knows of it",
            ),
            Self::TrustEarlierLife => (
                &[WritesSurvive],
                "What a node confirmed before it lost its log is still counted",
                "Michael et al., Recovering Shared Objects Without Stable Storage: late answers of before the crash",
            ),
            Self::OvertakeHeldWrites => (
                &[WritesSurvive],
                "A write that comes when the lag has just fallen is executed before those that were held back",
                "a queue that is passed by",
            ),
            Self::CompareTokensByLsn => (
                &[ReadsAreCurrent],
                "A read after a token waits for the LSN and does not ask of which epoch the record there is",
                "MongoDB's optimes have a term beside the timestamp for this",
            ),
            Self::AcceptTornRecord => (
                &[WritesSurvive, ReadsAreCurrent, ReplicasAgree, NodesSurvive],
                "A node that restarts takes records that a power failure tore, whatever their checksums say",
                "litedb-org/LiteDB#2935: pages of a log without checksums are replayed torn",
            ),
        };
        About { sentence, source, breaks }
    }

    /// What must be switched on or happen for it to show, where the harness's suite has no such thing.
    #[must_use]
    pub fn needs(self) -> Option<&'static str> {
        match self {
            Self::AckOneFewer => Some("`--ack` with a number"),
            Self::AckByLearners | Self::ChangeMembersEarly | Self::KeepUndoneMembers => Some("members that change"),
            Self::VoteWhileRebuilding | Self::RebuildInHaste | Self::TrustEarlierLife => Some("`--rebuild`"),
            Self::OvertakeHeldWrites => Some("`--throttle-lag-ms`"),
            Self::CompareTokensByLsn => Some("reads after a token"),
            Self::AcceptTornRecord => Some("a power failure that tears"),
            _ => None,
        }
    }

    /// One line for each: what `--defect '?'` tells.
    fn list() -> String {
        let width = Self::value_variants().iter().map(|defect| defect.to_string().len()).max().unwrap_or(0);
        let line = |defect: &Self| {
            let needs = defect.needs().map(|needs| format!(" (needs {needs})")).unwrap_or_default();
            format!("{defect:width$}  {}{needs}\n", defect.about().sentence)
        };
        Self::value_variants().iter().map(line).collect()
    }
}

/// Reads a defect on the command line, and tells them all when asked for `?`.
#[derive(Clone)]
pub(crate) struct DefectParser;

impl TypedValueParser for DefectParser {
    type Value = Defect;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<Defect, clap::Error> {
        if value == "?" {
            return Err(clap::Error::raw(ErrorKind::DisplayHelp, Defect::list()));
        }
        <Defect as FromStr>::from_str.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let told = |defect: &Defect| Some(defect.to_possible_value()?.help(defect.about().sentence));
        Some(Box::new(Defect::value_variants().iter().filter_map(told)))
    }
}
