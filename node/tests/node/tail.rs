//! Change data capture: what a consumer is told of a cluster's changes, and that it is told each of them once.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Child;

use crate::support::{Cluster, eventually, spawn_printing};

/// A consumer that runs, killed at the end of the test.
struct Tail {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Tail {
    /// Starts one that knows every node.
    fn start(cluster: &Cluster, name: &str, flags: &str) -> Self {
        let from: Vec<String> =
            (1..=cluster.size()).map(|number| format!("--from {}", cluster.address(number))).collect();
        let [out, err] = ["out", "err"].map(|kind| cluster.dir.path().join(format!("tail-{name}.{kind}")));
        let (stdout, stderr) = (File::create(&out).unwrap(), File::create(&err).unwrap());
        Tail { child: spawn_printing(&format!("tail {} {flags}", from.join(" ")), stdout, stderr), out, err }
    }

    /// What it printed, without the test binary's own words.
    fn lines(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(&self.out).unwrap();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let json = whole.lines().filter_map(|line| line.find('{').map(|start| &line[start..]));
        json.map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// Waits until it prints so many lines.
    fn wait_lines(&self, count: usize) -> Vec<serde_json::Value> {
        eventually("changes are told", || Some(self.lines()).filter(|lines| lines.len() >= count))
    }

    /// Waits for its end; whether it succeeded, and what it said.
    fn wait(&mut self) -> (bool, String) {
        let status = eventually("the tool ends", || self.child.try_wait().unwrap());
        (status.success(), fs::read_to_string(&self.err).unwrap())
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- tail\n{}", fs::read_to_string(&self.err).unwrap());
        }
    }
}

/// The elements that were pushed to `l`, in the order in which they were told.
fn pushed(lines: &[serde_json::Value]) -> Vec<u32> {
    let elements = lines.iter().filter(|line| line["key"] == "l").map(|line| &line["push_back"][0]);
    elements.map(|element| element.as_str().unwrap().parse().unwrap()).collect()
}

/// `LSN@GTID` of a line.
fn position(line: &serde_json::Value) -> String {
    format!("{}@{}", line["lsn"], line["gtid"].as_str().unwrap())
}

#[test]
fn every_change_is_told_with_its_images() {
    let cluster = Cluster::start(1, "");
    let mut client = cluster.client(cluster.leader());
    for line in ["SET k 1", "SET k 2", "RPUSH l a b", "LPUSH l c", "DEL k l nosuch"] {
        client.ask(line);
    }
    client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$2\r\n\xff\x00\r\n");
    assert_eq!(client.reply(), "+OK");
    let mut tail = Tail::start(&cluster, "all", "--format jsonl");
    assert!(tail.wait().0);
    let mut lines = tail.lines();
    lines.retain(|line| line["key"] != "leader-test");
    let last_gtid = lines.last().unwrap()["gtid"].as_str().unwrap().to_owned();
    let told: Vec<String> = lines
        .iter_mut()
        .map(|line| {
            let line = line.as_object_mut().unwrap();
            assert!(["lsn", "epoch", "gtid"].iter().all(|name| line.remove(*name).is_some()), "{line:?}");
            serde_json::to_string(line).unwrap()
        })
        .collect();
    let expected = [
        r#"{"after":"1","key":"k","op":"insert"}"#,
        r#"{"after":"2","before":"1","key":"k","op":"update"}"#,
        r#"{"key":"l","op":"update","push_back":["a","b"]}"#,
        r#"{"key":"l","op":"update","push_front":["c"]}"#,
        r#"{"before":"2","key":"k","op":"delete"}"#,
        r#"{"before":["c","a","b"],"key":"l","op":"delete"}"#,
        r#"{"after":{"hex":"ff00"},"key":"b","op":"insert"}"#,
    ];
    assert_eq!(told, expected);

    let info = client.ask("INFO replication");
    let set = info.lines().find_map(|line| line.trim().strip_prefix("gtid_executed:")).unwrap();
    assert!(set.starts_with("n1:") && last_gtid.ends_with(set.rsplit('-').next().unwrap()), "{set}, {last_gtid}");
    client.ask("SET k 3");
    // The first record of a log begins behind the header of its first file.
    let mut tail = Tail::start(&cluster, "offset", "--after 00000000000000000001.log:28");
    assert!(tail.wait().0);
    assert_eq!(tail.lines()[0]["lsn"], 2);
    assert!(client.ask("CHANGES AT 00000000000000000001.log 28").starts_with("+1@n1:"));
    assert!(client.ask("CHANGES AT 00000000000000000001.log 29").starts_with("-ERR no record begins at byte 29"));
    assert!(client.ask("CHANGES AT ../hard-state 0").starts_with("-ERR the log here has no file"));
    let mut tail = Tail::start(&cluster, "set", &format!("--after {set}"));
    assert!(tail.wait().0);
    assert_eq!(tail.lines().len(), 1, "only what is not in the set");
}

#[test]
fn a_consumer_that_comes_back_goes_on_where_it_stopped() {
    let cluster = Cluster::start(1, "");
    let mut client = cluster.client(cluster.leader());
    let mut told = Vec::new();
    let mut after = "0".to_owned();
    for round in 0..3 {
        let first = round * 40;
        (first..first + 20).for_each(|number| assert!(client.ask(&format!("RPUSH l {number}")).starts_with(':')));
        let tail = Tail::start(&cluster, &round.to_string(), &format!("--follow --after {after}"));
        (first + 20..first + 40).for_each(|number| assert!(client.ask(&format!("RPUSH l {number}")).starts_with(':')));
        let mut lines = tail.wait_lines(1);
        if round == 2 {
            lines =
                eventually("the last is told", || Some(tail.lines()).filter(|lines| pushed(lines).ends_with(&[119])));
        }
        drop(tail);
        after = position(lines.last().unwrap());
        told.extend(pushed(&lines));
    }
    assert_eq!(told, (0..120).collect::<Vec<_>>());
}

#[test]
fn a_consumer_follows_the_leader_and_misses_nothing() {
    let mut cluster = Cluster::start(3, "");
    let first = cluster.leader();
    let tail = Tail::start(&cluster, "failover", "--follow --slot cdc");
    let mut client = cluster.client(first);
    (0..50).for_each(|number| assert!(client.ask(&format!("RPUSH l {number}")).starts_with(':')));
    eventually("the first leader's are told", || pushed(&tail.lines()).ends_with(&[49]).then_some(()));
    assert!(client.ask("SLOT LIST").contains("name=cdc,kind=consumer"));
    (50..100).for_each(|number| assert!(client.ask(&format!("RPUSH l {number}")).starts_with(':')));
    cluster.kill(first);
    let second = cluster.leader();
    let mut client = cluster.client(second);
    (100..150).for_each(|number| assert!(client.ask(&format!("RPUSH l {number}")).starts_with(':')));
    eventually("the second leader's are told", || pushed(&tail.lines()).ends_with(&[149]).then_some(()));
    assert_eq!(pushed(&tail.lines()), (0..150).collect::<Vec<_>>());
    eventually("the new leader keeps a slot too", || {
        client.ask("SLOT LIST").contains("name=cdc,kind=consumer").then_some(())
    });
}

#[test]
fn a_slot_keeps_what_a_consumer_needs_and_without_one_it_is_told_what_is_gone() {
    for keeps in [true, false] {
        let flags = "--snapshot-bytes 65536 --keep-log-bytes 0 --segment-bytes 65536";
        let cluster = Cluster::start(1, flags);
        let mut client = cluster.client(cluster.leader());
        assert_eq!(client.ask("RPUSH l 0"), ":1");
        if keeps {
            let mut tail = Tail::start(&cluster, "create", "--slot cdc");
            assert!(tail.wait().0);
            assert_eq!(pushed(&tail.lines()), [0]);
        }
        assert_eq!(client.ask("RPUSH l 1"), ":2");
        let large = "x".repeat(20_000);
        (0..20).for_each(|number| assert_eq!(client.ask(&format!("SET k{number} {large}")), "+OK"));
        if !keeps {
            eventually("records are let go", || client.ask("CHANGES AFTER 1").starts_with("-GONE").then_some(()));
        }
        eventually("a snapshot is taken", || cluster.log(1).contains("snapshot").then_some(()));
        let mut tail = Tail::start(&cluster, "again", if keeps { "--slot cdc" } else { "--after 3" });
        let (succeeded, said) = tail.wait();
        assert_eq!(succeeded, keeps, "{said}");
        if keeps {
            assert_eq!(pushed(&tail.lines()), [1], "what was told before is not told again");
            assert_eq!(tail.lines().len(), 21);
        } else {
            assert!(said.contains("the log here begins with LSN") && said.contains("SLOT CREATE"), "{said}");
        }
    }
}

#[test]
fn what_cannot_be_told_is_said_why() {
    let cluster = Cluster::start(1, "");
    let mut client = cluster.client(cluster.leader());
    assert!(client.ask("CHANGES AFTER 1@n1:7").starts_with("-REWOUND at LSN 1 there is n1:"));
    assert!(client.ask("CHANGES AFTER 1000").starts_with("-AHEAD the log here ends at LSN"));
    assert!(client.ask("CHANGES AFTER n1:1-99999999").starts_with("-AHEAD the log here does not hold n1:1-"));
    assert!(client.ask("CHANGES AFTER n9:1").starts_with("-AHEAD the log here does not hold n9:1"));
    let cluster = Cluster::start(1, "--storage redb --log physical");
    let mut client = cluster.client(cluster.leader());
    assert!(client.ask("CHANGES AFTER 0").starts_with("-ERR the log is physical here"));
}
