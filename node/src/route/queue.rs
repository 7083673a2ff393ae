//! One client's unanswered requests, in its order: which may be sent now and to whom, and what each reply or loss means for them.
//!
//! Not here: connections (`lane`, `session`). What goes to the leader goes there in the client's order and on one connection at a
//! time, so that no request overtakes another.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use super::reply::{error_text, positioned};

/// Which connection to a node is meant: its options differ with what it is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purpose {
    /// Writes, and reads in a mode of the leader.
    Lead,
    /// Reads in a mode of followers.
    Follow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Write {
        numbered: bool,
    },
    LeaderRead,
    FollowerRead,
    /// Opens a session at the leader; doing that twice leaves one that nobody uses.
    Opening,
    /// Answered by the router or, an option of the connection, by whichever node; it takes part in no order.
    Aside,
}

impl Kind {
    /// Whether it stands in the order of what the leader gets.
    fn leads(self) -> bool {
        matches!(self, Kind::Write { .. } | Kind::LeaderRead | Kind::Opening)
    }
}

#[derive(Debug)]
enum State {
    Waiting,
    Sent { lane: u64 },
    Done(Bytes),
}

#[derive(Debug)]
struct Entry {
    kind: Kind,
    request: Bytes,
    state: State,
    /// When it first could not go on.
    held_ms: Option<u64>,
    /// Its place among what all clients have held.
    permit: Option<OwnedSemaphorePermit>,
    /// It was sent and lost, and is sent again because it carries a number. If that does not work out, nobody knows.
    lost: bool,
}

/// Where a request can go, as the session finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// A node, and the connection to it if there is one.
    Node { node: usize, purpose: Purpose, lane: Option<u64> },
    /// Nobody at the moment.
    Hold,
    /// Nobody, and it is not to wait.
    Refuse,
}

/// The ways out: what the session offers its queue.
pub(super) trait Outlet {
    /// Where a request of this kind can go now.
    fn target(&mut self, kind: Kind) -> Target;
    /// Sends a request to a node; returns the lane it went out on.
    fn send(&mut self, node: usize, purpose: Purpose, request: Bytes) -> u64;
    /// A place among all that is held, if there is one.
    fn hold(&mut self) -> Option<OwnedSemaphorePermit>;
}

/// The requests.
#[derive(Debug, Default)]
pub(super) struct Queue {
    entries: VecDeque<Entry>,
    /// The sequence of the first entry; they are numbered without gaps.
    first: u64,
    /// What each lane has not answered, in the order of sending.
    lanes: BTreeMap<u64, VecDeque<u64>>,
    bytes: usize,
    ready_bytes: usize,
    waiting: usize,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of unanswered requests.
    pub(super) fn request_bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of replies that wait for their turn.
    pub(super) fn ready_bytes(&self) -> usize {
        self.ready_bytes
    }

    /// How many requests a lane has not answered.
    pub(super) fn unanswered(&self, lane: u64) -> usize {
        self.lanes.get(&lane).map_or(0, VecDeque::len)
    }

    /// Adds a request.
    pub(super) fn push(&mut self, kind: Kind, request: Bytes) {
        self.bytes += request.len();
        self.waiting += 1;
        let state = State::Waiting;
        self.entries.push_back(Entry { kind, request, state, held_ms: None, permit: None, lost: false });
    }

    /// Adds a request that is answered already.
    pub(super) fn push_answered(&mut self, reply: Bytes) {
        self.push(Kind::Aside, Bytes::new());
        self.finish(self.entries.len() - 1, reply);
    }

    /// Takes the reply that is next in the client's order, if it is here.
    pub(super) fn take_ready(&mut self) -> Option<Bytes> {
        let State::Done(_) = self.entries.front()?.state else { return None };
        let Some(Entry { state: State::Done(reply), request, .. }) = self.entries.pop_front() else { return None };
        self.first += 1;
        self.bytes -= request.len();
        self.ready_bytes -= reply.len();
        Some(reply)
    }

