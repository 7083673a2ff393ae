//! Planned handovers, move by move.

use super::*;
use crate::core::admin::Admin;
use crate::core::leadership::LeadershipAsk;
use crate::sessions::Numbered;

fn fail_over(node: &mut Node, token: u32, to: Option<&str>, timeout_ms: u64) {
    node.core.admin(token, Admin::Leadership(LeadershipAsk::HandOver { to: to.map(str::to_owned), timeout_ms }));
    node.settle();
}

/// Both followers have everything that the leader has.
fn caught_up(node: &mut Node) {
    let lsn = node.core.status().last_lsn;
    for follower in [A, B] {
        node.hear(follower, 2, appended(1, lsn, lsn));
    }
}

#[test]
fn a_successor_is_told_only_when_it_has_everything_and_nobody_waits_for_an_acknowledgement() {
    let mut node = Node::leader(settings(""));
    node.request(1, set("1"), ReadMode::Leader);
    node.said(B);
    fail_over(&mut node, 9, Some("n3"), 1000);
    assert!(!node.said(B).contains(&Body::TakeOver));
    caught_up(&mut node);
    assert_eq!(node.outcomes(), [(1, Ok(Reply::Ok))]);
    node.sleep(1);
    assert!(node.said(B).contains(&Body::TakeOver));
}

#[test]
fn what_is_asked_meanwhile_waits_and_is_sent_to_the_new_leader() {
    let mut node = Node::leader(settings(""));
    fail_over(&mut node, 9, Some("n3"), 1000);
    node.request(1, set("1"), ReadMode::Leader);
    caught_up(&mut node);
    node.sleep(1);
    let log = LogEnd { epoch: 2, lsn: 2 };
    node.hear(B, 3, Body::Vote { log, handed_over: true });
    assert!(node.said(B).contains(&Body::VoteReply { granted: true }), "the old leader votes for its successor");
    assert_eq!(node.outcomes(), []);
    node.hear(B, 3, append(Some((2, 2, ME)), &[record(3, 3, B)], 1));
    let redirect = Refusal::Redirect(address());
    assert_eq!(node.outcomes(), [(1, Err(redirect)), (9, Ok(Reply::Told("n3 leads epoch 3".into())))]);
}

#[test]
fn a_handover_that_takes_too_long_is_given_up_and_what_waited_is_executed() {
    let mut node = Node::leader(settings("--ack async --fencing none"));
    fail_over(&mut node, 9, Some("n3"), 50);
    node.request(1, set("1"), ReadMode::Leader);
    (0..6).for_each(|_| node.sleep(10));
    let outcomes = node.outcomes();
    let told = |outcome: &(u32, Result<Reply, Refusal>)| matches!(outcome, (9, Ok(Reply::Failure(why))) if why.starts_with("TIMEOUT"));
    assert!(outcomes.iter().any(told), "{outcomes:?}");
    assert!(outcomes.contains(&(1, Ok(Reply::Ok))), "{outcomes:?}");
    assert_eq!(node.core.status().role, "leader");
}

#[test]
fn without_votes_a_leader_that_told_its_successor_leads_no_longer_whatever_comes() {
    let mut node = Node::new(settings("--election manual --ack async --fencing none"), HardState::default(), &[]);
    node.sleep(1);
    assert_eq!(node.core.status().role, "leader", "the lowest id leads a new cluster");
    node.hear(B, 1, appended(1, 1, 1));
    fail_over(&mut node, 9, Some("n3"), 50);
    node.sleep(1);
    assert!(node.said(B).contains(&Body::TakeOver));
    (0..6).for_each(|_| node.sleep(10));
    assert_eq!(node.core.status().role, "follower");
}

