//! What sessions were shown, told as a judgement. It judges no read.

use super::{Counts, Guarantee, Sessions, Violation};
use crate::drawing;
use crate::history::{History, Operation};
use crate::judgement::{Judgement, Proof, by_turns};
use crate::verdict::Verdict;
use crate::wording::{Sentence, count, was_over};

/// The most proofs that a judgement holds.
const MOST_PROOFS: usize = 10;

impl Sessions {
    /// The answer under the checker's word, `sessions`: a violation if any guarantee is broken.
    ///
    /// It is inconclusive if a key could not be judged, or if there was nothing to judge.
    #[must_use]
    pub fn judgement(&self, history: &History) -> Judgement {
        let total = |number: fn(&Counts) -> u64| self.counts.values().map(number).sum::<u64>();
        let (judged, broken) = (total(|counts| counts.judged), total(|counts| counts.broken));
        let (verdict, summary) = if broken > 0 {
            (Verdict::Violation, self.tally())
        } else if self.undecided_keys > 0 {
            (Verdict::Inconclusive, self.tally())
        } else if judged == 0 {
            (Verdict::Inconclusive, "no process read after it had written or read, so nothing was judged".to_owned())
        } else {
            (Verdict::Pass, self.tally())
        };
        let clearest = by_turns(&self.violations, |violation| violation.guarantee).into_iter().take(MOST_PROOFS);
        let proofs: Vec<Proof> = clearest.map(|violation| violation.proof(history)).collect();
        let proofs_left_out = broken as usize - proofs.len();
        Judgement { checker: "sessions".to_owned(), verdict, summary, proofs, proofs_left_out }
    }

    /// `read your writes broken by 2 of 40 reads; monotonic reads held in 38 reads`, of those that were judged.
    fn tally(&self) -> Sentence {
        let told = |(guarantee, counts): (&Guarantee, &Counts)| match *counts {
            Counts { judged: 0, .. } => None,
            Counts { judged, broken: 0 } => Some(format!("{guarantee} held in {}", count(judged, "read"))),
            Counts { judged, broken } => Some(format!("{guarantee} broken by {broken} of {}", count(judged, "read"))),
        };
        let undecided = self
            .why_undecided
            .as_ref()
            .map(|why| format!("{} not decided, of which the first: {why}", count(self.undecided_keys, "key")));
        self.counts.iter().filter_map(told).chain(undecided).collect::<Vec<_>>().join("; ")
    }
}

impl Violation {
    fn proof(&self, history: &History) -> Proof {
        let drawing = drawing::draw(history, &self.operations);
        Proof { key: self.key.clone(), sentence: self.sentence.clone(), operations: self.operations.clone(), drawing }
    }
}

/// That it was over, told by the process that did it: `it had read 57 at 3.112 s`,
/// `its own write of 57 had been acknowledged`.
pub(super) fn in_its_own_past(operation: &Operation) -> Sentence {
    let process = operation.process;
    let told = was_over(operation);
    let own = told.strip_prefix(&format!("process {process}'s ")).map(|told| format!("its own {told}"));
    own.or_else(|| told.strip_prefix(&format!("process {process} ")).map(|told| format!("it {told}"))).unwrap_or(told)
}
