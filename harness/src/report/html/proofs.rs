//! The few operations that prove a violation, as a drawing: what must come before what. It judges nothing.
//!
//! An arrow of **time** says that one operation had ended before the other began. An arrow of **value** says that what a read
//! returned puts it behind a write, or before it. A violation is that both cannot be obeyed.

use interregnum_checker::history::{Function, History, Moment, Operation, Outcome, Value};
use interregnum_checker::judgement::Proof;
use interregnum_checker::wording;
use serde::Serialize;

/// The most operations that are drawn; a proof ends on its last ones.
const MOST_DRAWN: usize = 12;

const ROW_HEIGHT: f64 = 54.0;
const LABEL_WIDTH: f64 = 300.0;
const WIDTH: f64 = 980.0;
const MARGIN: f64 = 24.0;

/// Why one operation must come before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Why {
    Time,
    Value,
}

/// One operation must come before another: both as places among the operations of the proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Arrow {
    pub from: usize,
    pub to: usize,
    pub why: Why,
}

/// A proof in the making of a page.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    pub id: String,
    pub checker: String,
    pub sentence: String,
    /// Indices into the history.
    pub operations: Vec<usize>,
    pub arrows: Vec<Arrow>,
    #[serde(skip)]
    pub drawing: Drawing,
}

/// Shapes on a surface of `width` by `height`.
#[derive(Debug)]
pub(super) struct Drawing {
    pub width: f64,
    pub height: f64,
    pub bars: Vec<Bar>,
    pub arrows: Vec<Curve>,
    pub begin: String,
    pub end: String,
}

/// One operation's row.
#[derive(Debug)]
pub(super) struct Bar {
    pub operation: usize,
    pub process: u64,
    pub action: String,
    pub outcome: &'static str,
    pub from: f64,
    pub to: f64,
    pub y: f64,
    pub is_open: bool,
}

/// An arrow's path.
#[derive(Debug)]
pub(super) struct Curve {
    pub why: &'static str,
    pub path: String,
}

pub(super) fn show(history: &History, checker: &str, number: usize, proof: &Proof) -> Shown {
    let drawn = proof.operations.len().saturating_sub(MOST_DRAWN);
    let operations = proof.operations[drawn..].to_vec();
    let arrows = arrows(history, &operations);
    Shown {
        id: format!("{checker}-{number}"),
        checker: checker.to_owned(),
        sentence: proof.sentence.clone(),
        drawing: draw(history, &operations, &arrows),
        operations,
        arrows,
    }
}

/// What must come before what, without what follows from the rest.
fn arrows(history: &History, operations: &[usize]) -> Vec<Arrow> {
    let told: Vec<&Operation> = operations.iter().map(|&index| &history.operations()[index]).collect();
    let is_before = |a: usize, b: usize| told[a].completed.is_some_and(|end| end.order < told[b].invoked.order);
    let mut arrows = Vec::new();
    for from in 0..told.len() {
        for to in 0..told.len() {
            let follows = || (0..told.len()).any(|between| is_before(from, between) && is_before(between, to));
            if from != to && is_before(from, to) && !follows() {
                arrows.push(Arrow { from, to, why: Why::Time });
            }
            if from != to && !is_before(from, to) && value_orders(&told, from, to, &is_before) {
                arrows.push(Arrow { from, to, why: Why::Value });
            }
        }
    }
    arrows
}

/// Whether what one of the two read says that the first must come before the second.
fn value_orders(told: &[&Operation], first: usize, second: usize, is_before: &dyn Fn(usize, usize) -> bool) -> bool {
    let (a, b) = (told[first], told[second]);
    if a.key != b.key {
        return false;
    }
    match (written(a), read(b), read(a), written(b)) {
        // Who shows a value comes behind who wrote it.
        (Some(value), Some(shown), _, _) if shows(shown, value) => true,
        // A list grows only, so who does not show an element comes before it.
        (_, _, Some(Value::List(shown)), Some(value)) if is_element(b) => {
            b.outcome == Outcome::Ok && !shown.contains(value)
        }
        (_, _, Some(Value::Nil), Some(_)) => b.outcome == Outcome::Ok,
        // Who shows an older value comes before what took its place.
        (_, _, Some(shown), Some(value)) if shown != value => {
            (0..told.len()).any(|older| written(told[older]) == Some(shown) && is_before(older, second))
        }
        _ => false,
    }
}

fn shows(shown: &Value, value: &Value) -> bool {
    shown == value || matches!(shown, Value::List(elements) if elements.contains(value))
}

fn is_element(operation: &Operation) -> bool {
    !matches!(operation.function, Function::Write | Function::Cas | Function::Delete)
}

fn written(operation: &Operation) -> Option<&Value> {
    match (&operation.function, operation.outcome, &operation.input) {
        (Function::Read, ..) | (_, Outcome::Fail, _) => None,
        (Function::Cas, _, Value::List(pair)) => pair.last(),
        (_, _, value) => Some(value),
    }
}

fn read(operation: &Operation) -> Option<&Value> {
    match (&operation.function, operation.outcome, &operation.input) {
        (Function::Read, Outcome::Ok, _) => Some(&operation.output),
        (Function::Cas, Outcome::Ok, Value::List(pair)) => pair.first(),
        _ => None,
    }
}

