//! The state as the fold of the log: making a record, taking one in, taking the last one back.
//!
//! Not here: the state's own parts (`store`, `sessions`), and who may make records (`leader`) or must give them up (`follower`).

use super::journal::Journal;
use super::snapshot::Snapshot;
use super::{Core, HardState, Role};
use crate::defect::Defect;
use crate::record::{Change, Epoch, Gtid, Lsn, Member, Record, Stamp};
use crate::sessions::Request;

impl<T> Core<T> {
    /// Leads on: creates a record and applies it. `None` if the change is too large for a record; then nothing has happened.
    pub(crate) fn create(&mut self, change: Change, request: Option<Box<Request>>) -> Option<Lsn> {
        let change = self.store.make(change)?;
        self.sequence += 1;
        let gtid = Gtid { origin: self.settings.me(), sequence: self.sequence };
        let stamp = Stamp { lsn: self.journal.last_lsn() + 1, epoch: self.hard.epoch, gtid };
        let record = Record { stamp, change, request };
        self.journal.push(&stamp, record.encode());
        self.apply(record);
        Some(stamp.lsn)
    }

    /// Has the sequences of this node go on behind all that the log knows: it may have written them from a directory that is gone.
    pub(crate) fn outrun_own_sequences(&mut self) {
        let own = self.journal.history().gtids().get(&self.settings.me()).copied();
        self.sequence = self.sequence.max(own.unwrap_or(0));
    }

    /// Enters an epoch in which this node may lead. Who dies before its own disk has what it sent out begins anew behind the sequences of
    /// that, so where they begin must be durable before one is given.
    pub(crate) fn enter_to_lead(&mut self, epoch: Epoch, voted_for: Option<Member>) {
        self.outrun_own_sequences();
        self.hard = HardState { epoch, voted_for, sequence_floor: self.sequence, ..self.hard };
        self.save();
    }

    /// Makes what the next record of the journal says.
    pub(crate) fn apply(&mut self, record: Record) {
        let is_forgotten = self.settings.has(Defect::RequestsNotReplicated) && !matches!(self.role, Role::Leader(_));
        if let Some(request) = record.request.as_ref().filter(|request| request.number == 0 || !is_forgotten) {
            self.sessions.apply(&record.stamp, request);
        }
        if let Change::Members { after, .. } = &record.change {
            self.set_members((**after).clone());
        }
        // At a start the store may have kept more than the rest of the state.
        if record.stamp.lsn > self.store.applied().lsn {
            self.store.apply(&record.stamp, record.change);
        }
    }

    /// Takes back what the last record said.
    pub(crate) fn undo(&mut self, record: &Record) {
        if let Some(request) = &record.request {
            self.sessions.undo(request);
        }
        if let Change::Members { before, .. } = &record.change
            && !self.settings.has(Defect::KeepUndoneMembers)
        {
            self.set_members((**before).clone());
        }
        self.store.undo(record.change.clone());
    }

    /// Holds what the snapshot holds, and nothing else.
    pub(crate) fn adopt_state(&mut self, snapshot: Snapshot) {
        let position = snapshot.position();
        let Snapshot { history, members, rows, sessions } = snapshot;
        self.journal = Journal::behind(history);
        self.store.install(&rows, position);
        self.sessions = sessions;
        self.set_members(members);
    }
}
