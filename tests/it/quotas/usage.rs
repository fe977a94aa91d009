//! What a worker has used, summed up: by the verb, over HTTP, and in the document's own words.

use hostel_host::quota::Quota;
use hostel_tests::{Guest, TestHost, TestServer};
use reqwest::Method;
use serde_json::json;

use super::every;

#[tokio::test(start_paused = true)]
async fn everything_that_ran_is_summed_up_for_its_worker_and_no_other() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let (ada, bob) = (host.worker("ada"), host.worker("bob"));
    let session = ada.begin("lab").await;
    session.call("grow", json!({"pages": 9})).await.unwrap();
    session.call("fail", json!({"text": "no"})).await.unwrap();
    session.call("trap", json!({})).await.unwrap_err();
    ada.call("lab:add", json!({"n": 1})).await.unwrap();
    ada.call("lab:nothing", json!({})).await.unwrap_err();
    bob.call("lab:add", json!({"n": 1})).await.unwrap();
    let totals = host.host.usage(&ada.caller).unwrap().totals;
    assert_eq!((totals.calls, totals.errors), (5, 3));
    assert_eq!((totals.sessions, totals.jobs, totals.refusals), (1, 0, 0));
    assert_eq!(totals.memory_bytes_max, 10 << 16);
    let totals = host.host.usage(&bob.caller).unwrap().totals;
    assert_eq!((totals.calls, totals.errors, totals.sessions), (1, 0, 0));
}

#[tokio::test]
async fn a_worker_reads_its_own_with_every_limit_and_a_token_reads_none() {
    let server = TestServer::start_with(&[("lab", &Guest::stateful_lab())], |config| {
        config.workers = every(|limits| limits.sessions = Some(3));
    })
    .await;
    let session = server.begin(&json!({"backend": "lab"})).await;
    server.execute("lab:add", json!({"n": 1})).await;
    let usage = server.get("/v1/usage").await;
    assert_eq!(usage.status, 200, "{}", usage.text);
    let usage = usage.json();
    assert_eq!(usage["worker"], "default");
    assert_eq!(
        (&usage["calls"], &usage["sessions_started"]),
        (&json!(1), &json!(1))
    );
    assert!(usage["duration_us"].as_u64().unwrap() > 0);
    assert_eq!(usage["limits"]["sessions"], json!({"used": 1, "max": 3}));
    assert_eq!(usage["limits"]["requests_per_second"]["max"], json!(null));
    for quota in Quota::ALL {
        assert!(usage["limits"][quota.key()].is_object(), "{usage}");
    }
    let token = session["token"].as_str().unwrap();
    let with_token = server.request(Method::GET, "/v1/usage").bearer_auth(token);
    let refused = hostel_tests::Answer::to(with_token).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "forbidden")
    );
    let other = server
        .request(Method::GET, "/v1/usage")
        .header("x-worker-id", "other");
    let other = hostel_tests::Answer::to(other).await.json();
    assert_eq!(other["calls"], 0, "nobody sees another's");
}