    /// Sends what may be sent, and holds what must wait. With `after_own_writes` a read also waits for the client's earlier writes.
    pub(super) fn dispatch(&mut self, after_own_writes: bool, now_ms: u64, outlet: &mut impl Outlet) {
        if self.waiting == 0 {
            return;
        }
        let under_way = |entry: &Entry| entry.kind.leads() && matches!(entry.state, State::Sent { .. });
        // What waits before this was refused, and waits on until it is known that nothing behind it was executed.
        let last_under_way = self.entries.iter().rposition(under_way);
        let (mut stream, mut blocked, mut own_writes) = (None, false, false);
        for index in 0..self.entries.len() {
            let Entry { kind, state, .. } = &self.entries[index];
            let kind = *kind;
            match state {
                State::Done(_) => continue,
                State::Sent { lane } if kind.leads() => stream = Some(*lane),
                State::Sent { .. } => {}
                State::Waiting => {
                    let overtakes = kind.leads() && (blocked || last_under_way.is_some_and(|last| index < last));
                    let behind_own = kind == Kind::FollowerRead && after_own_writes && own_writes;
                    let target = if overtakes || behind_own { Target::Hold } else { outlet.target(kind) };
                    match target {
                        // On another connection it could overtake what is under way.
                        Target::Node { lane, .. } if kind.leads() && stream.is_some() && stream != lane => {
                            blocked = true;
                        }
                        Target::Node { node, purpose, .. } => {
                            let lane = self.send(index, |request| outlet.send(node, purpose, request));
                            stream = if kind.leads() { Some(lane) } else { stream };
                        }
                        Target::Refuse => {
                            let text =
                                "LAGGING no follower is within the bounds on lag (--max-lag-ms, --max-lag-records)";
                            self.finish(index, error(text));
                        }
                        Target::Hold => {
                            blocked |= kind.leads();
                            self.hold(index, now_ms, || outlet.hold());
                        }
                    }
                }
            }
            own_writes |= matches!(kind, Kind::Write { .. }) && !matches!(self.entries[index].state, State::Done(_));
        }
    }

    fn send(&mut self, index: usize, out: impl FnOnce(Bytes) -> u64) -> u64 {
        let entry = &mut self.entries[index];
        let lane = out(entry.request.clone());
        entry.state = State::Sent { lane };
        entry.permit = None;
        self.waiting -= 1;
        self.lanes.entry(lane).or_default().push_back(self.first + index as u64);
        lane
    }

    /// Lets a request wait, if there is room.
    fn hold(&mut self, index: usize, now_ms: u64, room: impl FnOnce() -> Option<OwnedSemaphorePermit>) {
        let entry = &mut self.entries[index];
        entry.held_ms.get_or_insert(now_ms);
        if entry.permit.is_none() {
            entry.permit = room();
            if entry.permit.is_none() {
                self.give_up(index, "BUSY", "too many operations are held (--hold-queue)");
            }
        }
    }

    /// A lane has a reply. `unwrap` takes the position off it that the client did not ask for. Returns what it was a reply to and
    /// the position, or the refusal for which the request will be sent again.
    pub(super) fn answered(&mut self, lane: u64, reply: Bytes, unwrap: bool, now_ms: u64) -> Option<Answered> {
        let sequence = self.lanes.get_mut(&lane)?.pop_front()?;
        let index = (sequence - self.first) as usize;
        let kind = self.entries[index].kind;
        let word = error_text(&reply).map(|text| text.split_once(' ').unwrap_or((text, "")));
        if let Some(("REDIRECT" | "NOLEADER", rest)) = word {
            let rest = rest.to_owned();
            self.wait_again(index, now_ms);
            return Some(Answered::Refused { redirect: rest });
        }
        if kind.leads() && !matches!(word, Some(("BUSY" | "ERR" | "WRONGTYPE", _))) {
            self.overtaken(index);
        }
        let position = positioned(&reply).map(|(bare, epoch, lsn)| (bare, (epoch, lsn)));
        let (reply, position) = match position {
            Some((bare, position)) => (if unwrap { bare } else { reply }, Some(position)),
            None => (reply, None),
        };
        self.finish(index, reply);
        Some(Answered::Done { kind, position })
    }

