//! The server that Hostel is compared with: axum and `serde_json`, nothing else. It reads the same body, does the tool's work itself and
//! answers with an envelope of the same shape and size. It runs in a process of its own, with as many workers as the host has for its
//! doors (one per core), and with the same allocator.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::routing::post;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

#[derive(Serialize)]
struct Envelope {
    request_id: String,
    action: String,
    session: Session,
    result: String,
    is_error: bool,
    usage: Usage,
}

#[derive(Serialize)]
struct Session {
    id: &'static str,
    name: &'static str,
    temporary: bool,
    call: u64,
}

#[derive(Serialize)]
struct Usage {
    duration_us: u64,
    queue_us: u64,
    memory_bytes: u64,
    host_calls: u64,
}

/// Serves until the process is stopped.
pub(crate) fn serve(address: SocketAddr) -> Result<(), String> {
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let served = runtime.block_on(async {
        // As the host does: small answers do not wait for the client's acknowledgement.
        let listener = TcpListener::bind(address).await?.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let router = Router::new().route("/v1/execute", post(execute));
        axum::serve(listener, router).await
    });
    served.map_err(|error| format!("cannot serve at {address}: {error}"))
}

async fn execute(Json(mut call): Json<Value>) -> Json<Envelope> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    Json(Envelope {
        request_id: format!("req_{:016x}{count:08x}", u64::MAX),
        action: taken(&mut call, "/action"),
        session: Session {
            id: "ses_0123456789abcdef0123456789abcdef",
            name: "default",
            temporary: false,
            call: count,
        },
        result: taken(&mut call, "/params/text"),
        is_error: false,
        usage: Usage {
            duration_us: 12,
            queue_us: 0,
            memory_bytes: 1_179_648,
            host_calls: 0,
        },
    })
}

fn taken(call: &mut Value, pointer: &str) -> String {
    match call.pointer_mut(pointer).map(Value::take) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}
