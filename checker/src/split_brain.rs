//! Whether two leaders acknowledged writes at once, told by the acknowledgements that name their node and epoch.
//! What the two did to the data is asked elsewhere.
//!
//! There were two leaders at once if
//!
//! - (a) a node acknowledged a write under an epoch *e* that was invoked after another node had acknowledged one under an
//!   epoch greater than *e*: the old leader took it when the new one was already at work; or
//! - (b) two nodes acknowledged writes under one epoch.
//!
//! A write that the old leader took earlier and acknowledged late is neither: it may have been replicated in time.

use std::collections::{BTreeMap, BTreeSet};

use crate::answers::{Answer, End, in_real_time};
use crate::drawing;
use crate::history::{History, Operation};
use crate::judgement::{Judgement, Proof};
use crate::verdict::Verdict;
use crate::wording::{at, count, noun};

/// How two leaders were there at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OverlapKind {
    /// Both acknowledged writes under one epoch.
    OneEpoch,
    /// The one took writes after the other had acknowledged some under a greater epoch.
    Superseded,
}

/// A node that acknowledged writes under an epoch, when another one was leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// How.
    pub kind: OverlapKind,
    /// The node that should not have. Of two in one epoch, the one that was not the first to.
    pub node: String,
    /// The epoch under which it did.
    pub epoch: u64,
    /// How many writes it so acknowledged.
    pub writes: u64,
    /// The index of the first of them in [`History::operations`].
    pub operation: usize,
    /// The index of the other leader's write that proves it.
    pub other: usize,
}

/// What the acknowledgements tell of who led.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SplitBrain {
    /// How many acknowledged writes tell their node and epoch. Of the others nothing is known.
    pub writes: u64,
    /// How many pairs of node and epoch they tell.
    pub leaders: u64,
    /// The leaders that should not have been, in order of epoch. A history has few leaders, so this is not bounded.
    pub overlaps: Vec<Overlap>,
}

/// The most proofs that a judgement holds.
const MOST_PROOFS: usize = 10;

/// Looks at every acknowledged write that tells its node and epoch.
#[must_use]
pub fn check(history: &History) -> SplitBrain {
    let writes: Vec<Answer<'_>> = Answer::all(history).filter(|answer| answer.is_acknowledged_write).collect();
    let leaders: BTreeSet<(u64, &str)> = writes.iter().map(|write| (write.epoch, write.node)).collect();
    let mut overlaps = Overlaps::default();
    find_two_in_one_epoch(&writes, &mut overlaps);
    find_superseded(&writes, &mut overlaps);
    SplitBrain {
        writes: writes.len() as u64,
        leaders: leaders.len() as u64,
        overlaps: overlaps.0.into_values().collect(),
    }
}

/// Case (b), told of each node that was not the first to acknowledge something under its epoch.
fn find_two_in_one_epoch(writes: &[Answer<'_>], overlaps: &mut Overlaps) {
    let mut first: BTreeMap<u64, Answer<'_>> = BTreeMap::new();
    for write in writes {
        let first = first.entry(write.epoch).or_insert(*write);
        if write.completed < first.completed {
            *first = *write;
        }
    }
    for write in writes.iter().filter(|write| first[&write.epoch].node != write.node) {
        overlaps.add(OverlapKind::OneEpoch, write, first[&write.epoch].operation);
    }
}

/// Case (a).
fn find_superseded(writes: &[Answer<'_>], overlaps: &mut Overlaps) {
    let mut newest = Newest::default();
    for end in in_real_time(writes) {
        match end {
            End::Completed(write) => newest.take_in(*write),
            End::Invoked(write) => {
                if let Some(other) = newest.of_other_than(write.node).filter(|other| other.epoch > write.epoch) {
                    overlaps.add(OverlapKind::Superseded, write, other.operation);
                }
            }
        }
    }
}

/// The greatest epoch so far, and the greatest of any other node, each with the first write acknowledged under it.
#[derive(Default)]
struct Newest<'a> {
    first: Option<Answer<'a>>,
    second: Option<Answer<'a>>,
}

impl<'a> Newest<'a> {
    fn take_in(&mut self, write: Answer<'a>) {
        let is_newer = |than: &Option<Answer<'_>>| than.is_none_or(|than| write.epoch > than.epoch);
        let is_of = |other: &Option<Answer<'_>>| other.is_some_and(|other| other.node == write.node);
        if is_newer(&self.first) {
            let before = self.first.replace(write);
            self.second = if is_of(&before) { self.second } else { before };
        } else if !is_of(&self.first) && is_newer(&self.second) {
            self.second = Some(write);
        }
    }

    fn of_other_than(&self, node: &str) -> Option<Answer<'a>> {
        self.first.filter(|first| first.node != node).or(self.second)
    }
}

