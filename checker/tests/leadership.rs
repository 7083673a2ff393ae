//! Who led, and whether a node's epoch went back: one story a test, then random histories against the definition itself.

#[path = "support/story.rs"]
mod story;

use std::cell::Cell;

use interregnum_checker::history::{Function, History, Operation, Outcome, jsonl};
use interregnum_checker::leadership::{Behind, Leadership, Reign, check};
use interregnum_checker::verdict::Verdict;
use proptest::collection::vec;
use proptest::prop_assert_eq;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use story::history;

/// An append of the process's own number, over before the next one begins.
fn append(process: u64, node: &str, epoch: u64) -> String {
    format!("{}\n{}\n", begin(process, "append"), end(process, "append", node, epoch))
}

fn read(process: u64, node: &str, epoch: u64) -> String {
    format!("{}\n{}\n", begin(process, "read"), end(process, "read", node, epoch))
}

fn begin(process: u64, function: &str) -> String {
    format!("{process} invoke {function} {process}")
}

fn end(process: u64, function: &str, node: &str, epoch: u64) -> String {
    format!("{process} ok {function} {process} |\"node\":\"{node}\",\"epoch\":{epoch}")
}

#[track_caller]
fn tell(story: &[String], verdict: Verdict) -> (Leadership, String) {
    let history = history(&story.concat());
    let found = check(&history);
    let judgement = found.judgement(&history);
    assert_eq!(judgement.verdict, verdict, "{}", judgement.summary);
    assert_eq!(judgement.proofs.len(), found.steps_back.len());
    let proof = judgement.proofs.first().map_or(String::new(), |proof| format!(": {}", proof.sentence));
    (found, judgement.summary + &proof)
}

#[test]
fn a_node_that_tells_a_smaller_epoch_than_before_went_back() {
    let story = [append(1, "n1", 4), read(2, "n1", 3), read(3, "n1", 3), read(4, "n1", 4)];
    let (found, summary) = tell(&story, Verdict::Violation);
    assert_eq!(
        summary,
        "2 of 4 answers tell that their node's epoch had gone back: process 2 read 2 from n1 at 4.000 s, under epoch 3 (and \
         1 answer more); it was invoked at 3.000 s, after process 1's append of 1 had been acknowledged by n1 at 2.000 s, \
         under epoch 4"
    );
    let [step] = found.steps_back.as_slice() else { panic!("one node, one epoch: {found:?}") };
    assert_eq!((step.node.as_str(), step.epoch, step.answers, step.operation, step.other), ("n1", 3, 2, 1, 0));
}

#[test]
fn a_failed_operation_is_an_answer_too() {
    let refused = "2 invoke cas [1,2]\n2 fail cas [1,2] |\"node\":\"n1\",\"epoch\":3,\"seen\":7\n".to_owned();
    let (_, summary) = tell(&[append(1, "n1", 4), refused.clone()], Verdict::Violation);
    assert!(summary.contains("process 2's cas from 1 to 2 failed on n1 at 4.000 s, under epoch 3"), "{summary}");
    tell(&[refused, append(1, "n1", 2)], Verdict::Violation);
}

#[test]
fn answers_that_overlap_prove_nothing() {
    let overlapping = [begin(1, "append"), begin(2, "append"), end(2, "append", "n1", 4), end(1, "append", "n1", 3)];
    tell(&[overlapping.join("\n")], Verdict::Pass);
}

#[test]
fn what_ended_at_the_moment_of_an_invocation_does_not_precede_it() {
    let event = |time: u64, process: u64, kind: &str, epoch: u64| {
        format!(
            "{{\"time\":{time},\"process\":{process},\"type\":\"{kind}\",\"f\":\"read\",\"node\":\"n1\",\"epoch\":{epoch}}}\n"
        )
    };
    for (invoked, verdict) in [(5, Verdict::Pass), (6, Verdict::Violation)] {
        let lines =
            [event(1, 1, "invoke", 4), event(5, 1, "ok", 4), event(invoked, 2, "invoke", 3), event(7, 2, "ok", 3)];
        let history = jsonl::read(lines.concat().as_bytes(), "story").unwrap().history;
        assert_eq!(check(&history).judgement(&history).verdict, verdict, "invoked at {invoked}");
    }
}

#[test]
fn an_orderly_change_of_leader_is_no_step_back() {
    let story = [append(1, "n1", 1), append(2, "n2", 2), append(3, "n1", 3), append(4, "n1", 3)];
    let (found, summary) = tell(&story, Verdict::Pass);
    assert_eq!(summary, "no node's epoch went back in 4 answers");
    let told = |reign: &Reign| (reign.epoch, reign.node.clone(), reign.writes, reign.first, reign.last);
    let reigns: Vec<_> = found.reigns.iter().map(told).collect();
    assert_eq!(reigns, [(1, "n1".into(), 1, 0, 0), (2, "n2".into(), 1, 1, 1), (3, "n1".into(), 2, 2, 3)]);
}

#[test]
fn a_reign_is_told_by_its_acknowledged_writes_alone_in_the_order_of_their_acknowledgements() {
    let crossing = [begin(1, "append"), begin(2, "append"), end(2, "append", "n1", 1), end(1, "append", "n1", 1)];
    let unknown = "4 invoke append 4\n4 info append 4 |\"node\":\"n2\",\"epoch\":2\n".to_owned();
    let (found, _) = tell(&[crossing.join("\n") + "\n", read(3, "n2", 2), unknown], Verdict::Pass);
    let [reign] = found.reigns.as_slice() else { panic!("one reign: {found:?}") };
    assert_eq!((reign.writes, reign.first, reign.last), (2, 1, 0));
    assert_eq!(found.answers, 3);
}

