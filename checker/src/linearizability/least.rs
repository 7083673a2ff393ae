//! Leaves out of a contradiction what it does not need. It decides nothing that its caller did not decide.

use super::explain::Contradiction;
use crate::history::History;
use crate::judgement::Proof;

/// The most operations of a contradiction that are tried one by one. Only circles of compare-and-set have more, and of
/// these each operation is needed.
const MOST_TRIED: usize = 16;

/// A contradiction, and those of its operations that it needs.
///
/// An operation is not needed if what is left is a contradiction with all others *forgotten*: all that is known of these is
/// that they were attempted, as if they had been invoked before all others and never answered. Those that began only when
/// the last of the needed ones had ended are no part of it.
pub(super) struct Least {
    contradiction: Contradiction,
    needed: Vec<usize>,
}

impl Least {
    /// `needed` are operations that are enough for a contradiction; `end` tells when they are over, and `among` looks for one
    /// among fewer, all others forgotten, in the calls begun until then. What it cannot do without, it cannot do without
    /// later either, when still more is forgotten; so one look at each is enough, until the end moves.
    pub(super) fn of(
        contradiction: Contradiction,
        needed: Vec<usize>,
        end: impl Fn(&[usize]) -> u64,
        among: impl Fn(&[usize], u64) -> Option<Contradiction>,
    ) -> Self {
        let mut least = Self { contradiction, needed };
        let mut until = u64::MAX;
        while least.needed.len() <= MOST_TRIED && end(&least.needed) < until {
            until = end(&least.needed);
            if let Some(contradiction) = among(&least.needed, until) {
                least.contradiction = contradiction;
            }
            for operation in least.needed.clone() {
                let rest: Vec<usize> = least.needed.iter().copied().filter(|&other| other != operation).collect();
                if let Some(contradiction) = among(&rest, until) {
                    least = Self { contradiction, needed: rest };
                }
            }
        }
        let told = least.contradiction.operations();
        let is_pair = matches!(least.contradiction, Contradiction::Inverted(_) | Contradiction::ShownEarly { .. });
        if is_pair && told.contains(&least.needed[0]) && among(&least.needed, end(&told)).is_none() {
            // Nobody had written the value by then; who did it later is what a reader wants to see.
            least.needed = told;
        }
        least
    }

    /// The proof, for a history's key.
    pub(super) fn proof(&self, history: &History, key: Option<&str>) -> Proof {
        let told = self.contradiction.operations();
        // What is only evidence that another one happened is told first.
        let evidence = self.needed.iter().copied().filter(|operation| !told.contains(operation));
        let needed = told.iter().copied().filter(|operation| self.needed.contains(operation));
        let beside = self.contradiction.beside().into_iter();
        self.contradiction.proof(history, key, beside.chain(evidence).chain(needed))
    }
}
