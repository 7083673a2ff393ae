//! What the nodes said of themselves during a run, held against what they said before: who led in which epoch and by whose votes, and
//! which record is where. Clients see little of it: two leaders of one epoch may both be deposed before either acknowledges anything.
//!
//! Only systems that tell their committed log are held to this, see [`CommittedLog`](crate::system::CommittedLog). It knows no clock
//! and asks nobody: that is the monitor's part.

mod records;
mod votes;

use std::collections::{BTreeMap, BTreeSet};

use interregnum_checker::judgement::Judgement;
use interregnum_checker::verdict::Verdict;

use crate::node_id::NodeId;
use crate::system::{GivenUp, RecordId, Status};
use records::Records;
use votes::Votes;

/// The most contradictions told of one kind.
const MOST_TOLD: usize = 3;

/// Everything that was said.
#[derive(Debug, Default)]
pub(super) struct Claims {
    votes: Votes,
    records: Records,
    /// Whose rows were found not to be their leader's; `None` if a fault may have made them so.
    drifted: Option<BTreeSet<NodeId>>,
    broken: BTreeMap<Kind, Broken>,
}

/// What can be contradicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Epochs,
    Leases,
    CommittedLog,
    Gtids,
    Rows,
}

/// The contradictions of one kind.
#[derive(Debug)]
struct Broken {
    first_ns: u64,
    count: u64,
    told: Vec<String>,
}

impl Claims {
    /// None yet. Of rows that can be changed behind the back of replication, nothing is claimed.
    pub(super) fn none_yet(rows_can_be_changed: bool) -> Self {
        Self { drifted: (!rows_can_be_changed).then(BTreeSet::new), ..Self::default() }
    }

    /// A node told its status, some time between the two. Told in the order of its answers.
    pub(super) fn status(&mut self, asked_ns: u64, at_ns: u64, node: NodeId, status: &Status) {
        let told = self.votes.status(asked_ns, at_ns, node, status);
        self.contradictions(at_ns, told);
        let told = self.records.status(node, status);
        self.contradictions(at_ns, told);
        let differs = status.account.as_ref().is_some_and(|account| account.drifted_ranges > 0);
        if differs && self.drifted.as_mut().is_some_and(|drifted| drifted.insert(node)) {
            let told =
                format!("a comparison found that the rows of {node} are not those of its leader, at the same LSN");
            self.contradictions(at_ns, vec![(Kind::Rows, told)]);
        }
    }

    /// A node told that these records are committed.
    pub(super) fn committed(&mut self, at_ns: u64, node: NodeId, records: Vec<RecordId>) {
        for record in records {
            let told = self.records.committed(node, &record);
            self.contradictions(at_ns, told);
        }
    }

    /// A node has put these records aside.
    pub(super) fn given_up(&mut self, at_ns: u64, node: NodeId, records: &[GivenUp]) {
        for given_up in records {
            let told = self.records.given_up(node, given_up);
            self.contradictions(at_ns, told);
        }
    }

    fn contradictions(&mut self, at_ns: u64, contradictions: Vec<(Kind, String)>) {
        for (kind, told) in contradictions {
            let broken = self.broken.entry(kind).or_insert(Broken { first_ns: at_ns, count: 0, told: Vec::new() });
            broken.count += 1;
            if broken.told.len() < MOST_TOLD {
                broken.told.push(told);
            }
        }
    }

