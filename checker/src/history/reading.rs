//! What every reader of history files shares: the formats, what a reader returns, and what it says of a bad file.

use std::io::{self, BufRead};

use thiserror::Error;

use super::{History, Problem, edn, jepsen_log, jsonl};

/// A history that was read, and what should be known about its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The operations.
    pub history: History,
    /// What was passed over, in plain words with the place: a last line that a crashed writer cut short.
    pub warnings: Vec<String>,
}

/// Why a file could not be read. Every message names the file, the place and what was expected there.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The operating system failed us.
    #[error("{source_name}:{line}: cannot read on")]
    Io {
        /// The file's name, as the caller told it.
        source_name: String,
        /// The line that was being read, counted from 1.
        line: usize,
        /// What the operating system said.
        source: io::Error,
    },
    /// The text is not of the format.
    #[error("{source_name}:{line}:{column}: {message}")]
    Malformed {
        /// The file's name, as the caller told it.
        source_name: String,
        /// Line, counted from 1.
        line: usize,
        /// Column in bytes, counted from 1.
        column: usize,
        /// What was found and what was expected.
        message: String,
    },
    /// The text is well-formed, but its events are no history.
    #[error("{source_name}:{line}: {problem}")]
    NoHistory {
        /// The file's name, as the caller told it.
        source_name: String,
        /// The line of the event that cannot be where it is, counted from 1.
        line: usize,
        /// The event's number, counted from 1; events of no client are not counted.
        event: usize,
        /// What is wrong with it.
        #[source]
        problem: Problem,
    },
    /// The file begins like none of the formats.
    #[error(
        "{source_name}: cannot tell the format from its beginning; expected JSON lines ({{\"process\":…}}), EDN \
         ([{{:process …}}]) or Jepsen's log (INFO  jepsen.util - …): name the format"
    )]
    UnknownFormat {
        /// The file's name, as the caller told it.
        source_name: String,
    },
}

/// The formats of history files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Our own: see [`jsonl`].
    Jsonl,
    /// Jepsen's `history.edn`: see [`edn`].
    Edn,
    /// Jepsen's `jepsen.log`: see [`jepsen_log`].
    JepsenLog,
}

impl Format {
    /// The format that a file beginning with these bytes has, if they tell.
    #[must_use]
    pub fn guess(first_bytes: &[u8]) -> Option<Self> {
        let _ = first_bytes;
        None
    }
}

/// Reads a history in the given format, or in the one that its beginning tells.
pub fn read(mut reader: impl BufRead, source_name: &str, format: Option<Format>) -> Result<Read, ReadError> {
    let format = match format {
        Some(format) => format,
        None => {
            let first_bytes = reader.fill_buf().map_err(|source| ReadError::Io {
                source_name: source_name.to_owned(),
                line: 1,
                source,
            })?;
            Format::guess(first_bytes)
                .ok_or_else(|| ReadError::UnknownFormat { source_name: source_name.to_owned() })?
        }
    };
    match format {
        Format::Jsonl => jsonl::read(reader, source_name),
        Format::Edn => edn::read(reader, source_name, edn::Tuples::Plain),
        Format::JepsenLog => jepsen_log::read(reader, source_name),
    }
}
