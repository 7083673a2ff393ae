//! Failovers played by hand: what the nodes tell at each look, and what is done about it.

use super::*;

const RULES: Rules =
    Rules { misses: 3, patience_ms: 300, recovery_period_ms: 1000, min_nodes: 2, stonith: false, dry_run: false };

/// A supervisor of n1, n2 and n3, at a time.
struct Play {
    supervisor: Supervisor,
    now_ms: u64,
    /// What the nodes would tell, and do.
    nodes: BTreeMap<String, Option<Report>>,
    steps: Vec<String>,
    /// Steps that fail, as `promote n2`.
    failing: Vec<&'static str>,
}

/// `leader EPOCH LSN`, `follower EPOCH LSN LEADER SILENT_MS`, or `silent`.
fn report(id: &str, told: &str) -> Option<Report> {
    let words: Vec<&str> = told.split(' ').collect();
    let number = |index: usize| words[index].parse::<u64>().unwrap();
    let of = |leads, leader_id: &str, leader_silent_ms| {
        let (epoch, last_lsn) = (number(1), number(2));
        Report {
            id: id.to_owned(),
            leads,
            epoch,
            leader_id: leader_id.to_owned(),
            leader_silent_ms,
            last_epoch: epoch,
            last_lsn,
        }
    };
    match words[0] {
        "leader" => Some(of(true, id, None)),
        "follower" => Some(of(false, words[3], Some(number(4)))),
        "silent" => None,
        other => panic!("{other}?"),
    }
}

impl Play {
    fn new(rules: Rules, nodes: [&str; 3]) -> Self {
        let ids = ["n1", "n2", "n3"].map(str::to_owned);
        let supervisor = Supervisor::new(rules, ids.into_iter());
        let mut play = Play { supervisor, now_ms: 0, nodes: BTreeMap::new(), steps: Vec::new(), failing: Vec::new() };
        play.set(nodes);
        play
    }

    fn set(&mut self, nodes: [&str; 3]) {
        self.nodes =
            ["n1", "n2", "n3"].iter().zip(nodes).map(|(id, told)| ((*id).to_owned(), report(id, told))).collect();
    }

    /// So many looks, with all that follows; what was done.
    fn look(&mut self, times: usize) -> Vec<String> {
        for _ in 0..times {
            self.now_ms += 100;
            self.supervisor.observe(self.nodes.clone());
            while let Some(step) = self.supervisor.next_step(self.now_ms) {
                let outcome = self.carry_out(&step);
                self.supervisor.done(self.now_ms, &step, outcome);
                assert!(self.steps.len() < 20, "without an end: {:?}", self.steps);
            }
        }
        std::mem::take(&mut self.steps)
    }

    fn carry_out(&mut self, step: &Step) -> Outcome {
        let (words, id) = match step {
            Step::Kill { id } => (format!("kill {id}"), id),
            Step::Fence { id, epoch } => (format!("fence {id} {epoch}"), id),
            Step::Demote { id } => (format!("demote {id}"), id),
            Step::Promote { id } => (format!("promote {id}"), id),
        };
        self.steps.push(words.clone());
        if self.failing.contains(&words.as_str()) {
            return Outcome::Failed("as planned".to_owned());
        }
        let node = self.nodes.get_mut(id).unwrap();
        match step {
            Step::Kill { .. } => *node = None,
            Step::Fence { epoch, .. } => {
                let report = node.as_mut().unwrap();
                (report.epoch, report.leads, report.leader_id) = (*epoch, false, String::new());
            }
            Step::Demote { .. } => node.as_mut().unwrap().leads = false,
            Step::Promote { .. } => {
                let report = node.as_mut().unwrap();
                (report.epoch, report.leads, report.leader_id) = (report.epoch + 1, true, id.clone());
            }
        }
        Outcome::Done(node.clone())
    }
}

const HEALTHY: [&str; 3] = ["leader 1 10", "follower 1 9 n1 20", "follower 1 10 n1 20"];
const DEAD: [&str; 3] = ["silent", "follower 1 9 n1 400", "follower 1 10 n1 400"];

#[test]
fn the_most_up_to_date_node_is_promoted_after_the_others_are_fenced() {
    let mut play = Play::new(RULES, HEALTHY);
    assert_eq!(play.look(5), [""; 0]);
    play.set(DEAD);
    assert_eq!(play.look(2), [""; 0], "not missed often enough");
    assert_eq!(play.look(1), ["fence n2 2", "fence n3 2", "promote n3"]);
    assert_eq!(play.look(9), [""; 0], "now n3 leads");
    assert_eq!(play.supervisor.verdict(), Some(Ok(())));
}

