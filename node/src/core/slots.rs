//! Replication slots: named places in the log of this node behind which everything is kept, for consumers that come and go. Each
//! follower of a leader has one by itself.
//!
//! A slot belongs to the node it was made on and survives its restarts. It is not replicated, so a new leader has none of its
//! predecessor's. Not here: the file (`slots_file`), and letting records go (`retention`).

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Core, Effect, Role};
use crate::record::Lsn;
use crate::store::Reply;

/// Most slots of a node: each may hold back `--max-slot-size` of log, and is looked at whenever records are let go.
const MAX_SLOTS: usize = 32;

/// A consumer's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slot {
    /// The consumer has everything up to here.
    pub(crate) lsn: Lsn,
    /// It fell so far behind that records were let go which it has not got.
    pub(crate) lost: bool,
}

/// The slots of a node by their names.
pub(crate) type Slots = BTreeMap<String, Slot>;

/// What can be asked about slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SlotAsk {
    /// Keep what is behind this LSN from now on; behind the last record, if none is given.
    Create {
        name: String,
        lsn: Option<Lsn>,
    },
    /// The consumer has everything up to there.
    Advance {
        name: String,
        lsn: Lsn,
    },
    Drop {
        name: String,
    },
    List,
}

impl<T> Core<T> {
    /// Takes the slots over that the disk has.
    pub(crate) fn with_slots(mut self, slots: Slots) -> Self {
        self.slots = slots;
        self.lose_slots();
        self
    }

    pub(crate) fn ask_slot(&mut self, ask: SlotAsk) -> Reply {
        match ask {
            SlotAsk::Create { name, lsn } => self.create_slot(name, lsn),
            SlotAsk::Advance { name, lsn } => self.advance_slot(&name, lsn),
            SlotAsk::Drop { name } => match self.slots.remove(&name) {
                Some(_) => self.save_slots(),
                None => unknown(&name),
            },
            SlotAsk::List => Reply::List(self.slot_lines()),
        }
    }

    fn create_slot(&mut self, name: String, lsn: Option<Lsn>) -> Reply {
        let (first, last) = (self.journal.base_lsn(), self.journal.last_lsn());
        let lsn = lsn.unwrap_or(last);
        if self.slots.contains_key(&name) {
            return Reply::Failure(format!("ERR slot '{name}' exists already"));
        }
        if self.slots.len() >= MAX_SLOTS {
            return Reply::Failure(format!("ERR a node has at most {MAX_SLOTS} slots; drop one first"));
        }
        if !(first..=last).contains(&lsn) {
            return Reply::Failure(format!("ERR the log here holds what is behind LSN {first} to {last}, not {lsn}"));
        }
        self.slots.insert(name, Slot { lsn, lost: false });
        self.save_slots()
    }

    fn advance_slot(&mut self, name: &str, lsn: Lsn) -> Reply {
        let last_lsn = self.journal.last_lsn();
        let Some(slot) = self.slots.get_mut(name) else { return unknown(name) };
        if slot.lost {
            return Reply::Failure(format!(
                "SLOTLOST slot '{name}' fell more than --max-slot-size behind, and what follows LSN {} is gone; drop it and begin \
                 from a base snapshot",
                slot.lsn
            ));
        }
        if lsn > last_lsn {
            return Reply::Failure(format!("ERR the log here ends at LSN {last_lsn}"));
        }
        slot.lsn = slot.lsn.max(lsn);
        self.save_slots()
    }

    fn save_slots(&mut self) -> Reply {
        self.effects.push(Effect::SaveSlots(self.slots.clone()));
        Reply::Ok
    }

    /// What is behind this, some slot still needs.
    pub(crate) fn slots_need_lsn(&self) -> Lsn {
        self.slots.values().filter(|slot| !slot.lost).map(|slot| slot.lsn).min().unwrap_or(Lsn::MAX)
    }

    /// Marks the slots whose records are gone or are too many to keep.
    pub(crate) fn lose_slots(&mut self) {
        let most_bytes = self.settings.modes.storage.max_slot_size;
        let (journal, mut lost) = (&self.journal, false);
        for (name, slot) in self.slots.iter_mut().filter(|(_, slot)| !slot.lost) {
            let bytes = journal.bytes_after(slot.lsn);
            if slot.lsn < journal.base_lsn() || bytes > most_bytes {
                (slot.lost, lost) = (true, true);
                tracing::warn!(
                    slot = name,
                    lsn = slot.lsn,
                    bytes,
                    most_bytes,
                    "slot lost: its consumer fell too far behind"
                );
            }
        }
        if lost {
            self.save_slots();
        }
    }

    fn slot_lines(&self) -> Vec<Bytes> {
        let own = self.slots.iter().map(|(name, slot)| (name.clone(), "consumer", *slot));
        let members = match &self.role {
            Role::Leader(leader) => leader.followers.iter().collect(),
            _ => Vec::new(),
        };
        let members = members.into_iter().map(|(&member, follower)| {
            let slot = Slot { lsn: follower.needed_lsn(), lost: follower.is_lost };
            (self.settings.id(member).to_owned(), "member", slot)
        });
        let line = |(name, kind, slot): (String, &str, Slot)| {
            let state = if slot.lost { "lost" } else { "kept" };
            let bytes = self.journal.bytes_after(slot.lsn);
            Bytes::from(format!("name={name},kind={kind},lsn={},bytes={bytes},state={state}", slot.lsn))
        };
        own.chain(members).map(line).collect()
    }
}

fn unknown(name: &str) -> Reply {
    Reply::Failure(format!("ERR there is no slot '{name}' on this node"))
}
