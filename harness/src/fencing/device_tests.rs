//! The promise: the device strikes once, only who it was asked for, and only while somebody waits for it. Asked as agents do, over a
//! connection each; the node is real.

use std::path::Path;

use tokio::io::Lines;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::*;
use crate::cluster::WantedDisks;
use crate::fencing::device_beside;
use crate::report::stored;
use crate::run_dir::RunDir;
use crate::systems::node::Node;
use interregnum_workloads::seed::Seed;

/// An upper bound: nothing here takes longer than the start of a node.
const LIMIT: Duration = Duration::from_mins(1);

/// A cluster of one node, and a device beside it.
struct Site {
    cluster: Arc<Mutex<Cluster>>,
    device: Device,
    run_dir: RunDir,
}

/// Somebody who asks the device.
struct Asker {
    answers: Lines<BufReader<OwnedReadHalf>>,
    asks: OwnedWriteHalf,
}

impl Site {
    async fn build(directory: &Path) -> Self {
        let run_dir = RunDir::create(&directory.join("run")).unwrap();
        let recorder = Arc::new(Recorder::start(&run_dir).unwrap());
        let system = Arc::new(Node::cluster(1));
        let launched =
            Cluster::launch(system, Seed(1), Duration::ZERO, false, WantedDisks::Plain, &run_dir.logs()).await;
        let cluster = Arc::new(Mutex::new(launched.unwrap()));
        let device = Device::start(&cluster, &recorder).await;
        Self { cluster, device, run_dir }
    }

    async fn ask(&self, request: &str) -> Asker {
        let address = device_beside(self.cluster.lock().await.place(NodeId(0)).clients.ip());
        self.ask_at(address, request).await
    }

    async fn ask_at(&self, address: std::net::SocketAddr, request: &str) -> Asker {
        let (answers, mut asks) = TcpStream::connect(address).await.unwrap().into_split();
        let mut answers = BufReader::new(answers).lines();
        assert_eq!(answers.next_line().await.unwrap().as_deref(), Some(GREETING));
        asks.write_all(request.as_bytes()).await.unwrap();
        Asker { answers, asks }
    }

    /// Waits until so many requests hold the cluster, or wait for it.
    async fn wait_for_requests(&self, count: usize) {
        let waited = timeout(LIMIT, async {
            while Arc::strong_count(&self.cluster) != 1 + count {
                sleep(Duration::from_millis(1)).await;
            }
        });
        waited.await.expect("the device heard what it was asked for");
    }

    /// Ends everything; whom the device switched off, for whom.
    async fn end(self) -> Vec<String> {
        self.device.stop().await.unwrap();
        Arc::into_inner(self.cluster).unwrap().into_inner().take_down().await.unwrap();
        let events = stored::events(&self.run_dir.events()).unwrap();
        let fenced = events.into_iter().filter_map(|told| match told.event {
            RunEvent::Fenced { node, by, .. } => Some(format!("{node} for {by}")),
            _ => None,
        });
        fenced.collect()
    }
}

impl Asker {
    /// What the device says; nothing, if it ends the connection.
    async fn answer(mut self) -> String {
        let answer = timeout(LIMIT, self.answers.next_line()).await.expect("the device says something");
        drop(self.asks);
        answer.unwrap().unwrap_or_default()
    }
}

#[tokio::test]
async fn two_who_ask_at_the_same_time_have_a_node_switched_off_once() {
    let directory = tempfile::tempdir().unwrap();
    let site = Site::build(directory.path()).await;
    let cluster = site.cluster.lock().await;
    let address = device_beside(cluster.place(NodeId(0)).clients.ip());
    let first = site.ask_at(address, "off n1 for n2\n").await;
    site.wait_for_requests(1).await;
    let second = site.ask_at(address, "off n1 for n3\n").await;
    site.wait_for_requests(2).await;
    drop(cluster);
    let (first, second) = (first.answer().await, second.answer().await);
    assert!(first.starts_with("done reaped: "), "{first}");
    assert_eq!(second, "done switched off for another that asked at the same time");
    // Whoever asks later means what is there by then.
    assert!(site.ask("off n1 for n3\n").await.answer().await.starts_with("done reaped: "));
    assert_eq!(site.end().await, ["n1 for n2", "n1 for n3"]);
}

/// It was told that this failed, by its own time limit; a node that is killed all the same dies when nobody expects it.
#[tokio::test]
async fn who_has_left_gets_nothing_done() {
    let directory = tempfile::tempdir().unwrap();
    let site = Site::build(directory.path()).await;
    let cluster = site.cluster.lock().await;
    let address = device_beside(cluster.place(NodeId(0)).clients.ip());
    let asker = site.ask_at(address, "off n1 for n2\n").await;
    site.wait_for_requests(1).await;
    drop(asker);
    drop(cluster);
    site.wait_for_requests(0).await;
    assert_eq!(site.end().await, [""; 0]);
}

#[tokio::test]
async fn what_is_not_understood_is_not_done() {
    let directory = tempfile::tempdir().unwrap();
    let site = Site::build(directory.path()).await;
    for (request, answer) in [
        ("off n9 for n2\n", "failed: there is no n9"),
        ("off n1\n", ""),
        ("on n1 for n2\n", ""),
        ("off everything for n2\n", ""),
    ] {
        assert_eq!(site.ask(request).await.answer().await, answer, "{request}");
    }
    assert_eq!(site.end().await, [""; 0]);
}
