//! Annotations of GitHub Actions: lines in a job's output that its page shows at the top, as a workflow command each.
//!
//! How they are written is said in <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>; what has to be
//! escaped, and how, in GitHub's own toolkit (`packages/core/src/command.ts`).

use std::fmt;

use interregnum_checker::verdict::Verdict;

/// GitHub shows ten of each kind for a step, and drops the others.
pub(crate) const MOST_SHOWN: usize = 10;

/// One annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Annotation {
    pub level: Level,
    /// The file that it is about, as a path from the repository's root.
    pub file: Option<String>,
    pub title: String,
    /// May have several lines.
    pub message: String,
}

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Notice,
    Warning,
    Error,
}

/// Whether this runs in a job of GitHub Actions.
pub(crate) fn are_wanted() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

impl Level {
    /// A run that says nothing is no failure of the system.
    pub(crate) fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Notice,
            Verdict::Inconclusive => Self::Warning,
            Verdict::Violation | Verdict::HarnessError => Self::Error,
        }
    }
}

/// The line.
impl fmt::Display for Annotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.level {
            Level::Notice => "::notice ",
            Level::Warning => "::warning ",
            Level::Error => "::error ",
        })?;
        if let Some(file) = &self.file {
            write!(f, "file={},", of_property(file))?;
        }
        write!(f, "title={}::{}", of_property(&self.title), of_message(&self.message))
    }
}

fn of_message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn of_property(text: &str) -> String {
    of_message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a line as GitHub's runner does (`ActionCommand.TryParseV2`): the command, its properties, the message.
    fn as_the_runner_reads(line: &str) -> (String, Vec<(String, String)>, String) {
        let unescaped = |text: &str, mappings: &[(&str, &str)]| {
            mappings.iter().fold(text.to_owned(), |text, (token, replacement)| text.replace(replacement, token))
        };
        let (info, message) = line.strip_prefix("::").unwrap().split_once("::").unwrap();
        let (command, properties) = info.split_once(' ').unwrap();
        let property = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap();
            let mappings = [("\r", "%0D"), ("\n", "%0A"), (":", "%3A"), (",", "%2C"), ("%", "%25")];
            (name.to_owned(), unescaped(value, &mappings))
        };
        let properties = properties.split(',').map(property).collect();
        (command.to_owned(), properties, unescaped(message, &[("\r", "%0D"), ("\n", "%0A"), ("%", "%25")]))
    }

    fn lost() -> Annotation {
        Annotation {
            level: Level::Error,
            file: Some(".ci/campaigns/nightly.toml".into()),
            title: "lost-writes in async, under kill: 3 runs".into(),
            message: "100 % of them\r\n::error::to see it again".into(),
        }
    }

    #[test]
    fn what_ends_a_part_is_escaped() {
        insta::assert_snapshot!(lost(), @"::error file=.ci/campaigns/nightly.toml,title=lost-writes in async%2C under kill%3A 3 runs::100 %25 of them%0D%0A::error::to see it again");
        let plain = Annotation { level: Level::Warning, file: None, title: "a gate".into(), message: "not met".into() };
        assert_eq!(plain.to_string(), "::warning title=a gate::not met");
    }

    proptest! {
        /// The runner reads back what was meant, one line for each annotation, whatever a system has said. It undoes an escaped `%`
        /// last, so that `%250A` is the text `%0A` to it and no new line.
        #[test]
        fn the_runner_reads_what_was_meant(title in "[%:,=\r\n0-9ADC a-z]{0,12}", message in "[%:,\r\n0-9ADC a-z]{0,12}") {
            let annotation = Annotation { title: title.clone(), message: message.clone(), ..lost() };
            let line = annotation.to_string();
            prop_assert!(!line.contains(['\r', '\n']), "{line}");
            let (command, properties, told) = as_the_runner_reads(&line);
            prop_assert_eq!(command, "error");
            prop_assert_eq!(&properties[0], &("file".to_owned(), ".ci/campaigns/nightly.toml".to_owned()));
            prop_assert_eq!(&properties[1], &("title".to_owned(), title));
            prop_assert_eq!(told, message);
        }
    }
}
