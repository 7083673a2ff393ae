//! Which of a range of reads ended first, and which last, in logarithmic time. It knows of a read only its end.

use std::cmp::Ordering;
use std::ops::Range;

/// The reads of one key by number, each with the rank of its end.
pub(super) struct Extremes {
    ends: Vec<u64>,
    /// A tree of winners each, in an array: the leaves are its second half, and node `n` has the children `2n` and
    /// `2n + 1`.
    earliest: Vec<usize>,
    latest: Vec<usize>,
}

impl Extremes {
    pub(super) fn of(ends: Vec<u64>) -> Self {
        let [earliest, latest] = [Ordering::Less, Ordering::Greater].map(|wins| {
            let leaves = ends.len();
            let mut tree = vec![0; leaves];
            tree.extend(0..leaves);
            for node in (1..leaves).rev() {
                tree[node] = better(&ends, wins, tree[2 * node], tree[2 * node + 1]);
            }
            tree
        });
        Self { ends, earliest, latest }
    }

    /// The read of the range that ended first, if the range is not empty.
    pub(super) fn earliest(&self, range: Range<usize>) -> Option<usize> {
        self.best(&self.earliest, Ordering::Less, range)
    }

    /// The read of the range that ended last, if the range is not empty.
    pub(super) fn latest(&self, range: Range<usize>) -> Option<usize> {
        self.best(&self.latest, Ordering::Greater, range)
    }

    fn best(&self, tree: &[usize], wins: Ordering, range: Range<usize>) -> Option<usize> {
        let leaves = self.ends.len();
        let (mut from, mut to) = (range.start + leaves, range.end + leaves);
        let mut best: Option<usize> = None;
        let mut take = |read: usize| best = Some(best.map_or(read, |best| better(&self.ends, wins, best, read)));
        while from < to {
            if from % 2 == 1 {
                take(tree[from]);
                from += 1;
            }
            if to % 2 == 1 {
                to -= 1;
                take(tree[to]);
            }
            (from, to) = (from / 2, to / 2);
        }
        best
    }
}

fn better(ends: &[u64], wins: Ordering, one: usize, other: usize) -> usize {
    if ends[other].cmp(&ends[one]) == wins { other } else { one }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_of_every_length_has_its_extremes() {
        let ends = [7, 3, 9, 3, 1, 8, 2, 9, 5, 4, 6];
        for length in 0..=ends.len() {
            let extremes = Extremes::of(ends[..length].to_vec());
            for from in 0..=length {
                for to in from..=length {
                    let told = |read: Option<usize>| read.map(|read| ends[read]);
                    assert_eq!(told(extremes.earliest(from..to)), ends[from..to].iter().min().copied());
                    assert_eq!(told(extremes.latest(from..to)), ends[from..to].iter().max().copied());
                }
            }
        }
    }
}
