//! The nemesis (Jepsen's word): carries out the schedule on the cluster, and records what really happened.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use interregnum_checker::lost_writes::FaultWindow;
use interregnum_workloads::seed::Seed;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::POLL;
use super::in_force::{Began, InForce};
use super::orders::{Order, Orders};
use super::pause_points::{PausePoints, Reached};
use super::signs::Signs;
use super::snapshot::{FaultInForce, Skipped, Snapshot};
use super::tally::Tally;
use super::waiting::{Hindrance, Waiting};
use crate::cluster::{Cluster, Pause};
use crate::fault::{Effect, FaultBudget, Strike, Toll, faulty};
use crate::gate::FEWEST_ACKNOWLEDGED;
use crate::node_id::NodeId;
use crate::record::{Recorder, RunEvent};
use crate::schedule::{Schedule, Step};
use crate::target::{Target, newest_leader};

/// How long faults may stay in force after the schedule's end because nothing has met them yet: a node that ended by itself never
/// comes back.
const HEAL_LIMIT: Duration = Duration::from_secs(10);

/// What came of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StepTaken {
    pub step: Step,
    /// Whom it struck; nobody, if it was skipped.
    pub nodes: Vec<NodeId>,
    /// When it was in force, in nanoseconds since the run began.
    pub began_ns: u64,
    pub ended_ns: u64,
    pub effect: Effect,
}

impl StepTaken {
    /// `kill n1`, or `kill skipped`.
    pub(crate) fn told(&self) -> String {
        let fault = self.step.fault;
        if self.nodes.is_empty() { format!("{fault} skipped") } else { fault.striking(&self.nodes) }
    }

    /// When it was in force, under the name that reports give it; `None` if it was skipped.
    pub(crate) fn window(&self) -> Option<FaultWindow> {
        let name = self.step.fault.striking(&self.nodes);
        let window = FaultWindow { name, start_ns: self.began_ns, end_ns: self.ended_ns };
        (!self.nodes.is_empty()).then_some(window)
    }
}

/// The cluster in the hands of the schedule.
pub(super) struct Nemesis {
    cluster: Arc<Mutex<Cluster>>,
    recorder: Arc<Recorder>,
    rng: ChaCha8Rng,
    budget: Option<FaultBudget>,
    /// What the clients count.
    tally: Arc<Tally>,
    in_force: Vec<InForce>,
    /// What was acknowledged under the faults that have been undone; what overlapped counts for each.
    under_faults: u64,
    /// What is known of pause points, if a step waits for one.
    pause_points: Option<PausePoints>,
    /// The nodes that stand at one, by the step that waits for it.
    standing: BTreeMap<usize, (NodeId, Pause)>,
    taken: Vec<StepTaken>,
    /// The last step that could not be done.
    skipped: Option<Skipped>,
}

impl Nemesis {
    pub(super) async fn new(
        cluster: &Arc<Mutex<Cluster>>,
        recorder: Arc<Recorder>,
        tally: Arc<Tally>,
        seed: Seed,
        budget: Option<FaultBudget>,
    ) -> Self {
        let pause_points = cluster.lock().await.places().first().and_then(|place| place.pause_points.clone());
        Self {
            cluster: Arc::clone(cluster),
            recorder,
            rng: seed.stream("targets"),
            budget,
            tally,
            in_force: Vec::new(),
            under_faults: 0,
            pause_points: pause_points.map(PausePoints::in_directory),
            standing: BTreeMap::new(),
            taken: Vec::new(),
            skipped: None,
        }
    }

    /// Lets go of the cluster; what came of each step in the order in which they ended.
    pub(super) fn retire(self) -> Vec<StepTaken> {
        assert!(self.in_force.is_empty(), "every fault is undone before the nemesis goes");
        self.taken
    }

