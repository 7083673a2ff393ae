//! The command that kills old leaders, where a simulated cluster is fenced by one: it takes its time, fails now and then, and reports
//! later than it killed. And what is promised with it: one leader at a time.
//!
//! Not here: who asks for a death, and why (`core::stonith`).

use rand::RngExt;

use super::clients::Asker;
use super::faults::Hazard;
use super::{FAULTS_MS, World};
use crate::config::{Election, Fencing};
use crate::core::{Core, Role};
use crate::record::{Epoch, Member};

/// How long it takes until it kills, and until it says so. When faults are over it is quick, and succeeds.
const KILLS_WITHIN_MS: u64 = 200;
const REPORTS_WITHIN_MS: u64 = 300;

/// A command under way.
#[derive(Debug)]
pub(super) struct Execution {
    asker: u8,
    victim: u8,
    /// The victim as the asker knows it.
    member: Member,
    /// `None` when that is over, or it will not.
    kills_ms: Option<u64>,
    /// `None` when whoever asked is gone.
    reports_ms: Option<u64>,
    succeeds: bool,
}

impl World {
    pub(super) fn execute(&mut self, asker: u8, member: Member) {
        let Some(Member(victim)) = self.whereabouts(asker, member) else { return };
        let is_healed = self.now_ms >= FAULTS_MS;
        let within = |most_ms: u64| 1..if is_healed { 10 } else { most_ms };
        let kills_ms = self.now_ms + self.rng.random_range(within(KILLS_WITHIN_MS));
        let reports_ms = Some(kills_ms + self.rng.random_range(within(REPORTS_WITHIN_MS)));
        let succeeds = is_healed || self.rng.random_range(0..4) > 0;
        let is_true = !self.setup.hazards.contains(&Hazard::FalseReports);
        let kills = (succeeds && is_true) || self.rng.random();
        let kills_ms = kills.then_some(kills_ms);
        self.executions.push(Execution { asker, victim, member, kills_ms, reports_ms, succeeds });
    }

    /// Who asked has died, and will hear of nothing.
    pub(super) fn forget_executions(&mut self, asker: u8) {
        let own = self.executions.iter_mut().filter(|execution| execution.asker == asker);
        own.for_each(|execution| execution.reports_ms = None);
        self.nodes[usize::from(asker)].executed.clear();
    }

    pub(super) fn run_executions(&mut self) {
        let now_ms = self.now_ms;
        let is_due = |at_ms: &mut u64| *at_ms <= now_ms;
        for execution in &mut self.executions {
            if execution.kills_ms.is_none_or(|kills_ms| kills_ms <= now_ms)
                && execution.reports_ms.take_if(is_due).is_some()
            {
                self.nodes[usize::from(execution.asker)].executed.push((execution.member, execution.succeeds));
            }
        }
        let killed = |execution: &mut Execution| execution.kills_ms.take_if(is_due).map(|_| execution.victim);
        let killed: Vec<u8> = self.executions.iter_mut().filter_map(killed).collect();
        self.met.executed += killed.len();
        for victim in killed {
            self.crash(victim);
            if now_ms >= FAULTS_MS {
                self.nodes[usize::from(victim)].restart_ms = Some(now_ms + 20); // everybody is back when it is judged
            }
        }
        self.executions.retain(|execution| execution.kills_ms.is_some() || execution.reports_ms.is_some());
    }

    /// With stonith there is one leader at a time, but for one that has told its successor to take over and executes nothing any more.
    pub(super) fn look_for_two_leaders(&mut self) {
        let failover = &self.modes.failover;
        if (failover.fencing, failover.election) != (Fencing::Stonith, Election::Vote) {
            return;
        }
        let leads = |core: &&Core<Asker>| {
            let has_told = core.members().present().any(|member| core.hands_over_to(member));
            matches!(core.role, Role::Leader(_)) && !has_told
        };
        let cores = self.nodes.iter().filter_map(|node| node.core.as_ref());
        let leaders: Vec<(&str, Epoch)> =
            cores.filter(leads).map(|core| (core.settings.id.as_str(), core.hard.epoch)).collect();
        if leaders.len() > 1 {
            self.complaints.push(format!("two leaders at once: {leaders:?} at {} ms", self.now_ms));
        }
    }
}
