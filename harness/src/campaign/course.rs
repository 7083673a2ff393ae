//! The course of a campaign: it makes the runs that are missing, writes each down, and keeps what is worth keeping.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use interregnum_checker::verdict::Verdict;
use tokio_util::sync::CancellationToken;

use super::child::ChildRun;
use super::journal::{End, Journal};
use super::kept::Kept;
use super::outcome::Outcome;
use super::plan::{Campaign, Trial};
use super::pool::run_all;
use super::shard::Shard;
use super::tally::{Signature, Tally};

/// A campaign in its directory.
pub(crate) struct Course<'a> {
    pub directory: &'a Path,
    pub campaign: &'a Campaign,
    pub shard: Shard,
    pub jobs: usize,
    /// After this time no run begins.
    pub budget: Option<Duration>,
    pub keep_all: bool,
    /// How long the load of a row's runs lasts.
    pub load_of: &'a dyn Fn(usize) -> Duration,
}

/// Who watches a campaign.
pub(crate) trait Watcher {
    /// It begins, or goes on; a line of its journal may have been cut off.
    fn begins(&mut self, tally: &Tally, cut_off: bool);
    /// A run has ended; `kind` is how its kind of failure is called.
    fn ended(&mut self, tally: &Tally, trial: Trial, kind: Option<&Signature>);
}

impl Course<'_> {
    /// Makes every run that is missing, or that the harness failed at. When `interrupted` is cancelled those under way are the last.
    pub(crate) async fn run(
        &self,
        watcher: &mut dyn Watcher,
        interrupted: &CancellationToken,
    ) -> anyhow::Result<Tally> {
        let Self { directory, campaign, shard, .. } = *self;
        let (mut journal, mut told, cut_off) = Journal::open(directory, campaign, shard)?;
        // Whatever the harness failed at says nothing yet.
        told.outcomes.retain(|_, outcome| outcome.verdict != Verdict::HarnessError);
        told.end = None;
        let mut tally = Tally::of(told);
        let kept = Kept::below(directory, self.keep_all);
        kept.sweep(&tally, &BTreeSet::new()).context("removing what an earlier try left")?;
        watcher.begins(&tally, cut_off);

        let missing: Vec<_> =
            campaign.trials(shard).into_iter().filter(|trial| !tally.outcomes.contains_key(trial)).collect();
        let under_way = RefCell::new(BTreeSet::new());
        let runs = missing.iter().map(|&trial| {
            under_way.borrow_mut().insert(trial);
            (trial, self.child(trial, &kept))
        });
        let stop = interrupted.child_token();
        let ended = |trial: Trial, outcome: Outcome| {
            journal.ran(campaign, trial, &outcome)?;
            let kind = tally.add(trial, outcome);
            under_way.borrow_mut().remove(&trial);
            kept.sweep(&tally, &under_way.borrow()).context("removing the directories of runs")?;
            watcher.ended(&tally, trial, kind.as_ref());
            Ok(())
        };
        let all = run_all(runs, self.jobs, &stop, ended);
        let budget_is_over = async {
            match self.budget {
                Some(budget) => tokio::time::sleep(budget).await,
                None => std::future::pending().await,
            }
            stop.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            done = all => done?,
            () = budget_is_over => unreachable!("it only stops the other"),
        }
        let end = if tally.is_complete() {
            End::Complete
        } else if interrupted.is_cancelled() {
            End::Interrupted
        } else {
            End::Budget
        };
        journal.ended(end)?;
        Ok(Tally { end: Some(end), ..tally })
    }

    fn child(&self, trial: Trial, kept: &Kept) -> ChildRun {
        let mut arguments = self.campaign.rows[trial.row].arguments.clone();
        arguments.extend(["--seed".to_owned(), trial.seed.to_string()]);
        let (out, limit) = (kept.of(self.campaign, trial), ChildRun::usual_limit((self.load_of)(trial.row)));
        ChildRun { arguments, out, limit }
    }
}
