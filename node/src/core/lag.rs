//! How old records are, and how many are written: what lag in milliseconds and throughput are told from.
//!
//! Not here: how far a follower is (`progress`).

use std::collections::VecDeque;

use crate::record::Lsn;

/// Most marks: 64 KiB. One a millisecond is exact for the last two seconds at least; older ones are thinned out, so that the lag of
/// a follower that is far behind is told a little too long, and never too short.
const MAX_MARKS: usize = 4096;
/// Whole seconds over which throughput is told: long enough to be steady, short enough to follow a failover.
const WINDOW_S: u64 = 5;

/// When the records of a reign were logged.
#[derive(Debug)]
pub(crate) struct Marks {
    /// From this LSN on, until the next mark, records were logged at this time. Never empty, both grow.
    marks: VecDeque<(Lsn, u64)>,
    last_lsn: Lsn,
}

impl Marks {
    /// Records of earlier reigns, up to `last_lsn`, count as logged now.
    pub(crate) fn new(last_lsn: Lsn, now_ms: u64) -> Self {
        Marks { marks: VecDeque::from([(0, now_ms)]), last_lsn }
    }

    /// The log reaches up to `last_lsn` now.
    pub(crate) fn note(&mut self, last_lsn: Lsn, now_ms: u64) {
        if last_lsn <= self.last_lsn {
            return;
        }
        if self.marks.back().is_none_or(|&(_, at_ms)| at_ms < now_ms) {
            if self.marks.len() >= MAX_MARKS {
                self.thin_out();
            }
            self.marks.push_back((self.last_lsn + 1, now_ms));
        }
        self.last_lsn = last_lsn;
    }

    /// Halves the older half. Records of a mark that goes count as its predecessor's.
    fn thin_out(&mut self) {
        let mut index = 0;
        self.marks.retain(|_| {
            index += 1;
            index % 2 == 1 || index > MAX_MARKS / 2
        });
    }

    /// The age of the first record behind `lsn`; 0 if there is none.
    pub(crate) fn age_ms_behind(&self, lsn: Lsn, now_ms: u64) -> u64 {
        if lsn >= self.last_lsn {
            return 0;
        }
        let index = self.marks.partition_point(|&(first_lsn, _)| first_lsn <= lsn + 1);
        let at_ms = index.checked_sub(1).and_then(|index| self.marks.get(index)).map_or(now_ms, |&(_, at_ms)| at_ms);
        now_ms.saturating_sub(at_ms)
    }
}

/// Counts the writes that this node logged as a leader since it was started.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    total: u64,
    /// Seconds in which there were some, with their number; at most one more than the window.
    seconds: VecDeque<(u64, u64)>,
}

impl Meter {
    pub(crate) fn count(&mut self, now_ms: u64) {
        let second = now_ms / 1000;
        self.total += 1;
        match self.seconds.back_mut() {
            Some((last, count)) if *last == second => *count += 1,
            _ => {
                self.seconds.push_back((second, 1));
                while self.seconds.pop_front_if(|&mut (first, _)| first + WINDOW_S < second).is_some() {}
            }
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Writes a second, over the last whole seconds.
    pub(crate) fn per_second(&self, now_ms: u64) -> f64 {
        let now = now_ms / 1000;
        let within = self.seconds.iter().filter(|&&(second, _)| second < now && second + WINDOW_S >= now);
        let count: u64 = within.map(|(_, count)| count).sum();
        count as f64 / WINDOW_S as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_the_age_of_the_first_record_that_is_lacking() {
        let mut marks = Marks::new(3, 100);
        for (last_lsn, now_ms) in [(4, 110), (7, 120), (9, 120), (9, 130)] {
            marks.note(last_lsn, now_ms);
        }
        for (has_lsn, age_ms) in [(0, 100), (2, 100), (3, 90), (4, 80), (8, 80), (9, 0), (10, 0)] {
            assert_eq!(marks.age_ms_behind(has_lsn, 200), age_ms, "of who has LSN {has_lsn}");
        }
    }

    #[test]
    fn marks_are_bounded_and_err_on_the_long_side() {
        let mut marks = Marks::new(0, 0);
        let last = 10 * MAX_MARKS as u64;
        (1..=last).for_each(|at| marks.note(at, at)); // record n is logged at n
        assert!(marks.marks.len() <= MAX_MARKS);
        for lsn in (1..last).step_by(97) {
            let (told_ms, true_ms) = (marks.age_ms_behind(lsn - 1, last), last - lsn);
            assert!(told_ms >= true_ms, "record {lsn}: {told_ms}, not {true_ms}");
            assert!(true_ms > 2000 || told_ms == true_ms, "record {lsn} is young: {told_ms}, not {true_ms}");
        }
    }

    #[test]
    fn throughput_is_of_the_last_whole_seconds() {
        let mut meter = Meter::default();
        for second in 0..20 {
            (0..10).for_each(|_| meter.count(second * 1000 + 500));
        }
        assert_eq!(meter.total(), 200);
        assert_eq!(meter.seconds.len() as u64, WINDOW_S + 1);
        for (now_ms, per_second) in [(20_000, 10.0), (22_000, 6.0), (25_000, 0.0)] {
            assert!((meter.per_second(now_ms) - per_second).abs() < 1e-9, "at {now_ms} ms");
        }
    }
}
