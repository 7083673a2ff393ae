//! The links to the other members: each node dials every other one and sends its messages over that connection; what
//! the other says comes over the connection that it dialed. So a connection carries messages one way.
//!
//! Not here: what the messages mean (`core`). Losing some is allowed, blocking the node or growing without bound is not.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::config::{Config, Election, LogKind, Peer};
use crate::core::message::Message;
use crate::membership::{Entry, Listed, Membership, Standing};
use crate::record::Member;
use outgoing::Queue;
use wire::Hello;

mod incoming;
mod outgoing;
pub(crate) mod wire;

/// How long the link to a removed member stays, so that it can be told.
const FAREWELL: Duration = Duration::from_secs(1);
/// Most events that wait for the core; beyond that the peers' connections are not read.
const EVENTS: usize = 256;

/// What the links tell.
#[derive(Debug)]
pub(crate) enum PeerEvent {
    Message(Member, Message),
    /// To a node that waits to join: these are the members, and it is one of them.
    Introduced(Membership),
    /// A connection in one direction works, or works no longer.
    Link {
        peer: Member,
        direction: Direction,
        up: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Outgoing,
    Incoming,
}

/// Who this node is and whom it knows, for hellos and for the links that follow the members.
#[derive(Debug)]
struct Identity {
    id: String,
    election: Election,
    log: LogKind,
    /// Where members are reached, whatever address they were added with.
    peers: Vec<Peer>,
    /// The newest list of members that this node or anybody who dialed it has.
    listed: Mutex<Listed>,
    /// Who is removed for good. Until a removal is known to be committed, a later leader may take it back, and that leader may be
    /// the one who was to be removed.
    gone: Mutex<BTreeSet<String>>,
}

impl Identity {
    fn listed(&self) -> MutexGuard<'_, Listed> {
        self.listed.lock().expect("nothing panics while it holds this lock")
    }

    fn gone(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.gone.lock().expect("nothing panics while it holds this lock")
    }

    fn hello(&self, to: &str) -> Hello {
        Hello::new(&self.id, to, self.listed().clone(), self.election, self.log)
    }

    /// The others that are members or may become so again, and where they are reached.
    fn reachable(&self) -> Vec<(Member, String, SocketAddr)> {
        let (listed, gone) = (self.listed(), self.gone());
        let members = &listed.members;
        let is_present = |member: &Member| members.standing(*member) != Standing::Removed;
        let others = members
            .all()
            .filter(|(member, entry)| entry.id != self.id && (is_present(member) || !gone.contains(&entry.id)));
        let address = |(member, _): (Member, &Entry)| {
            let id = members.id(member);
            let known = self.peers.iter().find(|peer| peer.id == id).map(|peer| peer.address);
            known.or_else(|| members.address(member)).map(|address| (member, id.to_owned(), address))
        };
        others.filter_map(address).collect()
    }
}

/// One peer's dialer.
#[derive(Debug)]
struct Line {
    id: String,
    address: SocketAddr,
    queue: Arc<Queue>,
    dialer: AbortHandle,
}

/// One peer's connection to this node.
#[derive(Debug)]
struct Reading {
    id: String,
    task: AbortHandle,
}

/// The outgoing side of all links.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    identity: Arc<Identity>,
    lines: Arc<Mutex<BTreeMap<Member, Line>>>,
    /// The present connection from each peer. A peer dials again only after it gave the old one up, so the newest counts.
    incoming: Arc<tokio::sync::Mutex<BTreeMap<Member, Reading>>>,
    events: mpsc::Sender<PeerEvent>,
}

impl Links {
    /// Starts listening and dialing, on tasks of the present runtime.
    pub(crate) fn start(
        config: &Config,
        members: Membership,
        listener: TcpListener,
    ) -> (Self, mpsc::Receiver<PeerEvent>) {
        let (events, receiver) = mpsc::channel(EVENTS);
        let identity = Arc::new(Identity {
            id: config.id.clone(),
            election: config.modes.failover.election,
            peers: config.peers.clone(),
            listed: Mutex::new(Listed { members, epoch: 0 }),
            gone: Mutex::default(),
            log: config.modes.storage.log,
        });
        let links = Links { identity, lines: Arc::default(), incoming: Arc::default(), events };
        links.dial();
        tokio::spawn(incoming::accept(listener, links.clone()));
        (links, receiver)
    }

    /// Keeps links to these members, unless newer ones are known.
    pub(crate) fn set_members(&self, listed: Listed) {
        {
            let mut known = self.identity.listed();
            if listed.version() < known.version() || *known == listed {
                return;
            }
            *known = listed;
        }
        self.dial();
        tokio::spawn(self.clone().hang_up_on_others());
    }

    /// Ends connections from who has another index now than when it called, or none: what it says would be taken for another's.
    async fn hang_up_on_others(self) {
        let incoming = self.incoming.lock().await;
        let listed = self.identity.listed();
        let others = incoming.iter().filter(|(peer, other)| listed.members.index(&other.id) != Some(**peer));
        others.for_each(|(_, other)| other.task.abort());
    }

    /// These are removed, and that is committed.
    pub(crate) fn let_go(&self, removed: impl IntoIterator<Item = String>) {
        *self.identity.gone() = removed.into_iter().collect();
        self.dial();
    }

    /// Makes the lines fit the members.
    fn dial(&self) {
        let reachable = self.identity.reachable();
        let mut lines = self.lines();
        if lines.keys().any(|peer| !reachable.iter().any(|(member, ..)| member == peer)) {
            tokio::spawn(self.clone().hang_up());
        }
        for (peer, id, address) in reachable {
            // After a rewind, an index can be another's than it was for a moment.
            let other = lines.extract_if(peer..=peer, |_, line| (&line.id, line.address) != (&id, address));
            other.for_each(|(_, line)| line.dialer.abort());
            lines.entry(peer).or_insert_with(|| {
                let queue = Arc::new(Queue::default());
                let identity = Arc::clone(&self.identity);
                let (queue_end, events) = (Arc::clone(&queue), self.events.clone());
                let dialer = outgoing::Dialer { peer, id: id.clone(), address, identity, queue: queue_end, events };
                let dialer = tokio::spawn(dialer.run()).abort_handle();
                Line { id, address, queue, dialer }
            });
        }
    }

    /// Ends the links to those that are members no more, after they had time to hear it.
    async fn hang_up(self) {
        tokio::time::sleep(FAREWELL).await;
        let (members, gone) = (self.identity.listed().members.clone(), self.identity.gone().clone());
        let gone = |peer: &Member| members.standing(*peer) == Standing::Removed && gone.contains(members.id(*peer));
        let ended: Vec<Member> = {
            let mut lines = self.lines();
            let lines = lines.extract_if(.., |peer, _| gone(peer));
            lines.map(|(peer, line)| (peer, line.dialer.abort()).0).collect()
        };
        for peer in ended {
            let down = PeerEvent::Link { peer, direction: Direction::Outgoing, up: false };
            let _ = self.events.send(down).await; // nobody listens: the node is stopping
        }
        let incoming = self.incoming.lock().await;
        incoming.iter().filter(|(peer, _)| gone(peer)).for_each(|(_, reading)| reading.task.abort());
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<Member, Line>> {
        self.lines.lock().expect("nothing panics while it holds this lock")
    }

    /// Sends a message if there is a connection with room; otherwise it is lost.
    pub(crate) fn send(&self, to: Member, message: Message) {
        if let Some(line) = self.lines().get(&to) {
            line.queue.push(message);
        }
    }
}
