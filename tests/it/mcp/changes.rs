//! Notices of a list of tools that changed, in the way of each revision.

use hostel_tests::{Answer, Guest, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Legacy, Modern, until};

const ID: &str = "io.modelcontextprotocol/subscriptionId";

async fn load(server: &TestServer, name: &str) {
    let put = server.request(Method::PUT, &format!("/v1/backends/{name}"));
    let loaded = Answer::to(put.body(Guest::counter().component())).await;
    assert!(loaded.status < 300, "{}", loaded.text);
}

fn is_change(message: &Value) -> bool {
    message["method"] == "notifications/tools/list_changed"
}

#[tokio::test]
async fn whoever_listens_hears_of_a_backend_that_comes_or_goes() {
    let server = TestServer::start(&[]).await;
    let client = Modern::new(&server);
    let wanted = json!({"notifications": {"toolsListChanged": true, "promptsListChanged": true}});
    let mut stream = client.send("subscriptions/listen", wanted).await;
    let first = until(&mut stream, |_| true).await;
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(
        first["params"]["notifications"],
        json!({"toolsListChanged": true})
    );
    load(&server, "counter").await;
    let heard = until(&mut stream, is_change).await;
    assert_eq!(heard["params"]["_meta"][ID], 1);
    let listed = client.ask("tools/list", json!({})).await.result();
    assert!(listed.to_string().contains("counter_add"));
    server.delete("/v1/backends/counter").await;
    until(&mut stream, is_change).await;
    let listed = client.ask("tools/list", json!({})).await.result();
    assert!(!listed.to_string().contains("counter_add"));
}

#[tokio::test]
async fn who_did_not_ask_for_it_is_not_told() {
    let server = TestServer::start(&[]).await;
    let client = Modern::new(&server);
    let wanted = json!({"notifications": {"promptsListChanged": true}});
    let mut stream = client.send("subscriptions/listen", wanted).await;
    until(&mut stream, |_| true).await;
    load(&server, "counter").await;
    let told = tokio::time::timeout(std::time::Duration::from_millis(300), stream.chunk());
    assert!(told.await.is_err());
}

#[tokio::test]
async fn a_client_of_2025_11_25_is_told_on_its_own_stream() {
    let server = TestServer::start(&[]).await;
    let client = Legacy::begin(&server).await;
    let mut stream = client.listen().await;
    assert_eq!(stream.status(), 200);
    load(&server, "counter").await;
    until(&mut stream, is_change).await;
}

#[tokio::test]
async fn a_host_that_stops_ends_the_streams() {
    let server = TestServer::start(&[]).await;
    let client = Modern::new(&server);
    let wanted = json!({"notifications": {"toolsListChanged": true}});
    let mut modern = client.send("subscriptions/listen", wanted).await;
    until(&mut modern, |_| true).await;
    let mut older = Legacy::begin(&server).await.listen().await;
    let ended = until(&mut modern, |message| !message["result"].is_null());
    let cut = async { while let Ok(Some(_)) = older.chunk().await {} };
    let stopped = tokio::time::timeout(std::time::Duration::from_secs(20), server.running.stop());
    let (ended, (), stopped) = tokio::join!(ended, cut, stopped);
    stopped.expect("no stream keeps the host from stopping");
    assert_eq!(ended["result"]["_meta"][ID], 1, "{ended}");
}
