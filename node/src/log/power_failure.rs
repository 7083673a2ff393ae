//! What power failures leave of the last group, sector by sector, is cut off; what was durable before it is kept or, if it is
//! not there, missed aloud.
//!
//! Only for tests. Not here: single bytes changed (`damage`), operations that fail (`faults`).

use std::fs;

use bytes::Bytes;
use proptest::prelude::*;

use super::crash::{Unsound, unsound};
use super::damage::directory;
use super::segment::{HEADER_BYTES, Header, SECTOR_BYTES};
use super::tests::{files, recover};
use super::*;
use crate::defect::Defect;
use crate::record::{Change, Gtid, Member, Record, Stamp};

/// More than any of these logs needs, so that each is one segment.
const SEGMENT_BYTES: u64 = 80_000;

fn record(lsn: Lsn, value_bytes: usize) -> Bytes {
    let stamp = Stamp { lsn, epoch: 1, gtid: Gtid { origin: Member(0), sequence: lsn } };
    let after = Bytes::from(vec![b'v'; value_bytes]);
    Record { stamp, change: Change::Set { key: "key".into(), before: None, after }, request: None }.encode()
}

/// The only segment of a log, as it was after each of its writes.
struct Written {
    records: Vec<Bytes>,
    /// How many records there were, and the file.
    versions: Vec<(usize, Vec<u8>)>,
}

/// Writes records with values of these lengths, those of one slice at once. Each is a group if there is a sync after each.
fn write(writes: &[&[usize]], fsync: Fsync) -> Written {
    let dir = directory();
    let (reporter, reports) = mpsc::channel();
    let report = move |report| drop(reporter.send(report));
    let (mut log, _) = Log::open(&Disk::default(), dir.path(), SEGMENT_BYTES, fsync, None, report).unwrap();
    let file = files(dir.path()).remove(0);
    let mut written = Written { records: Vec::new(), versions: vec![(0, fs::read(&file).unwrap())] };
    for values in writes {
        let before = written.records.len();
        let new = values.iter().zip(before + 1..).map(|(&bytes, lsn)| record(lsn as Lsn, bytes));
        written.records.extend(new);
        log.write(written.records[before..].to_vec());
        reports.recv().unwrap().unwrap();
        written.versions.push((written.records.len(), fs::read(&file).unwrap()));
    }
    log.end();
    written
}

impl Written {
    /// The file with each sector as it was in one of the versions, as far as it reached then.
    fn with_sectors(&self, version: impl Fn(usize) -> usize) -> Vec<u8> {
        let mut image = vec![0; (self.used_sectors() + 1) * SECTOR_BYTES]; // the rest is room as well
        for (number, sector) in image.chunks_mut(SECTOR_BYTES).enumerate() {
            let bytes = &self.versions[version(number)].1;
            let begin = (number * SECTOR_BYTES).min(bytes.len());
            let found = &bytes[begin..(begin + sector.len()).min(bytes.len())];
            sector[..found.len()].copy_from_slice(found);
        }
        image
    }

    /// How far the file was used in its last version.
    fn used_sectors(&self) -> usize {
        let (_, last) = self.versions.last().unwrap();
        last.iter().rposition(|&byte| byte != 0).unwrap() / SECTOR_BYTES + 1
    }

    /// A node that finds this file has all that was `durable`, and of the rest what came first.
    fn check(&self, image: &[u8], durable: usize) {
        let found = recover_file(image).expect("a crash is no damage");
        assert!(found.len() >= durable, "{} records of {durable} that were durable", found.len());
        assert_eq!(found, self.records[..found.len()]);
    }
}

fn recover_file(bytes: &[u8]) -> Result<Vec<Bytes>, LogError> {
    let dir = directory();
    fs::write(recovery::segment_path(dir.path(), 1), bytes).unwrap();
    recover(dir.path())
}

/// Large and small records, and headers at all places of a sector.
const WRITES: [&[usize]; 3] = [&[0; 9], &[100, 1200, 3, 461], &[5, 900, 40, 40, 300, 1100, 0, 700, 20]];

#[test]
fn whatever_sectors_of_the_last_group_are_there_what_was_durable_is_kept() {
    let written = write(&WRITES, Fsync::Always);
    let [.., (durable, before), (all, _)] = &written.versions[..] else { unreachable!("there are four versions") };
    let end_before = before.iter().rposition(|&byte| byte != 0).unwrap();
    let (first, last) = (end_before / SECTOR_BYTES, written.used_sectors());
    let (whole, old) = (written.versions.len() - 1, written.versions.len() - 2);
    assert!((6..=8).contains(&(last - first)), "{first} to {last}");
    for choice in 0_u32..1 << (last - first) {
        let is_there = |sector: usize| sector < first || sector >= last || choice >> (sector - first) & 1 == 1;
        written.check(&written.with_sectors(|sector| if is_there(sector) { whole } else { old }), *durable);
    }
    written.check(&written.with_sectors(|_| whole), *all);
}

