//! A client's requests between two nodes, step by step.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::*;

const HOLD_MS: u64 = 100;
const WRITE: Kind = Kind::Write { numbered: false };

/// A queue, the nodes as its session would find them, and what went out on which lane.
struct Client {
    queue: Queue,
    leader: Option<usize>,
    reader: Target,
    after_own_writes: bool,
    room: Arc<Semaphore>,
}

struct Out {
    leader: Option<usize>,
    reader: Target,
    room: Arc<Semaphore>,
    sent: Vec<String>,
}

impl Outlet for Out {
    fn target(&mut self, kind: Kind) -> Target {
        let lead = |node| Target::Node { node, purpose: Purpose::Lead, lane: Some(node as u64) };
        if kind == Kind::FollowerRead { self.reader } else { self.leader.map_or(Target::Hold, lead) }
    }

    fn send(&mut self, node: usize, _purpose: Purpose, request: Bytes) -> u64 {
        self.sent.push(format!("{}>{node}", String::from_utf8_lossy(&request)));
        node as u64
    }

    fn hold(&mut self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).try_acquire_owned().ok()
    }
}

impl Client {
    /// A node's lane has the number of the node.
    fn new(leader: Option<usize>) -> Self {
        let reader = Target::Node { node: 7, purpose: Purpose::Follow, lane: Some(7) };
        let room = Arc::new(Semaphore::new(10));
        Client { queue: Queue::default(), leader, reader, after_own_writes: false, room }
    }

    fn push(&mut self, kind: Kind, request: &'static str) {
        self.queue.push(kind, Bytes::from_static(request.as_bytes()));
    }

    /// Sends what may be sent: each request with its node.
    fn send(&mut self) -> Vec<String> {
        let mut out = Out { leader: self.leader, reader: self.reader, room: Arc::clone(&self.room), sent: Vec::new() };
        self.queue.dispatch(self.after_own_writes, 0, &mut out);
        out.sent
    }

    fn hear(&mut self, node: u64, reply: &'static str) {
        self.queue.answered(node, Bytes::from_static(reply.as_bytes()), true, 0).unwrap();
    }

    /// The replies whose turn it is, by their first words.
    fn replies(&mut self) -> Vec<String> {
        let word = |reply: Bytes| String::from_utf8_lossy(&reply).split_whitespace().next().unwrap().to_owned();
        std::iter::from_fn(|| self.queue.take_ready()).map(word).collect()
    }
}

#[test]
fn replies_come_in_the_clients_order_wherever_they_come_from() {
    let mut client = Client::new(Some(1));
    client.push(WRITE, "a");
    client.push(Kind::FollowerRead, "b");
    client.push(WRITE, "c");
    assert_eq!(client.send(), ["a>1", "b>7", "c>1"]);
    client.hear(7, ":2\r\n");
    assert_eq!(client.replies(), [""; 0]);
    client.hear(1, ":1\r\n");
    client.hear(1, ":3\r\n");
    assert_eq!(client.replies(), [":1", ":2", ":3"]);
    assert!(client.queue.is_empty());
    assert_eq!((client.queue.request_bytes(), client.queue.ready_bytes(), client.queue.waiting), (0, 0, 0));
}

#[test]
fn what_is_held_goes_out_in_order_when_there_is_a_leader_again() {
    let mut client = Client::new(None);
    client.push(WRITE, "a");
    client.push(WRITE, "b");
    assert_eq!(client.send(), [""; 0]);
    assert_eq!(client.room.available_permits(), 8);
    client.leader = Some(2);
    assert_eq!(client.send(), ["a>2", "b>2"]);
    assert_eq!(client.room.available_permits(), 10);
}

#[test]
fn what_is_held_too_long_was_certainly_not_executed() {
    let mut client = Client::new(None);
    client.push(WRITE, "a");
    client.send();
    client.queue.expire(HOLD_MS - 1, HOLD_MS);
    assert_eq!((client.replies(), client.queue.next_expiry(HOLD_MS)), (vec![], Some(HOLD_MS)));
    client.queue.expire(HOLD_MS, HOLD_MS);
    assert_eq!(client.replies(), ["-NOLEADER"]);
    assert_eq!(client.room.available_permits(), 10);
}

