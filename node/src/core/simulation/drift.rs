//! Nobody is ever found to have drifted who has not, whatever is lost, rewound, restarted or made anew from a snapshot while rows are
//! compared.

use super::promises::{TINY_LOGS, seeds};
use super::{Setup, World, run};

impl World {
    /// Where rows were compared, nobody raised an alarm.
    pub(super) fn no_drift(&self) -> Result<(), String> {
        let compares = self.modes.verification.verify_interval_ms > 0;
        if !self.drifted.is_empty() || compares == self.verified.is_empty() {
            return Err(format!("drift: {:?} made checks, and {:?} raised an alarm", self.verified, self.drifted));
        }
        Ok(())
    }
}

#[test]
fn nobody_raises_a_false_alarm() {
    for (flags, few) in [
        ("", 4),
        ("--ack async --election timeout", 6),
        (TINY_LOGS, 3),
        (
            "--ack async --election timeout --max-slot-size 0 --snapshot-bytes 500 --keep-log-bytes 100 --segment-bytes 1",
            6,
        ),
        ("--storage redb --checkpoint-bytes 4000 --ack async --election timeout", 2),
        ("--storage redb --log physical --checkpoint-bytes 500000", 1),
    ] {
        let flags: &'static str = Box::leak(format!("{flags} --verify-interval-ms 50").into_boxed_str());
        for seed in seeds(few) {
            // What these modes lose is no matter here.
            let found = run(Setup { nodes: 3, flags }, seed).err().filter(|found| found.starts_with("drift"));
            assert_eq!(found, None, "{flags} with seed {seed}");
        }
    }
}
