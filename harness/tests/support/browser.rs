//! A headless chromium, spoken to through its debugging pipe. It knows no page, and judges none.
//!
//! Chromium reads commands from descriptor 3 and answers on descriptor 4, JSON between zero bytes; a shell puts the pipes there.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// An upper bound: chromium answers within milliseconds, and starts within seconds on a busy machine.
const LIMIT: Duration = Duration::from_secs(90);

/// One page in a browser of its own.
pub(crate) struct Browser {
    process: Child,
    commands: ChildStdin,
    answers: Receiver<Value>,
    session: Option<String>,
    number: u64,
    /// What the browser told without being asked.
    told: Vec<Value>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// `None`, said aloud, where there is no chromium.
    pub(crate) fn start() -> Option<Self> {
        if Command::new("chromium").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            eprintln!("SKIPPED: chromium is not installed, so the page was not opened in a browser");
            return None;
        }
        let profile = tempfile::tempdir().unwrap();
        let mut process = Command::new("sh")
            .args(["-c", r#"exec "$@" 3<&0 4>&1 0</dev/null 1>/dev/null"#, "sh", "chromium"])
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe"])
            .args(["--window-size=1500,1000", "--force-prefers-reduced-motion"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (commands, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let (sender, answers) = mpsc::channel();
        std::thread::spawn(move || {
            let messages = BufReader::new(output).split(0).map_while(Result::ok);
            for message in messages.map(|message| serde_json::from_slice(&message).unwrap()) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let (session, number, told) = (None, 0, Vec::new());
        let mut browser = Self { process, commands, answers, session, number, told, _profile: profile };
        let targets = browser.call("Target.getTargets", &json!({}));
        let page = targets["targetInfos"].as_array().unwrap().iter().find(|target| target["type"] == "page").unwrap();
        let attach = json!({"targetId": page["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", &attach);
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network", "Log", "Accessibility"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        Some(browser)
    }

    /// Asks the browser; see <https://chromedevtools.github.io/devtools-protocol/>.
    pub(crate) fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.number += 1;
        let mut command = json!({"id": self.number, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            command["sessionId"] = session.as_str().into();
        }
        let mut message = command.to_string().into_bytes();
        message.push(0);
        self.commands.write_all(&message).unwrap();
        loop {
            let answer =
                self.answers.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("chromium did not answer {method}"));
            if answer["id"] != self.number {
                self.told.push(answer);
                continue;
            }
            assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
            return answer["result"].clone();
        }
    }

    /// The value of an expression in the page.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", &asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// Opens a page of this disk, and waits until it has been painted.
    pub(crate) fn open(&mut self, page: &Path) {
        self.call("Page.navigate", &json!({"url": format!("file://{}", page.display())}));
        self.wait_for("(globalThis.document?.documentElement?.dataset.painted ?? 0) > 0");
    }

    /// Waits until an expression is true in the page.
    pub(crate) fn wait_for(&mut self, expression: &str) {
        let deadline = Instant::now() + LIMIT;
        while self.value(expression) != json!(true) {
            assert!(Instant::now() < deadline, "it did not come to {expression}; {:?}", self.complaints());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Presses a key.
    pub(crate) fn press(&mut self, key: &str) {
        let down = if key.len() == 1 {
            json!({"type": "keyDown", "key": key, "text": key})
        } else {
            json!({"type": "keyDown", "key": key})
        };
        self.call("Input.dispatchKeyEvent", &down);
        self.call("Input.dispatchKeyEvent", &json!({"type": "keyUp", "key": key}));
    }

    /// Clicks at a place of the window.
    pub(crate) fn click(&mut self, x: f64, y: f64) {
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", &event);
        }
    }

    /// Turns the wheel there.
    pub(crate) fn wheel(&mut self, x: f64, y: f64, delta: f64) {
        let event = json!({"type": "mouseWheel", "x": x, "y": y, "deltaX": 0, "deltaY": delta});
        self.call("Input.dispatchMouseEvent", &event);
    }

    /// Whatever the console shows, and whatever went wrong in a script.
    pub(crate) fn complaints(&self) -> Vec<&Value> {
        let is_complaint = |told: &&Value| {
            let method = told["method"].as_str().unwrap_or_default();
            ["Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"].contains(&method)
        };
        self.told.iter().filter(is_complaint).collect()
    }

    /// The addresses of everything that was asked for.
    pub(crate) fn fetched(&self) -> Vec<&str> {
        let requests = self.told.iter().filter(|told| told["method"] == "Network.requestWillBeSent");
        requests.filter_map(|told| told["params"]["request"]["url"].as_str()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
