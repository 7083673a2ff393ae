//! The fates of the elements of one list or set. What counts as which fate is said in [`super`].

use std::collections::{HashMap, HashSet};

use super::{AnomalyKind, Audit, Key};
use crate::collection::Collection;
use crate::history::{Outcome, Value};

/// The attempts to write one element.
#[derive(Default)]
struct Attempts {
    /// How many of them happened or may have.
    possible: u64,
    /// The last one.
    last: usize,
}

pub(super) fn check(audit: &mut Audit<'_>, key: &Key<'_>, collection: Collection) {
    // A read that returned anything but a list shows no element.
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
        let write = audit.operation(index);
        let attempts = attempts.entry(&write.input).or_default();
        attempts.last = index;
        attempts.possible += u64::from(write.outcome != Outcome::Fail);
    }
    for &index in &key.writes {
        let write = audit.operation(index);
        let is_shown = times.contains_key(&write.input);
        let counts = &mut audit.found.counts;
        match write.outcome {
            Outcome::Ok if is_shown => counts.present += 1,
            Outcome::Ok => audit.lost(key, index),
            Outcome::Info if is_shown => counts.unacknowledged_present += 1,
            Outcome::Info => counts.unacknowledged_absent += 1,
            Outcome::Fail if is_shown && attempts[&write.input].possible == 0 => {
                audit.anomaly(key, AnomalyKind::Ghost, &write.input, Some(index));
            }
            Outcome::Fail => counts.refused += 1,
        }
    }
    let mut told = HashSet::new();
    for element in shown.iter().filter(|&element| told.insert(element)) {
        match attempts.get(element) {
            None => audit.anomaly(key, AnomalyKind::Phantom, element, None),
            Some(attempts) if times[element] > collection.most_times(attempts.possible) => {
                audit.anomaly(key, AnomalyKind::Duplicated, element, Some(attempts.last));
            }
            Some(_) => {}
        }
    }
}
