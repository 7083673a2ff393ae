//! A node's whole replicated state at one LSN, and the parts in which it is written and sent.
//!
//! Whatever records can change belongs in here: who adds replicated state adds a field to [`Snapshot`] and to [`Part`]. Taking one
//! costs no look at the rows (`store::view`), so writes go on while another thread reads it.
//!
//! Not here: files (`snapshot_file`), messages (`shipping`).

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::history::History;
use crate::membership::Membership;
use crate::record::{Lineage, Lsn, Position, Value};
use crate::sessions::{Session, Sessions};
use crate::store::rows::Rows;
use crate::store::view::View;

/// The format of the parts; a file or a peer with another one is refused.
pub(crate) const FORMAT: u32 = 1;
/// Bytes of rows per part, unless a single row is larger. It takes a fraction of a millisecond to encode.
const PART_BYTES: usize = 128 << 10;
/// Sessions per part; each is at most about a kilobyte, see `sessions`.
const PART_SESSIONS: usize = 100;

/// The state that the records up to the end of `history` make.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) history: History,
    pub(crate) members: Membership,
    pub(crate) rows: View,
    pub(crate) sessions: Sessions,
}

/// A piece of a snapshot: the head first, then the sessions and the rows in order, then the end.
#[derive(Debug, Serialize, Deserialize)]
enum Part {
    Head { history: History, members: Membership },
    Sessions(Vec<(Bytes, Session)>),
    Rows(Vec<(Bytes, Value)>),
    End { sessions: u64, rows: u64 },
}

impl Snapshot {
    /// The last record whose effects are in it.
    pub(crate) fn lsn(&self) -> Lsn {
        self.history.last_lsn()
    }

    /// That record's lineage: with the LSN, what the snapshot is of.
    pub(crate) fn lineage(&self) -> Option<Lineage> {
        self.history.lineage(self.lsn())
    }

    /// Both.
    pub(crate) fn position(&self) -> Position {
        Position { lsn: self.lsn(), lineage: self.lineage() }
    }

    /// The encoded parts.
    pub(crate) fn into_parts(self) -> Parts {
        Parts { snapshot: self, next: Next::Head }
    }
}

/// Encodes a snapshot part by part.
#[derive(Debug)]
pub(crate) struct Parts {
    snapshot: Snapshot,
    next: Next,
}

#[derive(Debug)]
enum Next {
    Head,
    /// The sessions behind this client; all of them, if there is none.
    Sessions(Option<Bytes>),
    /// The rows behind this key; all of them, if there is none.
    Rows(Option<Bytes>),
    Nothing,
}

impl Parts {
    fn sessions_after(&mut self, client: Option<&Bytes>) -> Part {
        let sessions = self.snapshot.sessions.after(client, PART_SESSIONS);
        match sessions.last() {
            Some((last, _)) => {
                self.next = Next::Sessions(Some(last.clone()));
                Part::Sessions(sessions)
            }
            None => self.rows_after(None),
        }
    }

    fn rows_after(&mut self, key: Option<&Bytes>) -> Part {
        let (mut bytes, mut rows) = (0, Vec::new());
        let behind = |key: &Bytes| Bytes::from([&key[..], &[0]].concat()); // the least of the keys that are greater
        self.snapshot.rows.scan(&key.map(behind).unwrap_or_default(), &mut |key, value| {
            bytes += key.len() + value.size();
            let fits = rows.is_empty() || bytes <= PART_BYTES;
            if fits {
                rows.push((key.clone(), value.clone()));
            }
            fits
        });
        if let Some((last, _)) = rows.last() {
            self.next = Next::Rows(Some(last.clone()));
            Part::Rows(rows)
        } else {
            self.next = Next::Nothing;
            Part::End { sessions: self.snapshot.sessions.len() as u64, rows: self.snapshot.rows.len() as u64 }
        }
    }
}

impl Iterator for Parts {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let part = match std::mem::replace(&mut self.next, Next::Nothing) {
            Next::Head => {
                self.next = Next::Sessions(None);
                let Snapshot { history, members, .. } = &self.snapshot;
                Part::Head { history: history.clone(), members: members.clone() }
            }
            Next::Sessions(client) => self.sessions_after(client.as_ref()),
            Next::Rows(key) => self.rows_after(key.as_ref()),
            Next::Nothing => return None,
        };
        let encoded = postcard::to_stdvec(&part).expect("a part has nothing that cannot be serialized");
        Some(Bytes::from(encoded))
    }
}

