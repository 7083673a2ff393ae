//! What the replication log is made of: records, each one change of the store with the row images that undo it.
//!
//! Not here: how records lie on the disk (`log`) or travel (`peer`); both carry the same encoding, made once.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::delta::Delta;
use crate::key_range::KeyRange;
use crate::membership::Membership;
use crate::sessions::Request;
use crate::store::checksum::Sum;

/// Log sequence number: a record's index in the replication log. Dense, from 1; 0 stands before the first record.
pub(crate) type Lsn = u64;

/// The leadership number (Raft's term). 0 stands before the first leader.
pub(crate) type Epoch = u64;

/// A member of the cluster: its index in the list of all that ever were (`membership`), which means the same everywhere and for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Member(pub(crate) u8);

impl Member {
    /// Who is no member yet.
    pub(crate) const NOBODY: Member = Member(u8::MAX);
}

/// A write's identity, the same on every node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Gtid {
    /// The leader that created the write.
    pub(crate) origin: Member,
    /// Counts that leader's writes; never used twice, but it may skip.
    pub(crate) sequence: u64,
}

/// Which reign a record was created in. Two logs that agree in the lineage of one LSN are equal up to it: a leader
/// gives an LSN once, and followers append only behind a record that they share with it (Raft's log matching). The epoch alone
/// would not do, because leaders that promote themselves can choose the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lineage {
    pub(crate) epoch: Epoch,
    pub(crate) origin: Member,
}

/// Where a record stands and where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub(crate) lsn: Lsn,
    pub(crate) epoch: Epoch,
    pub(crate) gtid: Gtid,
}

impl Stamp {
    pub(crate) fn lineage(&self) -> Lineage {
        Lineage { epoch: self.epoch, origin: self.gtid.origin }
    }

    pub(crate) fn position(&self) -> Position {
        Position { lsn: self.lsn, lineage: Some(self.lineage()) }
    }
}

/// A place in a log. The lineage tells it apart from the same LSN of a log that went another way; `None` before the first record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Position {
    pub(crate) lsn: Lsn,
    pub(crate) lineage: Option<Lineage>,
}

/// One entry of the replication log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// First, so that it can be read without the change.
    pub(crate) stamp: Stamp,
    pub(crate) change: Change,
    /// The numbered request that it was made for, if it was one; see `sessions`.
    pub(crate) request: Option<Box<Request>>,
}

impl Record {
    /// In the newest version: a zero, the version, and the record in postcard.
    pub(crate) fn encode(&self) -> Bytes {
        let encoded =
            postcard::to_extend(self, vec![0, VERSION]).expect("a record has no part that cannot be serialized");
        Bytes::from(encoded.into_boxed_slice()) // boxed first: no spare capacity is kept for the life of the log
    }

    /// Reads every version there has been. `None` when the bytes are no record, or more than one.
    pub(crate) fn decode(encoded: &[u8]) -> Option<Self> {
        let record = match encoded {
            [0, VERSION, record @ ..] => whole(record)?,
            [0, ..] => return None,
            // Version 1 had no mark. It began with the LSN, which is never 0.
            first => {
                let RecordV1 { stamp, change } = whole(first)?;
                Record { stamp, change, request: None }
            }
        };
        let is_sound = !matches!(&record.change, Change::Bytes(delta) if !delta.is_sound());
        is_sound.then_some(record)
    }
}

/// The version of records that this program writes. Those in the log and those of peers may be older.
const VERSION: u8 = 2;

/// A record before requests were numbered.
#[derive(Debug, Deserialize)]
struct RecordV1 {
    stamp: Stamp,
    change: Change,
}

fn whole<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Some(value),
        _ => None,
    }
}

/// What a record does to the store, with what was there before: enough to undo it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Change {
    /// Nothing: the first record of a leader's epoch, whose commit commits everything before it (Raft §8).
    Noop,
    /// `key` holds the string `after`.
    Set { key: Bytes, before: Option<Value>, after: Bytes },
    /// The keys are gone.
    Delete { rows: Vec<(Bytes, Value)> },
    /// The list at `key` is longer by `elements`, pushed one after the other; a missing list counts as empty.
    Push { key: Bytes, end: End, elements: Vec<Bytes> },
    /// The members are these from now on.
    Members { before: Box<Membership>, after: Box<Membership> },
    /// These bytes of the storage file are others now: the physical log.
    Bytes(Delta),
    /// Nothing: at this place of the log the leader's rows of that range come to this sum. Everybody else's should (`core::verification`).
    Check { range: KeyRange, sum: Sum },
    /// These rows, the leader's, are all that there are in that range. They were before, except where a replica has drifted; so there is
    /// nothing to undo.
    Repair { range: KeyRange, rows: Vec<(Bytes, Value)> },
}

