//! Runs one node from its command line: `cargo run --example node -- --id n1 --listen 127.0.0.1:7001 …`

use clap::Parser;

/// A node of the reference store.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    config: interregnum_node::Config,
}

fn main() -> anyhow::Result<()> {
    interregnum_node::run(Cli::parse().config)
}
