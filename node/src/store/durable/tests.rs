//! What goes on beside the writes: checkpoints on another thread, and views of an earlier moment.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::*;

const LARGE: usize = 1 << 20;

fn bytes(number: usize) -> Bytes {
    Bytes::from(format!("{number:04}"))
}

/// Sets rows as records of one LSN each would, and says so.
fn set(store: &mut Durable, keys: impl IntoIterator<Item = usize>, value: usize, change_bytes: usize) {
    for key in keys {
        store.update(bytes(key), &mut |row| *row = Some(Value::String(bytes(value))));
        let position = Position { lsn: store.applied.lsn + 1, ..Position::default() };
        store.applied(position, change_bytes);
    }
}

fn rows(view: &View) -> BTreeMap<Bytes, Value> {
    let mut rows = BTreeMap::new();
    view.each(|key, value| drop(rows.insert(key.clone(), value.clone())));
    rows
}

#[test]
fn a_disk_that_takes_long_over_a_checkpoint_holds_nobody_up() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Durable::open(&dir.path().join("store.redb"), LARGE).unwrap();
    let other = store.database.begin_write().unwrap(); // there is one writer at a time
    let (done, wait) = mpsc::channel::<()>();
    let slow_disk = thread::spawn(move || {
        let _ = wait.recv_timeout(Duration::from_secs(30)); // whoever is held up is let go at last
        other.abort().unwrap();
    });
    set(&mut store, [1], 1, LARGE);
    store.log_is_durable(1);
    assert!(store.checkpoint.is_some(), "one is under way");
    set(&mut store, [1, 2], 2, 0);
    assert_eq!(store.get(&bytes(1)).as_deref(), Some(&Value::String(bytes(2))));
    assert_eq!((store.view().len(), store.kept().lsn), (2, 0));
    assert!(!slow_disk.is_finished(), "a write waited for the disk");
    drop(done);
    slow_disk.join().unwrap();
    store.keep(store.applied);
    assert_eq!((store.kept().lsn, store.failure().is_none()), (3, true));
}

#[test]
fn a_view_has_what_there_was_whatever_is_written_down_changed_or_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Durable::open(&dir.path().join("store.redb"), LARGE).unwrap();
    set(&mut store, 0..30, 1, 0);
    store.keep(store.applied); // in the file,
    set(&mut store, 10..40, 2, 0);
    store.seal(); // sealed,
    set(&mut store, 20..50, 3, 0); // and fresh
    let (view, expected) = (store.view(), rows(&store.view()));
    assert_eq!(expected.len(), 50);
    assert_eq!(expected[&bytes(25)], Value::String(bytes(3)));
    store.keep(store.applied);
    set(&mut store, 0..60, 4, 0);
    store.keep(store.applied);
    (0..60).for_each(|key| store.update(bytes(key), &mut |row| *row = None));
    store.rewound(Position { lsn: 7, ..Position::default() });
    assert_eq!((rows(&view), view.len()), (expected, 50));
    assert_eq!((store.view().len(), store.len()), (0, 0));
}

/// The memory that rows take which wait for the disk is bounded.
#[test]
fn who_writes_much_faster_than_the_disk_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Durable::open(&dir.path().join("store.redb"), LARGE).unwrap();
    let other = store.database.begin_write().unwrap();
    let slow_disk = thread::spawn(move || {
        thread::sleep(Duration::from_millis(200));
        other.abort().unwrap();
    });
    for number in 0..40 {
        set(&mut store, [number], 1, LARGE / 2);
        store.log_is_durable(store.applied.lsn);
        assert!(store.change_bytes <= BACKLOG_FACTOR * (LARGE + CHANGE_OVERHEAD), "{}", store.change_bytes);
    }
    slow_disk.join().unwrap();
    assert!(store.kept().lsn > 20, "{:?}", store.kept());
}
