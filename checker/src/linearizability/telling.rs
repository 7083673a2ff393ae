//! What was found of each key, told as a judgement. It decides nothing.

use super::{KeyOutcome, KeyResult, Linearizability, Witness};
use crate::history::History;
use crate::judgement::{Judgement, Proof};
use crate::verdict::Verdict;
use crate::wording::count;

/// The most proofs that a judgement holds: a person reads the first few, and a report has to stay small.
const MOST_PROOFS: usize = 10;

impl Linearizability {
    /// The answer under the checker's word, `linearizable`.
    ///
    /// A history without operations passes, for it is linearizable. That a run did something is for its gates to demand.
    #[must_use]
    pub fn judgement(&self, history: &History) -> Judgement {
        let mut proofs: Vec<&Proof> = self.keys.iter().filter_map(|key| key.outcome.proof()).collect();
        let violated = proofs.len();
        proofs.sort_by_key(|proof| proof.operations.len()); // the shorter, the clearer; keys in order where equal
        let unknown: Vec<(&KeyResult, &str)> =
            self.keys.iter().filter_map(|key| Some((key, key.outcome.how_far()?))).collect();
        let keys = count(self.keys.len() as u64, "key");
        let (verdict, summary) = match (proofs.first(), unknown.first()) {
            (Some(Proof { key: None, .. }), _) => (Verdict::Violation, "not linearizable".to_owned()),
            (Some(_), _) => (Verdict::Violation, format!("{violated} of {keys} not linearizable")),
            (None, Some((KeyResult { key: None, .. }, how_far))) => {
                (Verdict::Inconclusive, format!("not decided: {how_far}"))
            }
            (None, Some((KeyResult { key: Some(key), .. }, how_far))) => {
                let undecided = unknown.len();
                (
                    Verdict::Inconclusive,
                    format!("{undecided} of {keys} not decided; on {}, {how_far}", key.escape_debug()),
                )
            }
            (None, None) if self.keys.is_empty() => {
                (Verdict::Pass, "there are no operations; the empty history is linearizable".to_owned())
            }
            (None, None) => {
                let operations = count(history.operations().len() as u64, "operation");
                (Verdict::Pass, format!("{operations} on {keys} are linearizable"))
            }
        };
        let proofs: Vec<Proof> = proofs.into_iter().take(MOST_PROOFS).cloned().collect();
        let proofs_left_out = violated - proofs.len();
        Judgement { checker: "linearizable".to_owned(), verdict, summary, proofs, proofs_left_out }
    }
}

impl Linearizability {
    /// Whether the positions that the system told are an order in which it can have done what it did, under the word
    /// `positions`. `None` if it told none that say so or otherwise. A system may keep every promise to its clients and yet
    /// tell wrong positions, so this is a judgement of its own.
    #[must_use]
    pub fn positions(&self) -> Option<Judgement> {
        let broken: Vec<&Proof> = self.keys.iter().filter_map(|key| key.witness.proof()).collect();
        let held = self.keys.iter().filter(|key| key.witness == Witness::Holds).count();
        let keys = count((held + broken.len()) as u64, "key");
        if held + broken.len() == 0 {
            return None;
        }
        let (verdict, summary) = match broken.len() {
            0 => (Verdict::Pass, format!("the positions told are a linearization of {keys}")),
            broken => (Verdict::Violation, format!("the positions told are no linearization of {broken} of {keys}")),
        };
        let proofs: Vec<Proof> = broken.iter().take(MOST_PROOFS).map(|&proof| proof.clone()).collect();
        let proofs_left_out = broken.len() - proofs.len();
        Some(Judgement { checker: "positions".to_owned(), verdict, summary, proofs, proofs_left_out })
    }
}

impl Witness {
    fn proof(&self) -> Option<&Proof> {
        match self {
            Self::Broken { proof } => Some(proof),
            Self::Untold | Self::Holds => None,
        }
    }
}

impl KeyOutcome {
    fn proof(&self) -> Option<&Proof> {
        match self {
            Self::NotLinearizable { proof } => Some(proof),
            Self::Linearizable | Self::Unknown { .. } => None,
        }
    }

    fn how_far(&self) -> Option<&str> {
        match self {
            Self::Unknown { how_far } => Some(how_far),
            Self::Linearizable | Self::NotLinearizable { .. } => None,
        }
    }
}
