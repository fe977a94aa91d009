//! A host that serves on a port of its own, and a client for it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use hostel_host::app::{App, Running};
use hostel_host::config::Config;
use hostel_host::host::{Host, Source};
use hostel_host::ids::BackendName;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tempfile::TempDir;

use crate::Guest;

pub struct TestServer {
    pub host: Arc<Host>,
    pub address: SocketAddr,
    /// Stops the host, as SIGTERM does, when a test calls its `stop`.
    pub running: Running,
    client: reqwest::Client,
    folder: TempDir,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl TestServer {
    /// Serves these guests with the default configuration.
    pub async fn start(guests: &[(&str, &Guest)]) -> Self {
        Self::start_with(guests, |_| {}).await
    }

    /// Serves the backends that the configuration names, and nothing else.
    pub async fn serve(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_with(&[], change).await
    }

    pub async fn start_with(guests: &[(&str, &Guest)], change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("the machine has room for a folder");
        let mut config = Config {
            data_dir: folder.path().join("data"),
            sessions_dir: Some(folder.path().join("sessions")),
            sessions_max: 64,
            sessions_per_worker: 64,
            ..Config::default()
        };
        config.listen.set_port(0);
        change(&mut config);
        let settings = config.clone();
        let app = App::build(config, None).await.expect("a host is built");
        for (name, guest) in guests {
            let path = folder.path().join(format!("{name}.wasm"));
            fs_err::write(&path, guest.component()).expect("the folder can be written to");
            let name = BackendName::parse(name).expect("it is a name");
            let source = Source {
                settings: settings.settings_of(&name),
                name,
                path,
                pin: None,
            };
            app.host.load(source).await.expect("the guest loads");
        }
        let sources = app
            .sources()
            .expect("the configuration's folders are there");
        app.load(sources, |_| {}).await;
        let running = app.serve().expect("the doors open");
        Self {
            host: running.host.clone(),
            address: running.address,
            running,
            client: reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("there is a client"),
            folder,
        }
    }

    /// Everything that the host writes, gone at the end of the test.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Where sessions and their folders are on disk.
    pub fn sessions_folder(&self) -> PathBuf {
        self.folder.path().join("sessions")
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("http://{}{path}", self.address))
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::to(self.request(Method::POST, path).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::DELETE, path)).await
    }

    /// Calls a tool with nothing but its params.
    pub async fn execute(&self, action: &str, params: Value) -> Answer {
        let body = serde_json::json!({"action": action, "params": params});
        self.post("/v1/execute", &body).await
    }

    /// Begins a session; the body is that of `POST /v1/sessions`.
    pub async fn begin(&self, body: &Value) -> Value {
        let answer = self.post("/v1/sessions", body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()
    }
}

impl Answer {
    pub async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("the host answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("the answer is whole");
        Self {
            status,
            headers,
            text,
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("the answer is JSON")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The code of a problem.
    pub fn code(&self) -> String {
        let document = self.json();
        let code = document.get("code").and_then(Value::as_str);
        code.unwrap_or_default().to_owned()
    }
}
