//! What becomes of the elements of random histories, held against the definitions themselves.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use interregnum_checker::elements::Category::{Duplicated, Reordered};
use interregnum_checker::elements::Reads::{Fresh, FromLeader, MayLag};
use interregnum_checker::elements::{Category, Elements, Options, Violation, check};
use interregnum_checker::history::{Event, Function, History, Value};
use interregnum_checker::staleness::Quantiles;
use proptest::test_runner::TestCaseResult;
use proptest::{prop_assert, prop_assert_eq};

use crate::oracle;
use crate::random::{Object, for_random_histories};
use crate::retold::retold;

/// Runs a test on random lists and sets, also such in which elements are written twice, each with whether it is
/// linearizable.
fn for_random_collections(cases: u32, test: impl Fn(&History, bool) -> TestCaseResult) {
    let number = Cell::new(0_u32);
    for_random_histories(Object::AppendList, cases, |history, is_linearizable| {
        number.set(number.get() + 1);
        let (is_set, is_written_twice) = (number.get() & 1 == 0, number.get() & 2 == 0);
        let change = |event: &mut Event| {
            if is_set && event.function == Function::Append {
                event.function = Function::from("add");
            }
            match &mut event.value {
                Value::List(elements) => {
                    for element in &mut *elements {
                        merge(element, is_written_twice);
                    }
                    if is_set {
                        elements.reverse();
                    }
                    if is_set && is_written_twice {
                        let mut told = BTreeSet::new();
                        elements.retain(|element| told.insert(element.clone()));
                    }
                }
                element => merge(element, is_written_twice),
            }
            // Two nodes, each asked again and again.
            let is_odd = event.time.is_some_and(|time| time % 2 == 1);
            event.node = event.node.as_ref().map(|_| if is_odd { "n1".into() } else { "n0".into() });
        };
        test(&retold(history.operations(), change), is_linearizable)
    });
}

/// Of two elements in a row one.
fn merge(element: &mut Value, is_written_twice: bool) {
    if let (true, Value::Int(number)) = (is_written_twice, element) {
        *number /= 2;
    }
}

fn quantile_ends(latencies_ns: &[u64]) -> (u64, u64) {
    let median = latencies_ns.len().div_ceil(2).checked_sub(1).map_or(0, |index| latencies_ns[index]);
    (median, latencies_ns.last().copied().unwrap_or(0))
}

/// What every category's violations name.
fn blamed(found: &Elements) -> BTreeSet<(Category, Value)> {
    let elements = |violation: &Violation| {
        let category = violation.category;
        violation.elements.iter().map(move |element| (category, element.clone())).collect::<Vec<_>>()
    };
    found.violations.iter().flat_map(elements).collect()
}