    /// Carries out the schedule, and orders beside it, until the time is over or `interrupted`. Faults may still be in force afterwards.
    pub(super) async fn follow(
        &mut self,
        schedule: &Schedule,
        mut signs: Signs,
        run_for: Duration,
        orders: &mut Orders,
        interrupted: &CancellationToken,
        progress: &watch::Sender<Snapshot>,
    ) -> anyhow::Result<()> {
        let end = signs.begin_time() + run_for;
        if let Some(points) = &self.pause_points {
            points.arm(schedule)?;
        }
        progress.send_modify(|snapshot| snapshot.load_began = Some(signs.begin_time()));
        let mut waiting: BTreeMap<usize, Waiting> = schedule.steps.iter().map(Waiting::begin).enumerate().collect();
        let mut steps = schedule.steps.len();
        loop {
            self.look_at_pause_points(schedule, &mut signs).await?;
            signs.look(waiting.iter().map(|(&number, waiting)| (number, &waiting.step)));
            let due = |(&number, waiting): (&usize, &Waiting)| {
                Some((waiting.due(signs.moment(number, &waiting.step.trigger))?, number))
            };
            let next_step = waiting.iter().filter_map(due).min();
            let next_undo = self.in_force.iter().map(|fault| fault.until).min();
            let next_act = self.in_force.iter().filter_map(|fault| fault.injected.next_act()).min();
            let next = [next_step.map(|(at, _)| at), next_undo, next_act].into_iter().flatten().fold(end, Instant::min);
            progress.send_modify(|snapshot| self.tell(snapshot));
            // What is not a matter of time is looked at again soon.
            let is_watchful = waiting.values().any(|waiting| waiting.step.trigger.at_ms().is_none());
            let until = if is_watchful { next.min(Instant::now() + POLL) } else { next };
            let ordered = tokio::select! {
                () = interrupted.cancelled() => {
                    self.recorder.happened(RunEvent::Interrupted);
                    return Ok(());
                }
                order = orders.next() => Some(order),
                () = sleep_until(until) => None,
            };
            match ordered {
                Some(Order::Strike(fault, target)) => {
                    waiting.insert(steps, Waiting::by_hand(fault, target, signs.begin_time().elapsed()));
                    steps += 1;
                    continue;
                }
                Some(Order::Heal) => {
                    for (number, hasty) in waiting.extract_if(.., |_, waiting| waiting.is_by_hand) {
                        self.skip(number, &hasty.step, "it was healed before it could strike".to_owned());
                    }
                    let now = Instant::now();
                    self.in_force.iter_mut().for_each(|fault| fault.end_by(now));
                    continue;
                }
                Some(Order::End) => break,
                None => {}
            }
            if Instant::now() < next {
                continue;
            }
            match next_step {
                _ if next_undo == Some(next) => self.undo_due(next, next_step.is_none() && self.wants_more()).await?,
                _ if next_act == Some(next) => self.act(next).await?,
                Some((at, number)) if at == next => {
                    let step = waiting.remove(&number).expect("it is waiting");
                    match self.take(number, step).await? {
                        Some(still_waiting) => drop(waiting.insert(number, still_waiting)),
                        None => self.go_on(number).await?,
                    }
                }
                _ => break,
            }
        }
        for (number, Waiting { step, hindered, .. }) in waiting {
            let reason =
                hindered.map_or(format!("what it waited for did not come: {}", step.trigger), |(_, told)| told.reason);
            self.skip(number, &step, reason);
        }
        Ok(())
    }

    /// Takes nodes that have stopped themselves at a pause point for paused, until the step that waits for it has struck.
    async fn look_at_pause_points(&mut self, schedule: &Schedule, signs: &mut Signs) -> anyhow::Result<()> {
        for Reached { step, node, epoch, lsn } in self.pause_points.as_mut().map(PausePoints::look).unwrap_or_default()
        {
            let pause = self.cluster.lock().await.adopt_pause(node).await;
            let trigger = schedule.steps[step].trigger.to_string();
            let stopped = pause.stopped;
            self.recorder.happened(RunEvent::PausePoint { step, trigger, node, epoch, lsn, stopped });
            self.standing.insert(step, (node, pause));
            signs.come(step);
        }
        Ok(())
    }

    /// Lets the node go on that stands at the pause point of this step.
    async fn go_on(&mut self, number: usize) -> anyhow::Result<()> {
        match self.standing.remove(&number) {
            Some((_, pause)) => self.cluster.lock().await.resume(pause).await,
            None => Ok(()),
        }
    }

