//! The store's own promises, for every engine, and those of the durable one about crashes.

use proptest::prelude::*;

use super::*;
use crate::record::{Gtid, Lsn, Member, Record, Stamp};

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

pub(super) fn stamp(lsn: Lsn, epoch: u64) -> Stamp {
    Stamp { lsn, epoch, gtid: Gtid { origin: Member(0), sequence: lsn } }
}

fn run(store: &mut Store, operation: Operation) -> Reply {
    match store.plan(operation) {
        Plan::Read(reply) => reply,
        Plan::Write(change, reply) => {
            store.apply(&stamp(store.applied().lsn + 1, 1), change);
            reply
        }
    }
}

pub(super) fn operations() -> impl Strategy<Value = Operation> {
    let key = || prop_oneof!["a", "b", "c"].prop_map(|key| bytes(&key));
    let text = || prop_oneof!["", "7", "9223372036854775807", "x"].prop_map(|text| bytes(&text));
    prop_oneof![
        (key(), text(), proptest::option::of(text())).prop_map(|(key, value, if_equals)| Operation::Set {
            key,
            value,
            if_equals
        }),
        proptest::collection::vec(key(), 1..4).prop_map(|keys| Operation::Delete { keys }),
        key().prop_map(|key| Operation::Increment { key }),
        (key(), prop_oneof![Just(End::Front), Just(End::Back)], proptest::collection::vec(text(), 1..4))
            .prop_map(|(key, end, elements)| Operation::Push { key, end, elements }),
    ]
}

proptest! {
    #[test]
    fn undoing_everything_in_reverse_restores_every_state_on_the_way(
        operations in proptest::collection::vec(operations(), 0..40),
    ) {
        let mut store = Store::default();
        let mut history = Vec::new();
        for operation in operations {
            if let Plan::Write(change, _) = store.plan(operation) {
                let before = store.applied();
                let record = Record { stamp: stamp(before.lsn + 1, 1), change, request: None };
                let decoded = Record::decode(&record.encode()).expect("what was encoded decodes");
                prop_assert_eq!(&decoded, &record);
                history.push((before, store.view(), decoded.change));
                store.apply(&record.stamp, record.change);
            }
        }
        while let Some((before, rows, change)) = history.pop() {
            store.undo(change);
            store.rewound(before);
            prop_assert_eq!(&store.view(), &rows);
            prop_assert_eq!(store.len(), rows.len());
        }
    }
}

/// What happens to a store: writes, its log becoming durable, its end being rewound, and the death of the machine.
#[derive(Debug, Clone)]
enum Event {
    Write(Operation),
    /// The log is durable but for this many records.
    Sync(u64),
    /// This many records are given up.
    Rewind(u64),
    /// Records that were not durable are lost; sometimes not all of them.
    Crash {
        lost: u64,
    },
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => operations().prop_map(Event::Write),
        3 => (0..4_u64).prop_map(Event::Sync),
        1 => (0..12_u64).prop_map(Event::Rewind),
        1 => (0..8_u64).prop_map(|lost| Event::Crash { lost }),
    ]
}

/// A durable store and its log beside a store in memory that never crashes.
struct Pair {
    path: std::path::PathBuf,
    checkpoint_bytes: u64,
    durable: Store,
    model: Store,
    log: Vec<Record>,
    durable_lsn: u64,
    epoch: u64,
}

impl Pair {
    fn play(&mut self, event: Event) {
        match event {
            Event::Write(operation) => {
                assert_eq!(self.durable.plan(operation.clone()), self.model.plan(operation.clone()));
                if let Plan::Write(change, _) = self.model.plan(operation) {
                    let stamp = stamp(self.log.len() as Lsn + 1, self.epoch);
                    self.model.apply(&stamp, change.clone());
                    self.durable.apply(&stamp, change.clone());
                    self.log.push(Record { stamp, change, request: None });
                }
            }
            Event::Sync(but) => {
                self.durable_lsn = self.durable_lsn.max((self.log.len() as Lsn).saturating_sub(but));
                self.durable.log_is_durable(self.durable_lsn);
            }
            Event::Rewind(count) => {
                let left = (self.log.len() as Lsn).saturating_sub(count);
                self.undo_in_model(left);
                for record in self.log.drain(left as usize..).rev() {
                    self.durable.undo(record.change);
                }
                self.durable.rewound(position(&self.log));
                self.durable_lsn = self.durable_lsn.min(left);
                self.epoch += 1;
            }
            Event::Crash { lost } => {
                let left = self.durable_lsn.max((self.log.len() as Lsn).saturating_sub(lost));
                self.undo_in_model(left);
                self.log.truncate(left as usize);
                self.durable_lsn = left;
                self.restart();
            }
        }
        assert!(self.durable.failure().is_none());
        assert_eq!(self.durable.view(), self.model.view());
        assert_eq!(self.durable.len(), self.model.len());
        for from in ["", "a", "aa", "c", "d"] {
            let range = KeyRange { from: bytes(from), to: Some(bytes("c")) };
            assert_eq!(self.durable.sum(&range), self.model.sum(&range));
        }
    }

    fn undo_in_model(&mut self, left: Lsn) {
        for record in self.log[left as usize..].iter().rev() {
            self.model.undo(record.change.clone());
        }
        self.model.rewound(position(&self.log[..left as usize]));
    }

    /// Opens the file as the crash left it, and replays what it lacks.
    fn restart(&mut self) {
        self.durable = Store::default();
        self.durable = Store::open(&self.path, self.checkpoint_bytes).unwrap();
        let kept = self.durable.applied();
        let place = position(&self.log[..(kept.lsn as usize).min(self.log.len())]);
        assert_eq!(kept, place, "the file holds a change whose record is gone");
        for record in &self.log[kept.lsn as usize..] {
            self.durable.apply(&record.stamp, record.change.clone());
        }
    }
}

