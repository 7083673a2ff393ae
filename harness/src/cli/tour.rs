//! `interregnum tour`: what this is about, in two runs.

use clap::Parser;
use interregnum_checker::verdict::Verdict;

use super::run::{RunFlags, execute};
use super::say;
use crate::report::{Report, terminal};

/// What both runs have in common: lists, because a list shows which writes are gone; and the faults that leaders meet.
const COMMON: &str =
    "--workload append --rate 2000 --time 9s --faults kill,pause,isolate --target leader --interval 1200ms";

/// `run`'s flags as a parser of their own, so that the tour is nothing but two commands that anybody can type.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Flags {
    #[command(flatten)]
    run: RunFlags,
}

pub(super) fn tour() -> anyhow::Result<Verdict> {
    // One seed for both: the same faults at the same times.
    let seed = rand::random::<u16>().to_string();
    say("Two clusters of three nodes, and the same faults for both: the leader is killed, paused and cut off.\n");

    say("1. A leader that acknowledges a write when a majority holds it:\n");
    let sound = stage("majority", &seed, "1/2 majority")?;
    say(terminal::full(&sound));

    say("2. A leader that acknowledges at once and replicates later:\n");
    let unsound = stage("async", &seed, "2/2 async")?;
    say(terminal::full(&unsound));

    say("What to try next:");
    say("  interregnum run --election timeout --fencing none --ack async   two leaders at once");
    say("  interregnum run --read follower --faults none                   stale reads, without any fault");
    say("  interregnum run --help                                          everything there is to choose");
    say(format_args!("  interregnum check {}", unsound.run_dir().history().display()));
    Ok(as_promised(&sound, &unsound))
}

/// Runs one half of the tour.
fn stage(ack: &str, seed: &str, name: &str) -> anyhow::Result<Report> {
    let out = format!("interregnum-runs/tour-{ack}-{seed}");
    let flags = COMMON.split(' ').chain(["--ack", ack, "--seed", seed, "--out", &out]);
    let flags = Flags::try_parse_from(flags)?;
    execute(name, flags.run)
}

/// The tour passes if it showed what it promises: one pass, one violation.
fn as_promised(sound: &Report, unsound: &Report) -> Verdict {
    match (sound.overall(), unsound.overall()) {
        (Verdict::Pass, Verdict::Violation) => Verdict::Pass,
        (Verdict::Violation, _) => Verdict::Violation,
        _ => Verdict::Inconclusive,
    }
}
