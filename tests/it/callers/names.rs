//! Names and pages: a rebound name does not reach the host, whatever it listens at.

use hostel_host::api::Addresses;
use hostel_host::config::Config;
use hostel_tests::{Answer, TestServer};
use reqwest::Method;

async fn serve(change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::serve(|config| {
        let names = vec!["tools.example.com".to_owned()];
        let origins = vec!["https://app.example.com".to_owned()];
        config.addresses = Addresses::new(names, origins).unwrap();
        change(config);
    })
    .await
}

#[tokio::test]
async fn only_the_names_of_the_host_reach_it_on_every_address() {
    for remote in [false, true] {
        let server = serve(|config| {
            config.allow_remote = remote;
            if remote {
                config.listen.set_ip([0, 0, 0, 0].into());
            }
        });
        let server = server.await;
        let url = format!("http://127.0.0.1:{}/healthz", server.address.port());
        let client = super::elsewhere();
        let cases = [
            ("tools.example.com", 200),
            ("TOOLS.example.com:8443", 200),
            ("localhost", 200),
            ("127.0.0.1:18890", 200),
            ("evil.example.com", 403),
            ("tools.example.com.evil.com", 403),
            ("169.254.169.254", 403),
        ];
        for (name, expected) in cases {
            let answer = Answer::to(client.get(&url).header("host", name)).await;
            assert_eq!(answer.status, expected, "{name} {remote}: {}", answer.text);
        }
        let cases = [
            ("https://tools.example.com", 200),
            ("http://localhost:3000", 200),
            ("https://app.example.com", 200),
            ("https://evil.example.com", 403),
            ("http://app.example.com", 403),
            ("null", 403),
        ];
        for (origin, expected) in cases {
            let answer = Answer::to(client.get(&url).header("origin", origin)).await;
            assert_eq!(answer.status, expected, "{origin} {remote}");
        }
    }
}

#[tokio::test]
async fn listed_pages_may_read_answers_and_no_others() {
    let server = serve(|config| config.auth_required = true).await;
    let ask = |method: Method, origin: &'static str| {
        let request = server.request(method, "/v1/tools").header("origin", origin);
        Answer::to(
            request
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", "authorization"),
        )
    };
    let page = "https://app.example.com";
    let preflight = ask(Method::OPTIONS, page).await;
    assert_eq!(preflight.status, 204, "before there is a credential");
    assert_eq!(preflight.header("access-control-allow-origin"), Some(page));
    assert_eq!(
        preflight.header("access-control-allow-headers"),
        Some("authorization")
    );
    let refused = ask(Method::GET, page).await;
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.header("access-control-allow-origin"),
        Some(page),
        "it may read why"
    );
    for origin in ["http://localhost:3000", "https://evil.example.com"] {
        for method in [Method::OPTIONS, Method::GET] {
            let answer = ask(method, origin).await;
            assert_eq!(
                answer.header("access-control-allow-origin"),
                None,
                "{origin}"
            );
            assert_ne!(answer.status, 204);
        }
    }
}