    /// A lane has ended after so many of its requests were written in all; `answered` counts its replies. What was not written goes
    /// on waiting, what was written and can be repeated too; of other writes nobody knows.
    pub(super) fn lost(&mut self, lane: u64, unanswered_written: u64, why: &str, now_ms: u64) {
        for (place, sequence) in self.lanes.remove(&lane).unwrap_or_default().into_iter().enumerate() {
            let index = (sequence - self.first) as usize;
            let written = (place as u64) < unanswered_written;
            match self.entries[index].kind {
                Kind::Write { numbered: false } if written => {
                    let text = format!(
                        "UNCERTAIN the write was sent, then its connection was lost ({why}); it may or may not survive"
                    );
                    self.finish(index, error(&text));
                }
                Kind::Write { numbered: true } if written => {
                    self.entries[index].lost = true;
                    self.wait_again(index, now_ms);
                }
                _ => self.wait_again(index, now_ms),
            }
        }
    }

    /// Refuses what has been held for too long.
    pub(super) fn expire(&mut self, now_ms: u64, hold_ms: u64) {
        for index in 0..self.entries.len() {
            let entry = &self.entries[index];
            let since_ms = entry.held_ms.filter(|_| matches!(entry.state, State::Waiting));
            if since_ms.is_some_and(|since_ms| now_ms >= since_ms + hold_ms) {
                self.give_up(index, "NOLEADER", &format!("no node could take it within {hold_ms} ms (--hold-ms)"));
            }
        }
    }

    /// When the first of what is held is to be refused.
    pub(super) fn next_expiry(&self, hold_ms: u64) -> Option<u64> {
        let held = self.entries.iter().filter(|entry| matches!(entry.state, State::Waiting));
        held.filter_map(|entry| entry.held_ms).min().map(|since_ms| since_ms + hold_ms)
    }

    /// Something behind these was executed, so they must not be executed any more: the client would see its requests reordered.
    fn overtaken(&mut self, index: usize) {
        for earlier in 0..index {
            let entry = &self.entries[earlier];
            if entry.kind.leads() && matches!(entry.state, State::Waiting) {
                self.give_up(
                    earlier,
                    "NOLEADER",
                    "its node refused it but executed a later request of this connection",
                );
            }
        }
    }

    fn wait_again(&mut self, index: usize, now_ms: u64) {
        let entry = &mut self.entries[index];
        entry.state = State::Waiting;
        entry.held_ms.get_or_insert(now_ms);
        self.waiting += 1;
    }

    fn give_up(&mut self, index: usize, word: &str, why: &str) {
        let text = if self.entries[index].lost {
            format!("UNCERTAIN it was sent and lost before, and then {why}; it may or may not have been executed")
        } else {
            format!("{word} {why}; certainly not executed")
        };
        self.finish(index, error(&text));
    }

    fn finish(&mut self, index: usize, reply: Bytes) {
        self.ready_bytes += reply.len();
        let entry = &mut self.entries[index];
        if matches!(entry.state, State::Waiting) {
            self.waiting -= 1;
        }
        entry.permit = None;
        entry.state = State::Done(reply);
    }
}

/// What a reply came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// The client's answer, and where the node says it stands.
    Done { kind: Kind, position: Option<(u64, u64)> },
    /// The node certainly did not execute it, and may have said who would.
    Refused { redirect: String },
}

/// An error reply.
pub(super) fn error(text: &str) -> Bytes {
    format!("-{}\r\n", text.replace(['\r', '\n'], " ")).into()
}

#[cfg(test)]
mod tests;
