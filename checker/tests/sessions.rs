//! The four session guarantees, one story a test. Each line of a story is `PROCESS TYPE F VALUE`, at its second.

#[path = "support/certain_order.rs"]
mod certain_order;
#[path = "support/operations.rs"]
mod operations;
#[path = "sessions/oracle.rs"]
mod oracle;
#[path = "support/random.rs"]
mod random;
#[path = "support/story.rs"]
mod story;

use std::cell::Cell;

use interregnum_checker::history::History;
use interregnum_checker::sessions::{Counts, Guarantee, check};
use interregnum_checker::verdict::Verdict;
use operations::{append, cas, read, write};
use oracle::Broken;
use proptest::prop_assert_eq;
use random::{Object, for_random_histories};
use story::history;

const RYW: Guarantee = Guarantee::ReadYourWrites;
const MR: Guarantee = Guarantee::MonotonicReads;
const MW: Guarantee = Guarantee::MonotonicWrites;
const WFR: Guarantee = Guarantee::WritesFollowReads;

/// `broken` are the guarantees that the story breaks, each with how often; returns the sentence of the first proof.
#[track_caller]
fn check_story(story: &[String], broken: &[(Guarantee, u64)]) -> String {
    let history = history(&story.concat());
    let found = check(&history);
    let counts: Vec<(Guarantee, u64)> = found
        .counts
        .iter()
        .map(|(&guarantee, counts)| (guarantee, counts.broken))
        .filter(|&(_, broken)| broken > 0)
        .collect();
    assert_eq!(counts, broken, "{:?}", found.violations);
    assert_eq!(found.undecided_keys, 0, "{:?}", found.why_undecided);
    assert!(found.counts.values().all(|&Counts { judged, broken }| broken <= judged));
    let judgement = found.judgement(&history);
    let expected = if broken.is_empty() { Verdict::Pass } else { Verdict::Violation };
    assert_eq!(judgement.verdict, expected, "{}", judgement.summary);
    let told: Vec<u64> = broken.iter().map(|&(_, broken)| broken).collect();
    assert_eq!(judgement.proofs.len() as u64, told.iter().sum::<u64>());
    judgement.proofs.first().map_or(String::new(), |proof| proof.sentence.clone())
}

#[test]
fn a_register_that_forgets_its_sessions_write_breaks_read_your_writes() {
    let sentence = check_story(&[write(1, "41"), write(7, "57"), read(7, "41")], &[(RYW, 1)]);
    assert_eq!(
        sentence,
        "process 7 read 41 at 6.000 s, after its own write of 57 had been acknowledged at 4.000 s; 41 was there by 2.000 s, \
         before process 7's write of 57 began at 3.000 s"
    );
    check_story(&[write(1, "41"), write(7, "57"), read(7, "57")], &[]);
    // Another session may lag behind.
    check_story(&[write(7, "57"), read(1, "null"), read(7, "57")], &[]);
    // The value of before the history is older than any.
    let sentence = check_story(&[write(7, "57"), read(7, "null")], &[(RYW, 1)]);
    assert!(sentence.ends_with("nil was there at the beginning only"), "{sentence}");
}

#[test]
fn a_newer_write_or_one_at_the_same_time_hides_ones_own() {
    check_story(&[write(7, "57"), write(1, "60"), read(7, "60")], &[]);
    check_story(&["1 invoke write 41\n".into(), write(7, "57"), "1 ok write 41\n".into(), read(7, "41")], &[]);
    // One that crashed may take effect late, unless it was seen before.
    let crashed = "1 invoke write 41\n1 info write 41\n".to_owned();
    check_story(&[crashed.clone(), write(7, "57"), read(7, "41")], &[]);
    check_story(&[crashed, read(2, "41"), write(7, "57"), read(7, "41")], &[(RYW, 1)]);
}

