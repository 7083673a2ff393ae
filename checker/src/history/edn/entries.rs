//! The text of an EDN file as a stream: as much of it as the entry being read needs, and its lines and columns.

use std::io::{self, BufRead, Read as _};

use super::form::{FormError, Parser};
use super::{Form, malformed};
use crate::history::ReadError;

/// How much is read at once, in bytes. An entry that is longer is begun anew with twice as much, so the whole stays linear.
const CHUNK: usize = 64 << 10;

/// The longest entry that is read, in bytes, as in JSON lines.
const LONGEST_ENTRY: usize = 64 << 20;

/// A form that stands by itself or directly in the outermost vector or list, and where it begins.
pub(super) struct Located {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) form: Form,
}

/// What comes next in a file.
pub(super) enum Next {
    Entry(Located),
    /// The file ends on that line, inside an entry or before the outermost vector or list is closed.
    CutShort {
        line: usize,
    },
    End,
}

/// The entries of a file.
pub(super) struct Entries<'a, R> {
    reader: R,
    source_name: &'a str,
    /// What was read and is not yet behind us begins at `at`.
    text: String,
    at: usize,
    /// What was read behind `text`: the beginning of a character, or something that is no UTF-8.
    rest: Vec<u8>,
    is_at_end: bool,
    /// What closes the outermost vector or list, while inside it.
    outermost: Option<u8>,
    /// The place of `text[at]`.
    place: Place,
}

/// Line and column, in bytes, both counted from 1.
#[derive(Clone, Copy)]
struct Place {
    line: usize,
    column: usize,
}

impl Place {
    fn behind(self, text: &str) -> Self {
        match memchr::memrchr(b'\n', text.as_bytes()) {
            None => Self { column: self.column + text.len(), ..self },
            Some(newline) => Self {
                line: self.line + memchr::memchr_iter(b'\n', text.as_bytes()).count(),
                column: text.len() - newline,
            },
        }
    }
}

impl<'a, R: BufRead> Entries<'a, R> {
    pub(super) fn new(reader: R, source_name: &'a str) -> Self {
        Self {
            reader,
            source_name,
            text: String::new(),
            at: 0,
            rest: Vec::new(),
            is_at_end: false,
            outermost: None,
            place: Place { line: 1, column: 1 },
        }
    }

    /// The next entry. The outermost vector or list is entered, not returned, so that a history is never held whole.
    pub(super) fn next(&mut self) -> Result<Next, ReadError> {
        if self.text.is_empty() {
            self.read_on()?;
        }
        loop {
            let rest = &self.text[self.at..];
            let mut parser = Parser { text: rest, at: 0, outermost: self.outermost };
            let entry = parser.next_entry();
            let is_decided = match &entry {
                Ok(_) => parser.at < rest.len(),
                Err(error) => !error.is_unfinished,
            };
            if !is_decided && !self.is_at_end {
                self.read_on()?;
                continue;
            }
            return match entry {
                Ok(Some(entry)) => {
                    let begin = self.place.behind(&rest[..entry.at]);
                    self.place = begin.behind(&rest[entry.at..parser.at]);
                    (self.at, self.outermost) = (self.at + parser.at, parser.outermost);
                    Ok(Next::Entry(Located { line: begin.line, column: begin.column, form: entry.form }))
                }
                Ok(None) if self.rest.is_empty() => Ok(Next::End),
                Ok(None) => Ok(Next::CutShort { line: self.place.behind(rest).line }),
                Err(FormError { at, is_unfinished: true, .. }) => {
                    Ok(Next::CutShort { line: self.place.behind(&rest[..at]).line })
                }
                Err(FormError { at, message, .. }) => Err(self.malformed(&rest[..at], message)),
            };
        }
    }

    fn malformed(&self, before: &str, message: String) -> ReadError {
        let Place { line, column } = self.place.behind(before);
        malformed(self.source_name, line, column, message)
    }

    /// Forgets what is behind us, and reads as much again as is left, or a chunk.
    fn read_on(&mut self) -> Result<(), ReadError> {
        let is_first = self.text.is_empty();
        self.text.drain(..self.at);
        self.at = 0;
        if self.text.len() > LONGEST_ENTRY {
            let message = format!("the entry is longer than {LONGEST_ENTRY} bytes; expected one operation");
            return Err(self.malformed("", message));
        }
        let wanted = self.text.len().max(CHUNK) as u64;
        let length =
            self.reader.by_ref().take(wanted).read_to_end(&mut self.rest).map_err(|source| self.io_error(source))?;
        self.is_at_end = length == 0;
        match std::str::from_utf8(&self.rest) {
            Ok(text) => {
                self.text.push_str(text);
                self.rest.clear();
            }
            Err(error) => {
                let valid = self.rest.drain(..error.valid_up_to()).collect();
                self.text.push_str(&String::from_utf8(valid).expect("it is valid up to there"));
                if error.error_len().is_some() {
                    return Err(self.malformed(&self.text, "expected UTF-8 text".to_owned()));
                }
            }
        }
        if is_first && self.text.starts_with('\u{feff}') {
            self.at = '\u{feff}'.len_utf8();
        }
        Ok(())
    }

    fn io_error(&self, source: io::Error) -> ReadError {
        ReadError::Io { source_name: self.source_name.to_owned(), line: self.place.line, source }
    }
}
