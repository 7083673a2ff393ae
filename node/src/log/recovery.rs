//! Reading the log back after a stop or a crash: cuts off a torn tail, refuses damage in the middle.
//!
//! A crash can leave only the end of the last segment unfinished (`crash` says how). Anything else, in an earlier segment or
//! in a header, too, did not come from a crash, and what follows may have been acknowledged.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use bytes::Bytes;

use super::LogError;
use super::crash::{Unsound, unsound};
use super::segment::{HEADER_BYTES, Header};
use crate::core::retention::SnapshotKey;
use crate::defect::Defect;
use crate::disk::{Disk, DiskError};
use crate::record::{Lsn, Record};

/// What recovery found.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// Where the log begins; `None` if there is none.
    pub(crate) first_lsn: Option<Lsn>,
    /// The encodings of all records.
    pub(crate) records: Vec<Bytes>,
    /// The segment to go on with; `None` if there is none.
    pub(crate) tail: Option<Tail>,
}

/// The last segment and where its sound part ends.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) path: PathBuf,
    pub(crate) header: Header,
    pub(crate) bytes: u64,
    pub(crate) next_lsn: Lsn,
}

pub(crate) fn segment_path(dir: &Path, first_lsn: Lsn) -> PathBuf {
    dir.join(format!("{first_lsn:020}.log"))
}

/// The segments in a log directory by their first LSN, in order.
pub(crate) fn segments(dir: &Path) -> Result<Vec<(Lsn, PathBuf)>, LogError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(LogError::io(dir))? {
        let path = entry.map_err(LogError::io(dir))?.path();
        let first_lsn = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        match first_lsn {
            Some(first_lsn) if segment_path(dir, first_lsn) == path => found.push((first_lsn, path)),
            _ => return Err(damaged(&path, 0, "its name is not that of a segment; move it out of the log")),
        }
    }
    found.sort();
    Ok(found)
}

/// Reads all segments and makes the log end with its last sound record. A log that does not lead up to the snapshot is one that the
/// snapshot was to replace when the node died; it is removed.
pub(crate) fn recover(disk: &Disk, dir: &Path, snapshot: Option<SnapshotKey>) -> Result<Recovered, LogError> {
    let recovered = read(disk, dir)?;
    let Some((lsn, lineage)) = snapshot else {
        return match recovered.first_lsn {
            Some(first @ 2..) => Err(missing(&segment_path(dir, first), first, 1)),
            _ => Ok(recovered),
        };
    };
    let Some(first_lsn) = recovered.first_lsn else { return Ok(recovered) };
    if first_lsn > lsn + 1 {
        return Err(missing(&segment_path(dir, first_lsn), first_lsn, lsn + 1));
    }
    let at_snapshot = (lsn + 1).checked_sub(first_lsn + 1).and_then(|index| recovered.records.get(index as usize));
    let fits = at_snapshot
        .is_some_and(|encoded| Record::decode(encoded).is_some_and(|record| Some(record.stamp.lineage()) == lineage));
    if fits || first_lsn == lsn + 1 {
        return Ok(recovered);
    }
    tracing::info!(lsn, records = recovered.records.len(), "removed a log that a base snapshot has replaced");
    remove_all(disk, dir)?;
    Ok(Recovered { first_lsn: None, records: Vec::new(), tail: None })
}

/// Removes all segments, from the last on, so that a crash leaves no gap.
pub(crate) fn remove_all(disk: &Disk, dir: &Path) -> Result<(), LogError> {
    for (_, path) in segments(dir)?.into_iter().rev() {
        disk.remove(&path)?;
        disk.sync_dir(dir)?;
    }
    Ok(())
}

fn read(disk: &Disk, dir: &Path) -> Result<Recovered, LogError> {
    fs::create_dir_all(dir).map_err(LogError::io(dir))?;
    if let Some(parent) = dir.parent() {
        disk.sync_dir(parent)?;
    }
    let segments = segments(dir)?;
    let paths: Vec<_> = segments.iter().map(|(_, path)| path.as_path()).collect();
    std::thread::scope(|scope| {
        let (ahead, contents) = mpsc::sync_channel(0);
        // The disk reads the next segment while this one is decoded. An error of sending means that nobody wants more.
        scope.spawn(move || paths.into_iter().map(fs::read).try_for_each(|read| ahead.send(read)));
        read_segments(disk, dir, &segments, &contents)
    })
}

