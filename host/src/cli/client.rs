//! Talks to a running host.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::Full;
use serde_json::Value;

use crate::https::{Https, NoAnswer, encoded};

use super::{ClientArgs, Outcome};

/// A call may take as long as the host lets it; this only bounds a host that does not answer at all.
const PATIENCE: Duration = Duration::from_secs(20 * 60);
/// Of an answer.
const BYTES_MAX: usize = 1 << 30;

pub(super) struct Client {
    http: Https,
    args: ClientArgs,
}

/// Runs a command that talks to a host.
pub(super) fn block_on(command: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(command)
}

impl Client {
    pub(super) fn new(args: ClientArgs) -> Result<Self, String> {
        let http = Https::new(PATIENCE, BYTES_MAX, args.ca.as_deref());
        let http = http.map_err(|error| format!("--ca: {error}"))?;
        Ok(Self { http, args })
    }

    pub(super) fn json(&self) -> bool {
        self.args.json
    }

    pub(super) async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Value, String> {
        let query = query.iter();
        let query: Vec<String> = query
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        let path = match query.is_empty() {
            true => path.to_owned(),
            false => format!("{path}?{}", query.join("&")),
        };
        self.send(Method::GET, &path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        self.send(Method::POST, path, Some(body)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Value, String> {
        self.send(Method::DELETE, path, None).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, String> {
        let server = &self.args.server;
        let url = format!("{}{}", server.trim_end_matches('/'), visible(path));
        let mut request = Request::builder().method(method).uri(url);
        if let Some(key) = &self.args.key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        if let Some(worker) = &self.args.worker {
            request = request.header("x-worker-id", worker);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map(|body| Bytes::from(body.to_string()));
        let request = request
            .body(Full::new(body.unwrap_or_default()))
            .map_err(|error| format!("cannot ask {server}: {error}"))?;
        let (status, text) = self.http.ask(request).await.map_err(|error| match error {
            NoAnswer::Unreachable => format!(
                "no host answers at {server}; start one with `hostel up` or `hostel serve`, or name another with --server"
            ),
            NoAnswer::Broken(why) => format!("cannot ask {server}: {why}"),
        })?;
        let answer: Value = serde_json::from_slice(&text).map_err(|_| {
            format!(
                "{server} answered {status} with something that is not JSON; is it a Hostel host?"
            )
        })?;
        if status.is_success() {
            Ok(answer)
        } else {
            Err(problem(&answer))
        }
    }
}

/// What people typed may have characters in it that no address has.
fn visible(path: &str) -> String {
    let shown = |c: char| match c {
        '!'..='~' if !"\"<>\\^`{|}".contains(c) => c.to_string(),
        _ => encoded(c.encode_utf8(&mut [0; 4])),
    };
    path.chars().map(shown).collect()
}

/// A problem document in one line and its hint in another.
pub(super) fn problem(answer: &Value) -> String {
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    let code = text("code").unwrap_or("error");
    let detail = text("detail").unwrap_or("the host gave no reason");
    match text("hint") {
        Some(hint) => format!("{code}: {detail}\n  {hint}"),
        None => format!("{code}: {detail}"),
    }
}
