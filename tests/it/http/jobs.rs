//! Jobs over HTTP: begun, watched, read again, cancelled, and never run twice.

use std::time::Duration;

use hostel_tests::{Answer, Guest, TestServer};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

async fn serve() -> TestServer {
    TestServer::start(&[("lab", &Guest::stateful_lab())]).await
}

fn body(tool: &str, params: &Value) -> Value {
    json!({"action": format!("lab:{tool}"), "params": params, "wait": false})
}

/// The id of a job that was begun with this body.
async fn begun(server: &TestServer, body: &Value) -> String {
    let answer = server.post("/v1/execute", body).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let id = answer.json()["job"]["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("location"), Some(&*format!("/v1/jobs/{id}")));
    id
}

/// The job at its end.
async fn ended(server: &TestServer, id: &str) -> Value {
    let job = server.get(&format!("/v1/jobs/{id}?wait_ms=30000")).await;
    assert_eq!(job.status, 200, "{}", job.text);
    let job = job.json();
    assert!(!job["finished_at"].is_null(), "{job}");
    job
}

async fn events(server: &TestServer, id: &str) -> Vec<Value> {
    let page = server.get(&format!("/v1/jobs/{id}/events")).await.json();
    page["events"].as_array().unwrap().clone()
}

fn types(events: &[Value]) -> Vec<&str> {
    let types = events.iter().map(|event| event["type"].as_str());
    types.map(Option::unwrap).collect()
}

#[tokio::test]
async fn a_call_that_is_not_waited_for_has_its_answer_in_its_job() {
    let server = serve().await;
    let id = begun(&server, &body("echo", &json!({"text": "hi"}))).await;
    let job = ended(&server, &id).await;
    assert_eq!(job["state"], "succeeded");
    assert_eq!(job["action"], "lab:echo");
    assert_eq!(job["answer"]["result"], "hi");
    assert_eq!(job["answer"]["is_error"], false);
    let log = events(&server, &id).await;
    assert_eq!(types(&log), ["queued", "started", "result"]);
    assert_eq!(log[2]["answer"], job["answer"]);
    let listed = server.get("/v1/jobs?state=succeeded").await.json();
    assert_eq!(listed["jobs"][0]["id"], id, "{listed}");
    assert_eq!(listed["jobs"][0].get("answer"), None);
}

#[tokio::test]
async fn whoever_waits_in_time_gets_the_ordinary_answer_and_whoever_does_not_gets_the_job() {
    let server = serve().await;
    let quick = json!({"action": "lab:echo", "params": {"text": "hi"}, "wait_ms": 30_000});
    let answer = server.post("/v1/execute", &quick).await;
    assert_eq!(
        (answer.status, &answer.json()["result"]),
        (200, &json!("hi"))
    );
    assert!(answer.json()["job"].as_str().unwrap().starts_with("job_"));
    let refused = json!({"action": "lab:trap", "wait_ms": 30_000});
    let answer = server.post("/v1/execute", &refused).await;
    assert_eq!(
        (answer.status, answer.code()),
        (502, "tool_trapped".to_owned())
    );
    let slow = json!({"action": "lab:sleep", "params": {"ms": 10_000}, "wait_ms": 10});
    let answer = server.post("/v1/execute", &slow).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    assert!(answer.json()["job"]["finished_at"].is_null());
}

#[tokio::test]
async fn what_cannot_begin_is_refused_at_once() {
    let server = serve().await;
    for (wrong, status) in [
        (body("ecko", &json!({})), 404),
        (
            json!({"action": "lab:add", "session": "nobody", "wait": false}),
            404,
        ),
    ] {
        let answer = server.post("/v1/execute", &wrong).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    assert_eq!(server.get("/v1/jobs").await.json()["total"], 0);
    let batch = json!({"calls": [body("echo", &json!({"text": "hi"}))]});
    let answer = server.post("/v1/execute/batch", &batch).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_eq!(answer.json()["pointer"], "/calls/0");
    for path in ["/v1/jobs/job_1", "/v1/jobs/job_1/events"] {
        let answer = server.get(path).await;
        assert_eq!(
            (answer.status, answer.code()),
            (404, "job_not_found".to_owned())
        );
    }
    let answer = server.get("/v1/jobs?state=done").await;
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("succeeded"), "{}", answer.text);
}

#[tokio::test]
async fn its_log_has_all_that_the_guest_said_in_order() {
    let server = serve().await;
    let id = begun(
        &server,
        &body("work", &json!({"text": "step", "steps": 3, "ms": 1})),
    )
    .await;
    assert_eq!(
        ended(&server, &id).await["progress"],
        json!({"done": 3, "total": 3, "message": "step"})
    );
    let log = events(&server, &id).await;
    assert_eq!(
        types(&log),
        [
            "queued", "started", "progress", "progress", "progress", "result"
        ]
    );
    let ids: Vec<u64> = log
        .iter()
        .map(|event| event["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, [1, 2, 3, 4, 5, 6]);
    let print = body("print", &json!({"text": "line\n", "times": 2}));
    let log = events_of(&server, &print).await;
    assert_eq!(
        types(&log),
        ["queued", "started", "stdout", "stdout", "result"]
    );
    assert_eq!(log[2]["text"], "line");
    let log = events_of(&server, &body("complain", &json!({"text": "alas"}))).await;
    assert_eq!(types(&log), ["queued", "started", "stderr", "error"]);
    assert_eq!(log[3]["error"]["code"], "tool_trapped");
    let log = events_of(&server, &body("log", &json!({"text": "structured"}))).await;
    assert_eq!(log[2]["type"], "log");
    assert_eq!(log[2]["fields"], json!({"kind": "test"}));
    let log = events_of(&server, &body("fail", &json!({"text": "no"}))).await;
    let end = log.last().unwrap();
    assert_eq!(
        (&end["type"], &end["answer"]["is_error"]),
        (&json!("result"), &json!(true))
    );
}

#[tokio::test]
async fn parts_of_a_result_are_there_before_it_and_too_long_ones_are_refused() {
    let server = serve().await;
    let part = json!({"rows": [1, 2]}).to_string();
    let log = events_of(
        &server,
        &body("hand_out", &json!({"text": part, "times": 2})),
    )
    .await;
    assert_eq!(
        types(&log),
        ["queued", "started", "partial", "partial", "result"]
    );
    assert_eq!(log[2]["text"], part);
    assert_eq!(log[4]["answer"]["result"], 0);
    let long = json!({"text": "x".repeat((64 << 10) + 1), "times": 3});
    let log = events_of(&server, &body("hand_out", &long)).await;
    assert_eq!(types(&log), ["queued", "started", "result"]);
    assert_eq!(log[2]["answer"]["result"], 3);
}

async fn events_of(server: &TestServer, body: &Value) -> Vec<Value> {
    let id = begun(server, body).await;
    ended(server, &id).await;
    events(server, &id).await
}

/// Reads server-sent events until the stream ends, or so many.
async fn stream(
    server: &TestServer,
    id: &str,
    last: Option<&str>,
    most: usize,
) -> Vec<(String, String, Value)> {
    let mut request = server
        .request(Method::GET, &format!("/v1/jobs/{id}/events"))
        .header("accept", "text/event-stream");
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    read(request.send().await.unwrap(), most).await
}

async fn read(mut body: reqwest::Response, most: usize) -> Vec<(String, String, Value)> {
    assert_eq!(body.status(), 200);
    assert_eq!(body.headers()["content-type"], "text/event-stream");
    let (mut text, mut seen) = (String::new(), Vec::new());
    while seen.len() < most
        && let Some(bytes) = body.chunk().await.unwrap()
    {
        text.push_str(std::str::from_utf8(&bytes).unwrap());
        while let Some((event, rest)) = text.split_once("\n\n") {
            let field = |name: &str| {
                let mut lines = event.lines();
                let found = lines.find_map(|line| line.strip_prefix(name));
                found.unwrap_or_default().trim().to_owned()
            };
            let data = field("data:");
            if !data.is_empty() {
                let data = serde_json::from_str(&data).unwrap();
                seen.push((field("id:"), field("event:"), data));
            }
            text = rest.to_owned();
        }
    }
    seen
}

#[tokio::test]
async fn a_stream_of_events_is_picked_up_where_it_was_left() {
    let server = serve().await;
    let id = begun(
        &server,
        &body("work", &json!({"text": "step", "steps": 5, "ms": 20})),
    )
    .await;
    let first = stream(&server, &id, None, 3).await;
    let (last, kind, data) = &first[2];
    assert_eq!((kind.as_str(), &data["done"]), ("progress", &json!(1)));
    let rest = stream(&server, &id, Some(last), usize::MAX).await;
    assert_eq!(
        rest[0].0.parse::<u64>().unwrap(),
        last.parse::<u64>().unwrap() + 1
    );
    let (_, kind, end) = rest.last().unwrap();
    assert_eq!(
        (kind.as_str(), &end["answer"]["result"]),
        ("result", &json!(5))
    );
    assert_eq!(
        first[..3].len() + rest.len(),
        8,
        "nothing twice and nothing lost"
    );
    let after = stream(&server, &id, Some("8"), usize::MAX).await;
    assert_eq!(after.len(), 0, "there is nothing after the end");
}

#[tokio::test]
async fn a_call_that_is_asked_for_as_a_stream_is_begun_and_heard_of_in_one_request() {
    let server = serve().await;
    let call = body("work", &json!({"text": "step", "steps": 3, "ms": 20}));
    let ask = async |key: &str| {
        let request = server
            .request(Method::POST, "/v1/execute")
            .header("accept", "text/event-stream")
            .header("idempotency-key", key);
        request.json(&call).send().await.unwrap()
    };
    let answer = ask("k").await;
    let place = answer.headers()["location"].to_str().unwrap().to_owned();
    let mut first = read(answer, 3).await;
    assert_eq!(
        place,
        format!("/v1/jobs/{}", first[0].2["job"].as_str().unwrap())
    );
    let again = read(ask("k").await, usize::MAX).await;
    assert_eq!(again[..3], *first, "the same job, from its first event on");
    let (_, id) = place.rsplit_once('/').unwrap();
    first.truncate(3);
    first.extend(stream(&server, id, Some(&first[2].0), usize::MAX).await);
    assert_eq!(
        again, first,
        "a broken stream is picked up at the job's place"
    );
    let (_, kind, end) = again.last().unwrap();
    assert_eq!(
        (kind.as_str(), &end["answer"]["result"]),
        ("result", &json!(3))
    );
    let wrong = server
        .request(Method::POST, "/v1/execute")
        .header("accept", "text/event-stream")
        .json(&json!({"action": "lab:wrok"}))
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), 404);
    assert_eq!(wrong.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn readers_who_never_read_cost_nobody_anything() {
    let server = serve().await;
    let call = body(
        "work",
        &json!({"text": "x".repeat(900), "steps": 200, "ms": 1}),
    );
    let id = begun(&server, &call).await;
    let request = format!(
        "GET /v1/jobs/{id}/events HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\n\r\n"
    );
    let mut readers = Vec::new();
    for _ in 0..300 {
        let mut reader = TcpStream::connect(server.address).await.unwrap();
        reader.write_all(request.as_bytes()).await.unwrap();
        readers.push(reader);
    }
    let echo =
        json!({"action": "lab:echo", "params": {"text": "hello"}, "session": {"temporary": true}});
    for _ in 0..20 {
        let answer = server.post("/v1/execute", &echo).await;
        assert_eq!(answer.json()["result"], "hello");
    }
    let done = ended(&server, &id).await;
    assert_eq!(done["state"], "succeeded");
    let log = stream(&server, &id, None, usize::MAX).await;
    assert_eq!(log.len(), 203, "whoever reads has all of it");
    drop(readers);
}

#[tokio::test]
async fn a_reader_who_comes_too_late_is_told_what_is_missing() {
    let server = TestServer::start_with(&[("lab", &Guest::stateful_lab())], |config| {
        config.jobs.event_bytes = 1_000;
    })
    .await;
    let id = begun(
        &server,
        &body("print", &json!({"text": "a line\n", "times": 500})),
    )
    .await;
    ended(&server, &id).await;
    let page = server.get(&format!("/v1/jobs/{id}/events")).await.json();
    let missing = page["dropped"].as_u64().unwrap();
    assert_eq!(page["events"][0]["id"], missing + 1);
    assert_eq!(page["done"], true);
    let read = stream(&server, &id, None, usize::MAX).await;
    assert_eq!(
        (read[0].1.as_str(), &read[0].2["count"]),
        ("dropped", &json!(missing))
    );
    assert_eq!(read.last().unwrap().1, "result");
}

#[tokio::test]
async fn a_cancelled_job_stops_its_guest_and_says_what_became_of_the_session() {
    let server = serve().await;
    for (mode, after) in [("call", "idle"), ("off", "failed")] {
        let new = json!({"backend": "lab", "name": mode, "checkpoint": mode});
        let session = server.begin(&new).await["id"].clone();
        let mut call = json!({"action": "lab:add", "params": {"n": 7}, "session": session});
        assert_eq!(server.post("/v1/execute", &call).await.status, 200);
        call = body("spin", &json!({}));
        call["session"] = session.clone();
        let id = begun(&server, &call).await;
        running(&server, &id).await;
        let job = server
            .post(&format!("/v1/jobs/{id}/cancel"), &json!({}))
            .await
            .json();
        assert_eq!(job["state"], "cancelled", "{job}");
        assert_eq!(job["error"]["session_state"], after, "{job}");
        let log = events(&server, &id).await;
        assert_eq!(types(&log).last(), Some(&"cancelled"));
        let add = json!({"action": "lab:add", "params": {"n": 1}, "session": session});
        let answer = server.post("/v1/execute", &add).await;
        match mode {
            "call" => assert_eq!(answer.json()["result"], 8),
            _ => assert_eq!(answer.status, 409, "{}", answer.text),
        }
        // Once more changes nothing.
        let again = server
            .post(&format!("/v1/jobs/{id}/cancel"), &json!({}))
            .await;
        assert_eq!(again.json()["state"], "cancelled");
    }
}

async fn running(server: &TestServer, id: &str) {
    loop {
        let job = server.get(&format!("/v1/jobs/{id}")).await.json();
        match job["state"].as_str() {
            Some("queued") => tokio::time::sleep(Duration::from_millis(5)).await,
            state => return assert_eq!(state, Some("running"), "{job}"),
        }
    }
}

#[tokio::test]
async fn a_job_that_waits_its_turn_is_cancelled_without_a_trace() {
    let server = serve().await;
    let session = server.begin(&json!({"backend": "lab"})).await["id"].clone();
    let mut call = body("add-later", &json!({"n": 1, "ms": 300}));
    call["session"] = session.clone();
    let first = begun(&server, &call).await;
    running(&server, &first).await;
    let second = begun(&server, &call).await;
    let job = server
        .post(&format!("/v1/jobs/{second}/cancel"), &json!({}))
        .await
        .json();
    assert_eq!(
        (&job["state"], &job["started_at"]),
        (&json!("cancelled"), &Value::Null)
    );
    assert_eq!(ended(&server, &first).await["answer"]["result"], 1);
    let add = json!({"action": "lab:add", "params": {"n": 0}, "session": session});
    assert_eq!(server.post("/v1/execute", &add).await.json()["result"], 1);
}

async fn keyed(server: &TestServer, key: &str, body: &Value) -> Answer {
    let request = server.request(Method::POST, "/v1/execute").json(body);
    Answer::to(request.header("idempotency-key", key)).await
}

#[tokio::test]
async fn a_request_with_a_key_runs_once_however_often_it_is_sent() {
    let server = serve().await;
    let session = server.begin(&json!({"backend": "lab"})).await["id"].clone();
    let add = json!({"action": "lab:add-later", "params": {"n": 5, "ms": 50}, "session": session});
    let (one, other) = tokio::join!(keyed(&server, "k1", &add), keyed(&server, "k1", &add));
    for answer in [&one, &other, &keyed(&server, "k1", &add).await] {
        assert_eq!((answer.status, &answer.json()["result"]), (200, &json!(5)));
        assert_eq!(answer.json()["job"], one.json()["job"]);
    }
    let replays = [&one, &other].map(|answer| answer.header("idempotency-replayed").is_some());
    assert_ne!(replays[0], replays[1], "one of them ran it");
    let mut another = add.clone();
    another["params"]["n"] = json!(6);
    let refused = keyed(&server, "k1", &another).await;
    assert_eq!(
        (refused.status, refused.code()),
        (409, "conflict".to_owned())
    );
    assert_eq!(keyed(&server, "k2", &add).await.json()["result"], 10);
    let traps = json!({"action": "lab:trap"});
    for _ in 0..2 {
        assert_eq!(keyed(&server, "k3", &traps).await.code(), "tool_trapped");
    }
}

#[tokio::test]
async fn jobs_are_their_worker_s_own() {
    let server = serve().await;
    let id = begun(&server, &body("echo", &json!({"text": "hi"}))).await;
    ended(&server, &id).await;
    for (method, path) in [
        (Method::GET, format!("/v1/jobs/{id}")),
        (Method::GET, format!("/v1/jobs/{id}/events")),
        (Method::POST, format!("/v1/jobs/{id}/cancel")),
        (Method::DELETE, format!("/v1/jobs/{id}")),
    ] {
        let request = server
            .request(method, &path)
            .header("x-worker-id", "another");
        let answer = Answer::to(request).await;
        assert_eq!(
            (answer.status, answer.code()),
            (404, "job_not_found".to_owned()),
            "{path}"
        );
    }
    assert_eq!(server.delete(&format!("/v1/jobs/{id}")).await.status, 204);
    assert_eq!(server.get(&format!("/v1/jobs/{id}")).await.status, 404);
}

#[tokio::test]
async fn a_job_that_runs_is_not_forgotten_and_ends_with_the_host() {
    let server = serve().await;
    let id = begun(&server, &body("spin", &json!({}))).await;
    running(&server, &id).await;
    let refused = server.delete(&format!("/v1/jobs/{id}")).await;
    assert_eq!(
        (refused.status, refused.code()),
        (409, "conflict".to_owned())
    );
    server.host.drain(Duration::from_millis(100)).await;
    assert_eq!(ended(&server, &id).await["state"], "cancelled");
}