pub(super) fn position(log: &[Record]) -> Position {
    log.last().map_or_else(Position::default, |record| record.stamp.position())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_durable_store_never_holds_what_its_log_may_lose_and_applies_every_record_once(
        events in proptest::collection::vec(events(), 0..120),
        checkpoint_bytes in prop_oneof![Just(1), Just(100), Just(1 << 20)],
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.redb");
        let durable = Store::open(&path, checkpoint_bytes).unwrap();
        let (model, log) = (Store::default(), Vec::new());
        let mut pair = Pair { path, checkpoint_bytes, durable, model, log, durable_lsn: 0, epoch: 1 };
        for event in events {
            pair.play(event);
        }
    }
}

#[test]
fn a_checkpoint_needs_no_moment_without_writes() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&dir.path().join("store.redb"), 1).unwrap();
    for lsn in 1..=9 {
        store.apply(&stamp(lsn, 1), Change::Noop);
        store.log_is_durable(lsn - 1);
    }
    assert!(store.engine.kept().lsn >= 7, "{:?}", store.engine.kept());
}

#[test]
fn a_file_that_is_no_store_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.redb");
    std::fs::write(&path, [7; 8192]).unwrap();
    let error = Store::open(&path, 1).unwrap_err().to_string();
    assert!(error.contains("store.redb"), "{error}");
}

#[test]
fn a_failed_comparison_tells_what_it_found() {
    let mut store = Store::default();
    let set = |value: &str, old: Option<&str>| Operation::Set {
        key: bytes("k"),
        value: bytes(value),
        if_equals: old.map(bytes),
    };
    assert_eq!(run(&mut store, set("1", Some("0"))), Reply::Nil);
    assert_eq!(run(&mut store, set("1", None)), Reply::Ok);
    assert_eq!(run(&mut store, set("2", Some("1"))), Reply::Ok);
    assert_eq!(run(&mut store, set("3", Some("1"))), Reply::String(bytes("2")));
}

#[test]
fn a_list_that_would_outgrow_a_record_is_refused() {
    let mut store = Store::default();
    let push = || Operation::Push { key: bytes("l"), end: End::Back, elements: vec![Bytes::from(vec![0; 1 << 20])] };
    for length in 1..16 {
        assert_eq!(run(&mut store, push()), Reply::Integer(length));
    }
    assert!(matches!(run(&mut store, push()), Reply::Error(error) if error.contains("exceed 16 MiB")));
    assert_eq!(run(&mut store, Operation::Delete { keys: vec![bytes("l")] }), Reply::Integer(1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A leader's store, and a follower's that drifts and is repaired; both then take everything back.
    #[test]
    fn repaired_rows_are_the_leaders_and_so_is_every_state_before_them(
        before in proptest::collection::vec(operations(), 0..20),
        corrupted in proptest::collection::vec(("[a-e]", proptest::option::of("[x-z]")), 0..4),
        between in proptest::collection::vec(operations(), 0..10),
        after in proptest::collection::vec(operations(), 0..20),
        in_file in any::<bool>(),
        checkpoint_bytes in prop_oneof![Just(1), Just(1 << 20)],
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.redb");
        let mut leader = Store::default();
        let mut follower = if in_file { Store::open(&path, checkpoint_bytes).unwrap() } else { Store::default() };
        let mut log: Vec<Change> = Vec::new();
        let replicate = |leader: &mut Store, follower: &mut Store, log: &mut Vec<Change>, change: Change| {
            if follower.fits(&change) {
                let stamp = stamp(log.len() as Lsn + 1, 1);
                for store in [leader, follower] {
                    store.apply(&stamp, change.clone());
                    store.log_is_durable(stamp.lsn);
                }
                log.push(change);
            }
        };
        let write = |leader: &mut Store, follower: &mut Store, log: &mut Vec<Change>, operation| {
            if let Plan::Write(change, _) = leader.plan(operation) {
                replicate(leader, follower, log, change);
            }
        };
        for operation in before {
            write(&mut leader, &mut follower, &mut log, operation);
        }
        for (key, value) in &corrupted {
            follower.corrupt(bytes(key), value.as_deref().map(bytes));
        }
        for operation in between {
            write(&mut leader, &mut follower, &mut log, operation);
        }
        let most = checksum::SliceBounds { rows: 2, bytes: 1000 };
        let mut rest = Some(KeyRange::all());
        while let Some(range) = rest.take() {
            let (slice, rows) = leader.slice(&range, most);
            prop_assert!(rows.len() <= 2 && rows.iter().all(|(key, _)| slice.contains(key)));
            rest = slice.to.clone().map(|from| KeyRange { from, to: None });
            prop_assert_eq!(leader.sum(&slice), checksum::Sum::of(&rows));
            replicate(&mut leader, &mut follower, &mut log, Change::Repair { range: slice, rows });
        }
        prop_assert_eq!(leader.view(), follower.view());
        for operation in after {
            write(&mut leader, &mut follower, &mut log, operation);
        }
        prop_assert_eq!(follower.len(), leader.len());
        if in_file {
            follower.keep().unwrap();
            drop(follower);
            follower = Store::open(&path, checkpoint_bytes).unwrap();
        }
        while let Some(change) = log.pop() {
            prop_assert_eq!(leader.view(), follower.view());
            for store in [&mut leader, &mut follower] {
                store.undo(change.clone());
                store.rewound(Position { lsn: log.len() as Lsn, ..Position::default() });
            }
        }
        prop_assert_eq!((leader.len(), follower.len()), (0, 0));
    }
}
