//! The network between the nodes of a cluster, and between its clients and its nodes: a state for every direction, and
//! an address for every link.
//!
//! A *link* is what one party dials to reach another, and carries bytes both ways. A *flow* is one direction of bytes
//! between two parties, whoever dialed. Faults cut flows; they never speak of the proxies that carry them.
//!
//! ```text
//!   n1 ──dials──▶ link n1→n2 ─────▶ n2         bytes n1→n2 on either link obey flow n1→n2,
//!   n1 ◀───────── link n2→n1 ◀──dials── n2     bytes n2→n1 on either link obey flow n2→n1
//! ```

pub(crate) mod address;
mod flow;
mod proxy;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::node_id::NodeId;
use flow::Flow;
pub use flow::Traffic;

/// One party of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
    /// All clients together.
    Clients,
    /// One node.
    #[serde(untagged)]
    Node(NodeId),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clients => f.write_str("clients"),
            Self::Node(node) => node.fmt(f),
        }
    }
}

/// One direction of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Direction {
    /// Who sends.
    pub from: Endpoint,
    /// Who receives.
    pub to: Endpoint,
}

impl Direction {
    /// Bytes from one node to another.
    #[must_use]
    pub fn between(from: NodeId, to: NodeId) -> Self {
        Self { from: Endpoint::Node(from), to: Endpoint::Node(to) }
    }

    fn reversed(self) -> Self {
        Self { from: self.to, to: self.from }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}→{}", self.from, self.to)
    }
}

/// Where a node really listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listens {
    /// For clients.
    pub clients: SocketAddr,
    /// For the other nodes.
    pub peers: SocketAddr,
}

/// The network of one cluster. Dropping it closes every link.
#[derive(Debug)]
pub struct Network {
    addresses: BTreeMap<Direction, SocketAddr>,
    flows: BTreeMap<Direction, Arc<Flow>>,
    /// Each node's deaths, counted: a connection ends when the count of either party moves.
    deaths: BTreeMap<Endpoint, watch::Sender<u64>>,
    /// The proxies; they stop when this is dropped.
    proxies: JoinSet<()>,
}

impl Network {
    /// Connects every pair of nodes, and the clients with every node, through proxies on `ip`. Bytes between two nodes
    /// are under way for `delay`, each way.
    pub async fn connect(ip: Ipv4Addr, nodes: &BTreeMap<NodeId, Listens>, delay: Duration) -> io::Result<Self> {
        let parties: Vec<_> =
            [Endpoint::Clients].into_iter().chain(nodes.keys().copied().map(Endpoint::Node)).collect();
        let mut network = Self {
            addresses: BTreeMap::new(),
            flows: BTreeMap::new(),
            deaths: parties.iter().map(|party| (*party, watch::Sender::new(0))).collect(),
            proxies: JoinSet::new(),
        };
        for (from, to) in pairs(&parties) {
            let to_clients = from == Endpoint::Clients || to == Endpoint::Clients;
            let delay = if to_clients { Duration::ZERO } else { delay };
            network.flows.insert(Direction { from, to }, Arc::new(Flow::new(delay)));
        }
        for (from, to) in pairs(&parties) {
            let Endpoint::Node(node) = to else { continue };
            let target = if from == Endpoint::Clients { nodes[&node].clients } else { nodes[&node].peers };
            network.open_link(Direction { from, to }, ip, target).await?;
        }
        Ok(network)
    }

    async fn open_link(&mut self, link: Direction, ip: Ipv4Addr, target: SocketAddr) -> io::Result<()> {
        let listener = TcpListener::bind((ip, 0)).await?;
        self.addresses.insert(link, listener.local_addr()?);
        let link = proxy::Link {
            target,
            forth: Arc::clone(&self.flows[&link]),
            back: Arc::clone(&self.flows[&link.reversed()]),
            deaths: [link.from, link.to].map(|party| self.deaths[&party].subscribe()),
        };
        self.proxies.spawn(link.serve(listener));
        Ok(())
    }

    /// The address at which `from` reaches `to`.
    #[must_use]
    pub fn address(&self, from: Endpoint, to: NodeId) -> SocketAddr {
        self.addresses[&Direction { from, to: Endpoint::Node(to) }]
    }

    /// Holds back all bytes in this direction, on the connections that exist and on those to come, until
    /// [`restore`](Self::restore). Several cuts of one direction add up. When this returns, no byte passes any more.
    pub fn cut(&self, direction: Direction) {
        self.flows[&direction].cut();
    }

    /// Undoes one [`cut`](Self::cut): held bytes arrive, late, as they do after a real partition.
    pub fn restore(&self, direction: Direction) {
        self.flows[&direction].restore();
    }

