//! What the user of `tail` chooses.
//!
//! Not here: what the choices do (`tail`).

use std::net::SocketAddr;

use clap::{Args, ValueEnum};

/// Prints the committed changes of a running cluster's rows, one JSON object a line.
#[derive(Debug, Clone, Args)]
pub struct Tail {
    /// The client address of a node; repeat for more, to be asked when one does not answer. The leader is found from any of them.
    #[arg(long, value_name = "ADDRESS", required = true)]
    pub from: Vec<SocketAddr>,

    /// How changes are printed.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,

    /// Begin behind this: an LSN, `LSN@GTID` (which is refused if another write stands there), a GTID set such as `n1:1-7,n2:3`, or
    /// a file and offset that `dump` told of the first node's log [default: the slot's place, or the beginning].
    #[arg(long, value_name = "POSITION")]
    pub after: Option<String>,

    /// Go on when everything is printed, and wait for more.
    #[arg(long)]
    pub follow: bool,

    /// Have the node keep what was not printed yet: a slot of this name, created if there is none, and advanced with what is printed.
    #[arg(long, value_name = "NAME")]
    pub slot: Option<String>,

    /// Take changes from the nodes given, whether they lead or not, instead of the leader.
    #[arg(long)]
    pub anywhere: bool,
}

/// How changes are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// One JSON object a line.
    #[default]
    Jsonl,
}
