//! The fates of writes to one register. What counts as which fate is said in [`super`].

use super::{AnomalyKind, Audit, Key, written};
use crate::history::{Operation, Outcome, Value};

/// Where the final value can have come from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    /// It was there before the history, and nobody wrote it.
    Initial,
    /// Every operation that wrote it, or may have, had ended by this rank.
    EndedAt(u64),
    /// An operation of unknown outcome may have written it at any time.
    Unknown,
    /// Only operations that were refused would have written it.
    Refused,
    /// Nobody tried to write it.
    Nowhere,
}

pub(super) fn check(audit: &mut Audit<'_>, key: &Key<'_>) {
    let final_value = &audit.operation(key.final_read).output;
    let origin = Origin::of(final_value, key.writes.iter().map(|&index| audit.operation(index)));
    if origin == Origin::Nowhere {
        audit.anomaly(key, AnomalyKind::Phantom, final_value, None);
    }
    for &index in &key.writes {
        let write = audit.operation(index);
        let is_shown = written(write) == final_value;
        let counts = &mut audit.found.counts;
        match write.outcome {
            Outcome::Ok if is_shown => counts.present += 1,
            Outcome::Ok if origin < Origin::EndedAt(write.invoked.order) => audit.lost(key, index),
            Outcome::Ok => counts.overwritten += 1,
            Outcome::Info if is_shown => counts.unacknowledged_present += 1,
            Outcome::Info => counts.unacknowledged_absent += 1,
            Outcome::Fail if is_shown && origin == Origin::Refused => {
                audit.anomaly(key, AnomalyKind::Ghost, final_value, Some(index));
            }
            Outcome::Fail => counts.refused += 1,
        }
    }
}

impl Origin {
    /// The latest that it can have been.
    fn of<'a>(final_value: &Value, writes: impl Iterator<Item = &'a Operation>) -> Self {
        let initial = (*final_value == Value::Nil).then_some(Self::Initial);
        let (refused, possible): (Vec<_>, Vec<_>) =
            writes.filter(|write| written(write) == final_value).partition(|write| write.outcome == Outcome::Fail);
        let ended =
            |write: &Operation| write.completed.map_or(Self::Unknown, |completed| Self::EndedAt(completed.order));
        let fallback = if refused.is_empty() { Self::Nowhere } else { Self::Refused };
        possible.into_iter().map(ended).chain(initial).max().unwrap_or(fallback)
    }
}
