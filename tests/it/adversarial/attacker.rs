//! A worker whose guest is hostile, and who speaks to the host as everyone does: over HTTP.

use hostel_host::config::BackendConfig;
use hostel_host::ids::BackendName;
use hostel_host::registry::BackendSettings;
use hostel_tests::{Guest, Neighbour, TestServer};
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// Codes of `wasi:filesystem` as the prowler tells them.
pub(super) const EXIST: i64 = -8;
pub(super) const FULL: i64 = -24;
pub(super) const NOT_PERMITTED: i64 = -32;
pub(super) const CROSS_DEVICE: i64 = -37;

#[derive(Clone)]
pub(super) struct Attacker {
    client: Client,
    url: String,
    backend: String,
    /// Empty: none.
    pub(super) session: String,
}

/// A host with one hostile backend of these settings, and a neighbour.
pub(super) async fn attacked(
    name: &str,
    guest: &Guest,
    change: impl FnOnce(&mut BackendSettings),
) -> (TestServer, Neighbour) {
    let mut settings = BackendSettings::default();
    change(&mut settings);
    let backend = BackendConfig {
        path: None,
        pin: None,
        settings,
    };
    let server = TestServer::start_with(&[(name, guest)], |config| {
        config
            .backends
            .insert(BackendName::parse(name).unwrap(), backend);
    })
    .await;
    let neighbour = Neighbour::beside(server.address).await;
    (server, neighbour)
}

impl Attacker {
    pub(super) fn at(address: impl std::fmt::Display, backend: &str) -> Self {
        Self {
            client: Client::builder().no_proxy().build().unwrap(),
            url: format!("http://{address}"),
            backend: backend.to_owned(),
            session: String::new(),
        }
    }

    /// With a session of its own, which the body says more about.
    pub(super) async fn with_session(&self, mut body: Value) -> Self {
        body["backend"] = json!(self.backend);
        let (status, session) = self.ask(Method::POST, "/v1/sessions", &body).await;
        assert_eq!(status, 201, "{session}");
        Self {
            session: session["id"].as_str().unwrap().to_owned(),
            ..self.clone()
        }
    }

    pub(super) async fn ask(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let request = self
            .client
            .request(method, format!("{}{path}", self.url))
            .header("x-worker-id", "attacker")
            .json(body);
        let answer = request.send().await.expect("the host answers");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    /// Calls a tool; the status, and the envelope or the problem.
    pub(super) async fn call(&self, tool: &str, params: Value) -> (u16, Value) {
        let mut body = json!({"action": format!("{}:{tool}", self.backend), "params": params});
        if !self.session.is_empty() {
            body["session"] = json!(self.session);
        }
        self.ask(Method::POST, "/v1/execute", &body).await
    }

    /// The number that a tool answers with.
    pub(super) async fn number(&self, tool: &str, params: Value) -> i64 {
        let (status, answer) = self.call(tool, params.clone()).await;
        assert_eq!(status, 200, "{tool} {params}: {answer}");
        let result = &answer["result"];
        let number = result.as_i64().or_else(|| result.as_str()?.parse().ok());
        number.unwrap_or_else(|| panic!("{tool} {params}: {answer}"))
    }

    /// The code with which a call fails.
    pub(super) async fn failure(&self, tool: &str, params: Value) -> String {
        let (status, answer) = self.call(tool, params.clone()).await;
        assert!(status >= 400, "{tool} {params}: {answer}");
        answer["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(super) async fn fork(&self) -> (u16, Value) {
        let path = format!("/v1/sessions/{}/fork", self.session);
        self.ask(Method::POST, &path, &json!({})).await
    }

    /// The fork as an attacker of its own.
    pub(super) async fn forked(&self) -> Self {
        let (status, answer) = self.fork().await;
        let id = answer.pointer("/forks/0/id").and_then(Value::as_str);
        let id = id.unwrap_or_else(|| panic!("{status}: {answer}"));
        Self {
            session: id.to_owned(),
            ..self.clone()
        }
    }

    pub(super) async fn destroy(&self) -> (u16, Value) {
        let path = format!("/v1/sessions/{}", self.session);
        self.ask(Method::DELETE, &path, &Value::Null).await
    }
}
