//! Consumers of changes: each goes on behind the last change that it was told, at whatever node answers. What they were told is what the
//! log holds in the end: none missing, none twice, nothing that a failover took back.
//!
//! Not here: how far a node tells them (`core::changes`).

use rand::RngExt;
use serde::Deserialize;

use super::World;
use super::clients::{Asker, Habit};
use super::nodes::Ask;
use crate::change_json::change_lines;
use crate::core::admin::Admin;
use crate::core::changes::{After, ChangesAsk};
use crate::core::{Answer, Refusal};
use crate::record::{Lsn, Record};
use crate::store::Reply;

/// How long a node may wait for changes, and how long a consumer for a node.
const WAIT_MS: u64 = 30;
const PATIENCE_MS: u64 = 100;
/// Most records at once: few, so that batches end everywhere.
const LIMIT: usize = 7;

#[derive(Default)]
pub(super) struct Consumer {
    /// Followers are good enough.
    anywhere: bool,
    target: u8,
    /// When it asks, or asks somebody else.
    next_ms: u64,
    /// The number of the question under way, if there is one, and of the last one.
    asks: Option<u64>,
    asked: u64,
    lsn: Lsn,
    gtid: Option<String>,
    lines: Vec<String>,
}

/// The first line of an answer.
#[derive(Deserialize)]
struct Head {
    lsn: Lsn,
    gtid: Option<String>,
}

impl World {
    pub(super) fn consumers(&self) -> Vec<Consumer> {
        let consumer = |anywhere| Consumer { anywhere, ..Consumer::default() };
        if self.has(Habit::Consume) { [false, true].map(consumer).into() } else { Vec::new() }
    }

    pub(super) fn run_consumers(&mut self) {
        for number in 0..self.consumers.len() {
            if self.consumers[number].next_ms > self.now_ms {
                continue;
            }
            if self.consumers[number].asks.is_some() || self.consumers[number].anywhere {
                self.consumers[number].target = self.any_node();
            }
            let now_ms = self.now_ms;
            let Consumer { anywhere, target, next_ms, asks, asked, lsn, gtid, .. } = &mut self.consumers[number];
            *asked += 1;
            (*asks, *next_ms) = (Some(*asked), now_ms + PATIENCE_MS);
            let after = After::Record { lsn: *lsn, gtid: gtid.clone() };
            let ask = ChangesAsk { after, limit: LIMIT, wait_ms: WAIT_MS, anywhere: *anywhere };
            let (target, asker) = (*target, Asker::Consumer(number, *asked));
            self.submit(target, asker, Ask::Admin(Admin::Changes(ask)));
        }
    }

    pub(super) fn changes_told(&mut self, number: usize, question: u64, answer: &Answer) {
        let next_ms = self.now_ms + self.rng.random_range(1..12);
        let elsewhere = self.any_node();
        let consumer = &mut self.consumers[number];
        if consumer.asks.take_if(|asks| *asks == question).is_none() {
            return; // it asked somebody else meanwhile
        }
        consumer.next_ms = next_ms;
        match &answer.outcome {
            Ok(Reply::List(lines)) => {
                let text = |line: &bytes::Bytes| String::from_utf8(line.to_vec()).unwrap();
                let head: Head = serde_json::from_slice(&lines[0]).unwrap();
                (consumer.lsn, consumer.gtid) = (head.lsn, head.gtid);
                consumer.lines.extend(lines[1..].iter().map(text));
            }
            Err(Refusal::Redirect(address)) => consumer.target = (address.port() - 1) as u8,
            _ => consumer.target = elsewhere,
        }
    }

    /// What consumers were told is what the latest leader's log holds, and they have come far enough.
    pub(super) fn changes_are_true(&self, healed_lsn: Lsn) -> Result<(), String> {
        let Some(core) = self.leader().and_then(|leader| self.core(leader)) else { return Ok(()) };
        let ids = core.members().ids();
        for Consumer { anywhere, lsn, gtid, lines, .. } in &self.consumers {
            if core.journal.base_lsn() > 0 {
                continue; // what was told is gone from the log
            }
            let records = core.journal.after(0).take(*lsn as usize).map(|encoded| Record::decode(encoded).unwrap());
            let held: Vec<String> =
                records.flat_map(|record| change_lines(&record, &ids)).map(|line| line.to_string()).collect();
            if let Some(at) = (0..held.len().max(lines.len())).find(|&at| held.get(at) != lines.get(at)) {
                let (told, held) = (lines.get(at), held.get(at));
                return Err(format!("taken back: change {at} was told as {told:?}, and the log has {held:?}"));
            }
            if *lsn < healed_lsn {
                return Err(format!("liveness: a consumer stays at LSN {lsn}, {gtid:?} (anywhere: {anywhere})"));
            }
        }
        Ok(())
    }
}
