//! What the nodes printed, line by line on the run's clock. It understands the time of a line, and of what tells a rewind the
//! positions; the rest is shown as it is.

use serde::Serialize;

/// One line of a node's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Nanoseconds since the run began. A line without a time has that of the one before it.
    pub time_ns: Option<u64>,
    /// Whose log it is in.
    pub node: &'a str,
    /// Without its time.
    pub text: &'a str,
}

/// The lines of all logs in order of time, as a page wants them.
#[derive(Debug, Default, Serialize)]
pub(super) struct Columns<'a> {
    times: Vec<Option<u64>>,
    nodes: Vec<&'a str>,
    texts: Vec<&'a str>,
}

/// All lines of all logs in order of time.
pub(super) fn lines(logs: &[(String, String)], clock_offset_ns: Option<u64>) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = logs.iter().flat_map(|(node, text)| of_node(node, text, clock_offset_ns)).collect();
    lines.sort_by_key(|line| line.time_ns);
    lines
}

fn of_node<'a>(node: &'a str, text: &'a str, clock_offset_ns: Option<u64>) -> impl Iterator<Item = Line<'a>> {
    let mut time_ns = None;
    text.lines().map(move |line| {
        let (time, rest) = line.split_once(' ').unwrap_or_default();
        let told = humantime::parse_rfc3339(time).ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let Some(since_1970) = told else { return Line { time_ns, node, text: line } };
        time_ns = clock_offset_ns.map(|offset| (since_1970.as_nanos() as u64).saturating_sub(offset));
        Line { time_ns, node, text: rest.trim_start() }
    })
}

impl Line<'_> {
    /// Whether it tells that records were given up, this position of the log among them.
    pub(super) fn gives_up(&self, lsn: u64) -> bool {
        let Some((after, records)) = self.rewind() else { return false };
        (after + 1..=after.saturating_add(records)).contains(&lsn)
    }

    /// After which position how many records were given up, if it tells a rewind.
    pub(super) fn rewind(&self) -> Option<(u64, u64)> {
        let field = |name: &str| self.text.split(' ').find_map(|word| word.strip_prefix(name))?.parse::<u64>().ok();
        self.text.contains("rewound ").then(|| Some((field("lsn=")?, field("records=")?)))?
    }
}

impl<'a> Columns<'a> {
    pub(super) fn of(lines: &[Line<'a>]) -> Self {
        let mut columns = Self::default();
        for line in lines {
            columns.times.push(line.time_ns);
            columns.nodes.push(line.node);
            columns.texts.push(line.text);
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_all_nodes_come_in_order_of_time() {
        let logs = [
            ("n1", "2026-11-28T13:47:00.000003Z  INFO third\n  and more of it\n"),
            ("n2", "no time yet\n2026-11-28T13:47:00.000001Z  INFO first\n2026-11-28T13:47:00.000002Z  WARN second\n"),
        ]
        .map(|(node, text)| (node.to_owned(), text.to_owned()));
        let seven_minutes_to = humantime::parse_rfc3339("2026-11-28T13:47:00Z").unwrap();
        let offset = seven_minutes_to.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
        let lines = lines(&logs, Some(offset));
        let told: Vec<_> = lines.iter().map(|line| (line.time_ns, line.node, line.text)).collect();
        let expected = [
            (None, "n2", "no time yet"),
            (Some(1000), "n2", "INFO first"),
            (Some(2000), "n2", "WARN second"),
            (Some(3000), "n1", "INFO third"),
            (Some(3000), "n1", "  and more of it"),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_rewind_tells_which_positions_were_given_up() {
        let line = |text| Line { time_ns: None, node: "n1", text };
        let rewound = line("INFO rewound epoch=4 lsn=1689 records=2");
        assert_eq!([1689, 1690, 1691, 1692].map(|lsn| rewound.gives_up(lsn)), [false, true, true, false]);
        assert!(!line("INFO leader epoch=4 lsn=1690 records=2").gives_up(1690));
        assert!(!line("INFO rewound ").gives_up(1));
    }
}
