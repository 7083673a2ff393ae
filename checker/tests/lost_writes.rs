//! The fate of each write, one story a test. Each line of a story is `PROCESS TYPE F VALUE`, at its second.

#[path = "support/story.rs"]
mod story;

use interregnum_checker::history::{Value, jsonl};
use interregnum_checker::lost_writes::{Counts, FaultWindow, LostWrites, check};
use interregnum_checker::verdict::Verdict;
use story::history;

#[track_caller]
fn tell(story: &str, expected: Counts, verdict: Verdict) -> (LostWrites, String) {
    let history = history(story);
    let found = check(&history, &[]);
    assert_eq!(found.counts, expected);
    let judgement = found.judgement(&history);
    assert_eq!(judgement.verdict, verdict, "{}", judgement.summary);
    assert_eq!(judgement.proofs.is_empty(), verdict != Verdict::Violation);
    let proof = judgement.proofs.first().map_or(String::new(), |proof| format!(": {}", proof.sentence));
    (found, judgement.summary + &proof)
}

/// Appends of 1 (acknowledged), 2 (acknowledged), 3 (unknown), 4 (refused), then a read.
fn list_read_as(list: &str) -> String {
    format!(
        "1 invoke append 1\n1 ok append 1\n2 invoke append 2\n2 ok append 2\n3 invoke append 3\n3 info append 3\n\
         4 invoke append 4\n4 fail append 4\n5 invoke read null\n5 ok read {list}"
    )
}

const ONE_KEY: Counts = Counts {
    present: 0,
    overwritten: 0,
    lost: 0,
    unacknowledged_present: 0,
    unacknowledged_absent: 0,
    refused: 0,
    ghost: 0,
    duplicated: 0,
    phantom: 0,
    undetermined: 0,
    determined_keys: 1,
    undetermined_keys: 0,
};

#[test]
fn a_list_that_shows_what_was_acknowledged_passes() {
    let expected = Counts { present: 2, unacknowledged_absent: 1, refused: 1, ..ONE_KEY };
    let (_, summary) = tell(&list_read_as("[1,2]"), expected, Verdict::Pass);
    assert_eq!(summary, "none of 2 acknowledged writes lost");
    let expected = Counts { present: 2, unacknowledged_present: 1, refused: 1, ..ONE_KEY };
    tell(&list_read_as("[3,2,1]"), expected, Verdict::Pass);
}

/// A counter has the same `add` as a set; it was once told that all its additions were lost.
#[test]
fn a_counter_is_no_set() {
    let told = "1 invoke add 1\n1 ok add 1\n5 invoke read null\n5 ok read 1";
    let expected = Counts { determined_keys: 0, undetermined: 1, undetermined_keys: 1, ..ONE_KEY };
    tell(told, expected, Verdict::Inconclusive);
}

#[test]
fn a_list_that_lacks_or_invents_something_is_a_violation() {
    let base = Counts { present: 2, unacknowledged_absent: 1, refused: 1, ..ONE_KEY };
    let told = |list: &str, expected| tell(&list_read_as(list), expected, Verdict::Violation).1;
    let summary = told("[2]", Counts { present: 1, lost: 1, ..base });
    assert_eq!(
        summary,
        "1 of 2 acknowledged writes lost: process 1's append of 1 was acknowledged at 2.000 s, but process 5 read [2] at \
         10.000 s, the final read"
    );
    told("null", Counts { present: 0, lost: 2, ..base });
    let summary = told("[1,2,4]", Counts { refused: 0, ghost: 1, ..base });
    assert!(summary.ends_with("which shows 4, but process 4's append of 4 was refused"), "{summary}");
    let summary = told("[1,2,1,1]", Counts { duplicated: 1, ..base });
    assert!(summary.ends_with("shows 1 more often than it was written, by process 1's append of 1"), "{summary}");
    let summary = told("[1,2,9]", Counts { phantom: 1, ..base });
    assert!(summary.ends_with("which shows 9, but nobody ever tried to write it"), "{summary}");
}

#[test]
fn a_retry_that_may_have_happened_twice_is_no_duplicate() {
    let story =
        "1 invoke append 1\n1 info append 1\n2 invoke append 1\n2 ok append 1\n3 invoke read null\n3 ok read [1,1]";
    tell(story, Counts { present: 1, unacknowledged_present: 1, ..ONE_KEY }, Verdict::Pass);
    let thrice = story.replace("[1,1]", "[1,1,1]");
    tell(&thrice, Counts { present: 1, unacknowledged_present: 1, duplicated: 1, ..ONE_KEY }, Verdict::Violation);
}

