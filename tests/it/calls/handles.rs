//! Resources that are no session become handles, which live and die with the session.

use hostel_host::error::ErrorCode;
use hostel_host::session::Farewell;
use hostel_tests::{Guest, TestHost};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn a_handle_names_a_resource_for_as_long_as_its_session_lives() {
    let host = TestHost::new();
    host.load("shop", &Guest::named("shop")).await;
    let ada = host.worker("ada");
    let session = ada.begin("shop").await;
    let one = session.call("cart_new", json!({"items": 2})).await.unwrap();
    let other = session
        .call("cart_new", json!({"items": 30}))
        .await
        .unwrap();
    assert_eq!((&one, &other), (&json!("cart#1"), &json!("cart#2")));
    let items = session
        .call("cart_add", json!({"self": one, "items": 5}))
        .await;
    assert_eq!(items.unwrap(), 7);
    let both = json!({"one": one, "other": other});
    assert_eq!(session.call("cart_together", both).await.unwrap(), 37);
    assert_eq!(session.destroy().await.unwrap(), Farewell::Clean);
}

#[tokio::test(start_paused = true)]
async fn a_handle_of_another_session_and_one_that_was_never_given_are_refused() {
    let host = TestHost::new();
    host.load("shop", &Guest::named("shop")).await;
    let ada = host.worker("ada");
    let session = ada.begin("shop").await;
    let cart = session.call("cart_new", json!({"items": 2})).await.unwrap();
    let other = ada.begin_named("shop", "other").await;
    for (session, handle) in [
        (&other, cart),
        (&session, json!("cart#99")),
        (&session, json!("trolley#1")),
        (&session, json!(1)),
    ] {
        let params = json!({"self": handle, "items": 1});
        let error = session.call("cart_add", params).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidParams, "{handle}");
        let pointer = error.details().iter().find(|(name, _)| *name == "pointer");
        assert_eq!(pointer.unwrap().1, "/self", "{handle}");
    }
}
