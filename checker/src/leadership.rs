//! Who led, and whether a node's epoch ever went back, told by the answers that name their node and epoch. Whether two
//! led at once is asked in `split_brain.rs`.
//!
//! An *answer* is an operation that ended, `ok` or `fail`, and tells both. Its node's **epoch went back** if it tells a
//! smaller epoch than another answer of the *same node* that precedes it in real time. A node keeps the greatest epoch
//! that it knows (Raft, §5.1: terms increase monotonically, and are on stable storage before anything is said in them),
//! so this is a bug in every configuration: a node that forgot its epoch may vote twice in one, or follow a leader whom
//! it had deposed. Of answers that overlap nothing is concluded.
//!
//! A **process** may well be told a smaller epoch than before, by *another* node: a follower that has not heard of the
//! election yet, or a deposed leader. That is counted and not judged. A read that was so answered may be stale, which
//! `staleness.rs` measures. A write may be the second leader's, which is a split brain if the first had acknowledged one
//! under the greater epoch, and nothing if all that was seen of that was a candidate who never won.
//!
//! A **reign** is what one node acknowledged as leader of one epoch, as far as clients saw it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::answers::{Answer, End, in_real_time};
use crate::drawing;
use crate::history::{Function, History, Operation, Outcome};
use crate::judgement::{Judgement, Proof};
use crate::verdict::Verdict;
use crate::wording::{acknowledged, at, count, noun, read, was_over};

/// The writes that one node acknowledged under one epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reign {
    /// The epoch.
    pub epoch: u64,
    /// The node.
    pub node: String,
    /// How many writes it acknowledged.
    pub writes: u64,
    /// The index in [`History::operations`] of the write that it acknowledged first.
    pub first: usize,
    /// The index of the one that it acknowledged last.
    pub last: usize,
}

/// The answers by which a node went back to an epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepBack {
    /// The node.
    pub node: String,
    /// The epoch that it went back to.
    pub epoch: u64,
    /// How many answers tell it.
    pub answers: u64,
    /// The index of the first of them, by invocation, in [`History::operations`].
    pub operation: usize,
    /// The index of the same node's answer that precedes that one and tells a greater epoch, the greatest there is.
    pub other: usize,
}

/// Answers that tell a smaller epoch than their process had been told before, by another node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behind {
    /// Acknowledged writes.
    pub writes: u64,
    /// Reads, and whatever else was answered.
    pub reads: u64,
}

/// What the answers of a history tell of who led.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leadership {
    /// How many answers tell their node and epoch. Of the others nothing is known.
    pub answers: u64,
    /// Every reign, in order of epoch, then of node.
    pub reigns: Vec<Reign>,
    /// How many answers tell that their node's epoch went back.
    pub backwards: u64,
    /// These, by epoch and node; the first 1,000.
    pub steps_back: Vec<StepBack>,
    /// The answers that were merely behind what their process had seen elsewhere.
    pub behind: Behind,
}

/// The most steps back that are told one by one. A system has few, but in a foreign history an `epoch` may be anything.
const MOST_TOLD: usize = 1_000;

/// The most proofs that a judgement holds.
const MOST_PROOFS: usize = 10;

/// Looks at every answer that tells its node and epoch.
#[must_use]
pub fn check(history: &History) -> Leadership {
    let answers: Vec<Answer<'_>> = Answer::all(history).collect();
    let mut sweep = Sweep::of(history);
    for end in in_real_time(&answers) {
        match end {
            End::Completed(answer) => sweep.completed(answer),
            End::Invoked(answer) => sweep.invoked(answer),
        }
    }
    Leadership {
        answers: answers.len() as u64,
        reigns: reigns_of(&answers),
        backwards: sweep.backwards,
        steps_back: sweep.steps_back.into_values().take(MOST_TOLD).collect(),
        behind: sweep.behind,
    }
}

/// Going through the answers in real time.
struct Sweep<'a> {
    history: &'a History,
    /// Of each node the answer with the greatest epoch so far; of several the first.
    of_nodes: BTreeMap<&'a str, &'a Answer<'a>>,
    /// The greatest epoch that each process has been told.
    of_processes: BTreeMap<u64, u64>,
    backwards: u64,
    steps_back: BTreeMap<(u64, &'a str), StepBack>,
    behind: Behind,
}

impl<'a> Sweep<'a> {
    fn of(history: &'a History) -> Self {
        let (of_nodes, of_processes, steps_back) = Default::default();
        Self { history, of_nodes, of_processes, backwards: 0, steps_back, behind: Behind::default() }
    }

    fn completed(&mut self, answer: &'a Answer<'a>) {
        let of_node = self.of_nodes.entry(answer.node).or_insert(answer);
        if answer.epoch > of_node.epoch {
            *of_node = answer;
        }
        let of_process = self.of_processes.entry(self.process_of(answer)).or_default();
        *of_process = answer.epoch.max(*of_process);
    }

