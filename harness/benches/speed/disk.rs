//! What the disk can do by itself: how often it makes a small write durable, for one log or for several at once.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::load::Measure;

/// Bytes of each write: about a record with the key, the value and the value before.
const RECORD_BYTES: usize = 250;
/// Every log is written within a file of this size that is there already, which is the quickest that a file system offers: nothing but
/// the data is to be made durable.
const FILE_BYTES: usize = 16 << 20;

/// So many logs at once, a thread each, writing `batch` records and waiting for the disk, over and over. The rate is that of one log.
pub(crate) fn measure(dir: &Path, logs: usize, batch: usize, duration: Duration) -> anyhow::Result<Measure> {
    let threads: Vec<_> = (0..logs)
        .map(|log| {
            let path = dir.join(format!("disk-{log}"));
            std::thread::spawn(move || write_for(path, batch * RECORD_BYTES, duration))
        })
        .collect();
    let mut latencies = Vec::new();
    for thread in threads {
        latencies.append(&mut thread.join().expect("it does not panic")?);
    }
    let all = Measure::of(latencies, duration);
    Ok(Measure { per_second: all.per_second / logs as f64, ..all })
}

fn write_for(path: PathBuf, bytes: usize, duration: Duration) -> anyhow::Result<Vec<u64>> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
    file.write_all_at(&vec![0; FILE_BYTES], 0)?;
    file.sync_all()?;
    let record = vec![b'r'; bytes];
    let end = Instant::now() + duration;
    let mut latencies = Vec::new();
    for at in (0..FILE_BYTES - bytes).step_by(bytes).cycle() {
        let begin = Instant::now();
        file.write_all_at(&record, at as u64)?;
        file.sync_data()?;
        let now = Instant::now();
        if now > end {
            break;
        }
        latencies.push((now - begin).as_nanos() as u64);
    }
    std::fs::remove_file(path)?;
    Ok(latencies)
}
