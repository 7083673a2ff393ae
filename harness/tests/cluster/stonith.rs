//! The promise: a fence device switches nodes off when others ask for it, before these lead; and a run does not take that for a death.

use crate::seen::{in_force, leaders_of, lines, operations, times, told};
use interregnum::prelude::*;

fn fenced() -> Experiment {
    Experiment::new(Node::cluster(3).fencing(Fencing::Stonith)).workload(Append::keys(3)).rate_per_s(500.0)
}

/// A leader that hangs is switched off before it has a successor, and is back as a follower long before anybody lets it go on.
#[tokio::test]
async fn a_leader_that_hangs_is_switched_off_before_it_has_a_successor() -> interregnum::Result {
    let schedule = Schedule { steps: vec![Step::at(millis(300), secs(4), Fault::Pause, node(1))] };
    let report = fenced().schedule(schedule).run_for(secs(5)).await?;

    let pause = in_force(&report, Fault::Pause);
    let fenced = told(&report, "fenced");
    assert!(fenced[0].contains(r#""node":"n1""#) && fenced[0].contains("SIGKILL"), "{fenced:?}");
    assert_eq!(report.fencings(), fenced.len());
    assert!(lines(&report, 1, "INFO started").len() > 1, "n1 was switched off and not on again");
    let successors: Vec<_> = (2..=3).flat_map(|node| lines(&report, node, "INFO leader epoch=2")).collect();
    let killings: Vec<_> = (2..=3).flat_map(|node| lines(&report, node, "stonith succeeded")).collect();
    assert!(killings.iter().min() < successors.iter().min(), "{killings:?} {successors:?}");
    let followed = leaders_of(&report, 1, &pause);
    assert!(followed.iter().any(|leader| leader == "n2" || leader == "n3"), "n1 followed {followed:?} in the pause");
    report.expect(linearizable()).expect(no_lost_writes()).expect(no_split_brain()).verdict()
}

/// While no node reaches the fence device nobody follows a dead leader: that costs service, and no write.
#[tokio::test]
async fn nobody_is_promoted_while_the_fence_device_is_out_of_reach() -> interregnum::Result {
    let fence_side = Fault::Partition(Shape::FenceSide);
    let schedule = Schedule {
        steps: vec![
            Step::at(millis(300), millis(4200), fence_side, all()),
            Step::at(millis(1000), millis(3400), Fault::Kill, node(1)),
        ],
    };
    let report = fenced().schedule(schedule).run_for(secs(6)).await?;

    let kill = in_force(&report, Fault::Kill);
    let written = operations(&report).into_iter().filter(|one| {
        one.is_write && one.outcome == "ok" && kill.contains(&one.invoked_ns) && kill.contains(&one.ended_ns)
    });
    assert_eq!(written.count(), 0, "somebody took writes although nobody could make sure that n1 was dead");
    let failures: usize = (2..=3).map(|node| lines(&report, node, "so nobody is promoted").len()).sum();
    assert!(failures > 0, "nobody asked the device in vain, see {}", report.run_dir().path().display());
    let fenced = times(&report, "fenced");
    assert!(fenced.iter().all(|time| *time > kill.end), "the device was reached: {fenced:?}, n1 was dead in {kill:?}");
    report.expect(linearizable()).expect(no_lost_writes()).verdict()
}
