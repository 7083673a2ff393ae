//! The links to the other members: each node dials every other one and sends its messages over that connection; what
//! the other says comes over the connection that it dialed. So a connection carries messages one way.
//!
//! Not here: what the messages mean (`core`). Losing some is allowed, blocking the node or growing without bound is not.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::config::{Config, Election};
use crate::core::message::Message;
use crate::record::Member;
use outgoing::Queue;
use wire::Hello;

mod incoming;
mod outgoing;
mod wire;

/// Most events that wait for the core; beyond that the peers' connections are not read.
const EVENTS: usize = 256;

/// What the links tell.
#[derive(Debug)]
pub(crate) enum PeerEvent {
    Message(Member, Message),
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

/// Who this node is, for hellos.
#[derive(Debug)]
struct Identity {
    id: String,
    members: Vec<String>,
    election: Election,
}

impl Identity {
    fn hello(&self, to: &str) -> Hello {
        Hello::new(&self.id, to, &self.members, self.election)
    }
}

/// The outgoing side of all links.
#[derive(Debug)]
pub(crate) struct Links {
    queues: BTreeMap<Member, Arc<Queue>>,
}

impl Links {
    /// Starts listening and dialing, on tasks of the present runtime.
    pub(crate) fn start(config: &Config, listener: TcpListener) -> (Self, mpsc::Receiver<PeerEvent>) {
        let (events, receiver) = mpsc::channel(EVENTS);
        let identity = Arc::new(Identity {
            id: config.id.clone(),
            members: config.members(),
            election: config.modes.failover.election,
        });
        let mut queues = BTreeMap::new();
        for (index, member) in identity.members.iter().enumerate() {
            if let Some(peer) = config.peers.iter().find(|peer| peer.id == *member) {
                let queue = Arc::new(Queue::default());
                let dialer = outgoing::Dialer {
                    peer: Member(index as u8),
                    id: peer.id.clone(),
                    address: peer.address,
                    hello: identity.hello(&peer.id),
                    queue: Arc::clone(&queue),
                    events: events.clone(),
                };
                tokio::spawn(dialer.run());
                queues.insert(Member(index as u8), queue);
            }
        }
        tokio::spawn(incoming::accept(listener, identity, events));
        (Links { queues }, receiver)
    }

    /// Sends a message if there is a connection with room; otherwise it is lost.
    pub(crate) fn send(&self, to: Member, message: Message) {
        if let Some(queue) = self.queues.get(&to) {
            queue.push(message);
        }
    }
}
