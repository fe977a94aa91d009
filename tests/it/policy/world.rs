//! A real guest, compiled from Rust, that reaches for the world: what it gets, what it is told, and where a secret never turns up.
//! It needs a compiler: see `plugins.rs`.

use std::path::{Path, PathBuf};

use hostel_host::config::{BackendConfig, Config};
use hostel_host::ids::BackendName;
use hostel_host::policy::Grants;
use hostel_host::policy::TcpRule;
use hostel_host::policy::address::Network;
use hostel_host::policy::host::HostPattern;
use hostel_host::policy::http::{HttpRule, RequestPattern, Scheme};
use hostel_host::policy::secret::{Secret, SecretBinding};
use hostel_host::registry::BackendSettings;
use hostel_tests::TestServer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const CANARY: &str = "canary-9ad07c4415e2";

/// A server that sends back what it was sent, in one answer, and its port.
async fn echo() -> (u16, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let count = stream.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..count]).into_owned();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {count}\r\n\r\n");
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(request.as_bytes()).await;
        }
    });
    (port, serving)
}

async fn serve(grants: Grants) -> TestServer {
    let folder = std::env::var_os("HOSTEL_COMPONENTS");
    let folder = folder.map(PathBuf::from).expect("it names the components");
    let backend = BackendConfig {
        path: Some(folder.join("fetch.wasm")),
        pin: None,
        settings: BackendSettings {
            grants,
            ..BackendSettings::default()
        },
    };
    TestServer::serve(move |config: &mut Config| {
        let name = BackendName::parse("fetch").expect("it is a name");
        config.backends.insert(name, backend);
        let here = vec!["127.0.0.1".parse().expect("it is an address")];
        config.outgoing.names.insert("api.test".to_owned(), here);
    })
    .await
}

fn rule(port: u16) -> HttpRule {
    let host = HostPattern::parse(&format!("api.test:{port}")).unwrap();
    HttpRule {
        addresses: vec![Network::parse("127.0.0.1").unwrap()],
        ..HttpRule::whole(host)
    }
}

fn to(port: u16, path: &str) -> Value {
    json!({"method": "GET", "scheme": "http", "authority": format!("api.test:{port}"), "path": path})
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the guest built"]
async fn a_guest_reaches_what_it_was_granted_and_its_caller_hears_of_the_rest_in_rust() {
    let (port, _serving) = echo().await;
    let granted = serve(Grants {
        http: vec![rule(port)],
        tcp: vec![TcpRule::parse(&format!("127.0.0.1:{port}")).unwrap()],
        ..Grants::default()
    })
    .await;
    let answer = granted
        .execute("fetch:request", to(port, "/x?y=z"))
        .await
        .json();
    assert_eq!(answer["result"]["status"], 200, "{answer}");
    let body = answer["result"]["body"].as_str().unwrap();
    assert!(body.starts_with("GET /x?y=z HTTP/1.1"), "{body}");
    assert!(answer.get("denied").is_none());
    let hello = json!({"address": format!("127.0.0.1:{port}"), "text": "hello"});
    let answer = granted.execute("fetch:connect", hello.clone()).await.json();
    assert!(
        answer["result"].as_str().unwrap().ends_with("hello"),
        "{answer}"
    );

    for address in ["0.0.0.0:0", "127.0.0.1:0", "[::]:0"] {
        let listen = json!({"address": address});
        let answer = granted.execute("fetch:listen", listen).await.json();
        assert_eq!(answer["is_error"], true, "{answer}");
    }

    let denied = serve(Grants::default()).await;
    let answer = denied
        .execute("fetch:request", to(port, "/x?token=1"))
        .await
        .json();
    assert_eq!(answer["is_error"], true, "{answer}");
    let told = &answer["denied"][0];
    assert_eq!(told["what"], format!("GET http://api.test:{port}/x"));
    assert!(
        told["allow"]
            .as_str()
            .unwrap()
            .starts_with("http = [{ host = \"api.test:")
    );
    let answer = denied.execute("fetch:connect", hello).await.json();
    assert_eq!(
        answer["denied"][0]["allow"],
        format!("tcp = [\"127.0.0.1:{port}\"]"),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the guest built"]
async fn a_planted_secret_is_in_nothing_that_leaves_the_host_in_rust() {
    let (port, _serving) = echo().await;
    let host = HostPattern::parse(&format!("api.test:{port}")).unwrap();
    let server = serve(Grants {
        http: vec![rule(port)],
        secrets: vec![SecretBinding {
            secret: Secret::new("token".to_owned(), CANARY.to_owned()),
            requests: RequestPattern {
                schemes: vec![Scheme::Http],
                ..RequestPattern::whole(host)
            },
            header: "authorization".parse().unwrap(),
            value: "Bearer {}".to_owned(),
            env: Some("TOKEN".to_owned()),
        }],
        ..Grants::default()
    })
    .await;
    let session = server
        .begin(&json!({"backend": "fetch", "name": "s"}))
        .await;
    let id = session["id"].as_str().unwrap();
    let mut seen = Vec::new();
    let call = async |action: &str, params: Value| {
        let body = json!({"action": action, "params": params, "session": id});
        server.post("/v1/execute", &body).await.text
    };
    let placeholder = call("fetch:variable", json!({"name": "TOKEN"})).await;
    assert!(placeholder.contains("secret:token"), "{placeholder}");
    let echoed = call("fetch:request", to(port, "/echo")).await;
    assert!(
        echoed.contains(&format!(
            "authorization: Bearer {}",
            "*".repeat(CANARY.len())
        )),
        "{echoed}"
    );
    seen.push(echoed);
    seen.push(call("fetch:request", to(port, "/\u{0}")).await);
    for path in [
        format!("/v1/sessions/{id}"),
        format!("/v1/sessions/{id}/logs"),
        "/v1/backends".to_owned(),
        "/v1/backends/fetch".to_owned(),
        "/metrics".to_owned(),
        "/v1/jobs".to_owned(),
    ] {
        seen.push(server.get(&path).await.text);
    }
    for text in &seen {
        assert!(!text.contains(CANARY), "{text}");
    }
    let made = server
        .post(&format!("/v1/sessions/{id}/checkpoints"), &json!({}))
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    let parked = server
        .post(&format!("/v1/sessions/{id}/suspend"), &json!({}))
        .await;
    assert_eq!(parked.status, 200, "{}", parked.text);
    let files = files_below(server.folder());
    assert!(files.len() > 3, "there are states on disk");
    for (path, bytes) in files {
        let found = bytes
            .windows(CANARY.len())
            .any(|part| part == CANARY.as_bytes());
        assert!(!found, "{}", path.display());
    }
}

fn files_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.extend(fs_err::read(&path).map(|bytes| (path, bytes)));
        }
    }
    found
}
