//! Which record is where, and which are committed: what Raft calls leader completeness and state machine safety (§5.4), told by the nodes.

use std::collections::BTreeMap;

use super::Kind;
use crate::node_id::NodeId;
use crate::system::{GivenUp, RecordId, Role, Status};

#[derive(Debug, Default)]
pub(super) struct Records {
    /// By LSN, and who told it first.
    committed: BTreeMap<u64, (RecordId, NodeId)>,
    /// LSN and epoch of each GTID that was ever seen in a log, and who told it first.
    identities: BTreeMap<String, (u64, u64, NodeId)>,
    /// How far a leader took its log for committed when all of that was older than its epoch.
    inherited: BTreeMap<(NodeId, u64), u64>,
}

impl Records {
    /// What is wrong with a status.
    pub(super) fn status(&mut self, node: NodeId, status: &Status) -> Vec<(Kind, String)> {
        let &Status { role, epoch, account: Some(ref account), .. } = status else { return Vec::new() };
        let mut wrong: Vec<_> = account.last.iter().filter_map(|record| self.seen(node, record)).collect();
        let (lsn, of) = account.commit;
        if role == Role::Leader && (1..epoch).contains(&of) {
            let inherited = self.inherited.entry((node, epoch)).or_insert(lsn);
            if lsn > *inherited {
                *inherited = lsn;
                let told = format!(
                    "{node} leads epoch {epoch} and took its log for committed up to LSN {lsn}, a record of epoch {of}, with none of its own"
                );
                wrong.push((Kind::CommittedLog, told));
            }
        }
        wrong
    }

    /// What is wrong with a record's being committed.
    pub(super) fn committed(&mut self, node: NodeId, record: &RecordId) -> Vec<(Kind, String)> {
        let RecordId { lsn, epoch, gtid } = record;
        let (first, by) = self.committed.entry(*lsn).or_insert_with(|| (record.clone(), node));
        let other = (first != record).then(|| {
            let told = format!(
                "{by} had {} of epoch {} committed at LSN {lsn}, and {node} has {gtid} of epoch {epoch}",
                first.gtid, first.epoch
            );
            (Kind::CommittedLog, told)
        });
        other.into_iter().chain(self.seen(node, record)).collect()
    }

    /// What is wrong with a record's being given up: the leader of an epoch does not give up what it wrote in it.
    pub(super) fn given_up(&mut self, node: NodeId, given_up: &GivenUp) -> Vec<(Kind, String)> {
        let GivenUp { record, in_epoch } = given_up;
        let RecordId { lsn, epoch, gtid } = record;
        let too_early = (epoch >= in_epoch).then(|| {
            (Kind::CommittedLog, format!("{node} gave up {gtid} of epoch {epoch}, at LSN {lsn}, in epoch {in_epoch}"))
        });
        too_early.into_iter().chain(self.seen(node, record)).collect()
    }

    /// A record is in a node's log, committed or not.
    fn seen(&mut self, node: NodeId, record: &RecordId) -> Option<(Kind, String)> {
        let RecordId { lsn, epoch, gtid } = record;
        let (lsn, epoch) = (*lsn, *epoch);
        let (first_lsn, first_epoch, by) = *self.identities.entry(gtid.clone()).or_insert((lsn, epoch, node));
        ((first_lsn, first_epoch) != (lsn, epoch)).then(|| {
            let told = format!(
                "{by} told {gtid} at LSN {first_lsn} of epoch {first_epoch}, and {node} tells it at LSN {lsn} of epoch {epoch}"
            );
            (Kind::Gtids, told)
        })
    }

    pub(super) fn committed_count(&self) -> usize {
        self.committed.len()
    }

    pub(super) fn identity_count(&self) -> usize {
        self.identities.len()
    }
}
