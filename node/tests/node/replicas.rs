//! Snapshots, the logs behind them, and replicas that begin from one.

use std::fs;

use crate::support::{Client, Cluster, eventually, files, request};

/// So small that a few hundred writes go through several snapshots and segments.
const TINY_LOGS: &str = "--snapshot-bytes 8192 --keep-log-bytes 0 --segment-bytes 4096";

/// Writes keys `k0` to `k<count - 1>`, pipelined, each with this value.
fn write_keys(client: &mut Client, count: usize, value: &str) {
    let batch: String = (0..count).map(|number| request(&format!("SET k{number} {value}{number}"))).collect();
    client.send(batch.as_bytes());
    (0..count).for_each(|_| assert_eq!(client.reply(), "+OK"));
}

fn first_segment_is_gone(cluster: &Cluster, number: u16) -> bool {
    files(&cluster.data(number).join("log")).iter().all(|file| !file.ends_with("00000000000000000001.log"))
}

#[test]
fn a_node_comes_back_from_its_snapshot_and_the_log_behind_it() {
    let mut cluster = Cluster::start(1, TINY_LOGS);
    cluster.leader();
    let mut client = cluster.client(1);
    for round in 0..4 {
        write_keys(&mut client, 300, &format!("{round}-"));
    }
    eventually("the front of the log is cut", || first_segment_is_gone(&cluster, 1).then_some(()));
    for _ in 0..2 {
        cluster.kill(1);
        cluster.start_node(1);
        cluster.leader();
        let mut client = cluster.client(1);
        for number in 0..300 {
            assert_eq!(client.ask(&format!("GET k{number}")), format!("\"3-{number}\""));
        }
    }
}

#[test]
fn a_follower_that_was_away_for_too_long_gets_a_base_snapshot() {
    let mut cluster = Cluster::start(3, &format!("{TINY_LOGS} --max-slot-size 0"));
    let leader = cluster.leader();
    let away = leader % 3 + 1;
    cluster.kill(away);
    let mut client = cluster.client(leader);
    for round in 0..4 {
        write_keys(&mut client, 300, &format!("{round}-"));
    }
    eventually("the front of the log is cut", || first_segment_is_gone(&cluster, leader).then_some(()));
    cluster.start_node(away);
    eventually("the base snapshot is there", || cluster.log(away).contains("base snapshot installed").then_some(()));
    let mut stale = cluster.client(away);
    assert_eq!(stale.ask("CLIENT READ follower"), "+OK");
    eventually("the last write is there", || (stale.ask("GET k299") == "\"3-299\"").then_some(()));
    for number in 0..300 {
        assert_eq!(stale.ask(&format!("GET k{number}")), format!("\"3-{number}\""));
    }
    cluster.kill(away);
    cluster.start_node(away);
    let mut stale = cluster.client(away);
    assert_eq!(stale.ask("CLIENT READ follower"), "+OK");
    assert_eq!(stale.ask("GET k0"), "\"3-0\"", "what was installed survives");
}

#[test]
fn a_slot_keeps_the_log_until_it_is_dropped_or_lost() {
    let mut cluster = Cluster::start(1, &format!("{TINY_LOGS} --max-slot-size 60000"));
    cluster.leader();
    let mut client = cluster.client(1);
    assert_eq!(client.ask("SLOT CREATE cdc FROM 1"), "+OK");
    assert_eq!(client.ask("SLOT CREATE cdc"), "-ERR slot 'cdc' exists already");
    (0..2).for_each(|round| write_keys(&mut client, 300, &format!("{round}-")));
    let snapshots = || files(&cluster.data(1).join("snapshot"));
    eventually("a snapshot is there", || {
        snapshots().iter().any(|file| file.extension().is_some_and(|end| end == "snapshot")).then_some(())
    });
    assert!(!first_segment_is_gone(&cluster, 1), "the slot needs LSN 2");
    cluster.kill(1);
    cluster.start_node(1);
    cluster.leader();
    let mut client = cluster.client(1);
    assert!(client.ask("SLOT LIST").contains("name=cdc,kind=consumer,lsn=1,"), "slots survive a restart");

    assert_eq!(client.ask("SLOT ADVANCE cdc 100"), "+OK");
    (0..8).for_each(|round| write_keys(&mut client, 300, &format!("{round}-")));
    assert!(client.ask("SLOT LIST").contains("state=lost"), "{}", client.ask("SLOT LIST"));
    assert!(client.ask("SLOT ADVANCE cdc 2000").starts_with("-SLOTLOST"));
    assert!(cluster.log(1).contains("slot lost"));
    eventually("the front of the log is cut", || first_segment_is_gone(&cluster, 1).then_some(()));
    assert_eq!(client.ask("SLOT DROP cdc"), "+OK");
    assert_eq!(client.ask("SLOT LIST"), "[]");
}

