//! What survives of a file's unsynced changes when the power fails while a disk is writing them.
//!
//! A disk writes sectors, each as a whole, in an order of its own. So of each sector that was written since the last sync any state
//! may be there that it had since. A file's length is changed in the order in which that was asked for, up to some moment.
//!
//! Not here: putting back what does not survive (`contents`).

use std::collections::BTreeMap;
use std::ops::Range;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::contents::Change;

/// What a disk writes as a whole or not at all. Many write more at once.
pub(super) const SECTOR_BYTES: u64 = 512;

/// Which changes, told by their place among the unsynced ones of their file.
pub(super) struct Survivors {
    /// Those before it had begun to reach the disk.
    reached: usize,
    /// Of a sector, by its first byte: the writes before this one are there.
    sectors: BTreeMap<u64, usize>,
}

impl Survivors {
    pub(super) fn none() -> Self {
        Self { reached: 0, sectors: BTreeMap::new() }
    }

    pub(super) fn draw(changes: &[Change], rng: &mut ChaCha8Rng) -> Self {
        let reached = rng.random_range(0..=changes.len());
        let mut writes = BTreeMap::<u64, Vec<usize>>::new();
        for (index, change) in changes[..reached].iter().enumerate() {
            for piece in sectors(change.written.clone()) {
                writes.entry(first_byte(piece.start)).or_default().push(index);
            }
        }
        let survive = |(sector, writes): (u64, Vec<usize>)| {
            let count = rng.random_range(0..=writes.len());
            (sector, count.checked_sub(1).map_or(0, |last| writes[last] + 1))
        };
        Self { reached, sectors: writes.into_iter().map(survive).collect() }
    }

    /// Whether the file has the length that this change gave it.
    pub(super) fn has_length(&self, change: usize) -> bool {
        change < self.reached
    }

    /// Whether what this change wrote into the sector of this byte is there.
    pub(super) fn has_sector(&self, change: usize, byte: u64) -> bool {
        self.sectors.get(&first_byte(byte)).is_some_and(|&end| change < end)
    }

    /// How long the file is: what was written and is there belongs to it.
    pub(super) fn length(&self, changes: &[Change], synced: u64) -> u64 {
        changes.iter().enumerate().fold(synced, |length, (index, change)| {
            if change.written.is_empty() {
                return if self.has_length(index) { change.length_after } else { length };
            }
            let there = sectors(change.written.clone()).filter(|piece| self.has_sector(index, piece.start));
            there.map(|piece| piece.end).fold(length, u64::max)
        })
    }
}

fn first_byte(byte: u64) -> u64 {
    byte - byte % SECTOR_BYTES
}

/// A range of bytes, cut where sectors end.
pub(super) fn sectors(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let begins = (first_byte(range.start)..range.end).step_by(SECTOR_BYTES as usize);
    begins.map(move |begin| begin.max(range.start)..(begin + SECTOR_BYTES).min(range.end))
}
