//! `tools/call`: what comes back, and how errors come back.

use hostel_tests::{Guest, TestServer};
use serde_json::json;

use super::client::{Legacy, Modern, refusal, text};

async fn server() -> TestServer {
    let (counter, lab, picture) = (Guest::counter(), Guest::lab(), Guest::named("picture"));
    TestServer::start(&[("counter", &counter), ("lab", &lab), ("picture", &picture)]).await
}

#[tokio::test]
async fn an_answer_is_there_as_text_and_as_a_value() {
    let server = server().await;
    let client = Modern::new(&server);
    let doubled = client.call("counter_double", json!({"n": 21})).await;
    assert_eq!(doubled["structuredContent"], 42);
    assert_eq!(doubled["content"], json!([{"type": "text", "text": "42"}]));
    assert_eq!(doubled["isError"], false);
    assert_eq!(doubled["resultType"], "complete");
    let said = client.call("lab_echo", json!({"text": "a \"b\""})).await;
    assert_eq!(said["structuredContent"], "a \"b\"");
    assert_eq!(text(&said), "a \"b\"");
    let slept = client.call("lab_sleep", json!({"ms": 0})).await;
    assert_eq!(slept.get("structuredContent"), None);
    assert_eq!(text(&slept), "done");
}

#[tokio::test]
async fn pictures_are_content() {
    let server = server().await;
    let client = Modern::new(&server);
    let picture = client.call("picture_picture", json!({})).await;
    let block = &picture["content"][0];
    assert_eq!(block["type"], "image");
    assert_eq!(block["mimeType"], "image/png");
    assert!(block["data"].as_str().unwrap().starts_with("iVBORw0KGgo"));
    assert_eq!(picture.get("structuredContent"), None);
    let framed = client.call("picture_framed", json!({})).await;
    assert_eq!(framed["structuredContent"]["frame"], block["data"]);
    assert_eq!(framed["content"][1], *block);
    let text = text(&framed);
    assert!(
        text.contains("PNG") && !text.contains("iVBORw0KGgo"),
        "{text}"
    );
    let noise = client.call("picture_noise", json!({})).await;
    assert_eq!(noise["content"][0]["text"], "anVzdCBzb21lIGJ5dGVz");
}

#[tokio::test]
async fn a_tool_that_says_no_and_a_call_that_went_wrong_are_results() {
    let server = server().await;
    for legacy in [false, true] {
        let (modern, older) = (Modern::new(&server), Legacy::begin(&server).await);
        let call = async |tool, arguments| {
            if legacy {
                older.call(tool, arguments).await
            } else {
                modern.call(tool, arguments).await
            }
        };
        let no = call("lab_fail", json!({"text": "not today"})).await;
        assert_eq!(refusal(&no), "not today");
        assert_eq!(no.get("structuredContent"), None);
        let trapped = call("lab_trap", json!({})).await;
        assert!(refusal(&trapped).starts_with("tool_trapped: "), "{trapped}");
        let misfit = call("lab_echo", json!({"text": 1})).await;
        assert!(refusal(&misfit).contains("/text"), "{misfit}");
        assert_eq!(misfit["_meta"]["hostel/error"]["code"], "invalid_params");
        let missing = call("lab_echo", json!({})).await;
        assert!(refusal(&missing).contains("text"), "{missing}");
    }
}

#[tokio::test]
async fn a_tool_that_is_not_there_is_an_error_of_the_protocol_that_names_the_nearest() {
    let server = server().await;
    let params = json!({"name": "counter_dubble", "arguments": {}});
    let modern = Modern::new(&server).ask("tools/call", params.clone()).await;
    assert_eq!(modern.status, 200);
    let older = Legacy::begin(&server).await.ask("tools/call", params).await;
    for reply in [modern, older] {
        let error = reply.error();
        assert_eq!(error["code"], -32602);
        assert!(
            error["message"]
                .as_str()
                .unwrap()
                .contains("counter_double"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_client_that_vanishes_stops_no_call_and_costs_nobody_the_session() {
    let lab = Guest::stateful_lab();
    let server = TestServer::start(&[("lab", &lab)]).await;
    let client = Modern::new(&server);
    let session = client.begin(json!({"backend": "lab"})).await;
    for progress in [json!({}), json!({"progressToken": "p"})] {
        let leaver = Modern {
            meta: progress,
            ..Modern::new(&server)
        };
        let params =
            json!({"name": "lab_add_later", "arguments": {"n": 1, "ms": 300, "session": session}});
        let left = tokio::time::timeout(
            std::time::Duration::from_millis(100),
            leaver.ask("tools/call", params),
        );
        assert!(left.await.is_err(), "it was to be left");
    }
    // This one waits for those before it.
    let added = client
        .call("lab_add", json!({"n": 0, "session": session}))
        .await;
    assert_eq!(added["structuredContent"], 2, "{added}");
}
