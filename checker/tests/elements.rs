//! What becomes of elements, one story a test. In `elements/at_random.rs` random histories are held against the
//! definitions.

#[path = "elements/at_random.rs"]
mod at_random;
#[path = "support/operations.rs"]
mod operations;
#[path = "elements/oracle.rs"]
mod oracle;
#[path = "support/random.rs"]
mod random;
#[path = "support/retold.rs"]
mod retold;
#[path = "support/story.rs"]
mod story;

use std::collections::BTreeMap;

use interregnum_checker::elements::Category::{
    Duplicated, Ghost, Lost, NeverRead, Phantom, Refused, Reordered, Resurrected, Stable, Stale, Unconfirmed, Unsettled,
};
use interregnum_checker::elements::Reads::{Fresh, FromLeader, MayLag};
use interregnum_checker::elements::{Category, Options, Reads, check};
use interregnum_checker::judgement::Judgement;
use interregnum_checker::staleness::Quantiles;
use interregnum_checker::verdict::Verdict;
use operations::{append, read};
use retold::retold;
use story::history;

/// The story's elements fall into these categories, also if the list is a set; returns the judgement.
#[track_caller]
fn tell(reads: Reads, story: &[String], expected: &[(Category, u64)], verdict: Verdict) -> Judgement {
    let set = check_story(&story.concat().replace("append", "add"), reads, expected, verdict);
    let list = check_story(&story.concat(), reads, expected, verdict);
    assert_eq!(list.proofs.len(), set.proofs.len());
    list
}

#[track_caller]
fn check_story(story: &str, reads: Reads, expected: &[(Category, u64)], verdict: Verdict) -> Judgement {
    let history = history(story);
    let found = check(&history, &Options { reads });
    let counts: BTreeMap<Category, u64> =
        found.counts.iter().filter(|&(_, &count)| count > 0).map(|(&category, &count)| (category, count)).collect();
    assert_eq!(counts, expected.iter().copied().collect(), "{story}");
    let judgement = found.judgement(&history);
    assert_eq!(judgement.verdict, verdict, "{}", judgement.summary);
    assert_eq!(judgement.proofs.is_empty(), verdict != Verdict::Violation);
    judgement
}

fn first_sentence(judgement: &Judgement) -> &str {
    &judgement.proofs[0].sentence
}

fn tried(process: u64, ending: &str, element: &str) -> String {
    format!("{process} invoke append {element}\n{process} {ending} append {element}\n")
}

fn read_from(node: &str, value: &str) -> String {
    format!("9 invoke read null\n9 ok read {value} |\"node\":\"{node}\"\n")
}

#[test]
fn an_element_that_every_later_read_shows_is_stable() {
    let story = [append(1, "1"), read(2, "[1]"), append(1, "2"), read(2, "[1,2]"), read(3, "[1,2]")];
    let judgement = tell(Fresh, &story, &[(Stable, 2)], Verdict::Pass);
    assert_eq!(judgement.summary, "none of 2 elements lost; 2 stable");
}

#[test]
fn an_element_that_was_known_and_is_missed_from_then_on_is_lost() {
    let story = [append(1, "1"), append(1, "2"), read(2, "[1,2]"), read(3, "[1]"), read(4, "[1]")];
    let judgement = tell(FromLeader, &story, &[(Stable, 1), (Lost, 1)], Verdict::Violation);
    assert_eq!(judgement.summary, "1 of 2 elements lost; 1 stable");
    assert_eq!(
        first_sentence(&judgement),
        "process 1's append of 2 was acknowledged at 4.000 s, but process 4 read [1] at 10.000 s, which does not show 2, nor \
         does any read that ended later"
    );
    // Nobody acknowledged it, but somebody saw it.
    let story = [tried(1, "info", "1"), read(2, "[1]"), read(3, "[]")];
    let judgement = tell(FromLeader, &story, &[(Lost, 1)], Verdict::Violation);
    assert!(
        first_sentence(&judgement).starts_with("process 2 read [1] at 4.000 s, which shows 1, but process 3 read []")
    );
    // Never seen at all.
    tell(
        MayLag,
        &[append(1, "1"), read(2, "null"), append(1, "2"), read(2, "[2]")],
        &[(Lost, 1), (Stable, 1)],
        Verdict::Violation,
    );
}

