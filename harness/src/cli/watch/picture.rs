//! What there is to see of a run that a person steers: how it went, look by look, and what happened. It draws nothing.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::cli::progress;
use crate::cli::progress::window::{Recent, Window};
use crate::node_id::NodeId;
use crate::run::{FaultInForce, Phase, Skipped, Snapshot};

/// Looks that are kept: the widest terminal shows fewer.
const MOST_LOOKS: usize = 1000;

/// Lines that are kept of what happened.
const MOST_TOLD: usize = 100;

/// What is told of throughput and latency is of so long.
const LATELY: Duration = Duration::from_secs(1);

/// Everything so far.
pub(super) struct Picture {
    pub name: String,
    run_for: Duration,
    /// Acknowledged writes a second, between two looks each.
    pub writes_per_s: VecDeque<u64>,
    /// Of the follower furthest behind, at each look.
    pub lag_ms: VecDeque<u64>,
    /// How long clients waited for a new leader, each time that there was one.
    pub fail_overs_ms: VecDeque<u64>,
    /// What happened, the newest last.
    pub told: VecDeque<String>,
    untold: Vec<String>,
    pub recent: Recent,
    window: Window,
    seen: Seen,
    /// The fault that began last, if nobody else has led since.
    unanswered: Option<FaultInForce>,
}

/// The last look.
#[derive(Default)]
struct Seen {
    writes: Option<(Instant, u64)>,
    leader: Option<(NodeId, u64)>,
    epoch: Option<u64>,
    faults: Vec<FaultInForce>,
    skipped: Option<Skipped>,
}

impl Picture {
    pub(super) fn new(name: &str, run_for: Duration) -> Self {
        Self {
            name: name.to_owned(),
            run_for,
            writes_per_s: VecDeque::new(),
            lag_ms: VecDeque::new(),
            fail_overs_ms: VecDeque::new(),
            told: VecDeque::new(),
            untold: Vec::new(),
            recent: Recent::default(),
            window: Window::of_last(LATELY),
            seen: Seen::default(),
            unanswered: None,
        }
    }

    /// Adds what a look shows.
    pub(super) fn look(&mut self, now: Instant, snapshot: &Snapshot) {
        self.recent = self.window.look(now, &snapshot.tally);
        if snapshot.phase == Phase::Load {
            self.measure(now, snapshot);
        }
        self.notice_faults(now, snapshot);
        self.notice_leaders(now, snapshot);
    }

    fn measure(&mut self, now: Instant, snapshot: &Snapshot) {
        let writes = snapshot.tally.writes();
        if let Some((at, before)) = self.seen.writes.replace((now, writes)) {
            let ms = ((now - at).as_millis() as u64).max(1);
            keep(&mut self.writes_per_s, (writes - before) * 1000 / ms, MOST_LOOKS);
        }
        let lag_ms = snapshot.lags.values().map(|lag| lag.ms).max().unwrap_or(0);
        keep(&mut self.lag_ms, lag_ms, MOST_LOOKS);
    }

    fn notice_faults(&mut self, now: Instant, snapshot: &Snapshot) {
        let before = std::mem::replace(&mut self.seen.faults, snapshot.faults.clone());
        for ended in before.iter().filter(|fault| !snapshot.faults.contains(fault)) {
            let seconds = (now - ended.since).as_secs_f64();
            self.tell(snapshot, now, &format!("{} is over, after {seconds:.1} s", ended.name));
        }
        for begun in snapshot.faults.iter().filter(|fault| !before.contains(fault)) {
            self.tell(snapshot, begun.since, &begun.name);
            self.unanswered = Some(begun.clone());
        }
        if let Some(skipped) = &snapshot.skipped
            && self.seen.skipped.as_ref() != Some(skipped)
        {
            self.seen.skipped = Some(skipped.clone());
            self.tell(snapshot, now, &skipped.told);
        }
    }

    fn notice_leaders(&mut self, now: Instant, snapshot: &Snapshot) {
        if snapshot.leader != self.seen.leader
            && let Some((node, epoch)) = snapshot.leader
        {
            self.seen.leader = snapshot.leader;
            self.tell(snapshot, now, &format!("{node} leads epoch {epoch}"));
        }
        let Some(first_write) = snapshot.tally.first_write() else { return };
        let before = self.seen.epoch.replace(first_write.epoch);
        if before.is_none_or(|before| before == first_write.epoch) {
            return;
        }
        let Some(fault) = self.unanswered.take_if(|fault| fault.since < first_write.at) else { return };
        let ms = (first_write.at - fault.since).as_millis() as u64;
        keep(&mut self.fail_overs_ms, ms, MOST_LOOKS);
        let told = format!("writes go on in epoch {}, {ms} ms after {}", first_write.epoch, fault.name);
        self.tell(snapshot, first_write.at, &told);
    }

