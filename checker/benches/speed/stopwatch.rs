//! Times of several contestants, taken in turn: what slows the machine down for a while then slows all of them.

use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::arguments::{Arguments, Effort};

/// What does its work once and tells how long that took.
pub(crate) type Contestant<'a> = Box<dyn FnMut() -> Lap + 'a>;

/// One time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lap {
    pub(crate) took: Duration,
    /// Whether the work was done. If not, the contestant gave up.
    pub(crate) is_finished: bool,
}

/// Does the work. Dropping its result is not counted.
pub(crate) fn time<T>(work: impl FnOnce() -> T) -> (Lap, T) {
    let begin = Instant::now();
    let result = black_box(work());
    (Lap { took: begin.elapsed(), is_finished: true }, result)
}

/// After this long a contestant is not started again: a person waits for the table.
const LONG_ENOUGH: Duration = Duration::from_secs(3);

/// How often to start each contestant, where that is for nothing else to say.
pub(crate) fn rounds(arguments: &Arguments) -> usize {
    match arguments.effort {
        Effort::Full => 9,
        Effort::Quick => 5,
        Effort::Test => 1,
    }
}

/// Starts each of them in turn, so many times over.
pub(crate) fn race(rounds: usize, contestants: &mut [Contestant]) -> Vec<Times> {
    let mut times = vec![Times { sorted: Vec::new(), is_finished: true }; contestants.len()];
    for _ in 0..rounds {
        for (contestant, times) in contestants.iter_mut().zip(&mut times) {
            if times.sorted.iter().sum::<Duration>() < LONG_ENOUGH {
                times.add(contestant());
            }
        }
    }
    times
}

/// The times of one contestant.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    sorted: Vec<Duration>,
    /// Whether the work was done each time.
    pub(crate) is_finished: bool,
}

impl Times {
    fn add(&mut self, lap: Lap) {
        let place = self.sorted.partition_point(|&shorter| shorter < lap.took);
        self.sorted.insert(place, lap.took);
        self.is_finished &= lap.is_finished;
    }

    pub(crate) fn shortest(&self) -> Duration {
        self.sorted[0]
    }

    pub(crate) fn median(&self) -> Duration {
        self.sorted[self.sorted.len() / 2]
    }
}

/// The shortest time and the median.
impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gave_up = if self.is_finished { "" } else { "gave up: " };
        write!(f, "{gave_up}{} / {}", shown(self.shortest()), shown(self.median()))
    }
}

/// For people: three digits and a unit.
pub(crate) fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let (number, unit) = match seconds {
        1.0.. => (seconds, "s"),
        1e-3.. => (seconds * 1e3, "ms"),
        _ => (seconds * 1e6, "µs"),
    };
    let decimals = if number < 10.0 { 2 } else { usize::from(number < 100.0) };
    format!("{number:.decimals$} {unit}")
}

/// How many times as long as the other.
pub(crate) fn ratio(duration: Duration, other: Duration) -> f64 {
    duration.as_secs_f64() / other.as_secs_f64()
}
