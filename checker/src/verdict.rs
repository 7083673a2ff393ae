//! The four verdicts of a run, and the exit codes they become. Which verdict a run deserves is decided elsewhere.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a run, or a check of a stored history, ends with. The four are never confused with each other.
///
/// The order is one of precedence: when several apply, the greatest is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every promise that was checked holds, and the run did what it claims to have done.
    Pass,
    /// A budget ran out, or the run did not exercise what it claims: it says nothing about the system.
    Inconclusive,
    /// The system broke a promise.
    Violation,
    /// The harness failed, or its input could not be read.
    HarnessError,
}

impl Verdict {
    /// The process exit code: 0, 1, 2 or 3.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Violation => 1,
            Self::Inconclusive => 2,
            Self::HarnessError => 3,
        }
    }

    /// The verdict of several parts together.
    ///
    /// ```
    /// use interregnum_checker::verdict::Verdict;
    /// assert_eq!(Verdict::Pass.and(Verdict::Inconclusive), Verdict::Inconclusive);
    /// assert_eq!(Verdict::Violation.and(Verdict::Inconclusive), Verdict::Violation);
    /// ```
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.max(other)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Inconclusive => "inconclusive",
            Self::Violation => "violation",
            Self::HarnessError => "harness error",
        })
    }
}
