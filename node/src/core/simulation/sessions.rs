//! What a client may expect that carries its position to whatever node it reads at: it sees its own appends, and never less than it has
//! seen before.
//!
//! A read at a follower may see what will be rewound, and a position of that is worth nothing to a later leader. So a client may miss
//! what it has seen once it has a position of a later write of its own, but never what lasted.

use super::judge::{Kind, Operated, Outcome};

/// What one client knows of a list.
#[derive(Default)]
struct Known {
    /// How much of the final list it has written or seen.
    length: usize,
    /// What it saw last, if it has written nothing since.
    last: Vec<usize>,
}

/// Whether every client of this list got what it may expect, if all of them carry their positions.
pub(super) fn judge(key: u8, history: &[Operated], finally: &[usize]) -> Result<(), String> {
    let clients = history.iter().map(|operation| operation.client + 1).max().unwrap_or(0);
    (0..clients).try_for_each(|client| {
        let mut known = Known::default();
        // One operation at a time, so these are in order.
        for (number, operation) in history.iter().enumerate().filter(|(_, operation)| operation.client == client) {
            let is_of_key = operation.key == key;
            match &operation.completed {
                Some((_, Outcome::Appended(_))) => {
                    known.last.clear();
                    let at = finally.iter().position(|&element| is_of_key && element == number);
                    known.length = known.length.max(at.map_or(0, |at| at + 1));
                }
                Some((_, Outcome::Read(seen))) if operation.kind == Kind::ReadAnywhere && is_of_key => {
                    let lasted = seen.iter().zip(finally).take_while(|(seen, lasted)| seen == lasted).count();
                    if lasted < known.length || !seen.starts_with(&known.last) {
                        let Known { length, last } = known;
                        return Err(format!(
                            "went back: client {client} saw {seen:?} by read {number}, after {:?}, {last:?}",
                            &finally[..length]
                        ));
                    }
                    known = Known { length: lasted, last: seen.clone() };
                }
                Some((_, Outcome::Read(seen))) if is_of_key => {
                    known = Known { length: known.length.max(seen.len()), last: Vec::new() };
                }
                Some((_, Outcome::Read(_))) if operation.kind == Kind::Read => known.last.clear(),
                _ => {}
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_back_is_seen() {
        let append = |key| (key, Kind::Append, Outcome::Appended(0));
        let read = |seen: &[usize]| (0, Kind::ReadAnywhere, Outcome::Read(seen.to_vec()));
        let at_leader = |seen: &[usize]| (0, Kind::Read, Outcome::Read(seen.to_vec()));
        for (operations, finally, is_sound) in [
            (vec![append(0), read(&[0]), read(&[0])], vec![0, 9], true),
            (vec![append(0), read(&[])], vec![0], false),
            (vec![append(1), read(&[])], vec![], true),
            (vec![read(&[8, 9]), read(&[8])], vec![8, 9], false),
            (vec![at_leader(&[8, 9]), read(&[8])], vec![8, 9], false),
            // What it saw was rewound.
            (vec![read(&[8, 9]), read(&[8])], vec![8], false),
            (vec![read(&[8, 9]), append(1), read(&[8])], vec![8], true),
            (vec![read(&[8, 9]), append(1), read(&[])], vec![8], false),
        ] {
            let operated = |(key, kind, outcome): (u8, Kind, Outcome)| Operated {
                client: 0,
                key,
                kind,
                burst: 0,
                invoked: 0,
                horizon: None,
                completed: Some((0, outcome)),
            };
            let history: Vec<Operated> = operations.clone().into_iter().map(operated).collect();
            assert_eq!(judge(0, &history, &finally).is_ok(), is_sound, "{operations:?}");
        }
    }
}
