//! Promotion by hand, and what forbids a promotion.

use super::*;
use crate::core::admin::Admin;
use crate::core::leadership::LeadershipAsk;

fn administer(node: &mut Node, ask: LeadershipAsk) -> Result<String, String> {
    node.core.admin(9, Admin::Leadership(ask));
    node.settle();
    match node.outcomes().pop() {
        Some((9, Ok(Reply::Told(told)))) => Ok(told),
        Some((9, Ok(Reply::Failure(why)))) => Err(why),
        other => panic!("an administrator is told something, not {other:?}"),
    }
}

/// A follower of A, whose log reached LSN 9 when it was last heard.
fn follower(flags: &str) -> Node {
    let mut node = Node::new(settings(flags), HardState::default(), &[]);
    let Body::Append(mut heard) = append(None, &[record(1, 1, A)], 1) else { unreachable!() };
    heard.last_lsn = 9;
    node.hear(A, 1, Body::Append(heard));
    node
}

fn wait_in_vain(node: &mut Node) {
    (0..100).for_each(|_| node.sleep(10));
}

#[test]
fn where_people_or_supervisors_promote_nobody_promotes_itself() {
    for flags in ["--election manual", "--election supervisor"] {
        let mut node = follower(flags);
        wait_in_vain(&mut node);
        assert_eq!((node.core.status().role, node.core.status().epoch), ("follower", 1), "{flags}");
        assert_eq!(administer(&mut node, LeadershipAsk::Promote { force: false }), Ok("leads epoch 2".into()));
        assert_eq!(node.core.status().role, "leader");
    }
}

#[test]
fn a_leader_that_is_alive_is_replaced_only_by_force() {
    let mut node = follower("--election manual");
    let refused = administer(&mut node, LeadershipAsk::Promote { force: false }).unwrap_err();
    assert!(refused.contains("n2 leads and was heard 0 ms ago"), "{refused}");
    assert_eq!(administer(&mut node, LeadershipAsk::Promote { force: true }), Ok("leads epoch 2".into()));
}

#[test]
fn elected_leaders_are_not_made_by_hand() {
    let mut node = follower("");
    assert!(administer(&mut node, LeadershipAsk::Promote { force: true }).unwrap_err().contains("FAILOVER TO"));
}

#[test]
fn a_fenced_leader_leads_no_longer_even_without_fencing() {
    let mut node = Node::leader(settings("--fencing none"));
    assert!(administer(&mut node, LeadershipAsk::Fence { epoch: 5_000_000 }).unwrap_err().contains("far ahead"));
    assert_eq!(administer(&mut node, LeadershipAsk::Fence { epoch: 7 }), Ok("fenced below epoch 7".into()));
    assert_eq!((node.core.status().role, node.hard.epoch), ("follower", 7));
    node.hear(B, 3, append(None, &[], 1));
    assert_eq!(node.core.status().leader, None, "epoch 3 is over");
}

#[test]
fn who_is_too_far_behind_the_last_leader_is_promoted_only_by_force() {
    for (flags, was_promoted) in [("--max-lag-on-failover 7", false), ("--max-lag-on-failover 8", true)] {
        let mut node = follower(&format!("--election timeout {flags}"));
        wait_in_vain(&mut node);
        assert_eq!(node.core.status().epoch > 1, was_promoted, "{flags}: it has 1 of 9 records");
    }
    let mut node = follower("--election manual --max-lag-on-failover 7");
    wait_in_vain(&mut node);
    assert!(administer(&mut node, LeadershipAsk::Promote { force: false }).unwrap_err().contains("8 records behind"));
    assert_eq!(administer(&mut node, LeadershipAsk::Promote { force: true }), Ok("leads epoch 2".into()));
}

#[test]
fn nobody_is_promoted_before_the_old_leader_is_known_dead() {
    let flags = "--election timeout --fencing stonith --stonith-command true";
    let mut node = follower(flags);
    wait_in_vain(&mut node);
    assert_eq!((node.core.status().role, &node.condemned[..]), ("follower", &[A][..]));
    node.core.stonith_ended(A, false);
    node.settle();
    assert_eq!(node.core.status().role, "follower", "a command that failed proves nothing");
    wait_in_vain(&mut node);
    assert_eq!(node.condemned, [A, A], "it is tried again");
    node.core.stonith_ended(A, true);
    node.settle();
    assert_eq!(node.core.status().role, "leader");
}

#[test]
fn an_old_leader_that_speaks_again_is_not_dead() {
    let mut node = follower("--election timeout --fencing stonith --stonith-command true");
    wait_in_vain(&mut node);
    node.hear(A, 1, append(Some((1, 1, A)), &[], 2));
    node.core.stonith_ended(A, true);
    node.settle();
    assert_eq!(node.core.status().role, "follower");
}

