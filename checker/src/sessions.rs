//! Whether each client's own view went forward: the four session guarantees. What one client sees of another's writes,
//! and how late, is asked elsewhere.
//!
//! After Terry et al., *Session Guarantees for Weakly Consistent Replicated Data* (PDIS 1994). A *session* is one
//! process's operations on one key. A process that got `info` goes on under another number, and so in another session.
//! Per key:
//!
//! - **read your writes**: a read shows what its session wrote before, or something newer;
//! - **monotonic reads**: a read shows nothing older than what its session read before;
//! - **monotonic writes**: whoever sees a session's write sees its earlier writes before it;
//! - **writes follow reads**: whoever sees a session's write sees before it what the session had read when it wrote.
//!
//! A **list** of unique elements shows all of its writes, so all four are judged, exactly as defined, but that
//! what a session had read is demanded of its next append only; later ones depend on that by monotonic writes.
//!
//! A **register** of unique values shows only its last write. A read breaks its session's guarantee if it shows a
//! version *certainly older* than one that the session wrote or read before; `versions.rs` says which are, and what
//! that assumes. A failed cas that tells what it saw is a read, and a successful one is a read and a write. A
//! linearizable register is never blamed, but a step back between versions whose writes overlapped is not seen. The two
//! guarantees on writes are not judged: a session's writes follow in real time whatever it did before, so they could
//! only be broken where the assumption is.
//!
//! *Before* means that the one had ended when the other began; in a history of whole nanoseconds even a process's own
//! operations may be concurrent.
//!
//! Only what clients saw counts, not positions in the replication log.

mod list;
mod register;
mod telling;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::history::History;
use crate::linearizability::is_list;

/// What is promised to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guarantee {
    /// A read shows what its session wrote before, or something newer.
    ReadYourWrites,
    /// A read shows nothing older than what its session read before.
    MonotonicReads,
    /// Whoever sees a session's write sees its earlier writes before it. Lists only.
    MonotonicWrites,
    /// Whoever sees a session's write sees before it what the session had read when it wrote. Lists only.
    WritesFollowReads,
}

impl Guarantee {
    const ALL: [Self; 4] = [Self::ReadYourWrites, Self::MonotonicReads, Self::MonotonicWrites, Self::WritesFollowReads];
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ReadYourWrites => "read your writes",
            Self::MonotonicReads => "monotonic reads",
            Self::MonotonicWrites => "monotonic writes",
            Self::WritesFollowReads => "writes follow reads",
        })
    }
}

/// How often a guarantee was put to the test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// The reads that could have broken it: those whose session had written or read before, or that show such a
    /// session's append.
    pub judged: u64,
    /// The reads among them that did.
    pub broken: u64,
}

/// A read that breaks a guarantee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Which.
    pub guarantee: Guarantee,
    /// The key.
    pub key: Option<String>,
    /// The index of the read in [`History::operations`].
    pub read: usize,
    /// The indices of the operations that prove it, in the order they are told; the read is the last.
    pub operations: Vec<usize>,
    /// Why, in plain words.
    pub sentence: String,
}

/// What the sessions of a history were shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions {
    /// Each guarantee, with how often it was judged and broken; all four are there.
    pub counts: BTreeMap<Guarantee, Counts>,
    /// The violations by key, of each guarantee the first 100.
    pub violations: Vec<Violation>,
    /// The keys whose operations have no order that is known here.
    pub undecided_keys: u64,
    /// Why the first of them has none.
    pub why_undecided: Option<String>,
}

/// The most violations of one guarantee that are told one by one: enough for any report, and each costs a search for
/// what proves it.
const MOST_TOLD: u64 = 100;

/// Judges every read of every session.
#[must_use]
pub fn check(history: &History) -> Sessions {
    let counts = Guarantee::ALL.into_iter().map(|guarantee| (guarantee, Counts::default())).collect();
    let mut audit = Audit { history, key: None, found: Sessions { counts, ..Sessions::default() } };
    for (key, operations) in history.by_key() {
        audit.key = key;
        let told = operations.iter().map(|&index| &history.operations()[index]);
        let judged =
            if is_list(told) { list::check(&mut audit, &operations) } else { register::check(&mut audit, &operations) };
        if let Err(why) = judged {
            audit.found.undecided_keys += 1;
            audit.found.why_undecided.get_or_insert(why);
        }
    }
    audit.found
}

/// A check in the middle of it.
struct Audit<'a> {
    history: &'a History,
    key: Option<&'a str>,
    found: Sessions,
}

/// What proves a violation: operations, of which the read is the last, and the sentence.
type Told = (Vec<usize>, String);

impl Audit<'_> {
    /// Counts a read that might have broken the guarantee, and what proves it if it did.
    fn judge(&mut self, guarantee: Guarantee, read: usize, breach: Option<impl FnOnce(&History) -> Told>) {
        let counts = self.found.counts.entry(guarantee).or_default();
        counts.judged += 1;
        let Some(tell) = breach else { return };
        counts.broken += 1;
        if counts.broken <= MOST_TOLD {
            let (operations, sentence) = tell(self.history);
            let key = self.key.map(str::to_owned);
            self.found.violations.push(Violation { guarantee, key, read, operations, sentence });
        }
    }
}
