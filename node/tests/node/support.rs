//! Starts nodes, and speaks RESP to them.
//!
//! A node is this test binary, started again as the "test" [`node_process`]; so nothing else needs to be built.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use clap::Parser;
use redis_protocol::resp2::decode::decode_bytes;
use redis_protocol::resp2::types::BytesFrame;
use tempfile::TempDir;

const FLAGS: &str = "INTERREGNUM_NODE_TEST_FLAGS";
/// How long anything that must happen may take before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    node: interregnum_node::NodeCli,
}

/// No test: the entry point of the processes that the tests start.
#[test]
#[ignore = "started by other tests"]
fn node_process() {
    let Ok(flags) = std::env::var(FLAGS) else { return };
    // A flag's value has `^` where it needs a space.
    let flags = flags.split(' ').filter(|flag| !flag.is_empty()).map(|flag| flag.replace('^', " "));
    let flags = std::iter::once("node".to_owned()).chain(flags);
    if let Err(error) = Cli::parse_from(flags).node.run() {
        eprintln!("{error:#}");
        std::process::exit(1);
    }
    std::process::exit(0);
}

/// Starts a node, or a tool, in a process of its own.
pub(crate) fn spawn(flags: &str, stderr: File) -> Child {
    spawn_printing(flags, Stdio::null(), stderr)
}

/// The same, and what it prints goes there; behind some words of the test binary's own.
pub(crate) fn spawn_printing(flags: &str, stdout: impl Into<Stdio>, stderr: File) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "support::node_process", "--ignored", "--nocapture"])
        .env(FLAGS, flags)
        .env_remove("RUST_LOG")
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .unwrap()
}

/// Nodes on addresses of their own, killed at the end of the test.
pub(crate) struct Cluster {
    pub(crate) dir: TempDir,
    ip: Ipv4Addr,
    size: u16,
    flags: Vec<String>,
    nodes: Vec<Option<Child>>,
}

impl Cluster {
    /// Starts a cluster. `flags` go to every node.
    pub(crate) fn start(size: u16, flags: &str) -> Self {
        Self::start_each(&vec![flags; usize::from(size)])
    }

    /// Starts a cluster whose members have flags of their own; `IP:` in them is the cluster's own address.
    pub(crate) fn start_each(flags: &[&str]) -> Self {
        static CLUSTERS: AtomicU8 = AtomicU8::new(1);
        // All of 127/8 is loopback: an address per process and cluster, so that fixed ports cannot be taken by others.
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let ip = Ipv4Addr::new(127, high.max(1), low, CLUSTERS.fetch_add(1, Ordering::Relaxed));
        let dir = tempfile::tempdir().unwrap();
        let nodes = flags.iter().map(|_| None).collect();
        let size = flags.len() as u16;
        let flags = flags.iter().map(|&flags| flags.to_owned()).collect();
        let mut cluster = Cluster { dir, ip, size, flags, nodes };
        (1..=size).for_each(|number| cluster.start_node(number));
        cluster
    }

    /// Starts one more node, which waits to be added; its number.
    pub(crate) fn start_joining(&mut self, flags: &str) -> u16 {
        self.nodes.push(None);
        self.flags.push(format!("--join {flags}"));
        let number = self.nodes.len() as u16;
        self.start_node(number);
        number
    }

    pub(crate) fn size(&self) -> u16 {
        self.size
    }

    pub(crate) fn address(&self, number: u16) -> SocketAddr {
        SocketAddr::from((self.ip, 7000 + number))
    }

    pub(crate) fn peer_address(&self, number: u16) -> SocketAddr {
        SocketAddr::from((self.ip, 8000 + number))
    }

    pub(crate) fn data(&self, number: u16) -> std::path::PathBuf {
        self.dir.path().join(format!("n{number}"))
    }

    pub(crate) fn start_node(&mut self, number: u16) {
        let stderr =
            File::options().create(true).append(true).open(self.dir.path().join(format!("n{number}.err"))).unwrap();
        let others = (1..=self.size).filter(|&peer| peer != number);
        let peers: Vec<String> = others.map(|peer| format!("--peer n{peer}={}", self.peer_address(peer))).collect();
        let flags = format!(
            "--id n{number} --listen {} --peer-listen {} --data {} {} {}",
            self.address(number),
            self.peer_address(number),
            self.data(number).display(),
            peers.join(" "),
            self.flags[usize::from(number) - 1].replace("IP:", &format!("{}:", self.ip)),
        );
        let child = spawn(&flags, stderr);
        self.nodes[usize::from(number) - 1] = Some(child);
    }

