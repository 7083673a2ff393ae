//! Positions by file and offset, as `dump` tells them: which record begins there.
//!
//! Not here: reading a segment (`reading`).

use std::path::Path;

use super::reading::{Entry, SegmentReader, segment_files};
use crate::change_json::gtid_text;
use crate::hard_state::members_of;

/// `LSN@GTID` of the record whose frame begins at this byte of this segment; or why there is none. The directory is a running node's.
pub(crate) fn position_at(data: &Path, file: &str, offset: usize) -> Result<String, String> {
    let segments = segment_files(&data.join("log")).map_err(|error| error.to_string())?;
    // Only names that are there: whatever a client writes, it is no path.
    let index = segments.iter().position(|(_, path)| path.file_name().is_some_and(|name| name == file));
    let index = index.ok_or_else(|| format!("the log here has no file {file}: it was let go, or is another node's"))?;
    let is_last = index + 1 == segments.len();
    let mut entries = SegmentReader::open(&segments[index].1, is_last).map_err(|error| error.to_string())?;
    let record = entries.find_map(|entry| match entry {
        Entry::Record { offset: begin, record } if begin == offset => Some(record),
        _ => None,
    });
    let stamp =
        record.ok_or_else(|| format!("no record begins at byte {offset} of {file}; `dump` tells where they do"))?.stamp;
    let members = members_of(data).map_err(|error| error.to_string())?;
    Ok(format!("{}@{}", stamp.lsn, gtid_text(stamp.gtid, &members)))
}
