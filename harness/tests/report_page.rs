//! The promise: the page of a run opens in a browser by itself, and leads a person to what went wrong.

#[path = "support/browser.rs"]
mod browser;
#[path = "support/stored_run.rs"]
mod stored_run;

use std::path::{Path, PathBuf};
use std::process::Command;

use browser::Browser;
use serde_json::{Value, json};
use stored_run::StoredRun;

/// The page of a made-up run, as `interregnum report` writes it.
fn page_of(run: &StoredRun) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    run.write(directory.path());
    let page = page_in(directory.path());
    (directory, page)
}

/// The page of the run in this directory.
fn page_in(directory: &Path) -> PathBuf {
    let written = Command::new(env!("CARGO_BIN_EXE_interregnum")).arg("report").arg(directory).output().unwrap();
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    PathBuf::from(String::from_utf8(written.stdout).unwrap().trim())
}

fn with_lost_writes(operations: u64) -> StoredRun {
    StoredRun { operations, lost: 4, odd_text: "nothing odd".into() }
}

/// What the page shows of the window of time.
fn span(browser: &mut Browser) -> f64 {
    browser.value("interregnum.view.span").as_f64().unwrap()
}

/// Where an operation is in the window of the browser.
fn place_of(browser: &mut Browser, operation: &str) -> (f64, f64) {
    let place = browser.value(&format!(
        "(() => {{
            const canvas = document.getElementById('timeline').getBoundingClientRect();
            const box = interregnum.boxOf({operation});
            return [canvas.left + (box.begin + box.end) / 2, canvas.top + box.y + box.height / 2];
        }})()"
    ));
    (place[0].as_f64().unwrap(), place[1].as_f64().unwrap())
}

#[test]
fn it_leads_to_the_operations_that_prove_a_violation() {
    let Some(mut browser) = Browser::start() else { return };
    let (_run, page) = page_of(&with_lost_writes(6000));
    browser.open(&page);
    let title = browser.value("document.title");
    assert!(title.as_str().unwrap().starts_with("violation: 4 of"), "{title}");
    assert_eq!(browser.value("interregnum.run.operations.count > 6000"), json!(true), "every operation is there");

    // A click on the proof.
    browser.value("document.querySelector('.jump').click()");
    browser.wait_for("interregnum.view.proof === 'lost-writes-1'");
    let told = browser.value("document.getElementById('detail').textContent");
    assert!(told.as_str().unwrap().contains("was acknowledged by n1"), "{told}");
    let shown = "interregnum.run.proofs[0].operations.every((index) => {
        const { invoked, ended } = interregnum.run.operations;
        return interregnum.view.from < invoked[index] && ended[index] < interregnum.view.to;
    })";
    assert_eq!(browser.value(shown), json!(true), "the operations of the proof are in the window");
    let arrows = browser.value("interregnum.run.proofs[0].arrows.map((arrow) => arrow.why)");
    assert_eq!(arrows, json!(["time", "value"]), "the write is before the read, and cannot be");

    // A click on the write that was lost, where it is drawn.
    browser.value("interregnum.showOperation(interregnum.run.proofs[0].operations[0])");
    browser.wait_for("interregnum.view.operation === interregnum.run.proofs[0].operations[0]");
    browser.press("Escape");
    browser.value("document.getElementById('timeline').focus(), document.getElementById('detail').replaceChildren()");
    browser.value("document.getElementById('timeline').scrollIntoView({ block: 'center' })");
    let (x, y) = place_of(&mut browser, "interregnum.run.proofs[0].operations[0]");
    browser.click(x, y);
    browser.wait_for("document.getElementById('detail').textContent.includes('LSN')");
    let told = browser.value("document.getElementById('detail').textContent");
    for part in ["append l", "ok: it happened", "argument", "noden1", "epoch1", "LSN"] {
        assert!(told.as_str().unwrap().contains(part), "{part}: {told}");
    }
    let table = browser.value("document.querySelector('#losses tbody').textContent");
    assert!(table.as_str().unwrap().contains("INFO rewound epoch=1"), "the line that gave it up: {table}");
    assert_eq!(browser.complaints(), [&Value::Null; 0]);
}