#[test]
fn there_is_only_so_much_room_for_what_is_held() {
    let mut client = Client::new(None);
    client.room = Arc::new(Semaphore::new(1));
    client.push(WRITE, "a");
    client.push(WRITE, "b");
    client.send();
    client.leader = Some(1);
    assert_eq!(client.send(), ["a>1"]);
    client.hear(1, "+OK\r\n");
    assert_eq!(client.replies(), ["+OK", "-BUSY"]);
}

#[test]
fn a_refused_write_goes_to_the_next_leader_in_its_order() {
    let mut client = Client::new(Some(1));
    client.push(WRITE, "a");
    client.push(WRITE, "b");
    client.send();
    client.leader = Some(2);
    client.hear(1, "-REDIRECT 127.0.0.1:2\r\n");
    assert_eq!(client.send(), [""; 0], "b is still with the old leader and could be overtaken");
    client.hear(1, "-NOLEADER no\r\n");
    assert_eq!(client.send(), ["a>2", "b>2"]);
}

#[test]
fn a_refused_write_is_not_repeated_behind_one_that_was_executed() {
    let mut client = Client::new(Some(1));
    client.push(WRITE, "a");
    client.push(WRITE, "b");
    client.send();
    client.hear(1, "-NOLEADER no\r\n");
    client.hear(1, "+OK\r\n");
    assert_eq!(client.replies(), ["-NOLEADER", "+OK"]);
    assert_eq!(client.send(), [""; 0]);
}

#[test]
fn a_write_that_may_have_arrived_is_never_repeated_and_one_that_cannot_have_is() {
    let mut client = Client::new(Some(1));
    for request in ["a", "b", "c"] {
        client.push(WRITE, request);
    }
    client.push(Kind::LeaderRead, "d");
    client.send();
    client.hear(1, "+OK\r\n");
    client.queue.lost(1, 1, "it died", 0);
    client.leader = Some(2);
    assert_eq!(client.send(), ["c>2", "d>2"]);
    assert_eq!(client.replies(), ["+OK", "-UNCERTAIN"]);
}

#[test]
fn a_write_with_a_number_may_be_repeated_but_then_nobody_knows_if_that_fails() {
    let mut client = Client::new(Some(1));
    client.push(Kind::Write { numbered: true }, "a");
    client.send();
    client.leader = None;
    client.queue.lost(1, 1, "it died", 0);
    assert_eq!(client.send(), [""; 0]);
    client.leader = Some(2);
    assert_eq!(client.send(), ["a>2"]);
    client.leader = None;
    client.queue.lost(2, 1, "it died", 0);
    client.send();
    client.queue.expire(HOLD_MS, HOLD_MS);
    assert_eq!(client.replies(), ["-UNCERTAIN"]);
}

#[test]
fn a_read_waits_for_own_writes_if_asked_and_positions_are_taken_off() {
    let mut client = Client::new(Some(1));
    client.after_own_writes = true;
    client.push(WRITE, "a");
    client.push(Kind::FollowerRead, "b");
    assert_eq!(client.send(), ["a>1"]);
    let position = client.queue.answered(1, Bytes::from_static(b"*3\r\n+OK\r\n:4\r\n:9\r\n"), true, 0);
    assert_eq!(position, Some(Answered::Done { kind: WRITE, position: Some((4, 9)) }));
    assert_eq!(client.send(), ["b>7"]);
    assert_eq!(client.replies(), ["+OK"]);
}

#[test]
fn a_read_that_no_follower_may_answer_is_refused_if_asked() {
    let mut client = Client::new(Some(1));
    client.reader = Target::Refuse;
    client.push(Kind::FollowerRead, "a");
    client.push(WRITE, "b");
    assert_eq!(client.send(), ["b>1"]);
    assert_eq!(client.replies(), ["-LAGGING"]);
}
