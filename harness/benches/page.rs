//! What the page of a long run costs: to write it, to open it, and to move on it.
//!
//! `cargo bench -p interregnum --bench page [-- --operations 200000]`
//!
//! The run is made up; the page and the browser are real. Without a chromium only the writing is measured. Everything is done a few times
//! and the best is told, as whatever else a machine does only takes time away; beside it stands the processor's time, which a busy machine
//! changes less.

#[expect(dead_code, reason = "tests press keys and click, a benchmark does not")]
#[path = "../tests/support/browser.rs"]
mod browser;
#[path = "../tests/support/stored_run.rs"]
mod stored_run;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use clap::Parser;
use serde_json::json;

use browser::Browser;
use stored_run::StoredRun;

const MIB: f64 = (1 << 20) as f64;

/// How often everything is done.
const TIMES: usize = 5;

#[derive(Debug, Parser)]
struct Flags {
    /// Operations of the run
    #[arg(long, default_value_t = 200_000)]
    operations: u64,
    /// Leave the run and its page there, for a profiler
    #[arg(long)]
    into: Option<PathBuf>,
    /// What cargo adds
    #[arg(long, hide = true)]
    bench: bool,
}

/// What something took, in seconds or milliseconds.
#[derive(Clone, Copy)]
struct Taken {
    elapsed: f64,
    processor: f64,
}

impl Taken {
    /// Of both the least.
    fn best_of(mut measure: impl FnMut() -> anyhow::Result<Self>) -> anyhow::Result<Self> {
        let mut best = measure()?;
        for _ in 1..TIMES {
            let next = measure()?;
            best.elapsed = best.elapsed.min(next.elapsed);
            best.processor = best.processor.min(next.processor);
        }
        Ok(best)
    }
}

fn main() -> anyhow::Result<()> {
    let Flags { operations, into, .. } = Flags::parse();
    println!("load average {}", fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    let temporary = tempfile::tempdir()?;
    let directory = into.as_deref().unwrap_or(temporary.path());
    StoredRun { operations, lost: 20, odd_text: "nothing odd".into() }.write(directory);

    let written = Taken::best_of(|| write(directory))?;
    let page = directory.join("report.html");
    let size_mib = page.metadata().context("the page")?.len() as f64 / MIB;
    tell("written, from the run's directory", written, 2.0, "s");
    tell_one("size", &format!("{size_mib:.2} MiB"), size_mib <= 25.0, "25 MiB");

    let Some(mut browser) = Browser::start() else { return Ok(()) };
    // Of the main thread only: the processor's other threads unpack meanwhile.
    browser.call("Performance.enable", &json!({"timeDomain": "threadTicks"}));
    let opened = Taken::best_of(|| Ok(open(&mut browser, &page)))?;
    tell("first paint of the whole timeline", opened, 2.0, "s");
    for (what, step) in
        [("zooming", "view.zoom(n < 30 ? 0.9 : 1 / 0.9, view.end * 0.4)"), ("moving", "view.move(n % 2 ? 0.1 : -0.1)")]
    {
        let moved = Taken::best_of(|| Ok(steps(&mut browser, step)))?;
        tell(&format!("{what}, one step in twenty takes longer"), moved, 50.0, "ms");
    }
    Ok(())
}

/// Writes the page, in a process of its own.
fn write(run: &Path) -> anyhow::Result<Taken> {
    let (begun, processor) = (Instant::now(), processor_of_children());
    let written = Command::new(env!("CARGO_BIN_EXE_interregnum")).arg("report").arg(run).output()?;
    ensure!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    Ok(Taken { elapsed: begun.elapsed().as_secs_f64(), processor: processor_of_children() - processor })
}

/// Opens the page, from the first request to the first picture.
fn open(browser: &mut Browser, page: &Path) -> Taken {
    browser.open(page);
    let processor = processor_of_page(browser);
    Taken { elapsed: number(browser, "document.documentElement.dataset.painted / 1e3"), processor }
}

/// Sixty steps of the window, each drawn at once: what the 57th in order took, and the processor's mean.
fn steps(browser: &mut Browser, step: &str) -> Taken {
    let before = processor_of_page(browser);
    let elapsed = number(
        browser,
        &format!(
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
        ),
    );
    Taken { elapsed, processor: (processor_of_page(browser) - before) / 60.0 * 1e3 }
}

/// Seconds of the processor's time that ended children took: what the kernel tells in hundredths, see `proc(5)`.
fn processor_of_children() -> f64 {
    let told = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = told.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after_name.split_whitespace().skip(13).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    ticks / 100.0
}

/// Seconds of the processor's time that the page's main thread was at work since it was opened.
fn processor_of_page(browser: &mut Browser) -> f64 {
    let told = browser.call("Performance.getMetrics", &json!({}));
    let metrics = told["metrics"].as_array().into_iter().flatten();
    let told = metrics.filter(|metric| metric["name"] == "TaskDuration").find_map(|metric| metric["value"].as_f64());
    told.unwrap_or(f64::NAN)
}

fn number(browser: &mut Browser, expression: &str) -> f64 {
    browser.value(expression).as_f64().unwrap_or(f64::NAN)
}

fn tell(what: &str, Taken { elapsed, processor }: Taken, most: f64, unit: &str) {
    let told = format!("{elapsed:.2} {unit}, {processor:.2} {unit} of a processor");
    tell_one(what, &told, elapsed <= most, &format!("{most} {unit}"));
}

fn tell_one(what: &str, measured: &str, is_kept: bool, most: &str) {
    let verdict = if is_kept { "kept  " } else { "BROKEN" };
    println!("{verdict}  {what}: {measured}; promised at most {most}");
}
