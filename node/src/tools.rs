//! What `interregnum node` can be asked for: a node, or one of the tools that go with it.
//!
//! Not here: what a tool does. Each is a module of its own.

use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};

use crate::config::Config;
use crate::dump::{self, Dump};
use crate::route::Route;
use crate::supervise::Supervise;
use crate::tail::Tail;

/// The command line of `interregnum node`: the flags of a node, or a tool and its own flags.
#[derive(Debug, Clone)]
pub enum NodeCli {
    /// A node.
    Node(Box<Config>),
    /// A tool.
    Tool(Tool),
}

// By hand: what is derived for an optional group of flags looks for its presence in the flags of the group itself, and a
// node's flags are groups within groups.
impl Args for NodeCli {
    fn augment_args(command: Command) -> Command {
        Tool::augment_subcommands(Config::augment_args(command))
            .args_conflicts_with_subcommands(true)
            .subcommand_negates_reqs(true)
            .subcommand_required(false)
            .arg_required_else_help(false)
            .disable_help_subcommand(true)
            .subcommand_help_heading("Tools")
            .subcommand_value_name("TOOL")
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for NodeCli {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(match matches.subcommand() {
            Some(_) => NodeCli::Tool(Tool::from_arg_matches(matches)?),
            None => NodeCli::Node(Box::new(Config::from_arg_matches(matches)?)),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// A tool beside the node.
#[derive(Debug, Clone, Subcommand)]
pub enum Tool {
    /// Prints the log of a node that does not run, as JSON lines, and names what is damaged in it.
    Dump(Dump),
    /// Prints the committed changes of a running cluster's rows, one JSON object a line.
    Tail(Tail),
    /// Watches a cluster and, when its leader is gone, promotes the most up-to-date node that answers.
    Supervise(Supervise),
    /// Serves clients at one address for a whole cluster: writes go to the leader, reads to followers.
    Route(Box<Route>),
}

impl NodeCli {
    /// Does what was asked for; blocks until that is done or, for a node, until it is told to stop.
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            NodeCli::Node(config) => crate::run(*config),
            NodeCli::Tool(Tool::Dump(flags)) => dump::run(&flags),
            NodeCli::Tool(Tool::Tail(flags)) => flags.run(),
            NodeCli::Tool(Tool::Route(flags)) => flags.run(),
            NodeCli::Tool(Tool::Supervise(flags)) => flags.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        node: NodeCli,
    }

    #[test]
    fn a_node_and_a_tool_each_take_their_own_flags() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' ')).map_err(|error| error.to_string());
        let node = parse("node --id n1 --listen 127.0.0.1:0 --peer-listen 127.0.0.1:0 --data d --ack async").unwrap();
        assert!(matches!(node.node, NodeCli::Node(config) if config.id == "n1"));
        assert!(matches!(parse("node dump --data d").unwrap().node, NodeCli::Tool(Tool::Dump(_))));
        for (line, names) in [
            ("node", "--id <ID>"),
            ("node --id n1", "--peer-listen <ADDRESS>"),
            ("node --id n1 dump --data d", "cannot be used with"),
            ("node dump", "--data <DIRECTORY>"),
            ("node nosuch", "nosuch"),
        ] {
            let error = parse(line).expect_err(line);
            assert!(error.contains(names), "{line}: {error}");
        }
    }
}
