//! Writes that are held while replication lags, move by move.

use super::*;
use crate::core::throttle::ThrottleStatus;
use crate::sessions::Numbered;

/// A leader whose first record both followers have.
fn leader(flags: &str) -> Node {
    let mut node = Node::leader(settings(flags));
    has(&mut node, A, 2);
    has(&mut node, B, 2);
    node
}

fn has(node: &mut Node, follower: Member, lsn: Lsn) {
    node.hear(follower, 2, appended(1, lsn, lsn));
}

/// Keeps the leader in office although no record arrives.
fn let_lag(node: &mut Node, ms: u64) {
    for _ in 0..ms / 10 {
        node.sleep(10);
        has(node, A, 2);
        has(node, B, 2);
    }
}

fn told(node: &Node) -> (Option<u64>, usize) {
    let ThrottleStatus { throttled_ms, held } = node.core.status().throttle;
    (throttled_ms, held)
}

#[test]
fn writes_wait_while_a_majority_lags_and_are_executed_in_their_order_when_it_has_caught_up() {
    let mut node = leader("--ack async --throttle-lag-ms 50");
    node.request(1, set("1"), ReadMode::Leader);
    let_lag(&mut node, 50);
    assert_eq!(told(&node), (None, 0), "the limit itself is no excess");
    let_lag(&mut node, 30);
    assert_eq!(told(&node), (Some(20), 0));
    assert_eq!(node.outcomes(), [(1, Ok(Reply::Ok))]);
    node.request(2, set("2"), ReadMode::Leader);
    node.request(3, set("3"), ReadMode::Leader);
    assert_eq!((told(&node), node.core.status().last_lsn, node.outcomes()), ((Some(20), 2), 3, vec![]));
    node.request(4, get(), ReadMode::LeaderLocal);
    assert_eq!(node.outcomes(), [(4, Ok(Reply::String("1".into())))], "reads are not held");
    has(&mut node, B, 3); // with the leader a majority, whatever A does
    assert_eq!(node.outcomes(), [(2, Ok(Reply::Ok)), (3, Ok(Reply::Ok))]);
    node.request(5, get(), ReadMode::LeaderLocal);
    assert_eq!(node.outcomes(), [(5, Ok(Reply::String("3".into())))], "the later write was executed later");
    assert_eq!(told(&node), (None, 0));
}

#[test]
fn a_dead_follower_holds_nobody_up() {
    let mut node = leader("--ack async --throttle-lag-ms 50");
    node.core.link(A, false);
    for token in 1..20 {
        node.request(token, set("1"), ReadMode::Leader);
        node.sleep(10);
        let last_lsn = node.core.status().last_lsn;
        has(&mut node, B, last_lsn);
        assert_eq!(node.outcomes(), [(token, Ok(Reply::Ok))]);
    }
}

#[test]
fn a_numbered_write_is_held_too_and_its_retry_with_it() {
    let mut node = leader("--ack async --throttle-lag-ms 50");
    node.core.open_session(1, "c".into());
    node.settle();
    let_lag(&mut node, 80);
    assert_eq!(node.outcomes(), [(1, Ok(Reply::Integer(3)))]);
    for token in [2, 3] {
        let numbered = Numbered { client: "c".into(), session: 3, number: 1 };
        node.core.request_once(token, Operation::Increment { key: "n".into() }, numbered);
        node.settle();
    }
    assert_eq!((told(&node).1, node.outcomes()), (2, vec![]));
    has(&mut node, A, 3);
    assert_eq!(node.outcomes(), [(2, Ok(Reply::Integer(1))), (3, Ok(Reply::Integer(1)))]);
}

#[test]
fn what_is_held_when_the_leader_is_deposed_was_certainly_not_executed() {
    let mut node = leader("--ack async --throttle-lag-ms 50");
    node.request(1, set("1"), ReadMode::Leader);
    let_lag(&mut node, 80);
    node.request(2, set("2"), ReadMode::Leader);
    node.outcomes();
    node.hear(B, 3, append(Some((2, 2, ME)), &[record(3, 3, B)], 1));
    assert_eq!(node.outcomes(), [(2, Err(Refusal::Redirect(address())))]);
    assert_eq!(told(&node), (None, 0));
}

#[test]
fn the_queue_is_bounded_and_whoever_finds_it_full_is_told_so() {
    let mut node = leader("--ack async --throttle-lag-ms 50");
    node.request(1, set("1"), ReadMode::Leader);
    let_lag(&mut node, 80);
    node.outcomes();
    (0..4096).for_each(|_| node.core.request(2, set("2"), ReadMode::Leader));
    node.request(3, set("3"), ReadMode::Leader);
    assert_eq!((told(&node).1, node.outcomes()), (4096, vec![(3, Err(Refusal::Busy))]));
}

#[test]
fn without_a_limit_nothing_is_held() {
    let mut node = leader("--ack async");
    node.request(1, set("1"), ReadMode::Leader);
    let_lag(&mut node, 10_000);
    node.request(2, set("2"), ReadMode::Leader);
    assert_eq!(node.outcomes(), [(1, Ok(Reply::Ok)), (2, Ok(Reply::Ok))]);
}
