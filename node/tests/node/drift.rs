//! Replicas whose rows are not the leader's any more: found, told, and repaired while writes go on.

use std::fs;

use crate::support::{Client, Cluster, eventually, request, signal};

const REDB: &str = "--storage redb --checkpoint-bytes 2000 --allow-corruption true";

fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let found =
        line.split(['\n', '\r', ',', '"', '+']).find_map(|part| part.strip_prefix(name)?.strip_prefix(['=', ':']));
    found.unwrap_or_else(|| panic!("no {name} in {line}"))
}

/// What the node's rows come to, once it has everything up to that LSN.
fn checksum(cluster: &Cluster, number: u16, lsn: &str) -> (String, String) {
    let mut client = cluster.client(number);
    let told = eventually("the node has caught up", || {
        let told = client.ask("CHECKSUM");
        (field(&told, "lsn").parse::<u64>().unwrap() >= lsn.parse().unwrap()).then_some(told)
    });
    (field(&told, "rows").to_owned(), field(&told, "checksum").to_owned())
}

/// A node ends as it should, with all its state on its disk, and comes back.
fn restart(cluster: &mut Cluster, number: u16) {
    signal("TERM", cluster.pid(number));
    cluster.wait(number);
    cluster.start_node(number);
    let mut client = cluster.client(number);
    eventually("it follows", || (!client.ask("INFO replication").contains("leader_id:\r\n")).then_some(()));
}

/// Asks until every follower's rows were compared.
fn verify(leader: &mut Client) -> String {
    eventually("all followers tell what they found", || {
        let told = leader.ask("VERIFY");
        assert!(told.starts_with("[\"verified_lsn="), "{told}");
        (!told.contains("state=unverified")).then_some(told)
    })
}

#[test]
fn a_row_that_drifted_in_a_file_is_found_and_repaired_for_good() {
    let mut cluster = Cluster::start_each(&["--allow-corruption true", REDB, REDB]);
    let leader = cluster.leader();
    cluster.all_follow(leader);
    let mut client = cluster.client(leader);
    let batch: String = (0..3000).map(|number| request(&format!("SET k{number:05} v{number}"))).collect();
    client.send(batch.as_bytes());
    (0..3000).for_each(|_| assert_eq!(client.reply(), "+OK"));
    assert!(verify(&mut client).contains("rows=3001,slices=4"));

    let drifted = if leader == 3 { 2 } else { 3 }; // it keeps its rows in a file
    let mut follower = cluster.client(drifted);
    assert_eq!(follower.ask("DEBUG CORRUPT k01500 other"), "+OK");
    assert_eq!(follower.ask("DEBUG CORRUPT k01501"), "+OK");
    restart(&mut cluster, drifted);
    let mut follower = cluster.client(drifted);
    let id = format!("n{drifted}");
    let told = verify(&mut client);
    assert!(told.contains(&format!("\"id={id},from=\"k01000\",to=\"k02000\"\"")), "{told}");
    assert_eq!(told.matches("state=drifted").count(), 1, "{told}");
    assert!(follower.ask("DRIFT").contains("from=\"k01000\",to=\"k02000\""));
    assert!(follower.ask("INFO replication").contains("\r\ndrifted_ranges:1\r\n"));
    assert!(client.ask("INFO replication").contains(",drifted_ranges=1\r\n"));
    assert!(cluster.log(drifted).contains("drifted: the rows are others than the leader's"));
    assert!(cluster.log(leader).contains("a follower has drifted"));
    assert!(follower.ask("REPAIR").starts_with("-REDIRECT "), "the leader has the right rows");

    let mut writer = cluster.client(leader);
    let batch: String = (0..3000).map(|number| request(&format!("SET k{:05} w", number * 7 % 3000))).collect();
    writer.send(batch.as_bytes());
    let told = client.ask("REPAIR");
    assert!(told.contains("repaired_lsn=") && told.contains("rows=1000,slices=1"), "{told}");
    assert!(!told.contains("state=drifted"), "{told}");
    (0..3000).for_each(|_| assert_eq!(writer.reply(), "+OK"));
    restart(&mut cluster, drifted);
    assert!(!verify(&mut client).contains("state=drifted"));
    let info = client.ask("INFO replication");
    let lsn = field(&info, "last_lsn");
    let sums: Vec<_> = (1..=3).map(|number| checksum(&cluster, number, lsn)).collect();
    assert!(sums.iter().all(|sum| *sum == sums[0] && sum.0 == "3001"), "{sums:?}");
}

#[test]
fn a_byte_that_drifted_in_a_physical_file_is_found_and_repaired() {
    let mut cluster = Cluster::start(3, "--storage redb --log physical --checkpoint-bytes 100000");
    let leader = cluster.leader();
    cluster.all_follow(leader);
    let mut client = cluster.client(leader);
    let needle = "needle".repeat(100);
    assert_eq!(client.ask(&format!("SET k {needle}")), "+OK");
    assert!(!verify(&mut client).contains("drifted_ranges=1"));

    let drifted = leader % 3 + 1;
    signal("TERM", cluster.pid(drifted));
    cluster.wait(drifted);
    let file = cluster.data(drifted).join("image").join("pages");
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes.windows(needle.len()).position(|window| window == needle.as_bytes()).unwrap();
    bytes[at] = b'N';
    fs::write(&file, bytes).unwrap();
    cluster.start_node(drifted);

    let told = verify(&mut client);
    assert!(told.contains(&format!("id=n{drifted},state=drifted")), "{told}");
    let mut follower = cluster.client(drifted);
    follower.ask("CLIENT READ follower");
    assert!(follower.ask("GET k").starts_with("\"Needle"));
    let told = client.ask("REPAIR");
    assert!(told.contains(&format!("id=n{drifted},state=equal")), "{told}");
    assert_eq!(follower.ask("GET k"), format!("\"{needle}\""));
    assert_eq!(client.ask("SET k 2"), "+OK");
    assert!(!verify(&mut client).contains("state=drifted"), "later changes of bytes fit the repaired file");
}
