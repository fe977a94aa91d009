//! Every route's answer on the wire, member by member.

use hostel_tests::{Behaviour, Guest, Hook, TestHost};
use serde_json::{Value, json};

use super::door::Door;

async fn door() -> Door {
    let host = TestHost::new();
    host.load("counter", &Guest::counter()).await;
    host.load("plain", &Guest::lab()).await;
    Door::of(host)
}

/// What differs from run to run becomes what it is: `"[id]"`, `"[time]"`, `"[trace]"`, `"[ms]"`.
fn fixed(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(fixed).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), fixed_member(name, value)))
            .collect(),
        other => other.clone(),
    }
}

fn fixed_member(name: &str, value: &Value) -> Value {
    let text = value.as_str().unwrap_or_default();
    match name {
        "session_id" if text.starts_with("ses_") => json!("[id]"),
        "request_id" if text.starts_with("req_") => json!("[request]"),
        // 2026-11-21T10:00:00.000000, as Python writes it.
        "timestamp" | "created_at" | "last_activity" | "expires_at" if text.len() == 26 => {
            json!("[time]")
        }
        "trace_id" if text.len() == 36 && text.as_bytes()[14] == b'8' => json!("[trace]"),
        "execution_time_ms" if value.is_f64() => json!("[ms]"),
        _ => fixed(value),
    }
}

fn meta(tool: &str, session_id: &Value) -> Value {
    json!({"tool": tool, "resource_type": "session", "session_id": session_id, "trace_id": "[trace]", "execution_time_ms": "[ms]"})
}

fn success(tool: &str, data: &Value) -> Value {
    json!({"code": 0, "message": "success", "data": data, "meta": meta(tool, &json!(null))})
}

/// Of a call about one session, which is named beside the data as well: AgentFlow's client looks for it there.
fn about_one(tool: &str, name: &str, data: &Value) -> Value {
    json!({"code": 0, "message": "success", "data": data, "meta": meta(tool, &json!("[id]")), "session_id": "[id]", "session_name": name})
}

