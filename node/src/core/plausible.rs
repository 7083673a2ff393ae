//! What a peer can have said in truth. A message that cannot be true, from a peer that is broken or no peer at all, is refused and
//! counted: it must not stop this node, nor use up the numbers that epochs and positions are counted in.
//!
//! Not here: a peer that lies plausibly. Members trust each other that far.

use super::Core;
use crate::record::{Change, Epoch, Lsn, Member, Record};

/// An epoch may be so far ahead of this node's. An election takes milliseconds at least, so a node that was away for a year of nothing
/// but elections is not that far behind; and it takes as many messages again to use up the epochs.
const MAX_EPOCH_JUMP: Epoch = 1 << 32;
/// Greater epochs, positions and sequences are refused: sums of two still fit.
const MAX_NUMBER: u64 = 1 << 62;

impl<T> Core<T> {
    pub(crate) fn is_plausible(&self, epoch: Epoch) -> bool {
        epoch <= self.hard.epoch.saturating_add(MAX_EPOCH_JUMP).min(MAX_NUMBER)
    }

    /// Whether the leader that this node follows can have sent such a record.
    pub(crate) fn is_possible(&self, record: &Record) -> bool {
        let stamp = record.stamp;
        let members = match &record.change {
            Change::Members { before, after } => before.is_sound(stamp.lsn) && after.is_sound(stamp.lsn),
            _ => true,
        };
        members && stamp.epoch <= self.hard.epoch && stamp.lsn < MAX_NUMBER && stamp.gtid.sequence < MAX_NUMBER
    }

    pub(crate) fn refuse_message(&mut self, from: Member, why: &str) {
        self.refused_messages += 1;
        if self.refused_messages.is_power_of_two() {
            let (epoch, lsn, from) = (self.hard.epoch, self.journal.last_lsn(), self.settings.id(from));
            tracing::error!(epoch, lsn, from, refused = self.refused_messages, "refused a message: {why}");
        }
    }
}

/// Whether a number can be a position at all.
pub(crate) fn is_number(number: Lsn) -> bool {
    number < MAX_NUMBER
}
