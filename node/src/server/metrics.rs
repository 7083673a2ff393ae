//! Serves `GET /metrics` at `--metrics`: HTTP/1.1, one request a connection, and nothing else.
//!
//! Not here: which numbers there are (`exposition`).

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::{Ask, Node};

mod exposition;

/// Most bytes of a request's head, and most headers in it: what browsers and Prometheus send, several times over.
const MAX_HEAD_BYTES: usize = 8 << 10;
const MAX_HEADERS: usize = 64;
/// Most connections at once: a few scrapers. Who comes when there are more is closed without an answer, and comes again.
const MAX_CONNECTIONS: usize = 16;
/// Longest a connection may take in all. A scrape takes milliseconds; those who say nothing must not keep the few places.
const DEADLINE: Duration = Duration::from_secs(2);

const PLAIN: &str = "text/plain; charset=utf-8";
const WHAT_THERE_IS: &str = "this address has GET /metrics, and nothing else\n";

/// Lets scrapers in until the node ends.
pub(super) async fn accept(
    listener: TcpListener,
    node: Arc<Node>,
    mailbox: mpsc::Sender<Ask>,
    connections: TaskTracker,
) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    while let Some(accepted) = node.closing.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => {
                let Ok(permit) = Arc::clone(&room).try_acquire_owned() else { continue };
                let (node, mailbox) = (Arc::clone(&node), mailbox.clone());
                connections.spawn(async move {
                    // Whoever is late or gone gets no answer, and there is nobody else to tell.
                    let _ = node.closing.run_until_cancelled(timeout(DEADLINE, serve(stream, &node, &mailbox))).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection for metrics");
                tokio::time::sleep(Duration::from_millis(100)).await; // typically out of file descriptors
            }
        }
    }
}

async fn serve(mut stream: TcpStream, node: &Node, mailbox: &mpsc::Sender<Ask>) -> std::io::Result<()> {
    let mut head = Vec::new();
    let answer = loop {
        let read = (&mut stream).take((MAX_HEAD_BYTES - head.len()) as u64).read_buf(&mut head).await?;
        if let Some(answer) = understand(&head) {
            break answer;
        }
        if read == 0 {
            break Err("400 Bad Request"); // it ended in the middle of a request
        }
    };
    let (status, content_type, body) = match answer {
        Ok(()) => match ask(node, mailbox).await {
            Some(text) => ("200 OK", exposition::CONTENT_TYPE, text),
            None => ("503 Service Unavailable", PLAIN, "the node is stopping\n".to_owned()),
        },
        Err(status) => (status, PLAIN, WHAT_THERE_IS.to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nAllow: GET\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await?;
    stream.shutdown().await?;
    // What is still on its way here would make the system reset the connection, and the answer would be lost.
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// Whether a request is one for the metrics, or which status it gets; `None` while it is not whole.
fn understand(head: &[u8]) -> Option<Result<(), &'static str>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Complete(_)) => {
            let path = request.path.unwrap_or_default();
            Some(match (request.method, path.split('?').next()) {
                (Some("GET"), Some("/metrics")) => Ok(()),
                (_, Some("/metrics")) => Err("405 Method Not Allowed"),
                _ => Err("404 Not Found"),
            })
        }
        Ok(httparse::Status::Partial) if head.len() >= MAX_HEAD_BYTES => {
            Some(Err("431 Request Header Fields Too Large"))
        }
        Ok(httparse::Status::Partial) => None,
        Err(httparse::Error::TooManyHeaders) => Some(Err("431 Request Header Fields Too Large")),
        Err(_) => Some(Err("400 Bad Request")),
    }
}

async fn ask(node: &Node, mailbox: &mpsc::Sender<Ask>) -> Option<String> {
    let (token, status) = oneshot::channel();
    mailbox.send(Ask::Status(token)).await.ok()?;
    Some(exposition::text(&status.await.ok()?, node.connected()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_for_the_metrics_or_gets_its_status() {
        let long = format!("GET /metrics HTTP/1.1\r\nA: {}", "x".repeat(MAX_HEAD_BYTES));
        let many = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(MAX_HEADERS + 1));
        for (head, expected) in [
            ("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", Some(Ok(()))),
            ("GET /metrics?x=1 HTTP/1.0\r\n\r\n", Some(Ok(()))),
            ("GET /metrics HTTP/1.1\r\nHost: a\r\n", None),
            ("", None),
            ("GET / HTTP/1.1\r\n\r\n", Some(Err("404 Not Found"))),
            ("GET /metrics/ HTTP/1.1\r\n\r\n", Some(Err("404 Not Found"))),
            ("POST /metrics HTTP/1.1\r\n\r\n", Some(Err("405 Method Not Allowed"))),
            ("*1\r\n$4\r\nPING\r\n", Some(Err("400 Bad Request"))),
            ("\u{0}\u{1}", Some(Err("400 Bad Request"))),
            (&long, Some(Err("431 Request Header Fields Too Large"))),
            (&many, Some(Err("431 Request Header Fields Too Large"))),
        ] {
            assert_eq!(understand(head.as_bytes()), expected, "{head:?}");
        }
    }
}