    /// Undoes every fault in force, and lets every node go on.
    pub(super) async fn heal(&mut self, progress: &watch::Sender<Snapshot>) -> anyhow::Result<()> {
        if let Some(points) = &mut self.pause_points {
            points.disarm()?;
            for Reached { step, node, .. } in points.look() {
                let pause = self.cluster.lock().await.adopt_pause(node).await;
                self.standing.insert(step, (node, pause));
            }
        }
        for (_, (_, pause)) in std::mem::take(&mut self.standing) {
            self.cluster.lock().await.resume(pause).await?;
        }
        // Whoever was away comes back first: a fault of links may have waited for nobody else.
        let done: Vec<_> = {
            let cluster = self.cluster.lock().await;
            let is_done = |fault: &mut InForce| !fault.injected.is_of_links() && fault.injected.has_shown(&cluster);
            self.in_force.extract_if(.., is_done).collect()
        };
        for fault in done.into_iter().rev() {
            self.end(fault, Instant::now()).await?;
        }
        let deadline = Instant::now() + HEAL_LIMIT;
        while !self.in_force.is_empty() {
            let now = Instant::now();
            self.in_force.iter_mut().for_each(|fault| fault.end_by(now));
            self.undo_due(now, false).await?;
            self.act(now).await?;
            if now >= deadline {
                for fault in std::mem::take(&mut self.in_force) {
                    self.undo(fault).await?;
                }
            }
            sleep(POLL).await;
        }
        let left = self.cluster.lock().await.disturbed();
        ensure!(left.is_empty(), "what faults did was not undone: {}", left.join("; "));
        progress.send_modify(|snapshot| self.tell(snapshot));
        Ok(())
    }

    /// Tells what is in force, and which step could not be done last.
    fn tell(&self, snapshot: &mut Snapshot) {
        let told = |fault: &InForce| FaultInForce { name: fault.describe(), since: fault.began.at };
        snapshot.faults = self.in_force.iter().map(told).collect();
        snapshot.skipped.clone_from(&self.skipped);
    }

    /// Injects a step's fault, if that can be done now; gives the step back to be tried again if it may be done later.
    async fn take(&mut self, number: usize, mut waiting: Waiting) -> anyhow::Result<Option<Waiting>> {
        let Step { fault, target, .. } = waiting.step;
        if let Some(hindrance) = waiting.is_unserved(self.tally.counts().ok) {
            return Ok(Some(waiting.hinder(hindrance)));
        }
        // From the aim to the strike nobody else may switch a node off, or the aim would be wrong.
        let shared = Arc::clone(&self.cluster);
        let mut cluster = shared.lock().await;
        let (nodes, strike) = match self.aim(&cluster, number, &waiting.step).await {
            Ok(aimed) => aimed,
            Err(hindrance) => {
                let waiting = waiting.hinder(hindrance);
                let Some(reason) = waiting.given_up() else { return Ok(Some(waiting)) };
                self.skip(number, &waiting.step, reason);
                return Ok(None);
            }
        };
        // The fault is in force from its beginning: a write that is acknowledged while a leader is being killed belongs to
        // it as well.
        let (ns, at, acknowledged) = (self.recorder.now_ns(), Instant::now(), self.tally.counts().ok);
        let began = Began { ns, at, acknowledged };
        let injected = strike.inject(&mut cluster, &mut self.rng).await?;
        let waited = waiting
            .hindered
            .map(|(since, Hindrance { reason, .. })| format!("; waited {} ms: {reason}", since.elapsed().as_millis()));
        let detail = injected.detail() + &waited.unwrap_or_default();
        self.recorder.happened(RunEvent::Inject { step: number, fault, target, nodes, began_ns: ns, detail });
        let Waiting { step, is_by_hand, .. } = waiting;
        let injected = if is_by_hand && !fault.is_over_at_once() {
            InForce::until_healed(number, step, injected, began)
        } else {
            InForce::begin(number, step, injected, began)
        };
        self.in_force.push(injected);
        Ok(None)
    }

    fn skip(&mut self, number: usize, step: &Step, reason: String) {
        let Step { fault, target, .. } = *step;
        let at = self.recorder.happened(RunEvent::Skip { step: number, fault, target, reason: reason.clone() });
        let effect = Effect { verified: false, evidence: reason };
        self.skipped = Some(Skipped { step: number, told: format!("{fault} {target} skipped: {}", effect.evidence) });
        self.taken.push(StepTaken { step: step.clone(), nodes: Vec::new(), began_ns: at, ended_ns: at, effect });
    }

    /// Whom the step strikes now, and what that does; or why it cannot strike.
    async fn aim(&mut self, cluster: &Cluster, number: usize, step: &Step) -> Result<(Vec<NodeId>, Strike), Hindrance> {
        if let Some(obstacle) = step.fault.obstacle(cluster) {
            return Err(Hindrance::new(obstacle));
        }
        if let Some((node, _)) = self.standing.get(&number).filter(|(_, pause)| cluster.is_over(pause)) {
            return Err(Hindrance::for_good(format!("{node} was killed where it stood")));
        }
        // What is drawn for a step does not depend on how often it was tried.
        let before = self.rng.clone();
        let Some((nodes, leader)) = self.resolve(cluster, number, step).await else {
            return Err(Hindrance::nobody());
        };
        let strike = step.fault.strike(cluster, nodes.clone(), leader, &mut self.rng);
        if let Err(reason) = self.afford(cluster, &strike) {
            self.rng = before;
            return Err(Hindrance::new(reason));
        }
        Ok((nodes, strike))
    }

