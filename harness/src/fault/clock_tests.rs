//! The promise: reads under a lease are as fresh as clocks are right. A leader whose clock is slow is cut off, another is elected and
//! takes a write; what does the first one tell then?

use std::sync::Arc;

use interregnum_workloads::seed::Seed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::*;
use crate::cluster::{WantedDisks, agreed_leader};
use crate::system::Role;
use crate::systems::node::Node;

/// Every wait here is for something that comes.
const LIMIT: Duration = Duration::from_mins(1);

/// What a node answers to a command of plain words; `None` if it does not within the time.
async fn ask(cluster: &Cluster, node: NodeId, words: &str, limit: Duration) -> Option<String> {
    let words: Vec<_> = words.split(' ').collect();
    let frame: Vec<_> = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    let address = cluster.place(node).clients;
    let asked = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(format!("*{}\r\n{}", words.len(), frame.concat()).as_bytes()).await.ok()?;
        let mut answer = vec![0; 1024];
        let length = stream.read(&mut answer).await.ok()?;
        answer.truncate(length);
        Some(String::from_utf8_lossy(&answer).into_owned())
    };
    timeout(limit, asked).await.ok()?
}

/// Whoever leads beside `old`, once a write of its own is done.
async fn write_elsewhere(cluster: &Cluster, old: NodeId) -> NodeId {
    let write = async {
        loop {
            for (node, status) in cluster.statuses().await {
                if node != old
                    && status.role == Role::Leader
                    && ask(cluster, node, "SET k new", LIMIT).await.is_some_and(|answer| answer.starts_with("+OK"))
                {
                    return node;
                }
            }
            sleep(LOOK).await;
        }
    };
    timeout(LIMIT, write).await.expect("another node is elected")
}

/// What the deposed leader tells of the key, with clocks that are wrong by so many millionths and were said to be by so many.
async fn told(leader_ppm: i64, others_ppm: i64, said_ppm: u32) -> Option<String> {
    let logs = tempfile::tempdir().unwrap();
    let modes =
        format!("--read leader-lease --heartbeat-ms 50 --missed-heartbeats 20 --max-clock-drift-ppm {said_ppm}");
    let system = Arc::new(Node::cluster(3).modes(&modes));
    let mut cluster =
        Cluster::launch(system, Seed(7), Duration::ZERO, false, WantedDisks::Plain, logs.path()).await.unwrap();
    let elected = async {
        loop {
            if let Some(leader) = agreed_leader(&cluster.statuses().await, 3) {
                return leader;
            }
            sleep(LOOK).await;
        }
    };
    let old = timeout(LIMIT, elected).await.expect("a leader is elected");
    let others: Vec<_> = cluster.nodes().into_iter().filter(|node| *node != old).collect();
    assert!(ask(&cluster, old, "SET k old", LIMIT).await.is_some_and(|answer| answer.starts_with("+OK")));

    let mut rng = Seed(7).stream("clocks");
    let mut faults = Vec::new();
    for (targets, ppm) in [(vec![old], leader_ppm), (others, others_ppm)] {
        let strike = Fault::ClockDrift { ppm }.strike(&cluster, targets, Some(old), &mut rng);
        faults.push(strike.inject(&mut cluster, &mut rng).await.unwrap());
    }
    let isolate = Fault::Partition(Shape::Isolate).strike(&cluster, vec![old], Some(old), &mut rng);
    faults.push(isolate.inject(&mut cluster, &mut rng).await.unwrap());
    write_elsewhere(&cluster, old).await;
    let told = ask(&cluster, old, "GET k", Duration::from_millis(300)).await;
    while let Some(fault) = faults.pop() {
        fault.undo(&mut cluster).await.unwrap();
    }
    cluster.take_down().await.unwrap();
    told
}

/// A lease of one second lasts ten on the slow clock. On a machine that is so busy that the election takes longer, it is over.
#[tokio::test]
async fn a_leader_with_a_clock_slower_than_was_said_tells_what_is_old() {
    for _ in 0..3 {
        if told(-900_000, 100_000, 1000).await.is_some_and(|answer| answer.contains("old")) {
            return;
        }
    }
    panic!("nothing old was told in three attempts");
}

#[tokio::test]
async fn within_what_was_said_nothing_old_is_told() {
    let told = told(-100_000, 100_000, 200_000).await;
    assert!(told.as_ref().is_none_or(|answer| !answer.contains("old")), "{told:?}");
}