    /// `  3.4 s  kill n1`
    fn tell(&mut self, snapshot: &Snapshot, at: Instant, what: &str) {
        let since = snapshot.load_began.map_or(Duration::ZERO, |began| at.saturating_duration_since(began));
        let line = format!("{:>5.1} s  {what}", since.as_secs_f64());
        self.untold.push(line.clone());
        keep(&mut self.told, line, MOST_TOLD);
    }

    /// What has happened since this was asked last.
    pub(super) fn news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.untold)
    }

    /// How things are, in one line.
    pub(super) fn line(&self, now: Instant, snapshot: &Snapshot) -> String {
        format!("{}: {}", self.name, progress::line(snapshot, self.run_for, now, self.recent))
    }

    /// The phase, and how much of it is left.
    pub(super) fn time(&self, now: Instant, snapshot: &Snapshot) -> String {
        progress::time(snapshot, self.run_for, now)
    }
}

fn keep<T>(kept: &mut VecDeque<T>, newest: T, most: usize) {
    if kept.len() == most {
        kept.pop_front();
    }
    kept.push_back(newest);
}

#[cfg(test)]
pub(super) mod tests {
    use interregnum_checker::history::Outcome;

    use super::super::LOOK;
    use super::*;
    use crate::system::{Lag, Role};

    /// A run of four seconds in which the leader is killed after one, and somebody else is acknowledging writes 600 ms later.
    pub(in crate::cli::watch) fn story() -> (Picture, Snapshot, Instant) {
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let mut picture = Picture::new("async register", Duration::from_mins(1));
        let mut snapshot = Snapshot { phase: Phase::Load, load_began: Some(began), ..Snapshot::default() };
        let kill = FaultInForce { name: "kill n1".into(), since: at(1000) };
        for ms in (0..=4000).step_by(LOOK.as_millis() as usize) {
            let (leader, lag_ms) = match ms {
                0..1000 => (Some((0, 1)), ms / 100),
                1000..1600 => (None, 0),
                _ => (Some((1, 2)), 40),
            };
            if let Some((node, epoch)) = leader {
                snapshot.leader = Some((NodeId(node), epoch));
                snapshot.lags = [(NodeId(2), Lag { records: lag_ms, ms: lag_ms })].into();
                snapshot.tally.wrote(Some(epoch), at(ms));
                (0..9 + ms / 200).for_each(|_| snapshot.tally.wrote(None, at(ms)));
                (0..30).for_each(|_| snapshot.tally.count(Outcome::Ok, Duration::from_micros(1700)));
            }
            snapshot.faults = if (1000..3000).contains(&ms) { vec![kill.clone()] } else { Vec::new() };
            let role = |node, role, epoch| (NodeId(node), Some((role, epoch)));
            let first = if ms < 3000 { (NodeId(0), None) } else { role(0, Role::Follower, 2) };
            snapshot.nodes = [first, role(1, Role::Leader, 2), role(2, Role::Follower, 2)].into();
            if ms == 3600 {
                let told = "kill leader skipped: no node to strike within 2 s".into();
                snapshot.skipped = Some(Skipped { step: 1, told });
            }
            picture.look(at(ms), &snapshot);
        }
        (picture, snapshot, at(4000))
    }

    #[test]
    fn what_happens_is_told_once_with_its_time() {
        let (mut picture, snapshot, now) = story();
        let news = picture.news();
        assert_eq!(
            news,
            [
                "  0.0 s  n1 leads epoch 1",
                "  1.0 s  kill n1",
                "  1.6 s  n2 leads epoch 2",
                "  1.6 s  writes go on in epoch 2, 600 ms after kill n1",
                "  3.0 s  kill n1 is over, after 2.0 s",
                "  3.6 s  kill leader skipped: no node to strike within 2 s",
            ]
        );
        picture.look(now, &snapshot);
        assert_eq!(picture.news(), [""; 0]);
    }

    #[test]
    fn series_grow_with_each_look_and_stay_bounded() {
        let (mut picture, snapshot, now) = story();
        assert_eq!(picture.fail_overs_ms, [600]);
        assert_eq!(picture.writes_per_s.iter().filter(|per_s| **per_s == 0).count(), 3, "nobody led for 600 ms");
        assert_eq!(picture.lag_ms.len(), 21);
        for _ in 0..2 * MOST_LOOKS {
            picture.look(now, &snapshot);
        }
        assert_eq!(picture.lag_ms.len(), MOST_LOOKS);
    }

    #[test]
    fn a_new_epoch_without_a_fault_is_no_fail_over() {
        let now = Instant::now();
        let (mut picture, mut snapshot) = (Picture::new("", LATELY), Snapshot::default());
        for epoch in 1..=3 {
            snapshot.tally.wrote(Some(epoch), now);
            picture.look(now, &snapshot);
        }
        // The fault began when the third leader led already.
        snapshot.faults = vec![FaultInForce { name: "pause n2".into(), since: now + LOOK }];
        picture.look(now + LOOK, &snapshot);
        assert!(picture.fail_overs_ms.is_empty());
    }
}