#[test]
fn a_process_that_is_told_less_by_another_node_is_counted_and_not_judged() {
    let story = [append(1, "n1", 4), read(1, "n2", 3), append(1, "n3", 3), read(2, "n2", 3)];
    let (found, summary) = tell(&story, Verdict::Pass);
    assert_eq!(found.behind, Behind { writes: 1, reads: 1 });
    assert_eq!(
        summary,
        "no node's epoch went back in 4 answers; 1 read and 1 write told a smaller epoch than their process had seen elsewhere"
    );
}

#[test]
fn answers_that_do_not_tell_their_epoch_prove_nothing() {
    let (found, summary) = tell(&["1 invoke read 1\n1 ok read 1 |\"node\":\"n1\"\n".to_owned()], Verdict::Inconclusive);
    assert_eq!(summary, "no answer tells its node and epoch, so nothing is known of epochs");
    assert_eq!(found, Leadership::default());
}

/// Of the same node, before it in real time, under a greater epoch: what the definition says, tried out on every pair.
fn went_back(operations: &[Operation], answer: &Operation) -> bool {
    preceding(operations, answer).any(|other| other.node == answer.node && other.epoch > answer.epoch)
}

fn preceding<'a>(operations: &'a [Operation], answer: &'a Operation) -> impl Iterator<Item = &'a Operation> {
    let tells = |other: &&Operation| other.node.is_some() && other.epoch.is_some();
    let is_before =
        |other: &&Operation| other.completed.is_some_and(|completed| completed.order < answer.invoked.order);
    operations.iter().filter(tells).filter(is_before)
}

fn check_against_definition(history: &History) -> (Leadership, u64, Behind) {
    let operations = history.operations();
    let (mut backwards, mut behind) = (0, Behind::default());
    for answer in operations.iter().filter(|answer| answer.completed.is_some() && answer.epoch.is_some()) {
        let told_more = |other: &Operation| other.process == answer.process && other.epoch > answer.epoch;
        if went_back(operations, answer) {
            backwards += 1;
        } else if preceding(operations, answer).any(told_more) {
            let is_write = answer.function == Function::Append && answer.outcome == Outcome::Ok;
            *if is_write { &mut behind.writes } else { &mut behind.reads } += 1;
        }
    }
    (check(history), backwards, behind)
}

/// Three processes, two nodes, epochs that rise slowly and now and then fall; some operations fail, some stay open.
fn random_story(choices: &[(u8, u8)]) -> String {
    let mut open: [Option<&str>; 3] = [None; 3];
    let mut gone = [0_u64; 3];
    let mut story = Vec::new();
    for (moment, &(process, choice)) in choices.iter().enumerate() {
        let slot = usize::from(process) % open.len();
        let process = gone[slot] * 3 + slot as u64;
        let Some(function) = open[slot].take() else {
            let function = if choice % 2 == 0 { "read" } else { "append" };
            open[slot] = Some(function);
            story.push(format!("{process} invoke {function} 1"));
            continue;
        };
        let kind = ["ok", "ok", "ok", "ok", "fail", "info"][usize::from(choice) % 6];
        gone[slot] += u64::from(kind == "info");
        let (node, epoch) = (choice / 8 % 2, (moment / 4).saturating_sub(usize::from(choice / 16 % 3)));
        let told = if choice > 250 { String::new() } else { format!(" |\"node\":\"n{node}\",\"epoch\":{epoch}") };
        story.push(format!("{process} {kind} {function} 1{told}"));
    }
    story.join("\n")
}

#[test]
fn random_histories_agree_with_the_definition() {
    let (orderly, backwards_in, behind_in) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let config = Config { cases: 4_000, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..Config::default() };
    let choices = vec((proptest::num::u8::ANY, proptest::num::u8::ANY), 4..40);
    let result = TestRunner::new(config).run(&choices, |choices| {
        let history = history(&random_story(&choices));
        let (found, backwards, behind) = check_against_definition(&history);
        prop_assert_eq!((found.backwards, found.behind), (backwards, behind));
        prop_assert_eq!(found.steps_back.iter().map(|step| step.answers).sum::<u64>(), backwards);
        for step in &found.steps_back {
            let [back, other] = [step.operation, step.other].map(|index| &history.operations()[index]);
            prop_assert_eq!((Some(step.node.as_str()), Some(step.epoch)), (back.node.as_deref(), back.epoch));
            prop_assert_eq!((Some(step.node.as_str()), other.epoch > back.epoch), (other.node.as_deref(), true));
            prop_assert_eq!(other.completed.map(|completed| completed.order) < Some(back.invoked.order), true);
        }
        let count = if backwards > 0 { &backwards_in } else { &orderly };
        count.set(count.get() + 1);
        behind_in.set(behind_in.get() + i32::from(behind != Behind::default()));
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    let counts = [orderly.get(), backwards_in.get(), behind_in.get()];
    assert!(counts.iter().all(|&count| count > 300), "too one-sided to mean much: {counts:?}");
}
