//! Whether one order explains all that the reads of a list show. What *reordered* means is said in [`super`].
//!
//! *Ahead of* is a relation whose every pair is a [`Fact`]; elements are reordered iff they are in one of its cycles,
//! and so in a strongly connected component of a graph in which it is the reachability. Of a read that graph has the
//! pairs of neighbours only, and of real time a chain of moments: from an element to the first moment at which one was
//! begun after it was known, from there to that one and to the next moment.

use std::collections::{HashMap, HashSet, VecDeque};

use super::components::Graph;
use super::contents::{Contents, ElementId, ReadId};
use super::lives::{Known, Lives};
use crate::history::{History, Value};
use crate::linearizability::collections::elements;

/// Why one element is ahead of another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fact {
    pub(super) ahead: ElementId,
    pub(super) behind: ElementId,
    /// The read that shows it so. Without one, the former was known before the latter was begun.
    pub(super) read: Option<ReadId>,
}

/// How many elements of a disorder are tried in search of a short cycle.
const MOST_STARTS: usize = 8;

/// The order of one list's elements.
pub(super) struct Order<'a> {
    contents: &'a Contents<'a>,
    known: Vec<Option<Known>>,
    /// The elements that are shown, by when they were begun.
    begun: Vec<(u64, ElementId)>,
}

impl<'a> Order<'a> {
    pub(super) fn new(contents: &'a Contents<'a>, lives: &Lives<'_, '_>) -> Self {
        let known: Vec<Option<Known>> = (0..contents.elements.len()).map(|id| lives.known(id)).collect();
        let is_shown = |&id: &ElementId| contents.elements[id].shown.is_some();
        let shown = (0..contents.elements.len()).filter(is_shown);
        let mut begun: Vec<(u64, ElementId)> = shown.filter_map(|id| Some((lives.begun(id)?, id))).collect();
        begun.sort_unstable();
        Self { contents, known, begun }
    }

    pub(super) fn known(&self, id: ElementId) -> Option<Known> {
        self.known[id]
    }

    /// The sets of elements that no order explains, each in order of first mention.
    pub(super) fn disorders(&self) -> Vec<Vec<ElementId>> {
        let count = self.contents.elements.len();
        let mut edges: Vec<(usize, usize)> =
            self.contents.neighbours.iter().map(|&(ahead, behind, _)| (ahead, behind)).collect();
        for id in (0..count).filter(|&id| self.contents.elements[id].shown.is_some()) {
            edges.extend(self.known[id].map(|known| (id, count + self.first_begun_after(known.at))));
        }
        for (moment, &(_, id)) in self.begun.iter().enumerate() {
            edges.extend([(count + moment, id), (count + moment, count + moment + 1)]);
        }
        let mut found = Graph::new(count + self.begun.len() + 1, &edges).cyclic_components();
        for component in &mut found {
            component.retain(|&node| node < count);
        }
        found.sort();
        found
    }

    fn first_begun_after(&self, rank: u64) -> usize {
        self.begun.partition_point(|&(begun, _)| begun <= rank)
    }

    /// A cycle of few facts in a disorder: each element is ahead of the next, and the last one of the first. The first
    /// fact is a read's.
    pub(super) fn cycle(&self, history: &'a History, disorder: &[ElementId]) -> Vec<Fact> {
        let search = Search::new(self, history, disorder);
        let mut best: Vec<Fact> = Vec::new();
        for &start in disorder.iter().take(MOST_STARTS) {
            let cycle = search.shortest_through(start);
            if best.is_empty() || cycle.len() < best.len() {
                best = cycle;
            }
            if best.len() == 2 {
                break; // there is no shorter one
            }
        }
        let first_read = best.iter().position(|fact| fact.read.is_some()).unwrap_or(0);
        best.rotate_left(first_read);
        best
    }
}

/// What is searched for cycles: what the reads show of one disorder.
struct Search<'a> {
    order: &'a Order<'a>,
    reads: Vec<(ReadId, Vec<ElementId>)>,
    /// In which of these reads an element is, and where.
    places: HashMap<ElementId, Vec<(usize, usize)>>,
    /// The elements by when they were begun.
    begun: Vec<(u64, ElementId)>,
}

impl<'a> Search<'a> {
    fn new(order: &'a Order<'a>, history: &'a History, disorder: &[ElementId]) -> Self {
        let contents = order.contents;
        let members: HashMap<&Value, ElementId> =
            disorder.iter().map(|&id| (contents.elements[id].value, id)).collect();
        let is_member = |id: &ElementId| disorder.binary_search(id).is_ok();
        let pairs = contents.neighbours.iter().filter(|(ahead, behind, _)| is_member(ahead) && is_member(behind));
        // The longest read has most pairs, though shorter ones may have shown each of them as neighbours before.
        let mut involved: Vec<ReadId> = pairs.map(|&(_, _, read)| read).chain(contents.longest).collect();
        involved.sort_unstable();
        involved.dedup();
        let shown = |read: ReadId| {
            let output = &history.operations()[contents.reads[read].operation].output;
            let mut told = HashSet::new();
            let members = elements(output).into_iter().flatten().filter_map(|value| members.get(value).copied());
            members.filter(|&id| told.insert(id)).collect()
        };
        let reads: Vec<(ReadId, Vec<ElementId>)> = involved.into_iter().map(|read| (read, shown(read))).collect();
        let mut places: HashMap<ElementId, Vec<(usize, usize)>> = HashMap::new();
        for (index, (_, shown)) in reads.iter().enumerate() {
            for (place, &id) in shown.iter().enumerate() {
                places.entry(id).or_default().push((index, place));
            }
        }
        let begun = order.begun.iter().copied().filter(|(_, id)| is_member(id)).collect();
        Self { order, reads, places, begun }
    }

    /// Breadth first, a fact a step. What is behind in a read is looked at once, from its end backwards.
    fn shortest_through(&self, start: ElementId) -> Vec<Fact> {
        let mut reached: HashMap<ElementId, Fact> = HashMap::new();
        let mut looked_at: Vec<usize> = self.reads.iter().map(|(_, shown)| shown.len()).collect();
        let mut begun_looked_at = self.begun.len();
        let mut queue = VecDeque::from([start]);
        while let Some(ahead) = queue.pop_front() {
            let mut reach = |behind: ElementId, read: Option<ReadId>| {
                reached.entry(behind).or_insert_with(|| {
                    queue.push_back(behind);
                    Fact { ahead, behind, read }
                });
            };
            for &(index, place) in self.places.get(&ahead).into_iter().flatten() {
                let (read, shown) = &self.reads[index];
                let until = looked_at[index];
                looked_at[index] = until.min(place + 1);
                shown[(place + 1).min(until)..until].iter().for_each(|&behind| reach(behind, Some(*read)));
            }
            if let Some(known) = self.order.known(ahead) {
                let from = self.begun.partition_point(|&(begun, _)| begun <= known.at).min(begun_looked_at);
                self.begun[from..begun_looked_at].iter().for_each(|&(_, behind)| reach(behind, None));
                begun_looked_at = from;
            }
            if let Some(&last) = reached.get(&start) {
                let before = |fact: &Fact| (fact.ahead != start).then(|| reached[&fact.ahead]);
                let mut cycle: Vec<Fact> = std::iter::successors(Some(last), before).collect();
                cycle.reverse();
                return cycle;
            }
        }
        Vec::new()
    }
}
