//! Stonith in a run: a fence device beside the cluster, which switches nodes off, and the fence agent, the command that asks it.
//!
//! ```text
//!   n2 ──sh -c──▶ agent ──link n2→fence-device──▶ device ──power cycle──▶ n1
//!                   ▲   "off n1 for n2"             │                      │ reaped, then started again
//!                   └────────── "done …" ◀──────────┘ once it is gone ◀────┘
//! ```
//!
//! The device is to a run what a power switch is to a rack: it answers only once the node's processes are reaped, and then puts the
//! power back, so the node comes up again as who has lost its leadership. It stands outside the network between the nodes, but each
//! node reaches it over a link of its own, and a fault may cut that (`fence-side`).
//!
//! Not here: when a node asks (that is the system's decision), and what a power cycle does (`cluster/power.rs`).

pub(crate) mod agent;
mod device;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use crate::reentry;
pub(crate) use device::Device;

/// The device's port at the address that the cluster has claimed for itself. Like the nodes' it lies below the kernel's range of
/// ephemeral ports.
const DEVICE_PORT: u16 = 21_300;

/// What the device says first. An agent asks for nothing before it has read this, so what it asked for can't arrive late: a
/// connection that a cut held back carries no request.
const GREETING: &str = "fence device";

/// Where the device of a cluster listens.
pub(crate) fn device_address(ip: Ipv4Addr) -> SocketAddrV4 {
    SocketAddrV4::new(ip, DEVICE_PORT)
}

/// Where it listens, as who stands beside the cluster sees it: over no link.
pub(crate) fn device_beside(cluster: IpAddr) -> SocketAddr {
    SocketAddr::new(cluster, DEVICE_PORT)
}

/// The command for a shell that has the node `{id}` switched off. It starts the program of the process that started the shell.
pub(crate) fn command(device: SocketAddr, by: &str) -> String {
    let (role, fence) = (reentry::ROLE_VARIABLE, reentry::FENCE);
    format!("exec env {role}={fence} /proc/$PPID/exe {fence} {device} {by} {{id}}")
}
