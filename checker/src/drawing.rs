//! The small drawing under a proof: one line per operation on a common time axis. It decides nothing.
//!
//! ```text
//! process 1  write 41   ├─────┤ok
//! process 2  write 57                ├─────┤ok
//! process 7  read → 41                            ├─────┤ok
//!                       2.900 s                   3.112 s
//! ```
//!
//! The axis keeps order, not scale: the interesting gaps of a run of minutes are microseconds long.

use crate::history::{History, Moment, Operation, Outcome};
use crate::wording;

/// The most characters of a line.
const WIDTH: usize = 100;
/// The most lines; more would not be a small drawing.
const MOST_LINES: usize = 12;
/// The most characters of what stands before the axis, so that the axis keeps enough for its moments.
const WIDEST_LABEL: usize = 40;
/// What stands to the right of the last moment at most, which is its time in the legend.
const ENDING: usize = 16;

/// Draws the operations with these indices, in that order; of too many the last ones, on which a proof ends.
pub(crate) fn draw(history: &History, operations: &[usize]) -> String {
    let left_out = operations.len().saturating_sub(MOST_LINES);
    let shown: Vec<&Operation> = operations[left_out..].iter().map(|&index| &history.operations()[index]).collect();
    let labels = labels(&shown);
    let label_width = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    let axis = Axis::new(&shown, WIDTH - label_width - 2 - ENDING);

    let mut lines: Vec<String> = (left_out > 0).then(|| format!("{left_out} more, and then")).into_iter().collect();
    let bars = shown.iter().map(|operation| axis.bar(operation));
    lines.extend(labels.iter().zip(bars).map(|(label, bar)| format!("{label:label_width$}  {bar}")));
    lines.extend(axis.legend().map(|legend| format!("{:label_width$}  {legend}", "")));
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

/// Who does what, the actions aligned.
fn labels(operations: &[&Operation]) -> Vec<String> {
    let processes: Vec<String> = operations.iter().map(|operation| format!("process {}", operation.process)).collect();
    let width = processes.iter().map(String::len).max().unwrap_or(0);
    let label = |(process, operation): (&String, &&Operation)| {
        let label = format!("{process:width$}  {}", wording::action(operation));
        let is_long = label.chars().count() > WIDEST_LABEL;
        if is_long { label.chars().take(WIDEST_LABEL - 1).chain(['…']).collect() } else { label }
    };
    processes.iter().zip(operations).map(label).collect()
}

/// The distinct moments of a few operations, spread evenly.
struct Axis {
    moments: Vec<Moment>,
    spacing: usize,
    width: usize,
}

impl Axis {
    fn new(operations: &[&Operation], width: usize) -> Self {
        let ends = |operation: &&Operation| [Some(operation.invoked), operation.completed, operation.gave_up];
        let mut moments: Vec<Moment> = operations.iter().flat_map(ends).flatten().collect();
        moments.sort_unstable();
        moments.dedup_by_key(|moment| moment.order);
        let spacing = ((width - 1) / moments.len().max(1)).clamp(1, 8);
        let width = width.min(moments.len() * spacing + 1);
        Self { moments, spacing, width }
    }

    fn column(&self, moment: Moment) -> usize {
        self.moments.partition_point(|other| other.order < moment.order) * self.spacing
    }

    /// `├────┤ok`; an operation of unknown outcome fades out: `├────╌╌╌╌info`.
    fn bar(&self, operation: &Operation) -> String {
        let start = self.column(operation.invoked);
        let solid_end = operation.completed.or(operation.gave_up).map_or(start, |moment| self.column(moment));
        let bar: String = (start..self.width)
            .map_while(|column| match (column, operation.completed) {
                _ if column == start => Some('├'),
                _ if column < solid_end => Some('─'),
                (_, None) => Some('╌'),
                (_, Some(_)) if column == solid_end => Some('┤'),
                (_, Some(_)) => None,
            })
            .collect();
        let ending = match operation.outcome {
            Outcome::Ok => "ok",
            Outcome::Fail => "fail",
            Outcome::Info => "info",
        };
        format!("{:start$}{bar}{ending}", "")
    }

    /// The times of the first and the last moment, under them.
    fn legend(&self) -> Option<String> {
        let (first, last) = (self.moments.first()?, self.moments.last()?);
        let (first_time, last_time) = (wording::seconds(first.time_ns?), wording::seconds(last.time_ns?));
        let gap = self.column(*last).max(12);
        Some(format!("{first_time:gap$}{last_time}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::jsonl;

    const HISTORY: &str = r#"{"time":2900000000,"process":1,"type":"invoke","f":"write","value":41}
{"time":2950000000,"process":1,"type":"ok","f":"write","value":41}
{"time":3000000000,"process":2,"type":"invoke","f":"write","value":57}
{"time":3050000000,"process":2,"type":"info","f":"write","value":57}
{"time":3100000000,"process":7,"type":"invoke","f":"read"}
{"time":3112000000,"process":7,"type":"ok","f":"read","value":41}
"#;

    #[test]
    fn operations_share_one_axis() {
        let history = jsonl::read(HISTORY.as_bytes(), "h").expect("valid").history;
        let expected = "\
process 1  write 41   ├───────┤ok
process 2  write 57                   ├───────╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌info
process 7  read → 41                                  ├───────┤ok
                      2.900 s                                 3.112 s";
        assert_eq!(draw(&history, &[0, 1, 2]), expected);
    }

    #[test]
    fn a_drawing_stays_small_whatever_it_draws() {
        let event = |time: u64, process: u64, kind: &str| {
            let value = "x\\n".repeat(50);
            format!(
                "{{\"time\":{time},\"process\":{process},\"type\":\"{kind}\",\"f\":\"write\",\"value\":\"{value}\"}}\n"
            )
        };
        let invocations = (0..50).map(|process| event(process, process, "invoke"));
        let text: String = invocations.chain((0..50).map(|process| event(100 + process, process, "ok"))).collect();
        let history = jsonl::read(text.as_bytes(), "h").expect("valid").history;
        let drawing = draw(&history, &(0..50).collect::<Vec<_>>());
        assert_eq!(drawing.lines().count(), MOST_LINES + 2, "{drawing}");
        assert!(drawing.lines().all(|line| line.chars().count() <= WIDTH), "{drawing}");
    }
}
