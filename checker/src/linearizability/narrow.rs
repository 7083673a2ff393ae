//! What the calls of a register tell of each other's times, for the search: it makes intervals shorter and drops calls that
//! nobody can have seen, so that fewer are open at once. It decides nothing.
//!
//! A value that only one call can have written, and that was not there at first, was written before anybody observed it. So
//! its writer took effect before the first of its certain observers ended, even if its own outcome is unknown, and no observer
//! took effect before the writer began. A write or cas of unknown outcome whose value no call expects is dropped, as any
//! linearization is one without it, unless some answer only tells what was *not* there.

use super::calls::Call;
use crate::model::register::{Action, INITIAL, observed, written};

/// The same calls, in the same order, narrowed; linearizable iff they were. `values` is above every value's number.
pub(super) fn narrow(calls: Vec<Call<Action>>, values: usize) -> Vec<Call<Action>> {
    let mut calls = without_unseen(calls, values);
    let writers = only_writers(&calls, values);
    let writer = |action: Action| observed(action).and_then(|value| writers[value as usize]);
    let mut by_end: Vec<usize> = (0..calls.len()).filter(|&index| calls[index].is_certain()).collect();
    by_end.sort_unstable_by_key(|&index| calls[index].end);
    for observer in by_end {
        // In this order whoever lowers a writer's end lowers it as far as any later one would.
        let (mut observer, end) = (observer, calls[observer].end);
        while let Some(writer) = writer(calls[observer].action) {
            let narrowed = end.max(calls[writer].start); // a value seen before it was written is for the search to find
            if calls[writer].end <= narrowed {
                break;
            }
            calls[writer].end = narrowed;
            observer = writer;
        }
    }
    for index in 0..calls.len() {
        if let Some(writer) = writer(calls[index].action)
            && calls[index].is_certain()
        {
            calls[index].start = calls[index].start.max(calls[writer].start).min(calls[index].end);
        }
    }
    calls
}

fn without_unseen(mut calls: Vec<Call<Action>>, values: usize) -> Vec<Call<Action>> {
    if calls.iter().any(|call| matches!(call.action, Action::ReadOtherThan(_))) {
        return calls;
    }
    loop {
        let mut is_expected = vec![false; values];
        for value in calls.iter().filter_map(|call| observed(call.action)) {
            is_expected[value as usize] = true;
        }
        let before = calls.len();
        calls.retain(|call| call.is_certain() || written(call.action).is_some_and(|value| is_expected[value as usize]));
        if calls.len() == before {
            return calls;
        }
    }
}

/// For each value the call that wrote it, if only one can have and it was not there at first.
fn only_writers(calls: &[Call<Action>], values: usize) -> Vec<Option<usize>> {
    let (mut writers, mut is_repeated) = (vec![None; values], vec![false; values]);
    is_repeated[INITIAL as usize] = true;
    for (index, call) in calls.iter().enumerate() {
        if let Some(value) = written(call.action).map(|value| value as usize) {
            is_repeated[value] |= writers[value].replace(index).is_some();
        }
    }
    writers.into_iter().zip(is_repeated).map(|(writer, is_repeated)| writer.filter(|_| !is_repeated)).collect()
}
