//! The answers that tell which node gave them and under which epoch, in the order of real time. It judges none of them.

use std::iter;

use crate::history::{History, Operation, Outcome};

/// An operation of known outcome whose answer tells its node and epoch.
#[derive(Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub(crate) node: &'a str,
    pub(crate) epoch: u64,
    pub(crate) operation: usize,
    pub(crate) is_acknowledged_write: bool,
    /// The ranks of its ends, see [`Moment`](crate::history::Moment).
    pub(crate) invoked: u64,
    pub(crate) completed: u64,
}

impl<'a> Answer<'a> {
    /// All that a history has, in order of invocation.
    pub(crate) fn all(history: &'a History) -> impl Iterator<Item = Self> {
        history.operations().iter().enumerate().filter_map(Self::of)
    }

    fn of((operation, told): (usize, &'a Operation)) -> Option<Self> {
        Some(Self {
            node: told.node.as_deref()?,
            epoch: told.epoch?,
            operation,
            is_acknowledged_write: told.outcome == Outcome::Ok && told.function.is_write(),
            invoked: told.invoked.order,
            completed: told.completed?.order,
        })
    }
}

/// One end of an operation.
pub(crate) enum End<'a> {
    Invoked(&'a Answer<'a>),
    Completed(&'a Answer<'a>),
}

/// The ends of answered operations in the order of real time, up to the last invocation. When one is invoked, those that
/// precede it are those whose completion has come before: of one and the same moment invocations come first.
pub(crate) fn in_real_time<'a>(by_invocation: &'a [Answer<'a>]) -> impl Iterator<Item = End<'a>> {
    let mut by_completion: Vec<&Answer<'_>> = by_invocation.iter().collect();
    by_completion.sort_by_key(|answer| answer.completed);
    let mut completed = by_completion.into_iter().peekable();
    let mut invoked = by_invocation.iter().peekable();
    iter::from_fn(move || {
        let next = invoked.peek()?.invoked;
        let before = completed.next_if(|answer| answer.completed < next).map(End::Completed);
        before.or_else(|| invoked.next().map(End::Invoked))
    })
}
