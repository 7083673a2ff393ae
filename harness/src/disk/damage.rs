//! A bit that flips where a disk lies: in bytes that were synced, behind the back of whoever wrote them.
//!
//! It is one of the first half of a file's bytes that are not zero. What stands at the very end of a log cannot be told from a write that a
//! power failure interrupted, and what is zero may be room that nobody reads.

use std::fmt;
use std::io;
use std::path::PathBuf;

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use regex::Regex;

use super::contents::Change;
use super::volume::Volume;

/// The fewest bytes that are not zero in a file that is worth it: its beginning is its header.
const FEWEST_BYTES: usize = 128;

/// A bit that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flipped {
    pub(crate) path: PathBuf,
    pub(crate) offset: u64,
    bit: u8,
    before: u8,
    after: u8,
}

impl Flipped {
    /// Whether the file really has another byte there now.
    pub(crate) fn is_there(&self) -> bool {
        self.after == self.before ^ 1 << self.bit
    }
}

impl fmt::Display for Flipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, offset, before, after, .. } = self;
        write!(f, "{} byte {offset}: {before:#04x} is {after:#04x}", path.display())
    }
}

pub(super) fn flip_bit(volume: &mut Volume, pattern: &Regex, rng: &mut ChaCha8Rng) -> io::Result<Option<Flipped>> {
    let mut candidates = Vec::new();
    for (path, contents) in volume.files() {
        if !pattern.is_match(&path.to_string_lossy()) {
            continue;
        }
        let bytes = contents.read(0, usize::MAX)?;
        // What was not synced is not on the disk yet.
        let unsynced = contents.unsynced().iter().map(Change::first_byte).min();
        let synced = bytes.len().min(unsynced.map_or(usize::MAX, |first| first as usize));
        let mut used: Vec<_> = (0..synced).filter(|&at| bytes[at] != 0).collect();
        if used.len() >= FEWEST_BYTES {
            used.truncate(used.len() / 2);
            candidates.push((path, contents, used));
        }
    }
    if candidates.is_empty() {
        return Ok(None);
    }
    let (path, contents, used) = candidates.swap_remove(rng.random_range(0..candidates.len()));
    let offset = *used.choose(rng).expect("half of many places is some") as u64;
    let bit = rng.random_range(0..8);
    let before = contents.read(offset, 1)?[0];
    let after = contents.flip(offset, bit)?;
    contents.close();
    Ok(Some(Flipped { path, offset, bit, before, after }))
}
