//! The physical log's promises: every node's image is the same bytes at the same LSN, whatever crashes and rewinds lie between.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use crate::record::{Change, End, Lsn, Record};
use crate::store::rows::Rows;
use crate::store::tests::{operations, position, stamp};
use crate::store::{Operation, Plan, Reply, Store};

/// Executes an operation as a leader does.
fn execute(store: &mut Store, log: &mut Vec<Record>, epoch: u64, operation: Operation) -> Reply {
    match store.plan(operation) {
        Plan::Read(reply) => reply,
        Plan::Write(change, reply) => {
            let stamp = stamp(log.len() as Lsn + 1, epoch);
            let Some(change) = store.make(change) else { return Reply::Error("too large") };
            let record = Record { stamp, change, request: None };
            let record = Record::decode(&record.encode()).expect("what was encoded decodes");
            store.apply(&stamp, record.change.clone());
            log.push(record);
            reply
        }
    }
}

fn follow(store: &mut Store, records: &[Record]) {
    for record in records {
        store.apply(&record.stamp, record.change.clone());
        store.log_is_durable(record.stamp.lsn);
    }
}

fn open(dir: &Path) -> Store {
    Store::open_physical(dir, 3000).unwrap()
}

fn read(store: &Store, key: &'static str) -> (Plan, Plan) {
    let get = Operation::Get { key: key.into() };
    let range = Operation::Range { key: key.into(), start: 0, stop: -1 };
    (store.plan(get), store.plan(range))
}

#[derive(Debug, Clone)]
enum Event {
    Write(Operation),
    /// Somebody else leads from here on, having given up this many records.
    Change {
        rewound: u64,
    },
    /// The follower's machine dies: the pages under way to its disk are torn.
    Crash {
        torn: u64,
    },
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => operations().prop_map(Event::Write),
        1 => (0..6_u64).prop_map(|rewound| Event::Change { rewound }),
        2 => any::<u64>().prop_map(|torn| Event::Crash { torn }),
    ]
}

/// Two nodes that lead in turn, and a store of rows that says what they should hold.
struct Pair {
    dirs: [PathBuf; 2],
    nodes: [Store; 2],
    leader: usize,
    model: Store,
    log: Vec<Record>,
    /// How much of the log both have.
    shared: usize,
    epoch: u64,
    /// What the model needs to take records back.
    changes: Vec<Change>,
}

impl Pair {
    fn play(&mut self, event: Event) {
        match event {
            Event::Write(operation) => {
                let reply = execute(&mut self.nodes[self.leader], &mut self.log, self.epoch, operation.clone());
                match self.model.plan(operation) {
                    Plan::Read(expected) => assert_eq!(reply, expected),
                    Plan::Write(change, expected) => {
                        assert_eq!(reply, expected);
                        self.model.apply(&self.log.last().unwrap().stamp, change.clone());
                        self.changes.push(change);
                    }
                }
                let leader_lsn = self.log.len().saturating_sub(2) as Lsn;
                self.nodes[self.leader].log_is_durable(leader_lsn);
            }
            Event::Change { rewound } => {
                self.catch_up();
                let left = self.log.len() - (rewound as usize).min(self.log.len());
                for record in self.log[left..].iter().rev() {
                    self.nodes.iter_mut().for_each(|node| node.undo(record.change.clone()));
                    self.model.undo(self.changes.pop().unwrap());
                }
                self.log.truncate(left);
                let left = position(&self.log);
                self.nodes.iter_mut().for_each(|node| node.rewound(left));
                self.model.rewound(left);
                self.shared = self.log.len();
                self.leader = 1 - self.leader;
                self.epoch += 1;
            }
            Event::Crash { torn } => {
                let follower = 1 - self.leader;
                self.nodes[follower] = Store::default();
                let dir = &self.dirs[follower];
                let (pages, place) = (read_or_empty(&dir.join("pages")), fs::read(dir.join("position")));
                // Play on, and let any sectors of that reach the disk, but not that they did.
                let mut ahead = open(dir);
                let from = ahead.applied().lsn as usize;
                follow(&mut ahead, &self.log[from..]);
                ahead.keep().unwrap();
                drop(ahead);
                let later = read_or_empty(&dir.join("pages"));
                fs::write(dir.join("pages"), tear(&pages, &later, torn)).unwrap();
                match place {
                    Ok(place) => fs::write(dir.join("position"), place).unwrap(),
                    Err(_) => fs::remove_file(dir.join("position")).unwrap(),
                }
                self.nodes[follower] = open(dir);
                self.shared = self.nodes[follower].applied().lsn as usize;
                self.catch_up();
            }
        }
        assert!(self.nodes.iter_mut().all(|node| node.failure().is_none()));
    }

    fn catch_up(&mut self) {
        follow(&mut self.nodes[1 - self.leader], &self.log[self.shared..]);
        self.shared = self.log.len();
        let [a, b] = &self.nodes;
        assert!(a.view() == b.view(), "the images differ at LSN {}", self.shared);
        for key in ["a", "b", "c"] {
            for node in &self.nodes {
                assert_eq!(read(node, key), read(&self.model, key));
                assert_eq!(node.len(), self.model.len());
            }
        }
    }
}

