//! `interregnum serve`: stored runs in a browser.

use std::path::PathBuf;

use clap::Args;
use interregnum_checker::verdict::Verdict;

use super::say;
use crate::serve;

/// What stands at the end of `serve --help`.
pub(super) const EXAMPLES: &str = "Examples:
  interregnum serve
  interregnum serve campaigns --port 8080

It listens on 127.0.0.1 only, and serves files below the directory only.";

/// The flags of `serve`.
#[derive(Clone, Debug, Args)]
pub(super) struct ServeFlags {
    /// The directory below which the runs are.
    #[arg(value_name = "DIR", default_value = "interregnum-runs")]
    directory: PathBuf,

    /// The port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 7788)]
    port: u16,
}

pub(super) fn serve(flags: &ServeFlags) -> anyhow::Result<Verdict> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = serve::serve(&flags.directory, flags.port, |address| say(format!("http://{address}/")));
    runtime.block_on(served)?;
    Ok(Verdict::Pass)
}