#[test]
fn a_damaged_snapshot_is_refused() {
    let mut cluster = Cluster::start(1, TINY_LOGS);
    cluster.leader();
    write_keys(&mut cluster.client(1), 1000, "x");
    let snapshot = |cluster: &Cluster| {
        files(&cluster.data(1).join("snapshot"))
            .into_iter()
            .rfind(|file| file.extension().is_some_and(|end| end == "snapshot"))
    };
    eventually("a snapshot is there", || snapshot(&cluster));
    cluster.kill(1);
    let file = snapshot(&cluster).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    cluster.start_node(1);
    assert!(!cluster.wait(1).success());
    assert!(cluster.log(1).contains(".snapshot is damaged at byte"), "{}", cluster.log(1));
}

#[test]
fn a_node_with_a_damaged_log_is_rebuilt_from_the_leader() {
    // A physical change of a hundred keys takes a debug build as long as an election does by default.
    for flags in ["", "--storage redb", "--storage redb --log physical --heartbeat-ms 300"] {
        rebuild_with_a_damaged_log(flags);
    }
}

fn rebuild_with_a_damaged_log(flags: &str) {
    let mut cluster = Cluster::start(3, flags);
    let leader = cluster.leader();
    let damaged = leader % 3 + 1;
    write_keys(&mut cluster.client(leader), 100, "x");
    eventually("the follower has the records, on its disk, too", || {
        let mut client = cluster.client(damaged);
        client.ask("CLIENT READ follower");
        let is_there = client.ask("GET k99") == "\"x99\"";
        let info = client.ask("INFO replication");
        let at = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        (is_there && at("flushed_lsn:") == at("last_lsn:")).then_some(())
    });
    cluster.kill(damaged);
    let file = files(&cluster.data(damaged).join("log")).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    bytes[200] ^= 1;
    fs::write(&file, &bytes).unwrap();
    cluster.start_node(damaged);
    assert!(!cluster.wait(damaged).success());
    assert!(cluster.log(damaged).contains("--rebuild"), "the message tells the way out");

    cluster.change_flags(damaged, &format!("{flags} --rebuild"));
    cluster.start_node(damaged);
    eventually("it is rebuilt", || cluster.log(damaged).contains("rebuilt: this node votes again").then_some(()));
    let aside = cluster.data(damaged).join("damaged-1").join("log").join(file.file_name().unwrap());
    assert_eq!(fs::read(aside).unwrap(), bytes, "what was damaged is kept");
    let mut client = cluster.client(damaged);
    client.ask("CLIENT READ follower");
    eventually("everything is there", || (client.ask("GET k99") == "\"x99\"").then_some(()));

    cluster.change_flags(damaged, flags);
    cluster.kill(damaged);
    fs::remove_file(cluster.data(damaged).join("hard-state")).unwrap();
    cluster.change_flags(damaged, &format!("{flags} --rebuild"));
    cluster.start_node(damaged);
    assert!(!cluster.wait(damaged).success(), "who has forgotten its vote does not come back as itself");
    assert!(cluster.log(damaged).contains("under another --id"), "{}", cluster.log(damaged));
}

/// Who is rebuilt has no vote until a leader has told it everything, and one vote elects no leader.
#[test]
fn where_a_majority_lost_its_logs_a_person_promotes_a_node_that_did_not() {
    let mut cluster = Cluster::start(3, "");
    let intact = cluster.leader();
    let lost = [intact % 3 + 1, (intact + 1) % 3 + 1];
    write_keys(&mut cluster.client(intact), 100, "x");
    let info = |cluster: &Cluster| cluster.client(intact).ask("INFO replication");
    for node in lost {
        cluster.kill(node);
    }
    eventually("the leader steps down", || (!info(&cluster).contains("role:leader")).then_some(()));
    for node in lost {
        cluster.change_flags(node, "--rebuild");
        cluster.start_node(node);
    }
    let campaigns = |cluster: &Cluster| cluster.log(intact).matches("pre_vote=true").count();
    for node in lost {
        assert_eq!(cluster.client(node).ask("PING"), "+PONG");
    }
    let before = campaigns(&cluster);
    eventually("it asks for votes in vain", || (campaigns(&cluster) > before + 3).then_some(()));
    assert!(!info(&cluster).contains("role:leader"));

    let restart = |cluster: &mut Cluster, flags: &str| {
        (1..=3).for_each(|node| cluster.kill(node));
        for node in 1..=3 {
            cluster.change_flags(node, flags);
            cluster.start_node(node);
        }
    };
    restart(&mut cluster, "--election manual");
    let refused = cluster.client(lost[0]).ask("PROMOTE FORCE");
    assert!(refused.contains("being rebuilt; it may not lead"), "{refused}");
    let told = cluster.client(intact).ask("PROMOTE");
    assert!(told.contains("leads epoch"), "{told}");
    let is_rebuilt = |&node: &u16| cluster.log(node).contains("rebuilt: this node votes again");
    eventually("they are rebuilt from it", || lost.iter().all(is_rebuilt).then_some(()));
    restart(&mut cluster, "");
    let leader = cluster.leader();
    assert_eq!(cluster.client(leader).ask("GET k99"), "\"x99\"");
}
