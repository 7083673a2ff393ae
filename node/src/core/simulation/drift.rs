//! Nobody is ever found to have drifted who has not, whatever is lost, rewound, restarted or made anew from a snapshot while rows are
//! compared; and whoever has, is found, and mended.

use bytes::Bytes;
use rand::RngExt;

use super::clients::Asker;
use super::faults::Hazard;
use super::nodes::Ask;
use super::promises::{TINY_LOGS, seeds};
use super::{SOUND, Setup, World, run};
use crate::core::admin::Admin;
use crate::core::drift::DriftAsk;
use crate::record::Value;

/// A row is corrupted about so often.
const PACE_MS: u32 = 600;
/// How long after everything was healed the rows are repaired, and how long that may take: longer than it takes until a report that was
/// lost is sent again (`core::drift`).
pub(super) const REPAIR_AFTER_MS: u64 = 1_400;
pub(super) const RECOVERY_MS: u64 = 2 * REPAIR_AFTER_MS;

/// No client writes it.
const KEY: Bytes = Bytes::from_static(b"z");

impl World {
    /// Now and then a row of one node is not what the log says, although nobody wrote it.
    pub(super) fn corrupt(&mut self) {
        if self.rng.random_range(0..PACE_MS) > 0 {
            return;
        }
        let victim = self.any_node();
        let value = Bytes::from(self.now_ms.to_string());
        if let Some(core) = &mut self.nodes[usize::from(victim)].core {
            core.store.corrupt(KEY, Some(value));
            self.met.corrupted += 1;
        }
    }

    fn row(&mut self, index: u8) -> Option<Value> {
        let core = self.nodes[usize::from(index)].core.as_mut()?;
        core.store.view().to_rows().get(&KEY).cloned()
    }

    /// Whose row is not the leader's.
    fn differing(&mut self) -> Vec<u8> {
        let Some(leader) = self.leader() else { return Vec::new() };
        let right = self.row(leader);
        (0..self.nodes.len() as u8).filter(|&index| self.row(index) != right).collect()
    }

    /// Whoever differs knows it; then the leader has the rows repaired.
    pub(super) fn find_drift_and_repair(&mut self) {
        let differing = self.differing();
        let knows = |index: &u8| self.core(*index).is_some_and(|core| !core.drift.own.drifted.is_empty());
        let unnoticed: Vec<u8> = differing.iter().copied().filter(|index| !knows(index)).collect();
        if !unnoticed.is_empty() {
            self.complaints.push(format!("unnoticed: {unnoticed:?} of {differing:?} differ and do not know it"));
        }
        self.met.found_to_differ += differing.len();
        let leader = self.leader().unwrap_or_default();
        let ask = DriftAsk::Repair { range: None, force: true };
        self.submit(leader, Asker::Operator, Ask::Admin(Admin::Drift(ask)));
    }

    /// Where rows were compared, nobody raised an alarm without a reason, and no reason is left.
    pub(super) fn no_drift(&mut self) -> Result<(), String> {
        let compares = self.modes.verification.verify_interval_ms > 0;
        let alarms = !self.drifted.is_empty() && self.met.corrupted == 0;
        if alarms || compares == self.verified.is_empty() {
            return Err(format!("drift: {:?} made checks, and {:?} raised an alarm", self.verified, self.drifted));
        }
        let differing = self.differing();
        if self.met.corrupted > 0 && !differing.is_empty() {
            return Err(format!("not repaired: {differing:?} differ from their leader"));
        }
        Ok(())
    }
}

#[test]
fn nobody_raises_a_false_alarm() {
    for (flags, few) in [
        ("", 6),
        ("--ack async --election timeout", 8),
        (TINY_LOGS, 5),
        (
            "--ack async --election timeout --max-slot-size 0 --snapshot-bytes 500 --keep-log-bytes 100 --segment-bytes 1",
            8,
        ),
        ("--storage redb --checkpoint-bytes 4000 --ack async --election timeout", 2),
        ("--storage redb --log physical --checkpoint-bytes 500000", 1),
    ] {
        let flags: &'static str = Box::leak(format!("{flags} --verify-interval-ms 50").into_boxed_str());
        for seed in seeds(few) {
            // What these modes lose is no matter here.
            let found = run(Setup { flags, ..SOUND }, seed).err().filter(|found| found.starts_with("drift"));
            assert_eq!(found, None, "{flags} with seed {seed}");
        }
    }
}

#[test]
fn a_row_that_is_not_the_leaders_is_found_and_mended_whatever_else_goes_wrong() {
    let mut differed = 0;
    for flags in [
        "--verify-interval-ms 50",
        "--verify-interval-ms 50 --snapshot-bytes 500 --keep-log-bytes 100 --segment-bytes 1",
    ] {
        for seed in seeds(8) {
            let told = run(Setup { flags, hazards: &[Hazard::Corruption], ..SOUND }, seed);
            differed += told.unwrap_or_else(|found| panic!("{flags} with seed {seed}: {found}")).found_to_differ;
        }
    }
    assert!(differed > 0, "no row differed when it was looked at");
}
