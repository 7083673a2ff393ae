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
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::node_id::NodeId;
use flow::Flow;
pub use flow::{Corruption, Slowness, Traffic};
use proxy::{End, Orders};

/// One party of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
    /// All clients together.
    Clients,
    /// The device that switches nodes off when a node asks for it.
    #[serde(rename = "fence-device")]
    FenceDevice,
    /// One node.
    #[serde(untagged)]
    Node(NodeId),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clients => f.write_str("clients"),
            Self::FenceDevice => f.write_str("fence-device"),
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

    /// The other way.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { from: self.to, to: self.from }
    }

    pub(crate) fn both_ways(self) -> [Self; 2] {
        [self, self.reversed()]
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
    /// What faults want of each link's connections, by who dials whom.
    orders: BTreeMap<Direction, watch::Sender<Orders>>,
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
            orders: BTreeMap::new(),
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

    /// Connects every node with the fence device that listens at `device`, through proxies on the same address.
    pub async fn reach_fence_device(&mut self, device: SocketAddrV4) -> io::Result<()> {
        let nodes: Vec<_> = self.deaths.keys().copied().filter(|party| *party != Endpoint::Clients).collect();
        self.deaths.insert(Endpoint::FenceDevice, watch::Sender::new(0));
        for node in nodes {
            let link = Direction { from: node, to: Endpoint::FenceDevice };
            self.flows.extend(link.both_ways().map(|direction| (direction, Arc::new(Flow::new(Duration::ZERO)))));
            self.open_link(link, *device.ip(), device.into()).await?;
        }
        Ok(())
    }

    async fn open_link(&mut self, link: Direction, ip: Ipv4Addr, target: SocketAddr) -> io::Result<()> {
        let listener = TcpListener::bind((ip, 0)).await?;
        self.addresses.insert(link, listener.local_addr()?);
        let orders = watch::Sender::default();
        let carried = proxy::Link {
            target,
            forth: Arc::clone(&self.flows[&link]),
            back: Arc::clone(&self.flows[&link.reversed()]),
            deaths: [link.from, link.to].map(|party| self.deaths[&party].subscribe()),
            orders: orders.subscribe(),
        };
        self.orders.insert(link, orders);
        self.proxies.spawn(carried.serve(listener));
        Ok(())
    }

    /// The address at which `from` reaches `to`.
    #[must_use]
    pub fn address(&self, from: Endpoint, to: Endpoint) -> SocketAddr {
        self.addresses[&Direction { from, to }]
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

    /// Makes a direction slow, until [`speed_up`](Self::speed_up). Delays add up; the least bandwidth counts.
    pub fn slow_down(&self, direction: Direction, slowness: &Arc<Slowness>) {
        self.flows[&direction].slow_down(Arc::clone(slowness));
    }

    /// Undoes one [`slow_down`](Self::slow_down), for bytes under way, too.
    pub fn speed_up(&self, direction: Direction, slowness: &Arc<Slowness>) {
        self.flows[&direction].speed_up(slowness);
    }

    /// Changes some of the bytes in this direction, until [`mend`](Self::mend).
    pub fn corrupt(&self, direction: Direction, corruption: &Arc<Corruption>) {
        self.flows[&direction].corrupt(Arc::clone(corruption));
    }

    /// Undoes one [`corrupt`](Self::corrupt). What has been changed stays so.
    pub fn mend(&self, direction: Direction, corruption: &Arc<Corruption>) {
        self.flows[&direction].mend(corruption);
    }

    /// Resets the connections of a link (`from` dials `to`): both ends are told so at once, and what was under way is lost.
    pub fn reset(&self, link: Direction) {
        self.orders[&link].send_modify(|orders| orders.resets += 1);
    }

    /// Lets `party` forget the connections of a link, of which it is an end: it is told of a reset. The other end is told nothing,
    /// and what it sends reaches nobody, until [`remember`](Self::remember). A link has one forgetful end at a time.
    pub fn forget(&self, link: Direction, party: Endpoint) {
        let end = if party == link.from { End::Dialer } else { End::Target };
        self.orders[&link].send_modify(|orders| orders.forgetful = Some(end));
    }

    /// Undoes [`forget`](Self::forget): the other end is told of a reset at last.
    pub fn remember(&self, link: Direction) {
        self.orders[&link].send_modify(|orders| orders.forgetful = None);
    }

    /// Tells the end of a link's connections that `party` is done sending, as if it had closed its half; `party` is not told, and
    /// what it sends reaches nobody. What is sent to it arrives. Undone by [`close_both`](Self::close_both). A link has one such end
    /// at a time.
    pub fn close_half(&self, link: Direction, party: Endpoint) {
        let end = if party == link.from { End::Dialer } else { End::Target };
        self.orders[&link].send_modify(|orders| orders.done = Some(end));
    }

    /// Undoes [`close_half`](Self::close_half): such connections as are left are reset.
    pub fn close_both(&self, link: Direction) {
        self.orders[&link].send_modify(|orders| orders.done = None);
    }

    /// Tells the receiver so much later that the sender has closed a connection, or is gone, until
    /// [`close_promptly`](Self::close_promptly). Several of these do not add up; the longest counts.
    pub fn linger(&self, direction: Direction, delay: Duration) {
        self.flows[&direction].linger(delay);
    }

    /// Undoes one [`linger`](Self::linger), for ends that wait to be told, too.
    pub fn close_promptly(&self, direction: Direction, delay: Duration) {
        self.flows[&direction].close_promptly(delay);
    }

    /// What has gone through, and what was held back, so far.
    #[must_use]
    pub fn traffic(&self, direction: Direction) -> Traffic {
        self.flows[&direction].traffic()
    }

    /// A line for everything that keeps a direction or a link from being as it was in the beginning.
    pub(crate) fn disturbed(&self) -> Vec<String> {
        let of_flow = |(direction, flow): (&Direction, &Arc<Flow>)| {
            flow.disturbed().into_iter().map(|what| format!("{direction}: {what}")).collect::<Vec<_>>()
        };
        let of_link = |(link, orders): (&Direction, &watch::Sender<Orders>)| {
            let Orders { forgetful, done, .. } = *orders.borrow();
            let told = [(forgetful.is_some(), "half open"), (done.is_some(), "half closed")];
            told.into_iter().filter(|(is_so, _)| *is_so).map(|(_, what)| format!("{link}: {what}")).collect::<Vec<_>>()
        };
        self.flows.iter().flat_map(of_flow).chain(self.orders.iter().flat_map(of_link)).collect()
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
mod tests;
