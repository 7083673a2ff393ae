//! One file below the directory that is served. Where a path leads is asked of the file system, so that no way of writing it, and no
//! link, leads outside.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path as UrlPath, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio_util::io::ReaderStream;

use crate::report::html;
use crate::run_dir::RunDir;

pub(super) async fn file(
    State(root): State<Arc<PathBuf>>,
    UrlPath(path): UrlPath<String>,
) -> Result<Response, StatusCode> {
    let wanted = root.join(&path);
    if wanted.file_name().is_some_and(|name| name == "report.html") {
        write_if_missing(&root, &wanted).await;
    }
    let found = inside(&root, &wanted).ok_or(StatusCode::NOT_FOUND)?;
    let file = tokio::fs::File::open(&found).await.map_err(|_| StatusCode::NOT_FOUND)?;
    if !file.metadata().await.is_ok_and(|file| file.is_file()) {
        return Err(StatusCode::NOT_FOUND);
    }
    // What nodes wrote is text, whatever it looks like; only a page of ours is a page, and has a policy of its own.
    let is_page = found.file_name().is_some_and(|name| name == "report.html");
    let kind = if is_page { "text/html; charset=utf-8" } else { "text/plain; charset=utf-8" };
    let headers = [(header::CONTENT_TYPE, kind), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    Ok((headers, Body::from_stream(ReaderStream::new(file))).into_response())
}

/// Where the path leads, if that is below the root.
fn inside(root: &Path, wanted: &Path) -> Option<PathBuf> {
    let found = std::fs::canonicalize(wanted).ok()?;
    found.starts_with(root).then_some(found)
}

/// A run of an earlier version has no page yet. If it can't be made, the page is not found.
async fn write_if_missing(root: &Path, page: &Path) {
    let Some(directory) = page.parent().and_then(|directory| inside(root, directory)) else { return };
    if directory.join("report.html").exists() || !directory.join("verdict.json").is_file() {
        return;
    }
    let written = tokio::task::spawn_blocking(move || html::write(&RunDir::existing(&directory)?));
    if let Ok(Err(error)) = written.await {
        tracing::warn!("{}: {error:#}", page.display());
    }
}
