//! Redis: one primary and one replica, both with `appendfsync always`. `WAIT 1` tells that the replica has a write, not that
//! its disk has; so this promises a little less than the others do.

use std::path::Path;

use anyhow::ensure;
use nix::sys::signal::Signal;

use super::resp::Resp;
use super::{Protocol, System, Target, installed};
use crate::process::{Process, free_port, until};

pub(crate) const NAME: &str = "redis";

pub(crate) async fn start(dir: &Path) -> anyhow::Result<Option<System>> {
    let Some(program) = installed(NAME, "redis-server", &["/usr/bin", "/usr/local/bin"], "redis-server") else {
        return Ok(None);
    };
    let (primary, replica) = (free_port()?, free_port()?);
    let mut processes = Vec::new();
    for port in [primary, replica] {
        let data = dir.join(port.to_string());
        std::fs::create_dir_all(&data)?;
        let mut arguments: Vec<String> =
            ["--save", "", "--appendonly", "yes", "--appendfsync", "always", "--bind", "127.0.0.1"]
                .map(str::to_owned)
                .to_vec();
        arguments.extend(["--port".into(), port.to_string(), "--dir".into(), data.display().to_string()]);
        if port == replica {
            arguments.extend(["--replicaof".into(), "127.0.0.1".into(), primary.to_string()]);
        }
        processes.push(Process::start(&program, &arguments, None, &data.join("log"), Signal::SIGKILL)?);
    }
    let address = ([127, 0, 0, 1], primary).into();
    until("waiting for Redis' replica", || async {
        let info = Resp::connect(address, false).await?.info("replication").await?;
        ensure!(info.contains("state=online"), "{info}");
        Ok(())
    })
    .await?;
    Ok(Some(System { name: NAME, target: Target { address, protocol: Protocol::RespWait }, processes }))
}
