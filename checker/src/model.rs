//! Sequential specifications: what an object does when one client uses it at a time. They know no history.

pub(crate) mod multi_register;
pub(crate) mod register;

/// A sequential specification.
pub(crate) trait Model {
    /// What the object holds.
    type State: Clone + Ord;
    /// What was done to it and what was answered.
    type Action: Clone + Ord;

    /// What the object holds before anything was done.
    fn initial(&self) -> Self::State;

    /// What it holds after the action, or `None` if it would not have answered so.
    fn step(&self, state: &Self::State, action: &Self::Action) -> Option<Self::State>;

    /// Whether the action leaves every state as it is.
    fn is_read(&self, action: &Self::Action) -> bool;
}
