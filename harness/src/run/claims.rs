//! What the nodes said of themselves during a run, held against what they said before: who led in which epoch, and which record is
//! committed at which position. Clients see little of it: two leaders of one epoch may both be deposed before either acknowledges anything.
//!
//! Only systems that tell their committed log are held to this, see [`CommittedLog`](crate::system::CommittedLog). It knows no clock
//! and asks nobody: that is the monitor's part.

use std::collections::BTreeMap;

use interregnum_checker::judgement::Judgement;
use interregnum_checker::verdict::Verdict;

use crate::node_id::NodeId;
use crate::system::{Committed, Role};

/// The most contradictions told of one kind.
const MOST_TOLD: usize = 3;

/// A record's epoch and GTID, and who told it first.
type Record = (u64, String, NodeId);

/// Everything that was said.
#[derive(Debug, Default)]
pub(super) struct Claims {
    statuses: u64,
    epochs: BTreeMap<NodeId, u64>,
    leaders: BTreeMap<u64, NodeId>,
    records: BTreeMap<u64, Record>,
    positions: BTreeMap<String, u64>,
    broken: BTreeMap<Kind, Broken>,
}

/// What can be contradicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Epochs,
    CommittedLog,
    Gtids,
}

/// The contradictions of one kind.
#[derive(Debug)]
struct Broken {
    first_ns: u64,
    count: u64,
    told: Vec<String>,
}

impl Claims {
    /// A node told its role and epoch. Told in the order of its answers.
    pub(super) fn status(&mut self, at_ns: u64, node: NodeId, role: Role, epoch: u64) {
        self.statuses += 1;
        let before = self.epochs.insert(node, epoch).unwrap_or(0);
        if epoch < before {
            self.contradiction(at_ns, Kind::Epochs, format!("{node} went back from epoch {before} to {epoch}"));
        }
        if role == Role::Leader {
            let leader = *self.leaders.entry(epoch).or_insert(node);
            if leader != node {
                self.leaders.insert(epoch, node); // told once for each turn, not for each status
                self.contradiction(at_ns, Kind::Epochs, format!("{leader} and {node} both led in epoch {epoch}"));
            }
        }
    }

    /// A node told that these records are committed.
    pub(super) fn committed(&mut self, at_ns: u64, node: NodeId, records: Vec<Committed>) {
        for Committed { lsn, epoch, gtid } in records {
            let (first_epoch, first_gtid, first) =
                self.records.entry(lsn).or_insert_with(|| (epoch, gtid.clone(), node)).clone();
            if (first_epoch, &first_gtid) != (epoch, &gtid) {
                let told = format!(
                    "{first} had {first_gtid} of epoch {first_epoch} committed at LSN {lsn}, and {node} has {gtid} of epoch {epoch}"
                );
                self.contradiction(at_ns, Kind::CommittedLog, told);
            }
            let position = *self.positions.entry(gtid.clone()).or_insert(lsn);
            if position != lsn {
                let told = format!("{gtid} is committed at LSN {position} and, as {node} tells, at LSN {lsn}");
                self.contradiction(at_ns, Kind::Gtids, told);
            }
        }
    }

    fn contradiction(&mut self, at_ns: u64, kind: Kind, told: String) {
        let broken = self.broken.entry(kind).or_insert(Broken { first_ns: at_ns, count: 0, told: Vec::new() });
        broken.count += 1;
        if broken.told.len() < MOST_TOLD {
            broken.told.push(told);
        }
    }

