//! Faults of the network as its parties see them.

use std::sync::Mutex;

use interregnum_workloads::seed::Seed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::*;

const N1: NodeId = NodeId(0);
const N2: NodeId = NodeId(1);
/// Long enough that bytes which are not held would have arrived. Only a held byte makes a test wait for it.
const NOTHING_ARRIVES: Duration = Duration::from_millis(50);

/// Two nodes, of which n2 echoes what its peers send, and a connection from n1 to it.
async fn echo() -> (Network, TcpStream) {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listens = Listens { clients: server.local_addr().unwrap(), peers: server.local_addr().unwrap() };
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = server.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                tokio::io::copy(&mut reader, &mut writer).await
            });
        }
    });
    let nodes = BTreeMap::from([(N1, listens), (N2, listens)]);
    let network = Network::connect(Ipv4Addr::LOCALHOST, &nodes, Duration::ZERO).await.unwrap();
    let stream = TcpStream::connect(network.address(Endpoint::Node(N1), Endpoint::Node(N2))).await.unwrap();
    (network, stream)
}

async fn round_trip(stream: &mut TcpStream, word: &[u8; 4]) -> [u8; 4] {
    let mut answer = [0; 4];
    stream.write_all(word).await.unwrap();
    stream.read_exact(&mut answer).await.unwrap();
    answer
}

/// Cuts `direction`, sends a word, and checks that it is held back there and arrives after the restoration.
async fn check_cut_holds_bytes(direction: Direction) {
    let (network, mut stream) = echo().await;
    assert_eq!(&round_trip(&mut stream, b"ping").await, b"ping");

    network.cut(direction);
    let before = network.traffic(direction);
    stream.write_all(b"late").await.unwrap();
    let mut answer = [0; 4];
    assert!(timeout(NOTHING_ARRIVES, stream.read_exact(&mut answer)).await.is_err(), "a byte crossed the cut");
    let during = network.traffic(direction);
    assert_eq!(during.forwarded_bytes, before.forwarded_bytes);
    assert_eq!(during.held_bytes, before.held_bytes + 4);

    network.restore(direction);
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"late");
}

#[tokio::test]
async fn a_cut_applies_to_connections_that_exist() {
    check_cut_holds_bytes(Direction::between(N1, N2)).await;
}

#[tokio::test]
async fn a_cut_applies_to_one_direction_of_the_same_connection() {
    check_cut_holds_bytes(Direction::between(N2, N1)).await;
}

#[tokio::test]
async fn a_cut_applies_to_connections_that_come() {
    let (network, _) = echo().await;
    let direction = Direction::between(N1, N2);
    network.cut(direction);
    let mut stream = TcpStream::connect(network.address(Endpoint::Node(N1), Endpoint::Node(N2))).await.unwrap();
    stream.write_all(b"hold").await.unwrap();
    let mut answer = [0; 4];
    assert!(timeout(NOTHING_ARRIVES, stream.read_exact(&mut answer)).await.is_err(), "a byte crossed the cut");
    network.restore(direction);
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"hold");
}

#[tokio::test]
async fn cuts_of_one_direction_add_up() {
    let (network, mut stream) = echo().await;
    let direction = Direction::between(N1, N2);
    network.cut(direction);
    network.cut(direction);
    network.restore(direction);
    stream.write_all(b"held").await.unwrap();
    assert!(timeout(NOTHING_ARRIVES, stream.read_u8()).await.is_err(), "one cut of two was undone, not both");
    network.restore(direction);
    assert_eq!(stream.read_u8().await.unwrap(), b'h');
}

#[tokio::test]
async fn a_connection_that_waits_is_held_back_by_every_cut() {
    let (network, mut open) = echo().await;
    open.write_all(b"?").await.unwrap();
    assert_eq!(open.read_u8().await.unwrap(), b'?', "this one does not wait");
    let direction = Direction::between(N1, N2);
    let held = || network.traffic(direction).held_connections;
    network.cut(direction);
    let mut stream = TcpStream::connect(network.address(Endpoint::Node(N1), Endpoint::Node(N2))).await.unwrap();
    while held() < 1 {
        tokio::task::yield_now().await;
    }
    network.cut(direction);
    assert_eq!(held(), 2);
    network.restore(direction);
    network.restore(direction);
    stream.write_all(b"!").await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'!');
    network.cut(direction);
    assert_eq!(held(), 2, "nobody waits any more");
}

#[tokio::test]
async fn a_severed_node_drops_what_was_under_way() {
    let (network, mut stream) = echo().await;
    network.cut(Direction::between(N1, N2));
    stream.write_all(b"lost").await.unwrap();
    sleep(NOTHING_ARRIVES).await;
    network.sever(N2);
    assert!(stream.read_u8().await.is_err(), "the connection is reset");
}

#[tokio::test]
async fn a_slow_direction_delays_bytes_until_it_is_mended() {
    let (network, mut stream) = echo().await;
    let (direction, rng) = (Direction::between(N1, N2), Mutex::new(Seed(1).stream("jitter")));
    let hour = Duration::from_hours(1);
    let slowness = Arc::new(Slowness { delay: hour, jitter: hour, bytes_per_s: None, rng });
    network.slow_down(direction, &slowness);
    stream.write_all(b"slow").await.unwrap();
    let mut answer = [0; 4];
    assert!(timeout(NOTHING_ARRIVES, stream.read_exact(&mut answer)).await.is_err(), "a byte took less than an hour");
    assert_eq!(network.traffic(direction).slowed_bytes, 4);
    network.speed_up(direction, &slowness);
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"slow");
}