#[test]
fn an_absence_that_may_be_right_blames_nobody() {
    // The read overlaps the append; the append's outcome is unknown; it was refused.
    let overlapping = "1 invoke append 1\n2 invoke read null\n1 ok append 1\n2 ok read []\n".to_owned();
    tell(Fresh, std::slice::from_ref(&overlapping), &[(NeverRead, 1)], Verdict::Inconclusive);
    let judgement = tell(Fresh, &[overlapping.clone(), read(2, "[1]")], &[(Stable, 1)], Verdict::Pass);
    assert_eq!(judgement.summary, "none of 1 element lost; 1 stable");
    let story = [append(1, "1"), tried(3, "info", "2"), tried(4, "fail", "3"), read(2, "[1]"), read(2, "[1]")];
    tell(Fresh, &story, &[(Stable, 1), (Unconfirmed, 1), (Refused, 1)], Verdict::Pass);
    // They are counted: once the overlap, and twice what nobody knows of.
    let absences = |story: &[String]| {
        let absences = check(&history(&story.concat()), &Options::default()).absences;
        (absences.owed, absences.ambiguous)
    };
    assert_eq!(absences(&[overlapping, read(2, "[1]")]), (0, 1));
    assert_eq!(absences(&story), (0, 2));
    assert_eq!(absences(&[append(1, "1"), read(2, "[]"), read(2, "[]")]), (2, 0));
    assert_eq!(absences(&[read(2, "[]"), append(1, "1")]), (0, 0));
}

#[test]
fn an_element_that_came_late_is_stale_and_a_violation_only_where_reads_are_fresh() {
    let story = [append(1, "1"), read(2, "[]"), read(2, "[1]")];
    let judgement = tell(FromLeader, &story, &[(Stale, 1)], Verdict::Pass);
    assert_eq!(judgement.summary, "none of 1 element lost; 1 stale for up to 1.000 s");
    tell(MayLag, &story, &[(Stale, 1)], Verdict::Pass);
    let judgement = tell(Fresh, &story, &[(Stale, 1)], Verdict::Violation);
    assert_eq!(
        first_sentence(&judgement),
        "process 1's append of 1 was acknowledged at 2.000 s, but process 2 read [] at 4.000 s, which does not show 1; later \
         process 2 read [1] at 6.000 s, which shows 1"
    );
}

#[test]
fn an_element_that_goes_and_comes_back_is_resurrected() {
    let story = [append(1, "1"), read(2, "[1]"), read(3, "[]"), read(4, "[1]")];
    let judgement = tell(FromLeader, &story, &[(Resurrected, 1)], Verdict::Violation);
    assert_eq!(judgement.summary, "none of 1 element lost, 1 resurrected");
    assert_eq!(
        first_sentence(&judgement),
        "process 2 read [1] at 4.000 s, which shows 1, but process 3 read [] at 6.000 s, which does not show 1; and then \
         process 4 read [1] at 8.000 s, which shows 1 again"
    );
    // In the end it is lost after all.
    tell(FromLeader, &[story.concat(), read(5, "[]")], &[(Lost, 1)], Verdict::Violation);
    // The first read overlaps the one that misses it.
    let overlapping = "2 invoke read null\n3 invoke read null\n2 ok read [1]\n3 ok read []\n".to_owned();
    tell(FromLeader, &[append(1, "1"), overlapping, read(4, "[1]")], &[(Stale, 1)], Verdict::Pass);
}

#[test]
fn where_followers_answer_only_the_node_that_showed_it_can_take_it_back() {
    let flicker = |node: &str| [append(1, "1"), read_from("n1", "[1]"), read_from(node, "[]"), read_from("n3", "[1]")];
    tell(MayLag, &flicker("n2"), &[(Stale, 1)], Verdict::Pass);
    tell(FromLeader, &flicker("n2"), &[(Resurrected, 1)], Verdict::Violation);
    tell(MayLag, &flicker("n1"), &[(Resurrected, 1)], Verdict::Violation);
    let no_nodes = [append(1, "1"), read(2, "[1]"), read(3, "[]"), read(4, "[1]")];
    tell(MayLag, &no_nodes, &[(Stale, 1)], Verdict::Pass);
}

#[test]
fn an_element_whose_last_reads_overlap_is_stale_or_lost() {
    let overlapping = "2 invoke read null\n3 invoke read null\n2 ok read [1]\n3 ok read []\n".to_owned();
    let story = [append(1, "1"), overlapping];
    let judgement = tell(FromLeader, &story, &[(Unsettled, 1)], Verdict::Pass);
    assert_eq!(judgement.summary, "none of 1 element lost; 1 unsettled");
    let judgement = tell(Fresh, &story, &[(Unsettled, 1)], Verdict::Violation);
    assert!(first_sentence(&judgement).contains("which does not show 1; at the same time process 2 read [1]"));
}

