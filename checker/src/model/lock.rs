//! A lock that one process holds at a time, and a lease, which may lapse at any time; both with fencing tokens.
//!
//! - `acquire`, if it answers a number, tells the *fencing token* of this holding: greater than every token before.
//! - `release` gives it back. Of a lock only its holder can; a lease may have lapsed, so anybody's is accepted.
//! - `use` is an access, with the token that it shows, to a resource that refuses tokens lower than it has seen.
//!
//! A lock is acquired only while nobody holds it. A lease may lapse and pass on whatever its holder believes; that tokens
//! grow, and that the resource looks at them, is all that it promises. After Kleppmann, *How to do distributed locking*
//! (2016), and Burrows, *The Chubby lock service* (OSDI 2006), whose sequencers these tokens are.

use super::{Effect, Model, Told, unknown};
use crate::history::{Operation, Outcome, Value};

/// What is done to a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// This process holds it from now on, with the token that it was told, if it was.
    Acquire(u64, Option<i64>),
    /// This process no longer holds it.
    Release(u64),
    /// The resource accepted this token.
    Use(i64),
}

/// What is known of a lock and of the resource behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct State {
    holder: Option<u64>,
    /// The greatest token that was told.
    granted: Option<i64>,
    /// The greatest token that the resource has seen.
    seen: Option<i64>,
}

/// The specification.
#[derive(Clone, Copy)]
pub(crate) enum Lock {
    /// Nobody acquires it while it is held.
    Held,
    /// It lapses.
    Lease,
}

impl Lock {
    pub(crate) fn told(operation: &Operation) -> Told<Action> {
        let process = operation.process;
        let action = match (operation.function.name(), operation.outcome, &operation.output) {
            ("acquire" | "release" | "use", Outcome::Fail, _) => return Ok(None),
            ("acquire", Outcome::Ok, &Value::Int(token)) => Action::Acquire(process, Some(token)),
            ("acquire", _, _) => Action::Acquire(process, None),
            ("release", _, _) => Action::Release(process),
            ("use", _, _) => match operation.input {
                Value::Int(token) => Action::Use(token),
                ref other => return Err(format!("a use has the value {other}; expected a fencing token, a number")),
            },
            _ => return refused(operation),
        };
        Ok(Some(action))
    }
}

fn refused(operation: &Operation) -> Told<Action> {
    unknown(operation, "a lock knows `acquire`, `release` and `use`")
}

impl Model for Lock {
    type State = State;
    type Action = Action;

    fn initial(&self) -> State {
        State::default()
    }

    fn step(&self, state: &State, action: &Action) -> Option<State> {
        let is_lease = matches!(self, Self::Lease);
        match *action {
            Action::Acquire(process, token) => {
                let is_free = is_lease || state.holder.is_none();
                let is_greater = token.is_none() || token > state.granted;
                let granted = token.or(state.granted);
                (is_free && is_greater).then_some(State { holder: Some(process), granted, ..*state })
            }
            Action::Release(process) if state.holder == Some(process) => Some(State { holder: None, ..*state }),
            Action::Release(_) => is_lease.then_some(*state),
            Action::Use(token) => (Some(token) >= state.seen).then_some(State { seen: Some(token), ..*state }),
        }
    }

    fn effect(&self, action: &Action) -> Effect {
        match (self, action) {
            (Self::Lease, Action::Acquire(_, None) | Action::Release(_)) => Effect::Always,
            _ => Effect::Depends,
        }
    }

    fn forget(&self, action: &Action) -> Action {
        match *action {
            Action::Acquire(process, _) => Action::Acquire(process, None),
            other => other,
        }
    }

    fn show(&self, state: &State) -> String {
        match state.holder {
            Some(process) => format!("held by process {process}"),
            None => "free".to_owned(),
        }
    }
}
