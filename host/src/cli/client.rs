//! Talks to a running host.

use std::time::Duration;

use serde_json::Value;

use super::{ClientArgs, Outcome};

/// A call may take as long as the host lets it; this only bounds a host that does not answer at all.
const PATIENCE: Duration = Duration::from_secs(20 * 60);

pub(super) struct Client {
    http: reqwest::Client,
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
        if args.server.starts_with("https:") {
            return Err("--server: this client speaks plain HTTP; reach a host behind TLS through a local proxy".to_owned());
        }
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .no_proxy()
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { http, args })
    }

    pub(super) fn json(&self) -> bool {
        self.args.json
    }

    pub(super) async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Value, String> {
        self.send(self.http.get(self.url(path)).query(query)).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        self.send(self.http.post(self.url(path)).json(body)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Value, String> {
        self.send(self.http.delete(self.url(path))).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.args.server.trim_end_matches('/'))
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value, String> {
        let request = match (&self.args.key, &self.args.worker) {
            (Some(key), _) => request.bearer_auth(key),
            (None, Some(worker)) => request.header("x-worker-id", worker),
            (None, None) => request,
        };
        let response = request
            .send()
            .await
            .map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let text = response
            .text()
            .await
            .map_err(|error| format!("the answer broke off: {error}"))?;
        let answer: Value = serde_json::from_str(&text).map_err(|_| {
            format!(
                "{} answered {status} with something that is not JSON; is it a Hostel host?",
                self.args.server
            )
        })?;
        if status.is_success() {
            Ok(answer)
        } else {
            Err(problem(&answer))
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> String {
        if error.is_connect() {
            return format!(
                "no host answers at {}; start one with `hostel up` or `hostel serve`, or name another with --server",
                self.args.server
            );
        }
        format!("cannot ask {}: {error}", self.args.server)
    }
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
