//! What the harness itself costs: a proxied hop beside a direct one, starting and ending a cluster, and operations a second
//! through all of it. Figures of one run on one machine belong side by side, so everything is measured in one run.
//!
//! `cargo bench -p interregnum`

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Instant;

use interregnum::network::{Endpoint, Listens, Network};
use interregnum::node_id::NodeId;
use interregnum::prelude::*;

/// Round trips of each kind: enough for a steady 99th percentile.
const ROUND_TRIPS: usize = 20_000;

/// Clusters launched one after the other.
const LAUNCHES: usize = 20;

#[tokio::main]
async fn main() -> interregnum::Result {
    hop().await.map_err(|error| interregnum::Error::Harness(error.into()))?;
    launches().await?;
    throughput().await
}

/// A server that sends back what it receives. Plain threads, here and in the client, so that nothing but the proxy is a
/// matter of the runtime.
fn echo() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                stream.set_nodelay(true)?;
                io::copy(&mut &stream, &mut &stream)
            });
        }
    });
    Ok(address)
}

/// Microseconds for a 100-byte message there and back.
fn round_trip_us(stream: &mut TcpStream) -> io::Result<f64> {
    let begin = Instant::now();
    stream.write_all(&[7; 100])?;
    stream.read_exact(&mut [0; 100])?;
    Ok(begin.elapsed().as_secs_f64() * 1e6)
}

async fn hop() -> io::Result<()> {
    let node = NodeId(0);
    let address = echo()?;
    let nodes = BTreeMap::from([(node, Listens { clients: address, peers: address })]);
    let network = Network::connect(Ipv4Addr::LOCALHOST, &nodes, Duration::ZERO).await?;
    let through = network.address(Endpoint::Clients, Endpoint::Node(node));
    let measured = tokio::task::spawn_blocking(move || {
        let (mut direct, mut proxied) = (TcpStream::connect(address)?, TcpStream::connect(through)?);
        direct.set_nodelay(true)?;
        proxied.set_nodelay(true)?;
        let (mut direct_us, mut proxied_us) = (Vec::new(), Vec::new());
        // In turn, so that whatever else the machine does meets both.
        for _ in 0..ROUND_TRIPS {
            direct_us.push(round_trip_us(&mut direct)?);
            proxied_us.push(round_trip_us(&mut proxied)?);
        }
        Ok::<_, io::Error>((quantiles(direct_us), quantiles(proxied_us)))
    });
    let (direct, proxied) = measured.await??;
    println!("round trip of 100 bytes, {ROUND_TRIPS} each        median       p99");
    println!("  direct                                  {:6.1} µs {:6.1} µs", direct.0, direct.1);
    println!("  through a proxy                         {:6.1} µs {:6.1} µs", proxied.0, proxied.1);
    println!("  ratio                                   {:6.1}    {:6.1}", proxied.0 / direct.0, proxied.1 / direct.1);
    Ok(())
}

/// Median and 99th percentile.
fn quantiles(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], values[values.len() * 99 / 100])
}

async fn launches() -> interregnum::Result {
    let (mut first_ms, mut down_ms) = (Vec::new(), Vec::new());
    for seed in 0..LAUNCHES {
        let report = Experiment::new(Node::cluster(3)).seed(seed as u64).run_for(millis(300)).await?;
        let timings = report.timings();
        first_ms.extend(timings.first_acknowledged_ms.map(|ms| ms as f64));
        down_ms.push(timings.take_down_ms as f64);
        report.verdict()?;
    }
    println!("cluster of 3, {LAUNCHES} launches                       median       p99");
    for (name, values) in [("launch to first acknowledged write", first_ms), ("taking it down", down_ms)] {
        let (median, p99) = quantiles(values);
        println!("  {name:<38}  {median:6.0} ms {p99:6.0} ms");
    }
    Ok(())
}

async fn throughput() -> interregnum::Result {
    println!("operations a second, 16 clients, 3 nodes, majority");
    for (delay, fsync) in [
        (Duration::ZERO, Fsync::Interval(1000)),
        (Duration::ZERO, Fsync::Always),
        (millis(1), Fsync::Interval(1000)),
        (millis(1), Fsync::Always),
    ] {
        let report = Experiment::new(Node::cluster(3).fsync(fsync))
            .workload(Append::keys(3))
            .clients(16)
            .link_delay(delay)
            .seed(1)
            .run_for(secs(5))
            .await?;
        let per_s = report.counts().ok * 1000 / report.timings().load_ms;
        println!("  fsync {:<9} {} ms between nodes      {per_s:6}", fsync.to_string(), delay.as_millis());
        report.verdict()?;
    }
    Ok(())
}
