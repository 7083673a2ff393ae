//! The systems side by side, with equal durability: a write is acknowledged when two machines' disks have it, as far as each can
//! promise that.
//!
//! Not here: how each speaks, a file each in `systems/`.

use std::net::SocketAddr;
use std::path::Path;

use crate::process::Process;
use etcd::Etcd;
use postgresql::Postgresql;
use resp::Resp;

pub(crate) mod etcd;
pub(crate) mod interregnum;
pub(crate) mod postgresql;
pub(crate) mod redis;
pub(crate) mod resp;

/// A system that runs.
pub(crate) struct System {
    pub(crate) name: &'static str,
    pub(crate) target: Target,
    pub(crate) processes: Vec<Process>,
}

/// Where its leader serves clients, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) protocol: Protocol,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Protocol {
    /// RESP; `SET` is acknowledged when it is durable.
    Resp,
    /// RESP; `SET` is followed by `WAIT 1`.
    RespWait,
    Etcd,
    Postgresql,
}

/// One connection.
pub(crate) enum Client {
    Resp(Resp),
    Etcd(Etcd),
    Postgresql(Postgresql),
}

impl Client {
    pub(crate) async fn connect(target: &Target) -> anyhow::Result<Self> {
        Ok(match target.protocol {
            Protocol::Resp => Client::Resp(Resp::connect(target.address, false).await?),
            Protocol::RespWait => Client::Resp(Resp::connect(target.address, true).await?),
            Protocol::Etcd => Client::Etcd(Etcd::connect(target.address).await?),
            Protocol::Postgresql => Client::Postgresql(Postgresql::connect(target.address).await?),
        })
    }

    /// Writes, and returns when that is acknowledged.
    pub(crate) async fn write(&mut self, key: &str, value: &[u8]) -> anyhow::Result<()> {
        match self {
            Client::Resp(client) => client.write(key, value).await,
            Client::Etcd(client) => client.write(key, value).await,
            Client::Postgresql(client) => client.write(key, value).await,
        }
    }
}

/// Starts all that are installed, or all that are named; says aloud which are not.
pub(crate) async fn start(dir: &Path, only: &[String]) -> anyhow::Result<Vec<System>> {
    let is_wanted = |name: &str| only.is_empty() || only.iter().any(|wanted| wanted == name);
    let mut systems = Vec::new();
    if is_wanted(interregnum::NAME) {
        systems.push(interregnum::start(&dir.join(interregnum::NAME), &[]).await?);
    }
    if is_wanted(etcd::NAME) {
        systems.extend(etcd::start(&dir.join(etcd::NAME)).await?);
    }
    if is_wanted(redis::NAME) {
        systems.extend(redis::start(&dir.join(redis::NAME)).await?);
    }
    if is_wanted(postgresql::NAME) {
        systems.extend(postgresql::start(&dir.join(postgresql::NAME)).await?);
    }
    Ok(systems)
}

/// A program in one of the usual places; if it is nowhere, says that the system is skipped.
fn installed(system: &str, program: &str, places: &[&str], package: &str) -> Option<std::path::PathBuf> {
    let found = places.iter().map(|place| Path::new(place).join(program)).find(|path| path.exists());
    if found.is_none() {
        println!("SKIPPED {system}: {program} is not in {} (Debian's package {package})", places.join(", "));
    }
    found
}