#[tokio::test]
async fn little_bandwidth_lets_few_bytes_pass() {
    let (network, mut stream) = echo().await;
    let (direction, rng) = (Direction::between(N1, N2), Mutex::new(Seed(1).stream("jitter")));
    let slowness = Arc::new(Slowness { delay: Duration::ZERO, jitter: Duration::ZERO, bytes_per_s: Some(10_000), rng });
    network.slow_down(direction, &slowness);
    let began = Instant::now();
    stream.write_all(&[7; 2000]).await.unwrap();
    stream.read_exact(&mut [0; 2000]).await.unwrap();
    // The last hundred bytes do not wait for anybody behind them.
    assert!(began.elapsed() >= Duration::from_millis(190), "2000 bytes took {:?}", began.elapsed());
}

#[tokio::test]
async fn corruption_changes_one_bit() {
    let (network, mut stream) = echo().await;
    let (direction, rng) = (Direction::between(N1, N2), Mutex::new(Seed(1).stream("bits")));
    let corruption = Arc::new(Corruption { one_in: 1, rng });
    network.corrupt(direction, &corruption);
    let answer = round_trip(&mut stream, b"ping").await;
    let changed_bits: u32 = b"ping".iter().zip(answer).map(|(sent, came)| (sent ^ came).count_ones()).sum();
    assert_eq!((changed_bits, network.traffic(direction).corrupted_bytes), (1, 1));
    network.mend(direction, &corruption);
    assert_eq!(&round_trip(&mut stream, b"ping").await, b"ping");
}

#[tokio::test]
async fn a_reset_ends_connections_and_lets_new_ones_come() {
    let (network, mut stream) = echo().await;
    round_trip(&mut stream, b"ping").await;
    let link = Direction::between(N1, N2);
    network.reset(link);
    assert_eq!(stream.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(network.traffic(link).reset_connections, 1);
    let mut again = TcpStream::connect(network.address(Endpoint::Node(N1), Endpoint::Node(N2))).await.unwrap();
    assert_eq!(&round_trip(&mut again, b"ping").await, b"ping");
}

#[tokio::test]
async fn a_forgotten_connection_looks_open_to_the_other_end() {
    let (network, mut stream) = echo().await;
    round_trip(&mut stream, b"ping").await;
    let link = Direction::between(N1, N2);
    network.forget(link, Endpoint::Node(N2));
    while network.traffic(link).half_open_connections == 0 {
        sleep(Duration::from_millis(1)).await;
    }
    stream.write_all(b"void").await.unwrap();
    assert!(timeout(NOTHING_ARRIVES, stream.read_u8()).await.is_err(), "the dialer was told");
    assert_eq!(network.traffic(link).swallowed_bytes, 4);
    let mut again = TcpStream::connect(network.address(Endpoint::Node(N1), Endpoint::Node(N2))).await.unwrap();
    assert_eq!(&round_trip(&mut again, b"ping").await, b"ping", "connections made anew work");
    network.remember(link);
    assert!(stream.read_u8().await.is_err(), "the dialer is told in the end");
    assert_eq!(&round_trip(&mut again, b"ping").await, b"ping");
}

/// Waits until the network has counted one.
async fn counted(network: &Network, direction: Direction, counter: fn(Traffic) -> u64) {
    while counter(network.traffic(direction)) == 0 {
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_half_closed_connection_carries_bytes_one_way() {
    let (network, mut stream) = echo().await;
    round_trip(&mut stream, b"ping").await;
    let (link, back) = (Direction::between(N1, N2), Direction::between(N2, N1));
    network.close_half(link, Endpoint::Node(N2));
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0, "n1 is told that n2 is done");
    assert_eq!(network.traffic(back).half_closed_connections, 1);
    stream.write_all(b"hear").await.unwrap();
    counted(&network, back, |traffic| traffic.swallowed_bytes).await;
    assert_eq!(network.traffic(link).forwarded_bytes, 8, "n2 still hears n1");
    let mut again = TcpStream::connect(network.address(Endpoint::Node(N1), Endpoint::Node(N2))).await.unwrap();
    assert_eq!(&round_trip(&mut again, b"ping").await, b"ping", "connections made anew work");
    network.close_both(link);
    let broken = async { while stream.write_all(b"more").await.is_ok() {} };
    timeout(Duration::from_secs(30), broken).await.expect("what is left half closed is reset in the end");
    assert_eq!(&round_trip(&mut again, b"ping").await, b"ping");
}

/// n2 closes a connection; n1 learns of it when the direction is prompt again.
#[tokio::test]
async fn an_end_is_told_late() {
    let (network, mut stream) = echo().await;
    round_trip(&mut stream, b"ping").await;
    let (link, back, hour) = (Direction::between(N1, N2), Direction::between(N2, N1), Duration::from_hours(1));
    network.linger(back, hour);
    network.close_half(link, Endpoint::Node(N1));
    counted(&network, back, |traffic| traffic.delayed_closes).await;
    assert!(timeout(NOTHING_ARRIVES, stream.read(&mut [0; 1])).await.is_err(), "n1 was told within an hour");
    network.close_promptly(back, hour);
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0, "n1 is told in the end");
}

/// A node whose host dies says nothing; the others notice late.
#[tokio::test]
async fn a_death_is_told_late() {
    let (network, mut stream) = echo().await;
    round_trip(&mut stream, b"ping").await;
    let (back, hour) = (Direction::between(N2, N1), Duration::from_hours(1));
    network.linger(back, hour);
    network.sever(N2);
    assert!(timeout(NOTHING_ARRIVES, stream.read_u8()).await.is_err(), "n1 was told within an hour");
    network.close_promptly(back, hour);
    assert!(stream.read_u8().await.is_err(), "n1 is told in the end");
}
