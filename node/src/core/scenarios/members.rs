//! Changing the members: one at a time, by leaders that may, and undone with the log.

use super::*;
use crate::core::members::MemberAsk;
use crate::defect::Defect;

const NEW: Member = Member(3);

impl Node {
    fn ask_member(&mut self, token: u32, ask: &MemberAsk) {
        self.core.ask_member(token, ask);
        self.settle();
    }

    fn confirms(&mut self, from: Member, lsn: Lsn) {
        self.hear(from, 2, appended(1, lsn, lsn));
    }

    fn failure(&mut self) -> String {
        match &self.outcomes()[..] {
            [(_, Ok(Reply::Failure(text)))] => text.clone(),
            other => panic!("a failure was expected, not {other:?}"),
        }
    }
}

fn add() -> MemberAsk {
    MemberAsk::Add { id: "n4".to_owned(), address: address() }
}

fn promote() -> MemberAsk {
    MemberAsk::Promote { id: "n4".to_owned() }
}

#[test]
fn a_leader_changes_members_only_after_it_committed_a_record_of_its_own_and_one_at_a_time() {
    super::defects::check(Defect::ChangeMembersEarly, changes_members_one_at_a_time);
}

fn changes_members_one_at_a_time(settings: Settings) {
    let mut node = Node::leader(settings);
    node.ask_member(1, &add());
    assert!(node.failure().contains("nothing of its own epoch"));
    node.confirms(A, 2);
    node.ask_member(2, &add());
    assert_eq!(node.outcomes(), []);
    node.ask_member(3, &MemberAsk::Remove { id: "n3".to_owned() });
    assert!(node.failure().contains("another change"));
    node.confirms(A, 3);
    assert_eq!(node.outcomes(), [(2, Ok(Reply::Ok))]);
}

#[test]
fn a_learner_gets_the_log_and_counts_only_when_it_was_promoted() {
    let mut node = Node::leader(settings(""));
    node.confirms(A, 2);
    node.ask_member(1, &add());
    node.confirms(A, 3);
    node.core.link(NEW, true);
    node.settle();
    assert!(matches!(node.said(NEW)[..], [Body::Append(_)]), "the learner is sent the log");
    node.request(2, set("1"), ReadMode::Leader);
    node.confirms(NEW, 4);
    assert_eq!(node.outcomes(), [(1, Ok(Reply::Ok))], "the learner and the leader are no majority");
    node.confirms(A, 4);
    node.ask_member(3, &promote());
    node.confirms(A, 5);
    assert_eq!(node.outcomes(), [(2, Ok(Reply::Ok))], "from when it is logged, three of four are needed");
    node.confirms(NEW, 5);
    assert_eq!(node.outcomes(), [(3, Ok(Reply::Ok))]);
}

#[test]
fn a_rewound_change_never_was() {
    let mut node = Node::leader(settings(""));
    node.confirms(A, 2);
    let before = node.core.members().clone();
    node.ask_member(1, &add());
    assert_eq!(node.core.members().standing(NEW), crate::membership::Standing::Learner);
    node.hear(B, 3, append(Some((2, 2, ME)), &[record(3, 3, B)], 1));
    assert_eq!((node.outcomes(), node.core.members()), (vec![(1, Err(Refusal::Uncertain))], &before));
}

/// The leader n1, its founders n2 and n3, and the learner n4. The states of the others tell whether each was heard lately, and lost its log.
fn asked(states: [&str; 3], ask: &MemberAsk) -> Result<(), String> {
    let mut node = Node::leader(settings(""));
    node.confirms(A, 2);
    node.ask_member(1, &add());
    node.confirms(A, 3);
    node.outcomes();
    (0..10).for_each(|_| node.sleep(10));
    for (member, state) in [A, B, NEW].into_iter().zip(states) {
        let (life, says): (u64, &[bool]) = match state {
            "heard" => (0, &[false]),
            "rebuilding" => (1, &[true]),
            "rebuilt" => (1, &[true, false, true]), // the last was on its way for long
            _ => (0, &[]),
        };
        for &rebuilding in says {
            node.core.receive(member, Message { life, rebuilding, ..Message::new(2, appended(1, 3, 3)) });
        }
    }
    (0..6).for_each(|_| node.sleep(10)); // so that n2, if it is silent, is so for an election timeout
    node.core.ask_member(2, ask);
    node.settle();
    for member in [A, B, NEW] {
        let life = node.core.lives.get(&member).map_or(0, |known| known.life);
        node.core.receive(member, Message { life, ..Message::new(2, appended(1, 4, 4)) });
    }
    node.settle();
    match &node.outcomes()[..] {
        [(2, Ok(Reply::Ok))] => Ok(()),
        [(2, Ok(Reply::Failure(text)))] => Err(text.clone()),
        other => panic!("one answer was expected, not {other:?}"),
    }
}

