//! Which values of a register are certainly older than which, as far as its clients can know. It judges no operation.
//!
//! A register whose written values are unique goes through *versions*, one per value. A version came to be at some
//! moment between two that clients know:
//!
//! - `begun`, the latest invocation among its write and, if that was a cas, the writes of the versions before it; for
//!   the initial version, and for one that nobody is known to have written, the beginning of time;
//! - `known`, the earliest acknowledgement of its write, or of an operation that saw it, or of one that wrote or saw a
//!   version that a chain of cas made from it.
//!
//! Version *u* is **certainly older** than *v* iff u was known before v was begun, or a chain of cas leads from u to v.
//! No other pair is ordered: of two writes that overlap, and of one that crashed and was never seen, nobody knows. The
//! relation is transitive: u was begun before it was known, and a chain of cas hands on both bounds.
//!
//! It rests on one assumption, that versions come in the order in which they came to be, as they do wherever one leader
//! at a time takes the writes. A linearizable register meets it.

use crate::history::History;
use crate::linearizability::calls::{NEVER, RegisterCalls};
use crate::linearizability::groups::End;
use crate::model::register::{Action, INITIAL};
use crate::numbers::ValueId;
use crate::wording::written;

/// What is known of one version.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    /// It came to be after this.
    pub(crate) begun: End,
    /// It came to be before this.
    pub(crate) known: End,
    /// What cas made from it directly: one version, unless two cas both found it.
    pub(crate) successors: Vec<ValueId>,
    /// The version that the cas which wrote it had found.
    predecessor: Option<ValueId>,
    /// The versions that chains of cas lead to from here have the places behind this one, up to `last_place`.
    pub(crate) place: usize,
    last_place: usize,
}

/// The versions of one register, by the numbers of their values.
pub(crate) struct Versions(Vec<Version>);

impl Versions {
    /// Gathers them. An error says why they have no order: a value was written twice, or was seen before it was
    /// written.
    pub(crate) fn of(history: &History, register: &RegisterCalls<'_>) -> Result<Self, String> {
        let mut versions = Self::of_values(register.values.len());
        let mut is_written = vec![false; register.values.len()];
        is_written[INITIAL as usize] = true;
        for call in &register.calls {
            let (seen, made) = parts(call.action);
            if let Some(made) = made.map(|made| made as usize) {
                if std::mem::replace(&mut is_written[made], true) {
                    let value = written(&history.operations()[call.operation]).cloned().unwrap_or_default();
                    return Err(format!("{value} was there twice; an order of versions needs values that are unique"));
                }
                versions.0[made].begun = End { at: call.start, operation: Some(call.operation) };
                versions.0[made].predecessor = seen;
            }
            for value in seen.into_iter().chain(made) {
                let known = &mut versions.0[value as usize].known;
                if call.end < known.at {
                    *known = End { at: call.end, operation: Some(call.operation) };
                }
            }
        }
        versions.follow_chains()?;
        Ok(versions)
    }

    fn of_values(values: usize) -> Self {
        let unknown = Version {
            begun: End { at: 0, operation: None },
            known: End { at: NEVER, operation: None },
            successors: Vec::new(),
            predecessor: None,
            place: 0,
            last_place: 0,
        };
        let mut versions = vec![unknown; values];
        versions[INITIAL as usize].known = End { at: 0, operation: None };
        Self(versions)
    }

    /// Hands `begun` on along chains of cas and `known` back, and gives every version its place.
    fn follow_chains(&mut self) -> Result<(), String> {
        let versions = &mut self.0;
        for value in 0..versions.len() {
            if let Some(predecessor) = versions[value].predecessor {
                versions[predecessor as usize].successors.push(value as ValueId);
            }
        }
        let mut order = Vec::with_capacity(versions.len());
        let mut next: Vec<usize> = (0..versions.len()).filter(|&value| versions[value].predecessor.is_none()).collect();
        while let Some(value) = next.pop() {
            let begun = versions[value].begun;
            (versions[value].place, versions[value].last_place) = (order.len(), order.len());
            order.push(value);
            for successor in versions[value].successors.clone() {
                let successor = successor as usize;
                if begun.at > versions[successor].begun.at {
                    versions[successor].begun = begun;
                }
                next.push(successor);
            }
        }
        if order.len() < versions.len() {
            return Err("each of some cas found what another of them wrote, all the way round".to_owned());
        }
        for value in order.into_iter().rev() {
            let Version { begun, known, predecessor, last_place, .. } = versions[value];
            if known.at < begun.at {
                return Err("a value was seen before its write began".to_owned());
            }
            if let Some(predecessor) = predecessor {
                let predecessor = &mut versions[predecessor as usize];
                predecessor.last_place = predecessor.last_place.max(last_place);
                if known.at < predecessor.known.at {
                    predecessor.known = known;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn values(&self) -> std::ops::Range<ValueId> {
        0..self.0.len() as ValueId
    }

    pub(crate) fn get(&self, value: ValueId) -> &Version {
        &self.0[value as usize]
    }

    /// The places of the versions that chains of cas lead to from this one.
    pub(crate) fn places_behind(&self, value: ValueId) -> std::ops::RangeInclusive<usize> {
        let version = self.get(value);
        version.place + 1..=version.last_place
    }
}

/// What an action tells was there, and what it leaves there.
pub(crate) fn parts(action: Action) -> (Option<ValueId>, Option<ValueId>) {
    match action {
        Action::Read(seen) => (Some(seen), None),
        Action::Write(made) => (None, Some(made)),
        Action::Cas(seen, made) => (Some(seen), Some(made)),
        Action::ReadOtherThan(_) => (None, None),
    }
}
