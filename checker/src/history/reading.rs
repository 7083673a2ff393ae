//! What every reader of history files shares: the formats, what a reader returns, and what it says of a bad file.

use std::io::{self, BufRead};
use std::iter;

use thiserror::Error;

use super::edn::Tuples;
use super::pairing::Pairing;
use super::{Content, Entry, History, HistoryError, NemesisEvent, edn, jepsen_log, jsonl};

/// A history that was read, and what should be known about its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The operations.
    pub history: History,
    /// What the nemesis did, in the order of the file: the first 100,000 events.
    pub nemesis: Vec<NemesisEvent>,
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
    #[error("{source_name}:{line}: {}", error.problem)]
    NoHistory {
        /// The file's name, as the caller told it.
        source_name: String,
        /// The line of the event that cannot be where it is, counted from 1.
        line: usize,
        /// What is wrong with which event. Events of no client are not counted.
        error: Box<HistoryError>,
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
        let text = first_bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(first_bytes).trim_ascii_start();
        match text {
            [b'{', rest @ ..] if rest.trim_ascii_start().starts_with(b"\"") => Some(Self::Jsonl),
            [b'[' | b'(' | b'{' | b';' | b'#', ..] => Some(Self::Edn),
            _ if text.windows(7).any(|window| window == b"jepsen.") => Some(Self::JepsenLog),
            _ => None,
        }
    }
}

/// The most events of the nemesis that are kept: a fault begun and undone every two seconds, for more than a day.
const MOST_NEMESIS_EVENTS: usize = 100_000;

/// Joins the entries of a file.
pub(super) fn collect(
    entries: impl Iterator<Item = Result<Entry, ReadError>>,
    mut pairing: Pairing,
    source_name: &str,
) -> Result<Read, ReadError> {
    let mut warnings = Vec::new();
    let mut nemesis = Vec::new();
    let mut not_kept = 0;
    for entry in entries {
        let Entry { line, content } = entry?;
        match content {
            Content::Client(event) => pairing.push(event).map_err(|error| ReadError::NoHistory {
                source_name: source_name.to_owned(),
                line,
                error: Box::new(error),
            })?,
            Content::Nemesis(event) if nemesis.len() < MOST_NEMESIS_EVENTS => nemesis.push(event),
            Content::Nemesis(_) => not_kept += 1,
            Content::CutShort => warnings.push(format!(
                "{source_name}:{line}: the last entry is cut short; it was left out and the rest was read"
            )),
        }
    }
    if not_kept > 0 {
        warnings.push(format!(
            "{source_name}: the last {not_kept} events of the nemesis were left out, after {MOST_NEMESIS_EVENTS}"
        ));
    }
    Ok(Read { history: pairing.finish(), nemesis, warnings })
}

/// The entries that `next` finds; none after an error, nor after one that was cut short.
pub(super) fn until_error(
    mut next: impl FnMut() -> Option<Result<Entry, ReadError>>,
) -> impl Iterator<Item = Result<Entry, ReadError>> {
    let mut is_over = false;
    iter::from_fn(move || {
        let entry = if is_over { None } else { next() };
        is_over = !matches!(entry, Some(Ok(Entry { content: Content::Client(_) | Content::Nemesis(_), .. })));
        entry
    })
}

pub(super) fn malformed(source_name: &str, line: usize, column: usize, message: String) -> ReadError {
    ReadError::Malformed { source_name: source_name.to_owned(), line, column: column.max(1), message }
}

/// Reads a history in the given format, or in the one that its beginning tells.
pub fn read(mut reader: impl BufRead, source_name: &str, format: Option<Format>) -> Result<Read, ReadError> {
    match known_or_guessed(format, &mut reader, source_name)? {
        Format::Jsonl => jsonl::read(reader, source_name),
        Format::Edn => edn::read(reader, source_name, Tuples::Plain),
        Format::JepsenLog => jepsen_log::read(reader, source_name),
    }
}

/// The entries of such a file, one after the other, without a history being made of them: to convert it, whatever its length.
/// None follows an error.
///
/// ```
/// use interregnum_checker::history::{self, Content, edn, jsonl};
///
/// let file = &b"[{:process 0, :type :invoke, :f :read, :value nil}]"[..];
/// let mut lines = Vec::new();
/// for entry in history::entries(file, "history.edn", None)? {
///     match entry?.content {
///         Content::Client(event) => jsonl::write_event(&mut lines, &event)?,
///         Content::Nemesis(event) => jsonl::write_nemesis(&mut lines, &event)?,
///         Content::CutShort => eprintln!("the last entry is cut short"),
///     }
/// }
/// assert_eq!(lines, b"{\"process\":0,\"type\":\"invoke\",\"f\":\"read\",\"value\":null}\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn entries<'a>(
    mut reader: impl BufRead + 'a,
    source_name: &'a str,
    format: Option<Format>,
) -> Result<Box<dyn Iterator<Item = Result<Entry, ReadError>> + 'a>, ReadError> {
    Ok(match known_or_guessed(format, &mut reader, source_name)? {
        Format::Jsonl => Box::new(jsonl::entries(reader, source_name)),
        Format::Edn => Box::new(edn::entries(reader, source_name, Tuples::Plain)),
        Format::JepsenLog => Box::new(jepsen_log::entries(reader, source_name)),
    })
}

fn known_or_guessed(format: Option<Format>, reader: &mut impl BufRead, source_name: &str) -> Result<Format, ReadError> {
    if let Some(format) = format {
        return Ok(format);
    }
    let io_error = |source| ReadError::Io { source_name: source_name.to_owned(), line: 1, source };
    let first_bytes = reader.fill_buf().map_err(io_error)?;
    Format::guess(first_bytes).ok_or_else(|| ReadError::UnknownFormat { source_name: source_name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_file_tells_its_format() {
        let check = |text: &str, format| assert_eq!(Format::guess(text.as_bytes()), format, "{text}");
        check("\u{feff}{\"process\":0", Some(Format::Jsonl));
        check("\n{ \"time\"", Some(Format::Jsonl));
        check("{:process 0", Some(Format::Edn));
        check("; a comment", Some(Format::Edn));
        check("({:type", Some(Format::Edn));
        check("INFO  jepsen.util - 0", Some(Format::JepsenLog));
        check("2026-11-23 12:00:00 INFO jepsen.core - Running", Some(Format::JepsenLog));
        check("process,type", None);
        check("", None);
    }

    #[test]
    fn an_unknown_format_is_told_with_the_way_out() {
        let error = read(&b"process,type"[..], "h.csv", None).expect_err("unknown");
        assert!(error.to_string().starts_with("h.csv: cannot tell the format from its beginning"), "{error}");
        assert!(
            read(&b""[..], "h.jsonl", Some(Format::Jsonl)).expect("an empty history").history.operations().is_empty()
        );
    }
}