/// Takes in the contents of the segments, in their order.
fn read_segments(
    disk: &Disk,
    dir: &Path,
    segments: &[(Lsn, PathBuf)],
    contents: &mpsc::Receiver<io::Result<Vec<u8>>>,
) -> Result<Recovered, LogError> {
    let mut records = Vec::new();
    let mut tail = None;
    let begin = segments.first().map_or(1, |&(first_lsn, _)| first_lsn);
    for (index, (first_lsn, path)) in segments.iter().enumerate() {
        let is_last = index + 1 == segments.len();
        let next_lsn = begin + records.len() as Lsn;
        if *first_lsn != next_lsn {
            return Err(missing(path, *first_lsn, next_lsn));
        }
        let bytes = Bytes::from(contents.recv().expect("each segment is read").map_err(LogError::io(path))?);
        if is_last && bytes.len() <= HEADER_BYTES && Header::decode(&bytes).is_err() {
            // A crash while the segment was created: nothing was ever in it.
            disk.remove(path)?;
            disk.sync_dir(dir)?;
            tracing::info!(file = %path.display(), lsn = next_lsn - 1, "truncated: removed an unfinished segment");
            break;
        }
        tail = Some(read_segment(disk, path, &bytes, next_lsn, is_last, &mut records)?);
    }
    let first_lsn = tail.as_ref().map(|_| begin);
    Ok(Recovered { first_lsn, records, tail })
}

fn missing(path: &Path, first_lsn: Lsn, missing_lsn: Lsn) -> LogError {
    damaged(path, 0, &format!("it begins at LSN {first_lsn}, but LSN {missing_lsn} is missing"))
}

fn read_segment(
    disk: &Disk,
    path: &Path,
    bytes: &Bytes,
    first_lsn: Lsn,
    is_last: bool,
    records: &mut Vec<Bytes>,
) -> Result<Tail, LogError> {
    let header = Header::decode(bytes).map_err(|what| damaged(path, 0, what))?;
    if header.first_lsn != first_lsn {
        return Err(damaged(path, 0, &format!("its header says LSN {}, its name {first_lsn}", header.first_lsn)));
    }
    let mut offset = HEADER_BYTES;
    let mut next_lsn = first_lsn;
    while offset < bytes.len() {
        let torn = || header.torn_frame_at(bytes, offset).filter(|_| disk.has(Defect::AcceptTornRecord));
        let Some(frame) = header.frame_at(bytes, offset).or_else(torn) else {
            if !is_last {
                return Err(damaged(path, offset, "no sound record here, but there are later segments"));
            }
            match unsound(bytes, header, offset, next_lsn) {
                Unsound::Room => {}
                Unsound::Torn => {
                    let torn = bytes.len() - offset;
                    let lsn = next_lsn - 1;
                    tracing::info!(file = %path.display(), at = offset, bytes = torn, lsn, "truncated: cut off a torn tail");
                }
                Unsound::Damaged { behind } => {
                    let what = format!("no sound record here, but there is one at byte {behind}");
                    return Err(damaged(path, offset, &what));
                }
            }
            break;
        };
        match Record::decode(&bytes[frame.payload.clone()]) {
            Some(record) if record.stamp.lsn == next_lsn => {}
            Some(record) => {
                return Err(damaged(path, offset, &format!("LSN {} where {next_lsn} belongs", record.stamp.lsn)));
            }
            None => return Err(damaged(path, offset, "sound bytes that are no record of this program")),
        }
        offset = frame.payload.end;
        records.push(bytes.slice(frame.payload));
        next_lsn += 1;
    }
    if is_last {
        make_durable(disk, path, bytes, offset)?;
    }
    Ok(Tail { path: path.to_owned(), header, bytes: offset as u64, next_lsn })
}

/// Cuts a segment to its sound part and writes that once more. What was read may have been in memory only, and if an fsync of it has
/// failed, the next would claim success without writing anything: only pages that were written again are sure to reach the disk.
fn make_durable(disk: &Disk, path: &Path, bytes: &[u8], sound: usize) -> Result<(), LogError> {
    let file = OpenOptions::new().write(true).open(path).map_err(DiskError::write(path))?;
    if sound < bytes.len() {
        disk.set_len(&file, path, sound as u64)?;
    }
    disk.write(&file, path, &bytes[..sound])?; // the same bytes in the same place: a crash in between changes nothing
    Ok(disk.sync_all(&file, path)?)
}

fn damaged(path: &Path, offset: usize, what: &str) -> LogError {
    LogError::Damaged { path: path.to_owned(), offset, what: what.to_owned() }
}