    fn invoked(&mut self, answer: &'a Answer<'a>) {
        if let Some(other) = self.of_nodes.get(answer.node).filter(|other| other.epoch > answer.epoch) {
            self.backwards += 1;
            let step_back = self.steps_back.entry((answer.epoch, answer.node));
            step_back.or_insert_with(|| StepBack::to(answer, other)).answers += 1;
        } else if self.of_processes.get(&self.process_of(answer)).is_some_and(|&epoch| epoch > answer.epoch) {
            let Behind { writes, reads } = &mut self.behind;
            *if answer.is_acknowledged_write { writes } else { reads } += 1;
        }
    }

    fn process_of(&self, answer: &Answer<'_>) -> u64 {
        self.history.operations()[answer.operation].process
    }
}

/// Every reign, in order of epoch, then of node: who led when, without judging it.
#[must_use]
pub fn reigns(history: &History) -> Vec<Reign> {
    reigns_of(&Answer::all(history).collect::<Vec<_>>())
}

fn reigns_of(answers: &[Answer<'_>]) -> Vec<Reign> {
    let mut by_completion: Vec<&Answer<'_>> = answers.iter().filter(|answer| answer.is_acknowledged_write).collect();
    by_completion.sort_by_key(|write| write.completed);
    let mut reigns: BTreeMap<(u64, &str), Reign> = BTreeMap::new();
    for &&Answer { epoch, node, operation, .. } in &by_completion {
        let new = || Reign { epoch, node: node.to_owned(), writes: 0, first: operation, last: operation };
        let reign = reigns.entry((epoch, node)).or_insert_with(new);
        (reign.writes, reign.last) = (reign.writes + 1, operation);
    }
    reigns.into_values().collect()
}

impl Leadership {
    /// The answer under the checker's word, `leadership`: a violation if a node's epoch went back. Inconclusive if no
    /// answer tells its node and epoch.
    #[must_use]
    pub fn judgement(&self, history: &History) -> Judgement {
        let proofs: Vec<Proof> = self.steps_back.iter().take(MOST_PROOFS).map(|step| step.proof(history)).collect();
        let answers = count(self.answers, "answer");
        let (verdict, summary) = if self.backwards > 0 {
            (Verdict::Violation, format!("{} of {answers} tell that their node's epoch had gone back", self.backwards))
        } else if self.answers == 0 {
            let nothing_known = "no answer tells its node and epoch, so nothing is known of epochs";
            (Verdict::Inconclusive, nothing_known.to_owned())
        } else {
            (Verdict::Pass, format!("no node's epoch went back in {answers}{}", self.behind.told()))
        };
        let proofs_left_out = self.steps_back.len() - proofs.len();
        Judgement { checker: "leadership".to_owned(), verdict, summary, proofs, proofs_left_out }
    }
}

impl Behind {
    /// `; 12 reads and 1 write told a smaller epoch than their process had seen elsewhere`, or nothing.
    fn told(self) -> String {
        let told = [count(self.reads, "read"), count(self.writes, "write")];
        let told = match self {
            Self { writes: 0, reads: 0 } => return String::new(),
            Self { writes: 0, .. } => &told[..1],
            Self { reads: 0, .. } => &told[1..],
            Self { .. } => &told[..],
        };
        format!("; {} told a smaller epoch than their process had seen elsewhere", told.join(" and "))
    }
}

impl StepBack {
    fn to(answer: &Answer<'_>, other: &Answer<'_>) -> Self {
        let (node, epoch) = (answer.node.to_owned(), answer.epoch);
        Self { node, epoch, answers: 0, operation: answer.operation, other: other.operation }
    }

    fn proof(&self, history: &History) -> Proof {
        let [back, other] = [self.operation, self.other].map(|index| &history.operations()[index]);
        let more = match self.answers {
            0 | 1 => String::new(),
            answers => format!(" (and {} more)", count(answers - 1, "answer")),
        };
        let sentence = format!(
            "{}, under epoch {}{more}; it was invoked at {}, after {}, under epoch {}",
            answered(back),
            self.epoch,
            at(back.invoked),
            was_over(other),
            other.epoch.unwrap_or_default(),
        );
        let operations = vec![self.other, self.operation];
        let drawing = drawing::draw(history, &operations);
        Proof { key: None, sentence, operations, drawing }
    }
}

/// What came of an operation, where and when.
fn answered(operation: &Operation) -> String {
    match (&operation.function, operation.outcome, operation.completed) {
        (_, Outcome::Fail, Some(completed)) => {
            let node = operation.node.as_deref().unwrap_or_default().escape_debug();
            format!("{} failed on {node} at {}", noun(operation), at(completed))
        }
        (Function::Read, _, _) => read(operation),
        _ => format!("{} was {}", noun(operation), acknowledged(operation)),
    }
}
