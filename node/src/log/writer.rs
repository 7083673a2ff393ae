//! The log thread: group commit, rotation, truncation.
//!
//! Whatever was queued while the previous fsync ran is written with one write and made durable with one fsync.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::open_segment::OpenSegment;
use super::recovery::{Tail, remove_all, segments};
use super::segment::{HEADER_BYTES, Header};
use super::{Flushed, LogError, Report};
use crate::config::Fsync;
use crate::defect::Defect;
use crate::disk::Disk;
use crate::record::Lsn;

#[derive(Debug)]
pub(crate) enum Command {
    Write(Vec<Bytes>),
    Truncate { after: Lsn, generation: u64 },
    CutFront { lsn: Lsn },
    Reset { lsn: Lsn, generation: u64 },
}

#[derive(Debug)]
pub(crate) struct Writer {
    disk: Disk,
    dir: PathBuf,
    segment_bytes: u64,
    fsync: Fsync,
    generation: u64,
    next_lsn: Lsn,
    segment: OpenSegment,
    /// When something was first written that no fsync has covered yet.
    dirty_since: Option<Instant>,
    /// The last record that an fsync has covered.
    synced_lsn: Lsn,
}

impl Writer {
    /// `next_lsn` is where the log begins if there is none.
    pub(crate) fn open(
        disk: &Disk,
        dir: &Path,
        segment_bytes: u64,
        fsync: Fsync,
        tail: Option<Tail>,
        next_lsn: Lsn,
    ) -> Result<Self, LogError> {
        let next_lsn = tail.as_ref().map_or(next_lsn, |tail| tail.next_lsn);
        let segment = match tail {
            Some(tail) => OpenSegment::reopen(disk, tail.path, tail.header, tail.bytes, next_lsn)?,
            None => OpenSegment::create(disk, dir, next_lsn)?,
        };
        let dir = dir.to_owned();
        Ok(Writer {
            disk: disk.clone(),
            dir,
            segment_bytes,
            fsync,
            generation: 0,
            next_lsn,
            segment,
            dirty_since: None,
            synced_lsn: next_lsn - 1,
        })
    }

    /// Serves the queue until its other end is dropped; then makes all durable. Stops at the first error, for after a failed
    /// fsync nobody knows what is on the disk, and a second one might claim success without being true.
    pub(crate) fn run(mut self, queue: &Receiver<Command>, report: impl Fn(Report)) {
        loop {
            let served = self.serve(queue);
            let Ok(Some(lsn)) = served else {
                served.map_or_else(|error| report(Err(error)), drop);
                return;
            };
            report(Ok(Flushed { generation: self.generation, lsn, synced_lsn: self.synced_lsn }));
            // Nobody waits for that now.
            if let Err(error) = self.make_room() {
                return report(Err(error));
            }
        }
    }

    /// Carries out whatever is queued; returns how far the log may be called flushed, or `None` at the end.
    fn serve(&mut self, queue: &Receiver<Command>) -> Result<Option<Lsn>, LogError> {
        let first = match self.patience() {
            None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(patience) => queue.recv_timeout(patience),
        };
        match first {
            Ok(first) => {
                for command in std::iter::once(first).chain(queue.try_iter()) {
                    self.carry_out(command)?;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                self.segment.finish()?;
                return Ok(None);
            }
        }
        self.segment.write()?;
        if self.fsync == Fsync::Always || self.patience() == Some(Duration::ZERO) {
            self.sync()?;
        }
        Ok(Some(self.next_lsn - 1))
    }

    /// How long the next fsync can wait; `None` if it is not due at all.
    fn patience(&self) -> Option<Duration> {
        match self.fsync {
            Fsync::Always => None,
            Fsync::Interval(ms) => Some(Duration::from_millis(ms).saturating_sub(self.dirty_since?.elapsed())),
        }
    }

    fn carry_out(&mut self, command: Command) -> Result<(), LogError> {
        match command {
            Command::Write(records) => records.iter().try_for_each(|record| self.append(record)),
            Command::Truncate { after, generation } => {
                self.generation = generation;
                self.truncate(after)
            }
            Command::CutFront { lsn } => self.cut_front(lsn),
            Command::Reset { lsn, generation } => {
                self.generation = generation;
                self.reset(lsn)
            }
        }
    }

    fn append(&mut self, record: &Bytes) -> Result<(), LogError> {
        if self.segment.bytes() >= self.segment_bytes && self.next_lsn > self.segment.first_lsn() {
            if !self.disk.has(Defect::LoseAtSegmentEnd) {
                self.segment.finish()?; // only the last segment may have an unfinished end
            }
            self.synced_lsn = self.next_lsn - 1;
            self.segment = OpenSegment::create(&self.disk, &self.dir, self.next_lsn)?;
        }
        self.segment.append(record)?;
        self.next_lsn += 1;
        self.dirty_since.get_or_insert_with(Instant::now);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), LogError> {
        self.segment.sync()?;
        self.dirty_since = None;
        self.synced_lsn = self.next_lsn - 1;
        Ok(())
    }

    /// Where each group is synced; elsewhere syncs are too seldom for their cost to matter.
    fn make_room(&mut self) -> Result<(), LogError> {
        if self.fsync == Fsync::Always { self.segment.make_room(self.segment_bytes) } else { Ok(()) }
    }

    /// Removes segments whose records are all at or before `lsn`, from the first on, but never the last segment.
    fn cut_front(&mut self, lsn: Lsn) -> Result<(), LogError> {
        let segments = segments(&self.dir)?;
        for ((first_lsn, path), (next_lsn, _)) in segments.iter().zip(segments.iter().skip(1)) {
            if *next_lsn > lsn + 1 {
                break;
            }
            self.disk.remove(path)?;
            self.disk.sync_dir(&self.dir)?; // each, so that a crash leaves no gap
            tracing::info!(file = %path.display(), first_lsn, "removed a segment that nobody needs any more");
        }
        Ok(())
    }

    fn reset(&mut self, lsn: Lsn) -> Result<(), LogError> {
        remove_all(&self.disk, &self.dir)?;
        self.next_lsn = lsn + 1;
        self.segment = OpenSegment::create(&self.disk, &self.dir, self.next_lsn)?;
        self.dirty_since = None;
        self.synced_lsn = lsn;
        Ok(())
    }

    /// Cuts off everything behind `after`: whole segments from the last on, then the end of the one that holds it.
    fn truncate(&mut self, after: Lsn) -> Result<(), LogError> {
        self.sync()?;
        let mut segments = segments(&self.dir)?;
        while let Some((_, path)) = segments.pop_if(|(first_lsn, _)| *first_lsn > after + 1) {
            self.disk.remove(&path)?;
            self.disk.sync_dir(&self.dir)?; // each, so that a crash leaves no gap
        }
        let (first_lsn, path) = segments.pop().expect("nothing that a snapshot covers is cut off");
        let bytes = fs::read(&path).map_err(LogError::io(&path))?;
        let header = Header::decode(&bytes).expect("this process wrote or checked the header");
        let mut end = HEADER_BYTES;
        for _ in first_lsn..=after {
            end = header.frame_at(&bytes, end).expect("this process wrote or checked the records").payload.end;
        }
        self.next_lsn = after + 1;
        self.segment = OpenSegment::reopen(&self.disk, path, header, end as u64, self.next_lsn)?;
        self.synced_lsn = after;
        Ok(())
    }
}
