//! Asking again when nobody knows whether an operation happened: as a careless client does, or exactly once.
//!
//! Not here: the node's side of it (`CLIENT IDENTITY`, `REQUEST`; see the node's README).

use std::time::Duration;

use bytes::Bytes;
use clap::ValueEnum;
use interregnum_checker::history::{Function, Outcome};
use interregnum_workloads::client::{Completion, Invocation};

use super::connection::command;

/// What a client does when it doesn't know whether its operation happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum RetryUnknown {
    /// Nothing: the outcome stays unknown.
    #[default]
    Never,
    /// Asks again, as if nothing had happened. What did happen may happen twice.
    Naive,
    /// Asks again under the same request number, so that the cluster executes it once.
    ExactlyOnce,
}

/// An operation that may be asked again is given so many times its usual time: enough for a failover or two.
pub(super) const TIMES_AS_LONG: u32 = 6;

/// How a client asks again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Retry {
    pub unknown: RetryUnknown,
    /// The longest that it waits before it does.
    pub pause: Duration,
}

impl Retry {
    /// The pause before the `number`th retry of a client: some part of the longest, another each time, as the clients of a
    /// service that is in trouble should not all come back at once. The parts are spread by the golden ratio, which needs no dice.
    pub(super) fn pause(self, client: usize, number: u64) -> Duration {
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
        let spread = GOLDEN.wrapping_mul(number.wrapping_add((client as u64) << 32));
        self.pause.mul_f64((spread >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

/// A client's place in the table of sessions.
#[derive(Debug)]
pub(super) struct Session {
    client: String,
    /// The session that is open, if one is, and how many requests it has seen.
    open: Option<u64>,
    number: u64,
}

impl Session {
    pub(super) fn of(index: usize) -> Self {
        Self { client: format!("client-{index}"), open: None, number: 0 }
    }

    /// The command that opens it, if it is not open.
    pub(super) fn opening(&self) -> Option<Vec<Bytes>> {
        self.open.is_none().then(|| command(["CLIENT", "IDENTITY", &self.client]))
    }

    /// A session is named by the position of its record.
    pub(super) fn opened(&mut self, completion: &Completion) {
        self.open = completion.lsn.filter(|_| completion.outcome == Outcome::Ok);
        self.number = 0;
    }

    /// The node told that it does not know it, or not what became of a request: the next operation opens another.
    pub(super) fn forget(&mut self) {
        self.open = None;
    }

    /// What a new connection is told.
    pub(super) fn introduction(&self) -> Option<Vec<Bytes>> {
        self.open.map(|session| command(["CLIENT", "IDENTITY", &self.client, &session.to_string()]))
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }
}

/// The command under a request number.
pub(super) fn numbered(number: u64, words: Vec<Bytes>) -> Vec<Bytes> {
    command(["REQUEST", &number.to_string()]).into_iter().chain(words).collect()
}

/// Whether an answer tells that the session is of no more use.
pub(super) fn is_lost(error: &str) -> bool {
    error.starts_with("NOSESSION") || error.starts_with("SUPERSEDED")
}

/// What an operation came to that was asked more than once. `unknown` is what an earlier attempt came to.
///
/// The answer to a retry tells where the *first* attempt was logged and not who told it, so the node that answered is left out: it would look as
/// if that node had led an epoch that was another's.
pub(super) fn after_unknown(
    retry: RetryUnknown,
    invocation: &Invocation,
    unknown: Option<Completion>,
    last: Completion,
) -> Completion {
    let Some(unknown) = unknown else { return last };
    let last = Completion { node: None, ..last };
    match last.outcome {
        Outcome::Ok => last,
        // The cluster remembers a comparison that failed, so no earlier attempt can succeed any more. A read that failed did nothing.
        _ if retry == RetryUnknown::ExactlyOnce && last.seen.is_some() => last,
        _ if invocation.function == Function::Read => last,
        _ => unknown,
    }
}

#[cfg(test)]
mod tests {
    use interregnum_checker::history::Value;
    use interregnum_workloads::client::Object;

    use super::RetryUnknown::{ExactlyOnce, Naive};
    use super::*;

    #[test]
    fn clients_wait_each_another_part_of_the_longest_pause() {
        let retry = Retry { unknown: ExactlyOnce, pause: Duration::from_secs(1) };
        let pauses = |client| (0..100).map(move |number| retry.pause(client, number));
        let longer_than = |pauses: Vec<Duration>, ms| pauses.iter().filter(|pause| pause.as_millis() > ms).count();
        assert!(pauses(1).all(|pause| pause < retry.pause));
        assert!((45..=55).contains(&longer_than(pauses(1).collect(), 500)));
        assert!((5..=15).contains(&longer_than(pauses(2).collect(), 900)));
        assert!(pauses(1).zip(pauses(2)).all(|(one, other)| one != other));
        assert_eq!(Retry { pause: Duration::ZERO, ..retry }.pause(1, 7), Duration::ZERO);
    }

    #[test]
    fn a_retry_that_was_refused_leaves_unknown_what_its_first_attempt_did() {
        let cas = Invocation { function: Function::Cas, ..Invocation::read(Object::Register, "r0") };
        let unknown = || Some(Completion::info("no answer"));
        let compared = || Completion::compare_failed(Value::Nil);
        let outcome = |retry, unknown, last| after_unknown(retry, &cas, unknown, last).outcome;
        assert_eq!(outcome(ExactlyOnce, unknown(), compared()), Outcome::Fail);
        assert_eq!(
            outcome(Naive, unknown(), compared()),
            Outcome::Info,
            "the first attempt may have been what changed it"
        );
        assert_eq!(outcome(ExactlyOnce, unknown(), Completion::fail("not executed")), Outcome::Info);
        assert_eq!(outcome(ExactlyOnce, None, Completion::fail("not executed")), Outcome::Fail);
        assert_eq!(outcome(Naive, unknown(), Completion::ok(None)), Outcome::Ok);
    }
}
