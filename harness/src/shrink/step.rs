//! What of a step can be shortened: when it comes, how much later it strikes, and how long it is in force.

use super::search::{Number, Numbers};
use crate::schedule::{SHORTEST_HOLD, Step, Trigger};

/// Times that differ by less than a few heartbeats are the same to a cluster.
const NEAR_MS: u64 = 100;

/// A delay counts from the moment that a step is tied to, where less matters.
const NEAR_DELAY_MS: u64 = 20;

impl Numbers for Step {
    fn numbers(&mut self) -> Vec<Number<'_>> {
        let Self { trigger, delay_ms, hold_ms, .. } = self;
        let at_ms = if let Trigger::At(at_ms) = trigger { Some(at_ms) } else { None };
        at_ms
            .map(|value| Number { value, least: 0, near: NEAR_MS })
            .into_iter()
            .chain([
                Number { value: delay_ms, least: 0, near: NEAR_DELAY_MS },
                Number { value: hold_ms, least: SHORTEST_HOLD.as_millis() as u64, near: NEAR_MS },
            ])
            .collect()
    }
}
