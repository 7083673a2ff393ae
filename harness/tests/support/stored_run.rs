//! The directory of a run that never was: any number of operations, two faults, and as many lost writes as wanted. Its times are
//! made up and its judgements are the checkers'.

use std::fs;
use std::io::{BufWriter, Write as _};
use std::ops::Range;
use std::path::Path;

use interregnum_checker::availability;
use interregnum_checker::history::{Event, EventType, Function, History, Value, jsonl};
use interregnum_checker::lost_writes::FaultWindow;
use interregnum_checker::verdict::Verdict;
use interregnum_workloads::append::Append;
use interregnum_workloads::workload::Workload;
use serde_json::json;

const CLIENTS: u64 = 10;
/// How many elements a list gets, as in a real run.
const LENGTH: usize = 8 * CLIENTS as usize;
const MS: u64 = 1_000_000;

/// What to make.
pub(crate) struct StoredRun {
    pub(crate) operations: u64,
    /// Appends that are acknowledged just before the leader is killed, and gone afterwards: an even number.
    pub(crate) lost: u64,
    /// What one operation's error, one key and one line of a log hold as well.
    pub(crate) odd_text: String,
}

impl StoredRun {
    /// Writes the directory.
    pub(crate) fn write(&self, directory: &Path) {
        fs::create_dir_all(directory.join("logs")).unwrap();
        let events = self.history();
        let mut file = BufWriter::new(fs::File::create(directory.join("history.jsonl")).unwrap());
        for event in &events {
            jsonl::write_event(&mut file, event).unwrap();
        }
        file.flush().unwrap();
        let end_ns = events.last().unwrap().time.unwrap();
        let history = History::from_events(events).unwrap();
        write(directory, "verdict.json", &self.verdict(&history, end_ns).to_string());
        write(directory, "events.jsonl", &Self::events(end_ns));
        write(directory, "logs/n1.log", &self.log(end_ns));
        let plan = json!({
            "workload": "append",
            "seed": 7,
            "clients": CLIENTS, "rate_per_s": null, "run_for_ms": end_ns / MS, "link_delay_us": 1000});
        write(directory, "run.json", &plan.to_string());
    }

    /// When the leader is down.
    fn down_ns(end_ns: u64) -> Range<u64> {
        end_ns / 2..end_ns * 5 / 8
    }

    /// Each operation takes effect when it begins, and is still under way when the next ones begin.
    fn history(&self) -> Vec<Event> {
        let mut events = Vec::new();
        let mut lists: Vec<Vec<Value>> = vec![Vec::new()];
        for operation in 0..self.operations {
            let list = lists.last().expect("there is one");
            let (function, told) = if operation % 3 == 0 {
                (Function::Read, Value::List(list.clone()))
            } else {
                (Function::Append, Value::Int(operation.cast_signed()))
            };
            let (key, is_late) = (format!("l{}", lists.len() - 1), operation > self.operations / 2);
            let begin_ns = 10 * MS + operation * MS / 10;
            let mut event = Event::invoke(operation % CLIENTS, function.clone());
            (event.time, event.key) = (Some(begin_ns), Some(key.as_str().into()));
            event.value = if function == Function::Read { Value::Nil } else { told.clone() };
            events.push(event.clone());
            (event.event_type, event.value) = (EventType::Ok, told.clone());
            event.time = Some(begin_ns + MS / 2 + operation * 7919 % 400_000);
            event.node = Some(if is_late { "n2" } else { "n1" }.into());
            (event.epoch, event.lsn) = (Some(1 + u64::from(is_late)), Some(operation + 2));
            events.push(event);
            let is_lost = !is_late && operation + self.lost * 3 / 2 > self.operations / 2;
            if function == Function::Append && !is_lost {
                lists.last_mut().expect("there is one").push(told);
            }
            if lists.last().is_some_and(|list| list.len() >= LENGTH) {
                lists.push(Vec::new());
            }
        }
        let end_ns = 12 * MS + self.operations * MS / 10;
        events.extend(self.odd_operation(end_ns));
        events
            .extend(lists.into_iter().enumerate().flat_map(|(number, list)| final_read(number, list, end_ns + 2 * MS)));
        events.sort_by_key(|event| event.time);
        events
    }

    /// An operation of unknown outcome, whose words are odd.
    fn odd_operation(&self, at_ns: u64) -> [Event; 2] {
        let mut invoke = Event::invoke(1_000_001, Function::Append);
        (invoke.time, invoke.key) = (Some(at_ns), Some(format!("odd {}", self.odd_text).into()));
        invoke.value = Value::Text(self.odd_text.as_str().into());
        let mut info = invoke.clone();
        (info.time, info.event_type, info.error) =
            (Some(at_ns + MS), EventType::Info, Some(self.odd_text.as_str().into()));
        [invoke, info]
    }

