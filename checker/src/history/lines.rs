//! Bounded reading of a text file line by line. It knows nothing of what the lines say.

use std::io::{BufRead, Read as _};

use super::ReadError;

/// The longest line that is read, in bytes: a read of a list of a million elements has about 8 MB.
const LONGEST_LINE: u64 = 64 << 20;

/// The lines of a file.
pub(super) struct Lines<'a, R> {
    reader: R,
    source_name: &'a str,
    number: usize,
    line: Vec<u8>,
}

/// One line, without its newline.
pub(super) struct Line<'a> {
    /// Counted from 1.
    pub(super) number: usize,
    /// What it says.
    pub(super) text: &'a [u8],
    /// Whether it has a newline. Only the last line of a file can lack it.
    pub(super) ended: bool,
}

impl<'a, R: BufRead> Lines<'a, R> {
    pub(super) fn new(reader: R, source_name: &'a str) -> Self {
        Self { reader, source_name, number: 0, line: Vec::new() }
    }

    /// The next line, or `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, ReadError> {
        self.line.clear();
        self.number += 1;
        let mut bounded = self.reader.by_ref().take(LONGEST_LINE);
        let length = bounded.read_until(b'\n', &mut self.line).map_err(|source| ReadError::Io {
            source_name: self.source_name.to_owned(),
            line: self.number,
            source,
        })?;
        if length == 0 {
            return Ok(None);
        }
        let ended = self.line.ends_with(b"\n");
        if !ended && length as u64 == LONGEST_LINE {
            return Err(ReadError::Malformed {
                source_name: self.source_name.to_owned(),
                line: self.number,
                column: length,
                message: format!("the line is longer than {LONGEST_LINE} bytes; expected one event a line"),
            });
        }
        let mut text = self.line.as_slice();
        for ending in [&b"\n"[..], b"\r"] {
            text = text.strip_suffix(ending).unwrap_or(text);
        }
        if self.number == 1 {
            text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
        }
        Ok(Some(Line { number: self.number, text, ended }))
    }
}
