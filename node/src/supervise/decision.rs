//! When a leader is taken for dead, and what is done then, step by step. Reports go in, steps come out.
//!
//! ```text
//!   watching ─▶ no leader answers, `misses` times, and no follower hears one ─▶ kill ─▶ fence ─▶ promote ─▶ watching
//! ```
//!
//! Not here: sockets, clock, commands. Time is a number it is told, so that all of it can be tested by hand.

use std::collections::{BTreeMap, VecDeque};

use super::report::Report;

/// What an operator chose.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) misses: u32,
    /// How long a leader may be silent, as its followers tell, and also the rest after a failover that failed.
    pub(super) patience_ms: u64,
    pub(super) recovery_period_ms: u64,
    pub(super) min_nodes: usize,
    pub(super) stonith: bool,
    pub(super) dry_run: bool,
}

/// Something to do, now, before anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Run the stonith command.
    Kill { id: String },
    /// Let the node follow nobody below that epoch; then ask it for a report.
    Fence { id: String, epoch: u64 },
    /// Let it lead no longer.
    Demote { id: String },
    /// Let it lead.
    Promote { id: String },
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It worked; with the node's report where one was asked for.
    Done(Option<Report>),
    Failed(String),
}

/// How far a failover is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    Watching,
    Killing { victims: VecDeque<String> },
    Fencing { epoch: u64, rest: VecDeque<String>, fenced: Vec<Report> },
    Promoting { id: String },
}

/// What is known of the cluster.
#[derive(Debug)]
pub(super) struct Supervisor {
    rules: Rules,
    /// What each node told at the last look; `None` if it did not answer.
    reports: BTreeMap<String, Option<Report>>,
    /// The greatest epoch heard of.
    epoch: u64,
    /// Who led when last somebody did.
    leader: Option<String>,
    /// Looks in a row that found no leader.
    missed: u32,
    stage: Stage,
    /// No failover is begun before then, and why.
    quiet_until_ms: u64,
    quiet_because: &'static str,
    /// What keeps a failover from being made, as last told, so that it is told once.
    told: Option<String>,
    verdict: Option<Result<(), String>>,
}

impl Supervisor {
    pub(super) fn new(rules: Rules, ids: impl Iterator<Item = String>) -> Self {
        Supervisor {
            rules,
            reports: ids.map(|id| (id, None)).collect(),
            epoch: 0,
            leader: None,
            missed: 0,
            stage: Stage::Watching,
            quiet_until_ms: 0,
            quiet_because: "",
            told: None,
            verdict: None,
        }
    }

    /// Takes in one look at all nodes.
    pub(super) fn observe(&mut self, reports: BTreeMap<String, Option<Report>>) {
        self.reports = reports;
        let greatest = self.answering().map(|report| report.epoch).max();
        self.epoch = self.epoch.max(greatest.unwrap_or(0));
        let leader = self.present_leader().map(|report| (report.id.clone(), report.epoch, report.last_lsn));
        let Some((id, epoch, lsn)) = leader else {
            self.missed = self.missed.saturating_add(1);
            if self.missed == 1 {
                let (leader, epoch) = (self.leader.as_deref(), self.epoch);
                tracing::info!(leader, epoch, "suspected: no leader answers");
            }
            return;
        };
        if self.missed > 0 || self.leader.as_ref() != Some(&id) {
            tracing::info!(leader = id, epoch, lsn, "a leader answers");
        }
        (self.leader, self.missed, self.told) = (Some(id), 0, None);
        self.verdict = Some(Ok(()));
    }

    /// What to do next, if anything. Then comes [`Supervisor::done`].
    pub(super) fn next_step(&mut self, now_ms: u64) -> Option<Step> {
        if self.stage == Stage::Watching {
            if let Some(step) = self.deposed() {
                return Some(step);
            }
            if self.present_leader().is_some() || self.missed < self.rules.misses {
                return None;
            }
            if let Some(why) = self.objection(now_ms) {
                self.tell_objection(&why);
                return None;
            }
            self.begin();
        }
        match &self.stage {
            Stage::Watching => None,
            Stage::Killing { victims } => victims.front().map(|id| Step::Kill { id: id.clone() }),
            Stage::Fencing { epoch, rest, .. } => rest.front().map(|id| Step::Fence { id: id.clone(), epoch: *epoch }),
            Stage::Promoting { id } => Some(Step::Promote { id: id.clone() }),
        }
    }