impl Change {
    /// Whether it belongs to the logical log or to the physical one. The others are the same in both.
    pub(crate) fn is_of_one_kind(&self) -> bool {
        !matches!(self, Change::Noop | Change::Members { .. } | Change::Check { .. } | Change::Repair { .. })
    }

    /// Bytes of keys and images, roughly.
    pub(crate) fn size(&self) -> usize {
        match self {
            Change::Noop | Change::Members { .. } | Change::Check { .. } => 0,
            Change::Bytes(delta) => delta.size(),
            Change::Set { key, before, after } => {
                element_size(key) + before.as_ref().map_or(0, Value::size) + element_size(after)
            }
            Change::Delete { rows } | Change::Repair { rows, .. } => {
                rows.iter().map(|(key, value)| element_size(key) + value.size()).sum()
            }
            Change::Push { key, elements, .. } => element_size(key) + elements.iter().map(element_size).sum::<usize>(),
        }
    }
}

/// Where a list grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    Front,
    Back,
}

/// What a key holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Value {
    String(Bytes),
    List(List),
}

impl Value {
    /// Bytes that this value takes in a record, at most.
    pub(crate) fn size(&self) -> usize {
        match self {
            Value::String(string) => element_size(string),
            Value::List(list) => list.size,
        }
    }
}

/// A list that knows its size, and whose clones share its elements until one of them changes. Never empty in the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct List {
    elements: Arc<VecDeque<Bytes>>,
    size: usize,
}

/// An element and its length prefix.
pub(crate) fn element_size(element: &Bytes) -> usize {
    element.len() + 8
}

impl List {
    pub(crate) fn push(&mut self, end: End, element: Bytes) {
        self.size += element_size(&element);
        let elements = Arc::make_mut(&mut self.elements);
        match end {
            End::Front => elements.push_front(element),
            End::Back => elements.push_back(element),
        }
    }

    pub(crate) fn pop(&mut self, end: End) -> Option<Bytes> {
        let elements = Arc::make_mut(&mut self.elements);
        let element = match end {
            End::Front => elements.pop_front(),
            End::Back => elements.pop_back(),
        }?;
        self.size -= element_size(&element);
        Some(element)
    }

    pub(crate) fn len(&self) -> usize {
        self.elements.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn range(&self, range: std::ops::Range<usize>) -> impl Iterator<Item = &Bytes> {
        self.elements.range(range)
    }
}

impl FromIterator<Bytes> for List {
    fn from_iter<I: IntoIterator<Item = Bytes>>(elements: I) -> Self {
        let mut list = List::default();
        elements.into_iter().for_each(|element| list.push(End::Back, element));
        list
    }
}

impl Serialize for List {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.elements.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(VecDeque::<Bytes>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records as programs before this one wrote them. Never change these bytes: logs have them.
    #[test]
    fn records_of_every_version_are_read() {
        let gtid = Gtid { origin: Member(1), sequence: 300 };
        let stamp = Stamp { lsn: 200, epoch: 3, gtid };
        let list = Value::List([Bytes::from_static(b"x")].into_iter().collect());
        let key = || Bytes::from_static(b"k");
        let change = |number| match number {
            0 => Change::Noop,
            1 => Change::Set { key: key(), before: Some(Value::String("a".into())), after: "b".into() },
            2 => Change::Delete { rows: vec![(key(), list.clone())] },
            _ => Change::Push { key: key(), end: End::Back, elements: vec!["y".into()] },
        };
        for (number, bytes) in [
            (0, &b"\xc8\x01\x03\x01\xac\x02\x00"[..]),
            (1, b"\xc8\x01\x03\x01\xac\x02\x01\x01k\x01\x00\x01a\x01b"),
            (2, b"\xc8\x01\x03\x01\xac\x02\x02\x01\x01k\x01\x01\x01x"),
            (3, b"\xc8\x01\x03\x01\xac\x02\x03\x01k\x01\x01\x01y"),
            (0, b"\0\x02\xc8\x01\x03\x01\xac\x02\x00\x00"),
            (3, b"\0\x02\xc8\x01\x03\x01\xac\x02\x03\x01k\x01\x01\x01y\x00"),
        ] {
            let expected = Record { stamp, change: change(number), request: None };
            assert_eq!(Record::decode(bytes), Some(expected), "{bytes:?}");
        }
        for number in 0..4 {
            let newest = Record { stamp, change: change(number), request: None };
            assert_eq!(Record::decode(&newest.encode()), Some(newest));
        }
        assert_eq!(Record::decode(b"\0\x03\xc8\x01\x03\x01\xac\x02\x00\x00"), None, "of a version to come");
    }
}
