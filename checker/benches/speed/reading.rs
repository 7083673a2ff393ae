//! Reading JSON lines, beside what `serde_json` needs to walk the same bytes without keeping anything of them.

use std::time::Duration;

use interregnum_checker::history::jsonl;
use serde::de::IgnoredAny;

use crate::arguments::{Arguments, Effort};
use crate::kinds;
use crate::promises::Promise;
use crate::stopwatch::{Contestant, race, ratio, rounds, time};
use crate::table::{self, thousands};

pub(crate) fn measure(arguments: &Arguments) -> Vec<Promise> {
    let head = ["shortest / median", "bytes", "walk", "read", "read / walk", "ns a line, walk", "ns a line, read"];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    let mut greatest = 0.0_f64;
    for &operations in arguments.lengths() {
        for kind in kinds::for_all_checkers() {
            let text = kind.json_lines(operations);
            let mut contestants: [Contestant; 2] = [
                Box::new(|| time(|| walk(&text)).0),
                Box::new(|| time(|| jsonl::read(text.as_slice(), "benchmark").expect("valid")).0),
            ];
            let times = race(rounds(arguments), &mut contestants);
            let [walk, read] = times.as_slice() else { unreachable!("two contestants") };
            let ratio = ratio(read.shortest(), walk.shortest());
            let lines = lines(&text).count();
            let per_line = |took: Duration| format!("{:.0}", took.as_secs_f64() * 1e9 / lines as f64);
            table.push(vec![
                format!("{} operations: {kind}", thousands(operations)),
                thousands(text.len()),
                walk.to_string(),
                read.to_string(),
                format!("{ratio:.2}"),
                per_line(walk.shortest()),
                per_line(read.shortest()),
            ]);
            if Some(&operations) == arguments.lengths().last() {
                greatest = greatest.max(ratio);
            }
        }
    }
    table::print(&table);
    if arguments.effort != Effort::Full {
        return Vec::new();
    }
    let what = "times as long to read a million operations of JSON lines as to walk them";
    vec![Promise { what, most: 2.0, measured: greatest }]
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty())
}

fn walk(text: &[u8]) {
    for line in lines(text) {
        serde_json::from_slice::<IgnoredAny>(line).expect("valid JSON");
    }
}