#[test]
fn a_register_that_goes_back_breaks_monotonic_reads() {
    let story = [write(1, "41"), write(2, "57"), read(7, "57"), read(7, "41")];
    let sentence = check_story(&story, &[(MR, 1)]);
    assert_eq!(
        sentence,
        "process 7 read 41 at 8.000 s, after it had read 57 at 6.000 s; 41 was there by 2.000 s, before process 2's write of 57 \
         began at 3.000 s"
    );
    // Late, but forward; and late for one session is no matter to another.
    check_story(&[write(1, "41"), write(2, "57"), read(7, "41"), read(7, "57")], &[]);
    check_story(&[write(1, "41"), write(2, "57"), read(7, "57"), read(8, "41"), read(8, "57")], &[]);
    // A step back between two others is still one.
    check_story(&[write(1, "41"), write(2, "57"), read(7, "57"), read(7, "41"), read(7, "41")], &[(MR, 2)]);
}

#[test]
fn a_chain_of_cas_orders_what_time_does_not() {
    // The cas and the write that it found overlap.
    let overlapping = "1 invoke write 41\n2 invoke cas [41,57]\n2 ok cas [41,57]\n1 ok write 41\n".to_owned();
    let sentence = check_story(&[overlapping.clone(), read(7, "57"), read(7, "41")], &[(MR, 1)]);
    assert!(sentence.ends_with("a chain of cas had made something newer from 41"), "{sentence}");
    check_story(&[overlapping.clone(), read(7, "41"), read(7, "57")], &[]);
    check_story(&[overlapping, cas(3, "57", "60"), read(7, "60"), read(7, "41")], &[(MR, 1)]);
    // What a cas made is no older than what it was made from, though the cas began long before that.
    let early = ["2 invoke cas [41,57]\n".to_owned(), write(1, "40"), write(1, "41"), "2 ok cas [41,57]\n".to_owned()];
    check_story(&[early.concat(), read(7, "57"), read(7, "40")], &[(MR, 1)]);
}

#[test]
fn a_failed_cas_that_tells_what_it_saw_is_a_read() {
    let saw = |seen: &str| format!("7 invoke cas [5,6]\n7 fail cas [5,6] |\"seen\":{seen}\n");
    check_story(&[write(1, "41"), write(7, "57"), saw("41")], &[(RYW, 1)]);
    check_story(&[write(1, "41"), write(7, "57"), saw("57")], &[]);
}

#[test]
fn a_list_that_forgets_its_sessions_append_breaks_read_your_writes() {
    let sentence = check_story(&[append(1, "1"), append(7, "2"), read(7, "[1]")], &[(RYW, 1)]);
    assert_eq!(
        sentence,
        "process 7 read [1] at 6.000 s, which does not show 2, after its own append of 2 had been acknowledged at 4.000 s"
    );
    check_story(&[append(1, "1"), append(7, "2"), read(7, "[1,2]"), read(8, "[1]"), read(8, "[1,2]")], &[]);
}

#[test]
fn a_list_that_shrinks_breaks_monotonic_reads() {
    let story = [append(1, "1"), append(1, "2"), read(7, "[1,2]"), read(7, "[1]")];
    assert_eq!(
        check_story(&story, &[(MR, 1)]),
        "process 7 read [1] at 8.000 s, which does not show 2, after it had read [1 2] at 6.000 s"
    );
    check_story(&[append(1, "1"), append(1, "2"), read(7, "[1]"), read(7, "[1,2]")], &[]);
}

#[test]
fn a_list_that_shows_a_sessions_appends_out_of_order_or_with_a_gap_breaks_monotonic_writes() {
    for shown in ["[2]", "[2,1]"] {
        let sentence = check_story(&[append(1, "1"), append(1, "2"), read(7, shown)], &[(MW, 1)]);
        let told = "which shows 2 and not 1 before it; but process 1's append of 1 had been acknowledged at 2.000 s, before \
                    process 1's append of 2 began at 3.000 s";
        assert!(sentence.ends_with(told), "{sentence}");
    }
    check_story(&[append(1, "1"), append(1, "2"), read(7, "[1,2]"), read(8, "[1]")], &[]);
    // The appends of two sessions may come in any order, and a refused one is in none.
    let refused = "1 invoke append 1\n1 fail append 1\n".to_owned();
    check_story(&[refused, append(1, "2"), append(2, "3"), append(1, "4"), read(7, "[3,2,4]")], &[]);
}

