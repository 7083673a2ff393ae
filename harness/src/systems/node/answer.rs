//! The command for each operation, and what each answer means for it. It sends nothing.

use std::net::SocketAddr;

use bytes::Bytes;
use interregnum_checker::history::{Function, Value};
use interregnum_workloads::client::{Completion, Invocation, Object};
use redis_protocol::resp2::types::BytesFrame;

use super::connection::command;

/// How one attempt at one node ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The operation is over.
    Done(Box<Completion>),
    /// It was certainly not executed there, and may be tried elsewhere.
    NotExecuted { reason: String, leader: Option<SocketAddr> },
}

impl Attempt {
    /// The operation is over.
    pub(super) fn done(completion: Completion) -> Self {
        Self::Done(Box::new(completion))
    }

    /// Not executed there, and nobody was named who would.
    pub(super) fn not_executed(reason: String) -> Self {
        Self::NotExecuted { reason, leader: None }
    }
}

/// The command for an operation, or why there is none.
pub(super) fn command_for(invocation: &Invocation) -> Result<Vec<Bytes>, String> {
    let Invocation { function, object, key, value } = invocation;
    let unfit = || format!("the node has no command for {function:?} of {value:?}");
    let key = key.as_str();
    Ok(match (function, value) {
        (Function::Read, _) => match object {
            Object::Register => command(["GET", key]),
            Object::List => command(["LRANGE", key, "0", "-1"]),
        },
        (Function::Write, value) => command(["SET", key, &text(value).ok_or_else(unfit)?]),
        (Function::Append, value) => command(["RPUSH", key, &text(value).ok_or_else(unfit)?]),
        (Function::Cas, Value::List(pair)) => match pair.as_slice() {
            [old, new] => {
                let (old, new) = (text(old).ok_or_else(unfit)?, text(new).ok_or_else(unfit)?);
                command(["SET", key, &new, "IFEQ", &old])
            }
            _ => return Err(unfit()),
        },
        _ => return Err(unfit()),
    })
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Int(number) => Some(number.to_string()),
        Value::Text(text) => Some(text.to_string()),
        Value::Nil | Value::List(_) => None,
    }
}

/// What a node's answer means for the operation.
pub(super) fn meaning(invocation: &Invocation, answer: BytesFrame) -> Attempt {
    if let BytesFrame::Error(error) = &answer {
        return refusal(error);
    }
    let Some((answer, epoch, lsn)) = positioned(answer) else {
        return Attempt::done(Completion::info("the answer was not in the form that was asked for"));
    };
    let completion = match (&invocation.function, answer) {
        (Function::Read, answer) => Completion::ok(Some(value(answer))),
        // The node compared and did not write: it says so by answering with what it found, which is no simple string.
        (Function::Cas, found) if !matches!(found, BytesFrame::SimpleString(_)) => {
            Completion::compare_failed(value(found))
        }
        _ => Completion::ok(None),
    };
    Attempt::done(completion.at(epoch, lsn))
}

/// What an error answer means, by its first word. The words that mean `not executed` are the node's promise (see
/// `node/README.md`) that the command was refused before it reached the log.
fn refusal(error: &str) -> Attempt {
    let (word, rest) = error.split_once(' ').unwrap_or((error, ""));
    match word {
        "REDIRECT" => Attempt::NotExecuted { reason: error.to_owned(), leader: rest.trim().parse().ok() },
        "NOLEADER" | "BUSY" | "LAGGING" | "BEHIND" | "READONLY" => Attempt::not_executed(error.to_owned()),
        // Bad syntax or a wrong type: the node never executes such a command.
        "ERR" | "WRONGTYPE" => Attempt::done(Completion::fail(error)),
        // `UNCERTAIN` and `TIMEOUT`, which were logged, and whatever we do not know.
        _ => Attempt::done(Completion::info(error)),
    }
}

/// Takes `[answer, epoch, lsn]` apart.
fn positioned(answer: BytesFrame) -> Option<(BytesFrame, u64, u64)> {
    let BytesFrame::Array(parts) = answer else { return None };
    let [answer, BytesFrame::Integer(epoch), BytesFrame::Integer(lsn)] = <[_; 3]>::try_from(parts).ok()? else {
        return None;
    };
    Some((answer, u64::try_from(epoch).ok()?, u64::try_from(lsn).ok()?))
}

