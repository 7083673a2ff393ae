//! The promise: the page can be read in both themes, also by people who tell colours apart by their lightness alone. What people see who
//! lack one kind of cones is tested beside the style sheet.

#[expect(dead_code, reason = "other tests press keys and click")]
#[path = "support/browser.rs"]
mod browser;
#[path = "support/stored_run.rs"]
mod stored_run;

use std::process::Command;

use browser::Browser;
use serde_json::{Value, json};
use stored_run::StoredRun;

/// Of text and what is behind it, by WCAG 2.2, 1.4.3.
const LEAST_CONTRAST: f64 = 4.5;

/// Of the lightness L* of two outcomes, where black and white are 100 apart.
const LEAST_APART: f64 = 10.0;

/// What is written on the drawings, and on what: colours of the style sheet by name.
const ON_DRAWINGS: [(&str, &str); 7] = [
    ("ink", "raised"),
    ("soft", "raised"),
    ("paper", "ok"),
    ("ink", "read"),
    ("paper", "leader"),
    ("paper", "fault"),
    ("paper", "proof"),
];

/// Red, green and blue, from 0 to 255.
fn parts(colour: &Value) -> [f64; 3] {
    [0, 1, 2].map(|part| colour[part].as_f64().unwrap())
}

/// The relative luminance of WCAG 2.2.
fn luminance(colour: [f64; 3]) -> f64 {
    let linear = colour
        .map(|part| part / 255.0)
        .map(|part| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// CIE 1976 L*.
fn lightness(colour: [f64; 3]) -> f64 {
    116.0 * luminance(colour).cbrt() - 16.0
}

/// The page of a run in which writes were lost, in a browser.
fn opened() -> Option<(Browser, tempfile::TempDir)> {
    let mut browser = Browser::start()?;
    let directory = tempfile::tempdir().unwrap();
    StoredRun { operations: 600, lost: 4, odd_text: "nothing odd".into() }.write(directory.path());
    // One gate that was not met, so that everything a page can mark is there.
    let file = directory.path().join("verdict.json");
    let mut verdict: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    verdict["gates"][0]["met"] = json!(false);
    std::fs::write(&file, verdict.to_string()).unwrap();
    let written = Command::new(env!("CARGO_BIN_EXE_interregnum")).arg("report").arg(directory.path()).output().unwrap();
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    browser.open(&directory.path().join("report.html"));
    browser.value("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
    browser.wait_for("document.querySelectorAll('#logs .line').length === 3");
    Some((browser, directory))
}

/// Shows the page in one theme, under one verdict.
fn show(browser: &mut Browser, theme: &str, verdict: &str) {
    browser.value(&format!("document.documentElement.dataset.theme = '{theme}'"));
    browser.value(&format!("document.querySelector('header').className = '{verdict}'"));
}

/// A colour of the style sheet, as it is in the theme that is shown.
fn named(browser: &mut Browser, name: &str) -> [f64; 3] {
    parts(&browser.value(&format!(
        "(() => {{
            document.getElementById('live').style.color = 'var(--{name})';
            return getComputedStyle(document.getElementById('live')).color.match(/[\\d.]+/g).map(Number);
        }})()"
    )))
}

#[test]
fn text_stands_out_from_what_is_behind_it() {
    let Some((mut browser, _run)) = opened() else { return };
    let mut faint = Vec::new();
    for (theme, verdict) in ["light", "dark"]
        .iter()
        .flat_map(|theme| ["pass", "violation", "inconclusive"].map(|verdict| (*theme, verdict)))
    {
        show(&mut browser, theme, verdict);
        let texts = browser.value(include_str!("support/texts.js"));
        let texts = texts.as_array().unwrap();
        assert!(texts.len() > 100, "only {} texts", texts.len());
        let mut check = |what: String, colour: [f64; 3], behind: [f64; 3]| {
            let contrast = contrast(colour, behind);
            if contrast < LEAST_CONTRAST {
                faint.push(format!("{what}, {theme}, {verdict}: {colour:?} on {behind:?} is {contrast:.2} : 1"));
            }
        };
        for told in texts {
            check(format!("`{}`", told["text"].as_str().unwrap()), parts(&told["colour"]), parts(&told["behind"]));
        }
        for (colour, behind) in ON_DRAWINGS {
            check(format!("{colour} on {behind}"), named(&mut browser, colour), named(&mut browser, behind));
        }
    }
    assert!(faint.is_empty(), "{}", faint.join("\n"));
}

#[test]
fn outcomes_differ_in_lightness() {
    let Some((mut browser, _run)) = opened() else { return };
    for theme in ["light", "dark"] {
        show(&mut browser, theme, "pass");
        let outcomes = ["ok", "read", "fail", "info"].map(|name| (name, lightness(named(&mut browser, name))));
        for (at, (a, lightness_a)) in outcomes.iter().enumerate() {
            for (b, lightness_b) in &outcomes[at + 1..] {
                let apart = (lightness_a - lightness_b).abs();
                assert!(apart >= LEAST_APART, "{a} and {b} are {apart:.1} apart in lightness, {theme}");
            }
        }
    }
}
