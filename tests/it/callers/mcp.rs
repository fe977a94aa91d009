//! Sessions of the older protocol belong to whoever began them.

use hostel_tests::Answer;
use reqwest::Method;
use serde_json::json;

use super::Keyed;

#[tokio::test]
async fn nobody_else_uses_a_session_of_the_protocol() {
    let host = Keyed::start().await;
    let (alice, bob) = (host.key("alice", &["call"]), host.key("bob", &["call"]));
    let begin = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
    }});
    let accept = "application/json, text/event-stream";
    let request = host
        .request(Some(&alice), Method::POST, "/mcp")
        .json(&begin);
    let begun = Answer::to(request.header("accept", accept)).await;
    assert_eq!(begun.status, 200, "{}", begun.text);
    let session = begun.header("mcp-session-id").unwrap().to_owned();
    let list = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"});
    for (key, method, expected) in [
        (&bob, Method::POST, 404),
        (&bob, Method::GET, 404),
        (&bob, Method::DELETE, 404),
        (&alice, Method::POST, 200),
        (&alice, Method::DELETE, 204),
    ] {
        let mut request = host.request(Some(key), method.clone(), "/mcp");
        request = request
            .header("accept", accept)
            .header("mcp-session-id", &session);
        if method == Method::POST {
            request = request
                .json(&list)
                .header("mcp-protocol-version", "2025-11-25");
        }
        let answer = Answer::to(request).await;
        assert_eq!(answer.status, expected, "{method}: {}", answer.text);
    }
}

#[tokio::test]
async fn nobody_takes_all_sessions_of_the_protocol() {
    let host = Keyed::start().await;
    let (mallory, ada) = (host.key("mallory", &["call"]), host.key("ada", &["call"]));
    let begin = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
    }});
    let accept = "application/json, text/event-stream";
    let begin_as = async |key: &str| {
        let request = host.server.request(Method::POST, "/mcp").bearer_auth(key);
        Answer::to(request.json(&begin).header("accept", accept)).await
    };
    let mut begun = 0;
    let refused = loop {
        let answer = begin_as(&mallory).await;
        if answer.status != 200 {
            break answer;
        }
        begun += 1;
        assert!(begun < 1000, "all of them are one worker's");
    };
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(begin_as(&ada).await.status, 200);
}
