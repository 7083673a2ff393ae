//! Two leaders at once, or not: one story a test. Each line is `PROCESS TYPE [NODE EPOCH]`, at its second.

use interregnum_checker::history::{History, jsonl};
use interregnum_checker::split_brain::{OverlapKind, SplitBrain, check};
use interregnum_checker::verdict::Verdict;

/// Every process appends its own number.
fn history(story: &str) -> History {
    let line = |(index, line): (usize, &str)| {
        let parts: Vec<&str> = line.split_whitespace().collect();
        let (process, kind, time) = (parts[0], parts[1], (index + 1) * 1_000_000_000);
        let leader = match parts[2..] {
            [node, epoch] => format!(",\"node\":\"{node}\",\"epoch\":{epoch}"),
            _ => String::new(),
        };
        format!(
            "{{\"time\":{time},\"process\":{process},\"type\":\"{kind}\",\"f\":\"append\",\"value\":{process}{leader}}}\n"
        )
    };
    let text: String = story.trim().lines().enumerate().map(line).collect();
    jsonl::read(text.as_bytes(), "story").unwrap_or_else(|error| panic!("{error}")).history
}

#[track_caller]
fn tell(story: &str, verdict: Verdict) -> (SplitBrain, String) {
    let history = history(story);
    let found = check(&history);
    let judgement = found.judgement(&history);
    assert_eq!(judgement.verdict, verdict, "{}", judgement.summary);
    assert_eq!(judgement.proofs.len(), found.overlaps.len());
    let proof = judgement.proofs.first().map_or(String::new(), |proof| format!(": {}", proof.sentence));
    (found, judgement.summary + &proof)
}

#[test]
fn an_old_leader_that_takes_writes_after_the_new_one_did_is_a_split_brain() {
    let story = "1 invoke\n1 ok n1 3\n2 invoke\n2 ok n3 4\n4 invoke\n4 ok n1 3\n5 invoke\n5 ok n1 3";
    let (found, summary) = tell(story, Verdict::Violation);
    assert_eq!(
        summary,
        "2 of 4 writes acknowledged while another leader did so too: \
         n1 acknowledged process 4's append of 4 under epoch 3 at 6.000 s (and 1 write more); it was invoked at 5.000 s, after n3 \
         had acknowledged process 2's append of 2 under epoch 4 at 4.000 s"
    );
    let [overlap] = found.overlaps.as_slice() else { panic!("one leader too many") };
    assert_eq!(
        (overlap.kind, overlap.node.as_str(), overlap.epoch, overlap.writes),
        (OverlapKind::Superseded, "n1", 3, 2)
    );
    assert_eq!((found.writes, found.leaders), (4, 2));
}

#[test]
fn a_write_taken_before_and_acknowledged_late_is_none() {
    let (_, summary) = tell("1 invoke\n2 invoke\n2 ok n3 4\n1 ok n1 3", Verdict::Pass);
    assert_eq!(summary, "2 writes acknowledged by 2 leaders, never by two at once");
}

#[test]
fn an_orderly_change_of_leader_is_none() {
    tell("1 invoke\n1 ok n1 3\n2 invoke\n2 ok n3 4\n3 invoke\n3 ok n1 5\n4 invoke\n4 ok n1 6", Verdict::Pass);
}

#[test]
fn a_node_does_not_contradict_itself_but_the_node_before_it() {
    let own = "2 invoke\n2 ok n1 5\n3 invoke\n3 ok n1 6\n4 invoke\n4 ok n1 3";
    tell(own, Verdict::Pass);
    // Whatever n1 acknowledged under its own later epochs, it is n3's epoch 4 that its epoch 3 is judged by.
    let (found, _) = tell(&format!("1 invoke\n1 ok n3 4\n{own}"), Verdict::Violation);
    assert_eq!((found.overlaps.len(), found.overlaps[0].operation, found.overlaps[0].other), (1, 3, 0));
    let late = "2 invoke\n1 invoke\n2 ok n1 5\n1 ok n3 4\n4 invoke\n4 ok n1 3";
    let (found, _) = tell(late, Verdict::Violation);
    assert_eq!((found.overlaps.len(), found.overlaps[0].operation, found.overlaps[0].other), (1, 2, 1));
}

#[test]
fn two_leaders_of_one_epoch_are_a_split_brain_even_one_after_the_other() {
    let (found, summary) = tell("1 invoke\n1 ok n2 3\n2 invoke\n2 ok n1 3", Verdict::Violation);
    assert_eq!(
        summary,
        "1 of 2 writes acknowledged while another leader did so too: \
         n2 and n1 were both leader of epoch 3: n2 acknowledged process 1's append of 1 at 2.000 s, and n1 process 2's append \
         of 2 at 4.000 s"
    );
    assert_eq!(found.overlaps.iter().map(|overlap| overlap.kind).collect::<Vec<_>>(), [OverlapKind::OneEpoch]);
}

#[test]
fn acknowledgements_that_do_not_tell_their_leader_prove_nothing() {
    let (found, summary) = tell("1 invoke\n1 ok\n2 invoke\n2 fail n1 3\n3 invoke\n3 info n2 3", Verdict::Inconclusive);
    assert_eq!(summary, "no acknowledged write tells its node and epoch, so nothing is known of leaders");
    assert_eq!(found.writes, 0);
}