/// The planted defect, which the same images show.
#[test]
fn a_node_that_accepts_torn_records_has_some_that_nobody_wrote() {
    let written = write(&WRITES, Fsync::Always);
    let (whole, old) = (written.versions.len() - 1, written.versions.len() - 2);
    let image = |lost: usize| written.with_sectors(|sector| if sector == lost { old } else { whole });
    let found = |lost: usize, disk: &Disk| {
        let dir = directory();
        fs::write(recovery::segment_path(dir.path(), 1), image(lost)).unwrap();
        recovery::recover(disk, dir.path(), None).unwrap().records
    };
    let is_invented = |records: &[Bytes]| records.iter().any(|record| !written.records.contains(record));
    let sectors = 0..written.used_sectors();
    assert!(!sectors.clone().any(|lost| is_invented(&found(lost, &Disk::default()))));
    assert!(sectors.into_iter().any(|lost| is_invented(&found(lost, &Disk::with(Some(Defect::AcceptTornRecord))))));
}

#[test]
fn a_sector_of_a_durable_group_that_is_not_there_is_missed() {
    let written = write(&WRITES, Fsync::Always);
    let [.., (_, before), (_, whole)] = &written.versions[..] else { unreachable!("there are four versions") };
    let durable_end = before.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    for sector in (0..durable_end).step_by(SECTOR_BYTES) {
        for end in [SECTOR_BYTES, 8 * SECTOR_BYTES].map(|bytes| (sector + bytes).min(durable_end)) {
            let mut lost = whole.clone();
            lost[sector..end].fill(0);
            let error = recover_file(&lost).expect_err("a record that was durable is missing");
            assert!(matches!(error, LogError::Damaged { .. }), "{error}");
        }
    }
}

/// Wherever in a sector the last group begins.
#[test]
fn a_group_whose_first_sector_is_not_there_is_cut_off_and_the_empty_bytes_before_it_are_watched() {
    let mut gaps = 0;
    for before in 440..440 + SECTOR_BYTES {
        let written = write(&[&[before], &[700, 0]], Fsync::Always);
        let mut bytes = written.with_sectors(|_| 2);
        let header = Header::decode(&bytes).unwrap();
        let end = header.frame_at(&bytes, HEADER_BYTES).unwrap().payload.end;
        let begin = header.frame_at(&bytes, end).unwrap().begin;
        for gap in end..begin {
            bytes[gap] = 1;
            assert_eq!(header.frame_at(&bytes, end), None, "{before}: byte {gap}");
            assert!(matches!(unsound(&bytes, header, end, 2), Unsound::Damaged { .. }), "{before}: byte {gap}");
            bytes[gap] = 0;
            gaps += 1;
        }
        let first = begin / SECTOR_BYTES;
        let image = written.with_sectors(|sector| if sector == first { 1 } else { 2 });
        assert_eq!(unsound(&image, header, end, 2), Unsound::Torn, "{before}");
    }
    assert!(gaps > 0);
}

#[test]
fn a_changed_byte_of_the_last_group_is_no_crash() {
    let written = write(&WRITES, Fsync::Always);
    let mut bytes = written.with_sectors(|_| written.versions.len() - 1);
    let header = Header::decode(&bytes).unwrap();
    let mut ends = vec![HEADER_BYTES];
    while let Some(frame) = header.frame_at(&bytes, *ends.last().unwrap()) {
        ends.push(frame.payload.end);
    }
    assert_eq!(ends.len(), written.records.len() + 1);
    for (record, end) in ends.windows(2).take(written.records.len() - 1).enumerate().map(|(n, pair)| (n, pair.to_vec()))
    {
        for at in end[0]..end[1] {
            for mask in [1, 0x80, 0xff, bytes[at]].into_iter().filter(|&mask| mask != 0) {
                bytes[at] ^= mask;
                let found = unsound(&bytes, header, end[0], record as Lsn + 1);
                bytes[at] ^= mask;
                assert!(matches!(found, Unsound::Damaged { .. }), "byte {at} ^ {mask}: {found:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// With a sync now and then only, a group is written in several writes, and a sector is as it was after any of them.
    #[test]
    fn a_group_of_many_writes_leaves_what_came_first(
        writes in prop::collection::vec(prop::collection::vec(0..1500_usize, 1..6), 1..8),
        choices in prop::collection::vec(any::<prop::sample::Index>(), 1..60),
    ) {
        let writes: Vec<&[usize]> = writes.iter().map(Vec::as_slice).collect();
        let written = write(&writes, Fsync::Interval(3_600_000));
        let version = |sector: usize| choices[sector % choices.len()].index(written.versions.len());
        let image = written.with_sectors(|sector| if sector == 0 { version(0).max(1) } else { version(sector) });
        written.check(&image, 0);
    }
}
