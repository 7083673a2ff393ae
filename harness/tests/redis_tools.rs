//! The promise: `redis-cli` and `redis-benchmark`, as Debian ships them, work against a node.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A cluster of one, which needs nobody's vote.
struct Server {
    process: Child,
    port: String,
    _data: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `None`, said aloud, where the tools are not installed.
fn server() -> Option<Server> {
    if Command::new("redis-benchmark").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("SKIPPED: redis-tools are not installed, so Redis's own clients were not tried");
        return None;
    }
    let data = tempfile::tempdir().unwrap();
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (clients, peers) = (free(), free());
    let process = Command::new(env!("CARGO_BIN_EXE_interregnum"))
        .args(["node", "--id", "n1", "--fsync", "interval"])
        .args(["--listen", &clients.to_string(), "--peer-listen", &peers.to_string()])
        .arg("--data")
        .arg(data.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server { process, port: clients.port().to_string(), _data: data };
    let deadline = Instant::now() + Duration::from_secs(30);
    while cli(&server, &["SET", "ready", "1"]) != "OK" {
        assert!(Instant::now() < deadline, "the node takes no writes");
        std::thread::sleep(Duration::from_millis(5));
    }
    Some(server)
}

fn cli(server: &Server, words: &[&str]) -> String {
    let output = Command::new("redis-cli").args(["-p", &server.port]).args(words).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn redis_cli_speaks_with_a_node() {
    let Some(server) = server() else { return };
    for (words, answer) in [
        (&["SET", "k", "1"][..], "OK"),
        (&["GET", "k"], "1"),
        (&["SET", "k", "2", "IFEQ", "1"], "OK"),
        (&["SET", "k", "3", "IFEQ", "1"], "2"),
        (&["INCR", "k"], "3"),
        (&["RPUSH", "l", "a", "b"], "2"),
        (&["LRANGE", "l", "0", "-1"], "a\nb"),
        (&["DEL", "k"], "1"),
        (&["GET", "k"], ""),
        (&["PING"], "PONG"),
    ] {
        assert_eq!(cli(&server, words), answer, "{words:?}");
    }
    assert!(cli(&server, &["INFO", "replication"]).contains("role:leader"));
    assert!(cli(&server, &["GET"]).contains("wrong number of arguments"));
}

#[test]
fn redis_benchmark_runs_to_its_end() {
    let Some(server) = server() else { return };
    let output = Command::new("redis-benchmark")
        .args(["-p", &server.port, "-t", "ping,set,get,incr,rpush,lrange", "-n", "2000", "-c", "8", "-P", "4", "--csv"])
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}{}", String::from_utf8_lossy(&output.stderr));
    for command in ["SET", "GET", "INCR", "RPUSH", "LRANGE_100"] {
        assert!(report.contains(&format!("\"{command}")), "{command} is missing from\n{report}");
    }
}
