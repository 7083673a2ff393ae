//! What became of every write, told by the final reads.

use serde::{Deserialize, Serialize};

use crate::history::{History, Value};
use crate::judgement::Judgement;
use crate::verdict::Verdict;

/// A stretch of the run during which a fault was active, both ends included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultWindow {
    /// The fault, as reports name it.
    pub name: String,
    /// When it began, in nanoseconds since the run began.
    pub start_ns: u64,
    /// When it was undone, in nanoseconds since the run began.
    pub end_ns: u64,
}

/// How many writes met which fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Acknowledged, and there at the end.
    pub present: u64,
    /// Acknowledged, not there, and nothing explains it.
    pub lost: u64,
}

/// An acknowledged write that is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// What was written.
    pub value: Value,
    /// To which key.
    pub key: Option<String>,
    /// By which client.
    pub process: u64,
    /// When the client saw `ok`, in nanoseconds since the run began.
    pub acknowledged_at_ns: Option<u64>,
    /// The node that acknowledged it.
    pub node: Option<String>,
    /// The epoch under which it was acknowledged.
    pub epoch: Option<u64>,
    /// Its position in the replication log of that epoch.
    pub lsn: Option<u64>,
    /// The faults active when it was acknowledged.
    pub faults: Vec<String>,
}

/// What became of the writes of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostWrites {
    /// How many met which fate.
    pub counts: Counts,
    /// The losses, in order of acknowledgement, the first so many of `counts.lost`.
    pub losses: Vec<Loss>,
}

/// Classifies every write of the history.
#[must_use]
pub fn check(history: &History, faults: &[FaultWindow]) -> LostWrites {
    let _ = (history, faults);
    LostWrites::default()
}

impl LostWrites {
    /// The answer under the checker's word, `lost-writes`.
    #[must_use]
    pub fn judgement(&self, history: &History) -> Judgement {
        let _ = history;
        Judgement {
            checker: "lost-writes".to_owned(),
            verdict: Verdict::Inconclusive,
            summary: "nothing was decided".to_owned(),
            proofs: Vec::new(),
            proofs_left_out: 0,
        }
    }
}
