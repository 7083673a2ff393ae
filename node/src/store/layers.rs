//! What was changed since the last checkpoint, in two layers above what is on the disk: a sealed one, which goes to the disk as soon
//! as the log is durable up to its end, and a fresh one, which takes the changes that come meanwhile. So a checkpoint never has to wait
//! for a moment without writes, and never contains a change whose record could still be lost.
//!
//! Not here: what is on the disk (`durable`).

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::record::{Lsn, Position};

#[derive(Debug, Clone)]
pub(super) struct Layers<K, V> {
    fresh: BTreeMap<K, V>,
    sealed: Option<Sealed<K, V>>,
}

/// All changes up to a record, since the checkpoint before.
#[derive(Debug, Clone)]
pub(super) struct Sealed<K, V> {
    pub(super) position: Position,
    pub(super) changed: Arc<BTreeMap<K, V>>,
}

impl<K: Ord, V> Default for Layers<K, V> {
    fn default() -> Self {
        Layers { fresh: BTreeMap::new(), sealed: None }
    }
}

impl<K: Ord + Clone, V: Clone> Layers<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.fresh.get(key).or_else(|| self.sealed.as_ref()?.changed.get(key))
    }

    /// The present version of what is at `key`, to be changed; `below` tells what is on the disk.
    pub(super) fn change(&mut self, key: &K, below: impl FnOnce() -> V) -> &mut V {
        let sealed = self.sealed.as_ref();
        let version = || sealed.and_then(|sealed| sealed.changed.get(key)).cloned().unwrap_or_else(below);
        self.fresh.entry(key.clone()).or_insert_with(version)
    }

    /// Everything changed so far is of records up to `position`, and is to be written down. Only one layer at a time is.
    pub(super) fn seal(&mut self, position: Position) -> bool {
        let may = self.sealed.is_none();
        if may {
            let changed = Arc::new(std::mem::take(&mut self.fresh));
            self.sealed = Some(Sealed { position, changed });
        }
        may
    }

    /// The sealed layer, if the log is durable up to its end. It stays until [`Layers::written`].
    pub(super) fn due(&self, durable_lsn: Lsn) -> Option<&Sealed<K, V>> {
        self.sealed.as_ref().filter(|sealed| sealed.position.lsn <= durable_lsn)
    }

    /// The sealed layer is on the disk; up to where it reaches.
    pub(super) fn written(&mut self) -> Option<Position> {
        self.sealed.take().map(|sealed| sealed.position)
    }

    /// Makes one layer of both again, because changes of the sealed one were undone.
    pub(super) fn unseal(&mut self) {
        if let Some(Sealed { changed, .. }) = self.sealed.take() {
            let mut changed = Arc::unwrap_or_clone(changed);
            changed.append(&mut self.fresh);
            self.fresh = changed;
        }
    }

    /// What there is from that key on, in order: what is on the disk, with what was changed in its place.
    pub(super) fn above(&self, kept: impl Iterator<Item = (K, V)>, from: &K) -> impl Iterator<Item = (K, V)> {
        let own = |(key, version): (&K, &V)| (key.clone(), version.clone());
        let sealed = self.sealed.iter().flat_map(move |sealed| sealed.changed.range(from..).map(own));
        overlaid(overlaid(kept, sealed), self.fresh.range(from..).map(own))
    }

    /// What was changed, the later version last where there are two.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let sealed = self.sealed.iter().flat_map(|sealed| &*sealed.changed);
        sealed.chain(&self.fresh)
    }
}

/// Both in order; where both have a key, what is above counts.
fn overlaid<K: Ord, V>(
    below: impl Iterator<Item = (K, V)>,
    above: impl Iterator<Item = (K, V)>,
) -> impl Iterator<Item = (K, V)> {
    let (mut below, mut above) = (below.peekable(), above.peekable());
    std::iter::from_fn(move || {
        let order = match (below.peek(), above.peek()) {
            (Some((below, _)), Some((above, _))) => below.cmp(above),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        let shadowed = if order.is_gt() { None } else { below.next() };
        if order.is_lt() { shadowed } else { above.next() }
    })
}
