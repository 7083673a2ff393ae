//! Presets: the modes in which a node behaves as a known system does out of the box, and the explanation of what was chosen.
//!
//! Not here: the modes themselves. A preset is nothing but flags that anybody can type.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, ValueEnum, value_parser};

use super::modes::Modes;
use super::words::flag_words;

/// Whose behaviour to take for a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Like {
    /// `PostgreSQL` with its defaults: asynchronous streaming replication, a person promotes a standby.
    Postgresql,
    /// `MySQL` with semi-synchronous replication (`AFTER_SYNC`) that degrades after its time-out; a person promotes a replica.
    Mysql,
    /// `MongoDB`: majority votes and majority write concern, reads of the primary's present state (read concern `local`).
    Mongodb,
    /// `MySQL` under Orchestrator: an outside process promotes the most up-to-date replica.
    Orchestrator,
    /// `PostgreSQL` under Patroni: a leader lease in etcd; asynchronous, with a bound on the lag of who may be promoted.
    Patroni,
}

flag_words!(Like: "preset");

impl Like {
    /// The preset as flags.
    #[must_use]
    pub fn flags(self) -> &'static str {
        match self {
            Like::Postgresql => "--ack async --election manual --fencing none --read leader-local",
            Like::Mysql => {
                "--ack semi-sync --semi-sync-fallback async --semi-sync-timeout-ms 10000 --visible after-sync --election manual \
                 --fencing none --read leader-local"
            }
            Like::Mongodb => "--ack majority --election vote --fencing epoch --read leader-local",
            Like::Orchestrator => {
                "--ack semi-sync --semi-sync-fallback async --semi-sync-timeout-ms 10000 --election supervisor --fencing epoch \
                 --read leader-local"
            }
            Like::Patroni => {
                "--ack async --election coordinator --max-lag-on-failover 10000 --fencing epoch --read leader-local"
            }
        }
    }
}

/// Modes as a command line tells them: a preset, and whatever is said beside it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModeFlags {
    /// What they come to.
    pub modes: Modes,
    like: Option<Like>,
    /// The flags that were given by name.
    given: BTreeSet<&'static str>,
}

impl std::ops::Deref for ModeFlags {
    type Target = Modes;

    fn deref(&self) -> &Modes {
        &self.modes
    }
}

const LIKE: &str = "like";
const EXPLAIN: &str = "explain";