    fn verdict(&self, history: &History, end_ns: u64) -> serde_json::Value {
        let down_ns = Self::down_ns(end_ns);
        let windows = [FaultWindow { name: "kill n1".into(), start_ns: down_ns.start, end_ns: down_ns.end }];
        let judgements = Append::default().judge(history, &windows);
        let verdict = judgements.iter().map(|judgement| judgement.verdict).fold(Verdict::Pass, Verdict::and);
        let counted: Vec<_> = judgements.iter().map(|judgement| judgement.checker.clone()).collect();
        json!({
            "verdict": verdict,
            "interregnum": "0.1.0",
            "system": "made up",
            "flags": {"--ack": "async", "--odd": self.odd_text},
            "workload": "append",
            "seed": 7,
            "operations": {"ok": self.operations, "fail": 0, "info": 1},
            "leaderships": [
                {"epoch": 1, "leader": "n1", "writes": 1, "first_ns": 1, "last_ns": 2},
                {"epoch": 2, "leader": "n2", "writes": 1, "first_ns": 3, "last_ns": 4},
            ],
            "faults": [{
                "step": {"at_ms": down_ns.start / MS, "hold_ms": 300, "fault": "kill", "target": "leader"},
                "nodes": ["n1"],
                "began_ns": down_ns.start,
                "ended_ns": down_ns.end,
                "effect": {"verified": true, "evidence": format!("n1 reaped, {}", self.odd_text)},
            }],
            "availability": availability::check(history, &windows, &availability::Options::default()),
            "gates": [{"name": "operations were acknowledged before the faults", "met": true, "detail": "10, at least 10 wanted"}],
            "judgements": judgements,
            "counted": counted,
            "reproduce": "interregnum run --seed 7",
        })
    }

    fn events(end_ns: u64) -> String {
        let down_ns = Self::down_ns(end_ns);
        let status = |time: u64, node: &str, role: &str, epoch: u64, leader: &str| json!({"time": time, "event": "status", "node": node, "role": role, "epoch": epoch, "leader": leader});
        let lag = |time: u64, ms: u64| json!({"time": time, "event": "lag", "leader": "n1", "followers_ms": {"n2": ms, "n3": ms / 2}});
        let events = [
            json!({"time": 0, "event": "clock", "unix_ns": 1_000_000_000_000_000_000_u64}),
            json!({"time": 1, "event": "phase", "phase": "setup"}),
            json!({"time": 5 * MS, "event": "phase", "phase": "load"}),
            status(6 * MS, "n1", "leader", 1, "n1"),
            status(6 * MS, "n2", "follower", 1, "n1"),
            status(6 * MS, "n3", "follower", 1, "n1"),
            lag(20 * MS, 3),
            lag(30 * MS, 12),
            json!({"time": down_ns.start + MS, "event": "silent", "node": "n1"}),
            status(down_ns.start + 2 * MS, "n2", "leader", 2, "n2"),
            status(down_ns.end + MS, "n1", "follower", 2, "n2"),
            json!({"time": end_ns + MS, "event": "phase", "phase": "settle"}),
        ];
        events.map(|event| event.to_string() + "\n").concat()
    }

    fn log(&self, end_ns: u64) -> String {
        let at = |time_ns: u64| {
            // Nanosecond 0 of the run is 1,000,000,000 s after 1970.
            let (seconds, nanos) = (time_ns / 1_000_000_000, time_ns % 1_000_000_000);
            format!("2001-09-09T01:{:02}:{:02}.{nanos:09}Z", 46 + (40 + seconds) / 60, (40 + seconds) % 60)
        };
        let down_ns = Self::down_ns(end_ns);
        let first_lost = (self.operations / 2).saturating_sub(self.lost * 3 / 2);
        [
            format!("{}  INFO leader epoch=1 lsn=1\n", at(6 * MS)),
            format!("{}  WARN {}\n", at(7 * MS), self.odd_text),
            format!(
                "{}  INFO rewound epoch=1 lsn={first_lost} records={}\n",
                at(down_ns.end + 2 * MS),
                self.lost * 3 / 2 + 3
            ),
        ]
        .concat()
    }
}

/// The last read of one list.
fn final_read(number: usize, list: Vec<Value>, begin_ns: u64) -> [Event; 2] {
    let begin_ns = begin_ns + number as u64 * MS / 10;
    let mut invoke = Event::invoke(1_000_002, Function::Read);
    (invoke.time, invoke.key) = (Some(begin_ns), Some(format!("l{number}").into()));
    let mut ok = invoke.clone();
    (ok.time, ok.event_type, ok.value) = (Some(begin_ns + MS / 20), EventType::Ok, Value::List(list));
    (ok.node, ok.epoch) = (Some("n2".into()), Some(2));
    [invoke, ok]
}

fn write(directory: &Path, name: &str, text: &str) {
    fs::write(directory.join(name), text).unwrap();
}
