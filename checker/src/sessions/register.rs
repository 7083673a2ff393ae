//! The sessions of one register. What counts as broken is said in [`super`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::telling::in_its_own_past;
use super::{Audit, Guarantee};
use crate::history::History;
use crate::linearizability::Options;
use crate::linearizability::calls::{self, Call};
use crate::model::register::{Action, INITIAL};
use crate::numbers::ValueId;
use crate::versions::{Versions, parts};
use crate::wording::{at, noun, observation, observed};

/// Fails, saying why, on operations that are none of a register's, and on values that have no order.
pub(super) fn check(audit: &mut Audit<'_>, operations: &[usize]) -> Result<(), String> {
    let options = Options::default();
    let register = calls::of_register(audit.history, operations, &options)?;
    let versions = &Versions::of(audit.history, &register)?;
    let mut sessions: BTreeMap<u64, Session<'_>> = BTreeMap::new();
    // What has no known outcome was told to nobody, and ends its session.
    for call in register.calls.iter().filter(|call| call.is_certain()) {
        let session = sessions.entry(audit.history.operations()[call.operation].process).or_default();
        session.settle(versions, call.start);
        if let (Some(seen), _) = parts(call.action) {
            let past = [(Guarantee::ReadYourWrites, &session.writes), (Guarantee::MonotonicReads, &session.reads)];
            for (guarantee, past) in past {
                let Some(newest) = past.newest else { continue };
                let read = call.operation;
                let step = past.newer_than(versions, seen, newest).map(|before| StepBack { read, seen, before });
                let breach = step.map(|step| move |history: &History| step.tell(history, versions));
                audit.judge(guarantee, read, breach);
            }
        }
        session.recent.push_back(call);
    }
    Ok(())
}

#[derive(Default)]
struct Session<'a> {
    writes: Past,
    reads: Past,
    /// What it did last, which may have ended in the nanosecond in which its next operation began: the two are
    /// concurrent.
    recent: VecDeque<&'a Call<Action>>,
}

impl Session<'_> {
    /// Takes in what had ended before this.
    fn settle(&mut self, versions: &Versions, start: u64) {
        while let Some(call) = self.recent.pop_front_if(|call| call.end < start) {
            let (seen, made) = parts(call.action);
            for (past, value) in [(&mut self.reads, seen), (&mut self.writes, made)] {
                if let Some(value) = value {
                    past.add(versions, Seen { value, operation: call.operation });
                }
            }
        }
    }
}

/// A version that the session wrote or read, and by which operation.
#[derive(Clone, Copy)]
struct Seen {
    value: ValueId,
    operation: usize,
}

/// The versions that a session wrote, or that it read.
#[derive(Default)]
struct Past {
    /// The one that was begun last: if any of them was begun after a version was known, this one was.
    newest: Option<Seen>,
    /// All of them by place, which tells of chains of cas.
    by_place: BTreeMap<usize, Seen>,
}

impl Past {
    fn add(&mut self, versions: &Versions, seen: Seen) {
        let begun = |seen: Seen| versions.get(seen.value).begun.at;
        if self.newest.is_none_or(|newest| begun(newest) <= begun(seen)) {
            self.newest = Some(seen);
        }
        self.by_place.insert(versions.get(seen.value).place, seen);
    }

    /// One of them that the version is certainly older than, if there is one.
    fn newer_than(&self, versions: &Versions, value: ValueId, newest: Seen) -> Option<Seen> {
        let is_begun_after = versions.get(value).known.at < versions.get(newest.value).begun.at;
        let behind = versions.places_behind(value);
        let made_from_it = || (!behind.is_empty()).then(|| self.by_place.range(behind).next()).flatten();
        if is_begun_after { Some(newest) } else { made_from_it().map(|(_, &seen)| seen) }
    }
}

/// A read of an older version than one before it.
struct StepBack {
    read: usize,
    seen: ValueId,
    before: Seen,
}

impl StepBack {
    fn tell(&self, history: &History, versions: &Versions) -> super::Told {
        let operations = history.operations();
        let (read, before) = (&operations[self.read], &operations[self.before.operation]);
        let old = observed(read).cloned().unwrap_or_default();
        let (known, begun) = (versions.get(self.seen).known, versions.get(self.before.value).begun);
        let told = format!("{}, after {}", observation(read), in_its_own_past(before));
        let mut earlier = vec![self.before.operation];
        let why = match (known.operation.map(|index| &operations[index]), begun.operation) {
            _ if self.seen == INITIAL => format!("{old} was there at the beginning only"),
            (Some(knower), Some(writer)) if known.at < begun.at => {
                earlier.splice(0..0, known.operation.into_iter().chain([writer]));
                let when = knower.completed.map_or_else(String::new, at);
                let writer = &operations[writer];
                format!("{old} was there by {when}, before {} began at {}", noun(writer), at(writer.invoked))
            }
            _ => format!("a chain of cas had made something newer from {old}"),
        };
        let mut told_once = BTreeSet::from([self.read]);
        earlier.retain(|&index| told_once.insert(index));
        earlier.push(self.read);
        (earlier, format!("{told}; {why}"))
    }
}
