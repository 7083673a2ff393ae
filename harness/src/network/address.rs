//! Addresses that cannot collide: every cluster has a loopback address to itself.
//!
//! On Linux all of 127.0.0.0/8 is the loopback interface. A cluster claims one of its sixteen million addresses by
//! listening on [`CLAIM_PORT`] there; the kernel lets one process at a time do that and ends the claim with the process,
//! however it ends. All other ports of the address then belong to the cluster: a node that is killed finds its ports
//! free when it comes back, however many clusters run side by side.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::network::Listens;
use crate::node_id::NodeId;

/// The port that stands for the whole address. Like the nodes' ports it lies below 32768, where the kernel's range of
/// ephemeral ports begins, so no outgoing connection can take it.
const CLAIM_PORT: u16 = 21_000;

/// Attempts before giving up. Two clusters meet by chance once in millions of attempts, so after these something else
/// is wrong, and the last error tells what.
const ATTEMPTS: u32 = 100;

/// A loopback address of one's own.
#[derive(Debug)]
pub(crate) struct Claim {
    ip: Ipv4Addr,
    listener: TcpListener,
}

impl Claim {
    /// Claims an address that nobody else has. Which one is not part of a run's randomness: it cannot be repeated while
    /// another run has it.
    pub(crate) fn any(nodes: usize) -> io::Result<Self> {
        let mut refusal = None;
        for _ in 0..ATTEMPTS {
            // 127.0.x.x is left to programs that are configured by hand.
            let [a, b, c] = rand::random::<[u8; 3]>();
            let ip = Ipv4Addr::new(127, a.max(1), b, c.clamp(1, 254));
            match Self::on(ip, nodes) {
                Ok(claim) => return Ok(claim),
                Err(error) => refusal = Some(error),
            }
        }
        let refusal = refusal.expect("at least one attempt was made");
        Err(io::Error::new(
            refusal.kind(),
            format!(
                "no loopback address could be claimed in {ATTEMPTS} attempts; the last one failed with: {refusal} \
                 (does another program listen on 0.0.0.0, ports {CLAIM_PORT} to {}?)",
                peer_port(NodeId(nodes)),
            ),
        ))
    }

    fn on(ip: Ipv4Addr, nodes: usize) -> io::Result<Self> {
        let listener = TcpListener::bind((ip, CLAIM_PORT))?;
        // A program that listens on 0.0.0.0 takes its port on every address: better met now than by a node.
        for node in (0..nodes).map(NodeId) {
            TcpListener::bind((ip, client_port(node)))?;
            TcpListener::bind((ip, peer_port(node)))?;
        }
        Ok(Self { ip, listener })
    }

    /// The address.
    pub(crate) fn ip(&self) -> Ipv4Addr {
        self.ip
    }

    /// The socket that is the claim, to be shared with a process that needs the address to stay claimed.
    pub(crate) fn listener(&self) -> &TcpListener {
        &self.listener
    }

    /// Where a node is to listen.
    pub(crate) fn listens(&self, node: NodeId) -> Listens {
        Listens {
            clients: SocketAddr::from((self.ip, client_port(node))),
            peers: SocketAddr::from((self.ip, peer_port(node))),
        }
    }
}

/// n1 serves clients on 21001, n2 on 21002, and so on.
fn client_port(node: NodeId) -> u16 {
    CLAIM_PORT + 1 + node.0 as u16
}

/// n1 serves peers on 21101, n2 on 21102, and so on.
fn peer_port(node: NodeId) -> u16 {
    client_port(node) + 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_claimed_once() {
        let claim = Claim::any(3).unwrap();
        assert!(Claim::on(claim.ip(), 3).is_err(), "a second claim of {} succeeded", claim.ip());
        let ip = claim.ip();
        drop(claim);
        assert!(Claim::on(ip, 3).is_ok(), "a dropped claim still holds {ip}");
    }

    #[test]
    fn a_taken_port_spoils_the_claim() {
        let claim = Claim::any(3).unwrap();
        let taken = TcpListener::bind(claim.listens(NodeId(1)).clients).unwrap();
        let ip = claim.ip();
        drop(claim);
        assert!(Claim::on(ip, 3).is_err());
        drop(taken);
        assert!(Claim::on(ip, 3).is_ok());
    }

    #[test]
    fn the_nodes_of_the_largest_cluster_have_ports_of_their_own() {
        let last = NodeId(crate::node_id::MAX_NODES - 1);
        assert!(client_port(last) < peer_port(NodeId(0)));
        assert!(peer_port(last) < 32_768, "a port the kernel may hand to outgoing connections");
    }
}
