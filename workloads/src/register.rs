//! The register workload: read, write and compare-and-set over a few keys. It finds stale reads and forgotten writes.

use std::collections::BTreeMap;

use interregnum_checker::history::{Function, Outcome, Value};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::client::{Completion, Invocation, Object};
use crate::seed::Seed;
use crate::unique::UniqueNumbers;
use crate::workload::{OperationStream, Workload};

/// Read, write and compare-and-set over several registers, every written value unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    keys: usize,
}

impl Register {
    /// Over `keys` registers. Few keys mean more contention on each, so more chances for a race.
    #[must_use]
    pub fn keys(keys: usize) -> Self {
        assert!(keys > 0, "a register workload needs at least one key");
        Self { keys }
    }
}

impl Default for Register {
    /// Five keys: contention on each from a handful of clients, and enough of them to keep a batch of writes mixed.
    fn default() -> Self {
        Self::keys(5)
    }
}

impl Workload for Register {
    fn name(&self) -> &'static str {
        "register"
    }

    fn object(&self) -> Object {
        Object::Register
    }

    fn stream(&self, seed: Seed, client: usize, clients: usize) -> Box<dyn OperationStream> {
        Box::new(RegisterStream {
            rng: seed.stream(&format!("register client {client}")),
            keys: self.keys,
            values: UniqueNumbers::of(client, clients),
            last_seen: BTreeMap::new(),
        })
    }

    fn reader(&self, seed: Seed, client: usize) -> Box<dyn OperationStream> {
        Box::new(RegisterReader { rng: seed.stream(&format!("register reader {client}")), keys: self.keys })
    }
}

struct RegisterReader {
    rng: ChaCha8Rng,
    keys: usize,
}

impl OperationStream for RegisterReader {
    fn next(&mut self) -> Invocation {
        Invocation::read(Object::Register, format!("r{}", self.rng.random_range(0..self.keys)))
    }

    fn observe(&mut self, _: &Invocation, _: &Completion) {}
}

struct RegisterStream {
    rng: ChaCha8Rng,
    keys: usize,
    values: UniqueNumbers,
    /// What this client last learned of each key, which is what its next compare-and-set expects.
    last_seen: BTreeMap<String, Value>,
}

impl OperationStream for RegisterStream {
    /// Two reads, one write, one compare-and-set, on average: reads are what shows a fault.
    fn next(&mut self) -> Invocation {
        let key = format!("r{}", self.rng.random_range(0..self.keys));
        match (self.rng.random_range(0..4), self.last_seen.get(&key).cloned()) {
            (0, Some(expected)) if expected != Value::Nil => {
                let value = Value::List(vec![expected, self.values.draw()]);
                Invocation { function: Function::Cas, object: Object::Register, key, value }
            }
            (0 | 1, _) => {
                let value = self.values.draw();
                Invocation { function: Function::Write, object: Object::Register, key, value }
            }
            _ => Invocation::read(Object::Register, key),
        }
    }

    fn observe(&mut self, invocation: &Invocation, completion: &Completion) {
        let learned = match (completion.outcome, &invocation.function, &invocation.value) {
            (Outcome::Ok, Function::Read, _) => completion.value.clone(),
            (Outcome::Ok, Function::Write, written) => Some(written.clone()),
            (Outcome::Ok, Function::Cas, Value::List(pair)) => pair.get(1).cloned(),
            _ => completion.seen.clone(),
        };
        if let Some(value) = learned {
            self.last_seen.insert(invocation.key.clone(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn written(invocation: &Invocation) -> Option<Value> {
        match (&invocation.function, &invocation.value) {
            (Function::Write, value) => Some(value.clone()),
            (Function::Cas, Value::List(pair)) => Some(pair[1].clone()),
            _ => None,
        }
    }

    #[test]
    fn every_written_value_is_unique_over_all_clients() {
        let mut seen = BTreeSet::new();
        for client in 0..4 {
            let mut stream = Register::keys(2).stream(Seed(1), client, 4);
            for _ in 0..500 {
                let invocation = stream.next();
                stream.observe(&invocation, &Completion::ok(None));
                if let Some(value) = written(&invocation) {
                    assert!(seen.insert(value.clone()), "{value:?} was written twice");
                }
            }
        }
        assert!(seen.len() > 500, "writes and compare-and-sets are a fair share: {}", seen.len());
    }

    #[test]
    fn a_compare_expects_what_the_client_last_saw() {
        let mut stream = Register::keys(1).stream(Seed(3), 0, 1);
        let seen = Value::Int(77);
        let read = Invocation::read(Object::Register, "r0");
        let expected = std::iter::repeat_with(|| {
            stream.observe(&read, &Completion::ok(Some(seen.clone())));
            stream.next()
        })
        .take(100)
        .find_map(|invocation| match (invocation.function, invocation.value) {
            (Function::Cas, Value::List(pair)) => Some(pair[0].clone()),
            _ => None,
        });
        assert_eq!(expected, Some(seen));
    }

    #[test]
    fn a_stream_repeats_from_its_seed() {
        let take = |seed| {
            let mut stream = Register::default().stream(Seed(seed), 2, 4);
            std::iter::repeat_with(|| stream.next()).take(50).collect::<Vec<_>>()
        };
        assert_eq!(take(9), take(9));
        assert_ne!(take(9), take(10));
    }
}
