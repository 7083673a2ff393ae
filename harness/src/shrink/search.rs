//! The search for a smaller case that still fails. It is pure and deterministic: the same answers lead to the same case.
//!
//! Steps are removed by delta debugging (Zeller and Hildebrandt, *Simplifying and Isolating Failure-Inducing Input*, 2002): larger
//! parts first, then smaller ones, until none of them can be spared. Numbers, those of the steps that are left included, are lowered by
//! bisection.

use serde::{Deserialize, Serialize};

/// What is to become smaller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Case<S> {
    pub steps: Vec<S>,
    pub sizes: Sizes,
}

/// Everything about a run that has a size, but its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sizes {
    pub nodes: u64,
    pub clients: u64,
    pub keys: u64,
    pub time_ms: u64,
}

/// One of the numbers of a case: the least it can be, and when two values are as good as the same.
pub(crate) struct Number<'a> {
    pub value: &'a mut u64,
    pub least: u64,
    pub near: u64,
}

/// What has numbers that can be lowered. It has as many as before when one is lowered.
pub(crate) trait Numbers {
    /// In the order in which they are lowered.
    fn numbers(&mut self) -> Vec<Number<'_>>;
}

impl Numbers for Sizes {
    fn numbers(&mut self) -> Vec<Number<'_>> {
        let Self { nodes, clients, keys, time_ms } = self;
        let count = |value| Number { value, least: 1, near: 1 };
        vec![
            count(nodes),
            count(clients),
            count(keys),
            Number { value: time_ms, least: SHORTEST_MS, near: SHORTEST_MS },
        ]
    }
}

impl<S: Numbers> Numbers for Case<S> {
    fn numbers(&mut self) -> Vec<Number<'_>> {
        let Self { steps, sizes } = self;
        sizes.numbers().into_iter().chain(steps.iter_mut().flat_map(Numbers::numbers)).collect()
    }
}

/// What was needed beside a step may be spared without it, and what one size allows another may allow in turn. A round leaves a quarter
/// of what can be spared only in turn, so these are enough for a hundred steps.
const MOST_ROUNDS: usize = 3;

/// A run that is shorter spares nobody's time.
const SHORTEST_MS: u64 = 500;

/// The smallest case that can be found. `start` is taken to fail, and is returned if nothing smaller does. `guess` is a smaller one that
/// may fail, too, and spares much of the search then.
pub(crate) fn smallest<S: Clone + PartialEq + Numbers, E>(
    start: Case<S>,
    guess: Option<Case<S>>,
    fails: &mut dyn FnMut(&Case<S>) -> Result<bool, E>,
) -> Result<Case<S>, E> {
    let mut case = match guess {
        Some(guess) if fails(&guess)? => guess,
        _ => start,
    };
    case = with_halves_of_the_time(case, fails)?;
    for _ in 0..MOST_ROUNDS {
        let before = case.clone();
        case = with_fewer_steps(case, fails)?;
        for index in 0..case.numbers().len() {
            case = with_lower(case, index, fails)?;
        }
        if case == before {
            break;
        }
    }
    Ok(case)
}

/// Every later try is as long, so this comes first. It is not lowered as far as it can be: with barely enough time nothing else could be
/// spared.
fn with_halves_of_the_time<S: Clone, E>(
    mut case: Case<S>,
    fails: &mut dyn FnMut(&Case<S>) -> Result<bool, E>,
) -> Result<Case<S>, E> {
    while case.sizes.time_ms >= 2 * SHORTEST_MS {
        let sizes = Sizes { time_ms: case.sizes.time_ms / 2, ..case.sizes };
        let half = Case { sizes, ..case.clone() };
        if !fails(&half)? {
            break;
        }
        case = half;
    }
    Ok(case)
}

fn with_fewer_steps<S: Clone, E>(
    mut case: Case<S>,
    fails: &mut dyn FnMut(&Case<S>) -> Result<bool, E>,
) -> Result<Case<S>, E> {
    let mut part = case.steps.len();
    while part > 0 {
        let mut from = 0;
        while from < case.steps.len() {
            let mut steps = case.steps.clone();
            steps.drain(from..(from + part).min(steps.len()));
            let smaller = Case { steps, ..case.clone() };
            if fails(&smaller)? {
                case = smaller;
            } else {
                from += part;
            }
        }
        part /= 2;
    }
    Ok(case)
}

