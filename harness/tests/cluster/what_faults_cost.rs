//! The promise: a run tells what each fault cost its clients: outages, the time to fail over, stale reads.

use interregnum::prelude::*;

#[tokio::test]
async fn a_killed_leader_costs_the_time_to_fail_over() -> interregnum::Result {
    let kill_once = kill(leader()).at(secs(1)).lasting(secs(1));
    let report = Experiment::new(Node::cluster(3)).fault(kill_once).rate_per_s(500.0).run_for(millis(2500)).await?;
    let impact = report.availability().faults.first().expect("there was one fault");
    assert!(impact.fault.name.starts_with("kill n"), "{impact:?}");
    assert!(impact.fail_over_ns.is_some(), "nobody else led, see {}", report.run_dir().path().display());
    assert!(impact.before.acknowledged > 0 && impact.after.acknowledged > 0, "{impact:?}");
    report.expect(leader_changed(1)).verdict()
}

#[tokio::test]
async fn nobody_is_served_while_all_nodes_are_paused() -> interregnum::Result {
    let pause_all = pause(all()).at(secs(1)).lasting(secs(1));
    let report = Experiment::new(Node::cluster(3)).fault(pause_all).rate_per_s(500.0).run_for(millis(2500)).await?;
    for service in [&report.availability().writes, &report.availability().reads] {
        let longest = service.outages.iter().max_by_key(|outage| outage.duration_ns()).expect("there was an outage");
        assert_eq!(longest.faults, ["pause n1+n2+n3"]);
        // Answers that were under way when the nodes stopped may still arrive; none is given before they go on.
        assert!(longest.duration_ns() > 500_000_000, "{longest:?}");
        assert!(longest.first_after.is_some(), "they went on: {longest:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_node_that_is_cut_off_answers_with_stale_reads() -> interregnum::Result {
    let cut_off = partition(Shape::Isolate, minority()).at(secs(1)).lasting(millis(1500));
    let report = Experiment::new(Node::cluster(3).read(ReadMode::Follower)).fault(cut_off).run_for(secs(3)).await?;
    let under = report.staleness().faults.first().expect("there was one fault");
    assert!(
        under.staleness.stale > 0,
        "all {} reads were fresh, see {}",
        under.staleness.reads,
        report.run_dir().path().display()
    );
    Ok(())
}
