//! Sequential specifications: what an object does when one client uses it at a time. They know no time and no order.

pub(crate) mod counter;
pub(crate) mod key_value;
pub(crate) mod list;
pub(crate) mod lock;
pub(crate) mod multi_register;
pub(crate) mod queue;
pub(crate) mod register;
pub(crate) mod set;

use std::hash::Hash;

use crate::history::Operation;

/// A sequential specification: a state, and what each action makes of it.
///
/// An *action* is what an operation did together with what it was answered: a read that returned 7 is another action than
/// one that returned 8. Models that say more about their actions ([`effect`](Self::effect)) are decided faster, not
/// otherwise.
///
/// ```
/// use interregnum_checker::model::{Effect, Model};
///
/// /// A switch that is off at first.
/// struct Switch;
///
/// #[derive(Clone, PartialEq, Eq, Hash)]
/// enum Action {
///     TurnOn,
///     Read(bool),
/// }
///
/// impl Model for Switch {
///     type State = bool;
///     type Action = Action;
///
///     fn initial(&self) -> bool {
///         false
///     }
///
///     fn step(&self, &is_on: &bool, action: &Action) -> Option<bool> {
///         match action {
///             Action::TurnOn => Some(true),
///             Action::Read(answer) => (*answer == is_on).then_some(is_on),
///         }
///     }
///
///     fn effect(&self, action: &Action) -> Effect {
///         match action {
///             Action::TurnOn => Effect::Overwrites,
///             Action::Read(_) => Effect::Reads,
///         }
///     }
///
///     fn show(&self, is_on: &bool) -> String {
///         if *is_on { "on" } else { "off" }.to_owned()
///     }
/// }
/// ```
pub trait Model: Sync {
    /// What the object holds.
    type State: Clone + Eq + Hash + Send;
    /// What was done to it and what was answered.
    type Action: Clone + Eq + Hash + Send + Sync;

    /// What the object holds before anything was done.
    fn initial(&self) -> Self::State;

    /// What it holds after the action, or `None` if it would not have answered so.
    fn step(&self, state: &Self::State, action: &Self::Action) -> Option<Self::State>;

    /// Whether it would have answered so: whether [`step`](Self::step) is `Some`.
    fn accepts(&self, state: &Self::State, action: &Self::Action) -> bool {
        self.step(state, action).is_some()
    }

    /// What is known of the action in every state.
    fn effect(&self, _action: &Self::Action) -> Effect {
        Effect::Depends
    }

    /// The action if its answer were not known, as if it had never been answered. A counterexample is made smaller by
    /// forgetting what it does not need.
    fn forget(&self, action: &Self::Action) -> Self::Action {
        action.clone()
    }

    /// What the object holds, in a word for people.
    fn show(&self, state: &Self::State) -> String;

    /// About how many bytes a state takes, for the budget of memory.
    fn size_bytes(&self, _state: &Self::State) -> usize {
        size_of::<Self::State>()
    }
}

/// What an action does in every state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It leaves each state that accepts it as it is.
    Reads,
    /// Every state accepts it, and it leaves the same one whatever was there before.
    Overwrites,
    /// Every state accepts it.
    Always,
    /// It depends on the state.
    Depends,
}

/// What operations did, in the terms of a model: `None` says nothing. An error says why an operation is none of the model's.
pub(crate) type Told<A> = Result<Option<A>, String>;

/// Refuses an operation whose function a model does not know.
pub(crate) fn unknown<A>(operation: &Operation, knows: &str) -> Told<A> {
    Err(format!("the function `{}` is unknown here; {knows}", operation.function))
}
