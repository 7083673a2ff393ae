//! What the log promises, against torn and damaged files.

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::segment::{HEADER_BYTES, Header, encode_frame};
use super::*;
use crate::record::{Change, Gtid, Member, Record, Stamp};

/// The encodings of records from `first` to `last`; `mark` tells two kinds apart.
pub(super) fn records(first: Lsn, last: Lsn, mark: &'static [u8]) -> Vec<Bytes> {
    let record = |lsn| {
        let stamp = Stamp { lsn, epoch: 1, gtid: Gtid { origin: Member(0), sequence: lsn } };
        Record {
            stamp,
            change: Change::Set { key: "key".into(), before: None, after: Bytes::from_static(mark) },
            request: None,
        }
    };
    (first..=last).map(|lsn| record(lsn).encode()).collect()
}

fn open(dir: &Path, segment_bytes: u64) -> Result<(Log, mpsc::Receiver<Report>, Vec<Bytes>), LogError> {
    let (reporter, reports) = mpsc::channel();
    let report = move |report| drop(reporter.send(report));
    Log::open(&Disk::default(), dir, segment_bytes, Fsync::Always, None, report)
        .map(|(log, records)| (log, reports, records))
}

/// What a node finds that starts on this directory.
pub(super) fn recover(dir: &Path) -> Result<Vec<Bytes>, LogError> {
    let (log, _, records) = open(dir, u64::MAX)?;
    log.close();
    Ok(records)
}

/// Writes records in segments of this size, and closes.
pub(super) fn write(dir: &Path, segment_bytes: u64, records: Vec<Bytes>) {
    let (log, reports, _) = open(dir, segment_bytes).unwrap();
    log.write(records);
    log.close();
    assert!(reports.iter().all(|report| report.is_ok()));
}

pub(super) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

pub(super) fn frame_bytes(record: &Bytes) -> usize {
    let mut frame = Vec::new();
    Header::new(1).encode_record(&mut frame, 0, record, 0);
    frame.len()
}

#[test]
fn what_was_written_is_there_after_a_restart_over_any_number_of_segments() {
    for segment_bytes in [1, 200, u64::MAX] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), segment_bytes, records(1, 10, b"a"));
        write(dir.path(), segment_bytes, records(11, 20, b"a"));
        assert_eq!(recover(dir.path()).unwrap(), records(1, 20, b"a"));
    }
}

#[test]
fn records_queued_together_are_flushed_together() {
    let dir = tempfile::tempdir().unwrap();
    let (log, reports, _) = open(dir.path(), u64::MAX).unwrap();
    // Whatever the thread was doing, the second to the thousandth write pile up behind the first.
    (1..=1000).for_each(|lsn| log.write(records(lsn, lsn, b"a")));
    log.close();
    let reports: Vec<Flushed> = reports.iter().map(Result::unwrap).collect();
    assert_eq!(reports.last(), Some(&Flushed { generation: 0, lsn: 1000, synced_lsn: 1000 }));
    assert!(reports.len() < 1000, "{} fsyncs for 1000 writes", reports.len());
    assert!(reports.is_sorted_by(|a, b| a.lsn < b.lsn), "{reports:?}");
}

#[test]
fn with_an_interval_a_write_is_reported_before_its_fsync_is_due() {
    let dir = tempfile::tempdir().unwrap();
    let (reporter, reports) = mpsc::channel();
    let hour = Fsync::Interval(3_600_000);
    let (log, _) =
        Log::open(&Disk::default(), dir.path(), u64::MAX, hour, None, move |report| drop(reporter.send(report)))
            .unwrap();
    log.write(records(1, 3, b"a"));
    let report = reports.recv_timeout(Duration::from_secs(10)).expect("a report long before the hour is over").unwrap();
    assert_eq!(report, Flushed { generation: 0, lsn: 3, synced_lsn: 0 });
    log.close();
}

