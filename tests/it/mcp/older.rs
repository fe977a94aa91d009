//! Revision 2025-11-25 and those before it: the handshake, sessions of the protocol, and the same tools.

use hostel_tests::{Guest, TestServer};
use serde_json::json;

use super::client::{LEGACY, Legacy, Reply, post};

#[tokio::test]
async fn a_client_begins_with_a_handshake_and_gets_a_session_of_the_protocol() {
    let server = TestServer::start(&[("counter", &Guest::counter())]).await;
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", LEGACY] {
        let params = json!({"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
        let message = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let begun = Reply::of(post(&server).json(&message).send().await.unwrap()).await;
        let result = begun.result();
        assert_eq!(result["protocolVersion"], version);
        assert_eq!(result["serverInfo"]["name"], "hostel");
        assert_eq!(result["capabilities"]["tools"]["listChanged"], true);
        assert!(begun.headers.contains_key("mcp-session-id"));
    }
    let without = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let reply = Reply::of(post(&server).json(&without).send().await.unwrap()).await;
    assert_eq!(reply.status, 400);
    assert!(
        reply.error()["message"]
            .as_str()
            .unwrap()
            .contains("Session")
    );
}

#[tokio::test]
async fn answers_have_the_form_of_their_revision() {
    let server = TestServer::start(&[("counter", &Guest::counter())]).await;
    let client = Legacy::begin(&server).await;
    let called = client.call("counter_double", json!({"n": 2})).await;
    assert_eq!(called.get("resultType"), None);
    assert_eq!(called["structuredContent"], json!({"result": 4}));
    let made = client
        .call("session_create", json!({"backend": "counter"}))
        .await;
    assert_eq!(made["structuredContent"]["backend"], "counter");
}

#[tokio::test]
async fn several_calls_of_one_client_run_side_by_side() {
    let server = TestServer::start(&[("lab", &Guest::lab())]).await;
    let client = Legacy::begin(&server).await;
    let call = async |id: u32, ms: u32| {
        let params = json!({"name": "lab_sleep", "arguments": {"ms": ms}});
        let message = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
        let reply = Reply::of(client.post(message).await).await;
        assert_eq!(reply.last()["id"], id);
        tokio::time::Instant::now()
    };
    let (long, short) = tokio::join!(call(1, 400), call(2, 0));
    assert!(short < long);
}