    /// A step has ended.
    pub(super) fn done(&mut self, now_ms: u64, step: &Step, outcome: Outcome) {
        match (step, outcome) {
            (Step::Kill { id }, Outcome::Done(_)) => {
                tracing::info!(id, epoch = self.epoch, "fenced: killed");
                if let Stage::Killing { victims } = &mut self.stage {
                    victims.pop_front();
                    if victims.is_empty() {
                        self.fence_all();
                    }
                }
            }
            (Step::Kill { id }, Outcome::Failed(why)) => {
                self.give_up(now_ms, &format!("{id} may live, and could not be killed: {why}"));
            }
            (Step::Promote { id }, Outcome::Done(_)) => {
                tracing::info!(leader = id, epoch = self.epoch + 1, "promoted");
                self.leader = Some(id.clone());
                (self.stage, self.missed, self.told) = (Stage::Watching, 0, None);
                self.quiet(
                    now_ms + self.rules.recovery_period_ms,
                    "the last failover is too recent (--recovery-period-ms)",
                );
                self.verdict = Some(Ok(()));
            }
            (Step::Promote { id }, Outcome::Failed(why)) => {
                self.give_up(now_ms, &format!("{id} would not be promoted: {why}"));
            }
            (Step::Fence { id, epoch }, outcome) if self.stage != Stage::Watching => {
                self.fenced(now_ms, id, *epoch, outcome);
            }
            (Step::Fence { id, .. } | Step::Demote { id }, outcome) => {
                tracing::info!(id, epoch = self.epoch, ?outcome, "told a deposed leader that it leads no longer");
                self.reports.insert(id.clone(), None); // until it is seen again, nothing is known of it
            }
        }
    }

    /// With `--once`: how it ended, once it has.
    pub(super) fn verdict(&self) -> Option<Result<(), String>> {
        self.verdict.clone()
    }

    fn answering(&self) -> impl Iterator<Item = &Report> {
        self.reports.values().flatten()
    }

    /// Who leads: of those that answer and say so, the one of the greatest epoch, if nobody is further.
    fn present_leader(&self) -> Option<&Report> {
        let leads = self.answering().filter(|report| report.leads);
        leads.max_by_key(|report| (report.epoch, &report.id)).filter(|report| report.epoch >= self.epoch)
    }

    /// A node that leads although there is a newer leader or epoch: one that came back and does not know, or is not fenced.
    fn deposed(&self) -> Option<Step> {
        let present = self.present_leader().map(|report| &report.id);
        let other = self.answering().find(|report| report.leads && Some(&report.id) != present)?;
        let id = other.id.clone();
        if self.rules.dry_run {
            return None;
        }
        Some(if other.epoch < self.epoch { Step::Fence { id, epoch: self.epoch } } else { Step::Demote { id } })
    }

    /// Why no failover is made although no leader answers.
    fn objection(&self, now_ms: u64) -> Option<String> {
        let answering = self.answering().count();
        if let Some(report) = self.answering().find(|report| report.hears_leader(self.rules.patience_ms)) {
            return Some(format!("{} hears the leader {}, so it lives", report.id, report.leader_id));
        }
        if answering < self.rules.min_nodes {
            return Some(format!("{answering} nodes answer, and it takes {} (--min-nodes)", self.rules.min_nodes));
        }
        if self.epoch == 0 {
            return Some("the cluster is new; its lowest id begins to lead by itself".to_owned());
        }
        (now_ms < self.quiet_until_ms).then(|| self.quiet_because.to_owned())
    }

