//! Bad input: each gets an error in the protocol's own form, with the request's id where there is one.

use hostel_tests::{Guest, TestServer};
use reqwest::Method;
use serde_json::json;

use super::client::{LEGACY, Legacy, MODERN, Modern, Reply, post};

async fn server() -> TestServer {
    TestServer::start(&[("counter", &Guest::counter())]).await
}

#[tokio::test]
async fn what_is_no_message_is_refused_in_the_protocols_form() {
    let server = server().await;
    for (body, code) in [
        ("", -32700),
        ("{", -32700),
        ("nonsense", -32700),
        ("\u{fffd}", -32700),
        ("1", -32600),
        ("[]", -32600),
        (r#"[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]"#, -32600),
        (r#"{"id": 1, "method": "tools/list"}"#, -32600),
        (
            r#"{"jsonrpc": "1.0", "id": 1, "method": "tools/list"}"#,
            -32600,
        ),
        (r#"{"jsonrpc": "2.0", "id": 1}"#, -32600),
        (r#"{"jsonrpc": "2.0", "id": 1, "method": 5}"#, -32600),
        (
            r#"{"jsonrpc": "2.0", "id": {}, "method": "tools/list"}"#,
            -32600,
        ),
    ] {
        let request = post(&server)
            .header("content-type", "application/json")
            .body(body);
        let reply = Reply::of(request.send().await.unwrap()).await;
        assert_eq!(reply.status, 400, "{body}: {}", reply.text);
        assert_eq!(reply.error()["code"], code, "{body}: {}", reply.text);
        assert_eq!(reply.headers["content-type"], "application/json");
    }
}

#[tokio::test]
async fn an_error_carries_the_id_of_its_request() {
    let server = server().await;
    for id in [json!(7), json!("seven")] {
        let message = json!({"id": id, "method": "tools/list"});
        let reply = Reply::of(post(&server).json(&message).send().await.unwrap()).await;
        assert_eq!(reply.last()["id"], id);
    }
}

#[tokio::test]
async fn methods_that_there_are_not_are_not_found() {
    let server = server().await;
    let (modern, older) = (Modern::new(&server), Legacy::begin(&server).await);
    for method in [
        "unknown/method",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
        "completion/complete",
        "logging/setLevel",
    ] {
        let reply = modern.ask(method, json!({})).await;
        assert_eq!(reply.status, 404, "{method}: {}", reply.text);
        assert_eq!(reply.error()["code"], -32601, "{method}");
        let reply = older.ask(method, json!({})).await;
        assert_eq!(reply.error()["code"], -32601, "{method}");
    }
    // What the newer revision has done without.
    for method in ["ping", "initialize"] {
        assert_eq!(modern.ask(method, json!({})).await.status, 404, "{method}");
    }
    assert_eq!(older.ask("ping", json!({})).await.result(), json!({}));
}

#[tokio::test]
async fn params_of_another_form_are_told_from_methods_that_there_are_not() {
    let server = server().await;
    let (modern, older) = (Modern::new(&server), Legacy::begin(&server).await);
    for params in [
        json!({}),
        json!({"name": 5}),
        json!({"name": "x", "arguments": []}),
    ] {
        let reply = older.ask("tools/call", params.clone()).await;
        assert_eq!(reply.error()["code"], -32602, "{params}: {}", reply.text);
        let reply = modern.ask("tools/call", params.clone()).await;
        let code = reply.error()["code"].as_i64().unwrap();
        // The header that names the tool cannot be right, either.
        assert!([-32602, -32020].contains(&code), "{params}: {}", reply.text);
    }
    let reply = modern.ask("tools/list", json!({"cursor": "x"})).await;
    assert_eq!(reply.error()["code"], -32602);
}

#[tokio::test]
async fn a_version_that_is_not_spoken_is_answered_with_those_that_are() {
    let server = server().await;
    let client = Modern {
        meta: json!({"io.modelcontextprotocol/protocolVersion": "2031-01-01"}),
        ..Modern::new(&server)
    };
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": client.params(json!({}))});
    let ask = async |version: &str| {
        let request = post(&server)
            .header("mcp-protocol-version", version)
            .header("mcp-method", "tools/list");
        Reply::of(request.json(&message).send().await.unwrap()).await
    };
    let reply = ask("2031-01-01").await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.error()["code"], -32022);
    let supported = &reply.error()["data"]["supported"];
    assert!(supported.as_array().unwrap().contains(&json!(MODERN)));
    // The header and the body say two things.
    let reply = ask(MODERN).await;
    assert_eq!(
        (reply.status, &reply.error()["code"]),
        (400, &json!(-32020))
    );
    // Without a word in the body, only the header can be looked at.
    let bare = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let request = post(&server).header("mcp-protocol-version", "2031-01-01");
    let reply = Reply::of(request.json(&bare).send().await.unwrap()).await;
    assert_eq!(reply.status, 400);
    assert!(reply.error()["message"].as_str().unwrap().contains("2031"));
    // An older client is offered the newest version that begins as it does.
    let params = json!({"protocolVersion": "2031-01-01", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
    let begin = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
    let reply = Reply::of(post(&server).json(&begin).send().await.unwrap()).await;
    assert_eq!(reply.result()["protocolVersion"], LEGACY);
}

#[tokio::test]
async fn a_request_of_2026_07_28_says_what_it_must() {
    let server = server().await;
    let client = Modern::new(&server);
    let params = client.params(json!({"name": "counter_double", "arguments": {"n": 1}}));
    let send = async |version: Option<&str>, method: Option<&str>, name: Option<&str>| {
        let mut request = post(&server);
        for (header, value) in [
            ("mcp-protocol-version", version),
            ("mcp-method", method),
            ("mcp-name", name),
        ] {
            if let Some(value) = value {
                request = request.header(header, value);
            }
        }
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        Reply::of(request.json(&message).send().await.unwrap()).await
    };
    let (call, tool) = (Some("tools/call"), Some("counter_double"));
    assert_eq!(send(Some(MODERN), call, tool).await.status, 200);
    for (version, method, name) in [
        (None, call, tool),
        (Some(MODERN), None, tool),
        (Some(MODERN), Some("tools/list"), tool),
        (Some(MODERN), call, None),
        (Some(MODERN), call, Some("counter_add")),
        (Some(LEGACY), call, tool),
    ] {
        let reply = send(version, method, name).await;
        let what = format!("{version:?} {method:?} {name:?}: {}", reply.text);
        assert_eq!(
            (reply.status, &reply.error()["code"]),
            (400, &json!(-32020)),
            "{what}"
        );
    }
    let nothing = Modern {
        meta: json!({"io.modelcontextprotocol/clientCapabilities": null}),
        ..Modern::new(&server)
    };
    let reply = nothing.ask("tools/list", json!({})).await;
    assert_eq!(
        (reply.status, &reply.error()["code"]),
        (400, &json!(-32602))
    );
}

#[tokio::test]
async fn a_session_of_the_protocol_that_is_not_there_is_not_found() {
    let server = server().await;
    let mut client = Legacy::begin(&server).await;
    let ended = server
        .request(Method::DELETE, "/mcp")
        .header("mcp-session-id", &client.session)
        .header("mcp-protocol-version", LEGACY);
    assert!(ended.send().await.unwrap().status().is_success());
    for session in [client.session.clone(), "made-up".to_owned()] {
        client.session = session;
        let reply = client.ask("tools/list", json!({})).await;
        assert_eq!(reply.status, 404);
        assert_eq!(reply.error()["code"], -32001);
        assert_eq!(reply.last()["id"], 1);
    }
}

#[tokio::test]
async fn what_comes_from_a_page_or_in_another_form_is_refused() {
    let server = server().await;
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    for (name, value, status) in [
        ("origin", "https://evil.example", 403),
        ("host", "evil.example", 403),
        ("accept", "text/html", 406),
        ("content-type", "text/plain", 415),
    ] {
        let mut request = server.request(Method::POST, "/mcp");
        if name != "accept" {
            request = request.header("accept", "application/json, text/event-stream");
        }
        if name != "content-type" {
            request = request.header("content-type", "application/json");
        }
        let request = request.header(name, value).body(message.to_string());
        let reply = Reply::of(request.send().await.unwrap()).await;
        assert_eq!(reply.status, status, "{name}: {}", reply.text);
    }
    let got = server.get("/mcp").await;
    assert!([400, 406].contains(&got.status), "{}", got.text);
    let put = Reply::of(server.request(Method::PUT, "/mcp").send().await.unwrap()).await;
    assert_eq!(put.status, 405);
    assert!(put.headers.contains_key("allow"));
    assert!(put.error()["message"].is_string());
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let server = TestServer::start_with(&[], |config| config.body_bytes_max = 1000).await;
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "x".repeat(2000)});
    let reply = Reply::of(post(&server).json(&message).send().await.unwrap()).await;
    assert_eq!(reply.status, 413);
    assert_eq!(reply.error()["code"], -32600);
}
