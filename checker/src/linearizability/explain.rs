//! The contradictions that the algorithms find, told as proofs that a person can follow. It decides nothing.

use std::collections::BTreeSet;

use super::core::Core;
use super::groups::{Group, Inversion};
use crate::drawing;
use crate::history::{Function, History, Operation, Value};
use crate::judgement::Proof;
use crate::wording::{Sentence, acknowledged, at, count, noun, observation, observed, read, was_over, written};

/// Operations that cannot all be, and why. Operations are indices into the history.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Contradiction {
    /// A value was observed that nobody wrote; perhaps a refused operation would have.
    NeverWritten { observer: usize, refused: Option<usize> },
    /// Two compare-and-set both found a value that was written once, or was there at first.
    ReplacedTwice { writer: Option<usize>, first: usize, second: usize },
    /// Each compare-and-set found what the one before it wrote, all the way round.
    Circle { operations: Vec<usize> },
    /// Each value was written once, and so they put `ahead` first; real time puts `behind` first.
    Inverted(Inversion),
    /// A began again, with `a_began`, after B had ended, though A ended before B began. The initial value ended at once.
    Entangled { a_ended: Option<usize>, b_began: usize, b_ended: usize, a_began: usize },
    /// A read shows an element that nobody added; perhaps a refused operation would have.
    NeverAdded { read: usize, element: Value, refused: Option<usize> },
    /// A read shows an element at two places, counted from 0.
    Duplicated { read: usize, append: usize, places: [usize; 2] },
    /// Two reads differ at a place that both have, counted from 0.
    Disagreeing { reads: [usize; 2], place: usize },
    /// Two reads of a set that only grows each show what the other one does not.
    Incomparable { reads: [usize; 2] },
    /// An append was acknowledged before `before` began, but the list as `read` shows it has `before` and not the append.
    Missing { append: usize, before: usize, read: usize },
    /// A read shows an element whose append began only later.
    ShownEarly { read: usize, append: usize },
    /// A read does not show what was there already: the append, or what the read, that is `before`.
    Shrunk { read: usize, before: usize },
    /// `read` shows the elements of two appends, one before the other, in the other order.
    Reordered { shown_first: usize, ended_first: usize, read: usize },
    /// The operations that had ended before one have an order, but none with it.
    NoPlace(Core),
    /// The search found no place for this one, and nobody asked why.
    NotExplained { stuck: usize },
}

impl Contradiction {
    /// Two blocks of which each must precede the other. It is told of the one that, having ended, began again.
    pub(super) fn entangled(a: Group, b: Group) -> Self {
        let is_initial = |group: Group| group.first_end.operation.is_none();
        let began_again = |group: Group| group.first_end.at < group.last_start.at;
        let (a, b) = if is_initial(a) || (began_again(a) && !is_initial(b)) { (a, b) } else { (b, a) };
        match (a.last_start.operation, b.last_start.operation, b.first_end.operation) {
            (Some(a_began), Some(b_began), Some(b_ended)) => {
                Self::Entangled { a_ended: a.first_end.operation, b_began, b_ended, a_began }
            }
            _ => unreachable!("only the initial value, which is A, was there before the history"),
        }
    }

    /// The proof by these operations, in the order they are told.
    pub(super) fn proof(&self, history: &History, key: Option<&str>, operations: impl Iterator<Item = usize>) -> Proof {
        let sentence = self.sentence(history.operations());
        let mut told = BTreeSet::new();
        let operations: Vec<usize> = operations.filter(|&index| told.insert(index)).collect();
        let drawing = drawing::draw(history, &operations);
        Proof { key: key.map(str::to_owned), sentence, operations, drawing }
    }

    /// The same, but if a value had only not been written by then, with the operation that wrote it later.
    pub(super) fn told_with_writer(self, writer: impl Fn(usize) -> Option<usize>) -> Self {
        match self {
            Self::NeverWritten { observer, .. } => {
                writer(observer).map_or(self, |ahead| Self::Inverted(Inversion { ahead, behind: observer }))
            }
            other => other,
        }
    }

    /// The same, but if an element had only not been appended by then, with the append that came later.
    pub(super) fn told_with_append(self, append: impl Fn(&Value) -> Option<usize>) -> Self {
        match self {
            Self::NeverAdded { read, ref element, .. } => {
                append(element).map_or(self, |append| Self::ShownEarly { read, append })
            }
            other => other,
        }
    }

