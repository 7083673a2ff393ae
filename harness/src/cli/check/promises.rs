//! The promises that `check` holds a history to, and the flags that say how. It reads and prints nothing.

use std::time::Duration;

use clap::{Args, ValueEnum};
use interregnum_checker::history::History;
use interregnum_checker::judgement::Judgement;
use interregnum_checker::linearizability::{self, FailedCas, ModelKind, Options};
use interregnum_checker::lost_writes::FaultWindow;
use interregnum_checker::verdict::Verdict;
use interregnum_checker::{elements, leadership, lost_writes, sessions, split_brain};

use super::watch::Watch;
use crate::cli::{duration, size};

/// What is promised, and how long to look.
#[derive(Clone, Debug, Args)]
pub(super) struct PromiseFlags {
    /// What the objects are.
    #[arg(long, value_enum, default_value_t)]
    model: ModelName,

    /// What a failed compare-and-set means that does not tell what it saw: that it did not happen (Jepsen, Knossos), or
    /// that it ran and saw another value (Porcupine's reading of etcd's logs).
    #[arg(long, value_enum, default_value_t)]
    failed_cas: FailedCasName,

    /// What is promised of reads of lists and sets, when every element is followed through all of them. Whether the
    /// history is linearizable is asked besides.
    #[arg(long, value_enum, default_value_t)]
    reads: ReadsName,

    /// How long to search whether a history is linearizable, for each file. What is undecided then makes the verdict
    /// `inconclusive`, which says how far it got.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration::parse)]
    budget: Duration,

    /// About how much memory one search may hold; a search runs on each core.
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = size::parse)]
    memory: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ModelName {
    /// Told by the operations, key by key; never a lease.
    #[default]
    Auto,
    /// read, write, delete, cas.
    Register,
    /// txn: reads and writes of several registers at once.
    MultiRegister,
    /// append, and read of the whole list.
    Append,
    /// add, remove, and read of all elements.
    Set,
    /// add, increment, decrement, and read of the sum.
    Counter,
    /// enqueue, and dequeue of what was enqueued first.
    Queue,
    /// acquire, release, and use of a fencing token.
    Lock,
    /// A lock that may lapse.
    Lease,
    /// get, put and append of texts.
    KeyValue,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum FailedCasName {
    /// It says nothing.
    #[default]
    DidNotHappen,
    /// It is a read of some other value.
    SawAnotherValue,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ReadsName {
    /// Any node answers, and may lag behind: stale is no violation.
    #[default]
    MayLag,
    /// A leader answers, perhaps one that was replaced: stale is no violation, but what was shown stays.
    FromLeader,
    /// Every read shows all that was known when it began.
    Fresh,
}

impl PromiseFlags {
    fn options(&self) -> Options {
        Options {
            model: match self.model {
                ModelName::Auto => ModelKind::Auto,
                ModelName::Register => ModelKind::Register,
                ModelName::MultiRegister => ModelKind::MultiRegister,
                ModelName::Append => ModelKind::AppendList,
                ModelName::Set => ModelKind::Set,
                ModelName::Counter => ModelKind::Counter,
                ModelName::Queue => ModelKind::Queue,
                ModelName::Lock => ModelKind::Lock,
                ModelName::Lease => ModelKind::Lease,
                ModelName::KeyValue => ModelKind::KeyValue,
            },
            failed_cas: match self.failed_cas {
                FailedCasName::DidNotHappen => FailedCas::DidNotHappen,
                FailedCasName::SawAnotherValue => FailedCas::SawAnotherValue,
            },
            // Time is what runs out, not a count that nobody can put into seconds.
            max_configurations: u64::MAX,
            max_memory_bytes: self.memory,
            ..Options::default()
        }
    }

    /// Elements are told of lists and sets alone: a counter has the same `add`.
    fn elements(&self, history: &History) -> Option<Judgement> {
        let reads = match self.reads {
            ReadsName::MayLag => elements::Reads::MayLag,
            ReadsName::FromLeader => elements::Reads::FromLeader,
            ReadsName::Fresh => elements::Reads::Fresh,
        };
        matches!(self.model, ModelName::Auto | ModelName::Append | ModelName::Set)
            .then(|| elements::check(history, &elements::Options { reads }).judgement(history))
    }

    /// Linearizability always; the others where the history tells what they need: keys that are read in the end, who
    /// acknowledged in which epoch, sessions of more than one operation.
    pub(super) fn judge(&self, history: &History, faults: &[FaultWindow]) -> Vec<Judgement> {
        let watch = Watch::begin(self.budget);
        let go_on = |progress| watch.go_on(progress);
        let found = linearizability::check_while(history, &self.options(), &go_on);
        drop(watch);
        let mut judgements: Vec<Judgement> = [found.judgement(history)].into_iter().chain(found.positions()).collect();
        let others = [
            lost_writes::check(history, faults).judgement(history),
            split_brain::check(history).judgement(history),
            leadership::check(history).judgement(history),
            sessions::check(history).judgement(history),
        ];
        let others = others.into_iter().chain(self.elements(history));
        judgements.extend(others.filter(|judgement| judgement.verdict != Verdict::Inconclusive));
        judgements
    }
}
