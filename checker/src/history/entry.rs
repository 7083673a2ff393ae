//! What stands in a history file, one after the other, as its reader finds it. Nothing is joined here, so nothing is held.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Event, EventType, Function, Value};

/// An entry of a history file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The line on which it begins, counted from 1.
    pub line: usize,
    /// What it tells.
    pub content: Content,
}

/// What an entry tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// What a client did.
    Client(Event),
    /// What somebody did who is no client: the nemesis, mostly.
    Nemesis(NemesisEvent),
    /// Nothing: a crashed writer cut it short. It is the file's last one.
    CutShort,
}

/// What the nemesis, or whoever else is no client, did to the system. Field names on disk are Jepsen's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NemesisEvent {
    /// Nanoseconds since the run began, if the file tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<u64>,
    /// How many events of clients stand before it in the file.
    #[serde(skip)]
    pub clients_before: u64,
    /// Its name: `nemesis`.
    pub process: Arc<str>,
    /// Jepsen's nemeses begin and complete what they do with `info`.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// What it did.
    #[serde(rename = "f")]
    pub function: Function,
    /// To whom, or with what result. What is no [`Value`], such as a map, is text, as the file has it.
    #[serde(default)]
    pub value: Value,
}