    /// A refused operation that a reader looks for, though it did not happen and proves nothing.
    pub(super) fn beside(&self) -> Option<usize> {
        match *self {
            Self::NeverWritten { refused, .. } | Self::NeverAdded { refused, .. } => refused,
            _ => None,
        }
    }

    pub(super) fn operations(&self) -> Vec<usize> {
        match self {
            Self::NeverWritten { observer: reader, .. } | Self::NeverAdded { read: reader, .. } => vec![*reader],
            Self::ReplacedTwice { first, second, .. } => vec![*first, *second],
            Self::Circle { operations } => operations.clone(),
            Self::Inverted(Inversion { ahead, behind }) => vec![*behind, *ahead],
            Self::ShownEarly { read, append } => vec![*read, *append],
            Self::Shrunk { read, before } => vec![*before, *read],
            Self::Reordered { shown_first, ended_first, read } => vec![*ended_first, *shown_first, *read],
            Self::Entangled { a_ended, b_began, b_ended, a_began } => {
                a_ended.iter().chain([b_began, b_ended, a_began]).copied().collect()
            }
            Self::Duplicated { read, .. } => vec![*read],
            Self::Disagreeing { reads, .. } | Self::Incomparable { reads } => reads.to_vec(),
            Self::Missing { append, before, read } => vec![*append, *before, *read],
            Self::NoPlace(core) => core.others.iter().chain([&core.stuck]).copied().collect(),
            Self::NotExplained { stuck } => vec![*stuck],
        }
    }

    fn sentence(&self, operations: &[Operation]) -> Sentence {
        let told = |index: usize| &operations[index];
        match *self {
            Self::NeverWritten { observer, refused } => never(told(observer), refused.map(told), "wrote"),
            Self::NeverAdded { read: reader, ref element, refused } => {
                format!("{}, which shows {element}, but {}", read(told(reader)), nobody("added", refused.map(told)))
            }
            Self::ReplacedTwice { writer, first, second } => {
                let [first, second] = [first, second].map(told);
                let value = observed(first).unwrap_or(&Value::Nil);
                let origin = writer.map_or_else(
                    || format!("{value} was there at the beginning only"),
                    |writer| format!("{value} was written only once, by process {}", told(writer).process),
                );
                format!("{} and {} both succeeded, though {origin}", noun(first), noun(second))
            }
            Self::Circle { ref operations } => circle(&operations.iter().map(|&index| told(index)).collect::<Vec<_>>()),
            Self::Inverted(Inversion { ahead, behind }) => inverted(told(ahead), told(behind)),
            Self::ShownEarly { read: reader, append } => {
                let (append, reader) = (told(append), read(told(reader)));
                let began = at(append.invoked);
                format!("{reader}, which shows {}, before {} began at {began}", append.input, noun(append))
            }
            Self::Shrunk { read: reader, before } => {
                let (reader, before) = (read(told(reader)), was_over(told(before)));
                format!("{reader}, after {before}: it shows less than was already there")
            }
            Self::Reordered { shown_first, ended_first, read: reader } => {
                let (first, second, reader) = (told(shown_first), told(ended_first), read(told(reader)));
                let shown = format!("{reader}, which shows {} before {}", first.input, second.input);
                format!("{shown}; but {}, before {} began at {}", was_over(second), noun(first), at(first.invoked))
            }
            Self::Entangled { a_ended, b_began, b_ended, a_began } => {
                entangled(a_ended.map(told), told(b_began), told(b_ended), told(a_began))
            }
            Self::Duplicated { read: reader, append, places: [one, other] } => {
                let (element, reader) = (&told(append).input, read(told(reader)));
                format!(
                    "{reader}, which shows {element} at places {} and {}, though it was appended once",
                    one + 1,
                    other + 1
                )
            }
            Self::Disagreeing { reads: [one, other], place } => disagreeing(told(one), told(other), place),
            Self::Incomparable { reads: [one, other] } => incomparable(told(one), told(other)),
            Self::Missing { append, before, read } => missing(told(append), told(before), told(read)),
            Self::NoPlace(ref core) => no_place(told(core.stuck), core),
            Self::NotExplained { stuck } => format!("{}, for which there is no place", answer(told(stuck))),
        }
    }
}

