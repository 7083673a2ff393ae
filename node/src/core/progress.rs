//! What a leader knows of one follower: how far their logs agree, and what is on its way.
//!
//! Not here: what is sent (`leader`).

use std::collections::VecDeque;

use bytes::Bytes;

use super::drift::Findings;
use super::freshness::Inquiry;
use super::shipping::Shipping;
use crate::record::Lsn;

/// Record bytes per message, unless a single record is larger. Large enough to carry a batch of thousands of small writes.
const BATCH_BYTES: usize = 256 << 10;
/// Record bytes on their way to one follower and not yet durable there: bounds the queues and the follower's log thread.
const WINDOW_BYTES: usize = 4 << 20;
/// What a record costs on top of its encoding.
const RECORD_OVERHEAD: usize = 40;

#[derive(Debug)]
pub(crate) struct Progress {
    /// The next record to send.
    pub(crate) next_lsn: Lsn,
    /// The logs agree up to here.
    pub(crate) held_lsn: Lsn,
    /// And up to here that is durable.
    pub(crate) durable_lsn: Lsn,
    /// Where the logs agree is only guessed: no records are sent until the follower has confirmed the guess.
    pub(crate) probing: bool,
    /// The newest round that it was told of, and that it answered.
    pub(crate) told_round: u64,
    pub(crate) answered_round: u64,
    /// When it was last heard.
    pub(crate) contact_ms: u64,
    /// The base snapshot that is on its way there; records follow when it is installed.
    pub(crate) shipping: Option<Shipping>,
    /// It fell too far behind for the log to be kept for it.
    pub(crate) is_lost: bool,
    /// How old its data are.
    pub(crate) inquiry: Inquiry,
    /// What it found when it compared its rows with the leader's.
    pub(crate) findings: Findings,
    /// It asked for one.
    wants_snapshot: bool,
    /// Last LSN and bytes of each message on its way.
    in_flight: VecDeque<(Lsn, usize)>,
    in_flight_bytes: usize,
}

impl Progress {
    pub(crate) fn new(last_lsn: Lsn, now_ms: u64) -> Self {
        Progress {
            next_lsn: last_lsn + 1,
            held_lsn: 0,
            durable_lsn: 0,
            probing: true,
            told_round: 0,
            answered_round: 0,
            contact_ms: now_ms,
            shipping: None,
            is_lost: false,
            inquiry: Inquiry::default(),
            findings: Findings::default(),
            wants_snapshot: false,
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
        }
    }