#[test]
fn without_a_read_after_the_last_write_nothing_is_known() {
    let undetermined = Counts { determined_keys: 0, undetermined_keys: 1, ..ONE_KEY };
    let early = "1 invoke append 1\n2 invoke read null\n1 ok append 1\n2 ok read null";
    let (_, summary) = tell(early, Counts { undetermined: 1, ..undetermined }, Verdict::Inconclusive);
    assert_eq!(
        summary,
        "no acknowledged write's fate is known: 1 write to keys without a final read, none acknowledged to others"
    );
    let given_up_later =
        "1 invoke append 1\n1 ok append 1\n2 invoke append 2\n3 invoke read null\n2 info append 2\n3 ok read []";
    tell(given_up_later, Counts { undetermined: 2, ..undetermined }, Verdict::Inconclusive);
    tell("3 invoke read null\n3 ok read null", Counts::default(), Verdict::Inconclusive);
    let mixed = "1 invoke append 1\n1 ok append 1\n1 invoke write 2\n1 ok write 2\n3 invoke read null\n3 ok read 2";
    tell(mixed, Counts { undetermined: 2, ..undetermined }, Verdict::Inconclusive);
}

#[test]
fn a_set_has_the_fates_of_a_list_whatever_its_order() {
    let told = |shown: &str, expected: Counts, verdict| {
        let story = list_read_as(shown).replace("append", "add");
        tell(&story, Counts { present: 2, unacknowledged_absent: 1, refused: 1, ..expected }, verdict).1
    };
    told("[2,1]", ONE_KEY, Verdict::Pass);
    let summary = told("[2,1,2]", Counts { duplicated: 1, ..ONE_KEY }, Verdict::Violation);
    assert!(summary.ends_with("which shows 2 more often than it was written, by process 2's add of 2"), "{summary}");
    told("[2,1,9]", Counts { phantom: 1, ..ONE_KEY }, Verdict::Violation);
    let base = Counts { unacknowledged_absent: 1, refused: 1, ..ONE_KEY };
    let set_read_as = |shown: &str| list_read_as(shown).replace("append", "add");
    tell(&set_read_as("[2]"), Counts { present: 1, lost: 1, ..base }, Verdict::Violation);
    tell(&set_read_as("[2,4,1]"), Counts { present: 2, refused: 0, ghost: 1, ..base }, Verdict::Violation);
}

#[test]
fn an_element_that_was_added_twice_is_in_its_set_once() {
    let story = "1 invoke add 1\n1 ok add 1\n2 invoke add 1\n2 ok add 1\n3 invoke read null\n3 ok read [1]";
    tell(story, Counts { present: 2, ..ONE_KEY }, Verdict::Pass);
    tell(&story.replace("[1]", "[1,1]"), Counts { present: 2, duplicated: 1, ..ONE_KEY }, Verdict::Violation);
    let mixed = story.replacen("add", "append", 2);
    let undetermined = Counts { undetermined: 2, determined_keys: 0, undetermined_keys: 1, ..ONE_KEY };
    tell(&mixed, undetermined, Verdict::Inconclusive);
}

/// Writes of 1 and then 2, one after the other, and a read.
fn register_read_as(value: &str) -> String {
    format!("1 invoke write 1\n1 ok write 1\n2 invoke write 2\n2 ok write 2\n5 invoke read null\n5 ok read {value}")
}

#[test]
fn a_register_rolled_back_to_an_older_value_lost_the_newer_ones() {
    let told = |value: &str, expected, verdict| tell(&register_read_as(value), expected, verdict).1;
    told("2", Counts { present: 1, overwritten: 1, ..ONE_KEY }, Verdict::Pass);
    told("1", Counts { present: 1, lost: 1, ..ONE_KEY }, Verdict::Violation);
    told("null", Counts { lost: 2, ..ONE_KEY }, Verdict::Violation);
    let summary = told("9", Counts { overwritten: 2, phantom: 1, ..ONE_KEY }, Verdict::Violation);
    assert!(
        summary.starts_with("none of 2 acknowledged writes lost, 1 never written (2 perhaps overwritten)"),
        "{summary}"
    );
}