fn with_lower<S: Clone + Numbers, E>(
    mut case: Case<S>,
    index: usize,
    fails: &mut dyn FnMut(&Case<S>) -> Result<bool, E>,
) -> Result<Case<S>, E> {
    let at = |case: &Case<S>, value| {
        let mut smaller = case.clone();
        *smaller.numbers()[index].value = value;
        smaller
    };
    let Number { value, least: lowest, near } = case.numbers().swap_remove(index);
    let mut fails_at = *value;
    if fails_at <= lowest {
        return Ok(case);
    }
    let least = at(&case, lowest);
    if fails(&least)? {
        return Ok(least);
    }
    let mut holds_at = lowest;
    while fails_at - holds_at > near {
        let value = holds_at.midpoint(fails_at);
        let smaller = at(&case, value);
        if fails(&smaller)? {
            (case, fails_at) = (smaller, value);
        } else {
            holds_at = value;
        }
    }
    Ok(case)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    impl Numbers for u32 {
        fn numbers(&mut self) -> Vec<Number<'_>> {
            Vec::new()
        }
    }

    /// A step that lasts so long.
    impl Numbers for u64 {
        fn numbers(&mut self) -> Vec<Number<'_>> {
            vec![Number { value: self, least: 100, near: 50 }]
        }
    }

    const SIZES: Sizes = Sizes { nodes: 5, clients: 8, keys: 5, time_ms: 10_000 };

    fn case(steps: u32) -> Case<u32> {
        Case { steps: (0..steps).collect(), sizes: SIZES }
    }

    /// The smallest case, and how many cases were asked about.
    fn search<S: Clone + PartialEq + Numbers>(start: Case<S>, fails: impl Fn(&Case<S>) -> bool) -> (Case<S>, usize) {
        let mut asked = 0;
        let found = smallest(start, None, &mut |case| {
            asked += 1;
            Ok::<_, Infallible>(fails(case))
        });
        (found.unwrap(), asked)
    }

    #[test]
    fn what_is_needed_stays_and_nothing_else() {
        let needs = |case: &Case<u32>| {
            [3, 11].iter().all(|step| case.steps.contains(step)) && case.sizes.nodes >= 3 && case.sizes.time_ms >= 4200
        };
        let (found, asked) = search(case(16), needs);
        assert_eq!(found.steps, [3, 11]);
        assert_eq!((found.sizes.nodes, found.sizes.clients, found.sizes.keys), (3, 1, 1));
        assert!((4200..=4700).contains(&found.sizes.time_ms), "{found:?}");
        assert!(asked < 60, "{asked} cases");
    }

    #[test]
    fn steps_last_no_longer_than_is_needed() {
        let start = Case { steps: vec![3000, 2000, 700], sizes: SIZES };
        // Two steps, of which the first that is left must last 900 ms.
        let needs = |case: &Case<u64>| case.steps.len() >= 2 && case.steps[0] >= 900;
        let (found, asked) = search(start, needs);
        assert_eq!(found.steps.len(), 2);
        assert!((900..950).contains(&found.steps[0]) && found.steps[1] == 100, "{found:?}");
        assert!(asked < 40, "{asked} cases");
    }

    #[test]
    fn a_failure_that_needs_nothing_ends_with_nothing() {
        let (found, asked) = search(case(16), |_| true);
        assert_eq!(found, Case { steps: vec![], sizes: Sizes { nodes: 1, clients: 1, keys: 1, time_ms: 500 } });
        assert!(asked <= 10, "{asked} cases");
    }

    /// Every later try is shorter then; how much time is really needed is asked when nothing else is left.
    #[test]
    fn the_time_is_halved_before_anything_else_is_tried() {
        let mut asked = Vec::new();
        let found = smallest(case(3), None, &mut |case| {
            asked.push((case.steps.len(), case.sizes.time_ms));
            Ok::<_, Infallible>(case.sizes.time_ms >= 3000)
        });
        assert_eq!(asked[..3], [(3, 5000), (3, 2500), (0, 5000)]);
        assert!((3000..3500).contains(&found.unwrap().sizes.time_ms));
    }

    /// A guess that does not fail costs one question.
    #[test]
    fn a_guess_is_begun_from_if_it_fails() {
        let fails = |case: &Case<u32>| case.steps.contains(&2);
        let search_from = |steps: std::ops::Range<u32>| {
            let mut asked = Vec::new();
            let guess = Case { steps: steps.collect(), sizes: SIZES };
            let found = smallest(case(40), Some(guess), &mut |case| {
                asked.push(case.steps.len());
                Ok::<_, Infallible>(fails(case))
            });
            (found.unwrap().steps, asked)
        };
        let (found, asked) = search_from(1..4);
        assert_eq!((found, asked.iter().max()), (vec![2], Some(&3)));
        let (found, asked) = search_from(5..8);
        assert_eq!((found, &asked[..2]), (vec![2], &[3, 40][..]));
    }

    #[test]
    fn what_never_fails_again_stays_as_it_was() {
        assert_eq!(search(case(5), |_| false).0, case(5));
    }

    /// Steps each of which needs the one before it: only the last can ever be removed.
    #[test]
    fn a_step_may_be_spared_once_another_is_gone() {
        let is_chain =
            |case: &Case<u32>| !case.steps.is_empty() && (0..).zip(&case.steps).all(|(at, step)| at == *step);
        assert_eq!(search(case(12), is_chain).0.steps, [0]);
    }

    #[test]
    fn an_error_ends_the_search() {
        let mut left = 3;
        let found = smallest(case(9), None, &mut |_| {
            left -= 1;
            if left == 0 { Err("no") } else { Ok(false) }
        });
        assert_eq!((found, left), (Err("no"), 0));
    }

    proptest! {
        /// Whatever steps and sizes a failure needs: what is found fails, and without any one step it does not.
        #[test]
        fn what_is_found_fails_and_no_step_of_it_can_be_spared(
            steps in 0_u32..20,
            needed in prop::collection::btree_set(0_u32..20, 0..4),
            other in prop::collection::btree_set(0_u32..20, 1..4),
            clients in 1_u64..=8,
            time_ms in 500_u64..10_000,
        ) {
            let has = |case: &Case<u32>, wanted: &BTreeSet<u32>| wanted.iter().all(|step| case.steps.contains(step));
            let fails = |case: &Case<u32>| {
                (has(case, &needed) || has(case, &other)) && case.sizes.clients >= clients && case.sizes.time_ms >= time_ms
            };
            let start = case(steps);
            prop_assume!(fails(&start));
            let (found, _) = search(start, fails);
            prop_assert!(fails(&found));
            prop_assert_eq!(found.sizes.clients, clients);
            prop_assert!(found.sizes.time_ms - time_ms <= 500);
            for index in 0..found.steps.len() {
                let mut spared = found.clone();
                spared.steps.remove(index);
                prop_assert!(!fails(&spared), "{:?} can be spared in {:?}", found.steps[index], found);
            }
        }
    }
}
