//! `--metrics`: what Prometheus gets, and who else knocks there.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::support::{Client, Cluster, PATIENCE, eventually};

/// Says this and returns what is answered until the node closes.
fn exchange(address: SocketAddr, said: &[u8]) -> String {
    let mut stream = eventually("somebody listens", || TcpStream::connect(address).ok());
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(said).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the connection is closed in time");
    answer
}

/// The samples of a scrape by name and labels; panics where the text is not in the format.
fn scrape(address: SocketAddr) -> BTreeMap<String, String> {
    let answer = exchange(address, b"GET /metrics HTTP/1.1\r\nHost: node\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("Content-Type: text/plain; version=0.0.4"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
    samples(body).unwrap_or_else(|line| panic!("`{line}` is not in the format:\n{body}"))
}

/// Strictly as the text format 0.0.4 has it: each family's HELP, then its TYPE, then its samples. The error is the first bad line.
fn samples(body: &str) -> Result<BTreeMap<String, String>, String> {
    let is_name = |name: &str| {
        !name.is_empty()
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
    };
    let (mut found, mut helped, mut typed) = (BTreeMap::new(), "", "");
    for line in body.strip_suffix('\n').ok_or("the end")?.split('\n') {
        let bad = || line.to_owned();
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ').ok_or_else(bad)?;
            (is_name(name) && !text.is_empty()).then_some(()).ok_or_else(bad)?;
            helped = name;
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').ok_or_else(bad)?;
            let counts = name.ends_with("_total");
            (name == helped && kind == if counts { "counter" } else { "gauge" }).then_some(()).ok_or_else(bad)?;
            typed = name;
        } else {
            let (sample, value) = line.rsplit_once(' ').ok_or_else(bad)?;
            let (name, labels) = sample.split_once('{').unwrap_or((sample, "x=\"\"}"));
            let (label, quoted) =
                labels.strip_suffix("\"}").and_then(|label| label.split_once("=\"")).ok_or_else(bad)?;
            let sound = name == typed && is_name(label) && !quoted.contains(['"', '\\', ',']);
            value.parse::<f64>().map_err(|_| bad())?;
            (sound && found.insert(sample.to_owned(), value.to_owned()).is_none()).then_some(()).ok_or_else(bad)?;
        }
    }
    Ok(found)
}

#[test]
fn the_grammar_knows_bad_text() {
    let good = "# HELP a A.\n# TYPE a gauge\na{b=\"c\"} 1\na{b=\"d\"} 1.5\n";
    assert_eq!(samples(good).unwrap().len(), 2);
    for bad in [
        "a 1\n",
        "# HELP a A.\na 1\n",
        "# HELP a A.\n# TYPE a counter\na 1\n",
        "# HELP a A.\n# TYPE a gauge\na one\n",
        "# HELP a A.\n# TYPE a gauge\na 1\na 1\n",
        "# HELP a A.\n# TYPE a gauge\na{b=c} 1\n",
        "# HELP a A.\n# TYPE a gauge\na 1",
    ] {
        assert!(samples(bad).is_err(), "{bad}");
    }
}

#[test]
fn metrics_say_what_info_says() {
    // Slow heartbeats: nobody else is to lead in the middle of this.
    let cluster = Cluster::start_each(
        &[1, 2, 3].map(|n| format!("--heartbeat-ms 200 --metrics IP:{}", 9000 + n)).each_ref().map(String::as_str),
    );
    let metrics = |number: u16| SocketAddr::new(cluster.address(number).ip(), 9000 + number);
    let leader = cluster.leader();
    let mut client = cluster.client(leader);
    (0..10).for_each(|number| assert_eq!(client.ask(&format!("SET k{number} v")), "+OK"));
    let (info, told) = eventually("all followers have everything", || {
        let told = scrape(metrics(leader));
        let info = client.ask("INFO");
        let lags = told.iter().filter(|(name, _)| name.starts_with("replication_lag_records{"));
        (lags.clone().count() == 2 && lags.into_iter().all(|(_, lag)| lag == "0")).then_some((info, told))
    });
    let field = |name: &str| -> String {
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("{name} in {info}")).to_owned()
    };
    for name in ["epoch", "last_lsn", "flushed_lsn", "pending_operations", "sessions"] {
        assert_eq!(told[name], field(name), "{name}");
    }
    assert_eq!(told["writes_total"], field("writes"));
    assert!(told["writes_total"].parse::<u64>().unwrap() >= 11, "these ten and one of the search for a leader");
    assert_eq!(told["keys"], "11");
    assert_eq!(told["role{role=\"leader\"}"], "1");
    assert_eq!(told["role{role=\"follower\"}"], "0");
    for name in
        ["write_throughput", "commit_lsn", "semi_sync_degraded", "semi_sync_degradations_total", "connected_clients"]
    {
        assert!(told.contains_key(name), "{name} in {told:?}");
    }
    let other = leader % 3 + 1;
    let table = client.ask("REPLICATION STATUS");
    assert!(
        table.starts_with("\"follower  state      sync_state") && table.contains(&format!("\nn{other}        ")),
        "{table}"
    );
    assert_eq!(told[&format!("replication_lag_ms{{follower=\"n{other}\"}}")], "0");
    assert_eq!(told[&format!("follower_connected{{follower=\"n{other}\"}}")], "1");
    let follower = scrape(metrics(other));
    assert_eq!(follower["role{role=\"follower\"}"], "1");
    assert!(!follower.keys().any(|name| name.starts_with("replication_lag")), "only a leader knows");
}

#[test]
fn whoever_asks_for_something_else_is_told_so_and_nobody_hangs() {
    let cluster = Cluster::start(1, "--metrics IP:9001");
    let address = SocketAddr::new(cluster.address(1).ip(), 9001);
    cluster.leader();
    for (said, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "404"),
        ("POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "405"),
        ("*1\r\n$4\r\nPING\r\n", "400"),
        (&format!("GET /metrics HTTP/1.1\r\nA: {}", "x".repeat(100_000)), "431"),
    ] {
        let answer = exchange(address, said.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{said:.40}: {answer}");
    }
    // Connections that say nothing take every place, are closed in time, and then there is room again.
    let is_answered = || {
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.starts_with("HTTP/1.1 200").then_some(())
    };
    let mut silent = Vec::new();
    eventually("every place is taken", || {
        silent.push(TcpStream::connect(address).unwrap());
        is_answered().is_none().then_some(())
    });
    eventually("there is room again", is_answered);
    drop(silent);
    assert_eq!(Client::connect(cluster.address(1)).ask("PING"), "+PONG");
}