/// By epoch, node and kind.
#[derive(Default)]
struct Overlaps(BTreeMap<(u64, String, OverlapKind), Overlap>);

impl Overlaps {
    fn add(&mut self, kind: OverlapKind, write: &Answer<'_>, other: usize) {
        let (node, epoch, operation) = (write.node.to_owned(), write.epoch, write.operation);
        let overlap = Overlap { kind, node: node.clone(), epoch, writes: 0, operation, other };
        self.0.entry((epoch, node, kind)).or_insert(overlap).writes += 1;
    }
}

impl SplitBrain {
    /// The answer under the checker's word, `split-brain`. Inconclusive if no acknowledgement tells its node and epoch.
    #[must_use]
    pub fn judgement(&self, history: &History) -> Judgement {
        let proofs: Vec<Proof> = self.overlaps.iter().take(MOST_PROOFS).map(|overlap| overlap.proof(history)).collect();
        let (writes, leaders) = (count(self.writes, "write"), count(self.leaders, "leader"));
        let (verdict, summary) = match proofs.first() {
            Some(_) => {
                let overlapping: u64 = self.overlaps.iter().map(|overlap| overlap.writes).sum();
                (Verdict::Violation, format!("{overlapping} of {writes} acknowledged while another leader did so too"))
            }
            None if self.writes == 0 => (
                Verdict::Inconclusive,
                "no acknowledged write tells its node and epoch, so nothing is known of leaders".to_owned(),
            ),
            None => (Verdict::Pass, format!("{writes} acknowledged by {leaders}, never by two at once")),
        };
        let proofs_left_out = self.overlaps.len() - proofs.len();
        Judgement { checker: "split-brain".to_owned(), verdict, summary, proofs, proofs_left_out }
    }
}

impl Overlap {
    fn proof(&self, history: &History) -> Proof {
        let [write, other] = [self.operation, self.other].map(|index| &history.operations()[index]);
        let other_node = other.node.as_deref().unwrap_or_default().escape_debug();
        let node = self.node.escape_debug();
        let more =
            if self.writes > 1 { format!(" (and {} more)", count(self.writes - 1, "write")) } else { String::new() };
        let (epoch, when) = (self.epoch, |operation: &Operation| operation.completed.map_or_else(String::new, at));
        let sentence = match self.kind {
            OverlapKind::OneEpoch => format!(
                "{other_node} and {node} were both leader of epoch {epoch}: {other_node} acknowledged {} at {}, and {node} {} at {}{more}",
                noun(other),
                when(other),
                noun(write),
                when(write),
            ),
            OverlapKind::Superseded => format!(
                "{node} acknowledged {} under epoch {epoch} at {}{more}; it was invoked at {}, after {other_node} had \
                 acknowledged {} under epoch {} at {}",
                noun(write),
                when(write),
                at(write.invoked),
                noun(other),
                other.epoch.unwrap_or_default(),
                when(other),
            ),
        };
        let operations = vec![self.other, self.operation];
        let drawing = drawing::draw(history, &operations);
        Proof { key: None, sentence, operations, drawing }
    }
}
