//! A part of a campaign, for one of several machines. Which run belongs to which part is a pure function of the run.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Part `index` of `of`, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Shard {
    index: u32,
    of: u32,
}

impl Shard {
    /// All of it.
    pub(crate) const WHOLE: Self = Self { index: 1, of: 1 };

    pub(crate) fn new(index: u32, of: u32) -> Option<Self> {
        (1..=of).contains(&index).then_some(Self { index, of })
    }

    pub(crate) fn of(self) -> u32 {
        self.of
    }

    pub(crate) fn is_whole(self) -> bool {
        self.of == 1
    }

    /// Whether it makes this run of this row. Neighbouring rows begin at different shards, so that none gets all the slow rows' odd
    /// runs.
    pub(crate) fn has(self, row: usize, number: u32) -> bool {
        (row as u64 + u64::from(number)) % u64::from(self.of) == u64::from(self.index - 1)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        let shard = parts.and_then(|(index, of)| Self::new(index, of));
        shard.ok_or_else(|| format!("`{text}` is no shard: give the number of one and how many there are, as in 2/8"))
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_read_as_they_are_written() {
        assert_eq!("2/8".parse::<Shard>().unwrap().to_string(), "2/8");
        for text in ["", "1", "0/3", "4/3", "1/0", "-1/3", "1/3/3", "a/b", "1/99999999999"] {
            assert!(text.parse::<Shard>().is_err(), "{text} was accepted");
        }
    }
}
