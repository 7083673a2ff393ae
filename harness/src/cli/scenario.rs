//! `interregnum run --scenario NAME`: one sentence about replication, shown by experiment. A scenario is nothing but a few
//! `interregnum run` commands that anybody can type, each with what it is to show.
//!
//! Not here: which scenarios there are (`catalogue`), and running one experiment (`run`).

mod catalogue;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use clap::Parser;
use clap::builder::PossibleValue;
use console::style;
use interregnum_checker::verdict::Verdict;

use super::run::{RunFlags, execute};
use super::say;
use crate::gate::SERVED_DURING_FAULTS;
use crate::report::{Report, terminal};
use catalogue::{SCHEDULES, scenarios};

/// A sentence, and the runs that show it.
pub(super) struct Scenario {
    name: &'static str,
    sentence: &'static str,
    acts: &'static [Act],
    /// What the figures of all acts must say together; an error tells what they say instead.
    compare: Option<Compare>,
}

type Compare = fn(&[Report]) -> Result<String, String>;

/// One run.
struct Act {
    /// What is different about it.
    title: &'static str,
    /// The flags of `interregnum run`.
    flags: &'static str,
    shows: Shows,
}

/// What an act is to show.
#[derive(Clone, Copy)]
enum Shows {
    /// Every promise holds.
    Holds,
    /// This checker finds a violation.
    Breaks(&'static str),
    /// This checker finds none; others may.
    Keeps(&'static str),
    /// Only its figures matter, whatever the checkers say of it.
    Figures,
}

impl clap::ValueEnum for &'static Scenario {
    fn value_variants<'a>() -> &'a [Self] {
        static REFERENCES: std::sync::LazyLock<Vec<&'static Scenario>> =
            std::sync::LazyLock::new(|| scenarios().collect());
        &REFERENCES
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name).help(self.sentence))
    }
}

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// `run`'s flags as a parser of their own.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Flags {
    #[command(flatten)]
    run: RunFlags,
}

/// How many runs an act gets to show that something can happen: one is enough to show it, and even what happens in nineteen runs of
/// twenty stays away from one. What must hold has to hold in the first.
const TRIES: u64 = 3;

/// Plays all acts with one seed, leaves their runs in `out`, and says whether the sentence holds.
pub(super) fn play(scenario: &Scenario, seed: Option<u64>, out: Option<&Path>) -> anyhow::Result<Verdict> {
    let seed = seed.unwrap_or_else(|| rand::random::<u16>().into());
    say(format_args!("{}: {}\n", style(scenario.name).bold(), scenario.sentence));
    let out = out.unwrap_or(Path::new("interregnum-runs"));
    let mut reports = Vec::new();
    let mut verdict = Verdict::Pass;
    for (index, act) in scenario.acts.iter().enumerate() {
        say(format_args!("{}. {}", index + 1, act.title));
        let (report, shown) = scenario.play(index, seed, out)?;
        verdict = verdict.and(shown);
        reports.push(report);
    }
    if let Some(compare) = scenario.compare.filter(|_| verdict == Verdict::Pass) {
        match compare(&reports) {
            Ok(told) => say(format_args!("{} {told}", style("✓").green())),
            Err(told) => {
                say(format_args!("{} {told}", style("?").yellow()));
                verdict = Verdict::Inconclusive;
            }
        }
    }
    say(match verdict {
        Verdict::Pass => format!("{} as said: {}", style("✓").green(), scenario.sentence),
        Verdict::Violation => format!("{} a promise broke that the table makes", style("✗").red()),
        _ => format!("{} not shown this time; try again, or another --seed", style("?").yellow()),
    });
    Ok(verdict)
}

impl Scenario {
    /// Plays one act, up to [`TRIES`] times where it is to show that something can happen.
    fn play(&self, index: usize, seed: u64, out: &Path) -> anyhow::Result<(Report, Verdict)> {
        let act = &self.acts[index];
        let number = index + 1;
        let words = act.words(out)?;
        let title = format!("{number}/{} {}", self.acts.len(), self.name);
        first_that_shows(act.shows.tries(), |tried| {
            let seed = seed.wrapping_add(tried);
            let kept = out.join(format!("{}-{number}-{seed}", self.name));
            let flags = words.iter().map(OsString::from);
            let flags = flags.chain(["--seed".into(), seed.to_string().into(), "--out".into(), kept.into()]);
            let report = execute(&title, Flags::try_parse_from(flags)?.run)?;
            let shown = act.shows.by(&report);
            say(tell(act, &words.join(" "), &report, shown, seed));
            Ok((report, shown))
        })
    }
}

/// Plays until a run is not inconclusive, at most `tries` times; `play` is told how many there were before. The last run counts.
fn first_that_shows<T>(
    tries: u64,
    mut play: impl FnMut(u64) -> anyhow::Result<(T, Verdict)>,
) -> anyhow::Result<(T, Verdict)> {
    for tried in 0..tries - 1 {
        let played = play(tried)?;
        if played.1 != Verdict::Inconclusive {
            return Ok(played);
        }
    }
    play(tries - 1)
}