#[test]
fn a_candidate_asks_for_the_old_leaders_death_before_it_takes_an_epoch() {
    let mut node = follower("--fencing stonith --stonith-command true");
    node.lose_patience();
    node.hear(B, 1, Body::PreVoteReply { proposed: 2, granted: true });
    assert_eq!((node.core.status().epoch, &node.condemned[..]), (1, &[A][..]));
    node.core.stonith_ended(A, true);
    node.settle();
    assert_eq!(node.core.status().epoch, 2);
    node.hear(B, 2, Body::VoteReply { granted: true });
    assert_eq!(node.core.status().role, "leader");
}

/// Nobody has led, so nobody has to die, however late the others start.
#[test]
fn the_first_candidate_of_a_new_cluster_has_nobody_killed() {
    let mut node = Node::new(settings("--fencing stonith --stonith-command true"), HardState::default(), &[]);
    node.lose_patience();
    node.hear(A, 0, Body::PreVoteReply { proposed: 1, granted: true });
    assert_eq!((node.core.status().epoch, &node.condemned[..]), (1, &[][..]));
}

/// It knows who led before it was cut off, but not who has since: of those who do not answer, anybody may.
#[test]
fn a_candidate_that_missed_who_led_has_everybody_killed_who_does_not_vote_for_it() {
    let mut node = follower("--fencing stonith --stonith-command true");
    node.hear(B, 4, Body::Fenced { leader: None });
    node.lose_patience();
    node.hear(A, 4, Body::PreVoteReply { proposed: 5, granted: true });
    assert_eq!((node.core.status().epoch, &node.condemned[..]), (4, &[B][..]));
    node.core.stonith_ended(B, true);
    node.settle();
    assert_eq!((node.core.status().epoch, &node.condemned[..]), (5, &[B][..]));
}

/// Otherwise it could win the candidate's own epoch after that: the candidate would have everybody killed but this one.
#[test]
fn who_told_a_candidate_that_it_does_not_lead_does_not_come_to_lead_in_the_epochs_that_this_one_is_past() {
    let mut node = follower("--fencing stonith --stonith-command true");
    node.outlive_pledge();
    let log = LogEnd { epoch: 1, lsn: 1 };
    node.hear(A, 3, Body::PreVote { log });
    assert_eq!(node.said(A), [Body::PreVoteReply { proposed: 4, granted: true }]);
    let mut restarted = Node::new(settings("--fencing stonith --stonith-command true"), node.hard, &[record(1, 1, A)]);
    restarted.outlive_pledge();
    restarted.hear(B, 3, Body::Vote { log, handed_over: false });
    assert_eq!(restarted.said(B), [Body::VoteReply { granted: false }], "who was killed wins that epoch neither");
    restarted.lose_patience();
    restarted.hear(B, 3, Body::PreVoteReply { proposed: 4, granted: true });
    assert_eq!(restarted.core.status().epoch, 3, "first A has to die");
    restarted.core.stonith_ended(A, true);
    restarted.settle();
    assert_eq!(restarted.core.status().epoch, 4);
}

/// Without that it would lead in its corner beside who had it killed.
#[test]
fn a_node_that_was_killed_promotes_itself_only_after_it_has_heard_a_majority_and_had_the_others_killed() {
    let settings = settings("--election timeout --fencing stonith --stonith-command true");
    let mut node = Node::new(settings, HardState { epoch: 4, ..HardState::default() }, &[record(1, 4, ME)]);
    wait_in_vain(&mut node);
    assert_eq!((node.core.status().role, &node.condemned[..]), ("follower", &[][..]), "it has heard nobody");
    node.hear(B, 4, Body::Pong);
    wait_in_vain(&mut node);
    assert_eq!((node.core.status().role, &node.condemned[..]), ("follower", &[A][..]), "B answered, A may lead");
    node.core.stonith_ended(A, true);
    node.settle();
    assert_eq!(node.core.status().role, "leader");
}

/// As a `PostgreSQL` primary that nobody told that it was replaced; with fencing, somebody has to say so.
#[test]
fn a_leader_that_comes_back_leads_again_only_where_nothing_fences() {
    for (flags, role) in [("--fencing none", "leader"), ("--fencing epoch", "follower")] {
        let settings = settings(&format!("--election manual {flags}"));
        let mut node = Node::new(settings, HardState { epoch: 4, ..HardState::default() }, &[record(1, 4, ME)]);
        node.sleep(1);
        assert_eq!(node.core.status().role, role, "{flags}");
    }
}