/// Puts a snapshot together again.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    snapshot: Snapshot,
    rows: Rows,
    has_head: bool,
    is_whole: bool,
}

/// Why parts make no snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadPart {
    #[error("a part is no part of a snapshot that this program knows")]
    Unknown,
    #[error("a part tells of positions or members that cannot be")]
    Impossible,
    #[error("a part is not where it belongs")]
    Misplaced,
    #[error("rows or sessions are missing")]
    Incomplete,
}

impl Assembler {
    pub(crate) fn add(&mut self, encoded: &[u8]) -> Result<(), BadPart> {
        let Ok((part, [])) = postcard::take_from_bytes(encoded) else { return Err(BadPart::Unknown) };
        match part {
            Part::Head { history, members } if !self.has_head => {
                if !history.is_sound() || !members.is_sound(history.last_lsn()) {
                    return Err(BadPart::Impossible);
                }
                (self.snapshot.history, self.snapshot.members) = (history, members);
                self.has_head = true;
            }
            Part::Sessions(sessions) if self.has_head && self.rows.len() == 0 && !self.is_whole => {
                self.snapshot.sessions.extend(sessions);
            }
            Part::Rows(rows) if self.has_head && !self.is_whole => self.rows.extend(rows),
            Part::End { sessions, rows } if self.has_head && !self.is_whole => {
                let counts = (self.snapshot.sessions.len() as u64, self.rows.len() as u64);
                if (sessions, rows) != counts {
                    return Err(BadPart::Incomplete);
                }
                self.is_whole = true;
            }
            Part::Head { .. } | Part::Sessions(_) | Part::Rows(_) | Part::End { .. } => return Err(BadPart::Misplaced),
        }
        Ok(())
    }

    /// The snapshot, once its last part was added.
    pub(crate) fn finish(self) -> Result<Snapshot, BadPart> {
        let Assembler { snapshot, rows, is_whole, .. } = self;
        if is_whole { Ok(Snapshot { rows: rows.into(), ..snapshot }) } else { Err(BadPart::Incomplete) }
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{End, Gtid, List, Member, Stamp};
    use crate::store::Reply;

    fn snapshot(rows: u32) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let gtid = Gtid { origin: Member(1), sequence: 7 };
        (1..=3).for_each(|lsn| snapshot.history.push(&Stamp { lsn, epoch: 2, gtid }));
        for lsn in 1..=u64::from(rows / 10) {
            let request = snapshot.sessions.request(format!("c{lsn}").into(), 0, &Reply::Ok, 1000);
            snapshot.sessions.apply(&Stamp { lsn, epoch: 2, gtid }, &request);
        }
        let mut held = Rows::default();
        for number in 0..rows {
            let mut list = List::default();
            list.push(End::Back, Bytes::from(vec![b'x'; number as usize % 5000]));
            let value = if number % 2 == 0 { Value::List(list) } else { Value::String(Bytes::from_static(b"v")) };
            held.insert(number.to_string().into(), value);
        }
        snapshot.rows = held.into();
        snapshot
    }

    fn assemble(parts: impl IntoIterator<Item = Bytes>) -> Result<Snapshot, BadPart> {
        let mut assembler = Assembler::default();
        parts.into_iter().try_for_each(|part| assembler.add(&part))?;
        assembler.finish()
    }

    #[test]
    fn the_parts_of_a_snapshot_make_it_again_and_are_small() {
        for rows in [0, 1, 3000] {
            let parts: Vec<Bytes> = snapshot(rows).into_parts().collect();
            assert!(parts.iter().all(|part| part.len() < 2 * PART_BYTES));
            assert!(rows < 3000 || parts.len() > 10);
            assert_eq!(assemble(parts), Ok(snapshot(rows)));
        }
    }

    #[test]
    fn no_missing_doubled_or_swapped_part_goes_unnoticed() {
        let parts: Vec<Bytes> = snapshot(1000).into_parts().collect();
        for index in 0..parts.len() {
            let mut without = parts.clone();
            without.remove(index);
            assert!(assemble(without).is_err(), "without part {index}");
        }
        let mut swapped = parts.clone();
        swapped.swap(0, 1);
        assert_eq!(assemble(swapped), Err(BadPart::Misplaced));
        let more = parts.iter().chain(&parts[1..2]).cloned();
        assert_eq!(assemble(more), Err(BadPart::Misplaced));
        assert_eq!(assemble([Bytes::from_static(b"\xff")]), Err(BadPart::Unknown));
    }
}
