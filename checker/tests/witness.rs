//! The positions that a system tells: they may spare a search, they never change a verdict, and a wrong one is told apart.

#[path = "support/random.rs"]
mod random;
#[path = "support/story.rs"]
mod story;

use std::cell::Cell;

use interregnum_checker::linearizability::{KeyOutcome, Method, Options, Witness, check};
use interregnum_checker::verdict::Verdict;
use random::Object;

/// Without a search, so that only the positions can decide what the intervals do not.
fn check_story(story: &str, is_linearizable: bool, told: &str) {
    let history = story::history(story);
    let result = check(&history, &Options { max_configurations: 0, ..Options::default() });
    let [key] = &result.keys[..] else { panic!("one key") };
    assert_eq!(key.outcome == KeyOutcome::Linearizable, is_linearizable, "{:?}", key.outcome);
    let judgement = result.positions();
    let proof = judgement.as_ref().and_then(|judgement| judgement.proofs.first());
    match &key.witness {
        Witness::Broken { proof } => assert_eq!(proof.sentence, told),
        Witness::Holds => assert_eq!("holds", told),
        Witness::Untold => assert_eq!("untold", told),
    }
    assert_eq!(proof.is_some(), matches!(key.witness, Witness::Broken { .. }));
}

/// Two absences are one value, which the intervals leave to others.
#[test]
fn positions_spare_a_search() {
    let story = r#"1 invoke write 1
        1 ok write 1 | "lsn":1
        1 invoke delete null
        2 invoke write 2
        1 ok delete null | "lsn":3
        2 ok write 2 | "lsn":2
        3 invoke read null
        3 ok read null | "lsn":3"#;
    check_story(story, true, "holds");
    check_story(&story.replace(r#" | "lsn":2"#, ""), false, "untold");
}

#[test]
fn what_crashed_without_a_position_may_be_anywhere() {
    let story = r#"1 invoke delete null
        1 ok delete null | "lsn":1
        2 invoke write 2
        2 info write 2
        3 invoke read null
        3 ok read 2 | "lsn":1"#;
    check_story(story, true, "holds");
    check_story(&story.replace("read 2", "read 3"), false, "untold");
}

/// The clients saw nothing wrong.
#[test]
fn wrong_positions_are_told_apart() {
    let story = r#"1 invoke write 1
        1 ok write 1 | "lsn":2
        2 invoke write 2
        2 ok write 2 | "lsn":1"#;
    let sentence = "process 2's write of 2 tells position 1, and process 1's write of 1 position 2; but process 1's write of \
                    1 had been acknowledged at 2.000 s, before the former began at 3.000 s";
    check_story(story, true, sentence);
    let story = r#"1 invoke write 1
        2 invoke write 2
        1 ok write 1 | "lsn":1
        2 ok write 2 | "lsn":2
        3 invoke read null
        3 ok read 1 | "lsn":2"#;
    let sentence = "process 3 read 1 at 6.000 s, which tells position 2; by the positions it held 2 there";
    check_story(story, true, sentence);
}

/// Whatever positions are told, right or wrong: the search alone does not look at them.
#[test]
fn positions_never_change_a_verdict() {
    let (held, broken) = (Cell::new(0), Cell::new(0));
    for object in [Object::Register, Object::DeletedRegister, Object::Queue] {
        random::for_random_histories(object, 400, |history, is_linearizable| {
            let options = |method| Options { method, max_proof_work: 0, ..Options::default() };
            let searched = check(history, &options(Method::Search));
            assert_eq!(searched.judgement(history).verdict == Verdict::Pass, is_linearizable);
            for key in &check(history, &options(Method::Fastest)).keys {
                match &key.witness {
                    Witness::Holds => held.set(held.get() + 1),
                    Witness::Broken { .. } => broken.set(broken.get() + 1),
                    Witness::Untold => {}
                }
            }
            Ok(())
        });
    }
    assert!(held.get() > 50 && broken.get() > 50, "{held:?} held, {broken:?} broken");
}
