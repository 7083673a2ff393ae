//! What a person asks of a run while it goes on: the nemesis does it between the steps of its schedule.

use tokio::sync::mpsc;

use crate::fault::Fault;
use crate::target::Target;

/// More than a person can ask for before the nemesis looks.
const MOST_WAITING: usize = 64;

/// One wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// This fault, on whom the target stands for now, until it is healed.
    Strike(Fault, Target),
    /// Every fault is undone now.
    Heal,
    /// The load has lasted long enough.
    End,
}

/// Where orders come from.
#[derive(Debug)]
pub(crate) struct Orders(Option<mpsc::Receiver<Order>>);

impl Orders {
    /// A run that nobody steers.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// A run that is steered by whoever has the other end; when that is dropped, nobody does any more.
    pub(crate) fn channel() -> (mpsc::Sender<Order>, Self) {
        let (sender, receiver) = mpsc::channel(MOST_WAITING);
        (sender, Self(Some(receiver)))
    }

    /// Whether somebody steers, or did.
    pub(crate) fn are_taken(&self) -> bool {
        self.0.is_some()
    }

    /// Waits for the next one. Nothing is lost if the wait is given up.
    pub(crate) async fn next(&mut self) -> Order {
        if let Some(receiver) = &mut self.0
            && let Some(order) = receiver.recv().await
        {
            return order;
        }
        std::future::pending().await
    }
}
