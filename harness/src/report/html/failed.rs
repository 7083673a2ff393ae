//! The page of a run that came to no verdict, because the harness failed: the error, and what the nodes printed last.

use std::fs;

use anyhow::Context;
use askama::Template;

use super::STYLE;
use crate::report::stored;
use crate::run_dir::RunDir;

/// Lines shown of each log: what a node printed last is what explains an end.
const LINES_SHOWN: usize = 40;

#[derive(Template)]
#[template(path = "error.html")]
struct Page {
    error: String,
    plan: String,
    logs: Vec<(String, String)>,
    style: &'static str,
}

/// Writes it from whatever there is.
pub(crate) fn write_failed(run_dir: &RunDir, error: &anyhow::Error) -> anyhow::Result<()> {
    let logs = stored::logs(&run_dir.logs()).unwrap_or_default();
    let page = Page {
        error: format!("{error:#}"),
        plan: fs::read_to_string(run_dir.plan()).unwrap_or_default(),
        logs: logs.into_iter().map(|(name, text)| (name, end_of(&text))).collect(),
        style: STYLE,
    };
    fs::write(run_dir.report(), page.render()?).context("writing report.html")
}

fn end_of(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_the_error_and_the_end_of_each_log() {
        let directory = tempfile::tempdir().unwrap();
        let run_dir = RunDir::create(&directory.path().join("run")).unwrap();
        let lines: Vec<_> = (0..100).map(|line| format!("line {line} <b>")).collect();
        fs::write(run_dir.logs().join("n1.log"), lines.join("\n")).unwrap();
        write_failed(&run_dir, &anyhow::anyhow!("no <leader>").context("setting up")).unwrap();
        let page = fs::read_to_string(run_dir.report()).unwrap();
        assert!(page.contains("setting up: no &#60;leader&#62;"), "{page}");
        assert!(page.contains("line 99 &#60;b&#62;") && !page.contains("line 59 "), "{page}");
    }
}
