//! What became of the writes, told as a judgement. It decides no write's fate.

use super::{Anomaly, AnomalyKind, Loss, LostWrites, Replacement};
use crate::drawing;
use crate::history::History;
use crate::judgement::{Judgement, Proof};
use crate::verdict::Verdict;
use crate::wording::{acknowledged, count, noun, read};

/// The most proofs that a judgement holds.
const MOST_PROOFS: usize = 10;

impl LostWrites {
    /// The answer under the checker's word, `lost-writes`: a violation if anything was lost, or is there that should not be.
    ///
    /// It is inconclusive if the fate of no acknowledged write could be told.
    #[must_use]
    pub fn judgement(&self, history: &History) -> Judgement {
        let counts = &self.counts;
        let told = counts.present + counts.overwritten + counts.lost;
        let wrong = counts.lost + counts.ghost + counts.duplicated + counts.phantom;
        let losses = self.losses.iter().map(|loss| loss.proof(history));
        let anomalies = self.anomalies.iter().map(|anomaly| anomaly.proof(history));
        let proofs: Vec<Proof> = losses.chain(anomalies).take(MOST_PROOFS).collect();
        let (verdict, summary) = match proofs.first() {
            Some(_) => (Verdict::Violation, self.tally(told)),
            None if told == 0 => {
                let writes = count(counts.undetermined, "write");
                let why = format!("{writes} to keys without a final read, none acknowledged to others");
                (Verdict::Inconclusive, format!("no acknowledged write's fate is known: {why}"))
            }
            None => (Verdict::Pass, self.tally(told)),
        };
        let proofs_left_out = wrong as usize - proofs.len();
        Judgement { checker: "lost-writes".to_owned(), verdict, summary, proofs, proofs_left_out }
    }

    /// `2 of 1204 acknowledged writes lost, 1 duplicated (4 perhaps overwritten; 2 keys without a final read)`.
    fn tally(&self, told: u64) -> String {
        let counts = &self.counts;
        let optional = |number: u64, what: &str| (number > 0).then(|| format!("{number} {what}"));
        let wrong =
            [(counts.ghost, "refused yet there"), (counts.duplicated, "duplicated"), (counts.phantom, "never written")];
        let lost = if counts.lost == 0 { "none".to_owned() } else { counts.lost.to_string() };
        let lost = format!("{lost} of {} lost", count(told, "acknowledged write"));
        let wrong: Vec<String> =
            [lost].into_iter().chain(wrong.iter().filter_map(|&(number, what)| optional(number, what))).collect();
        let aside =
            [(counts.overwritten, "perhaps overwritten"), (counts.undetermined_keys, "keys without a final read")];
        let aside: Vec<String> = aside.iter().filter_map(|&(number, what)| optional(number, what)).collect();
        let aside = if aside.is_empty() { String::new() } else { format!(" ({})", aside.join("; ")) };
        wrong.join(", ") + &aside
    }
}

impl Loss {
    fn proof(&self, history: &History) -> Proof {
        let [write, final_read] = [self.operation, self.final_read].map(|index| &history.operations()[index]);
        let position =
            [self.epoch.map(|epoch| format!("epoch {epoch}")), self.lsn.map(|lsn| format!("position {lsn}"))];
        let position: Vec<String> = position.into_iter().flatten().collect();
        let position = if position.is_empty() { String::new() } else { format!(" ({})", position.join(", ")) };
        let replaced = self.replaced_by.as_ref().map_or_else(String::new, |Replacement { node, epoch, lsn }| {
            let node = node.as_ref().map_or_else(|| "a leader".to_owned(), |node| node.escape_debug().to_string());
            format!("; {node} wrote position {lsn} in epoch {epoch}")
        });
        let faults =
            if self.faults.is_empty() { String::new() } else { format!("; active then: {}", self.faults.join(", ")) };
        let (write_told, final_told) = (format!("{} was {}", noun(write), acknowledged(write)), read(final_read));
        let sentence = format!("{write_told}{position}, but {final_told}, the final read{replaced}{faults}");
        proof(history, self.key.clone(), sentence, vec![self.operation, self.final_read])
    }
}

impl Anomaly {
    fn proof(&self, history: &History) -> Proof {
        let final_read = read(&history.operations()[self.final_read]);
        let attempt = self.operation.map(|index| noun(&history.operations()[index]));
        let attempt = attempt.unwrap_or_else(|| "nothing".to_owned());
        let value = &self.value;
        let sentence = match self.kind {
            AnomalyKind::Ghost => {
                format!("{final_read}, the final read, which shows {value}, but {attempt} was refused")
            }
            AnomalyKind::Duplicated => {
                format!(
                    "{final_read}, the final read, which shows {value} more often than it was written, by {attempt}"
                )
            }
            AnomalyKind::Phantom => {
                format!("{final_read}, the final read, which shows {value}, but nobody ever tried to write it")
            }
        };
        let operations = self.operation.into_iter().chain([self.final_read]).collect();
        proof(history, self.key.clone(), sentence, operations)
    }
}

fn proof(history: &History, key: Option<String>, sentence: String, operations: Vec<usize>) -> Proof {
    let drawing = drawing::draw(history, &operations);
    Proof { key, sentence, operations, drawing }
}
