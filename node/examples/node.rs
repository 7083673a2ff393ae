//! Runs one node, or a tool beside it, from the command line: `cargo run --example node -- --id n1 --listen 127.0.0.1:7001 …`

use clap::Parser;

/// A node of the reference store, or a tool beside it.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    node: interregnum_node::NodeCli,
}

fn main() -> anyhow::Result<()> {
    Cli::parse().node.run()
}
