//! How far behind each read is: one story a test, then random histories against the definition itself.

#[path = "support/certain_order.rs"]
mod certain_order;
#[path = "support/operations.rs"]
mod operations;
#[path = "staleness/oracle.rs"]
mod oracle;
#[path = "support/random.rs"]
mod random;
#[path = "support/story.rs"]
mod story;

use std::cell::Cell;
use std::collections::BTreeMap;

use interregnum_checker::history::{Function, History, Outcome, jsonl};
use interregnum_checker::lost_writes::FaultWindow;
use interregnum_checker::staleness::{Distribution, Quantiles, check};
use operations::{append, cas, read, write};
use oracle::Lag;
use proptest::prop_assert_eq;
use random::{Object, for_random_histories};
use story::history;

/// The story's only read lacks so many versions, the first of them for so many seconds.
#[track_caller]
fn check_only_read(story: &[String], versions: u64, seconds: u64) {
    let found = check(&history(&story.concat()), &[]).all;
    assert_eq!((found.reads, found.stale), (1, u64::from(versions > 0)));
    let all = |value| Quantiles { median: value, p99: value, max: value };
    assert_eq!((found.versions, found.time_ns), (all(versions), Some(all(seconds * 1_000_000_000))));
}

#[test]
fn a_register_is_as_stale_as_what_replaced_the_value() {
    // Each operation takes a second, and the next one begins a second later.
    check_only_read(&[write(1, "1"), read(2, "1")], 0, 0);
    check_only_read(&[read(2, "null")], 0, 0);
    check_only_read(&[write(1, "1"), write(1, "2"), read(2, "1")], 1, 1);
    check_only_read(&[write(1, "1"), write(1, "2"), write(1, "3"), read(2, "1")], 2, 3);
    check_only_read(&[write(1, "1"), write(1, "2"), read(2, "null")], 2, 3);
}

#[test]
fn what_is_not_certain_is_not_held_against_a_read() {
    let overlapping = "1 invoke write 1\n2 invoke write 2\n1 ok write 1\n2 ok write 2\n".to_owned();
    check_only_read(&[overlapping, read(3, "1")], 0, 0);
    // The newer write ends when the read has begun.
    let late = "1 invoke write 2\n2 invoke read null\n1 ok write 2\n2 ok read 1\n".to_owned();
    check_only_read(&[write(1, "1"), late], 0, 0);
    // A crashed write may have taken effect or not, unless a cas saw it.
    let crashed = "8 invoke write 2\n8 info write 2\n".to_owned();
    check_only_read(&[write(1, "1"), crashed.clone(), read(2, "1")], 0, 0);
    check_only_read(&[write(1, "1"), crashed, cas(3, "2", "3"), read(2, "1")], 2, 1);
}

#[test]
fn a_chain_of_cas_counts_even_where_writes_overlap() {
    let overlapping = "1 invoke write 1\n2 invoke cas [1,2]\n2 ok cas [1,2]\n1 ok write 1\n".to_owned();
    check_only_read(&[overlapping.clone(), read(3, "2")], 0, 0);
    check_only_read(&[overlapping.clone(), read(3, "1")], 1, 2);
    check_only_read(&[overlapping, cas(1, "2", "3"), read(3, "1")], 2, 4);
}

#[test]
fn a_list_is_as_stale_as_what_it_does_not_show() {
    check_only_read(&[append(1, "1"), read(2, "[1]")], 0, 0);
    check_only_read(&[append(1, "1"), append(1, "2"), append(1, "3"), read(2, "[1]")], 2, 3);
    check_only_read(&[append(1, "1"), append(1, "2"), append(1, "3"), read(2, "[1,3]")], 1, 3);
    check_only_read(&[append(1, "1"), read(2, "null")], 1, 1);
    let crashed = "8 invoke append 2\n8 info append 2\n".to_owned();
    check_only_read(&[append(1, "1"), crashed, read(2, "[1]")], 0, 0);
}

#[test]
fn nodes_are_told_apart() {
    let at = |node: &str, value: &str| format!("5 invoke read null\n5 ok read {value} |\"node\":\"{node}\"\n");
    let story = [write(1, "1"), write(1, "2"), at("n1", "2"), at("n2", "1"), at("n2", "2"), read(5, "2")];
    let found = check(&history(&story.concat()), &[]);
    let told: BTreeMap<&str, (u64, u64, u64)> =
        found.nodes.iter().map(|(node, told)| (node.as_str(), (told.reads, told.stale, told.versions.max))).collect();
    assert_eq!(told, BTreeMap::from([("n1", (1, 0, 0)), ("n2", (2, 1, 1))]));
    assert_eq!((found.all.reads, found.all.stale), (4, 1));
}

fn fault(start_ns: u64, end_ns: u64) -> FaultWindow {
    FaultWindow { name: "kill n1".to_owned(), start_ns, end_ns }
}

