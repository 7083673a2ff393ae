//! `interregnum node dump`: a stopped node's log as JSON lines, for people who want to see what is in it.
//!
//! It changes nothing, and goes on behind damage where it can, as `pg_waldump` and `mysqlbinlog` do not. Not here: mending anything.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use clap::Args;
use serde_json::json;

use crate::hard_state::members_of;
use crate::log::reading::{Entry, SegmentReader, segment_files};
use crate::record::Lsn;
use crate::rewound::record_json;

/// The flags of `dump`.
#[derive(Debug, Clone, Args)]
pub struct Dump {
    /// The node's data directory.
    #[arg(long, value_name = "DIRECTORY")]
    pub data: PathBuf,

    /// Begin with this LSN.
    #[arg(long, value_name = "LSN", default_value_t = 0)]
    pub from: u64,

    /// End with this LSN.
    #[arg(long, value_name = "LSN", default_value_t = u64::MAX)]
    pub to: u64,
}

/// Prints to standard output. Fails, after everything has been printed, when damage was found that no crash leaves behind.
pub(crate) fn run(flags: &Dump) -> anyhow::Result<()> {
    let log = flags.data.join("log");
    ensure!(log.is_dir(), "{} has no directory `log`: it is no data directory of a node", flags.data.display());
    let members = members_of(&flags.data)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let damaged = match print(flags, &log, &members, &mut out).and_then(|damaged| Ok((damaged, out.flush()?))) {
        Ok((damaged, ())) => damaged,
        Err(error) if is_closed(&error) => return Ok(()), // the reader has seen enough (`| head`)
        Err(error) => return Err(error),
    };
    if damaged > 0 {
        bail!("the log is damaged in {damaged} places, each told above with its file and byte");
    }
    Ok(())
}

fn is_closed(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// Prints every record of every segment, and what is no record; returns how many places are damaged.
fn print(flags: &Dump, log: &std::path::Path, members: &[String], out: &mut impl Write) -> anyhow::Result<usize> {
    let segments = segment_files(log)?;
    let mut damaged = 0;
    let mut next_lsn: Option<Lsn> = None;
    for (index, (first_lsn, path)) in segments.iter().enumerate() {
        let is_last = index + 1 == segments.len();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(expected) = next_lsn.filter(|expected| expected != first_lsn) {
            damaged += 1;
            writeln!(out, "{}", json!({ "damaged": format!("LSN {expected} is missing"), "file": file, "offset": 0 }))?;
        }
        if next_segment_begins_by(&segments, index, flags.from) || *first_lsn > flags.to {
            next_lsn = segments.get(index + 1).map(|(lsn, _)| *lsn);
            continue;
        }
        let reader = SegmentReader::open(path, is_last).with_context(|| format!("cannot read {}", path.display()))?;
        for entry in reader {
            match entry {
                Entry::Record { offset, record } => {
                    let lsn = record.stamp.lsn;
                    next_lsn = Some(lsn + 1);
                    if (flags.from..=flags.to).contains(&lsn) {
                        let mut json = record_json(&record, members);
                        json["file"] = json!(file);
                        json["offset"] = json!(offset);
                        writeln!(out, "{json}")?;
                    }
                }
                Entry::Torn { offset, bytes } => {
                    let torn = "no sound record here";
                    writeln!(out, "{}", json!({ "torn": torn, "file": file, "offset": offset, "bytes": bytes }))?;
                }
                Entry::Damaged { offset, bytes, what } => {
                    damaged += 1;
                    writeln!(out, "{}", json!({ "damaged": what, "file": file, "offset": offset, "bytes": bytes }))?;
                }
            }
        }
    }
    Ok(damaged)
}

/// Whether nothing in this segment is wanted, because the next one begins at or before the first LSN that is.
fn next_segment_begins_by(segments: &[(Lsn, PathBuf)], index: usize, from: Lsn) -> bool {
    segments.get(index + 1).is_some_and(|(first_lsn, _)| *first_lsn <= from)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::config::Fsync;
    use crate::core::HardState;
    use crate::hard_state::HardStateFile;
    use crate::log::Log;
    use crate::record::{Change, Gtid, Member, Record, Stamp};

    /// A data directory with three records in segments of this size.
    fn data(segment_bytes: u64) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let (mut file, _) =
            HardStateFile::open(&crate::disk::Disk::default(), dir.path(), "n1", Some(&["n1".to_owned()])).unwrap();
        file.save(&HardState::default()).unwrap();
        let (mut log, _) = Log::open(
            &crate::disk::Disk::default(),
            &dir.path().join("log"),
            segment_bytes,
            Fsync::Always,
            None,
            |report| {
                report.unwrap();
            },
        )
        .unwrap();
        let record = |lsn| {
            let stamp = Stamp { lsn, epoch: 1, gtid: Gtid { origin: Member(0), sequence: lsn } };
            Record { stamp, change: Change::Set { key: "k".into(), before: None, after: "v".into() }, request: None }
                .encode()
        };
        log.write((1..=3).map(record).collect());
        log.end();
        dir
    }

    fn dump(data: &Path, from: Lsn, to: Lsn) -> (String, usize) {
        let flags = Dump { data: data.to_owned(), from, to };
        let mut out = Vec::new();
        let damaged = print(&flags, &data.join("log"), &members_of(data).unwrap(), &mut out).unwrap();
        (String::from_utf8(out).unwrap(), damaged)
    }

    fn first_segment(data: &Path) -> PathBuf {
        segment_files(&data.join("log")).unwrap().remove(0).1
    }

    #[test]
    fn every_record_is_told_with_its_place() {
        for segment_bytes in [1, u64::MAX] {
            let dir = data(segment_bytes);
            let (text, damaged) = dump(dir.path(), 0, u64::MAX);
            assert_eq!((text.lines().count(), damaged), (3, 0), "{text}");
            assert!(
                text.starts_with(r#"{"epoch":1,"file":"00000000000000000001.log","gtid":"n1:1","lsn":1,"offset":28,"#)
            );
            let (text, _) = dump(dir.path(), 2, 2);
            assert_eq!(text.lines().count(), 1);
            assert!(text.contains(r#""gtid":"n1:2""#), "{text}");
        }
    }

    #[test]
    fn a_torn_tail_is_no_damage_and_a_flipped_byte_before_a_sound_record_is() {
        let dir = data(u64::MAX);
        let path = first_segment(dir.path());
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let (text, damaged) = dump(dir.path(), 0, u64::MAX);
        assert_eq!((text.lines().count(), damaged), (3, 0), "{text}");
        assert!(text.lines().last().unwrap().contains("\"torn\""), "{text}");

        let mut flipped = whole;
        flipped[30] ^= 1;
        fs::write(&path, &flipped).unwrap();
        let (text, damaged) = dump(dir.path(), 0, u64::MAX);
        assert_eq!((text.lines().count(), damaged), (3, 1), "the other two records are still told: {text}");
        assert!(text.lines().next().unwrap().contains(r#""offset":28"#), "{text}");
    }

    #[test]
    fn a_missing_segment_is_named() {
        let dir = data(1);
        let second = segment_files(&dir.path().join("log")).unwrap().remove(1).1;
        fs::remove_file(second).unwrap();
        let (text, damaged) = dump(dir.path(), 0, u64::MAX);
        assert_eq!(damaged, 1);
        assert!(text.contains("LSN 2 is missing"), "{text}");
    }
}
