//! Clients that write their messages themselves, so that a test can also write what no client would.

use std::time::Duration;

use hostel_tests::TestServer;
use reqwest::header::HeaderMap;
use reqwest::{Method, Response};
use serde_json::{Value, json};

pub(super) const MODERN: &str = "2026-07-28";
pub(super) const LEGACY: &str = "2025-11-25";
const ACCEPT: &str = "application/json, text/event-stream";

/// What came back, whole.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
    /// The messages in it, one of them if it is JSON.
    pub(super) messages: Vec<Value>,
}

/// A client of 2026-07-28: each request stands for itself.
pub(super) struct Modern<'s> {
    pub(super) server: &'s TestServer,
    pub(super) worker: &'static str,
    /// A session's token.
    pub(super) token: Option<String>,
    /// What more each request says of itself.
    pub(super) meta: Value,
}

/// A client of 2025-11-25, with its session of the protocol.
pub(super) struct Legacy<'s> {
    server: &'s TestServer,
    worker: &'static str,
    pub(super) session: String,
}

impl<'s> Modern<'s> {
    pub(super) fn new(server: &'s TestServer) -> Self {
        Self::of(server, "default")
    }

    pub(super) fn of(server: &'s TestServer, worker: &'static str) -> Self {
        Self {
            server,
            worker,
            token: None,
            meta: json!({}),
        }
    }

    /// The params with what every request says of itself.
    pub(super) fn params(&self, mut params: Value) -> Value {
        let mut meta = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        for (name, value) in self.meta.as_object().unwrap() {
            meta[name] = value.clone();
        }
        params["_meta"] = meta;
        params
    }

    pub(super) async fn send(&self, method: &str, params: Value) -> Response {
        let mut request = post(self.server)
            .header("x-worker-id", self.worker)
            .header("mcp-protocol-version", MODERN)
            .header("mcp-method", method);
        if let Some(name) = params["name"].as_str() {
            request = request.header("mcp-name", name);
        }
        if let Some(task) = params["taskId"].as_str() {
            request = request.header("mcp-name", task);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let message =
            json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": self.params(params)});
        request.json(&message).send().await.unwrap()
    }

    pub(super) async fn ask(&self, method: &str, params: Value) -> Reply {
        Reply::of(self.send(method, params).await).await
    }

    /// The result of a call.
    pub(super) async fn call(&self, tool: &str, arguments: Value) -> Value {
        let params = json!({"name": tool, "arguments": arguments});
        self.ask("tools/call", params).await.result()
    }

    /// The id of a new session.
    pub(super) async fn begin(&self, arguments: Value) -> String {
        let result = self.call("session_create", arguments).await;
        id_of(&result)
    }
}

impl<'s> Legacy<'s> {
    pub(super) async fn begin(server: &'s TestServer) -> Self {
        Self::begin_as(server, "default").await
    }

    pub(super) async fn begin_as(server: &'s TestServer, worker: &'static str) -> Self {
        let params = json!({"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
        let message = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let begun = Reply::of(post(server).json(&message).send().await.unwrap()).await;
        let session = begun.headers["mcp-session-id"].to_str().unwrap().to_owned();
        assert_eq!(begun.result()["protocolVersion"], LEGACY);
        let client = Self {
            server,
            worker,
            session,
        };
        let noted = client
            .post(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))
            .await;
        assert_eq!(noted.status(), 202);
        client
    }

    pub(super) async fn post(&self, message: Value) -> Response {
        let request = post(self.server)
            .header("x-worker-id", self.worker)
            .header("mcp-protocol-version", LEGACY)
            .header("mcp-session-id", &self.session);
        request.json(&message).send().await.unwrap()
    }

    pub(super) async fn ask(&self, method: &str, params: Value) -> Reply {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        Reply::of(self.post(message).await).await
    }

    pub(super) async fn call(&self, tool: &str, arguments: Value) -> Value {
        let params = json!({"name": tool, "arguments": arguments});
        self.ask("tools/call", params).await.result()
    }

    /// The stream of notices.
    pub(super) async fn listen(&self) -> Response {
        let request = self.server.request(Method::GET, "/mcp");
        let request = request
            .header("accept", "text/event-stream")
            .header("mcp-protocol-version", LEGACY)
            .header("mcp-session-id", &self.session);
        request.send().await.unwrap()
    }
}

impl Reply {
    pub(super) async fn of(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let streamed = headers
            .get("content-type")
            .is_some_and(|kind| kind == "text/event-stream");
        let messages = if streamed {
            events(&text)
        } else {
            serde_json::from_str(&text).into_iter().collect()
        };
        Self {
            status,
            headers,
            text,
            messages,
        }
    }

    pub(super) fn last(&self) -> &Value {
        self.messages.last().unwrap_or(&Value::Null)
    }

    pub(super) fn result(&self) -> Value {
        let result = &self.last()["result"];
        assert!(!result.is_null(), "{} {}", self.status, self.text);
        result.clone()
    }

    pub(super) fn error(&self) -> &Value {
        let error = &self.last()["error"];
        assert!(!error.is_null(), "{} {}", self.status, self.text);
        error
    }
}

pub(super) fn post(server: &TestServer) -> reqwest::RequestBuilder {
    server
        .request(Method::POST, "/mcp")
        .header("accept", ACCEPT)
}

/// The messages of the events that are whole.
pub(super) fn events(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    data.filter_map(|data| serde_json::from_str(data.trim()).ok())
        .collect()
}

/// Reads a stream until a message of it is the one that is waited for.
pub(super) async fn until(stream: &mut Response, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut text = String::new();
    let read = async {
        loop {
            let chunk = stream.chunk().await.unwrap().expect("the stream goes on");
            text.push_str(&String::from_utf8_lossy(&chunk));
            if let Some(found) = events(&text).into_iter().find(&wanted) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), read)
        .await
        .expect("it comes in time")
}

/// The text of a result.
pub(super) fn text(result: &Value) -> String {
    let blocks = result["content"].as_array().unwrap().iter();
    blocks.filter_map(|block| block["text"].as_str()).collect()
}

/// The text of a result that is an error.
pub(super) fn refusal(result: &Value) -> String {
    assert_eq!(result["isError"], true, "{result}");
    text(result)
}

pub(super) fn id_of(result: &Value) -> String {
    let id = result["structuredContent"]["id"].as_str();
    id.unwrap_or_else(|| panic!("{result}")).to_owned()
}
