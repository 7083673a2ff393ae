//! Whether two leaders acknowledged writes at once.

use crate::history::History;
use crate::judgement::Judgement;
use crate::verdict::Verdict;

/// What the acknowledgements tell of who led.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SplitBrain {}

/// Looks at every acknowledged write that tells its node and epoch.
#[must_use]
pub fn check(history: &History) -> SplitBrain {
    let _ = history;
    SplitBrain {}
}

impl SplitBrain {
    /// The answer under the checker's word, `split-brain`.
    #[must_use]
    pub fn judgement(&self, history: &History) -> Judgement {
        let _ = history;
        Judgement {
            checker: "split-brain".to_owned(),
            verdict: Verdict::Inconclusive,
            summary: "nothing was decided".to_owned(),
            proofs: Vec::new(),
            proofs_left_out: 0,
        }
    }
}
