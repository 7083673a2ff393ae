//! Which reads were invoked during which fault. What that means is said in [`super`].

use super::{Distribution, Lag, UnderFault};
use crate::history::History;
use crate::lost_writes::FaultWindow;

/// The reads whose invocations have times, in order of these, so that a window is a slice of them.
pub(super) struct ByTime<'a> {
    history: &'a History,
    lags: Vec<(u64, &'a Lag)>,
}

impl<'a> ByTime<'a> {
    pub(super) fn of(history: &'a History, lags: &'a [Lag]) -> Self {
        let with_time = |lag: &'a Lag| Some((history.operations()[lag.read].invoked.time_ns?, lag));
        let mut lags: Vec<(u64, &Lag)> = lags.iter().filter_map(with_time).collect();
        lags.sort_by_key(|&(time_ns, _)| time_ns);
        Self { history, lags }
    }

    pub(super) fn under(&self, fault: &FaultWindow) -> UnderFault {
        let begin = self.lags.partition_point(|&(time_ns, _)| time_ns < fault.start_ns);
        let end = self.lags.partition_point(|&(time_ns, _)| time_ns <= fault.end_ns);
        let staleness = self.distribution(self.lags.get(begin..end).unwrap_or_default());
        UnderFault { fault: fault.clone(), staleness }
    }

    pub(super) fn outside(&self, faults: &[FaultWindow]) -> Distribution {
        let mut by_start: Vec<&FaultWindow> = faults.iter().collect();
        by_start.sort_by_key(|fault| fault.start_ns);
        let mut faults = by_start.into_iter().peekable();
        let mut covered_until: Option<u64> = None;
        let mut outside = Vec::new();
        for &(time_ns, lag) in &self.lags {
            while let Some(fault) = faults.next_if(|fault| fault.start_ns <= time_ns) {
                covered_until = covered_until.max(Some(fault.end_ns));
            }
            if covered_until.is_none_or(|until| until < time_ns) {
                outside.push((time_ns, lag));
            }
        }
        self.distribution(&outside)
    }

    fn distribution(&self, lags: &[(u64, &Lag)]) -> Distribution {
        Distribution::of(self.history, lags.iter().map(|&(_, lag)| lag))
    }
}