#[tokio::test(start_paused = true)]
async fn health_and_readiness_are_bare() {
    let door = door().await;
    door.create("ada", "counter").await;
    let health = door.get("/health").await;
    assert_eq!(
        (health.status, fixed(&health.body)),
        (200, json!({"status": "healthy", "timestamp": "[time]"}))
    );
    let ready = door.get("/ready").await;
    assert_eq!(ready.status, 200);
    let tools = door.host.host.tools().len();
    assert_eq!(
        ready.body,
        json!({"status": "ready", "tools_count": tools, "active_workers": 1, "total_sessions": 1})
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_answers_with_the_tools_own_data() {
    let door = door().await;
    door.create("ada", "counter").await;
    let in_session = door.execute("ada", "counter_add", json!({"n": 2})).await;
    assert_eq!(in_session.header("content-type"), Some("application/json"));
    let meta = |session_id: Value| json!({"tool": "counter:add", "resource_type": "counter", "session_id": session_id, "trace_id": "[trace]", "execution_time_ms": "[ms]"});
    assert_eq!(
        fixed(&in_session.body),
        json!({"code": 0, "message": "success", "data": 2, "meta": meta(json!("[id]"))})
    );
    let mut alone = meta(json!(null));
    alone["temporary_session"] = json!(true);
    let temporary = door.execute("bob", "counter:add", json!({"n": 2})).await;
    assert_eq!(fixed(&temporary.body)["meta"], alone);
    let stateless = door.execute("ada", "double", json!({"n": 2})).await;
    assert_eq!(stateless.body["meta"]["session_id"], json!(null));
    assert_eq!(stateless.body["meta"].get("temporary_session"), None);
}

#[tokio::test(start_paused = true)]
async fn a_tools_own_error_is_a_business_failure() {
    let door = door().await;
    let failed = door
        .execute("ada", "plain:fail", json!({"text": "out of paper"}))
        .await;
    assert_eq!(failed.verdict(), (400, 4001));
    assert_eq!(
        (&failed.body["message"], failed.data()),
        (&json!("out of paper"), &json!("out of paper"))
    );
}

#[tokio::test(start_paused = true)]
async fn names_that_a_caller_gives_its_call_come_back() {
    let door = door().await;
    let body = json!({"worker_id": "ada", "action": "double", "params": {"n": 1}, "trace_id": "t-1", "message_id": "m-1", "message_type": "execute", "timestamp": "2026-01-01", "async_mode": false, "session_id": null, "timeout": null});
    let meta = door.post("execute", &body).await.body["meta"].clone();
    assert_eq!(
        (&meta["trace_id"], &meta["message_id"]),
        (&json!("t-1"), &json!("m-1"))
    );
    let control = json!({"worker_id": "ada", "message_id": "m-2", "message_type": "session:list", "timestamp": "2026-01-01", "session_id": null});
    let listed = door.post("session/list", &control).await;
    assert_eq!(
        (listed.status, &listed.body["meta"]["message_id"]),
        (200, &json!("m-2"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_an_envelope_for_each_call_and_one_for_all() {
    let door = door().await;
    let action = |action: &str, params: Value| json!({"action": action, "params": params});
    let double = action("counter:double", json!({"n": 4}));
    let fail = action("plain:fail", json!({"text": "no"}));
    let wrong = action("counter:nothing", json!({}));
    let cases = [
        (json!([]), json!({}), (200, 0), (0, 0, 0)),
        (json!([double, double]), json!({}), (200, 0), (2, 2, 2)),
        (json!([fail, double]), json!({}), (500, 5009), (2, 1, 0)),
        (
            json!([double, wrong, double]),
            json!({}),
            (207, 5010),
            (3, 2, 1),
        ),
        (
            json!([double, fail, double]),
            json!({"stop_on_error": false}),
            (207, 5010),
            (3, 3, 2),
        ),
        (
            json!([fail, double, wrong]),
            json!({"parallel": true}),
            (207, 5010),
            (3, 3, 1),
        ),
    ];
    for (actions, also, verdict, (total, executed, good)) in cases {
        let mut body = json!({"worker_id": "ada", "actions": actions, "trace_id": "t"});
        for (name, value) in also.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = door.post("execute/batch", &body).await;
        assert_eq!(answer.verdict(), verdict, "{answer:?}");
        let data = answer.data();
        assert_eq!(
            (&data["total"], &data["executed"], &data["success_count"]),
            (&json!(total), &json!(executed), &json!(good)),
            "{data}"
        );
        let results = data["results"].as_array().unwrap();
        assert_eq!(results.len(), executed);
        for result in results {
            assert_eq!(result["meta"]["trace_id"], "t");
            assert!(result["meta"]["execution_time_ms"].is_f64());
        }
        assert_eq!(
            fixed(&answer.body["meta"]),
            json!({"tool": "batch:execute", "resource_type": null, "session_id": null, "trace_id": "t", "execution_time_ms": "[ms]"})
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_is_created_found_listed_refreshed_and_destroyed() {
    let door = door().await;
    let config = json!({"session_config": {"start": 40}, "custom_name": "my counter"});
    let created = door.create_with("worker 7", "counter", config).await;
    let name = "counter_worker-7_001_my-counter";
    let of_session = json!({"session_id": "[id]", "session_name": name, "resource_type": "counter", "session_status": "active", "error": null});
    assert_eq!(created.status, 200);
    assert_eq!(
        fixed(&created.body),
        about_one("session:create", name, &of_session)
    );
    let got = door.execute("worker 7", "counter:get", json!({})).await;
    assert_eq!(got.data(), 40);

    let again = door.create("worker 7", "counter").await;
    let exists = json!({"status": "exists", "session_id": "[id]", "session_name": name, "resource_type": "counter"});
    assert_eq!(again.data()["session_id"], created.data()["session_id"]);
    assert_eq!(
        fixed(&again.body),
        about_one("session:create", name, &exists)
    );

    let worker = json!({"worker_id": "worker 7"});
    let listed = door.post("session/list", &worker).await;
    let session = json!({"resource_type": "counter", "session_id": "[id]", "session_name": name, "status": "active", "auto_created": false, "created_at": "[time]", "last_activity": "[time]", "expires_at": "[time]"});
    assert_eq!(
        fixed(&listed.body),
        success(
            "session:list",
            &json!({"worker_id": "worker 7", "count": 1, "sessions": [session]})
        )
    );

    let one = json!({"worker_id": "worker 7", "resource_type": "counter"});
    let refreshed = door.post("session/refresh", &one).await;
    let data = json!({"message": "Session refreshed for counter", "resource_type": "counter", "session_id": "[id]", "expires_at": "[time]"});
    assert_eq!(
        fixed(&refreshed.body),
        about_one("session:refresh", name, &data)
    );
    let refreshed = door.post("session/refresh", &worker).await;
    let details = json!({"counter": {"status": "refreshed", "expires_at": "[time]"}});
    assert_eq!(
        fixed(&refreshed.body),
        success(
            "session:refresh",
            &json!({"message": "Refreshed 1 sessions", "worker_id": "worker 7", "refreshed_count": 1, "details": details})
        )
    );

    let destroyed = door.post("session/destroy", &one).await;
    let data = json!({"message": "Session destroyed for counter", "session_id": "[id]", "session_name": name, "resource_type": "counter"});
    assert_eq!(
        fixed(&destroyed.body),
        about_one("session:destroy", name, &data)
    );
    for verb in ["session/destroy", "session/refresh"] {
        assert_eq!(door.post(verb, &one).await.verdict(), (404, 4007), "{verb}");
    }
    let next = door.create("worker 7", "counter").await;
    assert_eq!(next.data()["session_name"], "counter_worker-7_002");
}

#[tokio::test(start_paused = true)]
async fn a_type_that_needs_no_session_says_so() {
    let door = door().await;
    let created = door.create("ada", "plain").await;
    let data = created.data();
    assert_eq!(
        (created.verdict(), &data["session_status"]),
        ((200, 0), &json!("active"))
    );
    assert_eq!(data["compatibility_mode"], true);
    assert!(data["compatibility_message"].is_string());
}

#[tokio::test(start_paused = true)]
async fn a_worker_has_heartbeat_status_and_disconnect() {
    let door = door().await;
    for resource_type in ["counter", "plain"] {
        door.create("ada", resource_type).await;
    }
    let ada = json!({"worker_id": "ada"});
    let beat = door.post("lifecycle/heartbeat", &ada).await;
    assert_eq!(
        fixed(&beat.body),
        success(
            "session:heartbeat",
            &json!({"worker_id": "ada", "active_sessions": ["counter", "plain"], "timestamp": "[time]"})
        )
    );
    let status = door.post("lifecycle/status", &ada).await;
    let session = json!({"session_id": "[id]", "status": "active", "created_at": "[time]", "last_activity": "[time]"});
    let tools = door.host.host.tools().len();
    assert_eq!(
        fixed(&status.body),
        success(
            "session:status",
            &json!({"worker_id": "ada", "active_resources": ["counter", "plain"], "sessions": {"counter": session, "plain": session}, "tools_available": tools})
        )
    );
    for cleaned in [2, 0] {
        let disconnected = door.post("worker/disconnect", &ada).await;
        assert_eq!(
            fixed(&disconnected.body),
            success(
                "session:disconnect",
                &json!({"worker_id": "ada", "sessions_cleaned": cleaned})
            )
        );
    }
    assert!(door.sessions("ada").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn resources_are_initialized_one_by_one_and_together() {
    let door = door().await;
    let one = json!({"worker_id": "ada", "resource_type": "counter", "init_config": {"start": 3}});
    let begun = door.post("init/resource", &one).await;
    let data = json!({"session_id": "[id]", "resource_type": "counter", "session_status": "active", "error": null});
    assert_eq!(
        fixed(&begun.body),
        about_one("init:resource", "counter_ada_001", &data)
    );
    let again = door.post("init/resource", &one).await;
    assert_eq!(again.verdict(), (200, 0));
    assert_eq!(
        again.data()["status"],
        "exists",
        "it says that the config counts for nothing"
    );

    let batch = |configs: Value| json!({"worker_id": "bob", "resource_configs": configs});
    let good = json!({"counter": {"content": {"start": 7}}, "plain": {}});
    let all = door.post("init/batch", &batch(good)).await;
    let result = json!({"status": "success", "session_id": "[id]", "session_status": "active", "error": null});
    assert_eq!(
        fixed(&all.body),
        success(
            "init:batch",
            &json!({"worker_id": "bob", "results": {"counter": result, "plain": result}, "total": 2, "success_count": 2})
        )
    );
    let got = door.execute("bob", "counter:get", json!({})).await;
    assert_eq!(got.data(), 7);

    let bad =
        |worker: &str, configs: Value| json!({"worker_id": worker, "resource_configs": configs});
    let some = json!({"counter": {"start": 2000}, "plain": {}});
    let some = door.post("init/batch", &bad("eve", some)).await;
    assert_eq!(some.verdict(), (207, 5010));
    assert_eq!(some.data()["success_count"], 1);
    assert_eq!(some.data()["results"]["counter"]["status"], "error");
    let none = json!({"nothing": {}, "counter": {"content": 1}});
    let none = door.post("init/batch", &bad("kim", none)).await;
    assert_eq!(none.verdict(), (500, 5009));
}

#[tokio::test(start_paused = true)]
async fn tools_are_listed_bare_and_hidden_ones_on_request() {
    let host = TestHost::new();
    host.load("counter", &Guest::counter()).await;
    let door = Door::of(host);
    let list = door.get("/api/v1/tools?include_hidden=False").await;
    assert_eq!(list.status, 200);
    assert_eq!(list.body["count"], 3);
    let tools = list.body["tools"].as_array().unwrap();
    let double = tools.iter().find(|tool| tool["name"] == "double").unwrap();
    assert_eq!(double["parameters"]["required"], json!(["n"]));
    let mut plain = double.clone();
    plain.as_object_mut().unwrap().remove("parameters");
    assert_eq!(
        plain,
        json!({"name": "double", "full_name": "counter:double", "resource_type": "counter", "stateless": true, "description": ""})
    );
    let schema = door.get("/api/v1/tools/counter:double/schema").await;
    assert_eq!((schema.status, &schema.body), (200, double));
    let none = door.get("/api/v1/tools/nothing/schema").await;
    assert_eq!((none.status, &none.body["status"]), (404, &json!("error")));
    assert!(none.body["message"].is_string());
    for wish in ["True", "true", "1"] {
        let list = door
            .get(&format!("/api/v1/tools?include_hidden={wish}"))
            .await;
        assert_eq!(list.body["count"], 3, "{wish}");
    }
    for query in ["include_hidden=maybe", "include_hidden=1&include_hidden=0"] {
        let wrong = door.get(&format!("/api/v1/tools?{query}")).await;
        assert_eq!(wrong.verdict(), (400, 4002), "{query}");
    }
    assert_eq!(door.get("/api/v1/tools/%ff/schema").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn warmup_is_bare_and_counts() {
    let host = TestHost::new();
    host.load("good", &Guest::lab().hook(Hook::Warmup, Behaviour::Succeed))
        .await;
    host.load("bad", &Guest::lab().hook(Hook::Warmup, Behaviour::Refuse))
        .await;
    let door = Door::of(host);
    let summary = |warm, cold| json!({"total": 2, "warmed_up": warm, "pending": cold});
    let backend = |is_warm| json!({"loaded": true, "warmed_up": is_warm});
    let status = door.get("/api/v1/warmup/status").await;
    assert_eq!(
        status.body,
        json!({"backends": {"bad": backend(false), "good": backend(false)}, "summary": summary(0, 2)})
    );
    let one = door.post("warmup", &json!({"backends": ["good"]})).await;
    assert_eq!(
        (one.status, one.body),
        (
            200,
            json!({"status": "success", "results": {"good": true}, "summary": summary(1, 1)})
        )
    );
    for wish in [
        json!({"backends": null}),
        json!({"backends": []}),
        json!({}),
    ] {
        let all = door.post("warmup", &wish).await;
        assert_eq!(
            (all.status, &all.body["status"], &all.body["results"]),
            (
                200,
                &json!("partial_error"),
                &json!({"bad": false, "good": true})
            )
        );
        let reason = all.body["errors"]["bad"].as_str().unwrap();
        assert!(reason.contains("not today"), "{reason}");
    }
    let strange = json!({"backends": ["god", "good"]});
    let strange = door.post("warmup", &strange).await;
    assert_eq!(
        strange.body["results"],
        json!({"god": false, "good": true}),
        "a name that nobody has keeps no other from being warmed up"
    );
}
