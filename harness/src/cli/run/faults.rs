//! What `--faults` says: streams of faults that are injected side by side. Not here: the words of one fault (`fault/word.rs`).

use crate::fault::{Fault, UnknownFault};
use crate::schedule::partitions;
use crate::target::Target;

/// Streams of faults, with the words that named them.
#[derive(Clone, Debug)]
pub(super) struct Faults {
    pub words: String,
    pub streams: Vec<Stream>,
}

/// Groups of faults that take turns, and on whom, unless the seed draws that.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub groups: Vec<Vec<Fault>>,
    pub target: Option<Target>,
}

pub(super) fn parse_faults(text: &str) -> Result<Faults, String> {
    let group = |word: &str| match word {
        "partition" => Ok(partitions()),
        word => match word.parse() {
            Ok(fault) => Ok(vec![fault]),
            Err(error @ UnknownFault::Name { .. }) => Err(format!("{error}; partition for any of its shapes; or none")),
            Err(error) => Err(error.to_string()),
        },
    };
    let stream = |text: &str| {
        let (words, target) = match text.split_once('@') {
            Some((words, target)) => (words, Some(target.parse::<Target>().map_err(|error| error.to_string())?)),
            None => (text, None),
        };
        let words = words.split(',').map(str::trim).filter(|word| *word != "none");
        Ok(Stream { groups: words.map(group).collect::<Result<_, String>>()?, target })
    };
    let mut streams = text.split('+').map(stream).collect::<Result<Vec<_>, String>>()?;
    streams.retain(|stream| !stream.groups.is_empty());
    Ok(Faults { words: text.to_owned(), streams })
}