fn never(observer: &Operation, refused: Option<&Operation>, verb: &str) -> Sentence {
    format!("{}, but {}", observation(observer), nobody(verb, refused))
}

fn nobody(verb: &str, refused: Option<&Operation>) -> String {
    match refused {
        Some(refused) => format!("{} was refused, and nobody else {verb} it", noun(refused)),
        None => format!("nobody {verb} it"),
    }
}

fn circle(operations: &[&Operation]) -> Sentence {
    if let [operation] = operations {
        return format!("{} succeeded on a value that only it wrote", noun(operation));
    }
    let shown: Vec<String> = operations.iter().take(4).map(|operation| noun(operation)).collect();
    let more = if operations.len() > shown.len() { ", and so on," } else { "" };
    let shown = shown.join(" and ");
    format!("{shown}{more} each succeeded on a value that only they wrote, so none of them can have been the first")
}

/// `behind` ended before `ahead` began.
fn inverted(ahead: &Operation, behind: &Operation) -> Sentence {
    let began = at(ahead.invoked);
    match observed(ahead) {
        _ if written(ahead).is_some() && written(ahead) == observed(behind) => {
            format!("{}, before {}, the only one, began at {began}", observation(behind), noun(ahead))
        }
        Some(value) => {
            let (told, over) = (observation(ahead), was_over(behind));
            format!("{told}, after {over}: {value} had been replaced by then, and nobody wrote it again")
        }
        None => {
            let (ahead, told) = (noun(ahead), noun(behind));
            format!(
                "the values put {ahead} before {told}, but {}, before the former began at {began}",
                was_over(behind)
            )
        }
    }
}

fn entangled(a_ended: Option<&Operation>, b_began: &Operation, b_ended: &Operation, a_began: &Operation) -> Sentence {
    let value = observed(a_began).unwrap_or(&Value::Nil);
    let told = format!("{}, after {}", observation(a_began), was_over(b_ended));
    match a_ended {
        None => format!("{told}; {value} was there at the beginning only, and nobody wrote it"),
        Some(a_ended) => {
            let b_began = format!("{} began at {}", noun(b_began), at(b_began.invoked));
            format!("{told}; {}, before {b_began}, and nobody wrote {value} again", was_over(a_ended))
        }
    }
}

fn disagreeing(one: &Operation, other: &Operation, place: usize) -> Sentence {
    let element = |operation: &Operation| match &operation.output {
        Value::List(elements) => elements[place].to_string(),
        value => value.to_string(),
    };
    let (first, second) = (element(one), element(other));
    let (one, other) = (read(one), read(other));
    format!("at place {} {one} shows {first}, but {other} shows {second}; a list only grows at its end", place + 1)
}

fn incomparable(one: &Operation, other: &Operation) -> Sentence {
    let lacks = |operation: &Operation, than: &Operation| match (&operation.output, &than.output) {
        (Value::List(shown), Value::List(all)) => all.iter().find(|element| !shown.contains(element)).cloned(),
        (_, Value::List(all)) => all.first().cloned(),
        _ => None,
    };
    let (of_one, of_other) = (lacks(other, one).unwrap_or_default(), lacks(one, other).unwrap_or_default());
    let (one, other) = (read(one), read(other));
    format!("{one}, which shows {of_one} but not {of_other}, and {other}, which shows {of_other} but not {of_one}")
}

fn missing(append: &Operation, before: &Operation, reader: &Operation) -> Sentence {
    let element = &append.input;
    if before.function == Function::Read {
        return format!(
            "{}, which does not show {element}, after {} had been {}",
            read(before),
            noun(append),
            acknowledged(append)
        );
    }
    let (other, began) = (&before.input, at(before.invoked));
    let shown = format!("{}, which shows {other} but not {element}", read(reader));
    format!("{shown}; but {} had been {}, before {} began at {began}", noun(append), acknowledged(append), noun(before))
}

/// What an operation of any model was answered.
fn answer(operation: &Operation) -> Sentence {
    match &operation.output {
        _ if observed(operation).is_some() => observation(operation),
        output if *output == operation.input && *output != Value::Nil => was_over(operation),
        Value::Nil if operation.input != Value::Nil => was_over(operation),
        output => format!("{}, answering {output}", was_over(operation)),
    }
}

