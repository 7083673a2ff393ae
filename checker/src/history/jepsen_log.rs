//! Jepsen's `jepsen.log`.

use std::io::BufRead;

use super::{Read, ReadError};

/// Reads a history.
pub fn read(reader: impl BufRead, source_name: &str) -> Result<Read, ReadError> {
    let _ = reader;
    Err(ReadError::UnknownFormat { source_name: source_name.to_owned() })
}
