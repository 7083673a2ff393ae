//! What the reads of one register lack. What that means is said in [`super`].
//!
//! The versions certainly newer than *u* are those begun after u was known, and the few further ones that a chain of
//! cas leads to from u and that were begun already. The former are counted in a sweep over time, in O(n log n); the
//! latter one by one, for their writes were open when u was known: at most one per client, but for those that crashed
//! and were seen.

use super::Lag;
use crate::history::{Function, History, Moment};
use crate::linearizability::Options;
use crate::linearizability::calls::{NEVER, RegisterCalls, of_register};
use crate::linearizability::groups::End;
use crate::model::register::Action;
use crate::numbers::ValueId;
use crate::versions::Versions;

/// Fails, saying why, on operations that are none of a register's, and on values that have no order.
pub(super) fn measure(history: &History, operations: &[usize]) -> Result<Vec<Lag>, String> {
    let options = Options::default();
    let register = of_register(history, operations, &options)?;
    let versions = Versions::of(history, &register)?;
    let first_newer = FirstNewer::of(&versions);
    let mut known: Vec<ValueId> = versions.values().filter(|&value| versions.get(value).known.at != NEVER).collect();
    known.sort_unstable_by_key(|&value| versions.get(value).known.at);
    let mut known = known.into_iter().peekable();
    let mut begun = Begun::new(&versions);
    let mut lags = Vec::new();
    // Calls come in order of invocation.
    for (read, start, value) in reads(history, &register) {
        while let Some(value) = known.next_if(|&value| versions.get(value).known.at < start) {
            begun.add(versions.get(value).begun.at);
        }
        let newer = begun.after(versions.get(value).known.at) + open_then(&versions, value, start);
        let since = first_newer.than(&versions, value).filter(|first| first.at < start);
        lags.push(Lag { read, versions: newer, since: since.and_then(|first| moment(history, first)) });
    }
    Ok(lags)
}

/// The acknowledged reads: their operation, the rank of their invocation and what they returned.
fn reads(history: &History, register: &RegisterCalls<'_>) -> impl Iterator<Item = (usize, u64, ValueId)> {
    register.calls.iter().filter_map(|call| match call.action {
        Action::Read(value) if history.operations()[call.operation].function == Function::Read => {
            Some((call.operation, call.start, value))
        }
        _ => None,
    })
}

fn moment(history: &History, end: End) -> Option<Moment> {
    end.operation.and_then(|index| history.operations()[index].completed)
}

/// How many versions that a chain of cas leads to were begun when `value` was known, and were known before `start`.
fn open_then(versions: &Versions, value: ValueId, start: u64) -> u64 {
    let of = versions.get(value);
    let mut next = of.successors.clone();
    let mut open = 0;
    while let Some(version) = next.pop().map(|next| versions.get(next)) {
        if version.begun.at <= of.known.at && version.known.at < start {
            open += 1;
            next.extend(&version.successors);
        }
    }
    open
}

/// Of the versions begun from some moment on, the one known first.
struct FirstNewer(Vec<(u64, End)>);

impl FirstNewer {
    fn of(versions: &Versions) -> Self {
        let mut by_begun: Vec<(u64, End)> =
            versions.values().map(|value| (versions.get(value).begun.at, versions.get(value).known)).collect();
        by_begun.sort_unstable_by_key(|&(begun, known)| (begun, known.at));
        let mut first: Option<End> = None;
        for (_, known) in by_begun.iter_mut().rev() {
            let earlier = first.filter(|first| first.at < known.at).unwrap_or(*known);
            *known = earlier;
            first = Some(earlier);
        }
        Self(by_begun)
    }

    /// The first known of the versions certainly newer than this one. What a chain of cas made from it directly was
    /// known no later than what the chain made from that.
    fn than(&self, versions: &Versions, value: ValueId) -> Option<End> {
        let of = versions.get(value);
        let later = self.0.get(self.0.partition_point(|&(begun, _)| begun <= of.known.at)).map(|&(_, known)| known);
        let made = of.successors.iter().map(|&successor| versions.get(successor).known);
        later.into_iter().chain(made).min_by_key(|known| known.at)
    }
}

/// The moments at which versions were begun, counted by a Fenwick tree.
struct Begun {
    ranks: Vec<u64>,
    sums: Vec<u64>,
    total: u64,
}

impl Begun {
    fn new(versions: &Versions) -> Self {
        let mut ranks: Vec<u64> = versions.values().map(|value| versions.get(value).begun.at).collect();
        ranks.sort_unstable();
        ranks.dedup();
        Self { sums: vec![0; ranks.len() + 1], ranks, total: 0 }
    }

    fn add(&mut self, begun: u64) {
        self.total += 1;
        let mut node = self.ranks.partition_point(|&rank| rank < begun) + 1;
        while let Some(sum) = self.sums.get_mut(node) {
            *sum += 1;
            node += node & node.wrapping_neg();
        }
    }

    /// How many of those added are after this moment.
    fn after(&self, moment: u64) -> u64 {
        let mut node = self.ranks.partition_point(|&rank| rank <= moment);
        let mut up_to = 0;
        while node > 0 {
            up_to += self.sums[node];
            node &= node - 1;
        }
        self.total - up_to
    }
}
