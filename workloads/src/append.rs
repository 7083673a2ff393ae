//! The append workload: appends to lists and reads of whole lists. Each read tells the order of all writes before it,
//! so lost, duplicated and reordered writes show directly.

use interregnum_checker::elements;
use interregnum_checker::history::{Function, History, Value};
use interregnum_checker::judgement::Judgement;
use interregnum_checker::lost_writes::FaultWindow;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::client::{Completion, Invocation, Object};
use crate::seed::Seed;
use crate::unique::UniqueNumbers;
use crate::workload::{OperationStream, Workload, every_promise};

/// How many elements one client appends to a key before it goes on to that key's next generation. A read returns the
/// whole list, so an endless list would make the history grow with the square of its length.
const APPENDS_PER_CLIENT_AND_KEY: u64 = 8;

/// List append and read of the whole list, every element unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    keys: usize,
}

impl Append {
    /// Over `keys` lists at a time; when a list is full its next generation takes its place.
    #[must_use]
    pub fn keys(keys: usize) -> Self {
        assert!(keys > 0, "an append workload needs at least one key");
        Self { keys }
    }
}

impl Default for Append {
    /// Three lists at a time, so that each is appended to by several clients at once.
    fn default() -> Self {
        Self::keys(3)
    }
}

impl Workload for Append {
    fn name(&self) -> &'static str {
        "append"
    }

    fn object(&self) -> Object {
        Object::List
    }

    /// Every element is followed through all reads, besides what every workload asks. A workload does not know which node
    /// answers reads, so one that lags is nothing to blame.
    fn judge(&self, history: &History, faults: &[FaultWindow]) -> Vec<Judgement> {
        let options = elements::Options { reads: elements::Reads::MayLag };
        let mut judgements = every_promise(history, faults);
        judgements.push(elements::check(history, &options).judgement(history));
        judgements
    }

    fn stream(&self, seed: Seed, client: usize, clients: usize) -> Box<dyn OperationStream> {
        Box::new(AppendStream {
            rng: seed.stream(&format!("append client {client}")),
            appended: vec![0; self.keys],
            elements: UniqueNumbers::of(client, clients),
        })
    }

    fn reader(&self, seed: Seed, client: usize) -> Box<dyn OperationStream> {
        Box::new(AppendReader { rng: seed.stream(&format!("append reader {client}")), newest: vec![0; self.keys] })
    }
}

/// Reads lists that are appended to, and looks now and then whether the next ones have begun.
struct AppendReader {
    rng: ChaCha8Rng,
    /// The newest generation that it has seen an element of, by key slot.
    newest: Vec<u64>,
}

impl OperationStream for AppendReader {
    fn next(&mut self) -> Invocation {
        let slot = self.rng.random_range(0..self.newest.len());
        let generation = self.newest[slot] + self.rng.random_range(0..2);
        Invocation::read(Object::List, format!("l{slot}.{generation}"))
    }

    fn observe(&mut self, invocation: &Invocation, completion: &Completion) {
        let has_begun = matches!(&completion.value, Some(Value::List(elements)) if !elements.is_empty());
        let Some((slot, generation)) = invocation.key.strip_prefix('l').and_then(|key| key.split_once('.')) else {
            return;
        };
        let slot = slot.parse().ok().and_then(|slot: usize| self.newest.get_mut(slot));
        if let (true, Some(newest), Ok(generation)) = (has_begun, slot, generation.parse::<u64>()) {
            *newest = generation.max(*newest);
        }
    }
}

struct AppendStream {
    rng: ChaCha8Rng,
    /// How many elements this client has appended, by key slot.
    appended: Vec<u64>,
    elements: UniqueNumbers,
}

impl OperationStream for AppendStream {
    /// Two appends to one read.
    fn next(&mut self) -> Invocation {
        let slot = self.rng.random_range(0..self.appended.len());
        let generation = self.appended[slot] / APPENDS_PER_CLIENT_AND_KEY;
        let key = format!("l{slot}.{generation}");
        if self.rng.random_range(0..3) == 0 {
            return Invocation::read(Object::List, key);
        }
        self.appended[slot] += 1;
        Invocation { function: Function::Append, object: Object::List, key, value: self.elements.draw() }
    }

    fn observe(&mut self, _: &Invocation, _: &Completion) {}
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn elements_are_unique_and_lists_stay_short() {
        let clients = 4;
        let mut elements = BTreeSet::new();
        let mut lengths = BTreeMap::<String, u64>::new();
        for client in 0..clients {
            let mut stream = Append::keys(2).stream(Seed(1), client, clients);
            for invocation in std::iter::repeat_with(|| stream.next()).take(1000) {
                if invocation.function == Function::Append {
                    assert!(elements.insert(invocation.value), "an element was appended twice");
                    *lengths.entry(invocation.key).or_default() += 1;
                }
            }
        }
        let longest = lengths.values().max().copied();
        assert_eq!(longest, Some(APPENDS_PER_CLIENT_AND_KEY * clients as u64));
    }
    #[test]
    fn a_reader_goes_where_others_append() {
        let mut reader = Append::keys(1).reader(Seed(1), 0);
        let mut seen = BTreeSet::new();
        for _ in 0..100 {
            let invocation = reader.next();
            assert_eq!(invocation.function, Function::Read);
            let elements = if *invocation.key <= *"l0.4" { vec![Value::Int(1)] } else { Vec::new() };
            reader.observe(&invocation, &Completion::ok(Some(Value::List(elements))));
            seen.insert(invocation.key);
        }
        let last: Vec<_> = seen.iter().rev().take(2).map(String::as_str).collect();
        assert_eq!(last, ["l0.5", "l0.4"], "the next list is looked at, and none behind it");
    }
}
