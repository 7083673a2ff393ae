//! Judges what the clients of one list saw: complete for lists that only grow by unique elements, because the final list
//! gives the order of all appends.

use std::collections::BTreeMap;

/// One operation of the simulation's history; its index is the number that it appends.
#[derive(Debug, Clone)]
pub(super) struct Operated {
    pub(super) client: usize,
    pub(super) key: u8,
    pub(super) kind: Kind,
    /// The first operation of those that were sent together.
    pub(super) burst: usize,
    pub(super) invoked: u64,
    /// Of a read that may be stale: the moment up to which it must have seen everything.
    pub(super) horizon: Option<u64>,
    pub(super) completed: Option<(u64, Outcome)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Append,
    Read,
    /// At any node, which is as fresh as it is: `sessions` judges it.
    ReadAnywhere,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The list had so many elements then.
    Appended(usize),
    Read(Vec<usize>),
    Failed,
    Unknown,
}

impl Operated {
    pub(super) fn is_acknowledged(&self) -> bool {
        matches!(self.completed, Some((_, Outcome::Appended(_) | Outcome::Read(_))))
    }

    pub(super) fn is_append(&self) -> bool {
        self.kind == Kind::Append
    }
}

/// Whether the operations on `key` are linearizable and nothing acknowledged is missing from `finally`.
pub(super) fn judge(key: u8, history: &[Operated], finally: &[usize]) -> Result<(), String> {
    let mut position = vec![None; history.len()];
    for (index, &element) in finally.iter().enumerate() {
        if position[element].replace(index + 1).is_some() {
            return Err(format!("duplicate: {element} is in the list twice"));
        }
    }
    // Every operation takes effect at a position in the order of the appends; none may be before that of an operation that was
    // complete when it began.
    let mut completions = Vec::new();
    let linearizable = |operation: &Operated| operation.key == key && operation.kind != Kind::ReadAnywhere;
    for (number, operation) in history.iter().enumerate().filter(|(_, operation)| linearizable(operation)) {
        match &operation.completed {
            Some((completed, Outcome::Appended(length))) => {
                let at = position[number].ok_or_else(|| format!("lost: the append of {number} was acknowledged"))?;
                if at != *length {
                    return Err(format!("mistold: the append of {number} was told {length}, but is at {at}"));
                }
                completions.push((*completed, operation.invoked, at, true));
            }
            Some((_, Outcome::Read(_))) if operation.horizon.is_some() => {}
            Some((completed, Outcome::Read(seen))) => {
                if !finally.starts_with(seen) {
                    return Err(format!(
                        "reordered: read {number} saw {seen:?}, which is no beginning of the final list"
                    ));
                }
                completions.push((*completed, operation.invoked, seen.len(), false));
            }
            Some((_, Outcome::Failed)) if position[number].is_some() => {
                return Err(format!("undead: the append of {number} certainly failed, but is in the list"));
            }
            _ => {}
        }
    }
    in_order(history, finally)?;
    completions.sort_unstable();
    let mut greatest = 0;
    let floors: Vec<(u64, usize)> = completions
        .iter()
        .map(|&(completed, _, at, _)| {
            greatest = at.max(greatest);
            (completed, greatest)
        })
        .collect();
    for (_, invoked, at, append) in completions {
        let before = floors.partition_point(|&(completed, _)| completed < invoked);
        let floor = before.checked_sub(1).map_or(0, |last| floors[last].1);
        if at < floor + usize::from(append) {
            return Err(format!("stale: an operation took effect at {at}, but {floor} was known before it began"));
        }
    }
    Ok(())
}

/// Appends that a client sent together, to one node, are in the order in which it sent them; some may be missing.
fn in_order(history: &[Operated], finally: &[usize]) -> Result<(), String> {
    let mut last = BTreeMap::new();
    for &element in finally {
        if let Some(before) = last.insert(history[element].burst, element).filter(|&before| before > element) {
            return Err(format!("overtaken: {before} was sent after {element}, but is before it in the list"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When an operation was invoked, when it was completed and how.
    type Told = (u64, Option<(u64, Outcome)>);

    /// What was never answered was one burst.
    fn history(operations: &[Told]) -> Vec<Operated> {
        let operated = |(number, (invoked, completed)): (usize, &Told)| Operated {
            client: 0,
            key: 0,
            kind: if matches!(completed, Some((_, Outcome::Read(_)))) { Kind::Read } else { Kind::Append },
            burst: if completed.is_some() { number } else { 0 },
            invoked: *invoked,
            horizon: None,
            completed: completed.clone(),
        };
        operations.iter().enumerate().map(operated).collect()
    }

    #[test]
    fn every_kind_of_violation_is_seen() {
        let append = |invoked, completed, length| (invoked, Some((completed, Outcome::Appended(length))));
        let read = |invoked, completed, seen: &[usize]| (invoked, Some((completed, Outcome::Read(seen.to_vec()))));
        for (operations, finally, expected) in [
            (vec![append(1, 2, 1), append(3, 4, 2), read(5, 6, &[0, 1])], vec![0, 1], None),
            (vec![append(1, 4, 1), append(2, 3, 2), read(5, 6, &[0, 1])], vec![0, 1], None),
            (vec![append(1, 2, 1), append(3, 4, 1)], vec![0], Some("lost")),
            (vec![append(1, 2, 2), append(3, 4, 1)], vec![1, 0], Some("stale")),
            (vec![append(1, 2, 1), read(3, 4, &[])], vec![0], Some("stale")),
            (vec![append(1, 6, 1), read(2, 3, &[0]), read(4, 5, &[])], vec![0], Some("stale")),
            (vec![append(1, 2, 1), append(3, 4, 2), read(5, 6, &[1])], vec![0, 1], Some("reordered")),
            (vec![append(1, 2, 1)], vec![0, 0], Some("duplicate")),
            (vec![append(1, 2, 7)], vec![0], Some("mistold")),
            (vec![(1, Some((2, Outcome::Failed)))], vec![0], Some("undead")),
            (vec![(1, None), (1, Some((2, Outcome::Unknown)))], vec![1], None),
            (vec![(1, None), (2, None)], vec![0, 1], None),
            (vec![(1, None), (2, None)], vec![1, 0], Some("overtaken")),
        ] {
            let verdict = judge(0, &history(&operations), &finally);
            match expected {
                None => assert_eq!(verdict, Ok(()), "{operations:?}"),
                Some(expected) => assert!(verdict.unwrap_err().starts_with(expected), "{operations:?}"),
            }
        }
    }
}