    /// Whether the budget has room for it beside what is in force.
    fn afford(&self, cluster: &Cluster, strike: &Strike) -> Result<(), String> {
        let Some(budget) = self.budget else { return Ok(()) };
        let (nodes, toll) = (cluster.nodes(), strike.toll());
        let faulty = faulty(&nodes, self.in_force.iter().map(|fault| &fault.injected.toll).chain([&toll]));
        if toll == Toll::default() || faulty <= budget.limit(nodes.len()) {
            return Ok(());
        }
        let beside: Vec<_> = self.in_force.iter().map(InForce::describe).collect();
        let beside = if beside.is_empty() { String::new() } else { format!(", beside {}", beside.join(", ")) };
        Err(format!("over the fault budget of {budget}: {faulty} of {} nodes would be faulty{beside}", nodes.len()))
    }

    /// The nodes that the step's target stands for now, if it stands for any, and who leads.
    async fn resolve(
        &mut self,
        cluster: &Cluster,
        number: usize,
        step: &Step,
    ) -> Option<(Vec<NodeId>, Option<NodeId>)> {
        let known = cluster.statuses().await;
        let candidates: BTreeMap<_, _> = cluster
            .nodes()
            .into_iter()
            .filter(|node| step.fault.applies_to(cluster, *node))
            .map(|node| (node, known.get(&node).cloned()))
            .collect();
        if step.target == Target::AtPausePoint {
            let (node, _) = self.standing.get(&number)?;
            return Some((vec![*node], newest_leader(&candidates)));
        }
        let nodes = step.target.resolve(&candidates, cluster.nodes().len(), &mut self.rng);
        (!nodes.is_empty()).then(|| (nodes, newest_leader(&candidates)))
    }

    /// Lets every fault do what it has to do by now.
    async fn act(&mut self, now: Instant) -> anyhow::Result<()> {
        for fault in &mut self.in_force {
            if fault.injected.next_act().is_some_and(|at| at <= now) {
                fault.injected.act(&mut *self.cluster.lock().await).await?;
            }
        }
        Ok(())
    }

    /// Whether one fault is left, and too little has been acknowledged under faults for the run to count.
    fn wants_more(&self) -> bool {
        let [last] = &self.in_force[..] else { return false };
        self.under_faults + self.tally.counts().ok - last.began.acknowledged < FEWEST_ACKNOWLEDGED as u64
    }

    /// Undoes what is due and need not stay. `wants_more`: there is time for more to be acknowledged under faults, and the run needs it.
    async fn undo_due(&mut self, now: Instant, wants_more: bool) -> anyhow::Result<()> {
        let due: Vec<_> = {
            let cluster = self.cluster.lock().await;
            let may_end = |fault: &mut InForce| fault.until <= now && !fault.stays_on(now, &cluster, wants_more);
            self.in_force.extract_if(.., may_end).collect()
        };
        for fault in due {
            self.end(fault, now).await?;
        }
        Ok(())
    }

    /// Undoes a fault, if it can be undone by now; else it is looked at again soon.
    async fn end(&mut self, mut fault: InForce, now: Instant) -> anyhow::Result<()> {
        if fault.injected.wind_down(&mut *self.cluster.lock().await).await {
            return self.undo(fault).await;
        }
        fault.until = now + POLL;
        self.in_force.push(fault);
        Ok(())
    }

    async fn undo(&mut self, in_force: InForce) -> anyhow::Result<()> {
        let overtime = in_force.overtime();
        let step = in_force.step_as_held();
        let InForce { number, injected, began, .. } = in_force;
        self.under_faults += self.tally.counts().ok - began.acknowledged;
        let (fault, nodes) = (injected.fault, injected.targets.clone());
        let undo_began_ns = self.recorder.now_ns();
        let mut effect = injected.undo(&mut *self.cluster.lock().await).await?;
        effect.evidence += &overtime.unwrap_or_default();
        let Effect { verified, evidence } = effect.clone();
        let ended_ns = self.recorder.happened(RunEvent::Undo {
            step: number,
            fault,
            nodes: nodes.clone(),
            began_ns: undo_began_ns,
            verified,
            evidence,
        });
        self.taken.push(StepTaken { step, nodes, began_ns: began.ns, ended_ns, effect });
        Ok(())
    }
}