#[test]
fn a_change_whose_majority_would_have_to_count_on_missing_voters_is_refused() {
    let remove = |id: &str| MemberAsk::Remove { id: id.to_owned() };
    for (states, ask, missing) in [
        (["heard", "heard", "heard"], remove("n3"), None),
        (["heard", "silent", "heard"], remove("n3"), None),
        (["heard", "rebuilding", "heard"], remove("n3"), None),
        (["heard", "silent", "heard"], remove("n2"), Some("n3 was not heard by this leader yet")),
        (["silent", "heard", "heard"], remove("n3"), Some("n2 was not heard for 160 ms")),
        (["rebuilding", "heard", "heard"], remove("n3"), Some("n2 is being rebuilt")),
        (["rebuilt", "heard", "heard"], remove("n3"), None),
        (["rebuilding", "heard", "heard"], remove("n4"), None),
        (["heard", "silent", "heard"], promote(), None),
        (["silent", "heard", "rebuilding"], promote(), Some("n2 was not heard for 160 ms, n4 is being rebuilt")),
        (["heard", "rebuilding", "heard"], promote(), None),
    ] {
        let told = asked(states, &ask);
        match missing {
            None => assert_eq!(told, Ok(()), "{states:?} {ask:?}"),
            Some(missing) => {
                assert!(told.as_ref().is_err_and(|told| told.contains(missing)), "{states:?} {ask:?}: {told:?}");
            }
        }
    }
}

#[test]
fn a_refused_change_says_who_is_missing_and_the_way_out() {
    let told = asked(["rebuilding", "heard", "heard"], &MemberAsk::Remove { id: "n3".to_owned() });
    let expected = "ERR 2 of the 2 voters then would be a majority, and only 1 can be counted on: n2 is being rebuilt; start who is down, \
                    wait until who is rebuilt votes again, or MEMBER REMOVE one of these";
    assert_eq!(told, Err(expected.to_owned()));
}

#[test]
fn a_removed_node_does_not_campaign() {
    let mut node = Node::leader(settings(""));
    node.confirms(A, 2);
    let mut after = node.core.members().remove("n1").unwrap();
    after.changed_lsn = 3;
    let before = Box::new(node.core.members().clone());
    let removal = Record { change: Change::Members { before, after: Box::new(after) }, ..record(3, 3, B) };
    node.hear(B, 3, append(Some((2, 2, ME)), &[removal], 1));
    node.said(A);
    (0..100).for_each(|_| node.sleep(10));
    assert_eq!((node.core.status().role, node.said(A)), ("follower", vec![]));
}

/// The index that an undone addition gave it is another's: whose vote it would cast, and in whose name it would write.
#[test]
fn who_joined_by_an_addition_that_was_undone_is_whom_the_log_says() {
    let founded = settings("").members;
    let joining = Settings { id: "n5".to_owned(), members: Membership::default(), ..settings("") };
    let mut node = Node::new(joining, HardState::default(), &[]);
    let at = |lsn, members: Result<Membership, String>| {
        let mut members = members.unwrap();
        members.changed_lsn = lsn;
        members
    };
    node.core.introduce(at(9, founded.add("n5", address())));
    assert_eq!(node.core.settings.me(), NEW);
    let added = at(1, founded.add("n4", address()));
    let promoted = at(2, added.promote("n4"));
    let added_again = at(3, promoted.add("n5", address()));
    let change = |before: &Membership, after: &Membership| {
        let change = Change::Members { before: Box::new(before.clone()), after: Box::new(after.clone()) };
        Record { change, ..record(after.changed_lsn, 1, A) }
    };
    node.hear(A, 1, append(None, &[change(&founded, &added), change(&added, &promoted)], 1));
    assert_eq!(
        (node.core.settings.me(), node.core.may_lead()),
        (Member::NOBODY, false),
        "n4 has that index, and votes"
    );
    node.hear(A, 1, append(Some((2, 1, A)), &[change(&promoted, &added_again)], 2));
    assert_eq!(node.core.settings.me(), Member(4));
}

#[test]
fn a_node_with_a_new_directory_does_not_give_its_old_writes_names_to_new_ones() {
    let mut node = Node::new(settings(""), HardState { epoch: 1, ..HardState::default() }, &[]);
    let stamp = Stamp { gtid: Gtid { origin: ME, sequence: 1 << 40 }, ..record(1, 1, ME).stamp };
    node.hear(A, 1, append(None, &[Record { stamp, ..record(1, 1, ME) }], 1));
    node.lose_patience();
    node.hear(A, 1, Body::PreVoteReply { proposed: 2, granted: true });
    node.hear(A, 2, Body::VoteReply { granted: true });
    assert_eq!(node.core.status().role, "leader");
    let first = Record::decode(node.core.journal.after(1).next().unwrap()).unwrap();
    assert!(first.stamp.gtid.sequence > 1 << 40, "{:?}", first.stamp.gtid);
}
