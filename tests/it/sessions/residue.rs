//! Memory is used again and again, and nobody finds in it what somebody else has left there.

use futures_util::future::join_all;
use hostel_tests::{Behaviour, Guest, Hook, TestHost};
use serde_json::json;

/// Instances at once, and how often their places are used again.
const SESSIONS: usize = 20;
const ROUNDS: usize = 5;

/// Pages that stay resident from one instance to the next and are cleared by hand; pages that are given back; both of them.
const PAGES: [u32; 3] = [4, 64, 300];

async fn nothing_is_left(guest: &Guest) {
    let host = TestHost::new();
    host.load("lab", guest).await;
    let (ada, eve) = (host.worker("ada"), host.worker("eve"));
    let names: Vec<String> = (0..SESSIONS).map(|number| format!("s{number}")).collect();
    for pages in PAGES.repeat(ROUNDS) {
        let sessions = join_all(names.iter().map(|name| ada.begin_named("lab", name))).await;
        for session in &sessions {
            session
                .call("dirty", json!({"pages": pages}))
                .await
                .unwrap();
        }
        for session in sessions {
            session.destroy().await.unwrap();
        }
        let sessions = join_all(names.iter().map(|name| eve.begin_named("lab", name))).await;
        for session in sessions {
            let found = session.call("residue", json!({"pages": pages})).await;
            assert_eq!(found.unwrap(), 0, "{pages} pages");
            session.destroy().await.unwrap();
        }
    }
}

#[tokio::test]
async fn in_plain_instances() {
    nothing_is_left(&Guest::stateful_lab()).await;
}

#[tokio::test]
async fn in_instances_of_a_warm_image() {
    nothing_is_left(&Guest::stateful_lab().hook(Hook::Warmup, Behaviour::Succeed)).await;
}
