//! What each node was, and when: what the monitor saw of it, and what the faults did to it. It decides nothing.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::fault::Fault;
use crate::node_id::NodeId;
use crate::record::{RunEvent, TimedEvent};
use crate::run::StepTaken;
use crate::system::Role;

/// What a node can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Leader,
    Follower,
    Candidate,
    /// Stopped by a fault; it will go on.
    Paused,
    /// Killed or ended by a fault, or switched off by the fence device, until it answers again.
    Down,
    /// It does not answer, and no fault says why.
    Silent,
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Candidate => "candidate",
            Self::Paused => "paused",
            Self::Down => "down",
            Self::Silent => "silent",
        })
    }
}

/// What a node was for some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Span {
    pub node: NodeId,
    pub from: u64,
    pub to: u64,
    pub state: State,
    pub epoch: Option<u64>,
    /// Whom it took for the leader.
    pub leader: Option<NodeId>,
}

/// What was seen of a node at some moment.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    state: State,
    epoch: Option<u64>,
    leader: Option<NodeId>,
}

const DOWN: Seen = Seen { state: State::Down, epoch: None, leader: None };

/// The spans of all nodes until `end_ns`, by node and in order of time.
pub(super) fn spans(events: &[TimedEvent], faults: &[StepTaken], end_ns: u64) -> Vec<Span> {
    let mut seen: BTreeMap<NodeId, Vec<(u64, Seen)>> = BTreeMap::new();
    for TimedEvent { time, event } in events {
        let (node, now) = match *event {
            RunEvent::Status { node, role, epoch, leader } => {
                (node, Seen { state: state(role), epoch: Some(epoch), leader })
            }
            RunEvent::Silent { node } => (node, Seen { state: State::Silent, epoch: None, leader: None }),
            RunEvent::Fenced { node, .. } => (node, DOWN),
            _ => continue,
        };
        let seen = seen.entry(node).or_default();
        // One that was switched off is silent for that reason.
        let is_known = now.state == State::Silent && seen.last().is_some_and(|&(_, last)| last == DOWN);
        seen.extend((!is_known).then_some((*time, now)));
    }
    let of_node = |(node, seen): (NodeId, Vec<(u64, Seen)>)| {
        let outages = outages(node, &seen, faults);
        of_node(node, &as_restarted(node, seen, faults), &outages, end_ns)
    };
    seen.into_iter().flat_map(of_node).collect()
}

fn state(role: Role) -> State {
    match role {
        Role::Leader => State::Leader,
        Role::Follower => State::Follower,
        Role::Candidate => State::Candidate,
    }
}

/// When a fault kept this node from being anything, and what it was instead.
fn outages(node: NodeId, seen: &[(u64, Seen)], faults: &[StepTaken]) -> Vec<(u64, u64, State)> {
    let struck = faults.iter().filter(|taken| taken.nodes.contains(&node));
    let outage = |taken: &StepTaken| match taken.step.fault {
        Fault::Pause => {
            // Who is switched off while it is paused comes back unpaused.
            let fenced = seen.iter().find(|&&(time, now)| time >= taken.began_ns && now == DOWN);
            Some((taken.began_ns, fenced.map_or(taken.ended_ns, |&(time, _)| time.min(taken.ended_ns)), State::Paused))
        }
        Fault::Kill | Fault::KillAll | Fault::PowerFailure { .. } | Fault::PowerFailureAll { .. } | Fault::Stop => {
            let answers = |&&(time, now): &&(u64, Seen)| {
                time >= taken.ended_ns && !matches!(now.state, State::Silent | State::Down)
            };
            let until = seen.iter().find(answers).map_or(u64::MAX, |&(time, _)| time);
            Some((taken.began_ns, until, State::Down))
        }
        _ => None,
    };
    struck.filter_map(outage).collect()
}

/// The same, but a node that does not answer while a fault restarts it is down.
fn as_restarted(node: NodeId, mut seen: Vec<(u64, Seen)>, faults: &[StepTaken]) -> Vec<(u64, Seen)> {
    let restarts = |taken: &&StepTaken| {
        let is_restart = matches!(
            taken.step.fault,
            Fault::CrashLoop { .. } | Fault::RollingRestart | Fault::Upgrade | Fault::BitFlip
        );
        is_restart && taken.nodes.contains(&node)
    };
    let restarts: Vec<_> = faults.iter().filter(restarts).map(|taken| taken.began_ns..=taken.ended_ns).collect();
    for (time, now) in &mut seen {
        if now.state == State::Silent && restarts.iter().any(|restart| restart.contains(time)) {
            now.state = State::Down;
        }
    }
    seen
}

