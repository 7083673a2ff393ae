//! Our node: three, acknowledging by majority, with an fsync for every group commit. These are its defaults.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::ensure;
use nix::sys::signal::Signal;

use super::resp::Resp;
use super::{Protocol, System, Target};
use crate::process::{Process, free_port, until};

pub(crate) const NAME: &str = "interregnum";

/// A cluster's addresses and directories, by which its nodes are started again.
pub(crate) struct Cluster {
    dir: PathBuf,
    founders: usize,
    flags: Vec<String>,
    clients: Vec<u16>,
    peers: Vec<u16>,
}

impl Cluster {
    pub(crate) fn new(dir: &Path, founders: usize, flags: &[&str]) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let nodes = founders + 1; // one that joins later
        let ports = || (0..nodes).map(|_| free_port()).collect::<anyhow::Result<Vec<_>>>();
        let flags = flags.iter().map(ToString::to_string).collect();
        Ok(Cluster { dir: dir.to_owned(), founders, flags, clients: ports()?, peers: ports()? })
    }

    pub(crate) fn address(&self, node: usize) -> SocketAddr {
        ([127, 0, 0, 1], self.clients[node]).into()
    }

    pub(crate) fn data(&self, node: usize) -> PathBuf {
        self.dir.join(format!("n{node}"))
    }

    /// Where a node is reached by the others.
    pub(crate) fn peer_address(&self, node: usize) -> String {
        format!("127.0.0.1:{}", self.peers[node])
    }

    pub(crate) fn target(&self, node: usize) -> Target {
        Target { address: self.address(node), protocol: Protocol::Resp }
    }

    /// Starts a founder, or the one that joins them.
    pub(crate) fn start(&self, node: usize) -> anyhow::Result<Process> {
        let mut arguments: Vec<String> = ["node", "--id"].map(str::to_owned).to_vec();
        arguments.push(format!("n{node}"));
        arguments.extend(["--listen".into(), self.address(node).to_string()]);
        arguments.extend(["--peer-listen".into(), self.peer_address(node)]);
        arguments.extend(["--data".into(), self.data(node).display().to_string()]);
        for peer in (0..self.founders).filter(|&peer| peer != node) {
            arguments.extend(["--peer".into(), format!("n{peer}={}", self.peer_address(peer))]);
        }
        if node >= self.founders {
            arguments.push("--join".into());
        }
        arguments.extend(self.flags.iter().cloned());
        let log = self.dir.join(format!("n{node}.log"));
        Process::start(Path::new(env!("CARGO_BIN_EXE_interregnum")), &arguments, None, &log, Signal::SIGKILL)
    }

    pub(crate) async fn info(&self, node: usize) -> anyhow::Result<String> {
        Resp::connect(self.address(node), false).await?.info("replication").await
    }

    /// Waits for a leader whose followers all have what it has, and says which node it is.
    pub(crate) async fn leader(&self) -> anyhow::Result<usize> {
        until("waiting for a leader", || async {
            for node in 0..self.founders {
                let info = self.info(node).await.unwrap_or_default();
                if info.contains("role:leader") && !info.contains("state=offline") {
                    return Ok(node);
                }
            }
            ensure!(false, "no node leads, or a follower is missing");
            unreachable!("the line above returns")
        })
        .await
    }
}

pub(crate) async fn start(dir: &Path, flags: &[&str]) -> anyhow::Result<System> {
    let cluster = Cluster::new(dir, 3, flags)?;
    let processes = (0..3).map(|node| cluster.start(node)).collect::<anyhow::Result<_>>()?;
    let target = cluster.target(cluster.leader().await?);
    Ok(System { name: NAME, target, processes })
}
