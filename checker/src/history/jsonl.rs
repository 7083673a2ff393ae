//! JSON lines, the format of `history.jsonl`: one event a line, Jepsen's field names.

use std::io::{self, BufRead, Write};

use super::{Event, Read, ReadError};

/// Reads a history.
pub fn read(reader: impl BufRead, source_name: &str) -> Result<Read, ReadError> {
    let _ = reader;
    Err(ReadError::UnknownFormat { source_name: source_name.to_owned() })
}

/// Writes one event and its newline, in a single write.
pub fn write_event(writer: &mut impl Write, event: &Event) -> io::Result<()> {
    let mut line = serde_json::to_vec(event)?;
    line.push(b'\n');
    writer.write_all(&line)
}