impl Act {
    /// The flags as they are typed. A schedule that they name is left in `out`, where they say.
    fn words(&self, out: &Path) -> anyhow::Result<Vec<String>> {
        let word = |word: &str| {
            let Some((name, text)) = SCHEDULES.iter().find(|(name, _)| *name == word) else {
                return Ok(word.to_owned());
            };
            let file = out.join(name);
            fs::create_dir_all(out).with_context(|| format!("making {}", out.display()))?;
            fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
            Ok(file.display().to_string())
        };
        self.flags.split_whitespace().map(word).collect()
    }
}

impl Shows {
    fn tries(self) -> u64 {
        if matches!(self, Shows::Breaks(_)) { TRIES } else { 1 }
    }

    /// Whether a run shows it: a promise that should hold and does not is a violation, a run that shows too little is
    /// inconclusive.
    fn by(self, report: &Report) -> Verdict {
        // Where only figures matter, a fault may well have stopped the service: that is what the figures tell.
        let mut unmet =
            report.unmet_gates().filter(|gate| !(matches!(self, Shows::Figures) && gate.name == SERVED_DURING_FAULTS));
        let gates = if unmet.next().is_some() { Verdict::Inconclusive } else { Verdict::Pass };
        let judged = |checker: &str| {
            let judgement = report.judgements().iter().find(|judgement| judgement.checker == checker);
            judgement.map_or(Verdict::Inconclusive, |judgement| judgement.verdict)
        };
        match self {
            Shows::Holds => report.overall(),
            Shows::Breaks(checker) if judged(checker) == Verdict::Violation => gates,
            Shows::Breaks(_) => Verdict::Inconclusive,
            Shows::Keeps(checker) => gates.and(judged(checker)),
            Shows::Figures => gates.and(judged("recovery")),
        }
    }
}

/// The command, what it showed, and where to look.
fn tell(act: &Act, flags: &str, report: &Report, shown: Verdict, seed: u64) -> String {
    let mut text = format!("   $ interregnum run {flags} --seed {seed}\n");
    let said = match act.shows {
        Shows::Breaks(checker) | Shows::Keeps(checker) => checker,
        Shows::Holds | Shows::Figures => "",
    };
    let judgement = report.judgements().iter().find(|judgement| judgement.checker == said);
    let summary = match judgement {
        Some(judgement) => format!("{}: {}", judgement.checker, judgement.summary),
        None if matches!(act.shows, Shows::Figures) => "measured".to_owned(),
        None => terminal::headline(report).trim_end().to_owned(),
    };
    let mark = match shown {
        Verdict::Pass => style("✓").green(),
        Verdict::Violation => style("✗").red(),
        _ => style("?").yellow(),
    };
    let _ = writeln!(text, "   {mark} {summary}");
    if let Some(judgement) = judgement.filter(|judgement| judgement.verdict == Verdict::Violation) {
        text.push_str(&terminal::explanation(judgement, 1));
    }
    for gate in report.unmet_gates().filter(|_| shown != Verdict::Pass) {
        let _ = writeln!(text, "   ? {}: {}", gate.name, gate.detail);
    }
    let _ = writeln!(text, "   {}", style(report.run_dir().path().display()).dim());
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_act_is_a_command_that_can_be_typed() {
        for act in scenarios().flat_map(|scenario| scenario.acts) {
            if let Err(error) = Flags::try_parse_from(act.flags.split_whitespace()) {
                panic!("`{}`: {error}", act.flags);
            }
        }
    }

    #[test]
    fn every_schedule_is_followed_and_is_one() {
        let directory = tempfile::tempdir().unwrap();
        for act in scenarios().flat_map(|scenario| scenario.acts) {
            let words = act.words(directory.path()).unwrap();
            if let Some(flag) = words.iter().position(|word| word == "--schedule") {
                let file = Path::new(&words[flag + 1]);
                crate::schedule::Schedule::read(file).unwrap_or_else(|error| panic!("`{}`: {error}", act.flags));
            }
        }
        let left: BTreeSet<_> =
            fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, SCHEDULES.iter().map(|(name, _)| OsString::from(name)).collect());
    }

    #[test]
    fn what_can_happen_is_looked_for_in_several_runs_and_what_must_hold_in_one() {
        let check = |shows: Shows, verdicts: &[Verdict], expected: (u64, Verdict)| {
            let played = first_that_shows(shows.tries(), |tried| Ok((tried, verdicts[usize::try_from(tried)?])));
            assert_eq!(played.unwrap(), expected, "{verdicts:?}");
        };
        let (shown, not, broken) = (Verdict::Pass, Verdict::Inconclusive, Verdict::Violation);
        check(Shows::Breaks("lost-writes"), &[shown], (0, shown));
        check(Shows::Breaks("lost-writes"), &[not, shown], (1, shown));
        check(Shows::Breaks("lost-writes"), &[not, not, not], (2, not));
        check(Shows::Holds, &[not], (0, not));
        check(Shows::Keeps("lost-writes"), &[broken], (0, broken));
        check(Shows::Figures, &[not], (0, not));
    }

    #[test]
    fn names_are_told_apart_and_sentences_are_sentences() {
        let names: BTreeSet<_> = scenarios().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), scenarios().count());
        for Scenario { name, sentence, .. } in scenarios() {
            assert!(
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte.is_ascii_digit()),
                "{name}"
            );
            assert!(sentence.len() < 140 && !sentence.ends_with('.'), "{sentence}");
        }
    }
}
