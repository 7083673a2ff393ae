//! Sets that only grow and whose elements are unique, decided in time linear in the size of what was read, but for sorting
//! the reads by size.
//!
//! Each read shows all that was added so far, in any order. The history is linearizable iff
//!
//! 1. every element that was read was added, by an add that was not refused;
//! 2. of any two reads, one shows all that the other one shows, so that the distinct reads are `R1 < R2 < … < Rn`;
//! 3. no operation ends before one of an earlier group begins, in this sequence of groups: the adds of what R1 shows, the reads
//!    of R1, the adds of what R2 shows besides, the reads of R2, …, the reads of Rn, and last the acknowledged adds of what
//!    no read shows.
//!
//! Each is necessary: a set that only grows has a state for each read, of which one contains the other; an element is added
//! before any read that shows it and after any that does not. They suffice: sorted by group and then by start, the operations
//! are in an order that keeps real time (see [`Sequence`]) and in which each read returns just what was added before it. An add
//! of unknown outcome that no read shows is dropped, as no answer depends on it; one that some read shows happened, and has
//! no end.

use std::collections::{HashMap, HashSet};

use super::calls::Call;
use super::collections::{Action, CollectionCalls};
use super::explain::Contradiction;
use super::groups::{Group, Inversion, Sequence};
use super::intervals::Decision;
use crate::history::Value;

/// Decides the calls of one set.
pub(super) fn decide(set: &CollectionCalls<'_>) -> Decision {
    set.decide(contradiction)
}

/// `None` if an element was, or may have been, added twice.
fn contradiction(set: &CollectionCalls<'_>) -> Option<Result<(), Contradiction>> {
    let mut set = GrowSet::gather(set)?;
    Some(set.put_in_levels().and_then(|()| set.check_real_time()))
}

/// An add, and the place of the first of the distinct reads that shows its element.
struct Added {
    call: usize,
    level: Option<usize>,
}

struct GrowSet<'a> {
    set: &'a CollectionCalls<'a>,
    adds: HashMap<&'a Value, Added>,
    /// The calls that are reads, the smallest first.
    reads: Vec<(usize, &'a [Value])>,
    /// The reads of each of the distinct ones, in order, as one group, and one of them.
    levels: Vec<(Group, usize)>,
}

impl<'a> GrowSet<'a> {
    fn gather(set: &'a CollectionCalls<'a>) -> Option<Self> {
        let (mut adds, mut reads) = (HashMap::new(), Vec::new());
        for (call, told) in set.calls.iter().enumerate() {
            match told.action {
                Action::Add(element) if adds.insert(element, Added { call, level: None }).is_some() => return None,
                Action::Add(_) => {}
                Action::Read(elements) => reads.push((call, elements)),
            }
        }
        // What a read shows twice it shows; that this is wrong of a set is for others to say.
        let distinct = |elements: &[Value]| elements.iter().collect::<HashSet<_>>().len();
        reads.sort_by_cached_key(|(_, elements)| distinct(elements));
        Some(Self { set, adds, reads, levels: Vec::new() })
    }

    /// Conditions 1 and 2.
    fn put_in_levels(&mut self) -> Result<(), Contradiction> {
        let mut shown_before = 0;
        for (call, elements) in std::mem::take(&mut self.reads) {
            let (read, level) = (self.operation(call), self.levels.len());
            let (mut known, mut new) = (0, 0);
            let mut seen_here = HashSet::with_capacity(elements.len());
            for element in elements.iter().filter(|&element| seen_here.insert(element)) {
                match self.adds.get_mut(element) {
                    None => {
                        let refused = self.set.refused.get(element).copied();
                        return Err(Contradiction::NeverAdded { read, element: element.clone(), refused });
                    }
                    Some(Added { level: Some(_), .. }) => known += 1,
                    Some(added) => {
                        added.level = Some(level);
                        new += 1;
                    }
                }
            }
            if known < shown_before {
                let (_, other) = self.levels[level - 1];
                return Err(Contradiction::Incomparable { reads: [self.operation(other), read] });
            }
            match self.levels.last_mut() {
                Some((group, _)) if new == 0 => group.merge(group_of(&self.set.calls[call])),
                _ => self.levels.push((group_of(&self.set.calls[call]), call)),
            }
            shown_before += new;
        }
        Ok(())
    }

    /// Condition 3.
    fn check_real_time(&self) -> Result<(), Contradiction> {
        let mut adds_of_level = vec![Group::EMPTY; self.levels.len()];
        let mut unseen = Vec::new();
        for added in self.adds.values() {
            match added.level {
                Some(level) => adds_of_level[level].merge(group_of(&self.set.calls[added.call])),
                None => unseen.push(added.call),
            }
        }
        let mut sequence = Sequence::new();
        for (adds, &(reads, _)) in adds_of_level.iter().zip(&self.levels) {
            for group in [*adds, reads] {
                sequence.push(group).map_err(|inversion| self.inverted(inversion))?;
            }
        }
        unseen.sort_unstable(); // the first one is told, so which one that is must not depend on the map
        for call in unseen {
            let mut whole = sequence;
            whole.push(group_of(&self.set.calls[call])).map_err(|inversion| self.inverted(inversion))?;
        }
        Ok(())
    }

    /// `behind` ended before `ahead` began, though what the reads show puts `ahead` first.
    fn inverted(&self, Inversion { ahead, behind }: Inversion) -> Contradiction {
        match (self.add(ahead), self.add(behind)) {
            (None, None) => Contradiction::Shrunk { read: ahead, before: behind },
            (None, Some(_)) => Contradiction::Missing { append: behind, before: ahead, read: ahead },
            (Some(_), None) => Contradiction::ShownEarly { read: behind, append: ahead },
            (Some(shown), Some(_)) => {
                let level = shown.level.expect("an add that no read shows is the last, and ahead of none");
                let read = self.operation(self.levels[level].1);
                Contradiction::Missing { append: behind, before: ahead, read }
            }
        }
    }

    /// The add that this operation is, if it is none of the reads.
    fn add(&self, operation: usize) -> Option<&Added> {
        self.adds.values().find(|added| self.operation(added.call) == operation)
    }

    fn operation(&self, call: usize) -> usize {
        self.set.calls[call].operation
    }
}

fn group_of(call: &Call<Action<'_>>) -> Group {
    Group::of(call.operation, call.start, call.end)
}