impl Args for ModeFlags {
    fn augment_args(command: Command) -> Command {
        let like = Arg::new(LIKE)
            .long(LIKE)
            .value_name("SYSTEM")
            .value_parser(value_parser!(Like))
            .help("Behave as this system does out of the box; flags given beside it go before it. See --explain");
        let explain = Arg::new(EXPLAIN)
            .long(EXPLAIN)
            .num_args(0)
            .action(clap::ArgAction::SetTrue)
            .help("Tell every mode that these flags come to, why, and what it means; then end");
        Modes::augment_args(command.arg(like).arg(explain))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ModeFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let modes = Modes::from_arg_matches(matches)?;
        let like = matches.get_one::<Like>(LIKE).copied();
        let is_given = |flag: &str| matches.value_source(&id(flag)) == Some(ValueSource::CommandLine);
        let given: BTreeSet<_> =
            modes.flags().into_iter().map(|(flag, _)| flag).filter(|flag| is_given(flag)).collect();
        let modes = match like {
            None => modes,
            Some(like) => {
                let rest = pairs(like.flags()).filter(|(flag, _)| !given.contains(flag));
                let flags = rest.map(|(flag, value)| format!("{flag} {value}")).collect::<Vec<_>>().join(" ");
                modes.with(&flags).expect("presets are made of valid flags")
            }
        };
        Ok(Self { modes, like, given })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The name by which clap knows a flag.
fn id(flag: &str) -> String {
    flag.trim_start_matches('-').replace('-', "_")
}

/// Flags and their values, two by two.
fn pairs(flags: &str) -> impl Iterator<Item = (&str, &str)> {
    let (names, values) = (flags.split(' ').step_by(2), flags.split(' ').skip(1).step_by(2));
    names.zip(values)
}

/// Understands only the modes among the flags of `command`, whatever else it would demand, and tells what they come to.
pub fn explain(
    command: Command,
    arguments: impl IntoIterator<Item = std::ffi::OsString>,
) -> Result<String, clap::Error> {
    let matches = command.mut_args(|argument| argument.required(false)).try_get_matches_from(arguments)?;
    Ok(ModeFlags::from_arg_matches(&matches)?.explain())
}

impl ModeFlags {
    /// The flags that were given by name, and `--like`.
    pub fn given(&self) -> impl Iterator<Item = &'static str> {
        self.like.map(|_| "--like").into_iter().chain(self.given.iter().copied())
    }

    /// Every mode: its flag, its value, who chose it, and what it means.
    #[must_use]
    pub fn explain(&self) -> String {
        let command = Modes::augment_args(Command::new("modes"));
        let flags = self.modes.flags();
        let width = |column: fn(&(&str, String)) -> usize| flags.iter().map(column).max().unwrap_or(0);
        let (flag_width, value_width) = (width(|(flag, _)| flag.len()), width(|(_, value)| value.len()));
        let mut text = match self.like {
            Some(like) => format!("--like {like} is: {}\n\n", like.flags()),
            None => String::new(),
        };
        for (flag, value) in &flags {
            let source = self.source(flag);
            let meaning = command
                .get_arguments()
                .find(|argument| argument.get_id() == id(flag).as_str())
                .map_or_else(String::new, |argument| meaning(argument, value));
            let _ = writeln!(text, "{flag:flag_width$}  {value:value_width$}  {source:7}  {meaning}");
        }
        text
    }

    fn source(&self, flag: &str) -> &'static str {
        let in_preset = |like: Like| pairs(like.flags()).any(|(preset, _)| preset == flag);
        match self.like {
            _ if self.given.contains(flag) => "given",
            Some(like) if in_preset(like) => "preset",
            _ => "default",
        }
    }
}

/// What a value of a flag means: the value's own sentence, or else the flag's.
fn meaning(argument: &Arg, value: &str) -> String {
    let values = argument.get_possible_values();
    let of_value =
        values.iter().find(|possible| possible.matches(value, false)).and_then(|possible| possible.get_help());
    of_value.or(argument.get_help()).map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(flags: &str) -> ModeFlags {
        let command = ModeFlags::augment_args(Command::new("modes").no_binary_name(true));
        ModeFlags::from_arg_matches(&command.get_matches_from(flags.split_whitespace())).unwrap()
    }

    #[test]
    fn every_preset_is_made_of_valid_flags() {
        for like in Like::value_variants() {
            let flags = parse(&format!("--like {like}"));
            assert_eq!(flags.modes, Modes::default().with(like.flags()).unwrap(), "{like}");
            assert!(flags.validate(3).is_ok(), "{like}");
        }
    }

    #[test]
    fn what_is_given_goes_before_the_preset_wherever_it_stands() {
        for flags in ["--like mysql --ack async", "--ack async --like mysql"] {
            let Modes { acknowledgement, failover, .. } = parse(flags).modes;
            assert_eq!(
                (acknowledgement.ack.to_string(), failover.fencing.to_string()),
                ("async".into(), "none".into())
            );
        }
    }

    #[test]
    fn the_explanation_names_every_flag_its_value_its_source_and_its_meaning() {
        let text = parse("--like mongodb --heartbeat-ms 50").explain();
        let rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>();
        for expected in [
            "--like mongodb is: --ack majority",
            "--ack majority preset When a majority of the members hold it",
            "--heartbeat-ms 50 given Milliseconds between a leader's heartbeats",
            "--segment-bytes 67108864 default Bytes after which the log begins a new segment file",
        ] {
            assert!(rows.iter().any(|row| row.starts_with(expected)), "no `{expected}` in\n{text}");
        }
        assert_eq!(text.lines().count(), Modes::default().flags().len() + 2);
    }
}
