//! Who must hold a write before its client hears of it: the ways, the time-outs, and what a read may see meanwhile.

use super::*;
use crate::config::Ack;
use crate::terms::Terms;

impl Node {
    /// A leader whose first record both followers have.
    fn settled(flags: &str) -> Self {
        let mut node = Node::leader(settings(flags));
        node.holds(A, 2, 2);
        node.holds(B, 2, 2);
        node
    }

    fn holds(&mut self, follower: Member, held_lsn: Lsn, durable_lsn: Lsn) {
        self.hear(follower, 2, appended(1, held_lsn, durable_lsn));
    }

    fn set_with(&mut self, token: u32, ack: Option<Ack>, ack_timeout_ms: Option<u64>) {
        let terms = Terms { ack, ack_timeout_ms, ..ReadMode::Leader.into() };
        self.core.request(token, set("v"), terms);
        self.settle();
    }

    /// Lets time pass while both followers live but hold no more.
    fn linger(&mut self, ms: u64, held_lsn: Lsn) {
        for _ in 0..ms / 10 {
            self.holds(A, held_lsn, held_lsn);
            self.holds(B, held_lsn, held_lsn);
            self.sleep(10);
        }
    }
}

#[test]
fn a_write_is_acknowledged_when_as_many_hold_it_as_the_mode_says() {
    for (flags, needed) in [
        ("--ack async", 0),
        ("--ack 1", 0),
        ("--ack semi-sync", 1),
        ("--ack 2", 1),
        ("--ack majority", 1),
        ("--ack 3", 2),
        ("--ack all", 2),
    ] {
        let mut node = Node::settled(flags);
        node.set_with(1, None, None);
        for followers in 0..=2 {
            assert_eq!(node.outcomes().len(), usize::from(followers == needed), "{flags} with {followers} followers");
            if let Some(&follower) = [A, B].get(followers) {
                node.holds(follower, 3, 3);
            }
        }
    }
}

#[test]
fn what_a_holder_must_have_done_is_a_choice() {
    for (durability, after_memory, after_own_disk, after_receipt) in [
        ("memory", false, false, true), // of a majority, and one node's memory is none
        ("received", false, false, true),
        ("flushed", false, false, false),
        ("applied", false, false, false),
    ] {
        let mut node = Node::settled(&format!("--ack-durability {durability}"));
        node.set_with(1, None, None);
        let acknowledged = |node: &Node| !node.answers.is_empty();
        assert_eq!((acknowledged(&node), acknowledged(&node)), (after_memory, after_own_disk), "{durability}");
        node.holds(A, 3, 2);
        assert_eq!(acknowledged(&node), after_receipt, "{durability}");
        node.holds(A, 3, 3);
        assert!(acknowledged(&node), "{durability}");
    }
    for (durability, before_own_disk) in [("memory", true), ("received", false), ("flushed", false)] {
        let mut node = Node::settled(&format!("--ack async --ack-durability {durability}"));
        node.disk_is_stuck = true;
        node.set_with(1, None, None);
        assert_eq!(!node.answers.is_empty(), before_own_disk, "{durability}");
    }
}

#[test]
fn each_write_can_ask_for_more_or_less_than_the_node_does() {
    let mut node = Node::settled("");
    node.set_with(1, Some(Ack::All), None);
    node.set_with(2, None, None);
    node.set_with(3, Some(Ack::Async), None);
    let tokens = |node: &mut Node| node.outcomes().into_iter().map(|(token, _)| token).collect::<Vec<_>>();
    assert_eq!(tokens(&mut node), [3]);
    node.holds(A, 5, 5);
    assert_eq!(tokens(&mut node), [2]);
    node.holds(B, 3, 3);
    assert_eq!(tokens(&mut node), [1]);
    node.set_with(4, Some(Ack::Nodes(4)), None);
    assert_eq!(node.outcomes(), [(4, Err(Refusal::TooFewMembers))]);
    assert_eq!(node.core.status().last_lsn, 5, "and was not logged");
}