    /// What that comes to, and when each was contradicted first, in nanoseconds since the run began.
    pub(super) fn judgements(&self) -> Vec<(Judgement, Option<u64>)> {
        let held = [
            (Kind::Epochs, "epochs", self.votes.held()),
            (Kind::Leases, "leases", "no node took its lease for valid while another led a later epoch".to_owned()),
            (
                Kind::CommittedLog,
                "committed-log",
                format!("all nodes told one committed log of {} writes", self.records.committed_count()),
            ),
            (Kind::Gtids, "gtids", format!("{} GTIDs name one write each", self.records.identity_count())),
            (Kind::Rows, "rows", "no node found its rows to be other than its leader's".to_owned()),
        ];
        let is_unheard = self.records.committed_count() == 0;
        let judge = |(kind, checker, held): (Kind, &str, String)| match self.broken.get(&kind) {
            None if is_unheard && [Kind::CommittedLog, Kind::Gtids].contains(&kind) => {
                let unheard = "no node told of a committed write";
                (Judgement::without_proofs(checker, Verdict::Inconclusive, unheard), None)
            }
            None => (Judgement::without_proofs(checker, Verdict::Pass, held), None),
            Some(Broken { first_ns, count, told }) => {
                let more = count - told.len() as u64;
                let more = if more > 0 { format!("; and {more} more") } else { String::new() };
                let summary = format!("{}{more}", told.join("; "));
                (Judgement::without_proofs(checker, Verdict::Violation, summary), Some(*first_ns))
            }
        };
        held.into_iter().filter(|(kind, ..)| *kind != Kind::Rows || self.drifted.is_some()).map(judge).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::system::{Account, Role};

    const N: [NodeId; 3] = [NodeId(0), NodeId(1), NodeId(2)];

    fn record(lsn: u64, epoch: u64, gtid: &str) -> RecordId {
        RecordId { lsn, epoch, gtid: gtid.to_owned() }
    }

    fn plain(role: Role, epoch: u64) -> Status {
        Status { role, epoch, leader: None, last_lsn: 0, lags: BTreeMap::new(), account: None }
    }

    /// With an empty log, and this vote.
    fn voter(role: Role, epoch: u64, voted_for: Option<NodeId>) -> Status {
        let account =
            Account { voted_for, has_lease: false, voters: N.into(), last: None, commit: (0, 0), drifted_ranges: 0 };
        Status { account: Some(account), ..plain(role, epoch) }
    }

    /// With a log that ends so, and is committed so far.
    fn logger(role: Role, epoch: u64, last: RecordId, commit: (u64, u64)) -> Status {
        let account = Account {
            voted_for: None,
            has_lease: false,
            voters: N.into(),
            last: Some(last),
            commit,
            drifted_ranges: 0,
        };
        Status { account: Some(account), ..plain(role, epoch) }
    }

    /// The checkers that complain, when, and of what.
    fn check(tell: impl FnOnce(&mut Claims), expected: &[(&str, u64, &str)]) {
        let mut claims = Claims::none_yet(false);
        tell(&mut claims);
        let broken = |(judgement, first_ns): (Judgement, Option<u64>)| {
            assert_eq!(judgement.verdict == Verdict::Violation, first_ns.is_some());
            Some((judgement.checker, first_ns?, judgement.summary))
        };
        let complaints: Vec<_> = claims.judgements().into_iter().filter_map(broken).collect();
        let expected: Vec<_> =
            expected.iter().map(|(who, ns, what)| (who.to_string(), *ns, what.to_string())).collect();
        assert_eq!(complaints, expected);
    }

    #[test]
    fn what_fits_together_is_no_contradiction() {
        let tell = |claims: &mut Claims| {
            claims.status(1, 1, N[0], &voter(Role::Leader, 1, Some(N[0])));
            claims.status(2, 2, N[1], &voter(Role::Follower, 1, Some(N[0])));
            claims.status(3, 3, N[2], &voter(Role::Follower, 1, None)); // a majority voted without it
            claims.status(4, 4, N[1], &voter(Role::Leader, 2, Some(N[1])));
            claims.status(5, 5, N[0], &voter(Role::Leader, 1, Some(N[0]))); // deposed, and has not heard of it
            claims.status(6, 6, N[1], &logger(Role::Leader, 3, record(8, 2, "n2:1"), (7, 1)));
            claims.status(7, 7, N[1], &logger(Role::Leader, 3, record(9, 3, "n2:2"), (9, 3)));
            for node in N {
                claims.committed(8, node, vec![record(7, 1, "n1:7"), record(8, 2, "n2:1")]);
            }
            claims.given_up(9, N[0], &[GivenUp { record: record(8, 1, "n1:8"), in_epoch: 2 }]);
        };
        check(tell, &[]);
        let mut claims = Claims::none_yet(false);
        tell(&mut claims);
        let summaries: Vec<_> = claims.judgements().into_iter().map(|(judgement, _)| judgement.summary).collect();
        let expected = [
            "no node's epoch went back, and each had one leader and each node one vote, in 7 statuses",
            "no node took its lease for valid while another led a later epoch",
            "all nodes told one committed log of 2 writes",
            "4 GTIDs name one write each",
            "no node found its rows to be other than its leader's",
        ];
        assert_eq!(summaries, expected);
    }

    #[test]
    fn an_epoch_has_one_leader_and_no_way_back() {
        let tell = |claims: &mut Claims| {
            claims.status(1, 1, N[0], &plain(Role::Leader, 4));
            claims.status(2, 2, N[1], &plain(Role::Leader, 4));
            claims.status(3, 3, N[1], &plain(Role::Leader, 4));
        };
        check(tell, &[("epochs", 2, "n1 and n2 both led in epoch 4")]);
        let tell = |claims: &mut Claims| {
            claims.status(1, 1, N[0], &plain(Role::Candidate, 4));
            claims.status(2, 2, N[0], &plain(Role::Follower, 3));
        };
        check(tell, &[("epochs", 2, "n1 went back from epoch 4 to 3")]);
    }

    #[test]
    fn a_vote_is_given_once() {
        for (vote, told) in [(None, "nobody"), (Some(N[2]), "n3")] {
            let tell = |claims: &mut Claims| {
                claims.status(1, 1, N[1], &voter(Role::Follower, 4, None));
                claims.status(2, 2, N[1], &voter(Role::Follower, 4, Some(N[0])));
                claims.status(3, 3, N[1], &voter(Role::Follower, 4, vote));
                claims.status(4, 4, N[1], &voter(Role::Follower, 5, None));
            };
            let told = format!("n2 had voted for n1 in epoch 4, and says that it has voted for {told}");
            check(tell, &[("epochs", 3, &told)]);
        }
    }

    #[test]
    fn a_leader_was_elected_by_a_majority() {
        let leads = |claims: &mut Claims| {
            claims.status(1, 2, N[0], &voter(Role::Leader, 4, Some(N[0])));
            claims.status(3, 4, N[1], &voter(Role::Follower, 4, None));
        };
        let told = "n1 leads epoch 4, in which n2, n3 did not vote for it";
        let too_late = |claims: &mut Claims| {
            leads(claims);
            claims.status(3, 4, N[2], &voter(Role::Follower, 4, Some(N[1])));
            claims.status(5, 6, N[2], &voter(Role::Follower, 4, Some(N[1])));
        };
        check(too_late, &[("epochs", 4, told)]);
        let not_there_yet = |claims: &mut Claims| {
            leads(claims);
            claims.status(3, 4, N[2], &voter(Role::Follower, 3, Some(N[0])));
        };
        check(not_there_yet, &[("epochs", 4, told)]);
        let may_vote_yet = |claims: &mut Claims| {
            leads(claims);
            claims.status(2, 4, N[2], &voter(Role::Follower, 4, None)); // asked before it was known who leads
        };
        check(may_vote_yet, &[]);
        let among_others = |claims: &mut Claims| {
            let mut of_two = voter(Role::Follower, 3, None);
            of_two.account.as_mut().unwrap().voters = [N[0], N[1]].into();
            claims.status(1, 1, N[0], &of_two);
            leads(claims);
            claims.status(3, 4, N[2], &voter(Role::Follower, 4, None));
        };
        check(among_others, &[]);
    }

    /// Whatever of it is another: its epoch, its GTID, or both.
    #[test]
    fn whose_lease_holds_has_no_successor() {
        let mut holder = voter(Role::Leader, 4, Some(N[0]));
        holder.account.as_mut().unwrap().has_lease = true;
        let tell = |asked_ns| {
            let holder = holder.clone();
            move |claims: &mut Claims| {
                claims.status(1, 2, N[0], &holder);
                claims.status(3, 5, N[1], &voter(Role::Leader, 5, Some(N[1])));
                claims.status(asked_ns, 7, N[0], &holder);
            }
        };
        check(tell(6), &[("leases", 7, "n1 says that it has the lease of epoch 4 while n2 leads epoch 5")]);
        check(tell(4), &[]); // it may have ended between the two answers
    }

    #[test]
    fn a_committed_record_stays_where_it_is() {
        for (epoch, gtid) in [(2, "n2:1"), (2, "n1:7"), (1, "n2:1")] {
            let tell = |claims: &mut Claims| {
                claims.committed(1, N[0], vec![record(7, 1, "n1:7")]);
                claims.committed(2, N[1], vec![record(7, epoch, gtid)]);
            };
            let told = format!("n1 had n1:7 of epoch 1 committed at LSN 7, and n2 has {gtid} of epoch {epoch}");
            let same_gtid = "n1 told n1:7 at LSN 7 of epoch 1, and n2 tells it at LSN 7 of epoch 2";
            let expected = [("committed-log", 2, &*told), ("gtids", 2, same_gtid)];
            check(tell, if gtid == "n1:7" { &expected } else { &expected[..1] });
        }
    }

    /// Whoever hears nothing hears no contradiction.
    #[test]
    fn silence_is_no_pass() {
        let mut claims = Claims::none_yet(false);
        claims.status(1, 1, N[0], &plain(Role::Leader, 1));
        let unsure = |(judgement, _): (Judgement, _)| (judgement.verdict != Verdict::Pass).then_some(judgement);
        let unsure: Vec<_> = claims.judgements().into_iter().filter_map(unsure).collect();
        let told: Vec<_> = unsure.iter().map(|judgement| (&*judgement.checker, judgement.verdict)).collect();
        assert_eq!(told, [("committed-log", Verdict::Inconclusive), ("gtids", Verdict::Inconclusive)]);
    }

    #[test]
    fn a_leader_commits_older_records_only_with_one_of_its_own() {
        let tell = |claims: &mut Claims| {
            claims.status(1, 1, N[0], &logger(Role::Leader, 4, record(9, 3, "n2:9"), (7, 3)));
            claims.status(2, 2, N[0], &logger(Role::Leader, 4, record(9, 3, "n2:9"), (9, 3)));
        };
        let told =
            "n1 leads epoch 4 and took its log for committed up to LSN 9, a record of epoch 3, with none of its own";
        check(tell, &[("committed-log", 2, told)]);
    }

    #[test]
    fn a_record_is_given_up_only_to_a_later_leader() {
        let given_up = [GivenUp { record: record(7, 2, "n1:7"), in_epoch: 2 }];
        let told = "n2 gave up n1:7 of epoch 2, at LSN 7, in epoch 2";
        check(|claims| claims.given_up(1, N[1], &given_up), &[("committed-log", 1, told)]);
    }

    #[test]
    fn a_gtid_names_one_write() {
        let tell = |claims: &mut Claims| {
            claims.committed(1, N[0], vec![record(7, 1, "n1:7")]);
            claims.committed(2, N[0], vec![record(9, 3, "n1:7")]);
        };
        let told = "n1 told n1:7 at LSN 7 of epoch 1, and n1 tells it at LSN 9 of epoch 3";
        check(tell, &[("gtids", 2, told)]);
        let lost_and_given_anew = |claims: &mut Claims| {
            claims.status(1, 1, N[0], &logger(Role::Leader, 2, record(7, 2, "n1:7"), (6, 2)));
            claims.committed(2, N[1], vec![record(7, 3, "n1:7")]);
        };
        let told = "n1 told n1:7 at LSN 7 of epoch 2, and n2 tells it at LSN 7 of epoch 3";
        check(lost_and_given_anew, &[("gtids", 2, told)]);
    }

    #[test]
    fn rows_are_those_of_the_leader() {
        let mut status = voter(Role::Follower, 4, None);
        status.account.as_mut().unwrap().drifted_ranges = 2;
        let told = "a comparison found that the rows of n2 are not those of its leader, at the same LSN";
        check(|claims| (1..3).for_each(|at| claims.status(at, at, N[1], &status)), &[("rows", 1, told)]);
        let mut claims = Claims::none_yet(true);
        claims.status(1, 1, N[1], &status);
        assert!(claims.judgements().iter().all(|(judgement, _)| judgement.checker != "rows"));
    }

    #[test]
    fn of_many_contradictions_the_first_few_are_told() {
        let tell =
            |claims: &mut Claims| (1..=5).for_each(|at| claims.status(at, at, N[0], &plain(Role::Follower, 9 - at)));
        let told = "n1 went back from epoch 8 to 7; n1 went back from epoch 7 to 6; n1 went back from epoch 6 to 5; and 1 more";
        check(tell, &[("epochs", 2, told)]);
    }
}
