//! `/v1/sessions`: forms and routes. What sessions do is tested below the doors.

use hostel_tests::{Answer, Guest, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

async fn server() -> TestServer {
    let (counter, lab) = (Guest::counter(), Guest::stateful_lab());
    TestServer::start(&[("counter", &counter), ("lab", &lab)]).await
}

fn path(session: &Value) -> String {
    format!("/v1/sessions/{}", session["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_session_is_shown_in_one_form_everywhere_and_its_token_once() {
    let server = server().await;
    let body = json!({"backend": "counter", "name": "work", "labels": {"app": "chat"}, "idle_timeout": 60, "max_lifetime": 0});
    let begun = server.begin(&body).await;
    insta::assert_json_snapshot!(begun, {
        ".id" => "[id]", ".token" => "[token]", ".backend_digest" => "[digest]",
        ".created_at" => "[time]", ".last_transition_at" => "[time]", ".expires_at" => "[time]",
    }, @r#"
    {
      "id": "[id]",
      "backend": "counter",
      "name": "work",
      "worker_id": "default",
      "state": "idle",
      "created_at": "[time]",
      "last_transition_at": "[time]",
      "expires_at": "[time]",
      "idle_timeout": 60.0,
      "max_lifetime": null,
      "on_idle": "release",
      "labels": {
        "app": "chat"
      },
      "backend_digest": "[digest]",
      "calls": 0,
      "waiting": 0,
      "usage": {
        "duration_us": 0,
        "memory_bytes": 65536,
        "host_calls": 0
      },
      "checkpoint": "manual",
      "checkpoints": {
        "count": 0,
        "bytes": 0
      },
      "token": "[token]"
    }
    "#);
    assert!(begun["token"].as_str().unwrap().starts_with("hst_"));
    let mut shown = begun.clone();
    shown.as_object_mut().unwrap().remove("token");
    let without_end = |mut session: Value| {
        session.as_object_mut().unwrap().remove("expires_at");
        session
    };
    let got = server.get(&path(&begun)).await.json();
    assert_eq!(without_end(got), without_end(shown));
    let again = json!({"backend": "counter", "name": "work", "if_exists": "return"});
    let found = server.post("/v1/sessions", &again).await;
    assert_eq!((found.status, &found.json()["id"]), (200, &begun["id"]));
    assert!(found.json().get("token").is_none());
    let ended = server.delete(&path(&begun)).await.json();
    assert_eq!(
        (&ended["state"], &ended["reason"], &ended["cleanup"]),
        (&json!("released"), &json!("released"), &json!("clean"))
    );
}

#[tokio::test]
async fn labels_are_patched_whole_and_found_by_query() {
    let server = server().await;
    let one = server
        .begin(&json!({"backend": "counter", "name": "one", "labels": {"app": "chat"}}))
        .await;
    server
        .begin(&json!({"backend": "counter", "name": "two", "labels": {"app": "mail"}}))
        .await;
    let patch = server
        .request(Method::PATCH, &path(&one))
        .json(&json!({"labels": {"team": "red"}}));
    assert_eq!(
        Answer::to(patch).await.json()["labels"],
        json!({"team": "red"})
    );
    let count = async |query: &str| {
        server.get(&format!("/v1/sessions?{query}")).await.json()["total"].clone()
    };
    assert_eq!(count("labels=app=chat").await, 0);
    assert_eq!(count("labels=team=red").await, 1);
    assert_eq!(count("labels=team%3Dred").await, 1);
    assert_eq!(count("backend=counter&state=idle").await, 2);
    assert_eq!(count("backend=lab").await, 0);
    assert_eq!(
        server.get("/v1/sessions?state=asleep").await.code(),
        "invalid_request"
    );
    assert_eq!(
        server.get("/v1/sessions?labels=red").await.code(),
        "invalid_request"
    );
}

#[tokio::test]
async fn a_cursor_leads_to_the_next_page_and_a_made_up_one_nowhere() {
    let server = server().await;
    for number in 0..5 {
        server
            .begin(&json!({"backend": "counter", "name": format!("s{number}")}))
            .await;
    }
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server
            .get(&format!("/v1/sessions?limit=2{cursor}"))
            .await
            .json();
        assert_eq!(page["total"], 5);
        names.extend(
            page["sessions"]
                .as_array()
                .unwrap()
                .iter()
                .map(|session| session["name"].clone()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(names, ["s4", "s3", "s2", "s1", "s0"]);
    assert_eq!(
        server.get("/v1/sessions?cursor=abc").await.code(),
        "invalid_request"
    );
}

#[tokio::test]
async fn a_list_shows_the_callers_sessions_unless_it_asks_for_all() {
    let server = server().await;
    server
        .begin(&json!({"backend": "counter", "worker_id": "ada"}))
        .await;
    server
        .begin(&json!({"backend": "counter", "worker_id": "bob"}))
        .await;
    let total = async |query: &str| {
        server.get(&format!("/v1/sessions{query}")).await.json()["total"].clone()
    };
    assert_eq!(total("").await, 0);
    assert_eq!(total("?worker=ada").await, 1);
    assert_eq!(total("?worker=*").await, 2);
}

#[tokio::test]
async fn another_workers_session_is_not_found_on_any_route() {
    let server = server().await;
    let session = server
        .begin(&json!({"backend": "lab", "worker_id": "its-owner"}))
        .await;
    let own = path(&session);
    let call = json!({"action": "lab:add", "params": {"n": 1}, "session": session["id"]});
    for (method, path, body) in [
        (Method::GET, own.clone(), json!({})),
        (Method::PATCH, own.clone(), json!({"labels": {}})),
        (Method::DELETE, own.clone(), json!({})),
        (Method::POST, format!("{own}/keep-alive"), json!({})),
        (Method::GET, format!("{own}/logs"), json!({})),
        (Method::POST, format!("{own}/suspend"), json!({})),
        (Method::POST, format!("{own}/resume"), json!({})),
        (Method::POST, format!("{own}/fork"), json!({})),
        (Method::POST, format!("{own}/checkpoints"), json!({})),
        (
            Method::POST,
            format!("{own}/restore"),
            json!({"checkpoint": "c1"}),
        ),
        (Method::POST, "/v1/execute".to_owned(), call),
    ] {
        let request = server.request(method.clone(), &path).json(&body);
        let answer = Answer::to(request.header("x-worker-id", "bob")).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (404, "session_not_found"),
            "{method} {path}"
        );
        assert!(!answer.text.contains("its-owner"), "{}", answer.text);
    }
    let mine = server
        .request(Method::GET, &own)
        .header("x-worker-id", "its-owner");
    assert_eq!(Answer::to(mine).await.status, 200);
}

#[tokio::test]
async fn logs_are_paged() {
    let server = server().await;
    let session = server.begin(&json!({"backend": "lab"})).await;
    server
        .execute("lab:print", json!({"text": "hello\n", "times": 3}))
        .await;
    server.execute("lab:log", json!({"text": "told"})).await;
    let logs = format!("{}/logs", path(&session));
    let page = server.get(&format!("{logs}?limit=3")).await.json();
    assert_eq!(page["lines"].as_array().unwrap().len(), 3);
    assert_eq!((&page["dropped"], &page["next"]), (&json!(0), &json!(3)));
    let rest = server.get(&format!("{logs}?after=3")).await.json();
    let line = &rest["lines"][0];
    assert_eq!(
        (&line["source"], &line["text"], &line["fields"]),
        (&json!("warn"), &json!("told"), &json!({"kind": "test"}))
    );
}

#[tokio::test]
async fn keep_alive_answers_with_the_new_end() {
    let server = server().await;
    let session = server
        .begin(&json!({"backend": "counter", "idle_timeout": 1000}))
        .await;
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    let kept = server
        .post(&format!("{}/keep-alive", path(&session)), &json!({}))
        .await;
    assert_eq!(kept.status, 200);
    let end = |session: &Value| session["expires_at"].as_str().unwrap().to_owned();
    assert!(end(&kept.json()) > end(&session));
}

#[tokio::test]
async fn what_a_session_cannot_have_or_do_is_refused_with_the_reason() {
    let server = server().await;
    let session = server.begin(&json!({"backend": "counter"})).await;
    let labels: serde_json::Map<String, Value> = (0..65)
        .map(|number| (format!("k{number}"), json!("v")))
        .collect();
    for (body, code) in [
        (json!({"backend": "conter"}), "backend_not_found"),
        (json!({"backend": "Counter"}), "invalid_request"),
        (json!({"backend": "counter", "name": ""}), "invalid_request"),
        (
            json!({"backend": "counter", "name": "a\nb"}),
            "invalid_request",
        ),
        (
            json!({"backend": "counter", "labels": labels}),
            "invalid_request",
        ),
        (
            json!({"backend": "counter", "labels": {"a": ""}}),
            "invalid_request",
        ),
        (
            json!({"backend": "counter", "contexts": ["docs"]}),
            "context_not_found",
        ),
    ] {
        let answer = server.post("/v1/sessions", &body).await;
        assert_eq!(answer.code(), code, "{body}: {}", answer.text);
    }
    let unknown = server
        .post(&format!("{}/levitate", path(&session)), &json!({}))
        .await;
    assert!(unknown.text.contains("levitate"), "{}", unknown.text);
    for query in ["limit=many", "limit=-1", "unknown=1"] {
        let answer = server.get(&format!("/v1/sessions?{query}")).await;
        assert_eq!(answer.code(), "invalid_request", "{query}");
    }
    assert_eq!(server.host.session_count(), 1);
}