#[test]
fn what_was_refused_and_is_shown_is_a_ghost() {
    let judgement = tell(MayLag, &[tried(1, "fail", "1"), read(2, "[1]")], &[(Ghost, 1)], Verdict::Violation);
    assert_eq!(
        first_sentence(&judgement),
        "process 2 read [1] at 4.000 s, which shows 1, but process 1's append of 1 was refused"
    );
    // A retry makes it right, unless the read had ended.
    let retried = [tried(1, "fail", "1"), append(1, "1"), read(2, "[1]")];
    tell(Fresh, &retried, &[(Stable, 1)], Verdict::Pass);
    tell(MayLag, &[tried(1, "fail", "1"), read(2, "[1]"), append(1, "1")], &[(Ghost, 1)], Verdict::Violation);
}

#[test]
fn what_nobody_had_tried_to_write_is_a_phantom() {
    let judgement = tell(MayLag, &[append(1, "1"), read(2, "[1,9]")], &[(Stable, 1), (Phantom, 1)], Verdict::Violation);
    assert!(first_sentence(&judgement).ends_with("which shows 9, but nobody ever tried to write it"));
    let from_the_future = [read(2, "[1]"), append(1, "1"), read(2, "[1]")];
    let judgement = tell(MayLag, &from_the_future, &[(Phantom, 1)], Verdict::Violation);
    assert!(first_sentence(&judgement).ends_with("which shows 1, but process 1's append of 1 began only at 3.000 s"));
    let overlapping = "1 invoke append 1\n2 invoke read null\n2 ok read [1]\n1 ok append 1\n".to_owned();
    tell(Fresh, &[overlapping], &[(Stable, 1)], Verdict::Pass);
}

#[test]
fn what_is_shown_too_often_is_duplicated() {
    let story = [append(1, "1"), append(1, "2"), read(2, "[1,2,1]"), read(2, "[1,2]")];
    let judgement = tell(MayLag, &story, &[(Stable, 2), (Duplicated, 1)], Verdict::Violation);
    assert_eq!(
        first_sentence(&judgement),
        "process 2 read [1 2 1] at 6.000 s, which has 1 in it 2 times, but it was written once at most, by process 1's append of 1"
    );
    // A retry that may have happened twice: right in a list, wrong in a set.
    let retried = [tried(1, "info", "1"), append(2, "1"), read(3, "[1,1]")].concat();
    check_story(&retried, Fresh, &[(Stable, 1)], Verdict::Pass);
    let thrice = retried.replace("[1,1]", "[1,1,1]");
    check_story(&thrice, Fresh, &[(Stable, 1), (Duplicated, 1)], Verdict::Violation);
    check_story(&retried.replace("append", "add"), Fresh, &[(Stable, 1), (Duplicated, 1)], Verdict::Violation);
}

#[track_caller]
fn reordered(story: &[String], expected: &[(Category, u64)]) -> String {
    // A set has no order.
    let others: Vec<(Category, u64)> =
        expected.iter().copied().filter(|&(category, _)| category != Reordered).collect();
    check_story(&story.concat().replace("append", "add"), FromLeader, &others, Verdict::Pass);
    first_sentence(&check_story(&story.concat(), FromLeader, expected, Verdict::Violation)).to_owned()
}

#[test]
fn two_reads_that_disagree_on_an_order_show_it_reordered() {
    let overlapping = "1 invoke append 1\n2 invoke append 2\n1 ok append 1\n2 ok append 2\n".to_owned();
    let story = [overlapping.clone(), append(1, "3"), read(4, "[1,2,3]"), read(5, "[2,1,3]")];
    assert_eq!(
        reordered(&story, &[(Stable, 3), (Reordered, 2)]),
        "process 4 read [1 2 3] at 8.000 s, which shows 1 before 2, but process 5 read [2 1 3] at 10.000 s, which shows 2 \
         before 1"
    );
    // A gap is no disagreement.
    let story = [overlapping, append(1, "3"), read(4, "[1,3]"), read(5, "[1,2,3]")].concat();
    check_story(&story, FromLeader, &[(Stable, 2), (Stale, 1)], Verdict::Pass);
}

#[test]
fn an_order_that_contradicts_real_time_is_reordered() {
    assert_eq!(
        reordered(&[append(1, "1"), append(2, "2"), read(5, "[2,1]")], &[(Stable, 2), (Reordered, 2)]),
        "process 5 read [2 1] at 6.000 s, which shows 2 before 1, but process 1's append of 1 had been acknowledged at \
         2.000 s, before process 2's append of 2 began at 3.000 s"
    );
    // Seen is as good as acknowledged.
    let crashed = [tried(1, "info", "1"), read(4, "[1]"), append(2, "2"), read(5, "[2,1]")];
    let sentence = reordered(&crashed, &[(Stable, 2), (Reordered, 2)]);
    assert!(
        sentence.contains("but process 4 had read [1] at 4.000 s, which shows 1, before process 2's append"),
        "{sentence}"
    );
    // One that crashed and was not seen may come late.
    let unseen = [tried(1, "info", "1"), append(2, "2"), read(5, "[2,1]")].concat();
    check_story(&unseen, Fresh, &[(Stable, 2)], Verdict::Pass);
}