#[test]
fn it_zooms_by_wheel_and_keys_and_shows_the_logs_of_what_is_visible() {
    let Some(mut browser) = Browser::start() else { return };
    let (_run, page) = page_of(&with_lost_writes(6000));
    browser.open(&page);
    let whole = span(&mut browser);
    let picture = "document.getElementById('timeline').toDataURL()";
    let before = browser.value(picture);
    let rows = browser.value("interregnum.run.lags.length");
    assert_eq!(rows, json!(4), "the lag of each follower is there");
    browser.wait_for("document.querySelectorAll('#logs .line').length === 3");

    browser.value("document.getElementById('timeline').scrollIntoView({ block: 'center' })");
    browser.value("document.getElementById('timeline').focus()");
    let (x, y) = place_of(&mut browser, "3000");
    browser.wheel(x, y, -1200.0);
    browser.wait_for(&format!("interregnum.view.span < {}", whole / 4.0));
    browser.wait_for("document.querySelectorAll('#logs .line').length === 0");
    assert_ne!(browser.value(picture), before, "another window is another picture");
    let closer = span(&mut browser);
    browser.press("-");
    browser.wait_for(&format!("interregnum.view.span > {closer}"));

    // By keys alone: to a lane, to its first operation, close up, and back.
    browser.press("0");
    browser.press("ArrowDown");
    browser.press(".");
    browser.wait_for("interregnum.view.operation === 0");
    browser.press("Enter");
    browser.wait_for("interregnum.view.span < 10e6");
    assert!(browser.value("document.getElementById('live').textContent").as_str().unwrap().contains("read l0"));
    browser.press("0");
    browser.wait_for(&format!("Math.abs(interregnum.view.span - {whole}) < 1"));
    assert_eq!(browser.complaints(), [&Value::Null; 0]);
}

#[test]
fn it_needs_nothing_but_itself_and_runs_nothing_that_a_node_said() {
    let odd_text = "</script><script>document.title='hacked'</script><img src=http://127.0.0.1:9/x onerror=\"document.title='hacked'\">";
    let (_run, page) = page_of(&StoredRun { operations: 60, lost: 2, odd_text: odd_text.into() });
    let text = std::fs::read_to_string(&page).unwrap();
    assert!(!text.contains(odd_text), "what a node said stands in the page as it is");
    assert_eq!(text.matches("<script").count(), 4);
    for loads in ["src=\"", "href=\"http", "@import", "url(http"] {
        assert!(!text.contains(loads), "the page asks for something: {loads}");
    }

    let Some(mut browser) = Browser::start() else { return };
    browser.open(&page);
    browser.wait_for("document.querySelectorAll('#logs .line').length === 3");
    let odd = "interregnum.run.operations.count - 1 - interregnum.run.operations.outcome.toReversed().indexOf(2)";
    browser.value(&format!("interregnum.showOperation({odd})"));
    let told = browser.value("document.getElementById('detail').textContent");
    assert!(told.as_str().unwrap().contains(odd_text), "it is told as it was said: {told}");
    assert!(browser.value("document.title").as_str().unwrap().starts_with("violation"));
    assert_eq!(browser.fetched(), [format!("file://{}", page.display())], "nothing else is fetched");
    assert_eq!(browser.complaints(), [&Value::Null; 0]);
}

#[test]
fn it_has_two_themes_and_a_name_for_everything() {
    let Some(mut browser) = Browser::start() else { return };
    let (_run, page) = page_of(&with_lost_writes(600));
    browser.open(&page);
    let paper = "getComputedStyle(document.body).backgroundColor";
    let mut papers = Vec::new();
    for theme in ["light", "dark"] {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": theme}]});
        browser.call("Emulation.setEmulatedMedia", &features);
        papers.push(browser.value(paper));
    }
    assert_ne!(papers[0], papers[1]);
    browser.value("document.getElementById('theme').click()");
    assert_eq!(browser.value(paper), papers[0], "the button overrules the system's theme");

    let tree = browser.call("Accessibility.getFullAXTree", &json!({}));
    let nodes = tree["nodes"].as_array().unwrap();
    let mut seen = 0;
    for node in nodes.iter().filter(|node| node["ignored"] == false) {
        let role = node["role"]["value"].as_str().unwrap_or_default();
        if ["button", "application", "searchbox", "img", "log", "toolbar"].contains(&role) {
            seen += 1;
            assert!(!node["name"]["value"].as_str().unwrap_or_default().is_empty(), "{role} has no name: {node}");
        }
    }
    assert!(seen > 10, "{seen} controls");
}

