//! What one checker says of one history, in a shape that every checker shares, so that reports need to know only this.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::verdict::Verdict;

/// One checker's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The checker, in the word that flags and reports use: `linearizable`, `lost-writes`, `elements`, `sessions`,
    /// `split-brain`, `leadership`, `availability`.
    pub checker: String,
    /// [`Verdict::Pass`], [`Verdict::Violation`], or [`Verdict::Inconclusive`] when the checker could not decide.
    pub verdict: Verdict,
    /// One short sentence: what holds, what broke, or how far the checker got. What proves it is in `proofs`.
    pub summary: String,
    /// What proves a violation, the clearest proof first. Empty unless the verdict is a violation.
    pub proofs: Vec<Proof>,
    /// How many further proofs were found and left out of `proofs`, which is bounded.
    pub proofs_left_out: usize,
}

impl Judgement {
    /// A judgement that its summary says all about.
    pub fn without_proofs(checker: &str, verdict: Verdict, summary: impl Into<String>) -> Self {
        Self { checker: checker.to_owned(), verdict, summary: summary.into(), proofs: Vec::new(), proofs_left_out: 0 }
    }
}

/// A few operations that together cannot be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// The key they are about, where the history has keys.
    pub key: Option<String>,
    /// The proof in plain words.
    pub sentence: String,
    /// Indices into [`History::operations`](crate::history::History::operations), in the order they are told.
    pub operations: Vec<usize>,
    /// A small drawing for the terminal, one line per operation on a common time axis.
    pub drawing: String,
}

/// The first of each kind, then the second of each, and so on, so that the first few show what kinds there are.
pub(crate) fn by_turns<T, K: Copy + Ord>(told: &[T], kind: impl Fn(&T) -> K) -> Vec<&T> {
    let mut turns: BTreeMap<K, u64> = BTreeMap::new();
    let mut ranked: Vec<(u64, K, &T)> = Vec::with_capacity(told.len());
    for one in told {
        let turn = turns.entry(kind(one)).or_default();
        ranked.push((*turn, kind(one), one));
        *turn += 1;
    }
    ranked.sort_by_key(|&(turn, kind, _)| (turn, kind));
    ranked.into_iter().map(|(_, _, one)| one).collect()
}