fn of_node(node: NodeId, seen: &[(u64, Seen)], outages: &[(u64, u64, State)], end_ns: u64) -> Vec<Span> {
    let edges = outages.iter().flat_map(|&(from, to, _)| [from, to]);
    let mut edges: Vec<u64> = seen.iter().map(|&(time, _)| time).chain(edges).filter(|&time| time < end_ns).collect();
    edges.sort_unstable();
    edges.dedup();
    let mut spans: Vec<Span> = Vec::new();
    for (index, &from) in edges.iter().enumerate() {
        let to = edges.get(index + 1).copied().unwrap_or(end_ns);
        let last_seen = seen.partition_point(|&(time, _)| time <= from).checked_sub(1).map(|index| seen[index].1);
        let outage = outages.iter().find(|&&(begin, end, _)| (begin..end).contains(&from));
        let now = match (outage, last_seen) {
            (Some(&(_, _, state)), _) => Seen { state, epoch: None, leader: None },
            (None, Some(now)) => now,
            (None, None) => continue,
        };
        match spans.last_mut() {
            Some(Span { to: end, state, epoch, leader, .. })
                if *end == from && (*state, *epoch, *leader) == (now.state, now.epoch, now.leader) =>
            {
                *end = to;
            }
            _ => spans.push(Span { node, from, to, state: now.state, epoch: now.epoch, leader: now.leader }),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fault::Effect;
    use crate::schedule::Step;
    use crate::target::Target;

    const NODE: NodeId = NodeId(1);

    fn leads(time: u64, epoch: u64) -> TimedEvent {
        TimedEvent { time, event: RunEvent::Status { node: NODE, role: Role::Leader, epoch, leader: Some(NODE) } }
    }

    fn silent(time: u64) -> TimedEvent {
        TimedEvent { time, event: RunEvent::Silent { node: NODE } }
    }

    fn fenced(time: u64) -> TimedEvent {
        let (by, evidence) = ("n2".to_owned(), "reaped: signal 9 (SIGKILL)".to_owned());
        TimedEvent { time, event: RunEvent::Fenced { node: NODE, by, evidence } }
    }

    fn fault(fault: Fault, began_ns: u64, ended_ns: u64) -> StepTaken {
        let step = Step::at(Duration::ZERO, Duration::ZERO, fault, Target::Leader);
        let effect = Effect { verified: true, evidence: String::new() };
        StepTaken { step, nodes: vec![NODE], began_ns, ended_ns, effect }
    }

    #[track_caller]
    fn check(events: &[TimedEvent], faults: &[StepTaken], expected: &[(u64, u64, State)]) {
        let told: Vec<_> = spans(events, faults, 100).iter().map(|span| (span.from, span.to, span.state)).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn a_node_is_what_was_seen_last() {
        check(&[leads(10, 1), silent(30)], &[], &[(10, 30, State::Leader), (30, 100, State::Silent)]);
    }

    #[test]
    fn a_killed_node_is_down_from_its_killing_until_it_answers() {
        let (events, kill) = ([leads(10, 1), silent(35), leads(80, 2)], fault(Fault::Kill, 30, 60));
        check(&events, &[kill], &[(10, 30, State::Leader), (30, 80, State::Down), (80, 100, State::Leader)]);
    }

    #[test]
    fn a_node_that_is_restarted_is_down_when_it_does_not_answer() {
        let (events, restart) = ([leads(10, 1), silent(35), leads(40, 1)], fault(Fault::RollingRestart, 30, 60));
        check(&events, &[restart], &[(10, 35, State::Leader), (35, 40, State::Down), (40, 100, State::Leader)]);
    }

    #[test]
    fn a_fenced_node_is_down_until_it_answers() {
        let events = [leads(10, 1), silent(30), fenced(35), silent(50), leads(80, 2)];
        let expected = [(10, 30, State::Leader), (30, 35, State::Silent), (35, 80, State::Down)];
        check(&events, &[], &[&expected[..], &[(80, 100, State::Leader)]].concat());
    }

    #[test]
    fn a_paused_node_that_is_fenced_is_down_and_not_paused() {
        let (events, pause) = ([leads(10, 1), silent(35), fenced(40), leads(55, 2)], fault(Fault::Pause, 30, 60));
        let expected = [(10, 30, State::Leader), (30, 40, State::Paused), (40, 55, State::Down)];
        check(&events, &[pause], &[&expected[..], &[(55, 100, State::Leader)]].concat());
    }

    #[test]
    fn a_killed_node_that_is_fenced_stays_down() {
        let (events, kill) = ([leads(10, 1), silent(35), fenced(50), leads(80, 2)], fault(Fault::Kill, 30, 60));
        check(&events, &[kill], &[(10, 30, State::Leader), (30, 80, State::Down), (80, 100, State::Leader)]);
    }

    #[test]
    fn a_paused_node_goes_on_as_what_it_was() {
        let (events, pause) = ([leads(10, 1)], fault(Fault::Pause, 30, 60));
        check(&events, &[pause], &[(10, 30, State::Leader), (30, 60, State::Paused), (60, 100, State::Leader)]);
    }
}