/// Whether something shows on the timeline: without it, the drawing is another one.
fn is_drawn(browser: &mut Browser, take_away: &str, put_back: &str) -> bool {
    let told = browser.value(&format!(
        "(() => {{
            const {{ run, draw }} = interregnum;
            const picture = () => (draw(), document.getElementById('timeline').toDataURL());
            const [{{ marks }}, before] = [run, picture()];
            {take_away};
            const without = picture();
            {put_back};
            return [before !== without, before === picture()];
        }})()"
    ));
    assert_eq!(told[1], json!(true), "the same is drawn in the same way: {take_away}");
    told[0] == json!(true)
}

#[test]
fn every_kind_of_mark_is_drawn_where_it_happened() {
    let Some(mut browser) = Browser::start() else { return };
    let (_run, page) = page_of(&with_lost_writes(600));
    browser.open(&page);
    for kind in ["election", "rewind", "gate", "unmet", "fencing"] {
        // What did not happen in this run happens at its middle.
        let happened = format!("run.marks = marks.filter((mark) => mark.kind !== '{kind}')");
        let invented =
            format!("interregnum.run.marks.push({{ kind: '{kind}', node: 'n2', at: interregnum.run.end / 3 }})");
        if browser.value(&format!("interregnum.run.marks.some((mark) => mark.kind === '{kind}')")) == json!(false) {
            browser.value(&invented);
        }
        assert!(is_drawn(&mut browser, &happened, "run.marks = marks"), "{kind} is not drawn");
    }
    assert!(
        is_drawn(&mut browser, "run.faults[0].verified = false", "run.faults[0].verified = true"),
        "no doubt is drawn"
    );
    // The gate before the faults is met by the tenth acknowledgement.
    let met = "interregnum.run.marks.find((mark) => mark.kind === 'gate').at === interregnum.run.operations.ended.toSorted()[9]";
    assert_eq!(browser.value(met), json!(true));
}

/// A run in which everybody was served, but nobody before the fault, and the fault did nothing.
#[test]
fn it_marks_gates_that_were_not_met_and_faults_that_had_no_effect() {
    let (run, _) = page_of(&StoredRun { operations: 600, lost: 0, odd_text: "nothing odd".into() });
    let file = run.path().join("verdict.json");
    let mut verdict: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    verdict["verdict"] = json!("inconclusive");
    verdict["gates"][0]["met"] = json!(false);
    verdict["gates"][0]["detail"] = json!("3, at least 10 wanted");
    verdict["faults"][0]["effect"] = json!({"verified": false, "evidence": "0 bytes <held> back"});
    std::fs::write(&file, verdict.to_string()).unwrap();
    let page = page_in(run.path());

    let Some(mut browser) = Browser::start() else { return };
    browser.open(&page);
    let told = browser.value("document.querySelector('.promises').textContent");
    for part in [
        "not met: operations were acknowledged before the faults: 3, at least 10",
        "kill n1 showed no effect: 0 bytes <held> back",
    ] {
        assert!(told.as_str().unwrap().contains(part), "{part}: {told}");
    }
    let mark = "interregnum.run.marks.find((mark) => mark.kind === 'unmet')";
    assert_eq!(
        browser.value(&format!("{mark}.at === interregnum.run.faults[0].from")),
        json!(true),
        "before that it was to be"
    );

    browser.value("document.querySelector('[data-fault]').click()");
    browser.wait_for("document.getElementById('detail').textContent.includes('no: 0 bytes <held> back')");
    let is_shown =
        "interregnum.view.from < interregnum.run.faults[0].from && interregnum.run.faults[0].to < interregnum.view.to";
    assert_eq!(browser.value(is_shown), json!(true));
    // A click on the mark itself.
    browser.value("document.getElementById('timeline').scrollIntoView({ block: 'center' })");
    let place = browser.value(&format!(
        "(() => {{
            const canvas = document.getElementById('timeline').getBoundingClientRect();
            return [canvas.left + interregnum.view.x({mark}.at), canvas.top + 30];
        }})()"
    ));
    browser.click(place[0].as_f64().unwrap(), place[1].as_f64().unwrap());
    browser.wait_for(
        "document.getElementById('detail').textContent.includes('not met: operations were acknowledged before')",
    );
    assert_eq!(browser.complaints(), [&Value::Null; 0]);
}