fn read_or_empty(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_default()
}

/// Some sectors of either.
fn tear(before: &[u8], after: &[u8], seed: u64) -> Vec<u8> {
    let mut torn = after.to_vec();
    for (number, sector) in torn.chunks_mut(512).enumerate() {
        let old = before.get(number * 512..number * 512 + sector.len());
        let draw = seed.rotate_left(number as u32 % 64) ^ (number as u64).wrapping_mul(0x9e37_79b9);
        if draw.is_multiple_of(3) {
            match old {
                Some(old) => sector.copy_from_slice(old),
                None => sector.fill(0),
            }
        }
    }
    torn
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn images_are_the_same_bytes_whoever_led_and_whatever_tore(events in proptest::collection::vec(events(), 0..60)) {
        let dir = tempfile::tempdir().unwrap();
        let dirs = ["a", "b"].map(|name| dir.path().join(name));
        let nodes = [open(&dirs[0]), open(&dirs[1])];
        let (model, log, changes) = (Store::default(), Vec::new(), Vec::new());
        let mut pair = Pair { dirs, nodes, leader: 0, model, log, shared: 0, epoch: 1, changes };
        for event in events {
            pair.play(event);
        }
        pair.catch_up();
    }
}

#[test]
fn a_rewind_below_a_checkpoint_survives_a_crash_before_the_log_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let push = |text: String| Operation::Push { key: "l".into(), end: End::Back, elements: vec![text.into()] };
    let (mut store, mut log, mut states) = (open(dir.path()), Vec::new(), Vec::new());
    for number in 0..20 {
        states.push(store.view());
        execute(&mut store, &mut log, 1, push(format!("{number}")));
    }
    states.push(store.view());
    store.keep().unwrap();
    let pages = fs::read(dir.path().join("pages")).unwrap();
    for record in log[10..].iter().rev() {
        store.undo(record.change.clone());
    }
    store.rewound(position(&log[..10]));
    assert!(store.view() == states[10]);
    drop(store);
    let place = fs::read(dir.path().join("position")).unwrap();
    let rewound = fs::read(dir.path().join("pages")).unwrap();

    for (pages, what) in [(&pages, "no page"), (&rewound, "every page"), (&tear(&pages, &rewound, 5), "some sectors")] {
        fs::write(dir.path().join("pages"), pages).unwrap();
        fs::write(dir.path().join("position"), &place).unwrap();
        let mut store = open(dir.path());
        assert_eq!(store.applied().lsn, 10);
        follow(&mut store, &log[10..]);
        assert!(store.view() == states[20], "{what} was written before the crash");
    }
}

#[test]
fn a_snapshot_is_the_image_and_makes_it_again() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut leader, mut log) = (open(first.path()), Vec::new());
    for number in 0..50 {
        let value = vec![b'v'; number * 100].into();
        execute(&mut leader, &mut log, 1, Operation::Set { key: format!("k{number}").into(), value, if_equals: None });
    }
    let mut follower = open(second.path());
    follower.install(&leader.view(), leader.applied());
    drop(follower);
    let mut follower = open(second.path());
    assert_eq!(follower.applied().lsn, 50, "what was installed is kept");
    execute(&mut leader, &mut log, 1, Operation::Increment { key: "n".into() });
    follow(&mut follower, &log[50..]);
    assert!(leader.view() == follower.view());

    let mut rows = Rows::default();
    rows.insert("k".into(), crate::record::Value::String("v".into()));
    let mut store = open(second.path());
    store.install(&rows.into(), position(&log));
    let error = store.failure().unwrap().to_string();
    assert!(error.contains("a snapshot has rows where pages"), "{error}");
}

#[test]
fn records_stay_within_their_bounds() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, mut log) = (open(dir.path()), Vec::new());
    let key = |number: usize| format!("{number:05}");
    let value = |byte: u8| vec![byte; 1 << 20];
    for number in 0..3 {
        for byte in [1, 2] {
            let set = Operation::Set { key: key(number).into(), value: value(byte).into(), if_equals: None };
            assert_eq!(execute(&mut store, &mut log, 1, set), Reply::Ok);
        }
    }
    let sizes: Vec<usize> = log.iter().map(|record| record.encode().len()).collect();
    assert!(sizes.iter().all(|&size| size < 6 << 20), "{sizes:?}");

    for number in 0..200 {
        let key = key(number).into();
        execute(&mut store, &mut log, 1, Operation::Set { key, value: "small".into(), if_equals: None });
    }
    let typical = log[log.len() - 100..].iter().map(|record| record.encode().len()).sum::<usize>() / 100;
    assert!(typical < 64 << 10, "{typical}");
}

#[test]
fn bytes_of_another_format_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut image = super::Image::open(dir.path(), "vax").unwrap();
    image.keep(position(&[])).unwrap();
    let error = Store::open_physical(dir.path(), 1).unwrap_err().to_string();
    assert!(error.contains("of the format `vax`, this program's are `redb"), "{error}");
}