/// Its successor may have been elected, and nobody has this one killed.
#[test]
fn nor_does_one_with_stonith() {
    let settings = settings("--fencing stonith --stonith-command true");
    let mut node = Node::new(settings, HardState { epoch: 1, ..HardState::default() }, &[record(1, 1, A)]);
    node.lose_patience();
    node.hear(B, 1, Body::PreVoteReply { proposed: 2, granted: true });
    node.core.stonith_ended(A, true);
    node.settle();
    node.hear(B, 2, Body::VoteReply { granted: true });
    caught_up(&mut node);
    fail_over(&mut node, 9, Some("n3"), 50);
    node.sleep(1);
    assert!(node.said(B).contains(&Body::TakeOver));
    assert_eq!(node.core.status().role, "leader");
    (0..6).for_each(|_| node.sleep(10));
    assert_eq!(node.core.status().role, "follower");
}

#[test]
fn who_cannot_take_over_is_named() {
    let mut node = Node::leader(settings(""));
    node.core.link(B, false);
    for (to, why) in
        [(Some("n3"), "n3 is not connected"), (Some("n9"), "n9 is no member"), (Some("n1"), "leads already")]
    {
        fail_over(&mut node, 9, to, 1000);
        let outcomes = node.outcomes();
        assert!(matches!(&outcomes[..], [(9, Ok(Reply::Failure(told)))] if told.contains(why)), "{outcomes:?}");
    }
}

#[test]
fn only_the_leader_of_this_epoch_can_ask_to_be_succeeded() {
    let mut node = Node::new(settings(""), HardState::default(), &[]);
    node.hear(A, 1, append(None, &[record(1, 1, A)], 1));
    node.hear(B, 1, Body::TakeOver);
    node.hear(A, 0, Body::TakeOver);
    assert_eq!(node.core.status().role, "follower");
    node.hear(A, 1, Body::TakeOver);
    assert_eq!((node.core.status().role, node.core.status().epoch), ("candidate", 2));
    assert!(node.said(B).iter().any(|body| matches!(body, Body::Vote { handed_over: true, .. })));
}

/// Once the successor was told, a record that it lacks would be lost.
#[test]
fn numbered_requests_and_new_sessions_wait_as_the_others_do() {
    let mut node = Node::leader(settings("--ack async"));
    node.core.open_session(1, "c".into());
    node.settle();
    assert_eq!(node.outcomes(), [(1, Ok(Reply::Integer(3)))]);
    fail_over(&mut node, 9, Some("n3"), 1000);
    caught_up(&mut node);
    node.sleep(1);
    assert!(node.said(B).contains(&Body::TakeOver));
    let numbered = Numbered { client: "c".into(), session: 3, number: 1 };
    node.core.request_once(2, set("1"), numbered);
    node.core.open_session(3, "d".into());
    node.settle();
    assert_eq!((node.outcomes(), node.core.status().last_lsn), (vec![], 3));
    node.hear(B, 3, append(Some((3, 2, ME)), &[record(4, 3, B)], 1));
    let redirect = Refusal::Redirect(address());
    assert_eq!(node.outcomes()[..2], [(2, Err(redirect)), (3, Err(redirect))]);
}

/// Found by the simulation: the write that was held for its lag went behind the one that was held for the handover.
#[test]
fn a_throttled_write_stays_before_those_that_came_during_a_handover() {
    let mut node = Node::leader(settings("--ack async --throttle-lag-ms 50"));
    caught_up(&mut node);
    node.request(1, set("1"), ReadMode::Leader);
    for _ in 0..8 {
        node.sleep(10);
        for follower in [A, B] {
            node.hear(follower, 2, appended(1, 2, 2));
        }
    }
    node.request(2, set("2"), ReadMode::Leader);
    fail_over(&mut node, 9, Some("n3"), 50);
    node.request(3, set("3"), ReadMode::Leader);
    node.hear(A, 2, appended(1, 3, 3));
    assert_eq!(node.outcomes(), [(1, Ok(Reply::Ok))]);
    (0..6).for_each(|_| node.sleep(10));
    node.request(4, get(), ReadMode::LeaderLocal);
    let told = node.outcomes();
    assert!(told.contains(&(4, Ok(Reply::String("3".into())))), "{told:?}");
}
