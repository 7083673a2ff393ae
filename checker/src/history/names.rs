//! Shares the few texts that a history repeats: keys, nodes, the names of functions, reasons. It knows no format.

use std::sync::Arc;

use super::Function;

/// How many texts are remembered, a power of two: more than histories have keys, and 64 KiB.
const SLOTS: usize = 4096;

/// Remembers texts that were seen lately, each in the one slot that its hash names. What is forgotten is only not shared:
/// so memory is bounded, and neither many keys nor chosen ones can do harm.
pub(super) struct Names {
    slots: Vec<Option<Arc<str>>>,
}

impl Names {
    pub(super) fn new() -> Self {
        Self { slots: vec![None; SLOTS] }
    }

    /// The text, shared with its last occurrence if that is remembered.
    pub(super) fn share(&mut self, text: &str) -> Arc<str> {
        let slot = &mut self.slots[slot(text)];
        match slot {
            Some(known) if **known == *text => Arc::clone(known),
            _ => Arc::clone(slot.insert(text.into())),
        }
    }

    /// The function of that name.
    pub(super) fn function(&mut self, name: &str) -> Function {
        Function::known(name).unwrap_or_else(|| Function::Other(self.share(name)))
    }
}

/// FNV-1a (Fowler, Noll, Vo), folded: names are short, and for these it beats the stronger hashes.
fn slot(text: &str) -> usize {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    (hash ^ (hash >> 32)) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_and_forgotten_ones_are_still_right() {
        let mut names = Names::new();
        let first = names.share("k1");
        assert!(Arc::ptr_eq(&first, &names.share("k1")));
        for number in 0..10 * SLOTS {
            let name = number.to_string();
            assert_eq!(&*names.share(&name), name);
        }
        assert_eq!(&*names.share("k1"), "k1");
        assert_eq!(names.slots.len(), SLOTS);
    }
}
