//! What the page of a long run costs: to write it, to open it, and to move on it.
//!
//! `cargo bench -p interregnum --bench page [-- --operations 200000]`
//!
//! The run is made up; the page and the browser are real. Without a chromium only the writing is measured.

#[expect(dead_code, reason = "tests press keys and click, a benchmark does not")]
#[path = "../tests/support/browser.rs"]
mod browser;
#[path = "../tests/support/stored_run.rs"]
mod stored_run;

use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use clap::Parser;

use browser::Browser;
use stored_run::StoredRun;

const MIB: f64 = (1 << 20) as f64;

#[derive(Debug, Parser)]
struct Flags {
    /// Operations of the run
    #[arg(long, default_value_t = 200_000)]
    operations: u64,
    /// What cargo adds
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let Flags { operations, .. } = Flags::parse();
    println!("load average {}", std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    let directory = tempfile::tempdir()?;
    StoredRun { operations, lost: 20, odd_text: "nothing odd".into() }.write(directory.path());

    let begun = Instant::now();
    let written = Command::new(env!("CARGO_BIN_EXE_interregnum")).arg("report").arg(directory.path()).output()?;
    ensure!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let written_s = begun.elapsed().as_secs_f64();
    let page = directory.path().join("report.html");
    let size_mib = page.metadata().context("the page")?.len() as f64 / MIB;
    tell("written, from the run's directory", written_s, 2.0, "s");
    tell("size", size_mib, 25.0, "MiB");

    let Some(mut browser) = Browser::start() else { return Ok(()) };
    browser.open(&page);
    let number = |browser: &mut Browser, expression: &str| browser.value(expression).as_f64().unwrap_or(f64::NAN);
    tell(
        "first paint of the whole timeline",
        number(&mut browser, "document.documentElement.dataset.painted / 1e3"),
        2.0,
        "s",
    );
    for (what, step) in
        [("zooming", "view.zoom(n < 30 ? 0.9 : 1 / 0.9, view.end * 0.4)"), ("moving", "view.move(n % 2 ? 0.1 : -0.1)")]
    {
        let frames = format!(
            "(() => {{
                const {{ view, draw }} = interregnum;
                view.whole();
                const taken = Array.from({{ length: 60 }}, (_, n) => {{
                    {step};
                    const begun = performance.now();
                    draw();
                    return performance.now() - begun;
                }});
                return taken.sort((a, b) => a - b)[56];
            }})()"
        );
        tell(&format!("{what}, a frame in twenty takes longer"), number(&mut browser, &frames), 50.0, "ms");
    }
    Ok(())
}

fn tell(what: &str, measured: f64, most: f64, unit: &str) {
    let verdict = if measured <= most { "kept  " } else { "BROKEN" };
    println!("{verdict}  {what}: {measured:.2} {unit}, promised at most {most} {unit}");
}
