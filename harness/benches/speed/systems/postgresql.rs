//! `PostgreSQL`: a primary and a synchronous standby, `synchronous_commit = on`. The client speaks its protocol, version 3, with a
//! prepared statement: an upsert by primary key.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use bytes::{Buf as _, BufMut as _, BytesMut};
use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Protocol, System, Target, installed};
use crate::process::{Process, free_port, run, until};

pub(crate) const NAME: &str = "postgresql";

const UPSERT: &str = "INSERT INTO kv VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";

/// Ends a server and all its processes at once.
const QUIT: Signal = Signal::SIGQUIT;

pub(crate) async fn start(dir: &Path) -> anyhow::Result<Option<System>> {
    let versions = ["18", "17", "16", "15", "14"].map(|version| format!("/usr/lib/postgresql/{version}/bin"));
    let places: Vec<&str> = versions.iter().map(String::as_str).collect();
    let Some(postgres) = installed(NAME, "postgres", &places, "postgresql") else { return Ok(None) };
    let program = |name: &str| postgres.with_file_name(name);
    // It refuses to run as root.
    let user = (std::fs::metadata("/proc/self")?.uid() == 0).then_some("postgres");
    std::fs::create_dir_all(dir)?;
    if let Some(user) = user {
        run(Path::new("/usr/bin/chown"), &[user, text(dir)?], None)?;
    }
    let (primary, standby) = (dir.join("primary"), dir.join("standby"));
    run(&program("initdb"), &["-U", "postgres", "-A", "trust", "-D", text(&primary)?], user)?;
    let port = free_port()?;
    let address = ([127, 0, 0, 1], port).into();
    let mut processes = vec![serve(&postgres, &primary, port, user, &dir.join("primary.log"))?];
    until("waiting for PostgreSQL", || Postgresql::open(address)).await?;
    let from = ["-h", "127.0.0.1", "-p", &port.to_string(), "-U", "postgres"];
    let backup = [&from[..], &["-R", "-c", "fast", "-D", text(&standby)?]].concat();
    run(&program("pg_basebackup"), &backup, user)?;
    processes.push(serve(&postgres, &standby, free_port()?, user, &dir.join("standby.log"))?);
    until("waiting for PostgreSQL's standby", || async {
        let mut client = Postgresql::open(address).await?;
        let sync = client.query("SELECT string_agg(sync_state, ' ') FROM pg_stat_replication").await?;
        ensure!(sync.contains("sync"), "no standby is synchronous: {sync}");
        Ok(())
    })
    .await?;
    Postgresql::open(address).await?.query("CREATE TABLE kv (key text PRIMARY KEY, value bytea)").await?;
    Ok(Some(System { name: NAME, target: Target { address, protocol: Protocol::Postgresql }, processes }))
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("the directory's name is no text")
}

fn serve(postgres: &Path, data: &Path, port: u16, user: Option<&str>, log: &Path) -> anyhow::Result<Process> {
    let mut arguments: Vec<String> = vec!["-D".into(), data.display().to_string(), "-p".into(), port.to_string()];
    for setting in [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=100",
        "synchronous_commit=on",
        "synchronous_standby_names=*",
    ] {
        arguments.extend(["-c".into(), setting.into()]);
    }
    Process::start(postgres, &arguments, user, log, QUIT)
}

pub(crate) struct Postgresql {
    stream: TcpStream,
    out: BytesMut,
    input: BytesMut,
}

impl Postgresql {
    /// A connection that is ready to write.
    pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let mut client = Self::open(address).await?;
        client.message(b'P', |out| {
            out.put_slice(format!("upsert\0{UPSERT}\0").as_bytes());
            out.put_slice(&[0, 2, 0, 0, 0, 25, 0, 0, 0, 17]); // of two parameters, a text and a bytea
        });
        client.message(b'S', |_| {});
        client.exchange().await?;
        Ok(client)
    }

    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut client = Postgresql { stream, out: BytesMut::new(), input: BytesMut::new() };
        let parameters = b"user\0postgres\0database\0postgres\0\0";
        client.out.put_u32(8 + parameters.len() as u32);
        client.out.put_u32(196_608); // version 3.0
        client.out.put_slice(parameters);
        client.exchange().await?;
        Ok(client)
    }

    pub(crate) async fn write(&mut self, key: &str, value: &[u8]) -> anyhow::Result<()> {
        self.message(b'B', |out| {
            out.put_slice(b"\0upsert\0");
            out.put_slice(&[0, 2, 0, 0, 0, 1, 0, 2]); // two formats, text and binary, and two parameters
            for parameter in [key.as_bytes(), value] {
                out.put_u32(parameter.len() as u32);
                out.put_slice(parameter);
            }
            out.put_u16(0);
        });
        self.message(b'E', |out| out.put_slice(&[0; 5]));
        self.message(b'S', |_| {});
        self.exchange().await?;
        Ok(())
    }

    /// Runs a statement; what it answers, as text that is good enough to look for a word in.
    async fn query(&mut self, sql: &str) -> anyhow::Result<String> {
        self.message(b'Q', |out| out.put_slice(format!("{sql}\0").as_bytes()));
        self.exchange().await
    }

    fn message(&mut self, kind: u8, body: impl FnOnce(&mut BytesMut)) {
        self.out.put_u8(kind);
        let at = self.out.len();
        self.out.put_u32(0);
        body(&mut self.out);
        let length = (self.out.len() - at) as u32;
        self.out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }

    /// Sends what was put together and reads until the server is ready again. Returns its rows.
    async fn exchange(&mut self) -> anyhow::Result<String> {
        self.stream.write_all_buf(&mut self.out).await?;
        let mut rows = String::new();
        loop {
            while self.input.len() < 5 || self.input.len() < 1 + self.length() {
                ensure!(self.stream.read_buf(&mut self.input).await? > 0, "the connection is closed");
            }
            let length = self.length();
            let message = self.input.split_to(1 + length);
            let body = String::from_utf8_lossy(&message[5..]);
            match message[0] {
                b'Z' => return Ok(rows),
                b'E' => bail!("PostgreSQL says {body}"),
                b'D' => rows.push_str(&body),
                _ => {}
            }
        }
    }

    fn length(&self) -> usize {
        (&self.input[1..5]).get_u32() as usize
    }
}