#[test]
fn after_a_truncation_other_records_take_the_place() {
    for segment_bytes in [1, 200, u64::MAX] {
        for after in [0, 1, 5, 10] {
            let dir = tempfile::tempdir().unwrap();
            let (log, reports, _) = open(dir.path(), segment_bytes).unwrap();
            log.write(records(1, 10, b"a"));
            log.truncate(after, 1);
            log.write(records(after + 1, 12, b"b"));
            log.close();
            let last = reports.iter().map(Result::unwrap).last();
            assert_eq!(last, Some(Flushed { generation: 1, lsn: 12, synced_lsn: 12 }));
            let expected: Vec<Bytes> = [records(1, after, b"a"), records(after + 1, 12, b"b")].concat();
            assert_eq!(recover(dir.path()).unwrap(), expected, "segments of {segment_bytes}, cut after {after}");
        }
    }
}

#[test]
fn a_log_cut_at_any_byte_keeps_every_whole_record_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), u64::MAX, records(1, 5, b"a"));
    let path = files(dir.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    let frame = frame_bytes(&records(1, 1, b"a")[0]);
    for cut in 0..=whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let kept = (cut.saturating_sub(HEADER_BYTES) / frame) as Lsn;
        assert_eq!(recover(dir.path()).unwrap(), records(1, kept, b"a"), "cut at byte {cut}");
        write(dir.path(), u64::MAX, records(kept + 1, 7, b"b"));
        let expected = [records(1, kept, b"a"), records(kept + 1, 7, b"b")].concat();
        assert_eq!(recover(dir.path()).unwrap(), expected, "written on after a cut at byte {cut}");
    }
}

#[test]
fn an_unfinished_new_segment_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 1, records(1, 3, b"a"));
    for cut in 0..=HEADER_BYTES {
        let next = recovery::segment_path(dir.path(), 4);
        fs::write(&next, &[b'x'; HEADER_BYTES][..cut]).unwrap();
        assert_eq!(recover(dir.path()).unwrap(), records(1, 3, b"a"));
        assert!(!next.exists());
    }
}

#[test]
fn damage_in_the_middle_is_refused_with_file_and_offset() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), u64::MAX, records(1, 3, b"a"));
    let path = files(dir.path()).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    let second = HEADER_BYTES + frame_bytes(&records(1, 1, b"a")[0]);
    bytes[second + 10] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let error = recover(dir.path()).unwrap_err().to_string();
    let expected =
        format!("00000000000000000001.log is damaged at byte {second}: no sound record here, but there is one");
    assert!(error.contains(&expected), "{error}");
    assert_eq!(fs::read(&path).unwrap(), bytes, "a refused log is left as it is");
}

#[test]
fn a_missing_or_foreign_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 1, records(1, 3, b"a"));
    let foreign = dir.path().join("notes.txt");
    fs::write(&foreign, "").unwrap();
    assert!(recover(dir.path()).unwrap_err().to_string().contains("notes.txt"));
    fs::remove_file(foreign).unwrap();
    fs::remove_file(&files(dir.path())[1]).unwrap();
    assert!(recover(dir.path()).unwrap_err().to_string().contains("LSN 2 is missing"));
}

#[test]
fn a_value_that_looks_like_a_record_does_not_count_as_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut disguised = Vec::new();
    Header { salt: 0, ..Header::new(1) }.encode_record(&mut disguised, 0, &records(2, 2, b"a")[0], 0);
    let stamp = Stamp { lsn: 1, epoch: 1, gtid: Gtid { origin: Member(0), sequence: 1 } };
    let change = Change::Set { key: "key".into(), before: None, after: disguised.into() };
    write(dir.path(), u64::MAX, vec![Record { stamp, change, request: None }.encode()]);
    let path = files(dir.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(recover(dir.path()).unwrap(), Vec::<Bytes>::new(), "a torn tail, not damage in the middle");
}

