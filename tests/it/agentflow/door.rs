//! A host whose routes are called without a connection.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use hostel_host::api::{Addresses, Api, Bodies, router};
use hostel_tests::TestHost;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

pub(super) struct Door {
    pub(super) host: TestHost,
    router: Router,
}

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Door {
    pub(super) fn of(host: TestHost) -> Self {
        let api = Api {
            host: host.host.clone(),
            metrics: None,
            body_bytes_max: 10_000,
            bodies: Bodies::new(1 << 20),
            addresses: Addresses::default(),
            is_secure: false,
            closing: CancellationToken::new(),
        };
        let router = router(Arc::new(api));
        Self { host, router }
    }

    pub(super) async fn request(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_slice(&body).expect("every answer of this door is JSON"),
        }
    }

    pub(super) async fn send(&self, method: Method, path: &str, body: impl Into<Body>) -> Reply {
        let request = Request::builder().method(method).uri(path);
        self.request(request.body(body.into()).unwrap()).await
    }

    /// `path` is what follows `/api/v1/`.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Reply {
        let path = format!("/api/v1/{path}");
        self.send(Method::POST, &path, body.to_string()).await
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, Body::empty()).await
    }

    pub(super) async fn execute(&self, worker: &str, action: &str, params: Value) -> Reply {
        let body = json!({"worker_id": worker, "action": action, "params": params});
        self.post("execute", &body).await
    }

    /// Begins the worker's session.
    pub(super) async fn create(&self, worker: &str, resource_type: &str) -> Reply {
        self.create_with(worker, resource_type, json!({})).await
    }

    /// The same, and the body has these fields as well.
    pub(super) async fn create_with(
        &self,
        worker: &str,
        resource_type: &str,
        also: Value,
    ) -> Reply {
        let mut body = json!({"worker_id": worker, "resource_type": resource_type});
        for (name, value) in also.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.post("session/create", &body).await
    }

    /// The worker's sessions as they are listed.
    pub(super) async fn sessions(&self, worker: &str) -> Vec<Value> {
        let list = self
            .post("session/list", &json!({"worker_id": worker}))
            .await;
        assert_eq!(list.status, 200, "{list:?}");
        list.body["data"]["sessions"].as_array().unwrap().clone()
    }
}

impl Reply {
    /// Status and code.
    pub(super) fn verdict(&self) -> (u16, u64) {
        (self.status, self.body["code"].as_u64().unwrap_or_default())
    }

    pub(super) fn data(&self) -> &Value {
        &self.body["data"]
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
