//! EDN, the format of Jepsen's `history.edn`.

use std::io::BufRead;

use super::{Read, ReadError};

/// What a value `[k v]` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tuples {
    /// A list of two.
    Plain,
    /// Key `k`, value `v`, as `jepsen.independent` writes them.
    Independent,
}

/// Reads a history.
pub fn read(reader: impl BufRead, source_name: &str, tuples: Tuples) -> Result<Read, ReadError> {
    let _ = (reader, tuples);
    Err(ReadError::UnknownFormat { source_name: source_name.to_owned() })
}
