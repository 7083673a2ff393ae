//! What a leader tells of its followers.

use super::*;

#[test]
fn a_follower_is_told_as_far_as_it_is_heard() {
    let mut node = Node::leader(settings("")); // LSN 2 is its first record
    let follower = |node: &Node| {
        let status = node.core.status();
        let told = status.followers.iter().find(|told| told.member == A).unwrap().clone();
        (told.state, told.sent_lsn, told.write_lsn, told.match_lsn, told.lag_ms)
    };
    assert_eq!(follower(&node), ("startup", 1, 0, 0, 0));
    node.hear(A, 2, appended(1, 1, 1));
    assert_eq!(follower(&node), ("streaming", 2, 1, 1, 0));
    node.hear(A, 2, appended(1, 2, 2));
    node.sleep(10);
    node.request(1, set("1"), ReadMode::Leader);
    node.sleep(20);
    node.request(2, set("2"), ReadMode::Leader);
    node.hear(A, 2, appended(1, 4, 2));
    assert_eq!(follower(&node), ("streaming", 4, 4, 2, 20), "LSN 3 was logged 20 ms ago and is not durable there");
    node.sleep(5);
    node.hear(A, 2, appended(1, 4, 3));
    assert_eq!(follower(&node), ("streaming", 4, 4, 3, 5), "now it is LSN 4 that is not durable there");
    node.hear(A, 2, appended(1, 4, 4));
    assert_eq!(follower(&node), ("streaming", 4, 4, 4, 0));
    node.core.link(A, false);
    assert_eq!(follower(&node).0, "offline");
    assert_eq!(node.core.status().writes, 2, "its first record is nobody's write");
}

#[test]
fn who_is_waited_for_is_told() {
    for (flags, sync_state) in [
        ("--ack async", "async"),
        ("--ack semi-sync", "quorum"),
        ("--ack all", "sync"),
        ("--ack 1", "async"),
        ("", "quorum"),
    ] {
        let node = Node::leader(settings(flags));
        assert_eq!(node.core.status().followers[0].sync_state, sync_state, "{flags}");
    }
}