#[test]
fn a_read_belongs_to_every_window_in_which_it_was_invoked() {
    const S: u64 = 1_000_000_000;
    // Invoked at 5, 7 and 9 s; the second one is stale. It ends at 8 s.
    let story = [write(1, "1"), write(1, "2"), read(2, "2"), read(2, "1"), read(2, "2")].concat();
    let counts = |told: &Distribution| (told.reads, told.stale, told.versions.max);
    let found = check(&history(&story), &[fault(5 * S, 7 * S), fault(7 * S, 8 * S), fault(8 * S, 8 * S)]);
    let told: Vec<_> = found.faults.iter().map(|told| counts(&told.staleness)).collect();
    assert_eq!(told, [(2, 1, 1), (1, 1, 1), (0, 0, 0)]);
    assert_eq!(counts(&found.outside_faults), (1, 0, 0));
    assert_eq!(counts(&check(&history(&story), &[]).outside_faults), counts(&found.all));
    // Both ends are included, and a window inside another takes nothing from it.
    let outside = |faults: &[FaultWindow]| check(&history(&story), faults).outside_faults.reads;
    assert_eq!((outside(&[fault(8 * S, 9 * S)]), outside(&[fault(0, 8 * S), fault(S, 2 * S)])), (2, 1));
    // A window that ends before it begins holds nothing, and covers nothing.
    let upside_down = check(&history(&story), &[fault(9 * S, S)]);
    assert_eq!((upside_down.faults[0].staleness.reads, upside_down.outside_faults.reads), (0, 3));
}

#[test]
fn a_read_without_a_time_is_in_no_window_and_not_outside() {
    let untimed = br#"{"process":1,"type":"invoke","f":"read"}
{"process":1,"type":"ok","f":"read","value":null}
"#;
    let found = check(&jsonl::read(&untimed[..], "untimed").unwrap().history, &[fault(0, u64::MAX)]);
    assert_eq!((found.all.reads, found.faults[0].staleness.reads, found.outside_faults.reads), (1, 0, 0));
}

#[test]
fn what_cannot_be_measured_is_said() {
    let found = check(&history(&[write(1, "1"), write(1, "1"), read(2, "1")].concat()), &[]);
    assert_eq!((found.all.reads, found.unmeasured_reads), (0, 1));
    assert!(found.why_unmeasured.is_some_and(|why| why.contains("1 was there twice")));
}

/// Every read of a random history tells a node of its own, and so is measured by itself.
fn check_against_oracle(object: Object, oracle: impl Fn(&History, usize) -> Lag) {
    let (fresh, stale) = (Cell::new(0_u32), Cell::new(0_u32));
    // Overlapping ones, one inside another and an empty one, in no order.
    let faults = [fault(20, 40), fault(5, 12), fault(10, 30), fault(6, 8), fault(50, 50)];
    let during = |fault: &FaultWindow, time_ns: u64| fault.start_ns <= time_ns && time_ns <= fault.end_ns;
    for_random_histories(object, 4_000, |history, is_linearizable| {
        let found = check(history, &faults);
        if found.why_unmeasured.is_some() {
            return Ok(());
        }
        let (mut under, mut outside) = (faults.clone().map(|_| (0, 0)), (0, 0));
        for (index, told) in history.operations().iter().enumerate() {
            if told.function != Function::Read || told.outcome != Outcome::Ok {
                continue;
            }
            let measured = &found.nodes[told.node.as_deref().expect("a node of its own")];
            let time_ns = measured.time_ns.expect("a simulation has times").max;
            let lag = Lag { versions: measured.versions.max, time_ns };
            prop_assert_eq!((measured.reads, measured.stale), (1, u64::from(lag.versions > 0)));
            prop_assert_eq!(lag, oracle(history, index));
            prop_assert_eq!(is_linearizable && lag.versions > 0, false, "a linearizable history has fresh reads only");
            let count = if lag.versions > 0 { &stale } else { &fresh };
            count.set(count.get() + 1);
            let invoked_ns = told.invoked.time_ns.expect("a simulation has times");
            let is_outside = !faults.iter().any(|fault| during(fault, invoked_ns));
            let met = faults.iter().zip(&mut under).filter(|(fault, _)| during(fault, invoked_ns)).map(|(_, met)| met);
            for (reads, stale) in met.chain(is_outside.then_some(&mut outside)) {
                (*reads, *stale) = (*reads + 1, *stale + u64::from(lag.versions > 0));
            }
        }
        let told = |told: &Distribution| (told.reads, told.stale);
        prop_assert_eq!(found.faults.iter().map(|one| told(&one.staleness)).collect::<Vec<_>>(), under.to_vec());
        prop_assert_eq!(told(&found.outside_faults), outside);
        Ok(())
    });
    let (fresh, stale) = (fresh.get(), stale.get());
    assert!(fresh.min(stale) > 1_000, "too one-sided to mean much: {fresh} fresh, {stale} stale");
}

#[test]
fn registers_agree_with_the_oracle() {
    check_against_oracle(Object::UniqueRegister, oracle::of_register);
}

#[test]
fn lists_agree_with_the_oracle() {
    check_against_oracle(Object::AppendList, oracle::of_list);
}