/// Records in a segment of format 1: no frame says what was durable, and each begins where the last one ended.
fn write_old(dir: &Path, records: &[Bytes]) -> PathBuf {
    let header = Header { salt: 7, first_lsn: 1, is_old: true };
    let mut bytes = header.encode().to_vec();
    bytes[8] = 1;
    let checksum = crc32fast::hash(&bytes[..24]);
    bytes[24..].copy_from_slice(&checksum.to_le_bytes());
    for record in records {
        encode_frame(&mut bytes, header.salt, record);
    }
    let path = recovery::segment_path(dir, 1);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_log_of_the_old_format_is_read_and_goes_on_in_a_new_segment() {
    for count in [0, 1, 40] {
        for after in [0, count / 2, count] {
            let dir = tempfile::tempdir().unwrap();
            write_old(dir.path(), &records(1, count, b"a"));
            let (log, _, found) = open(dir.path(), u64::MAX).unwrap();
            assert_eq!(found, records(1, count, b"a"));
            log.truncate(after, 1);
            log.write(records(after + 1, 50, b"b"));
            log.close();
            let expected = [records(1, after, b"a"), records(after + 1, 50, b"b")].concat();
            assert_eq!(recover(dir.path()).unwrap(), expected, "{count} records, cut after {after}");
        }
    }
}

#[test]
fn zeros_in_the_middle_of_an_old_segment_are_damage() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_old(dir.path(), &records(1, 200, b"a"));
    let mut bytes = fs::read(&path).unwrap();
    assert!(bytes.len() > 1600, "{} bytes", bytes.len());
    bytes[512..1024].fill(0);
    fs::write(&path, bytes).unwrap();
    assert!(matches!(recover(dir.path()), Err(LogError::Damaged { .. })));
}

#[test]
fn there_is_room_while_the_log_is_written_and_none_when_it_is_closed_or_goes_on_elsewhere() {
    for segment_bytes in [200_000, u64::MAX] {
        let dir = tempfile::tempdir().unwrap();
        let (log, reports, _) = open(dir.path(), segment_bytes).unwrap();
        for lsn in 1..=5000 {
            log.write(records(lsn, lsn, b"a"));
            reports.recv().unwrap().unwrap();
        }
        let (last, earlier) = files(dir.path()).pop().map(|last| (last, files(dir.path()))).unwrap();
        let killed = fs::read(&last).unwrap();
        log.close();
        let closed = fs::read(&last).unwrap();
        assert!(killed.len() > closed.len() && killed.starts_with(&closed), "{} and {}", killed.len(), closed.len());
        assert!(killed[closed.len()..].iter().all(|&byte| byte == 0));
        for file in &earlier[..earlier.len() - 1] {
            assert_ne!(fs::read(file).unwrap().last(), Some(&0), "{} has room behind its end", file.display());
        }
        fs::write(&last, killed).unwrap();
        assert_eq!(recover(dir.path()).unwrap(), records(1, 5000, b"a"));
        assert_eq!(fs::read(&last).unwrap(), closed, "room that a killed node left is given back");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Damage is either refused or, in the last record, cut off. Never does another record come out.
    #[test]
    fn no_flipped_bit_goes_unnoticed(at in any::<prop::sample::Index>(), bit in 0..8, segment_bytes in 1..2000_u64) {
        let dir = tempfile::tempdir().unwrap();
        let written = records(1, 20, b"value");
        write(dir.path(), segment_bytes, written.clone());
        let files = files(dir.path());
        let sizes: Vec<usize> = files.iter().map(|file| fs::read(file).unwrap().len()).collect();
        let mut at = at.index(sizes.iter().sum());
        let file = sizes.iter().position(|&size| {
            let here = at < size;
            at -= if here { 0 } else { size };
            here
        }).unwrap();
        let mut bytes = fs::read(&files[file]).unwrap();
        bytes[at] ^= 1_u8 << bit;
        fs::write(&files[file], &bytes).unwrap();

        let in_last_record = file + 1 == files.len() && at >= bytes.len() - frame_bytes(&written[19]);
        match recover(dir.path()) {
            Err(LogError::Damaged { path, .. }) => prop_assert_eq!(&path, &files[file]),
            Err(error) => panic!("{error}"),
            Ok(recovered) => {
                prop_assert!(in_last_record, "damage in the middle was not refused");
                prop_assert_eq!(&recovered[..], &written[..19]);
            }
        }
    }
}
