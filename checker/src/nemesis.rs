//! What the nemesis's own events tell of the faults of a run: when each began and when it was undone. It judges nothing.
//!
//! A nemesis tells each of its acts twice, before and after it (a single event stands for both). A fault is taken to be
//! active from before the act that begins it until after the act that ends it, which never makes a stretch too short:
//! `start` … `stop`, `start-X` … `stop-X`, `pause` … `resume`, `kill` … `start`, `restart` or `recover`,
//! `partition`, `isolate` or `cut` … `heal` or `recover`. An act of another name, such as `bump-clock`, is a fault as long
//! as the act itself. One that is never ended lasts to the end of the history.

use crate::history::NemesisEvent;
use crate::lost_writes::FaultWindow;

/// An act: its two events, or the one that there is.
struct Act<'a> {
    name: &'a str,
    begin_ns: u64,
    end_ns: u64,
}

/// The faults in the order in which they began. Events without a time tell of none.
///
/// ```
/// use interregnum_checker::history::edn::{self, Tuples};
/// use interregnum_checker::nemesis::fault_windows;
///
/// let file = b"{:process :nemesis :type :info :f :start-partition :time 5} {:process :nemesis :type :info :f :start-partition :time 7}
///              {:process :nemesis :type :info :f :stop-partition :time 20} {:process :nemesis :type :info :f :stop-partition :time 24}";
/// let read = edn::read(&file[..], "history.edn", Tuples::Plain).unwrap();
/// let faults = fault_windows(&read.nemesis, 100);
/// assert_eq!((faults[0].name.as_str(), faults[0].start_ns, faults[0].end_ns), ("partition", 5, 24));
/// ```
#[must_use]
pub fn fault_windows(nemesis: &[NemesisEvent], history_end_ns: u64) -> Vec<FaultWindow> {
    let mut windows: Vec<FaultWindow> = Vec::new();
    // Indices of those windows that nothing has ended yet, the latest last.
    let mut open: Vec<usize> = Vec::new();
    for act in acts(nemesis) {
        let ended = open.iter().rposition(|&index| ends(act.name, &windows[index].name));
        if let Some(ended) = ended {
            windows[open.remove(ended)].end_ns = act.end_ns;
        } else if let Some(name) = begins(act.name) {
            // What is begun again before it was ended is one fault.
            if !open.iter().any(|&index| windows[index].name == name) {
                open.push(windows.len());
                let end_ns = history_end_ns.max(act.end_ns);
                windows.push(FaultWindow { name: name.to_owned(), start_ns: act.begin_ns, end_ns });
            }
        } else if !is_undoing(act.name) {
            windows.push(FaultWindow { name: act.name.to_owned(), start_ns: act.begin_ns, end_ns: act.end_ns });
        }
    }
    windows
}

fn acts(nemesis: &[NemesisEvent]) -> Vec<Act<'_>> {
    let mut acts = Vec::new();
    let mut begun: Option<(&NemesisEvent, u64)> = None;
    for (event, time) in nemesis.iter().filter_map(|event| Some((event, event.time?))) {
        match begun.take() {
            Some((first, begin_ns)) if first.process == event.process && first.function == event.function => {
                acts.push(Act { name: event.function.name(), begin_ns, end_ns: time.max(begin_ns) });
            }
            single => {
                acts.extend(single.map(|(event, at_ns)| Act::single(event, at_ns)));
                begun = Some((event, time));
            }
        }
    }
    acts.extend(begun.map(|(event, at_ns)| Act::single(event, at_ns)));
    acts
}

impl<'a> Act<'a> {
    fn single(event: &'a NemesisEvent, at_ns: u64) -> Self {
        Self { name: event.function.name(), begin_ns: at_ns, end_ns: at_ns }
    }
}

/// The fault that an act of this name begins, to be ended by another.
fn begins(act: &str) -> Option<&str> {
    match act {
        "start" => Some("nemesis"),
        "kill" | "pause" | "partition" | "isolate" | "cut" => Some(act),
        _ => act.strip_prefix("start-"),
    }
}

/// Whether an act of this name ends that fault.
fn ends(act: &str, fault: &str) -> bool {
    match (act, fault) {
        ("stop", "nemesis")
        | ("start" | "restart" | "recover", "kill")
        | ("resume", "pause")
        | ("heal" | "recover", "partition" | "isolate" | "cut") => true,
        _ => act.strip_prefix("stop-") == Some(fault),
    }
}

/// Whether acts of this name only undo: without a fault to undo, nothing happens.
fn is_undoing(act: &str) -> bool {
    matches!(act, "stop" | "restart" | "recover" | "resume" | "heal") || act.starts_with("stop-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::jsonl;

    /// Acts as `TIME NAME`, faults as `NAME START END`.
    fn check(acts: &[&str], expected: &[&str]) {
        let line = |act: &&str| {
            let (time, name) = act.split_once(' ').expect("a time and a name");
            format!("{{\"process\":\"nemesis\",\"type\":\"info\",\"f\":\"{name}\",\"time\":{time}}}\n")
        };
        let text: String = acts.iter().map(line).collect();
        let read = jsonl::read(text.as_bytes(), "acts").expect("valid");
        let shown = |fault: &FaultWindow| format!("{} {} {}", fault.name, fault.start_ns, fault.end_ns);
        let found: Vec<String> = fault_windows(&read.nemesis, 99).iter().map(shown).collect();
        assert_eq!(found, expected, "{acts:?}");
    }

    #[test]
    fn a_fault_lasts_from_before_its_beginning_until_after_its_end() {
        check(&["1 start", "2 start", "5 stop", "7 stop"], &["nemesis 1 7"]);
        check(&["1 kill", "2 kill", "5 start", "7 start"], &["kill 1 7"]);
        check(&["1 pause", "5 resume"], &["pause 1 5"]);
        check(&["1 isolate", "3 kill", "5 recover", "6 recover"], &["isolate 1 99", "kill 3 6"]);
    }

    #[test]
    fn faults_overlap_each_with_its_own_end() {
        let acts = ["1 start-partition", "3 start-clock", "5 stop-partition", "7 stop-clock", "9 start-clock"];
        check(&acts, &["partition 1 5", "clock 3 7", "clock 9 99"]);
    }

    #[test]
    fn what_nothing_ends_lasts_and_what_ends_nothing_is_none() {
        check(&["1 partition", "2 partition"], &["partition 1 99"]);
        check(&["1 start-x", "2 start-x", "3 start-x", "4 start-x", "6 stop-x"], &["x 1 6"]);
        check(&["1 stop", "2 stop", "3 heal", "4 stop-x"], &[]);
    }

    #[test]
    fn other_acts_are_faults_while_they_last() {
        check(&["1 bump-clock", "4 bump-clock", "6 bump-clock"], &["bump-clock 1 4", "bump-clock 6 6"]);
    }
}
