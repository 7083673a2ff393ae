//! What a core wants done.
//!
//! Not here: doing it (`runtime`).

use bytes::Bytes;

use super::HardState;
use super::answer::Answer;
use super::message::Message;
use super::slots::Slots;
use super::snapshot::Snapshot;
use crate::membership::Listed;
use crate::record::{Epoch, Lsn, Member, Record};

/// What the core wants done, in this order.
#[derive(Debug)]
pub(crate) enum Effect<T> {
    /// Make this durable before going on.
    Save(HardState),
    /// Put these records aside for the operator, durably, then cut the log from the first of them on. What is reported as flushed
    /// from then on belongs to `generation`.
    Rewind { records: Vec<Record>, epoch: Epoch, generation: u64 },
    /// Append these to the log and report them when flushed; there is no need to wait.
    Write { records: Vec<Bytes> },
    /// Write this to the disk, beside the log, without being waited for; then say that it is written.
    WriteSnapshot(Snapshot),
    /// The snapshot of this LSN that was written takes the place of the one before.
    AdoptSnapshot { lsn: Lsn },
    /// Records up to here need not be kept on the disk.
    CutFront { lsn: Lsn },
    /// Put these records aside, then let the snapshot of this LSN that was written take the place of all that was here before, the
    /// whole log included, durably. What is reported as flushed from then on belongs to `generation`.
    InstallSnapshot { lsn: Lsn, records: Vec<Record>, epoch: Epoch, generation: u64 },
    /// Make this durable before going on.
    SaveSlots(Slots),
    /// Keep links to these, and remember them.
    Members(Listed),
    /// Have the command run that kills this member, and say whether it succeeded.
    Stonith { member: Member },
    /// Send, if there is a connection; losing it is allowed.
    Send { to: Member, message: Message },
    /// Ask the coordinator.
    Lease(super::coordinated::LeaseWish),
    /// Tell the client.
    Answer { token: T, answer: Answer },
}