/// The axis keeps order, not scale: what matters in a run of minutes is microseconds long.
fn draw(history: &History, operations: &[usize], arrows: &[Arrow]) -> Drawing {
    let told: Vec<&Operation> = operations.iter().map(|&index| &history.operations()[index]).collect();
    let ends = |told: &&Operation| [Some(told.invoked), told.completed, told.gave_up];
    let mut moments: Vec<Moment> = told.iter().flat_map(ends).flatten().collect();
    moments.sort_unstable();
    moments.dedup_by_key(|moment| moment.order);
    let room = WIDTH - LABEL_WIDTH - 2.0 * MARGIN;
    let step = room / (moments.len().max(2) - 1) as f64;
    let x = |moment: Moment| {
        LABEL_WIDTH + MARGIN + step * moments.partition_point(|other| other.order < moment.order) as f64
    };
    let bar = |(row, (&operation, told)): (usize, (&usize, &&Operation))| Bar {
        operation,
        process: told.process,
        action: wording::action(told),
        outcome: word(told.outcome),
        from: x(told.invoked),
        to: told.completed.map_or(WIDTH - MARGIN / 2.0, x),
        y: ROW_HEIGHT * (row as f64 + 0.5) + 6.0,
        is_open: told.completed.is_none(),
    };
    let bars: Vec<Bar> = operations.iter().zip(&told).enumerate().map(bar).collect();
    let seconds =
        |moment: Option<&Moment>| moment.and_then(|moment| moment.time_ns).map_or(String::new(), wording::seconds);
    Drawing {
        width: WIDTH,
        height: ROW_HEIGHT * bars.len() as f64 + 34.0,
        arrows: arrows.iter().map(|arrow| curve(&bars[arrow.from], &bars[arrow.to], arrow.why)).collect(),
        bars,
        begin: seconds(moments.first()),
        end: seconds(moments.last()),
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Fail => "fail",
        Outcome::Info => "info",
    }
}

/// Time runs from an end to a beginning; a value binds the middles, in a wide bow so that it is told from time.
fn curve(from: &Bar, to: &Bar, why: Why) -> Curve {
    let (begin, end) = match why {
        Why::Time => (from.to, to.from),
        Why::Value => (f64::midpoint(from.from, from.to), f64::midpoint(to.from, to.to)),
    };
    let down = if to.y >= from.y { 1.0 } else { -1.0 };
    let (y_begin, y_end) = (from.y + 7.0 * down, to.y - 9.0 * down);
    let bow = match why {
        Why::Time => 0.0,
        Why::Value => 30.0,
    };
    let middle = f64::midpoint(y_begin, y_end);
    let path =
        format!("M{begin:.1} {y_begin:.1} C{:.1} {middle:.1} {:.1} {middle:.1} {end:.1} {y_end:.1}", begin - bow, end);
    let why = match why {
        Why::Time => "time",
        Why::Value => "value",
    };
    Curve { why, path }
}

#[cfg(test)]
mod tests {
    use interregnum_checker::history::jsonl;

    use super::*;

    fn operation(process: u64, begin: u64, end: u64, function: &str, value: &str) -> String {
        let event = |time: u64, kind: &str| {
            format!(
                "{{\"time\":{time},\"process\":{process},\"type\":\"{kind}\",\"f\":\"{function}\",\"value\":{value}}}\n"
            )
        };
        event(begin, "invoke") + &event(end, "ok")
    }

    #[track_caller]
    fn check(operations: &[String], expected: &[(usize, usize, Why)]) {
        let history = jsonl::read(operations.concat().as_bytes(), "h").unwrap().history;
        let all: Vec<_> = (0..operations.len()).collect();
        let told: Vec<_> = arrows(&history, &all).into_iter().map(|arrow| (arrow.from, arrow.to, arrow.why)).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn a_lost_append_must_come_before_and_after_the_read_that_lacks_it() {
        let lost = [operation(1, 10, 20, "append", "7"), operation(2, 30, 40, "read", "[6]")];
        check(&lost, &[(0, 1, Why::Time), (1, 0, Why::Value)]);
    }

    #[test]
    fn a_stale_read_must_come_before_the_write_that_it_does_not_show() {
        let stale =
            [operation(1, 10, 20, "write", "1"), operation(2, 30, 40, "write", "2"), operation(3, 50, 60, "read", "1")];
        check(&stale, &[(0, 1, Why::Time), (1, 2, Why::Time), (2, 1, Why::Value)]);
    }

    #[test]
    fn what_was_read_before_it_was_written_is_an_arrow_against_time() {
        let early = [operation(1, 10, 20, "read", "1"), operation(2, 30, 40, "write", "1")];
        check(&early, &[(0, 1, Why::Time), (1, 0, Why::Value)]);
    }

    #[test]
    fn nothing_binds_what_is_in_order() {
        let sound = [operation(1, 10, 20, "write", "1"), operation(2, 30, 40, "read", "1")];
        check(&sound, &[(0, 1, Why::Time)]);
    }
}
