//! Campaigns as files, the seeds of their runs, and how shards share them.

use super::*;

const TWO_MATRICES: &str = r#"
name = "nightly"
runs = 4
flags = "--time 2s"

[[matrix]]
name = "sound"
expect = "pass"
configurations = { usual = "", five = "--nodes 5" }
workloads = ["register", "append"]
faults = ["kill,pause"]

[[matrix]]
name = "async-kill"
expect = "violation"
by = ["lost-writes"]
least_percent = 50
runs = 3
flags = "--ack async --faults kill"
"#;

fn campaign() -> Campaign {
    Campaign::parse(TWO_MATRICES).unwrap()
}

#[test]
fn a_matrix_is_every_combination_of_its_choices() {
    let rows = campaign().rows;
    let told: Vec<_> =
        rows.iter().map(|row| format!("{} x{}: {}", row.name, row.runs, row.arguments.join(" "))).collect();
    assert_eq!(
        told,
        [
            "sound/five/register x4: --time 2s --nodes 5 --workload register --faults kill,pause",
            "sound/five/append x4: --time 2s --nodes 5 --workload append --faults kill,pause",
            "sound/usual/register x4: --time 2s --workload register --faults kill,pause",
            "sound/usual/append x4: --time 2s --workload append --faults kill,pause",
            "async-kill x3: --time 2s --ack async --faults kill",
        ]
    );
    assert_eq!((rows[0].mode.as_str(), rows[0].faults.as_str()), ("five", "kill,pause"));
    assert_eq!((rows[4].mode.as_str(), rows[4].least_percent), ("async-kill", 50));
}

#[test]
fn a_seed_depends_on_the_campaign_and_on_nothing_else() {
    let seed = |campaign: &Campaign, row, number| campaign.trial(row, number).seed;
    let (first, other) = (campaign(), Campaign { seed: 2, ..campaign() });
    assert_eq!(seed(&first, 0, 1), 4_042_218_274, "a seed stays the same across releases");
    assert_ne!(seed(&first, 0, 1), seed(&other, 0, 1));
    assert_eq!(seed(&first, 0, 1), seed(&first.clone().with_runs(9).unwrap(), 0, 1));
    let seeds: BTreeSet<_> = first.trials(Shard::WHOLE).into_iter().map(|trial| trial.seed).collect();
    assert_eq!(seeds.len(), 19, "every run has its own");
}

#[test]
fn every_row_has_its_first_run_before_any_has_its_second() {
    let rounds: Vec<_> = campaign().trials(Shard::WHOLE).into_iter().map(|trial| (trial.number, trial.row)).collect();
    assert!(rounds.is_sorted() && rounds.len() == 19, "{rounds:?}");
}

#[test]
fn shards_share_the_runs_of_every_row_evenly() {
    let campaign = campaign().with_runs(10).unwrap();
    for of in 1..=7 {
        let shards = (1..=of).map(|index| campaign.trials(Shard::new(index, of).unwrap()));
        let shards: Vec<_> = shards.collect();
        let mut together: Vec<_> = shards.iter().flatten().copied().collect();
        together.sort();
        let mut whole = campaign.trials(Shard::WHOLE);
        whole.sort();
        assert_eq!(together, whole, "every run belongs to one of {of} shards");
        let fewest = 10 / of as usize;
        for (shard, row) in shards.iter().flat_map(|shard| (0..5).map(move |row| (shard, row))) {
            let share = shard.iter().filter(|trial| trial.row == row).count();
            assert!((fewest..=fewest + 1).contains(&share), "{share} of 10 runs of a row in one of {of} shards");
        }
    }
}

#[test]
fn more_runs_make_the_same_campaign_and_other_flags_another() {
    assert!(campaign().is_alike(&campaign().with_runs(9).unwrap()));
    assert!(!campaign().is_alike(&Campaign { seed: 2, ..campaign() }));
    assert!(!campaign().is_alike(&Campaign::parse(&TWO_MATRICES.replace("2s", "3s")).unwrap()));
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let check = |from: &str, to: &str, expected: &str| {
        assert!(TWO_MATRICES.contains(from), "{from}");
        let told = format!("{:#}", Campaign::parse(&TWO_MATRICES.replacen(from, to, 1)).unwrap_err());
        assert!(told.contains(expected), "{told}");
    };
    check("runs = 4", "runs = 0", "row `sound/five/register` has no runs");
    check("runs = 4", "runs = 1000000", "more than 1000000");
    check("expect = \"pass\"", "expect = \"hope\"", "unknown variant `hope`");
    check("workloads", "workload", "unknown field `workload`");
    check("name = \"sound\"", "name = \"../sound\"", "`../sound` is no name");
    check("\"append\"", "\"register\"", "two rows `sound/five/register`");
    check("least_percent = 50", "least_percent = 101", "a part of a hundred");
    check("expect = \"violation\"", "expect = \"pass\"", "a pass is by no checker");
    check("[\"kill,pause\"]", "[\"kill, pause\"]", "`kill, pause` is no workload");
}
