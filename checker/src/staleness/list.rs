//! What the reads of one append list lack. What that means is said in [`super`].

use super::Lag;
use crate::appends::{Element, List, Marks, Step};
use crate::history::{History, Moment};

/// Fails, saying why, on operations that are none of a list's, and on elements that are not unique.
pub(super) fn measure(history: &History, operations: &[usize]) -> Result<Vec<Lag>, String> {
    let list = List::gather(history, operations)?;
    let known = Known::of(history, &list);
    let mut shown_now = Marks::new(list.values.len());
    let lag = |step: &Step| match step {
        Step::Append { .. } => None,
        Step::Read { operation, shown } => Some(known.lag(history, *operation, shown, &mut shown_now)),
    };
    Ok(list.steps.iter().filter_map(lag).collect())
}

/// When each element was known.
struct Known {
    of: Vec<Option<Moment>>,
    /// Those that ever were, in order of time.
    in_order: Vec<(Moment, Element)>,
}

impl Known {
    fn of(history: &History, list: &List<'_>) -> Self {
        let mut of: Vec<Option<Moment>> = vec![None; list.values.len()];
        for step in &list.steps {
            let (operation, elements) = match step {
                Step::Append { operation, element } => (*operation, std::slice::from_ref(element)),
                Step::Read { operation, shown } => (*operation, shown.as_slice()),
            };
            let Some(completed) = history.operations()[operation].completed else { continue };
            for &element in elements {
                of[element] = Some(of[element].map_or(completed, |known| known.min(completed)));
            }
        }
        let mut in_order: Vec<(Moment, Element)> =
            of.iter().enumerate().filter_map(|(element, &known)| Some((known?, element))).collect();
        in_order.sort_unstable();
        Self { of, in_order }
    }

    fn lag(&self, history: &History, read: usize, shown: &[Element], shown_now: &mut Marks) -> Lag {
        let is_before = |known: Moment| known.order < history.operations()[read].invoked.order;
        shown_now.clear();
        let is_shown = |&&element: &&Element| shown_now.mark(element) && self.of[element].is_some_and(is_before);
        let shown = shown.iter().filter(is_shown).count();
        let due = &self.in_order[..self.in_order.partition_point(|&(known, _)| is_before(known))];
        // Whatever is passed over is shown, so that this takes no longer than the read is long.
        let first = due.iter().find(|&&(_, element)| !shown_now.has(element));
        Lag { read, versions: (due.len() - shown) as u64, since: first.map(|&(known, _)| known) }
    }
}
