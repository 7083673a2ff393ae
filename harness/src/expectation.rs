//! The promises that a test can hold a run to, by name.

/// A promise, or a demand on the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Expectation {
    /// See [`linearizable`].
    Linearizable,
    /// See [`no_lost_writes`].
    NoLostWrites,
    /// See [`no_split_brain`].
    NoSplitBrain,
    /// See [`session_guarantees`].
    SessionGuarantees,
    /// See [`epochs_only_grow`].
    EpochsOnlyGrow,
    /// See [`replicas_agree`].
    ReplicasAgree,
    /// See [`leader_changed`].
    LeaderChanged(usize),
}

/// Every operation seems to happen at one moment between its invocation and its completion (Herlihy & Wing, 1990).
#[must_use]
pub fn linearizable() -> Expectation {
    Expectation::Linearizable
}

/// Every acknowledged write is there in the end, once, and nothing that was refused or never asked for.
#[must_use]
pub fn no_lost_writes() -> Expectation {
    Expectation::NoLostWrites
}

/// No leader acknowledges a write after a newer one has.
#[must_use]
pub fn no_split_brain() -> Expectation {
    Expectation::NoSplitBrain
}

/// No client sees its own view go back: the four session guarantees (Terry et al., 1994).
#[must_use]
pub fn session_guarantees() -> Expectation {
    Expectation::SessionGuarantees
}

/// No node tells a smaller epoch than it has told before.
#[must_use]
pub fn epochs_only_grow() -> Expectation {
    Expectation::EpochsOnlyGrow
}

/// When everything has healed, all nodes hold the same.
#[must_use]
pub fn replicas_agree() -> Expectation {
    Expectation::ReplicasAgree
}

/// Leadership passed on at least `times` times. This is a demand on the run: one that does not meet it is inconclusive.
#[must_use]
pub fn leader_changed(times: usize) -> Expectation {
    Expectation::LeaderChanged(times)
}

impl Expectation {
    /// The checker whose judgement this is about; a demand on the run has none.
    pub(crate) fn checker(self) -> Option<&'static str> {
        match self {
            Self::Linearizable => Some("linearizable"),
            Self::NoLostWrites => Some("lost-writes"),
            Self::NoSplitBrain => Some("split-brain"),
            Self::SessionGuarantees => Some("sessions"),
            Self::EpochsOnlyGrow => Some("leadership"),
            Self::ReplicasAgree => Some("replicas-agree"),
            Self::LeaderChanged(_) => None,
        }
    }
}
