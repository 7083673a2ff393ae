//! The run's seed, split into one independent stream of random numbers for each use.
//!
//! Streams of their own keep choices apart: one client more, or another fault, does not change what the others do.

use std::fmt;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// What every random choice of a run comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// The stream of random numbers for one use. The same name always gives the same stream.
    ///
    /// `ChaCha8` because its output is specified: it stays the same across platforms and releases, as a seed that is
    /// handed to another person requires.
    #[must_use]
    pub fn stream(self, name: &str) -> ChaCha8Rng {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.0.to_le_bytes());
        key[8..16].copy_from_slice(&fnv1a(name.as_bytes()).to_le_bytes());
        ChaCha8Rng::from_seed(key)
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The FNV-1a hash, which (unlike the standard library's) is the same in every release.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    #[test]
    fn a_stream_repeats_and_differs_from_its_neighbours() {
        let draw = |seed: u64, name: &str| Seed(seed).stream(name).next_u64();
        assert_eq!(draw(7, "schedule"), draw(7, "schedule"));
        assert_ne!(draw(7, "schedule"), draw(8, "schedule"));
        assert_ne!(draw(7, "client 1"), draw(7, "client 2"));
    }

    #[test]
    fn streams_stay_the_same_across_releases() {
        assert_eq!(Seed(1).stream("schedule").next_u64(), 11_551_607_077_493_218_006);
    }
}
