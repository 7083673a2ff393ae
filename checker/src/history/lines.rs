//! Bounded reading of a text file line by line. It knows nothing of what the lines say.

use std::io::{self, BufRead};

use super::ReadError;

/// The longest line that is read, in bytes: a read of a list of a million elements has about 8 MB.
const LONGEST_LINE: usize = 64 << 20;

/// The lines of a file.
pub(super) struct Lines<'a, R> {
    reader: R,
    source_name: &'a str,
    number: usize,
    /// How much of the reader's buffer the last line took.
    taken: usize,
    /// The last line, if the reader's buffer did not hold it whole.
    gathered: Vec<u8>,
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
        Self { reader, source_name, number: 0, taken: 0, gathered: Vec::new() }
    }

    /// The next line, or `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, ReadError> {
        self.reader.consume(std::mem::take(&mut self.taken));
        self.gathered.clear();
        self.number += 1;
        let (number, source_name) = (self.number, self.source_name);
        let io_error = |source| ReadError::Io { source_name: source_name.to_owned(), line: number, source };
        loop {
            let buffer = fill(&mut self.reader).map_err(io_error)?;
            let newline = memchr::memchr(b'\n', buffer);
            if let Some(length) = newline.filter(|&length| self.gathered.is_empty() && length <= LONGEST_LINE) {
                // Most lines end here, uncopied: the buffer that is not empty is handed out once more.
                self.taken = length + 1;
                let text = &fill(&mut self.reader).map_err(io_error)?[..length];
                return Ok(Some(Line { number, text: stripped(text, number), ended: true }));
            }
            let length = newline.unwrap_or(buffer.len());
            if self.gathered.len() + length > LONGEST_LINE {
                return Err(ReadError::Malformed {
                    source_name: source_name.to_owned(),
                    line: number,
                    column: LONGEST_LINE,
                    message: format!("the line is longer than {LONGEST_LINE} bytes; expected one event a line"),
                });
            }
            let is_at_end = buffer.is_empty();
            self.gathered.extend_from_slice(&buffer[..length]);
            self.reader.consume(length + usize::from(newline.is_some()));
            if newline.is_some() || (is_at_end && !self.gathered.is_empty()) {
                let text = stripped(&self.gathered, number);
                return Ok(Some(Line { number, text, ended: newline.is_some() }));
            }
            if is_at_end {
                return Ok(None);
            }
        }
    }
}

fn fill(reader: &mut impl BufRead) -> io::Result<&[u8]> {
    while let Err(error) = reader.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    reader.fill_buf()
}

/// Without a carriage return at the end, nor a byte order mark at the file's beginning.
fn stripped(text: &[u8], number: usize) -> &[u8] {
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let unmarked = text.strip_prefix("\u{feff}".as_bytes()).filter(|_| number == 1);
    unmarked.unwrap_or(text)
}
