//! What a node does about the state of its data directory, and how it stops.

use std::fs;

use crate::support::{Cluster, eventually, files, signal};

#[test]
fn a_node_stops_on_sigterm_and_comes_back_with_everything() {
    let mut cluster = Cluster::start(1, "--fsync interval");
    cluster.leader();
    assert_eq!(cluster.client(1).ask("SET k 1"), "+OK");
    signal("TERM", cluster.pid(1));
    assert!(cluster.wait(1).success());
    cluster.start_node(1);
    cluster.leader();
    assert_eq!(cluster.client(1).ask("GET k"), "\"1\"");
}

#[test]
fn a_torn_tail_is_cut_and_damage_in_the_middle_refused() {
    let mut cluster = Cluster::start(1, "");
    cluster.leader();
    assert_eq!(cluster.client(1).ask("SET k 1"), "+OK");
    cluster.kill(1);
    let file = files(&cluster.data(1).join("log")).remove(0);
    let sound = fs::read(&file).unwrap();

    fs::write(&file, [&sound[..], b"torn"].concat()).unwrap();
    cluster.start_node(1);
    cluster.leader();
    assert_eq!(cluster.client(1).ask("GET k"), "\"1\"");
    assert!(cluster.log(1).contains("truncated: cut off a torn tail"));
    cluster.kill(1);

    let mut damaged = fs::read(&file).unwrap();
    damaged[40] ^= 1;
    fs::write(&file, damaged).unwrap();
    cluster.start_node(1);
    assert!(!cluster.wait(1).success());
    assert!(cluster.log(1).contains("00000000000000000001.log is damaged at byte 28"), "{}", cluster.log(1));
}

#[test]
fn a_data_directory_in_use_is_refused() {
    let mut cluster = Cluster::start(2, "");
    cluster.leader();
    cluster.kill(2);
    fs::remove_dir_all(cluster.data(2)).unwrap();
    std::os::unix::fs::symlink(cluster.data(1), cluster.data(2)).unwrap();
    cluster.start_node(2);
    assert!(!cluster.wait(2).success());
    eventually("the reason is logged", || cluster.log(2).contains("in use by another node").then_some(()));
}

/// Sets the size to which files of a running process may grow; `None` where there is no tool for it.
fn limit_files(pid: u32, bytes: &str) -> Option<()> {
    let limit = format!("--fsize={bytes}:");
    let output = std::process::Command::new("prlimit").args(["--pid", &pid.to_string(), &limit]).output();
    match output {
        Ok(output) if output.status.success() => Some(()),
        _ => {
            eprintln!("SKIPPED: prlimit (util-linux) is not there, so no disk was made full");
            None
        }
    }
}

/// Writes until one is refused; how many were acknowledged, and the refusal.
fn write_until_refused(client: &mut crate::support::Client) -> (usize, String) {
    let value = "x".repeat(1000);
    let mut acknowledged = 0;
    loop {
        let reply = client.ask(&format!("RPUSH list {value}"));
        if !reply.starts_with(':') {
            return (acknowledged, reply);
        }
        acknowledged += 1;
        assert!(acknowledged < 10_000, "the disk never got full");
    }
}

#[test]
fn a_node_whose_disk_is_full_says_so_serves_stale_reads_and_goes_on_when_there_is_room() {
    let mut cluster = Cluster::start(1, "");
    cluster.leader();
    if limit_files(cluster.pid(1), "40000").is_none() {
        return;
    }
    let mut client = cluster.client(1);
    let (acknowledged, refusal) = write_until_refused(&mut client);
    assert!(refusal.starts_with("-UNCERTAIN"), "the first was logged, but not on the disk: {refusal}");
    let refusal = client.ask("SET k 1");
    assert!(refusal.starts_with("-READONLY disk full"), "{refusal}");
    assert_eq!(client.ask("CLIENT READ follower"), "+OK");
    assert!(client.ask("GET leader-test").contains('1'));
    let info = client.ask("INFO persistence");
    assert!(info.contains("disk:full") && info.contains(".log: "), "{info}");
    assert!(cluster.log(1).contains("the disk takes no writes"), "{}", cluster.log(1));

    limit_files(cluster.pid(1), "unlimited").unwrap();
    cluster.leader();
    assert!(cluster.client(1).ask("INFO persistence").contains("disk:ok"));
    let found = cluster.client(1).ask("LRANGE list 0 -1").matches("xx").count() / 500;
    assert!(found >= acknowledged, "{acknowledged} were acknowledged, {found} are there");

    cluster.kill(1);
    cluster.start_node(1);
    cluster.leader();
    let found = cluster.client(1).ask("LRANGE list 0 -1").matches("xx").count() / 500;
    assert!(found >= acknowledged, "{acknowledged} were acknowledged, {found} are there after a restart");
}

#[test]
fn another_node_leads_when_the_leaders_disk_is_full() {
    let cluster = Cluster::start(3, "--heartbeat-ms 50");
    let leader = cluster.leader();
    if limit_files(cluster.pid(leader), "40000").is_none() {
        return;
    }
    let (acknowledged, _) = write_until_refused(&mut cluster.client(leader));
    let next = eventually("another node leads", || Some(cluster.leader()).filter(|&next| next != leader));
    let found = cluster.client(next).ask("LRANGE list 0 -1").matches("xx").count() / 500;
    assert!(found >= acknowledged, "{acknowledged} were acknowledged, {found} are there");
}
