//! What every text in Markdown needs: marks, and words of systems that stay in their place.

use interregnum_checker::verdict::Verdict;

/// A mark that the terminal's are known by.
pub(crate) fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Violation => "✗",
        Verdict::Inconclusive | Verdict::HarnessError => "?",
    }
}

/// Text in a cell of a Markdown table: it ends neither the cell nor the line, and is no markup.
pub(crate) fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace(['\r', '\n'], " ")
}

/// Text as it is, between fences that are longer than any in it.
pub(crate) fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{text}\n{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_system_said_stays_in_its_place() {
        assert_eq!(cell("a|b <script>\nc"), "a\\|b &lt;script> c");
        assert_eq!(fenced("```\n````"), "`````text\n```\n````\n`````");
        assert_eq!(fenced("plain"), "```text\nplain\n```");
    }
}