#[test]
fn three_reads_that_agree_by_twos_can_still_have_no_order() {
    let overlapping =
        "1 invoke append 1\n2 invoke append 2\n3 invoke append 3\n1 ok append 1\n2 ok append 2\n3 ok append 3\n";
    let reads =
        "4 invoke read 0\n5 invoke read 0\n6 invoke read 0\n4 ok read [1,2]\n5 ok read [2,3]\n6 ok read [3,1]\n";
    let story = [overlapping.to_owned(), reads.to_owned(), read(7, "[1,2,3]")];
    let sentence = reordered(&story, &[(Stale, 3), (Reordered, 3)]);
    assert_eq!(sentence.matches("which shows").count(), 2, "the last read makes it two: {sentence}");
    let judgement =
        check_story(&[overlapping, reads].concat(), FromLeader, &[(Unsettled, 3), (Reordered, 3)], Verdict::Violation);
    assert_eq!(
        first_sentence(&judgement),
        "process 4 read [1 2] at 10.000 s, which shows 1 before 2, but process 5 read [2 3] at 11.000 s, which shows 2 before \
         3, but process 6 read [3 1] at 12.000 s, which shows 3 before 1"
    );
}

#[test]
fn latencies_run_from_when_an_element_was_known() {
    let seconds = |seconds: [u64; 3]| {
        let [median, p99, max] = seconds.map(|seconds| seconds * 1_000_000_000);
        Some(Quantiles { median, p99, max })
    };
    let latencies = |story: &[String]| {
        let found = check(&history(&story.concat()), &Options::default());
        (found.stable_latency_ns, found.lost_latency_ns)
    };
    // Known at 2 s, missed by reads that began at 3 s and at 5 s; then at once.
    let late = [append(1, "1"), read(2, "[]"), read(2, "[]"), read(2, "[1]")];
    assert_eq!(latencies(&late), (seconds([3, 3, 3]), seconds([0, 0, 0])));
    let at_once = [late.concat(), append(1, "2"), read(2, "[1,2]")];
    assert_eq!(latencies(&at_once).0, seconds([0, 3, 3]));
    // Known at 2 s, last seen by a read that began at 5 s.
    let lost = [append(1, "1"), read(2, "[1]"), read(2, "[1]"), read(2, "[]")];
    assert_eq!(latencies(&lost), (seconds([0, 0, 0]), seconds([3, 3, 3])));
    assert_eq!(latencies(&[append(1, "1"), read(2, "[]")]).1, seconds([0, 0, 0]));
    // Where there are no times, order still tells the categories.
    let untimed = retold(history(&late.concat()).operations(), |event| event.time = None);
    let found = check(&untimed, &Options::default());
    assert_eq!((found.counts[&Stale], found.stable_latency_ns), (1, None));
    assert_eq!(found.judgement(&untimed).summary, "none of 1 element lost; 1 stale");
}

#[test]
fn what_cannot_be_judged_is_no_pass() {
    let inconclusive = |story: &[String]| check_story(&story.concat(), FromLeader, &[], Verdict::Inconclusive).summary;
    assert!(inconclusive(&[]).contains("nothing was judged"));
    assert!(inconclusive(&[operations::cas(1, "1", "2"), read(2, "2")]).contains("nothing was judged"));
    let summary = inconclusive(&[append(1, "1"), operations::write(1, "1"), read(2, "[1]")]);
    assert!(
        summary.contains("1 key not decided, of which the first: the function `write` is unknown here"),
        "{summary}"
    );
    assert!(inconclusive(&[append(1, "1"), read(2, "5")]).contains("a read returned 5; expected a list"));
    let never_read = check_story(&append(1, "1"), FromLeader, &[(NeverRead, 1)], Verdict::Inconclusive).summary;
    assert!(never_read.ends_with("(1 never read)"), "{never_read}");
}

#[test]
fn what_is_told_is_bounded_and_what_is_counted_is_not() {
    let appends: String = (0..2_000).map(|element| append(element, &element.to_string())).collect();
    let history = history(&(appends + &read(5_000, "[]")));
    let found = check(&history, &Options::default());
    assert_eq!((found.counts[&Lost], found.violations.len(), found.violations_left_out), (2_000, 100, 1_900));
    let judgement = found.judgement(&history);
    assert_eq!((judgement.proofs.len(), judgement.proofs_left_out), (10, 1_990));
}
