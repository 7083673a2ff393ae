//! The promise: `interregnum serve` shows the runs of one directory to this machine, and nothing else to anybody.

#[path = "support/stored_run.rs"]
mod stored_run;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use stored_run::StoredRun;

struct Server {
    process: Child,
    address: String,
    directory: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Two runs below one directory, and a secret beside it that a link points to.
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let served = directory.path().join("served");
        for (name, lost) in [("sound", 0), ("nights/1/unsound", 4)] {
            StoredRun { operations: 600, lost, odd_text: "<b>odd</b>".into() }.write(&served.join(name));
        }
        std::fs::write(directory.path().join("secret"), "a secret").unwrap();
        std::os::unix::fs::symlink(directory.path().join("secret"), served.join("sound/link")).unwrap();
        std::os::unix::fs::symlink(&served, served.join("sound/circle")).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_interregnum"))
            .args(["serve", "--port", "0"])
            .arg(&served)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().trim_start_matches("http://").trim_end_matches('/').to_owned();
        Self { process, address, directory }
    }

    /// The status and the body of an answer. The path goes out as it is, which no ordinary client would do.
    fn get(&self, path: &str, host: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned())
    }

    fn page(&self, path: &str) -> String {
        let (status, body) = self.get(path, &self.address);
        assert_eq!(status, "200", "{path}: {body}");
        body
    }
}

#[test]
fn runs_are_listed_searched_and_opened() {
    let server = Server::start();
    let all = server.page("/");
    assert!(all.contains("nights/1/unsound") && all.contains(">sound<") && all.contains("2 of 2"), "{all}");
    let unsound = server.page("/?verdict=violation&words=UNSOUND+append");
    assert!(unsound.contains("1 of 2") && unsound.contains("lost-writes") && !unsound.contains(">sound<"), "{unsound}");
    assert!(server.page("/?words=nothing-of-the-kind").contains("0 of 2"));
    // The page of a run that has none yet is made.
    assert!(server.page("/runs/nights/1/unsound/report.html").contains("4 of 400 acknowledged writes lost"));
    assert!(server.directory.path().join("served/nights/1/unsound/report.html").is_file());
    assert!(server.page("/runs/sound/history.jsonl").starts_with("{\"time\":"));
}

#[test]
fn what_lies_outside_is_refused() {
    let server = Server::start();
    let secret = server.directory.path().join("secret").display().to_string();
    let paths = [
        "/runs/../secret".to_owned(),
        "/runs/sound/../../secret".to_owned(),
        "/runs/%2e%2e/secret".to_owned(),
        "/runs/sound%2f..%2f..%2fsecret".to_owned(),
        format!("/runs/{secret}"),
        format!("/runs/{}", secret.replace('/', "%2f")),
        "/runs/sound/link".to_owned(),
        "/runs/sound".to_owned(),
        "/secret".to_owned(),
    ];
    for path in paths {
        let (status, body) = server.get(&path, &server.address);
        assert!(status == "404" && !body.contains("a secret"), "{path}: {status} {body}");
    }
    let (status, _) = server.get("/", "evil.example:80");
    assert_eq!(status, "403", "a page from elsewhere that calls itself by another name");
}