fn no_place(stuck: &Operation, Core { ended, others, held, is_minimal, .. }: &Core) -> Sentence {
    let told = answer(stuck);
    if others.is_empty() {
        return format!("{told}, and nothing in the history explains that");
    }
    // Of many states none tells much.
    let held = match held.as_slice() {
        [] => String::new(),
        held => format!(", though it can have been only {} then", held.join(" or ")),
    };
    let (ended, others) = (count(*ended as u64, "operation"), others.len());
    if *is_minimal {
        format!(
            "{told}{held}; the {ended} that had ended before have an order, but none that this fits into, because of \
             {others} of them"
        )
    } else {
        format!("{told}{held}; no order of the {ended} that had ended before fits this, because of at most {others}")
    }
}

#[cfg(test)]
mod tests {
    use crate::history::jsonl;
    use crate::linearizability::{FailedCas, KeyOutcome, Options, check};

    /// A history from lines `PROCESS TYPE F VALUE [MORE FIELDS]`, an event a second.
    fn proof(lines: &str) -> String {
        let event = |(index, line): (usize, &str)| {
            let parts: Vec<&str> = line.trim().splitn(5, ' ').collect();
            let more = parts.get(4).map_or_else(String::new, |more| format!(",{more}"));
            format!(
                "{{\"time\":{}000000000,\"process\":{},\"type\":\"{}\",\"f\":\"{}\",\"value\":{}{more}}}\n",
                index + 1,
                parts[0],
                parts[1],
                parts[2],
                parts[3],
            )
        };
        let text: String = lines.trim().lines().enumerate().map(event).collect();
        let history = jsonl::read(text.as_bytes(), "h").expect("valid").history;
        let options = Options { failed_cas: FailedCas::SawAnotherValue, ..Options::default() };
        let result = check(&history, &options);
        let [key] = result.keys.as_slice() else { panic!("one key") };
        let KeyOutcome::NotLinearizable { proof } = &key.outcome else { panic!("{:?} of {text}", key.outcome) };
        assert_eq!(proof.drawing.lines().count(), proof.operations.len() + 1, "{}", proof.drawing);
        proof.sentence.clone()
    }

    #[test]
    fn a_stale_read_is_told() {
        let lines = r#"1 invoke write 41
                       1 ok write 41
                       2 invoke write 57
                       2 ok write 57 "node":"n1"
                       7 invoke read null
                       7 ok read 41 "node":"n2""#;
        assert_eq!(
            proof(lines),
            "process 7 read 41 from n2 at 6.000 s, after process 2's write of 57 had been acknowledged by n1 at 4.000 s; \
             process 1's write of 41 had been acknowledged at 2.000 s, before process 2's write of 57 began at 3.000 s, and \
             nobody wrote 41 again"
        );
        assert_eq!(
            proof(&lines.replace("ok read 41", "ok read null")),
            "process 7 read nil from n2 at 6.000 s, after process 2's write of 57 had been acknowledged by n1 at 4.000 s; \
             nil was there at the beginning only, and nobody wrote it"
        );
    }

    #[test]
    fn values_from_nowhere_are_told() {
        let lines = "1 invoke write 3\n1 fail write 3\n2 invoke read null\n2 ok read 3";
        assert_eq!(
            proof(lines),
            "process 2 read 3 at 4.000 s, but process 1's write of 3 was refused, and nobody else wrote it"
        );
        assert_eq!(proof(&lines.replace("read 3", "read 4")), "process 2 read 4 at 4.000 s, but nobody wrote it");
        let lines = "1 invoke read null\n1 ok read 3\n2 invoke write 3\n2 ok write 3";
        assert_eq!(
            proof(lines),
            "process 1 read 3 at 2.000 s, before process 2's write of 3, the only one, began at 3.000 s"
        );
    }

