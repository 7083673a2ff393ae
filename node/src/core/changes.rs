//! Change data capture: the committed changes behind a position, a batch at a time, for a consumer that asks again and again.
//!
//! What is told is committed: a majority holds it. Where writes are acknowledged with less (`--ack async`, for one), a leader tells what
//! counts as acknowledged, which its successor may lack. Not here: the words (`server::commands::changes`), the JSON (`change_json`),
//! and keeping records until a consumer has them (`slots`).

use bytes::Bytes;
use serde_json::json;

use super::{Core, Refusal, Role};
use crate::change_json::{change_lines, gtid_text};
use crate::config::{Ack, LogKind};
use crate::gtid_set::GtidSet;
use crate::record::{Lsn, Record};
use crate::store::Reply;

/// Record bytes that are told at once, unless one record has more: they become text on the thread that everything waits for, in
/// about a millisecond.
const BATCH_BYTES: usize = 64 << 10;

/// Most consumers that wait for more; each is looked at whenever events were taken in.
const MAX_WAITING: usize = 64;

/// Behind what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum After {
    /// This LSN; and, if its GTID is given, only if that very write stands there.
    Record { lsn: Lsn, gtid: Option<String> },
    /// The last record before which there is none that is not in this set.
    Set(GtidSet),
}

/// What a consumer asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChangesAsk {
    pub(crate) after: After,
    /// Most records.
    pub(crate) limit: usize,
    /// How long to wait if there are none.
    pub(crate) wait_ms: u64,
    /// Whether a node that does not lead answers too.
    pub(crate) anywhere: bool,
}

/// A consumer that has everything there is.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    token: T,
    ask: ChangesAsk,
    lsn: Lsn,
    deadline_ms: u64,
}

impl<T> Core<T> {
    /// A consumer asks for changes: answered at once, or when there are some.
    pub(crate) fn ask_changes(&mut self, token: T, ask: ChangesAsk) {
        let found = self.may_tell_changes(&ask).and_then(|()| self.changes_begin(&ask.after).map_err(Ok));
        let lsn = match found {
            Ok(lsn) => lsn,
            Err(told) => return self.end_changes(token, told),
        };
        let waits = ask.wait_ms > 0 && lsn >= self.told_lsn();
        if waits && self.waiting.len() >= MAX_WAITING {
            return self.end_changes(token, Err(Refusal::Busy));
        }
        if waits {
            let deadline_ms = self.now_ms.saturating_add(ask.wait_ms);
            self.waiting.push(Waiting { token, ask, lsn, deadline_ms });
        } else {
            let told = self.changes(lsn, ask.limit);
            self.end_changes(token, Ok(told));
        }
    }

    /// Answers the consumers for whom there is something now, or whose time is up, or whom this node may not tell anything more.
    pub(crate) fn wake_consumers(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let told_lsn = self.told_lsn();
        for waiting in std::mem::take(&mut self.waiting) {
            if told_lsn > waiting.lsn
                || self.may_tell_changes(&waiting.ask).is_err()
                || self.now_ms >= waiting.deadline_ms
            {
                self.ask_changes(waiting.token, ChangesAsk { wait_ms: 0, ..waiting.ask });
            } else {
                self.waiting.push(waiting);
            }
        }
    }

    fn end_changes(&mut self, token: T, told: Result<Reply, Refusal>) {
        self.answer(token, told, self.hard.epoch, self.journal.last_lsn());
    }

    fn may_tell_changes(&self, ask: &ChangesAsk) -> Result<(), Result<Reply, Refusal>> {
        if self.settings.modes.storage.log == LogKind::Physical {
            let why = "ERR the log is physical here (--log physical): it has the bytes of a storage file, and no rows to tell of. \
                       Changes can be told where the log is logical";
            return Err(Ok(Reply::Failure(why.to_owned())));
        }
        if !ask.anywhere && !matches!(self.role, Role::Leader(_)) {
            return Err(Err(self.not_leading()));
        }
        Ok(())
    }

