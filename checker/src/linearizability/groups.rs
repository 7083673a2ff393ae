//! Real time against an order that the values fix. Shared by registers and lists; it knows neither.

/// One end of some operation's interval. `operation` is `None` for what was there before the history began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) at: u64,
    pub(crate) operation: Option<usize>,
}

/// Operations that may stand in any order among themselves, known by the two ends that matter to everyone else.
///
/// One of them must precede an outsider iff `first_end` is before the outsider's start, and one of them must follow it
/// iff the outsider's end is before `last_start`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    /// The earliest completion; at `u64::MAX` if there is none.
    pub(super) first_end: End,
    /// The latest invocation; at 0 if there is none.
    pub(super) last_start: End,
}

impl Group {
    /// No operation.
    pub(super) const EMPTY: Self =
        Self { first_end: End { at: u64::MAX, operation: None }, last_start: End { at: 0, operation: None } };
    /// What was there before the history began, at rank 0; invocations have ranks from 1.
    pub(super) const INITIAL: Self =
        Self { first_end: End { at: 0, operation: None }, last_start: End { at: 0, operation: None } };

    /// An operation by itself.
    pub(super) fn of(operation: usize, start: u64, end: u64) -> Self {
        let end_at = |at| End { at, operation: Some(operation) };
        Self { first_end: end_at(end), last_start: end_at(start) }
    }

    /// Both groups as one.
    pub(super) fn merged(mut self, other: Self) -> Self {
        self.merge(other);
        self
    }

    /// Takes in another group.
    pub(super) fn merge(&mut self, other: Self) {
        if other.first_end.at < self.first_end.at {
            self.first_end = other.first_end;
        }
        if other.last_start.at > self.last_start.at {
            self.last_start = other.last_start;
        }
    }
}

/// `behind` ended before `ahead` began, though the values put `ahead` first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inversion {
    pub(super) ahead: usize,
    pub(super) behind: usize,
}

/// Groups in the order that the values fix.
///
/// It agrees with real time iff no operation ends before one of an earlier group begins: if none does, sorting by group
/// and then by start is an order that keeps both. So each new group has to be compared with the latest start so far only.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sequence {
    whole: Group,
}

impl Sequence {
    pub(super) fn new() -> Self {
        Self { whole: Group::EMPTY }
    }

    /// One that begins with this group.
    pub(super) fn of(whole: Group) -> Self {
        Self { whole }
    }

    /// Puts a group behind all others.
    pub(super) fn push(&mut self, group: Group) -> Result<(), Inversion> {
        match (self.whole.last_start, group.first_end) {
            (End { at: start, operation: Some(ahead) }, End { at: end, operation: Some(behind) }) if end < start => {
                Err(Inversion { ahead, behind })
            }
            _ => {
                self.whole.merge(group);
                Ok(())
            }
        }
    }

    /// All of it as one group.
    pub(super) fn whole(&self) -> Group {
        self.whole
    }
}
