//! Draws the steps of an injection from a run's seed, before the run begins.

use std::time::Duration;

use rand::RngExt;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{Injection, SHORTEST_HOLD, Step, Timing, Trigger};
use crate::fault::Fault;
use crate::target::Target;

/// How soon leaders may follow one another; where there are fewer, the hunts for the others come to nothing.
const LEADER_EACH: Duration = Duration::from_millis(700);

/// How far apart the steps of one swarm are, as shares of the usual.
const STRETCHES: [f64; 3] = [0.5, 1.0, 2.0];

/// How long they last, as shares of the usual: where several streams overlap nobody would be served otherwise, and nothing be tested.
const LASTINGS: [f64; 3] = [0.15, 0.4, 1.0];

/// A pause point on the path of a write is reached all the time; which time is struck is drawn up to this one.
const LATEST_REACH: u64 = 60;

/// How long what is struck at a pause point is struck: hosts come back at once, and late.
const HUNTED_MS: std::ops::Range<u64> = 10..600;

/// The groups that take part for a while, perhaps none, how far apart their steps are, and how long these last.
struct Swarm {
    groups: Vec<Vec<Fault>>,
    stretch: f64,
    lasting: f64,
    until: Duration,
}

impl Injection {
    pub(super) fn draw(&self, run_for: Duration, rng: &mut ChaCha8Rng) -> Vec<Step> {
        if let Timing::PausePoints(points) = &self.timing {
            return self.hunts(points, run_for, rng);
        }
        let swarms = self.swarms(run_for, rng);
        let swarm_at = |at: Duration| swarms.iter().find(|swarm| at < swarm.until).unwrap_or(&swarms[swarms.len() - 1]);
        let (mut deck, mut steps) = (Deck::default(), Vec::new());
        for (at, interval) in self.times(run_for, |at| swarm_at(at).stretch, rng) {
            let Swarm { groups, lasting, .. } = swarm_at(at);
            let Some(fault) = deck.draw(groups, rng) else { continue };
            let hold = self.hold.unwrap_or_else(|| interval.mul_f64(lasting * rng.random_range(0.3..1.1)));
            let hold = hold.max(SHORTEST_HOLD);
            let drawn = fault.usual_target().unwrap_or_else(|| draw_target(rng));
            let hold = hold.min(run_for.saturating_sub(at));
            steps.push(Step::at(at, hold, fault, self.target.unwrap_or(drawn)));
        }
        steps
    }

    /// When to inject, and how far apart injections are meant to be. The last one comes early enough to be in force for
    /// a while before the run ends.
    fn times(
        &self,
        run_for: Duration,
        stretch: impl Fn(Duration) -> f64,
        rng: &mut ChaCha8Rng,
    ) -> Vec<(Duration, Duration)> {
        let usual = match self.timing {
            Timing::At(offset) => return vec![(offset, run_for.saturating_sub(offset) / 2)],
            Timing::Every(interval) => interval.max(Duration::from_millis(1)),
            Timing::PausePoints(_) => return Vec::new(), // nobody knows when
        };
        let mut times = Vec::new();
        let mut at = usual.mul_f64(rng.random_range(0.5..1.0));
        while at + SHORTEST_HOLD.max(usual / 3) <= run_for {
            let interval = usual.mul_f64(stretch(at));
            times.push((at, interval));
            at += interval.mul_f64(rng.random_range(0.75..1.25));
        }
        times
    }

    /// Who takes part when.
    fn swarms(&self, run_for: Duration, rng: &mut ChaCha8Rng) -> Vec<Swarm> {
        let Some(length) = self.swarm else {
            return vec![Swarm { groups: self.groups.clone(), stretch: 1.0, lasting: 1.0, until: run_for }];
        };
        let mut swarms = Vec::new();
        let mut until = Duration::ZERO;
        while until < run_for {
            until += length.max(SHORTEST_HOLD).mul_f64(rng.random_range(0.5..1.5));
            let groups = self.groups.iter().filter(|_| rng.random_bool(0.5)).cloned().collect();
            let [stretch, lasting] = [STRETCHES, LASTINGS].map(|shares| *shares.choose(rng).expect("there are some"));
            swarms.push(Swarm { groups, stretch, lasting, until });
        }
        swarms
    }

