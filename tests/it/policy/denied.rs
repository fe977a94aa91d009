//! What a guest cannot do: whoever called it is told the rule that would allow it, also when the guest itself makes nothing of the refusal.

use hostel_tests::{Behaviour, Guest, Hook, TestServer};
use serde_json::{Value, json};

const RULE: &str = "workspace = true, or folders = [{ host = \"...\", guest = \"/...\" }]";

fn rule(answer: &Value) -> &Value {
    &answer["denied"][0]["allow"]
}

#[tokio::test]
async fn a_guest_that_looked_for_folders_and_then_goes_wrong_is_told_of_the_rule() {
    let server = TestServer::start(&[("lab", &Guest::stateful_lab())]).await;
    let begun = server.begin(&json!({"backend": "lab"})).await;
    let call = async |tool: &str, params: Value| {
        let call = json!({"action": tool, "params": params, "session": begun["id"]});
        server.post("/v1/execute", &call).await.json()
    };
    let before = call("lab:fail", json!({"text": "no"})).await;
    assert!(before.get("denied").is_none(), "{before}");
    let looked = call("lab:mark", json!({})).await;
    assert_eq!(looked["result"], false);
    assert!(
        looked.get("denied").is_none(),
        "it can do without: {looked}"
    );
    let failed = call("lab:fail", json!({"text": "no"})).await;
    assert_eq!(
        (&failed["error"], rule(&failed)),
        (&json!("no"), &json!(RULE))
    );
    let trapped = call("lab:trap", json!({})).await;
    assert_eq!(
        (&trapped["code"], rule(&trapped)),
        (&json!("tool_trapped"), &json!(RULE))
    );
    let said = trapped["detail"].as_str().unwrap();
    assert!(
        said.contains("grants no folder") && said.contains(RULE),
        "{said}"
    );
}

#[tokio::test]
async fn a_hook_that_cannot_do_without_a_folder_says_so_with_the_rule() {
    let needy = Guest::lab().hook(Hook::Initialize, Behaviour::FailSecondTime);
    let server = TestServer::start(&[("lab", &needy)]).await;
    let refused = server
        .post("/v1/sessions", &json!({"backend": "lab"}))
        .await;
    let document = refused.json();
    assert!(refused.status >= 400, "{document}");
    assert_eq!(rule(&document), RULE, "{document}");
}
