//! How a run can fail to pass, as a test sees it.

use std::fmt;

use interregnum_checker::verdict::Verdict;

use crate::report::{Report, terminal};

/// A run that did not pass. `Debug` prints what a person needs, because that is what `cargo test` shows of a test that
/// returns an error.
pub enum Error {
    /// The run ended with another verdict than `pass`.
    Verdict(Box<Report>),
    /// The harness failed; the run says nothing about the system.
    Harness(anyhow::Error),
}

/// What a test returns: see [`Error`].
pub type Result<T = ()> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn harness(error: anyhow::Error) -> Self {
        Self::Harness(error)
    }

    /// The verdict that it stands for; never `pass`.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Verdict(report) => report.overall(),
            Self::Harness(_) => Verdict::HarnessError,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verdict(report) => f.write_str(&terminal::failure(report)),
            Self::Harness(error) => write!(f, "harness error: {error:#}"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}
