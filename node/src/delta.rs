//! An exact change of the bytes of a storage file, with what was there before: what a record of the physical log carries.
//!
//! Not here: what the bytes mean, which is the storage engine's own affair, and the file (`store::physical`).

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Fewer equal bytes than this between two differences are cheaper stored than left out: a patch costs about as much besides its bytes.
const WORTH_A_GAP: usize = 8;

/// All bytes that differ between two states of the file, in the order of their places, and its length before and after.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Delta {
    pub(crate) length_before: u64,
    pub(crate) length_after: u64,
    patches: Vec<Patch>,
}

/// Adjacent bytes that were replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Patch {
    offset: u64,
    /// As many bytes as `after`; or none, which stands for that many zeros, as a new part of a file has.
    before: Bytes,
    after: Bytes,
}

/// Something to be written at a place.
pub(crate) struct Write<'a> {
    pub(crate) offset: u64,
    pub(crate) length: usize,
    /// `None` stands for zeros.
    pub(crate) bytes: Option<&'a [u8]>,
}

impl Delta {
    pub(crate) fn new(length_before: u64, length_after: u64) -> Self {
        Delta { length_before, length_after, patches: Vec::new() }
    }

    /// Adds the differences between two states of the bytes at `offset`, which follow all that were added before.
    pub(crate) fn compare(&mut self, offset: u64, before: &[u8], after: &[u8]) {
        let differs = |at: usize| before[at] != after[at];
        let mut start = 0;
        while let Some(first) = (start..after.len()).find(|&at| differs(at)) {
            let mut end = first + 1;
            let mut at = end;
            while at < after.len() && at - end < WORTH_A_GAP {
                if differs(at) {
                    end = at + 1;
                }
                at += 1;
            }
            self.push(offset + first as u64, &before[first..end], &after[first..end]);
            start = end;
        }
    }

    fn push(&mut self, offset: u64, before: &[u8], after: &[u8]) {
        let is_zero = before.iter().all(|&byte| byte == 0);
        let before = if is_zero { Bytes::new() } else { Bytes::copy_from_slice(before) };
        self.patches.push(Patch { offset, before, after: Bytes::copy_from_slice(after) });
    }

    /// What makes the change.
    pub(crate) fn forward(&self) -> impl Iterator<Item = Write<'_>> {
        self.patches.iter().map(|Patch { offset, after, .. }| Write {
            offset: *offset,
            length: after.len(),
            bytes: Some(after),
        })
    }

    /// What takes it back.
    pub(crate) fn backward(&self) -> impl Iterator<Item = Write<'_>> {
        self.patches.iter().map(|Patch { offset, before, after }| Write {
            offset: *offset,
            length: after.len(),
            bytes: (!before.is_empty()).then_some(&before[..]),
        })
    }

    /// Bytes of the images, and what each patch costs besides.
    pub(crate) fn size(&self) -> usize {
        self.patches.iter().map(|patch| patch.before.len() + patch.after.len() + 16).sum()
    }

    /// How many places are changed, and how many bytes.
    pub(crate) fn extent(&self) -> (usize, usize) {
        (self.patches.len(), self.patches.iter().map(|patch| patch.after.len()).sum())
    }

    /// Whether it can be one that this program made: nobody who sends another one may bring a node down.
    pub(crate) fn is_sound(&self) -> bool {
        self.patches.iter().all(|Patch { offset, before, after }| {
            (before.is_empty() || before.len() == after.len())
                && offset.checked_add(after.len() as u64).is_some_and(|end| i64::try_from(end).is_ok())
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn make(writes: &mut dyn Iterator<Item = Write<'_>>, bytes: &mut [u8]) {
        for Write { offset, length, bytes: written } in writes {
            let place = &mut bytes[offset as usize..offset as usize + length];
            match written {
                Some(written) => place.copy_from_slice(written),
                None => place.fill(0),
            }
        }
    }

    proptest! {
        #[test]
        fn a_change_goes_forward_and_back_byte_for_byte(
            before in proptest::collection::vec(0..3_u8, 64),
            after in proptest::collection::vec(0..3_u8, 64),
            alike in 0..64_usize,
        ) {
            let after = [&before[..alike], &after[alike..]].concat();
            let mut delta = Delta::new(64, 64);
            delta.compare(0, &before, &after);
            prop_assert!(delta.is_sound());
            let mut bytes = before.clone();
            make(&mut delta.forward(), &mut bytes);
            prop_assert_eq!(&bytes, &after);
            make(&mut delta.backward(), &mut bytes);
            prop_assert_eq!(&bytes, &before);
        }
    }

    #[test]
    fn only_what_differs_is_stored() {
        let before = vec![0; 4096];
        let mut after = before.clone();
        after[100..110].fill(7);
        after[113] = 7;
        after[4000] = 7;
        let mut delta = Delta::new(4096, 4096);
        delta.compare(0, &before, &after);
        assert_eq!(delta.extent(), (2, 15));
        assert!(delta.size() < 60);
    }
}
