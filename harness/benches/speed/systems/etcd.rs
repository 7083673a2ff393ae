//! etcd: three members. The client speaks gRPC by hand, over an HTTP/2 connection of its own: two calls do not need a compiler of
//! protocol buffers.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, ensure};
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use nix::sys::signal::Signal;
use tokio::net::TcpStream;

use super::{Protocol, System, Target, installed};
use crate::process::{Process, free_port, until};

pub(crate) const NAME: &str = "etcd";

pub(crate) async fn start(dir: &Path) -> anyhow::Result<Option<System>> {
    let Some(program) = installed(NAME, "etcd", &["/usr/bin", "/usr/local/bin"], "etcd-server") else {
        return Ok(None);
    };
    std::fs::create_dir_all(dir)?;
    let members: Vec<(u16, u16)> = (0..3).map(|_| Ok((free_port()?, free_port()?))).collect::<anyhow::Result<_>>()?;
    let url = |port: u16| format!("http://127.0.0.1:{port}");
    let cluster: Vec<String> =
        members.iter().enumerate().map(|(i, &(_, peer))| format!("e{i}={}", url(peer))).collect();
    let mut processes = Vec::new();
    for (i, &(client, peer)) in members.iter().enumerate() {
        let arguments = [
            ("name", format!("e{i}")),
            ("data-dir", dir.join(format!("e{i}")).display().to_string()),
            ("listen-client-urls", url(client)),
            ("advertise-client-urls", url(client)),
            ("listen-peer-urls", url(peer)),
            ("initial-advertise-peer-urls", url(peer)),
            ("initial-cluster", cluster.join(",")),
            ("logger", "zap".to_owned()),
            ("log-level", "error".to_owned()),
        ];
        let arguments: Vec<String> = arguments.map(|(flag, value)| format!("--{flag}={value}")).to_vec();
        processes.push(Process::start(&program, &arguments, None, &dir.join(format!("e{i}.log")), Signal::SIGKILL)?);
    }
    // Clients write to the leader, which saves etcd a hop.
    let address = until("waiting for etcd's leader", || async {
        for &(client, _) in &members {
            let address = ([127, 0, 0, 1], client).into();
            if Etcd::connect(address).await?.leads().await? {
                return Ok(address);
            }
        }
        anyhow::bail!("no member leads")
    })
    .await?;
    Ok(Some(System { name: NAME, target: Target { address, protocol: Protocol::Etcd }, processes }))
}

pub(crate) struct Etcd {
    requests: SendRequest<Bytes>,
    address: SocketAddr,
}

impl Etcd {
    pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (requests, connection) = h2::client::handshake(stream).await?;
        tokio::spawn(connection); // it ends with the requests
        Ok(Etcd { requests, address })
    }

    pub(crate) async fn write(&mut self, key: &str, value: &[u8]) -> anyhow::Result<()> {
        let mut put = BytesMut::new();
        for (field, bytes) in [(1, key.as_bytes()), (2, value)] {
            put.put_u8(field << 3 | 2); // of a length, and bytes
            put.put_u8(
                u8::try_from(bytes.len()).ok().filter(|&length| length < 128).context("too long for this client")?,
            );
            put.put_slice(bytes);
        }
        self.call("KV/Put", &put).await?;
        Ok(())
    }

    /// Whether this member is the leader.
    async fn leads(&mut self) -> anyhow::Result<bool> {
        let status = self.call("Maintenance/Status", &[]).await?;
        let header = field(&status, 1).context("a status without a header")?.1;
        let own = field(&header, 2).map(|(number, _)| number);
        Ok(own.is_some() && field(&status, 4).map(|(number, _)| number) == own)
    }

    async fn call(&mut self, method: &str, message: &[u8]) -> anyhow::Result<Bytes> {
        let request = Request::post(format!("http://{}/etcdserverpb.{method}", self.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())?;
        let mut framed = BytesMut::with_capacity(5 + message.len());
        framed.put_u8(0); // not compressed
        framed.put_u32(message.len() as u32);
        framed.put_slice(message);
        self.requests = self.requests.clone().ready().await?;
        let (response, mut body) = self.requests.send_request(request, false)?;
        body.send_data(framed.freeze(), true)?;
        let response = response.await?;
        succeeded(response.headers())?;
        let mut body = response.into_body();
        let mut answer = BytesMut::new();
        while let Some(chunk) = body.data().await {
            let chunk = chunk?;
            body.flow_control().release_capacity(chunk.len())?;
            answer.extend_from_slice(&chunk);
        }
        succeeded(&body.trailers().await?.context("an answer without its end")?)?;
        answer.advance(5);
        Ok(answer.freeze())
    }
}

/// Fails if these headers or trailers tell of a failure.
fn succeeded(headers: &HeaderMap) -> anyhow::Result<()> {
    let status = headers.get("grpc-status").map_or(Ok("0"), |status| status.to_str())?;
    ensure!(status == "0", "etcd answers with status {status}: {:?}", headers.get("grpc-message"));
    Ok(())
}

/// A field of a message: its number, if it is one, and its bytes, if it is of bytes.
fn field(message: &[u8], wanted: u64) -> Option<(u64, Bytes)> {
    let mut rest = message;
    while rest.has_remaining() {
        let tag = varint(&mut rest)?;
        let number = varint(&mut rest)?;
        let bytes = match tag & 7 {
            0 => Bytes::new(),
            2 if rest.remaining() as u64 >= number => rest.copy_to_bytes(number as usize),
            _ => return None,
        };
        if tag >> 3 == wanted {
            return Some((number, bytes));
        }
    }
    None
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = bytes.try_get_u8().ok()?;
        number |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return Some(number);
        }
    }
    None
}