    /// What has gone through, and what was held back, so far.
    #[must_use]
    pub fn traffic(&self, direction: Direction) -> Traffic {
        self.flows[&direction].traffic()
    }

    /// Ends every connection of a node whose host has died, and drops what was under way on them.
    pub fn sever(&self, node: NodeId) {
        self.deaths[&Endpoint::Node(node)].send_modify(|deaths| *deaths += 1);
    }
}

/// Every ordered pair of different parties.
fn pairs(parties: &[Endpoint]) -> impl Iterator<Item = (Endpoint, Endpoint)> {
    parties.iter().flat_map(|from| parties.iter().map(|to| (*from, *to))).filter(|(from, to)| from != to)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::time::{sleep, timeout};

    use super::*;

    const N1: NodeId = NodeId(0);
    const N2: NodeId = NodeId(1);
    /// Long enough that bytes which are not held would have arrived. Only a held byte makes a test wait for it.
    const NOTHING_ARRIVES: Duration = Duration::from_millis(50);

    /// Two nodes, of which n2 echoes what its peers send, and a connection from n1 to it.
    async fn echo() -> (Network, TcpStream) {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listens = Listens { clients: server.local_addr().unwrap(), peers: server.local_addr().unwrap() };
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = server.accept().await {
                tokio::spawn(async move {
                    let (mut reader, mut writer) = stream.split();
                    tokio::io::copy(&mut reader, &mut writer).await
                });
            }
        });
        let nodes = BTreeMap::from([(N1, listens), (N2, listens)]);
        let network = Network::connect(Ipv4Addr::LOCALHOST, &nodes, Duration::ZERO).await.unwrap();
        let stream = TcpStream::connect(network.address(Endpoint::Node(N1), N2)).await.unwrap();
        (network, stream)
    }

    async fn round_trip(stream: &mut TcpStream, word: &[u8; 4]) -> [u8; 4] {
        let mut answer = [0; 4];
        stream.write_all(word).await.unwrap();
        stream.read_exact(&mut answer).await.unwrap();
        answer
    }

    /// Cuts `direction`, sends a word, and checks that it is held back there and arrives after the restoration.
    async fn check_cut_holds_bytes(direction: Direction) {
        let (network, mut stream) = echo().await;
        assert_eq!(&round_trip(&mut stream, b"ping").await, b"ping");

        network.cut(direction);
        let before = network.traffic(direction);
        stream.write_all(b"late").await.unwrap();
        let mut answer = [0; 4];
        assert!(timeout(NOTHING_ARRIVES, stream.read_exact(&mut answer)).await.is_err(), "a byte crossed the cut");
        let during = network.traffic(direction);
        assert_eq!(during.forwarded_bytes, before.forwarded_bytes);
        assert_eq!(during.held_bytes, before.held_bytes + 4);

        network.restore(direction);
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"late");
    }

    #[tokio::test]
    async fn a_cut_applies_to_connections_that_exist() {
        check_cut_holds_bytes(Direction::between(N1, N2)).await;
    }

    #[tokio::test]
    async fn a_cut_applies_to_one_direction_of_the_same_connection() {
        check_cut_holds_bytes(Direction::between(N2, N1)).await;
    }

    #[tokio::test]
    async fn a_cut_applies_to_connections_that_come() {
        let (network, _) = echo().await;
        let direction = Direction::between(N1, N2);
        network.cut(direction);
        let mut stream = TcpStream::connect(network.address(Endpoint::Node(N1), N2)).await.unwrap();
        stream.write_all(b"hold").await.unwrap();
        let mut answer = [0; 4];
        assert!(timeout(NOTHING_ARRIVES, stream.read_exact(&mut answer)).await.is_err(), "a byte crossed the cut");
        network.restore(direction);
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"hold");
    }

    #[tokio::test]
    async fn cuts_of_one_direction_add_up() {
        let (network, mut stream) = echo().await;
        let direction = Direction::between(N1, N2);
        network.cut(direction);
        network.cut(direction);
        network.restore(direction);
        stream.write_all(b"held").await.unwrap();
        assert!(timeout(NOTHING_ARRIVES, stream.read_u8()).await.is_err(), "one cut of two was undone, not both");
        network.restore(direction);
        assert_eq!(stream.read_u8().await.unwrap(), b'h');
    }

    #[tokio::test]
    async fn a_severed_node_drops_what_was_under_way() {
        let (network, mut stream) = echo().await;
        network.cut(Direction::between(N1, N2));
        stream.write_all(b"lost").await.unwrap();
        sleep(NOTHING_ARRIVES).await;
        network.sever(N2);
        assert!(stream.read_u8().await.is_err(), "the connection is reset");
    }
}