    /// A step for each leader that is hunted. Those that the run does not come to never strike.
    fn hunts(&self, points: &[&str], run_for: Duration, rng: &mut ChaCha8Rng) -> Vec<Step> {
        let leaders = run_for.as_millis().div_ceil(LEADER_EACH.as_millis()) as u64;
        let mut deck = Deck::default();
        let mut steps = Vec::new();
        for leader in 1..=leaders {
            let Some(fault) = deck.draw(&self.groups, rng) else { break };
            let point = (*points.choose(rng).expect("there are some")).to_owned();
            let times = if rng.random_bool(0.5) { 1 } else { rng.random_range(1..=LATEST_REACH) };
            let hold = self.hold.unwrap_or_else(|| Duration::from_millis(rng.random_range(HUNTED_MS)));
            if rng.random_bool(0.5) {
                steps.push(Step::when(
                    Trigger::OnPausePoint { point, leader, times },
                    hold,
                    fault,
                    Target::AtPausePoint,
                ));
            }
        }
        steps
    }
}

/// A shuffled deck of groups: every one comes up once before any comes up again.
#[derive(Default)]
struct Deck(Vec<Vec<Fault>>);

impl Deck {
    /// A fault of the next group, of those that take part now.
    fn draw(&mut self, groups: &[Vec<Fault>], rng: &mut ChaCha8Rng) -> Option<Fault> {
        self.0.retain(|group| groups.contains(group));
        if self.0.is_empty() {
            self.0 = groups.to_vec();
            self.0.shuffle(rng);
        }
        self.0.pop().map(|group| *group.choose(rng).expect("a group of faults has at least one"))
    }
}

/// Leaders are where writes are lost, so most faults are theirs.
fn draw_target(rng: &mut ChaCha8Rng) -> Target {
    match rng.random_range(0..10) {
        0..6 => Target::Leader,
        6..8 => Target::Random(1),
        8 => Target::MostUpToDate,
        _ => Target::Minority,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use interregnum_workloads::seed::Seed;

    use super::*;
    use crate::schedule::{Schedule, mixed};

    const MINUTE: Duration = Duration::from_mins(1);

    fn draw(injection: Injection, seed: u64) -> Vec<Step> {
        Schedule::draw(&[injection], MINUTE, Seed(seed)).steps
    }

    fn kinds(steps: &[Step], seconds: std::ops::Range<u64>) -> BTreeSet<Fault> {
        let within = |step: &&Step| step.trigger.at_ms().is_some_and(|ms| seconds.contains(&(ms / 1000)));
        steps.iter().filter(within).map(|step| step.fault).collect()
    }

    #[test]
    fn a_swarm_leaves_faults_out_for_a_while() {
        let groups = [vec![Fault::Kill], vec![Fault::Pause], vec![Fault::Stop], vec![Fault::KillAll]];
        let every = mixed(groups).every(Duration::from_secs(1));
        let (mut shown, mut whole) = (BTreeSet::new(), 0);
        for seed in 0..20 {
            assert!((0..6).all(|ten| kinds(&draw(every.clone(), seed), ten * 10..ten * 10 + 10).len() == 4));
            let steps = draw(every.clone().in_swarms(Duration::from_secs(8)), seed);
            let counts = (0..6).map(|ten| kinds(&steps, ten * 10..ten * 10 + 10).len());
            shown.extend(counts);
            whole += u32::from(kinds(&steps, 0..60).len() == 4);
        }
        assert!(shown.contains(&1) && shown.contains(&4), "some subsets are small and some whole: {shown:?}");
        assert!(whole >= 18, "in the whole run nearly every fault strikes: {whole} of 20");
    }

    #[test]
    fn in_some_swarms_faults_pass_soon_and_in_others_they_stay() {
        let swarms = mixed([vec![Fault::Kill]]).every(Duration::from_secs(1)).in_swarms(Duration::from_secs(5));
        let holds: Vec<_> = (0..20).flat_map(|seed| draw(swarms.clone(), seed)).map(|step| step.hold_ms).collect();
        let short = holds.iter().filter(|&&ms| ms <= 250).count();
        let long = holds.iter().filter(|&&ms| ms >= 700).count();
        assert!(short * 2 > holds.len() && long * 20 > holds.len(), "{short} short, {long} long, of {}", holds.len());
    }

    #[test]
    fn hunts_are_spread_over_points_and_leaders() {
        let hunt = || mixed([vec![Fault::Kill], vec![Fault::Pause]]).at_pause_points(vec!["here", "there"]);
        let steps = draw(hunt(), 1);
        assert_eq!(steps, draw(hunt(), 1), "from the seed");
        let hunted: BTreeSet<_> = steps
            .iter()
            .map(|step| match &step.trigger {
                Trigger::OnPausePoint { point, leader, .. } => (point.clone(), *leader),
                other => panic!("{other}"),
            })
            .collect();
        assert!((20..=70).contains(&hunted.len()), "{} hunts in a minute", hunted.len());
        assert!(["here", "there"].iter().all(|point| hunted.iter().any(|(hunted, _)| hunted == point)));
        assert!(steps.iter().all(|step| step.target == Target::AtPausePoint && step.hold_ms < 600));
    }
}