#[test]
fn random_histories_agree_with_the_oracle() {
    let seen: RefCell<BTreeMap<(u8, Category), u32>> = RefCell::default();
    for_random_collections(4_000, |history, is_linearizable| {
        for reads in [MayLag, FromLeader, Fresh] {
            let found = check(history, &Options { reads });
            let expected = oracle::check(history, reads);
            let mut counts: BTreeMap<Category, u64> = Category::ALL.iter().map(|&category| (category, 0)).collect();
            for &category in expected.lives.values() {
                *counts.entry(category).or_default() += 1;
            }
            counts.insert(Duplicated, expected.duplicated.len() as u64);
            counts.insert(Reordered, expected.reordered.len() as u64);
            prop_assert_eq!(&found.counts, &counts);
            prop_assert_eq!(found.absences, expected.absences);
            let ends = |quantiles: Option<Quantiles>| quantiles.map(|quantiles| (quantiles.median, quantiles.max));
            prop_assert_eq!(ends(found.stable_latency_ns), Some(quantile_ends(&expected.stable_latencies_ns)));
            prop_assert_eq!(ends(found.lost_latency_ns), Some(quantile_ends(&expected.lost_latencies_ns)));
            let lives = expected.lives.iter().map(|(element, &category)| (category, element.clone()));
            let flaws = [(Duplicated, &expected.duplicated), (Reordered, &expected.reordered)];
            let flaws =
                flaws.into_iter().flat_map(|(category, of)| of.iter().map(move |element| (category, element.clone())));
            let wrong: BTreeSet<(Category, Value)> =
                lives.chain(flaws).filter(|(category, _)| category.is_violation(reads)).collect();
            let but_reordered = |of: BTreeSet<(Category, Value)>| -> BTreeSet<(Category, Value)> {
                of.into_iter().filter(|&(category, _)| category != Reordered).collect()
            };
            // Of the reordered only a few are told.
            prop_assert!(blamed(&found).is_subset(&wrong));
            prop_assert_eq!(but_reordered(blamed(&found)), but_reordered(wrong.clone()));
            prop_assert!(!is_linearizable || wrong.is_empty(), "a linearizable history is not blamed: {:?}", wrong);
            for (&category, _) in counts.iter().filter(|&(_, &count)| count > 0) {
                *seen.borrow_mut().entry((reads as u8, category)).or_default() += 1;
            }
        }
        Ok(())
    });
    let seen = seen.into_inner();
    for category in Category::ALL {
        for reads in [MayLag, FromLeader, Fresh] {
            let number = seen.get(&(reads as u8, category)).copied().unwrap_or(0);
            assert!(number >= 20, "too few to mean much: {number} histories with {category} for {reads:?}");
        }
    }
}

#[test]
fn registers_are_passed_over() {
    for_random_histories(Object::UniqueRegister, 200, |history, _| {
        let found = check(history, &Options::default());
        prop_assert_eq!((found.counts.values().sum::<u64>(), found.undecided_keys), (0, 0));
        Ok(())
    });
}

#[test]
fn what_proves_a_violation_is_one_by_itself_and_needs_every_read() {
    let proofs = RefCell::new(BTreeMap::<Category, u32>::new());
    for_random_collections(2_000, |history, _| {
        for violation in check(history, &Options { reads: Fresh }).violations {
            let is_proven_by = |operations: &[usize]| {
                let history = retold(operations.iter().map(|&index| &history.operations()[index]), |_| {});
                let of_same_category = |(category, element): &(Category, Value)| {
                    *category == violation.category && violation.elements.contains(element)
                };
                blamed(&check(&history, &Options { reads: Fresh })).iter().any(of_same_category)
            };
            let mut operations = violation.operations.clone();
            operations.sort_unstable();
            prop_assert!(is_proven_by(&operations), "{:?}", violation);
            for left_out in &violation.operations {
                let fewer: Vec<usize> = operations.iter().copied().filter(|index| index != left_out).collect();
                let is_read = history.operations()[*left_out].function == Function::Read;
                prop_assert!(!is_read || !is_proven_by(&fewer), "without {}: {:?}", left_out, violation);
            }
            *proofs.borrow_mut().entry(violation.category).or_default() += 1;
        }
        Ok(())
    });
    let proofs = proofs.into_inner();
    assert!(proofs.len() == 8 && proofs.values().all(|&proofs| proofs > 20), "{proofs:?}");
}

#[test]
fn neither_the_hour_nor_the_names_matter() {
    let told = |history: &History| {
        let found = check(history, &Options { reads: Fresh });
        (found.counts.clone(), found.absences, found.stable_latency_ns, found.lost_latency_ns, found.violations.len())
    };
    for_random_collections(500, |history, _| {
        let later = retold(history.operations(), |event| event.time = event.time.map(|time| time + 1_000_000));
        prop_assert_eq!(told(&later), told(history));
        let rename = |value: &mut Value| {
            if let Value::Int(number) = value {
                *number = 1_000 - *number;
            }
        };
        let renamed = retold(history.operations(), |event| {
            event.process += 100;
            match &mut event.value {
                Value::List(elements) => elements.iter_mut().for_each(rename),
                value => rename(value),
            }
        });
        prop_assert_eq!(told(&renamed), told(history));
        Ok(())
    });
}
