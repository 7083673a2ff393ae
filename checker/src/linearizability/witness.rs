//! The order that a system itself tells of its operations, by their positions in its log (LSN, revision, GTID): whether it is
//! a linearization. Where it is, no search is needed; where it is not, it proves nothing against the history.
//!
//! Operations are put in order of their positions, a read behind the write of its position. That is a linearization iff no
//! operation ends before one ahead of it begins, and each one's answer fits what those ahead of it left. An operation of
//! unknown outcome that tells no position may take effect just before one whose answer does not fit otherwise.

use super::calls::Call;
use crate::drawing;
use crate::history::{History, Operation};
use crate::judgement::Proof;
use crate::model::{Effect, Model};
use crate::wording::{at, noun, observation, observed, was_over};

/// What the positions are worth.
#[derive(Clone, Debug, PartialEq)]
pub enum Witness {
    /// They were not asked, or not every answer tells one, or they leave open where operations of unknown outcome were.
    Untold,
    /// Their order is a linearization.
    Holds,
    /// Their order is none, whatever the operations of unknown outcome did.
    Broken {
        /// What shows it.
        proof: Proof,
    },
}

/// Tries the order of positions.
pub(super) fn witness<M: Model>(history: &History, key: Option<&str>, model: &M, calls: &[Call<M::Action>]) -> Witness {
    let Some(order) = order(history, model, calls) else { return Witness::Untold };
    let told = |call: usize| &history.operations()[calls[call].operation];
    let broken = |sentence: String, operations: &[usize]| {
        let operations: Vec<usize> = operations.iter().map(|&call| calls[call].operation).collect();
        let drawing = drawing::draw(history, &operations);
        Witness::Broken { proof: Proof { key: key.map(str::to_owned), sentence, operations, drawing } }
    };
    if let Some((ahead, behind)) = inversion(calls, &order) {
        return broken(out_of_time(told(ahead), told(behind)), &[behind, ahead]);
    }
    match replay(model, calls, &order) {
        Replay::Legal(order) if inversion(calls, &order).is_none() => Witness::Holds,
        Replay::Legal(_) | Replay::Open => Witness::Untold,
        Replay::Illegal { call, held } => broken(out_of_state(told(call), &held), &[call]),
    }
}

/// The calls by their positions, or `None` if a call of known outcome tells none.
fn order<M: Model>(history: &History, model: &M, calls: &[Call<M::Action>]) -> Option<Vec<usize>> {
    let mut order = Vec::with_capacity(calls.len());
    for (index, call) in calls.iter().enumerate() {
        match history.operations()[call.operation].lsn {
            Some(lsn) => order.push((lsn, model.effect(&call.action) == Effect::Reads, call.start, index)),
            None if call.is_certain() => return None,
            None => {}
        }
    }
    order.sort_unstable();
    (!order.is_empty()).then(|| order.into_iter().map(|(.., index)| index).collect())
}

/// Two calls of which the one ahead began after the one behind had ended.
fn inversion<A>(calls: &[Call<A>], order: &[usize]) -> Option<(usize, usize)> {
    let mut latest: Option<usize> = None;
    for &index in order {
        if let Some(ahead) = latest.filter(|&ahead| calls[index].end < calls[ahead].start) {
            return Some((ahead, index));
        }
        latest = latest.filter(|&ahead| calls[ahead].start >= calls[index].start).or(Some(index));
    }
    None
}

/// The most calls of unknown outcome that are tried at one place, so that many of them do not take time quadratic in their
/// number.
const MOST_TRIED: usize = 1_000;

enum Replay {
    /// Each answer fits in this order, which may have calls of unknown outcome in it.
    Legal(Vec<usize>),
    /// This call's answer does not fit what the object then held.
    Illegal { call: usize, held: String },
    /// One does not fit, but calls of unknown outcome may have changed that.
    Open,
}

fn replay<M: Model>(model: &M, calls: &[Call<M::Action>], order: &[usize]) -> Replay {
    let mut is_placed = vec![false; calls.len()];
    for &index in order {
        is_placed[index] = true;
    }
    let mut unplaced: Vec<usize> = (0..calls.len()).filter(|&index| !is_placed[index]).collect();
    let (mut state, mut legal) = (model.initial(), Vec::with_capacity(calls.len()));
    for &index in order {
        let action = &calls[index].action;
        let next = model.step(&state, action).or_else(|| {
            let fitting = |unknown: usize| model.step(&model.step(&state, &calls[unknown].action)?, action);
            let (place, next) = unplaced
                .iter()
                .take(MOST_TRIED)
                .enumerate()
                .find_map(|(place, &unknown)| Some((place, fitting(unknown)?)))?;
            legal.push(unplaced.remove(place));
            Some(next)
        });
        match next {
            Some(next) => state = next,
            None if unplaced.is_empty() && order.len() == calls.len() => {
                return Replay::Illegal { call: index, held: model.show(&state) };
            }
            None => return Replay::Open,
        }
        legal.push(index);
    }
    Replay::Legal(legal)
}

fn position(operation: &Operation) -> String {
    operation.lsn.map_or_else(String::new, |lsn| format!("position {lsn}"))
}

fn out_of_time(ahead: &Operation, behind: &Operation) -> String {
    let began = at(ahead.invoked);
    format!(
        "{} tells {}, and {} {}; but {}, before the former began at {began}",
        noun(ahead),
        position(ahead),
        noun(behind),
        position(behind),
        was_over(behind),
    )
}

fn out_of_state(operation: &Operation, held: &str) -> String {
    let told = if observed(operation).is_some() { observation(operation) } else { was_over(operation) };
    format!("{told}, which tells {}; by the positions it held {held} there", position(operation))
}
