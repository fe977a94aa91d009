//! Who may knock, and what for: keys, tokens, names, encryption, and clients that mean no good.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, SystemTime};

use hostel_host::access::{Scope, Scopes};
use hostel_host::auth::{KeyFile, NewKey};
use hostel_host::config::Config;
use hostel_host::ids::{KeyId, WorkerId};
use hostel_tests::{Answer, Guest, TestServer};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

mod backends;
mod commands;
mod exposure;
mod keys;
mod matrix;
mod mcp;
mod names;
mod slow;
mod tls;
mod tokens;

/// A host with a file of keys.
struct Keyed {
    server: TestServer,
    file: KeyFile,
}

impl Keyed {
    async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let (lab, counter) = (Guest::stateful_lab(), Guest::counter());
        let mut file = None;
        let guests = [("lab", &lab), ("counter", &counter)];
        let server = TestServer::start_with(&guests, |config| {
            let keys = KeyFile::of(&config.data_dir);
            // With one key in it, the host asks for keys from the start.
            add(&keys, "nobody", &["jobs"]);
            file = Some(keys);
            change(config);
        });
        let server = server.await;
        Self {
            server,
            file: file.unwrap(),
        }
    }

    fn key(&self, worker: &str, scopes: &[&str]) -> String {
        add(&self.file, worker, scopes).1
    }

    /// A request that shows this key, from an address of its own: wrong ones of other tests do not count.
    fn request(&self, key: Option<&str>, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.server.address);
        let request = elsewhere().request(method, url);
        match key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    async fn ask(&self, key: &str, method: Method, path: &str, body: &Value) -> Answer {
        let mut request = self.request(Some(key), method, path);
        if !body.is_null() {
            request = request.json(body);
        }
        Answer::to(request).await
    }
}

/// A client at an address of this machine that few others have.
fn elsewhere() -> Client {
    static LAST: AtomicU8 = AtomicU8::new(1);
    let last = LAST.fetch_add(1, Ordering::Relaxed).max(2);
    Client::builder()
        .no_proxy()
        .local_address(IpAddr::V4(Ipv4Addr::new(127, 0, 7, last)))
        .build()
        .unwrap()
}

fn scopes(texts: &[&str]) -> Scopes {
    let scopes = texts.iter().map(|text| Scope::parse(text).unwrap());
    Scopes::of(scopes.collect()).unwrap()
}

fn add(file: &KeyFile, worker: &str, texts: &[&str]) -> (KeyId, String) {
    let new = NewKey {
        name: None,
        worker: WorkerId::parse(worker).unwrap(),
        scopes: scopes(texts),
        expires: None,
    };
    let (key, shown) = file.add(new).unwrap();
    (key.id, shown)
}

fn add_expired(file: &KeyFile, worker: &str) -> String {
    let new = NewKey {
        name: None,
        worker: WorkerId::parse(worker).unwrap(),
        scopes: Scopes::everything(),
        expires: Some(SystemTime::now() - Duration::from_secs(2)),
    };
    file.add(new).unwrap().1
}
