//! What the benchmarks are asked to do. They know no more of it than this.

use std::path::PathBuf;
use std::process::exit;

const HELP: &str = "\
Usage: cargo bench -p interregnum-checker [--bench speed | --bench memory] -- [OPTIONS] [TABLE]

  TABLE        only the tables whose name begins so: registers, lists, repeating, others, etcd, reading
  --quick      histories of up to 100,000 operations, fewer rounds
  --test       the smallest histories, once: tells whether the benchmark works, not how fast anything is
  --write DIR  measure nothing; write the histories as JSON lines into DIR, for other checkers to be measured with
  --help       this
";

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    Full,
    Quick,
    Test,
}

/// The command line.
pub(crate) struct Arguments {
    pub(crate) effort: Effort,
    /// Where histories are to be written, instead of being measured.
    pub(crate) write: Option<PathBuf>,
    table: Option<String>,
}

impl Arguments {
    /// Ends the program on `--help` and on what it does not know.
    pub(crate) fn parse() -> Self {
        Self::from(std::env::args().skip(1)).unwrap_or_else(|problem| {
            eprintln!("{problem}\n\n{HELP}");
            exit(2)
        })
    }

    fn from(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self { effort: Effort::Full, write: None, table: None };
        let mut is_asked_by_cargo_bench = false;
        while let Some(word) = words.next() {
            match word.as_str() {
                "--bench" => is_asked_by_cargo_bench = true,
                "--quick" => arguments.effort = Effort::Quick,
                "--test" => arguments.effort = Effort::Test,
                "--write" => arguments.write = Some(words.next().ok_or("--write wants a directory")?.into()),
                "--help" | "-h" => {
                    print!("{HELP}");
                    exit(0)
                }
                option if option.starts_with('-') => return Err(format!("unknown option {option}")),
                _ => arguments.table = Some(word),
            }
        }
        if !is_asked_by_cargo_bench {
            arguments.effort = Effort::Test; // `cargo test --benches` runs a benchmark without telling it anything
        }
        Ok(arguments)
    }

    /// Whether the table of that name was asked for.
    pub(crate) fn wants(&self, table: &str) -> bool {
        self.table.as_ref().is_none_or(|wanted| table.starts_with(wanted.as_str()))
    }

    /// The lengths of histories, each ten times the one before.
    pub(crate) fn lengths(&self) -> &'static [usize] {
        match self.effort {
            Effort::Full => &[1_000, 10_000, 100_000, 1_000_000],
            Effort::Quick => &[1_000, 10_000, 100_000],
            Effort::Test => &[1_000],
        }
    }

    /// The lengths of histories that take a search.
    pub(crate) fn lengths_for_search(&self) -> &'static [usize] {
        match self.effort {
            Effort::Full => &[100, 1_000, 10_000],
            Effort::Quick => &[100, 1_000],
            Effort::Test => &[100],
        }
    }
}
