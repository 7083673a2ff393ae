//! What sets a step off. Anything but a time ties a fault to what the cluster does, so that it strikes the same moment on another
//! machine.

use std::fmt;

use regex::Regex;

/// The moment that a step waits for. All of them count from when the clients are being served.
#[derive(Clone, Debug)]
pub enum Trigger {
    /// So many milliseconds later.
    At(u64),
    /// Clients have had so many acknowledgements.
    AfterAcknowledged(u64),
    /// So many leaders have been seen, the one who leads in the beginning included: 2 is the first change of leader. The same node
    /// in a later epoch is another leader.
    OnLeader(u64),
    /// A node prints a line that this expression matches.
    OnLog(Regex),
    /// A node reaches a named place in its code, and stops itself there until the step has struck. The system says which places it has
    /// ([`System::pause_points`](crate::system::System::pause_points)). Target [`AtPausePoint`](crate::target::Target::AtPausePoint) is
    /// that node.
    OnPausePoint {
        /// The place.
        point: String,
        /// While this leader leads; the one who leads in the beginning is 1. The nodes count for themselves who became leader.
        leader: u64,
        /// The time that any node reaches it, counted from when the clients are being served and this leader leads.
        times: u64,
    },
}

impl Trigger {
    /// The expression that a line must match.
    ///
    /// ```
    /// use interregnum::prelude::*;
    /// let trigger = Trigger::on_log("elected|promoted")?;
    /// assert!(Trigger::on_log("(").is_err());
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_log(expression: &str) -> Result<Self, regex::Error> {
        Regex::new(expression).map(Self::OnLog)
    }

    /// The first time that a node reaches this place while the first leader leads.
    #[must_use]
    pub fn on_pause_point(point: &str) -> Self {
        Self::OnPausePoint { point: point.to_owned(), leader: 1, times: 1 }
    }

    /// The time, if it is one.
    pub(crate) fn at_ms(&self) -> Option<u64> {
        match self {
            Self::At(at_ms) => Some(*at_ms),
            _ => None,
        }
    }
}

/// Expressions are compared as they are written.
impl PartialEq for Trigger {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::At(a), Self::At(b))
            | (Self::AfterAcknowledged(a), Self::AfterAcknowledged(b))
            | (Self::OnLeader(a), Self::OnLeader(b)) => a == b,
            (Self::OnLog(a), Self::OnLog(b)) => a.as_str() == b.as_str(),
            (
                Self::OnPausePoint { point, leader, times },
                Self::OnPausePoint { point: other_point, leader: other_leader, times: other_times },
            ) => (point, leader, times) == (other_point, other_leader, other_times),
            _ => false,
        }
    }
}

impl Eq for Trigger {}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(at_ms) => write!(f, "at {at_ms} ms"),
            Self::AfterAcknowledged(count) => write!(f, "after {count} acknowledgements"),
            Self::OnLeader(count) => write!(f, "on leader {count}"),
            Self::OnPausePoint { point, leader, times } => {
                write!(f, "at {point}, reached for time {times} under leader {leader}")
            }
            Self::OnLog(expression) => write!(f, "on a log line that matches `{expression}`"),
        }
    }
}
