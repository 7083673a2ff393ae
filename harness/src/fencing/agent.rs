//! The fence agent: a process that asks the fence device to switch one node off. Its exit code says whether that is done: 0 only if the
//! device has said so.
//!
//! Not here: switching anything off (`device`).

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::GREETING;

/// How long all of it may take. The device answers within milliseconds, unless it is not reached or another fault is being injected.
const LIMIT: Duration = Duration::from_secs(2);

/// Plays the agent: `ADDRESS BY NODE` are its arguments. Returns the exit code.
pub(crate) fn ask(arguments: impl Iterator<Item = String>) -> i32 {
    let words: Vec<_> = arguments.collect();
    let told = match &words[..] {
        [device, by, node] => match device.parse() {
            Ok(device) => ask_device(device, by, node, LIMIT).map_err(|error| format!("{node} is not fenced: {error}")),
            Err(_) => Err(format!("`{device}` is no address of a fence device")),
        },
        _ => Err("a fence agent needs the device's address, who asks, and the node to switch off".to_owned()),
    };
    match told {
        Ok(_) => 0,
        Err(error) => {
            eprintln!("{error}");
            1
        }
    }
}

/// Asks the device and waits until it has done it; what it saw.
pub(super) fn ask_device(device: SocketAddr, by: &str, node: &str, limit: Duration) -> io::Result<String> {
    let deadline = Instant::now() + limit;
    let mut connection = TcpStream::connect_timeout(&device, limit)?;
    let mut answers = BufReader::new(connection.try_clone()?);
    let mut line = || {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        answers.get_ref().set_read_timeout(Some(left))?;
        let mut line = String::new();
        match answers.read_line(&mut line) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} ms", limit.as_millis())))
            }
            Err(error) => Err(error),
            Ok(0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the device closed the connection")),
            Ok(_) => Ok(line.trim_end().to_owned()),
        }
    };
    let greeting = line()?;
    if greeting != GREETING {
        return Err(io::Error::other(format!("what answers there is no fence device: `{greeting}`")));
    }
    writeln!(connection, "off {node} for {by}")?;
    let answer = line()?;
    answer.strip_prefix("done ").map(str::to_owned).ok_or_else(|| io::Error::other(answer.clone()))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;
    use std::sync::mpsc;

    use super::*;

    /// Asks a device that says these lines, each after one of the agent's but the first; returns what the agent makes of it and what
    /// it asked for.
    fn check(lines: &'static [&'static str], expected: Result<&str, &str>, expected_request: &str) {
        let device = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = device.local_addr().unwrap();
        let (heard, requests) = mpsc::channel();
        std::thread::spawn(move || {
            let (mut agent, _) = device.accept().unwrap();
            let mut reader = BufReader::new(agent.try_clone().unwrap());
            let mut request = String::new();
            for (number, line) in lines.iter().enumerate() {
                if number > 0 {
                    reader.read_line(&mut request).unwrap();
                }
                writeln!(agent, "{line}").unwrap();
            }
            // Until the agent has left, so that it meets silence and not the end of the connection.
            reader.read_to_string(&mut request).unwrap();
            heard.send(request).unwrap();
        });
        let told = ask_device(address, "n2", "n1", Duration::from_millis(500)).map_err(|error| error.to_string());
        assert_eq!(told.as_deref().map_err(String::as_str), expected);
        assert_eq!(requests.recv().unwrap(), expected_request);
    }

    #[test]
    fn only_what_the_device_calls_done_is_done() {
        check(&[GREETING, "done reaped"], Ok("reaped"), "off n1 for n2\n");
        check(&[GREETING, "failed: no such node"], Err("failed: no such node"), "off n1 for n2\n");
        check(&[GREETING], Err("no answer within 500 ms"), "off n1 for n2\n");
    }

    /// Whoever is not greeted may be behind a cut, and a request that waits there would arrive when nobody expects it any more.
    #[test]
    fn nothing_is_asked_of_who_does_not_greet() {
        check(&[], Err("no answer within 500 ms"), "");
        check(&["+OK"], Err("what answers there is no fence device: `+OK`"), "");
    }
}