    /// The next batch, out of the records not sent yet. They count as sent.
    pub(crate) fn take_batch<'a>(&mut self, unsent: impl IntoIterator<Item = &'a Bytes>) -> Vec<Bytes> {
        if self.probing || self.in_flight_bytes >= WINDOW_BYTES {
            return Vec::new();
        }
        let mut bytes = 0;
        let batch: Vec<Bytes> = unsent
            .into_iter()
            .take_while(|record| {
                let fits = bytes == 0 || bytes + record.len() + RECORD_OVERHEAD <= BATCH_BYTES;
                bytes += if fits { record.len() + RECORD_OVERHEAD } else { 0 };
                fits
            })
            .cloned()
            .collect();
        if !batch.is_empty() {
            self.next_lsn += batch.len() as u64;
            self.in_flight.push_back((self.next_lsn - 1, bytes));
            self.in_flight_bytes += bytes;
        }
        batch
    }

    pub(crate) fn agree(&mut self, held_lsn: Lsn, durable_lsn: Lsn) {
        self.held_lsn = self.held_lsn.max(held_lsn);
        self.durable_lsn = self.durable_lsn.max(durable_lsn);
        self.next_lsn = self.next_lsn.max(self.held_lsn + 1);
        self.probing = false;
        (self.shipping, self.wants_snapshot) = (None, false);
        while let Some((_, bytes)) = self.in_flight.pop_front_if(|&mut (lsn, _)| lsn <= durable_lsn) {
            self.in_flight_bytes -= bytes;
        }
    }

    /// The follower's log does not fit at `rejected_lsn`. False when that is old news.
    pub(crate) fn disagree(&mut self, rejected_lsn: Lsn, hint_lsn: Lsn) -> bool {
        let old_news = if self.probing { rejected_lsn + 1 != self.next_lsn } else { rejected_lsn < self.durable_lsn };
        if !old_news {
            let hint_lsn = hint_lsn.min(rejected_lsn.saturating_sub(1)); // each step back is one, so there is an end to it
            self.held_lsn = self.held_lsn.min(hint_lsn);
            self.probe(hint_lsn + 1);
        }
        !old_news
    }

    /// The follower cannot undo what it has at `lsn`, where the logs differ.
    pub(crate) fn lacks(&mut self, lsn: Lsn) {
        self.wants_snapshot |= lsn > self.durable_lsn;
    }

    /// Whether only a base snapshot can bring this follower on, if records up to `base_lsn` are gone.
    pub(crate) fn needs_snapshot(&self, base_lsn: Lsn) -> bool {
        self.shipping.is_some() || self.wants_snapshot || self.next_lsn <= base_lsn
    }

    pub(crate) fn begin_shipping(&mut self, shipping: Shipping) {
        let (lsn, _) = shipping.key();
        self.shipping = Some(shipping);
        self.wants_snapshot = false;
        self.probe(lsn + 1); // the heartbeats ask for the record that the snapshot is of
    }

    /// The follower has need of what is behind this; of everything, as long as it was not heard.
    pub(crate) fn needed_lsn(&self) -> Lsn {
        self.shipping.as_ref().map_or(self.durable_lsn, |shipping| shipping.key().0)
    }

    /// What was on its way may be lost.
    pub(crate) fn reconnect(&mut self) {
        self.shipping = None;
        self.probe(self.held_lsn + 1);
    }

    fn probe(&mut self, next_lsn: Lsn) {
        self.probing = true;
        self.next_lsn = next_lsn;
        self.told_round = 0;
        self.in_flight.clear();
        self.in_flight_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(count: usize, bytes: usize) -> Vec<Bytes> {
        vec![Bytes::from(vec![0; bytes]); count]
    }

    #[test]
    fn nothing_is_streamed_before_the_logs_are_known_to_agree() {
        let mut progress = Progress::new(0, 0);
        assert!(progress.take_batch(&records(3, 10)).is_empty());
        progress.agree(0, 0);
        assert_eq!(progress.take_batch(&records(3, 10)).len(), 3);
        assert_eq!(progress.next_lsn, 4);
    }

    #[test]
    fn a_follower_that_makes_nothing_durable_is_sent_one_window_and_no_more() {
        let mut progress = Progress::new(0, 0);
        progress.agree(0, 0);
        let unsent = records(1000, 64 << 10);
        let mut sent = 0;
        while let batch @ 1.. = progress.take_batch(&unsent[sent..]).len() {
            sent += batch;
        }
        assert!((WINDOW_BYTES..=WINDOW_BYTES + BATCH_BYTES).contains(&(sent * (64 << 10) + sent * RECORD_OVERHEAD)));
        progress.agree(sent as u64, sent as u64);
        assert!(!progress.take_batch(&unsent[sent..]).is_empty());
    }

    #[test]
    fn a_record_larger_than_a_batch_goes_alone() {
        let mut progress = Progress::new(0, 0);
        progress.agree(0, 0);
        assert_eq!(progress.take_batch(&records(2, 2 * BATCH_BYTES)).len(), 1);
    }

    #[test]
    fn a_late_mismatch_does_not_throw_a_follower_back() {
        let mut progress = Progress::new(9, 0);
        assert!(progress.disagree(9, 5));
        assert!(!progress.disagree(9, 3), "the probe at 9 was answered already");
        progress.agree(5, 5);
        assert!(!progress.disagree(4, 2), "what is durable there cannot be missing there");
        assert_eq!(progress.next_lsn, 6);
    }
}
