//! Starting the running program again in another role.
//!
//! A cluster is started from the program that is already running, whether that is the `interregnum` binary or a test
//! binary that links this library: nothing has to be found on disk or built first. A child is [`PROGRAM`] with
//! [`ROLE_VARIABLE`] set; a constructor that runs before `main` sees the variable, plays the role and exits, so the
//! child never reaches the test runner.

use clap::Parser;
use interregnum_checker::verdict::Verdict;
use nix::sys::signal::{SigHandler, Signal, signal};

/// The running program. This name holds even when a rebuild has replaced the program's file meanwhile.
pub(crate) const PROGRAM: &str = "/proc/self/exe";

/// Set in a child to the role it plays. The role is also the child's first argument, for the eyes of a person who
/// reads the output of `ps`.
pub(crate) const ROLE_VARIABLE: &str = "INTERREGNUM_ROLE";

/// The role of a node of the reference system; the arguments are those of `interregnum node`.
pub(crate) const NODE: &str = "node";

/// The role of a run that is made for another process; the arguments are those of `interregnum`. See [`crate::campaign`].
pub(crate) const CHILD: &str = "child";

/// The role of a cluster's guardian, see [`crate::process::guardian`].
pub(crate) const GUARDIAN: &str = "guardian";

/// The role of what keeps one thread stopped, see [`crate::process::tracer`].
pub(crate) const TRACER: &str = "tracer";

/// The role of a fence agent: it asks the cluster's fence device to switch a node off, see [`crate::fencing`].
pub(crate) const FENCE: &str = "fence";

/// Runs before `main` of every program that links this library, and does nothing unless [`ROLE_VARIABLE`] is set.
///
/// Rust does not promise that the standard library works before `main`. On Linux, the only platform this crate builds
/// on, the C library has been initialised by then and has handed over the arguments. What Rust's own start-up would still
/// do is name the main thread, which no role needs, and ignore SIGPIPE, which is done here.
#[ctor::ctor(unsafe)]
fn play_role() {
    let Some(role) = std::env::var_os(ROLE_VARIABLE) else { return };
    ignore_sigpipe();
    let code = match role.to_str() {
        Some(NODE) => node(),
        Some(CHILD) => child(),
        Some(FENCE) => crate::fencing::agent::ask(std::env::args().skip(2)),
        Some(GUARDIAN) => crate::process::guardian::stand_guard(std::env::args_os().nth(2)),
        Some(TRACER) => crate::process::tracer::trace(std::env::args_os().nth(2)),
        _ => {
            eprintln!("error: {ROLE_VARIABLE}={} is not a role; only interregnum sets it: unset it", role.display());
            3
        }
    };
    std::process::exit(code);
}

/// Makes a write to a closed socket an error, as in every Rust program, instead of the end of the process.
#[expect(unsafe_code, reason = "nix cannot know that the handler is none")]
fn ignore_sigpipe() {
    // SAFETY: ignoring a signal installs no handler, so there is none that could be unsafe to run.
    let ignored = unsafe { signal(Signal::SIGPIPE, SigHandler::SigIgn) };
    ignored.expect("SIGPIPE can be ignored");
}

/// `interregnum node` as a parser of its own.
#[derive(Parser)]
#[command(name = "interregnum node", no_binary_name = true)]
struct Node {
    #[command(flatten)]
    node: interregnum_node::NodeCli,
}

fn node() -> i32 {
    let arguments = std::env::args_os().skip(2);
    let node = match Node::try_parse_from(arguments) {
        Ok(node) => node.node,
        Err(error) => {
            eprintln!("{error}");
            return 3;
        }
    };
    i32::from(run_node(node).exit_code())
}

fn child() -> i32 {
    crate::campaign::end_with_parent();
    i32::from(crate::cli::run_command().exit_code())
}

/// Runs a node until it is told to stop, or a tool until it is done.
pub(crate) fn run_node(node: interregnum_node::NodeCli) -> Verdict {
    match node.run() {
        Ok(()) => Verdict::Pass,
        Err(error) => {
            eprintln!("error: {error:#}");
            Verdict::HarnessError
        }
    }
}