/// A datum as the checkers know it: a whole number where it is one.
fn value(frame: BytesFrame) -> Value {
    match frame {
        BytesFrame::BulkString(bytes) | BytesFrame::SimpleString(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            text.parse().map_or_else(|_| Value::Text(text.into()), Value::Int)
        }
        BytesFrame::Integer(number) => Value::Int(number),
        BytesFrame::Array(elements) => Value::List(elements.into_iter().map(value).collect()),
        BytesFrame::Null => Value::Nil,
        BytesFrame::Error(error) => Value::Text((&*error).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> BytesFrame {
        BytesFrame::BulkString(Bytes::copy_from_slice(text.as_bytes()))
    }

    /// As the node answers when it has been asked for positions: at epoch 3, position 41.
    fn at_41(answer: BytesFrame) -> BytesFrame {
        BytesFrame::Array(vec![answer, BytesFrame::Integer(3), BytesFrame::Integer(41)])
    }

    fn done(completion: Completion) -> Attempt {
        Attempt::done(completion.at(3, 41))
    }

    fn cas() -> Invocation {
        let value = Value::List(vec![Value::Int(1), Value::Int(2)]);
        Invocation { function: Function::Cas, object: Object::Register, key: "r0".into(), value }
    }

    #[test]
    fn answers_tell_what_was_read_or_found() {
        let read = Invocation::read(Object::List, "l0");
        let list = BytesFrame::Array(vec![bulk("7"), bulk("x")]);
        let elements = Value::List(vec![Value::Int(7), Value::Text("x".into())]);
        assert_eq!(meaning(&read, at_41(list)), done(Completion::ok(Some(elements))));
        assert_eq!(meaning(&read, at_41(BytesFrame::Null)), done(Completion::ok(Some(Value::Nil))));

        let ok = BytesFrame::SimpleString(Bytes::from_static(b"OK"));
        assert_eq!(meaning(&cas(), at_41(ok)), done(Completion::ok(None)));
        assert_eq!(meaning(&cas(), at_41(bulk("OK"))), done(Completion::compare_failed(Value::Text("OK".into()))));
        assert_eq!(meaning(&cas(), at_41(BytesFrame::Null)), done(Completion::compare_failed(Value::Nil)));
    }

    #[test]
    fn errors_are_certain_only_where_the_node_promises_it() {
        let error = |text: &str| meaning(&cas(), BytesFrame::Error(text.into()));
        let outcome = |attempt: Attempt| match attempt {
            Attempt::Done(completion) => format!("{:?}", completion.outcome),
            Attempt::NotExecuted { leader: Some(leader), .. } => format!("try {leader}"),
            Attempt::NotExecuted { leader: None, .. } => "try another".to_owned(),
        };
        assert_eq!(outcome(error("REDIRECT 127.0.0.1:21002")), "try 127.0.0.1:21002");
        assert_eq!(outcome(error("NOLEADER no leader is known; retry")), "try another");
        assert_eq!(outcome(error("LAGGING no follower is within the bounds")), "try another");
        assert_eq!(outcome(error("BEHIND this node does not have the record")), "try another");
        assert_eq!(outcome(error("BUSY too many operations wait")), "try another");
        assert_eq!(outcome(error("READONLY disk full: this node takes no writes")), "try another");
        assert_eq!(outcome(error("WRONGTYPE Operation against a key")), "Fail");
        assert_eq!(outcome(error("UNCERTAIN leadership was lost")), "Info");
        // Logged, and not acknowledged in time.
        assert_eq!(outcome(error("TIMEOUT the write was logged, but not acknowledged")), "Info");
        // This attempt was not executed, but an earlier one may have been.
        assert_eq!(outcome(error("SUPERSEDED a later request was executed")), "Info");
        assert_eq!(outcome(error("NOSESSION this session is not known")), "Info");
        assert_eq!(outcome(error("SOMETHING nobody has heard of")), "Info");
        assert_eq!(outcome(meaning(&cas(), bulk("without a position"))), "Info");
    }
}
