//! A day of AgentFlow's client, with the bodies that it sends: start, warmup, sessions, calls, batch, reinitialize, status, shutdown.

use std::time::Duration;

use hostel_tests::{Answer, Guest, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

struct Client {
    server: TestServer,
    worker: &'static str,
}

impl Client {
    async fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.server.request(Method::POST, path).json(body);
        let answer = Answer::to(request.header("X-Worker-ID", self.worker)).await;
        assert!(answer.status < 400, "{path}: {}", answer.text);
        answer.json()
    }

    async fn of_worker(&self, path: &str, also: Value) -> Value {
        let mut body = json!({"worker_id": self.worker});
        for (name, value) in also.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.post(path, &body).await
    }

    async fn create(&self, resource_type: &str, config: Value) -> Value {
        let body =
            json!({"resource_type": resource_type, "session_config": config, "custom_name": null});
        self.of_worker("/api/v1/session/create", body).await
    }

    async fn execute(&self, action: &str, params: Value) -> Value {
        let body = json!({"action": action, "params": params, "timeout": null});
        self.of_worker("/api/v1/execute", body).await
    }

    async fn destroy(&self, resource_type: &str) -> Value {
        let body = json!({"resource_type": resource_type});
        self.of_worker("/api/v1/session/destroy", body).await
    }
}

async fn client() -> Client {
    let (counter, lab) = (Guest::counter(), Guest::stateful_lab());
    Client {
        server: TestServer::start(&[("counter", &counter), ("lab", &lab)]).await,
        worker: "sandbox_0123abcd",
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_works_from_start_to_shutdown() {
    let client = client().await;
    assert_eq!(client.server.get("/health").await.status, 200);
    let warm = client
        .post("/api/v1/warmup", &json!({"backends": ["counter"]}))
        .await;
    assert_eq!(warm["status"], "success");
    let list = client
        .server
        .get("/api/v1/tools?include_hidden=False")
        .await
        .json();
    assert_eq!(list["count"], list["tools"].as_array().unwrap().len());

    let created = client.create("counter", json!({"start": 10})).await;
    assert_eq!(
        (&created["code"], &created["data"]["session_status"]),
        (&json!(0), &json!("active"))
    );
    let added = client.execute("counter:add", json!({"n": 5})).await;
    assert_eq!((&added["code"], &added["data"]), (&json!(0), &json!(15)));
    let temporary = client.execute("lab:add", json!({"n": 5})).await;
    assert_eq!(temporary["meta"]["temporary_session"], true);
    let actions = json!([{"action": "counter:add", "params": {"n": 1}}, {"action": "lab:echo", "params": {"text": "x"}}]);
    let body = json!({"actions": actions, "parallel": true, "stop_on_error": true});
    let batch = client.of_worker("/api/v1/execute/batch", body).await;
    assert_eq!(batch["data"]["success_count"], 2);

    let refreshed = client.of_worker("/api/v1/session/refresh", json!({})).await;
    assert_eq!(refreshed["data"]["refreshed_count"], 1);
    let old = client.destroy("counter").await;
    let new = client.create("counter", json!({"start": 100})).await;
    assert_eq!(old["session_id"], created["session_id"]);
    assert_ne!(old["session_id"], new["session_id"]);
    let added = client.execute("counter:add", json!({"n": 1})).await;
    assert_eq!(added["data"], 101);

    let status = client
        .of_worker("/api/v1/lifecycle/status", json!({}))
        .await;
    assert_eq!(status["data"]["active_resources"], json!(["counter"]));
    let ready = client.server.get("/ready").await.json();
    assert_eq!(ready["active_workers"], 1);
    let body = json!({"force": false, "cleanup_sessions": true});
    let stopping = client.post("/api/v1/server/shutdown", &body).await;
    assert_eq!(
        stopping,
        json!({"status": "success", "message": "Server shutdown initiated", "sessions_cleaned": 1})
    );
    let heard = tokio::time::timeout(Duration::from_secs(10), client.server.host.stopped()).await;
    assert!(heard.is_ok(), "whoever runs the host stops it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_hangs_up_and_asks_again_gets_the_answer_of_the_first_time() {
    let client = client().await;
    client.create("lab", json!({})).await;
    let body = json!({"worker_id": client.worker, "action": "lab:add_later", "params": {"n": 1, "ms": 900}, "timeout": null});
    let request = || {
        client
            .server
            .request(Method::POST, "/api/v1/execute")
            .json(&body)
    };
    let hung_up = request().timeout(Duration::from_millis(300)).send().await;
    assert!(hung_up.unwrap_err().is_timeout());
    tokio::time::sleep(Duration::from_millis(200)).await;
    for expected in [1, 2] {
        assert_eq!(Answer::to(request()).await.json()["data"], expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forced_shutdown_waits_for_no_call_and_a_session_may_be_kept() {
    let client = client().await;
    client.create("lab", json!({})).await;
    client.create("counter", json!({})).await;
    let slow = json!({"worker_id": client.worker, "action": "lab:sleep", "params": {"ms": 25_000}});
    let call = client
        .server
        .request(Method::POST, "/api/v1/execute")
        .json(&slow);
    let stop = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let body = json!({"force": true, "cleanup_sessions": false});
        let stopping = client.post("/api/v1/server/shutdown", &body).await;
        assert_eq!(stopping["sessions_cleaned"], 0);
        client.server.host.drain(Duration::from_secs(30)).await;
    };
    let start = tokio::time::Instant::now();
    let (answer, ()) = tokio::join!(Answer::to(call), stop);
    assert_eq!(answer.status, 404, "{}", answer.text);
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
}