#[test]
fn a_register_is_not_blamed_for_what_may_have_been_overwritten() {
    let concurrent =
        register_read_as("1").replace("1 ok write 1\n2 invoke write 2\n", "2 invoke write 2\n1 ok write 1\n");
    tell(&concurrent, Counts { present: 1, overwritten: 1, ..ONE_KEY }, Verdict::Pass);
    let unknown = register_read_as("1").replace("ok write 1", "info write 1");
    tell(&unknown, Counts { overwritten: 1, unacknowledged_present: 1, ..ONE_KEY }, Verdict::Pass);
    let refused = register_read_as("1").replace("ok write 1", "fail write 1");
    tell(&refused, Counts { overwritten: 1, ghost: 1, ..ONE_KEY }, Verdict::Violation);
    let again = "1 invoke write 1\n1 ok write 1\n2 invoke write 2\n2 ok write 2\n3 invoke cas [2,1]\n3 ok cas [2,1]\n\
                 5 invoke read null\n5 ok read 1";
    tell(again, Counts { present: 2, overwritten: 1, ..ONE_KEY }, Verdict::Pass);
}

#[test]
fn a_loss_tells_who_when_where_and_what_took_its_place() {
    let history = history(
        r#"1 invoke append 7 |"key":"k"
           1 ok append 7 |"key":"k","node":"n1","epoch":3,"lsn":812
           2 invoke append 8 |"key":"k"
           2 ok append 8 |"key":"k","node":"n3","epoch":4,"lsn":812
           3 invoke read null |"key":"k"
           3 ok read [8] |"key":"k""#,
    );
    let window = |name: &str, start_ns, end_ns| FaultWindow { name: name.to_owned(), start_ns, end_ns };
    let faults = [window("kill n1", 2_500_000_000, 4_000_000_000), window("cut off n1", 1_500_000_000, 2_000_000_000)];
    let found = check(&history, &faults);
    let [loss] = found.losses.as_slice() else { panic!("one loss: {found:?}") };
    assert_eq!((&loss.value, loss.key.as_deref(), loss.process), (&Value::Int(7), Some("k"), 1));
    assert_eq!((loss.acknowledged_at_ns, loss.node.as_deref()), (Some(2_000_000_000), Some("n1")));
    assert_eq!((loss.epoch, loss.lsn, loss.faults.as_slice()), (Some(3), Some(812), &["cut off n1".to_owned()][..]));
    assert_eq!(
        found.judgement(&history).proofs[0].sentence,
        "process 1's append of 7 was acknowledged by n1 at 2.000 s (epoch 3, position 812), but process 3 read [8] at \
         6.000 s, the final read; n3 wrote position 812 in epoch 4; active then: cut off n1"
    );
}

#[test]
fn only_a_later_epoch_takes_a_position() {
    let story = r#"1 invoke append 7
                   1 ok append 7 |"epoch":3,"lsn":812
                   2 invoke append 8
                   2 ok append 8 |"epoch":EPOCH,"lsn":811
                   3 invoke read null
                   3 ok read [8]"#;
    let replacement = |epoch: &str| check(&history(&story.replace("EPOCH", epoch)), &[]).losses[0].replaced_by.clone();
    assert_eq!(replacement("3"), None);
    assert_eq!(replacement("4").map(|replacement| (replacement.epoch, replacement.lsn)), Some((4, 811)));
}

#[test]
fn writes_that_touch_in_one_instant_are_concurrent() {
    let event = |time: u64, process: u64, kind: &str, function: &str, value: u64| {
        format!(
            "{{\"time\":{time},\"process\":{process},\"type\":\"{kind}\",\"f\":\"{function}\",\"value\":{value}}}\n"
        )
    };
    let lost_if_begun_at = |time: u64| {
        let first = event(1, 1, "invoke", "write", 1) + &event(5, 1, "ok", "write", 1);
        let second = event(time, 2, "invoke", "write", 2) + &event(7, 2, "ok", "write", 2);
        let read = event(8, 3, "invoke", "read", 0) + &event(9, 3, "ok", "read", 1);
        let history = jsonl::read((first + &second + &read).as_bytes(), "story").expect("valid").history;
        check(&history, &[]).counts.lost
    };
    assert_eq!((lost_if_begun_at(5), lost_if_begun_at(6)), (0, 1));
}

#[test]
fn what_is_told_is_bounded_and_what_is_counted_is_not() {
    let append = |value: u32| format!("{value} invoke append {value}\n{value} ok append {value}");
    let writes = (0..2_000).map(append).collect::<Vec<_>>().join("\n");
    let history = history(&format!("{writes}\n5000 invoke read null\n5000 ok read []"));
    let found = check(&history, &[]);
    assert_eq!((found.counts.lost, found.losses.len()), (2_000, 1_000));
    let judgement = found.judgement(&history);
    assert_eq!((judgement.proofs.len(), judgement.proofs_left_out), (10, 1_990));
}
