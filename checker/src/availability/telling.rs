//! Outages, told as a judgement where a longest one is demanded. It measures nothing.

use std::cmp::Reverse;

use super::{Availability, Outage};
use crate::drawing;
use crate::history::History;
use crate::judgement::{Judgement, Proof};
use crate::verdict::Verdict;
use crate::wording::{acknowledged, count, noun, seconds};

/// The most proofs that a judgement holds.
const MOST_PROOFS: usize = 10;

impl Availability {
    /// The answer under the checker's word, `availability`: a violation if a wait was longer than
    /// [`Options::max_outage_ns`](super::Options::max_outage_ns) allows. `None` if nothing was demanded.
    ///
    /// It is inconclusive if nothing was measured, or if nobody wanted to be served.
    #[must_use]
    pub fn judgement(&self, history: &History) -> Option<Judgement> {
        let most_ns = self.max_outage_ns?;
        let writes = self.writes.outages.iter().map(|outage| ("write", outage));
        let reads = self.reads.outages.iter().map(|outage| ("read", outage));
        let mut too_long: Vec<(&str, &Outage)> =
            writes.chain(reads).filter(|(_, outage)| outage.duration_ns() > most_ns).collect();
        too_long.sort_by_key(|(_, outage)| Reverse(outage.duration_ns()));
        let longest = seconds(self.writes.longest_wait_ns.max(self.reads.longest_wait_ns));
        let most = seconds(most_ns);
        let (verdict, summary) = if let Some(why) = &self.why_unmeasured {
            (Verdict::Inconclusive, why.clone())
        } else if !too_long.is_empty() {
            let outages = count(too_long.len() as u64, "outage");
            (Verdict::Violation, format!("{outages} longer than {most}, the longest {longest}"))
        } else if self.writes.acknowledged + self.reads.acknowledged == 0 {
            (Verdict::Inconclusive, "no operation was acknowledged".to_owned())
        } else {
            (Verdict::Pass, format!("nobody waited longer than {most}; the longest wait was {longest}"))
        };
        let told = too_long.iter().take(MOST_PROOFS);
        let proofs: Vec<Proof> = told.map(|&(kind, outage)| outage.proof(kind, history)).collect();
        let proofs_left_out = too_long.len() - proofs.len();
        Some(Judgement { checker: "availability".to_owned(), verdict, summary, proofs, proofs_left_out })
    }
}

impl Outage {
    fn proof(&self, kind: &str, history: &History) -> Proof {
        let [lasted, start, end] = [self.duration_ns(), self.start_ns, self.end_ns].map(seconds);
        let unserved = match self.unserved {
            0 => String::new(),
            unserved => format!("; meanwhile {} refused or given up", count(unserved, kind)),
        };
        let faults = match self.faults.as_slice() {
            [] => String::new(),
            faults => format!("; active then: {}", faults.join(", ")),
        };
        let ended = self.first_after.map(|index| &history.operations()[index]);
        let ended = ended.map_or_else(
            || "the last client gave up".to_owned(),
            |first| format!("{} was {}", noun(first), acknowledged(first)),
        );
        let sentence =
            format!("no {kind} was acknowledged for {lasted}, from {start} to {end}, when {ended}{unserved}{faults}");
        let operations: Vec<usize> = self.last_before.into_iter().chain(self.first_after).collect();
        let drawing = drawing::draw(history, &operations);
        Proof { key: None, sentence, operations, drawing }
    }
}
