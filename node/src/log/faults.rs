//! Every operation of the log on a disk that fails, each with every error: nothing that was reported flushed is lost, nothing is
//! reported behind the error, and a sync that failed is not tried again.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex};

use super::damage::directory;
use super::tests::{files, records, recover};
use super::*;
use crate::disk::{Faults, Step};

/// Writes, cuts, writes more and rotates on a disk whose operations fail from that number on. What was flushed at last, and how
/// many operations the disk was asked for.
fn work(dir: &Path, segment_bytes: u64, from: Option<(usize, ErrorKind)>) -> (Lsn, Vec<Bytes>, Faults) {
    let faults = Arc::new(Mutex::new(Faults { from, ..Faults::default() }));
    let disk = Disk { faults: Some(Arc::clone(&faults)), ..Disk::default() };
    let (reporter, reports) = mpsc::channel();
    let report = move |report| drop(reporter.send(report));
    let mut expected = records(1, 12, b"a");
    let mut flushed = 0;
    if let Ok((mut log, _)) = Log::open(&disk, dir, segment_bytes, Fsync::Always, None, report) {
        // One by one, so that which operations there are does not depend on the threads' pace.
        for lsn in 1..=12 {
            log.write(records(lsn, lsn, b"a"));
            flushed = reports.recv().ok().and_then(Result::ok).map_or(flushed, |report| report.synced_lsn);
        }
        log.truncate(5, 1);
        flushed = flushed.min(5); // who cuts does not count on more any longer
        flushed = reports.recv().ok().and_then(Result::ok).map_or(flushed, |report| report.synced_lsn);
        expected.truncate(5);
        for lsn in 6..=14 {
            log.write(records(lsn, lsn, b"b"));
            flushed = reports.recv().ok().and_then(Result::ok).map_or(flushed, |report| report.synced_lsn);
        }
        expected.extend(records(6, 14, b"b"));
        log.end();
    }
    let faults = Arc::try_unwrap(faults)
        .map_or_else(|shared| std::mem::take(&mut *shared.lock().unwrap()), |own| own.into_inner().unwrap());
    (flushed, expected, faults)
}

#[test]
fn whatever_operation_fails_what_was_flushed_is_there_and_no_failed_sync_is_retried() {
    // Many segments with little room, or one with much.
    for segment_bytes in [200, 20_000] {
        let dir = directory();
        let (_, _, all) = work(dir.path(), segment_bytes, None);
        assert!(all.operations > 50, "{} operations only", all.operations);
        for number in 0..all.operations {
            for kind in [ErrorKind::StorageFull, ErrorKind::Other] {
                let dir = directory();
                let (flushed, expected, faults) = work(dir.path(), segment_bytes, Some((number, kind)));
                let after: Vec<Step> = faults.steps[number..].to_vec();
                assert!(after.len() == 1, "operation {number} failed, and then {after:?} were tried");
                let found = recover(dir.path()).unwrap_or_else(|error| panic!("operation {number}: {error}"));
                let a = records(1, 12, b"a");
                let sound = found.len() as Lsn >= flushed && (expected.starts_with(&found) || a.starts_with(&found));
                assert!(
                    sound,
                    "operation {number}, {kind}: {flushed} flushed, {} recovered: {:?}",
                    found.len(),
                    files(dir.path())
                );
            }
        }
    }
}

#[test]
fn a_disk_that_was_full_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (flushed, _, _) = work(dir.path(), 200, Some((20, ErrorKind::StorageFull)));
    let found = recover(dir.path()).unwrap().len() as Lsn;
    assert!(found >= flushed);
    super::tests::write(dir.path(), 200, records(found + 1, 20, b"a"));
    assert_eq!(recover(dir.path()).unwrap(), records(1, 20, b"a"));
}