#[test]
fn a_later_epoch_counts_for_more_than_a_longer_log() {
    let mut play = Play::new(RULES, ["silent", "follower 2 9 n1 400", "follower 1 10 n1 400"]);
    assert_eq!(play.look(3).last().unwrap(), "promote n2");
}

#[test]
fn there_is_no_failover_while_anything_speaks_against_it() {
    for (nodes, why) in [
        (["silent", "follower 1 9 n1 400", "follower 1 10 n1 20"], "n3 hears the leader n1"),
        (["silent", "silent", "follower 1 10 n1 400"], "1 nodes answer, and it takes 2"),
        (["follower 0 0  0", "follower 0 0  0", "follower 0 0  0"], "the cluster is new"),
    ] {
        let mut play = Play::new(RULES, nodes);
        assert_eq!(play.look(10), [""; 0], "{why}");
        let verdict = play.supervisor.verdict().unwrap().unwrap_err();
        assert!(verdict.contains(why), "{verdict}");
    }
}

#[test]
fn a_leader_that_restarted_as_a_follower_is_succeeded_too() {
    let mut play = Play::new(RULES, ["follower 1 10  0", "follower 1 9  0", "follower 1 10  0"]);
    assert_eq!(play.look(3), ["fence n1 2", "fence n2 2", "fence n3 2", "promote n1"]);
}

#[test]
fn after_a_failover_there_is_none_for_a_while() {
    let mut play = Play::new(RULES, DEAD);
    assert_eq!(play.look(3).last().unwrap(), "promote n3");
    play.set(["follower 2 11  0", "follower 2 9 n3 400", "silent"]);
    assert_eq!(play.look(9), [""; 0]);
    assert_eq!(play.look(2).last().unwrap(), "promote n1");
}

#[test]
fn the_old_leader_is_killed_first_or_nobody_is_promoted() {
    let rules = Rules { stonith: true, ..RULES };
    let mut play = Play::new(rules, HEALTHY);
    play.look(1);
    play.set(DEAD);
    play.failing = vec!["kill n1"];
    assert_eq!(play.look(4), ["kill n1"], "and a rest before the next attempt");
    play.failing.clear();
    assert_eq!(play.look(3), ["kill n1", "fence n2 2", "fence n3 2", "promote n3"]);
    // One that was restarted and knows of no leader kills all that might be one.
    let mut restarted = Play::new(rules, ["silent", "follower 2 9  0", "follower 2 10  0"]);
    assert_eq!(restarted.look(3)[0], "kill n1");
}

#[test]
fn a_deposed_leader_that_comes_back_is_told() {
    let mut play = Play::new(RULES, ["leader 1 12", "follower 3 9 n3 20", "leader 3 10"]);
    assert_eq!(play.look(3), ["fence n1 3"]);
    let mut play = Play::new(RULES, ["leader 3 12", "leader 3 9", "follower 3 10 n2 20"]);
    assert_eq!(play.look(3), ["demote n1"], "two of one epoch: the greater id, as the nodes themselves order them");
    let mut play = Play::new(RULES, ["leader 1 12", "follower 3 9 n3 400", "silent"]);
    assert_eq!(play.look(1), ["fence n1 3"], "n3 has led since, so n1 leads no longer, even while n3 is gone");
}

#[test]
fn too_few_that_can_be_fenced_is_no_failover() {
    let mut play = Play::new(RULES, DEAD);
    play.failing = vec!["fence n2 2"];
    assert_eq!(play.look(3), ["fence n2 2", "fence n3 2"]);
    play.failing = vec!["promote n3"];
    let steps = play.look(3);
    assert_eq!(steps, ["fence n2 3", "fence n3 3", "promote n3"]);
    assert!(play.supervisor.verdict().unwrap().unwrap_err().contains("would not be promoted"));
}

#[test]
fn a_dry_run_does_nothing_and_says_what_it_would_do() {
    let mut play = Play::new(Rules { dry_run: true, stonith: true, ..RULES }, DEAD);
    assert_eq!(play.look(9), [""; 0]);
    assert!(play.supervisor.verdict().unwrap().unwrap_err().contains("n3 would be promoted"));
    play.set(["leader 0 12", "leader 1 9", "silent"]);
    assert_eq!(play.look(3), [""; 0]);
}
