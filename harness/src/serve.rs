//! Stored runs in a browser: a list of them, and the files of each. It serves one directory on loopback, reads only, and refuses
//! what lies outside.

mod files;
mod found;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use askama::Template;
use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use tokio::net::TcpListener;

use self::found::FoundRun;
use crate::report::html::STYLE;

/// The words of verdicts, in the order in which days count them; whatever else there is comes last.
const VERDICTS: [&str; 4] = ["pass", "violation", "inconclusive", "harness-error"];

/// How wide the bar of a day is.
const BAR: usize = 240;

#[derive(Template)]
#[template(path = "runs.html")]
struct Page {
    directory: String,
    query: Wanted,
    verdicts: [&'static str; 4],
    runs: Vec<FoundRun>,
    total: usize,
    nights: Vec<Night>,
    style: &'static str,
}

/// What a person looks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    words: String,
    verdict: String,
}

/// The runs of one day.
struct Night {
    day: String,
    counts: [usize; 4],
}

/// Serves the directory until the program ends; tells the address once it listens.
pub(crate) async fn serve(directory: &Path, port: u16, listens: impl FnOnce(SocketAddr)) -> anyhow::Result<()> {
    let root = std::fs::canonicalize(directory).with_context(|| format!("no directory {}", directory.display()))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.with_context(|| format!("port {port}"))?;
    listens(listener.local_addr()?);
    let routes = Router::new()
        .route("/", get(list))
        .route("/runs/{*path}", get(files::file))
        .layer(middleware::from_fn(only_ourselves))
        .with_state(Arc::new(root));
    Ok(axum::serve(listener, routes).await?)
}

/// A page from elsewhere may not reach us under a name of its own (DNS rebinding).
async fn only_ourselves(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if ["127.0.0.1", "localhost"].contains(&name) {
        next.run(request).await
    } else {
        (StatusCode::FORBIDDEN, "only this machine is served\n").into_response()
    }
}

async fn list(State(root): State<Arc<PathBuf>>, Query(wanted): Query<Wanted>) -> Result<Response, StatusCode> {
    let directory = Arc::clone(&root);
    let all = tokio::task::spawn_blocking(move || found::runs(&directory)).await;
    let all = all.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let total = all.len();
    let runs: Vec<FoundRun> = all.into_iter().filter(|run| wanted.fits(run)).collect();
    let page = Page {
        directory: root.display().to_string(),
        nights: nights(&runs),
        verdicts: VERDICTS,
        query: wanted,
        runs,
        total,
        style: STYLE,
    };
    let page = page.render().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'";
    Ok(([(header::CONTENT_SECURITY_POLICY, policy)], Html(page)).into_response())
}

fn nights(runs: &[FoundRun]) -> Vec<Night> {
    let mut days: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
    for run in runs {
        let kind = VERDICTS.iter().position(|word| *word == run.verdict).unwrap_or(VERDICTS.len() - 1);
        days.entry(run.day()).or_default()[kind] += 1;
    }
    days.into_iter().rev().map(|(day, counts)| Night { day: day.to_owned(), counts }).collect()
}

impl Wanted {
    /// Every word must stand somewhere.
    fn fits(&self, run: &FoundRun) -> bool {
        let told = run.told().to_lowercase();
        let has_words = self.words.to_lowercase().split_whitespace().all(|word| told.contains(word));
        has_words && (self.verdict.is_empty() || self.verdict == run.verdict)
    }
}

impl Night {
    /// What part of the day's runs came to what: a verdict, where its bar begins and how wide it is.
    fn bars(&self) -> Vec<(&'static str, usize, usize)> {
        let all = self.counts.iter().sum::<usize>().max(1);
        let mut x = 0;
        let bar = |(verdict, count): (&'static str, usize)| {
            let (begin, width) = (x, count * BAR / all);
            x += width;
            (verdict, begin, width)
        };
        VERDICTS.into_iter().zip(self.counts).map(bar).collect()
    }
}