    /// From its next start on, a node has these flags.
    pub(crate) fn change_flags(&mut self, number: u16, flags: &str) {
        flags.clone_into(&mut self.flags[usize::from(number) - 1]);
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self, number: u16) {
        let mut child = self.nodes[usize::from(number) - 1].take().expect("the node runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub(crate) fn pid(&self, number: u16) -> u32 {
        self.nodes[usize::from(number) - 1].as_ref().expect("the node runs").id()
    }

    pub(crate) fn is_running(&self, number: u16) -> bool {
        self.nodes.get(usize::from(number) - 1).is_some_and(Option::is_some)
    }

    /// Waits for a node that stops by itself.
    pub(crate) fn wait(&mut self, number: u16) -> ExitStatus {
        let mut child = self.nodes[usize::from(number) - 1].take().expect("the node runs");
        eventually("the node stops", || child.try_wait().unwrap())
    }

    pub(crate) fn log(&self, number: u16) -> String {
        std::fs::read_to_string(self.dir.path().join(format!("n{number}.err"))).unwrap()
    }

    pub(crate) fn client(&self, number: u16) -> Client {
        Client::connect(self.address(number))
    }

    /// Waits until every node that runs knows this leader.
    pub(crate) fn all_follow(&self, leader: u16) {
        let follows = format!("leader_id:n{leader}\r\n");
        for number in (1..=self.size).filter(|&number| self.is_running(number)) {
            eventually("everybody knows the leader", || {
                self.client(number).ask("INFO replication").contains(&follows).then_some(())
            });
        }
    }

    /// Which node leads, among those that run, and acknowledges a write.
    pub(crate) fn leader(&self) -> u16 {
        eventually("a leader acknowledges a write", || {
            let running = (1..=self.nodes.len() as u16).filter(|&number| self.nodes[usize::from(number) - 1].is_some());
            running.into_iter().find(|&number| {
                let mut client = self.client(number);
                client.ask("INFO replication").contains("role:leader") && client.ask("SET leader-test 1") == "+OK"
            })
        })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.nodes.iter_mut().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            (1..=self.nodes.len() as u16).for_each(|number| eprintln!("--- n{number}\n{}", self.log(number)));
        }
    }
}

/// Polls until there is something.
pub(crate) fn eventually<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = poll() {
            return found;
        }
        assert!(Instant::now() < deadline, "not in {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// One client connection.
pub(crate) struct Client {
    stream: TcpStream,
    input: BytesMut,
}

impl Client {
    /// Connects to whatever is about to listen there.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = eventually("somebody listens", || TcpStream::connect(address).ok());
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client { stream, input: BytesMut::new() }
    }

    /// The same connection, to write from another thread.
    pub(crate) fn another_handle(&self) -> Self {
        Client { stream: self.stream.try_clone().unwrap(), input: BytesMut::new() }
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next reply, as text: `+OK`, `-ERR …`, `:1`, `"bulk"`, `nil`, `[…]`; or `closed`.
    pub(crate) fn reply(&mut self) -> String {
        loop {
            if let Some((frame, length)) = decode_bytes(&self.input.clone().freeze()).unwrap() {
                let _ = self.input.split_to(length);
                return text(&frame);
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(0) => return "closed".to_owned(),
                Ok(length) => self.input.extend_from_slice(&chunk[..length]),
                Err(error) => panic!("no reply: {error}"),
            }
        }
    }

    /// Sends a request of words and returns its reply.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.send(request(line).as_bytes());
        self.reply()
    }
}

/// A line of words as a RESP array.
pub(crate) fn request(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let bulk: Vec<String> = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    format!("*{}\r\n{}", words.len(), bulk.concat())
}

fn text(frame: &BytesFrame) -> String {
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match frame {
        BytesFrame::SimpleString(bytes) => format!("+{}", lossy(bytes)),
        BytesFrame::Error(message) => format!("-{message}"),
        BytesFrame::Integer(number) => format!(":{number}"),
        BytesFrame::BulkString(bytes) => format!("\"{}\"", lossy(bytes)),
        BytesFrame::Array(frames) => format!("[{}]", frames.iter().map(text).collect::<Vec<_>>().join(", ")),
        BytesFrame::Null => "nil".to_owned(),
    }
}

/// Sends a signal by its name, with the shell's own tool.
pub(crate) fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().unwrap().success());
}

/// The files in a directory, in order; none if there is no such directory.
pub(crate) fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