#[test]
fn a_list_that_shows_an_answer_before_its_question_breaks_writes_follow_reads() {
    for shown in ["[2]", "[2,1]"] {
        let story = [append(1, "1"), read(2, "[1]"), append(2, "2"), read(7, shown)];
        let sentence = check_story(&story, &[(WFR, 1)]);
        let told = "which shows 2 and not 1 before it; but process 2 had read [1] at 4.000 s, before process 2's append of 2 \
                    began at 5.000 s";
        assert!(sentence.ends_with(told), "{sentence}");
    }
    check_story(&[append(1, "1"), read(2, "[1]"), append(2, "2"), read(7, "[1]"), read(7, "[1,2]")], &[]);
    // Who appends without having read follows nothing.
    check_story(&[append(1, "1"), append(2, "2"), read(2, "[2,1]"), read(2, "[2,1]")], &[]);
}

#[test]
fn a_read_that_differs_is_judged_by_what_it_shows() {
    // The longest read is in order; the shorter ones are not.
    let story = [append(1, "1"), append(1, "2"), append(1, "3"), read(7, "[1,2,3]"), read(8, "[1,3]"), read(9, "[2]")];
    check_story(&story, &[(MW, 2)]);
}

#[test]
fn a_process_that_got_info_has_ended_its_session() {
    // Its client goes on under another number, to which nothing was promised.
    let crashed = "8 invoke append 3\n8 info append 3\n".to_owned();
    check_story(&[append(1, "1"), append(8, "2"), crashed, read(9, "[1]"), read(9, "[1]")], &[]);
}

#[test]
fn what_cannot_be_judged_is_no_pass() {
    let inconclusive = |story: &[String]| {
        let history = history(&story.concat());
        let judgement = check(&history).judgement(&history);
        assert_eq!(judgement.verdict, Verdict::Inconclusive, "{}", judgement.summary);
        judgement.summary
    };
    assert!(inconclusive(&[write(1, "1"), read(2, "1")]).contains("nothing was judged"));
    assert!(inconclusive(&[write(1, "1"), write(1, "1"), read(1, "1")]).contains("1 was there twice"));
    assert!(inconclusive(&[append(1, "1"), append(1, "1"), read(1, "[1]")]).contains("1 was appended twice"));
    assert!(inconclusive(&[read(1, "5"), write(2, "5"), read(1, "5")]).contains("seen before its write began"));
    assert!(inconclusive(&[cas(1, "1", "2"), cas(2, "2", "1"), read(1, "5")]).contains("all the way round"));
}

/// The checker agrees with the definitions, linearizable histories break none, and there are enough of either kind.
fn check_against_oracle(object: Object, oracle: impl Fn(&History) -> Broken) {
    let (judged, broken) = (Cell::new(0), Cell::new(0));
    for_random_histories(object, 4_000, |history, is_linearizable| {
        let found = check(history);
        if found.why_undecided.is_some() {
            return Ok(());
        }
        let one_on_writes = |guarantee: Guarantee| if guarantee == WFR { MW } else { guarantee };
        let told: Broken = found.violations.iter().map(|told| (one_on_writes(told.guarantee), told.read)).collect();
        prop_assert_eq!(&told, &oracle(history));
        if is_linearizable {
            judged.set(judged.get() + found.counts.values().map(|counts| counts.judged).sum::<u64>());
            prop_assert_eq!(told, Broken::new());
        } else {
            broken.set(broken.get() + u32::from(!told.is_empty()));
        }
        Ok(())
    });
    let (judged, broken) = (judged.get(), broken.get());
    assert!(judged > 1_000 && broken > 100, "{object:?}: {judged} judged, {broken} histories with a violation");
}

#[test]
fn sessions_of_registers_agree_with_the_oracle() {
    check_against_oracle(Object::UniqueRegister, oracle::of_register);
}

#[test]
fn sessions_of_lists_agree_with_the_oracle() {
    check_against_oracle(Object::AppendList, oracle::of_list);
}