    /// What that comes to, and when each was contradicted first, in nanoseconds since the run began.
    pub(super) fn judgements(&self) -> Vec<(Judgement, Option<u64>)> {
        let held = [
            (
                Kind::Epochs,
                "epochs",
                format!("no node's epoch went back, and each had one leader, in {} statuses", self.statuses),
            ),
            (
                Kind::CommittedLog,
                "committed-log",
                format!("all nodes told one committed log of {} writes", self.records.len()),
            ),
            (Kind::Gtids, "gtids", format!("{} GTIDs name one committed write each", self.positions.len())),
        ];
        let judge = |(kind, checker, held): (Kind, &str, String)| match self.broken.get(&kind) {
            None => (Judgement::without_proofs(checker, Verdict::Pass, held), None),
            Some(Broken { first_ns, count, told }) => {
                let more = count - told.len() as u64;
                let more = if more > 0 { format!("; and {more} more") } else { String::new() };
                let summary = format!("{}{more}", told.join("; "));
                (Judgement::without_proofs(checker, Verdict::Violation, summary), Some(*first_ns))
            }
        };
        held.into_iter().map(judge).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: [NodeId; 3] = [NodeId(0), NodeId(1), NodeId(2)];

    fn record(lsn: u64, epoch: u64, gtid: &str) -> Vec<Committed> {
        vec![Committed { lsn, epoch, gtid: gtid.to_owned() }]
    }

    /// The checkers that complain, when, and of what.
    fn complaints(claims: &Claims) -> Vec<(String, u64, String)> {
        let broken = |(judgement, first_ns): (Judgement, Option<u64>)| {
            assert_eq!(judgement.verdict == Verdict::Violation, first_ns.is_some());
            Some((judgement.checker, first_ns?, judgement.summary))
        };
        claims.judgements().into_iter().filter_map(broken).collect()
    }

    fn check(claims: &Claims, expected: &[(&str, u64, &str)]) {
        let expected: Vec<_> =
            expected.iter().map(|(who, ns, what)| (who.to_string(), *ns, what.to_string())).collect();
        assert_eq!(complaints(claims), expected);
    }

    #[test]
    fn what_fits_together_is_no_contradiction() {
        let mut claims = Claims::default();
        claims.status(1, N[0], Role::Leader, 1);
        claims.status(2, N[1], Role::Follower, 1);
        claims.status(3, N[1], Role::Leader, 2);
        claims.status(4, N[0], Role::Leader, 1); // deposed, and has not heard of it
        for node in N {
            claims.committed(5, node, record(7, 1, "n1:7"));
            claims.committed(6, node, record(8, 2, "n2:1"));
        }
        check(&claims, &[]);
        let summaries: Vec<_> = claims.judgements().into_iter().map(|(judgement, _)| judgement.summary).collect();
        assert_eq!(summaries[0], "no node's epoch went back, and each had one leader, in 4 statuses");
        assert_eq!(summaries[1], "all nodes told one committed log of 2 writes");
    }

    #[test]
    fn an_epoch_has_one_leader_and_no_way_back() {
        let mut claims = Claims::default();
        claims.status(1, N[0], Role::Leader, 4);
        claims.status(2, N[1], Role::Leader, 4);
        claims.status(3, N[1], Role::Leader, 4);
        check(&claims, &[("epochs", 2, "n1 and n2 both led in epoch 4")]);
        let mut claims = Claims::default();
        claims.status(1, N[0], Role::Candidate, 4);
        claims.status(2, N[0], Role::Follower, 3);
        check(&claims, &[("epochs", 2, "n1 went back from epoch 4 to 3")]);
    }

    #[test]
    fn a_committed_record_stays_where_it_is() {
        let mut claims = Claims::default();
        claims.committed(1, N[0], record(7, 1, "n1:7"));
        claims.committed(2, N[1], record(7, 2, "n2:1"));
        let told = "n1 had n1:7 of epoch 1 committed at LSN 7, and n2 has n2:1 of epoch 2";
        check(&claims, &[("committed-log", 2, told)]);
    }

    #[test]
    fn a_gtid_names_one_write() {
        let mut claims = Claims::default();
        claims.committed(1, N[0], record(7, 1, "n1:7"));
        claims.committed(2, N[0], record(9, 3, "n1:7"));
        check(&claims, &[("gtids", 2, "n1:7 is committed at LSN 7 and, as n1 tells, at LSN 9")]);
    }

    #[test]
    fn of_many_contradictions_the_first_few_are_told() {
        let mut claims = Claims::default();
        (1..=5).for_each(|epoch| claims.status(epoch, N[0], Role::Follower, 9 - epoch));
        let told = "n1 went back from epoch 8 to 7; n1 went back from epoch 7 to 6; n1 went back from epoch 6 to 5; and 1 more";
        check(&claims, &[("epochs", 2, told)]);
    }
}
