//! The fates of appends to one list. What counts as which fate is said in [`super`].

use std::collections::{HashMap, HashSet};

use super::{AnomalyKind, Audit, Key};
use crate::history::{Outcome, Value};

/// The attempts to append one element.
#[derive(Default)]
struct Attempts {
    /// How many of them happened or may have.
    possible: u64,
    /// The last one.
    last: usize,
}

pub(super) fn check(audit: &mut Audit<'_>, key: &Key<'_>) {
    // A read of anything but a list shows no element.
    let shown = match &audit.operation(key.final_read).output {
        Value::List(elements) => elements.as_slice(),
        _ => &[],
    };
    let mut times: HashMap<&Value, u64> = HashMap::new();
    for element in shown {
        *times.entry(element).or_default() += 1;
    }
    let mut attempts: HashMap<&Value, Attempts> = HashMap::new();
    for &index in &key.writes {
        let append = audit.operation(index);
        let attempts = attempts.entry(&append.input).or_default();
        attempts.last = index;
        attempts.possible += u64::from(append.outcome != Outcome::Fail);
    }
    for &index in &key.writes {
        let append = audit.operation(index);
        let is_shown = times.contains_key(&append.input);
        let counts = &mut audit.found.counts;
        match append.outcome {
            Outcome::Ok if is_shown => counts.present += 1,
            Outcome::Ok => audit.lost(key, index),
            Outcome::Info if is_shown => counts.unacknowledged_present += 1,
            Outcome::Info => counts.unacknowledged_absent += 1,
            Outcome::Fail if is_shown && attempts[&append.input].possible == 0 => {
                audit.anomaly(key, AnomalyKind::Ghost, &append.input, Some(index));
            }
            Outcome::Fail => counts.refused += 1,
        }
    }
    let mut told = HashSet::new();
    for element in shown.iter().filter(|&element| told.insert(element)) {
        match attempts.get(element) {
            None => audit.anomaly(key, AnomalyKind::Phantom, element, None),
            Some(attempts) if times[element] > attempts.possible.max(1) => {
                audit.anomaly(key, AnomalyKind::Duplicated, element, Some(attempts.last));
            }
            Some(_) => {}
        }
    }
}