    fn tell_objection(&mut self, why: &str) {
        if self.told.as_deref() != Some(why) {
            tracing::warn!(leader = self.leader, epoch = self.epoch, why, "no failover");
            self.told = Some(why.to_owned());
        }
        // A leader that died just now was heard just now; it takes as long again until that objection would be gone.
        if self.missed >= self.rules.misses.saturating_mul(2) && !matches!(self.verdict, Some(Err(_))) {
            self.verdict = Some(Err(format!("no failover: {why}")));
        }
    }

    fn begin(&mut self) {
        let leader = self.leader.as_deref();
        if self.rules.dry_run {
            let best = best_of(self.answering()).map(|report| report.id.clone());
            let why = format!("--dry-run; {} would be promoted", best.unwrap_or_default());
            return self.tell_objection(&why);
        }
        tracing::warn!(leader, epoch = self.epoch, "failover: the leader is taken for dead");
        let victims: VecDeque<String> = if self.rules.stonith { self.suspects() } else { VecDeque::new() };
        if victims.is_empty() {
            self.fence_all();
        } else {
            self.stage = Stage::Killing { victims };
        }
    }

    /// Who may still be leading unseen: whoever led last, as far as this supervisor or a follower knows; if nobody knows, whoever does
    /// not answer. Who answers does not lead.
    fn suspects(&self) -> VecDeque<String> {
        let silent = |id: &&String| self.reports.get(*id).is_some_and(Option::is_none);
        let named = self.answering().filter(|report| report.epoch == self.epoch).map(|report| &report.leader_id);
        let mut leaders: Vec<&String> = named.chain(&self.leader).filter(silent).collect();
        leaders.sort();
        leaders.dedup();
        if leaders.is_empty() && self.leader.is_none() {
            leaders = self.reports.keys().filter(silent).collect();
        }
        leaders.into_iter().cloned().collect()
    }

    /// Every node that answers is put out of the old leader's reach before it is asked how far its log goes.
    fn fence_all(&mut self) {
        self.epoch += 1;
        let rest = self.answering().map(|report| report.id.clone()).collect();
        self.stage = Stage::Fencing { epoch: self.epoch, rest, fenced: Vec::new() };
    }

    fn fenced(&mut self, now_ms: u64, id: &str, epoch: u64, outcome: Outcome) {
        let Stage::Fencing { rest, fenced, .. } = &mut self.stage else { return };
        rest.pop_front();
        match outcome {
            Outcome::Done(Some(report)) => {
                tracing::info!(id, epoch, lsn = report.last_lsn, "fenced");
                fenced.push(report);
            }
            Outcome::Done(None) => {}
            Outcome::Failed(why) => tracing::warn!(id, epoch, why, "not fenced"),
        }
        if !rest.is_empty() {
            return;
        }
        let count = fenced.len();
        let best = best_of(fenced.iter()).filter(|_| count >= self.rules.min_nodes).map(|report| report.id.clone());
        match best {
            Some(id) => {
                tracing::info!(id, epoch, "the most up to date");
                self.stage = Stage::Promoting { id };
            }
            None => self.give_up(now_ms, &format!("{count} nodes were fenced, and it takes {}", self.rules.min_nodes)),
        }
    }

    fn give_up(&mut self, now_ms: u64, why: &str) {
        tracing::warn!(epoch = self.epoch, why, "failover given up; tried again soon");
        self.stage = Stage::Watching;
        self.quiet(now_ms + self.rules.patience_ms, "the last attempt failed just now");
        self.verdict = Some(Err(format!("no failover: {why}")));
    }

    fn quiet(&mut self, until_ms: u64, because: &'static str) {
        (self.quiet_until_ms, self.quiet_because) = (until_ms, because);
    }
}

/// The most up to date of these nodes; of equals, the lowest id.
fn best_of<'a>(reports: impl Iterator<Item = &'a Report>) -> Option<&'a Report> {
    reports.max_by_key(|report| (report.log_end(), std::cmp::Reverse(&report.id)))
}

#[cfg(test)]
mod tests;
