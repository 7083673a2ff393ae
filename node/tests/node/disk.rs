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
