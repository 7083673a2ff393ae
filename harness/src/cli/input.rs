//! The histories that commands are given: files or standard input, of whatever format. It reads no entry itself.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use interregnum_checker::history::edn::{self, Tuples};
use interregnum_checker::history::{self, Entry, Format, Read, ReadError};

/// The flags that say how to read.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct InputFlags {
    /// The format of what is read; guessed from its beginning unless given.
    #[arg(long, value_enum)]
    format: Option<FormatName>,

    /// In EDN, a value `[k v]` means the value v of the key k, as jepsen.independent writes them. Other formats name
    /// their keys.
    #[arg(long)]
    independent: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatName {
    /// JSON lines, as `interregnum run` writes them.
    Jsonl,
    /// EDN, as Jepsen and Knossos write it.
    Edn,
    /// Lines of a Jepsen log.
    JepsenLog,
}

impl InputFlags {
    /// What a value `[k v]` of EDN means.
    pub(super) fn tuples(self) -> Tuples {
        if self.independent { Tuples::Independent } else { Tuples::Plain }
    }
}

/// A history that is open, its format known if its beginning tells.
pub(super) struct Input {
    /// How messages name it.
    pub(super) name: String,
    pub(super) format: Option<Format>,
    tuples: Tuples,
    reader: Box<dyn BufRead>,
}

impl Input {
    /// Opens a file, or standard input if the path is `-`.
    pub(super) fn open(path: &Path, flags: InputFlags) -> anyhow::Result<Self> {
        let (name, mut reader): (_, Box<dyn BufRead>) = if path == Path::new("-") {
            ("standard input".to_owned(), Box::new(io::stdin().lock()))
        } else {
            let name = path.display().to_string();
            let file = File::open(path).map_err(|error| anyhow::anyhow!("{name}: cannot be opened: {error}"))?;
            (name, Box::new(BufReader::new(file)))
        };
        let format = match flags.format {
            Some(FormatName::Jsonl) => Some(Format::Jsonl),
            Some(FormatName::Edn) => Some(Format::Edn),
            Some(FormatName::JepsenLog) => Some(Format::JepsenLog),
            None => Format::guess(reader.fill_buf().with_context(|| format!("{name}: cannot be read"))?),
        };
        Ok(Self { name, format, tuples: flags.tuples(), reader })
    }

    /// All of it, as one history.
    pub(super) fn read(self) -> Result<Read, ReadError> {
        match self.format {
            Some(Format::Edn) => edn::read(self.reader, &self.name, self.tuples),
            format => history::read(self.reader, &self.name, format),
        }
    }

    /// Its entries, one after the other; whatever its length, memory is an entry's.
    pub(super) fn entries(&mut self) -> Result<Box<dyn Iterator<Item = Result<Entry, ReadError>> + '_>, ReadError> {
        let Self { name, format, tuples, reader } = self;
        Ok(match format {
            Some(Format::Edn) => Box::new(edn::entries(reader, name, *tuples)),
            format => history::entries(reader, name, *format)?,
        })
    }
}

/// The name of a format, as flags and machines know it.
pub(super) fn name_of(format: Format) -> &'static str {
    match format {
        Format::Jsonl => "jsonl",
        Format::Edn => "edn",
        Format::JepsenLog => "jepsen-log",
    }
}