    #[test]
    fn impossible_compare_and_sets_are_told() {
        let both = "1 invoke cas [null,1]\n1 ok cas [null,1]\n2 invoke cas [null,2]\n2 ok cas [null,2]";
        assert_eq!(
            proof(both),
            "process 1's cas from nil to 1 and process 2's cas from nil to 2 both succeeded, though nil was there at the \
             beginning only"
        );
        let circle = "1 invoke cas [1,2]\n2 invoke cas [2,1]\n1 ok cas [1,2]\n2 ok cas [2,1]";
        assert_eq!(
            proof(circle),
            "process 2's cas from 2 to 1 and process 1's cas from 1 to 2 each succeeded on a value that only they wrote, so \
             none of them can have been the first"
        );
        let alone = "1 invoke cas [1,1]\n1 ok cas [1,1]";
        assert_eq!(proof(alone), "process 1's cas from 1 to 1 succeeded on a value that only it wrote");
        let gone = "1 invoke cas [null,1]\n1 ok cas [null,1]\n2 invoke read null\n2 ok read null";
        assert_eq!(
            proof(gone),
            "process 2 read nil at 4.000 s, after process 1's cas from nil to 1 had been acknowledged at 2.000 s: nil had \
             been replaced by then, and nobody wrote it again"
        );
    }

    #[test]
    fn impossible_sets_are_told() {
        let start = "1 invoke add 1\n2 invoke add 2\n3 invoke read null\n3 ok read [1]\n3 invoke read null\n";
        assert_eq!(
            proof(&format!("{start}3 ok read [2]")),
            "process 3 read [1] at 4.000 s, which shows 1 but not 2, and process 3 read [2] at 6.000 s, which shows 2 but not 1"
        );
        assert_eq!(
            proof(&format!("{start}3 ok read []")),
            "process 3 read [] at 6.000 s, after process 3 had read [1] at 4.000 s: it shows less than was already there"
        );
        assert_eq!(
            proof("1 invoke add 1\n1 ok add 1\n3 invoke read null\n3 ok read []"),
            "process 3 read [] at 4.000 s, which does not show 1, after process 1's add of 1 had been acknowledged at 2.000 s"
        );
    }

    #[test]
    fn impossible_lists_are_told() {
        let start = "1 invoke append 1\n1 ok append 1\n2 invoke append 2\n2 ok append 2\n3 invoke read null\n";
        let told = |read: &str| proof(&format!("{start}3 ok read {read}"));
        assert_eq!(
            told("[1]"),
            "process 3 read [1] at 6.000 s, which does not show 2, after process 2's append of 2 had been acknowledged at \
             4.000 s"
        );
        assert_eq!(
            told("[2,1]"),
            "process 3 read [2 1] at 6.000 s, which shows 2 before 1; but process 1's append of 1 had been acknowledged at \
             2.000 s, before process 2's append of 2 began at 3.000 s"
        );
        assert_eq!(told("[1,2,3]"), "process 3 read [1 2 3] at 6.000 s, which shows 3, but nobody added it");
        assert_eq!(
            told("[1,2,1]"),
            "process 3 read [1 2 1] at 6.000 s, which shows 1 at places 1 and 3, though it was appended once"
        );
        let grown =
            "1 invoke append 1\n1 ok append 1\n2 invoke read null\n2 ok read [1]\n3 invoke read null\n3 ok read []";
        assert_eq!(
            proof(grown),
            "process 3 read [] at 6.000 s, which does not show 1, after process 1's append of 1 had been acknowledged at \
             2.000 s"
        );
        assert_eq!(
            proof(&grown.replace("1 ok append", "1 info append")),
            "process 3 read [] at 6.000 s, after process 2 had read [1] at 4.000 s: it shows less than was already there"
        );
        let disagreeing = "1 invoke append 1\n2 invoke append 2\n3 invoke read null\n3 ok read [1]\n3 invoke read null\n\
                           3 ok read [2,1]";
        assert_eq!(
            proof(disagreeing),
            "at place 1 process 3 read [1] at 4.000 s shows 1, but process 3 read [2 1] at 6.000 s shows 2; a list only \
             grows at its end"
        );
    }

    #[test]
    fn what_the_search_cannot_place_is_told_by_few_operations() {
        let lines = "1 invoke write 1\n1 ok write 1\n2 invoke write 1\n2 ok write 1\n3 invoke write 2\n3 ok write 2\n\
                     4 invoke read null\n4 ok read 2\n5 invoke read null\n5 ok read 1";
        assert_eq!(
            proof(lines),
            "process 5 read 1 at 10.000 s, though it can have been only 2 then; the 4 operations that had ended before have an order, but none that this fits \
             into, because of 3 of them"
        );
    }
}
