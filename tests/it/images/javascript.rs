//! A guest in JavaScript, built by componentize-js, of which nothing knows Hostel but its WIT. It needs that tool, so these tests run only
//! when they are asked for: `.ci/run` builds the guest.

use hostel_tests::TestServer;
use serde_json::{Value, json};

use super::guest::{Room, serve};

const BACKEND: &str = "javascript";

async fn call(server: &TestServer, tool: &str, params: Value) -> Value {
    let answer = server.execute(&format!("{BACKEND}:{tool}"), params).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["result"].clone()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the guest built"]
async fn all_that_the_warmup_used_works_in_every_instance() {
    let room = Room::new();
    for from in ["image", "cached_image"] {
        let server = serve(&room, BACKEND, "").await;
        let answer = server.post("/v1/warmup", &json!({})).await.json();
        assert_eq!(
            answer["backends"][BACKEND]["start"]["from"], from,
            "{answer}"
        );
        for place in [1, 777, 100_000] {
            let word = json!({"word": format!("word{place}")});
            assert_eq!(call(&server, "lookup", word).await, place);
        }
        let earlier = call(&server, "elapsed", json!({})).await.as_f64();
        let later = call(&server, "elapsed", json!({})).await.as_f64();
        assert!(
            earlier > Some(0.0) && later > earlier,
            "{earlier:?} {later:?}"
        );
        assert_ne!(
            call(&server, "draw", json!({})).await,
            call(&server, "draw", json!({})).await,
            "chance is not part of the image"
        );
    }
}