    /// How far changes may be told.
    fn told_lsn(&self) -> Lsn {
        let ack = self.settings.modes.acknowledgement.ack;
        let less_than_majority = match ack {
            Ack::Async | Ack::SemiSync => true,
            Ack::Nodes(nodes) => usize::from(nodes) < self.settings.majority(),
            Ack::Majority | Ack::All => false,
        };
        let counts_less = less_than_majority && matches!(self.role, Role::Leader(_));
        if counts_less { self.commit_lsn.max(self.acked_lsn(ack)) } else { self.commit_lsn }
    }

    /// The LSN that a consumer has reached; or why it cannot go on from there.
    fn changes_begin(&self, after: &After) -> Result<Lsn, Reply> {
        let (base_lsn, last_lsn) = (self.journal.base_lsn(), self.journal.last_lsn());
        let lsn = match after {
            After::Record { lsn, gtid } => {
                self.check_record(*lsn, gtid.as_deref())?;
                *lsn
            }
            After::Set(set) => {
                let unknown = set.subtract(&self.gtid_executed());
                if !unknown.is_empty() {
                    return Err(Reply::Failure(format!(
                        "AHEAD the log here does not hold {unknown}: this node lags, or these were rewound. INFO replication tells \
                         what it holds (gtid_executed)"
                    )));
                }
                self.lsn_of(set)
            }
        };
        if lsn < base_lsn {
            return Err(Reply::Failure(format!(
                "GONE the log here begins with LSN {}, and what follows LSN {lsn} was let go. Begin anew from a copy of the keys, then \
                 AFTER {base_lsn} or later; a slot keeps what a consumer needs: SLOT CREATE <name> FROM <lsn>",
                base_lsn + 1
            )));
        }
        debug_assert!(lsn <= last_lsn);
        Ok(lsn)
    }

    fn check_record(&self, lsn: Lsn, gtid: Option<&str>) -> Result<(), Reply> {
        let last_lsn = self.journal.last_lsn();
        if lsn > last_lsn {
            return Err(Reply::Failure(format!(
                "AHEAD the log here ends at LSN {last_lsn}, before LSN {lsn}: this node lags, or what was there was rewound"
            )));
        }
        let Some((gtid, here)) = gtid.zip(self.gtid_at(lsn)) else { return Ok(()) };
        let here = gtid_text(here, &self.settings.members.ids());
        if here == gtid {
            return Ok(());
        }
        Err(Reply::Failure(format!(
            "REWOUND at LSN {lsn} there is {here} and not {gtid}: what the consumer was told last was rewound, so it has changes \
             that never were. Begin anew from a copy of the keys"
        )))
    }

    /// A batch: first where it ends and how far there is more, then a line for each change.
    fn changes(&self, after: Lsn, limit: usize) -> Reply {
        let (told_lsn, ids) = (self.told_lsn(), self.settings.members.ids());
        let (mut lsn, mut bytes, mut lines) = (after, 0, Vec::new());
        let wanted = told_lsn.saturating_sub(after).min(limit as u64) as usize;
        for encoded in self.journal.after(after).take(wanted) {
            bytes += encoded.len();
            if lsn > after && bytes > BATCH_BYTES {
                break;
            }
            let record = Record::decode(encoded).expect("the journal holds encoded records");
            lsn = record.stamp.lsn;
            lines.extend(change_lines(&record, &ids).into_iter().map(|line| Bytes::from(line.to_string())));
        }
        let gtid = self.gtid_at(lsn).map(|gtid| gtid_text(gtid, &ids));
        let head = json!({ "lsn": lsn, "gtid": gtid, "told_lsn": told_lsn.max(lsn) });
        Reply::List(std::iter::once(Bytes::from(head.to_string())).chain(lines).collect())
    }
}
