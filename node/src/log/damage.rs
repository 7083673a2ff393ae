//! Every byte of a log changed, and every cut of it, one at a time: what was written is found, or else the damage is, with its file.
//!
//! Only for tests. Not here: operations that fail (`faults`).

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use bytes::Bytes;

use super::LogError;
use super::tests::{files, frame_bytes, records, recover, write};

const RECORDS: u64 = 7;
/// A few records each, so that there are several.
const SEGMENT_BYTES: u64 = 120;

/// The files of a log, in their order.
type Files = Vec<(OsString, Vec<u8>)>;

pub(super) fn directory() -> tempfile::TempDir {
    // Thousands of logs, none of which has to survive this test.
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

fn written() -> (Vec<Bytes>, Files) {
    let (dir, records) = (directory(), records(1, RECORDS, b"some value"));
    write(dir.path(), SEGMENT_BYTES, records.clone());
    let read = |path: std::path::PathBuf| (path.file_name().unwrap().to_owned(), fs::read(&path).unwrap());
    let files: Files = files(dir.path()).into_iter().map(read).collect();
    assert!(files.len() >= 3, "{} segments", files.len());
    (records, files)
}

fn recover_files(files: &Files) -> Result<Vec<Bytes>, LogError> {
    let dir = directory();
    for (name, bytes) in files {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    recover(dir.path())
}

#[test]
fn every_changed_byte_is_found() {
    let (records, files) = written();
    let (last, before) = records.split_last().unwrap();
    for (number, (name, bytes)) in files.iter().enumerate() {
        // Damage in the very last record cannot be told from a torn write.
        let tail = if number + 1 == files.len() { bytes.len() - frame_bytes(last) } else { bytes.len() };
        for at in 0..bytes.len() {
            for mask in [0x01, 0x10, 0x80, 0xff] {
                let mut damaged = files.clone();
                damaged[number].1[at] ^= mask;
                match recover_files(&damaged) {
                    Ok(found) => assert!(at >= tail && found == before, "{name:?}, byte {at} ^ {mask}: {found:?}"),
                    Err(error) => {
                        let told = error.to_string();
                        assert!(at < tail && told.contains(name.to_str().unwrap()), "byte {at} ^ {mask}: {told}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_cut_keeps_whole_records_or_is_found() {
    let (records, files) = written();
    for (number, (name, bytes)) in files.iter().enumerate() {
        let is_last = number + 1 == files.len();
        for length in 0..bytes.len() {
            let mut cut = files.clone();
            cut[number].1.truncate(length);
            match recover_files(&cut) {
                Ok(found) => {
                    assert!(is_last, "{name:?} was cut to {length} bytes, and nobody noticed");
                    let lost: usize = records[found.len()..].iter().map(frame_bytes).sum();
                    assert_eq!(found, records[..found.len()]);
                    // What is lost is what was cut, and the rest of the record that the cut went through.
                    let rest = frame_bytes(&records[found.len()]);
                    assert!(lost < bytes.len() - length + rest, "{lost} bytes lost of a cut to {length}");
                }
                Err(error) => assert!(!is_last, "a torn tail of {length} bytes is refused: {error}"),
            }
        }
    }
}