#[test]
fn a_write_whose_time_is_up_is_told_so_once_and_stays_logged() {
    let mut node = Node::settled("");
    node.set_with(1, None, Some(50));
    node.set_with(2, None, None);
    node.linger(40, 2);
    assert_eq!(node.outcomes(), []);
    node.linger(20, 2);
    assert_eq!(node.outcomes(), [(1, Err(Refusal::NotAcknowledged))]);
    node.holds(A, 4, 4);
    assert_eq!(node.outcomes(), [(2, Ok(Reply::Ok))], "not the first again");
    assert_eq!(node.core.status().commit_lsn, 4, "and it survived after all");
}

#[test]
fn semi_sync_degrades_only_where_it_may_and_recovers() {
    let mut node = Node::settled("--ack semi-sync --semi-sync-timeout-ms 100");
    node.set_with(1, None, None);
    node.linger(500, 2);
    assert_eq!((node.outcomes(), node.core.status().semi_sync.is_degraded), (vec![], false), "it blocks");

    let mut node = Node::settled("--ack semi-sync --semi-sync-timeout-ms 100 --semi-sync-fallback async");
    node.set_with(1, None, None);
    node.linger(90, 2);
    assert_eq!(node.outcomes(), []);
    node.linger(20, 2);
    assert_eq!(node.outcomes(), [(1, Ok(Reply::Ok))]);
    node.set_with(2, None, None);
    assert_eq!(node.outcomes(), [(2, Ok(Reply::Ok))], "nobody is waited for any more");
    assert!(node.core.status().semi_sync.is_degraded);
    node.holds(A, 3, 3);
    assert!(node.core.status().semi_sync.is_degraded, "one that lags is not caught up");
    node.holds(A, 4, 4);
    assert!(!node.core.status().semi_sync.is_degraded);
    node.set_with(3, None, None);
    assert_eq!((node.outcomes(), node.core.status().semi_sync.degradations), (vec![], 1));
}

#[test]
fn what_is_visible_before_it_is_acknowledged_is_a_choice() {
    for (visible, at_once) in [("after-commit", true), ("after-sync", false)] {
        let mut node = Node::settled(&format!("--visible {visible}"));
        node.set_with(1, None, None);
        node.request(2, get(), ReadMode::LeaderLocal);
        let seen = (2, Ok(Reply::String("v".into())));
        assert_eq!(node.outcomes().contains(&seen), at_once, "{visible}");
        node.holds(A, 3, 3);
        assert_eq!(node.outcomes().contains(&seen), !at_once, "{visible}");
    }
}

#[test]
fn redis_wait_counts_followers_and_gives_up_with_the_count() {
    let mut node = Node::settled("--ack async");
    node.set_with(1, None, None);
    node.core.wait(2, 1, 0);
    node.core.wait(3, 2, 50);
    node.settle();
    node.outcomes();
    node.holds(A, 3, 3);
    assert_eq!(node.outcomes(), [(2, Ok(Reply::Integer(1)))]);
    node.linger(60, 2);
    assert_eq!(node.outcomes(), [(3, Ok(Reply::Integer(1)))]);
}

#[test]
fn a_follower_tells_at_once_what_it_has_in_memory_where_that_is_enough() {
    for (flags, answers) in [("", false), ("--ack-durability received", true), ("--ack-durability memory", true)] {
        let mut node = Node::new(settings(flags), HardState::default(), &[]);
        node.hear(A, 1, append(None, &[record(1, 1, A)], 1));
        node.said(A);
        node.disk_is_stuck = true;
        node.hear(A, 1, append(Some((1, 1, A)), &[record(2, 1, A)], 1));
        let is_told = |body: &Body| matches!(body, Body::Appended { held_lsn: 2, durable_lsn: 1, .. });
        assert_eq!(node.said(A).iter().any(is_told), answers, "{flags}");
    }
}
