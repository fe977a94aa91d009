//! What a fuzzer is let loose on: arbitrary bodies at every door of a host that serves. Compiled for tests and fuzzing only.

use std::sync::LazyLock;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use tokio::runtime::{Builder, Runtime};

use crate::config::Config;

use super::{App, Running};

/// Where a body is read. Those that stop the host are left out.
const ROUTES: [&str; 26] = [
    "/v1/execute",
    "/v1/execute/batch",
    "/v1/sessions",
    "/v1/sessions/ses_1/fork",
    "/v1/sessions/ses_1/checkpoints",
    "/v1/sessions/ses_1/restore",
    "/v1/sessions/ses_1/keep-alive",
    "/v1/warmup",
    "/v1/jobs/job_1/cancel",
    "/mcp",
    "/mcp",
    "/mcp",
    "/mcp",
    "/api/v1/execute",
    "/api/v1/execute/batch",
    "/api/v1/session/create",
    "/api/v1/session/destroy",
    "/api/v1/session/list",
    "/api/v1/session/refresh",
    "/api/v1/lifecycle/heartbeat",
    "/api/v1/lifecycle/status",
    "/api/v1/worker/disconnect",
    "/api/v1/init/resource",
    "/api/v1/init/batch",
    "/api/v1/init/from-config",
    "/api/v1/warmup",
];
const PATIENCE: Duration = Duration::from_secs(10);

/// A host without a backend, for the whole process.
struct Serving {
    runtime: Runtime,
    running: Running,
    client: reqwest::Client,
    _folder: tempfile::TempDir,
}

static SERVING: LazyLock<Serving> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("the machine has room for a folder");
    let mut config = Config {
        data_dir: folder.path().join("data"),
        sessions_max: 1,
        ..Config::default()
    };
    config.listen.set_port(0);
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("the machine gives a thread");
    let running = runtime.block_on(async {
        let app = App::build(config, None).await.expect("a host is built");
        app.serve().expect("the doors open")
    });
    Serving {
        runtime,
        running,
        client: reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .expect("there is a client"),
        _folder: folder,
    }
});

/// Takes the first byte of `data` for the route, the second for the headers, and the others for the body. The host answers, never with a
/// failure of its own, and with JSON where it says so.
///
/// # Panics
/// If it does otherwise.
pub(crate) fn requests(data: &[u8]) {
    let [route, headers, body @ ..] = data else {
        return;
    };
    let serving = &*SERVING;
    let Some(route) = ROUTES.get(usize::from(*route) % ROUTES.len()) else {
        return;
    };
    let url = format!("http://{}{route}", serving.running.address);
    let mut request = serving.client.post(url).body(body.to_vec());
    if headers & 1 == 0 {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    if headers & 2 == 0 {
        request = request.header(ACCEPT, "application/json, text/event-stream");
    }
    if headers & 4 == 0 {
        request = request.header("mcp-protocol-version", "2026-07-28");
        request = request.header("mcp-method", "tools/call");
        request = request.header("mcp-name", "nothing");
    }
    let answered = serving.runtime.block_on(async {
        let answer = request.send().await.expect("the host answers");
        let status = answer.status().as_u16();
        let kind = answer.headers().get(CONTENT_TYPE).cloned();
        let kind = kind.map(|kind| kind.to_str().unwrap_or_default().to_owned());
        // A stream of events ends when its client goes.
        let is_json = kind.is_some_and(|kind| kind.contains("json"));
        let text = if is_json {
            answer.text().await.ok()
        } else {
            None
        };
        (status, text)
    });
    let (status, text) = answered;
    // AgentFlow's protocol has 500 also for what went wrong elsewhere.
    let is_own = !route.starts_with("/api/v1/")
        || text
            .as_ref()
            .is_some_and(|text| text.contains("INTERNAL_ERROR"));
    assert!(status < 500 || !is_own, "{route}: {status} {text:?}");
    if let Some(text) = text {
        let read = serde_json::from_str::<serde::de::IgnoredAny>(&text);
        assert!(read.is_ok(), "{route}: {text:?} is no JSON");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: [&str; 5] = [
        r#"{"action": "a:b", "params": {"x": [1, 2.5e3, null, "text\u00e9"]}, "session": {"id": "ses_1"}, "timeout_ms": 7.0, "wait_ms": 1}"#,
        r#"{"calls": [{"action": "a:b"}], "parallel": true, "stop_on_error": false, "transaction": false}"#,
        r#"{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "nothing", "arguments": {}, "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"}, "io.modelcontextprotocol/clientCapabilities": {}}}}"#,
        r#"{"worker_id": "w", "action": "a:b", "params": {}, "timeout": 1.5, "trace_id": "t", "actions": [{"action": "a:b", "params": {}}]}"#,
        r#"{"worker_id": "w", "resource_type": "a", "session_config": {}, "resource_types": ["a"], "backend": "a", "name": "n", "limits": {"call_ms": 1}}"#,
    ];

    #[test]
    fn bodies_that_nest_very_deep_are_refused() {
        for route in 0..ROUTES.len() {
            for (open, close) in [("[", "]"), ("{\"params\":", "}")] {
                let nested = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
                let mut data = vec![u8::try_from(route).unwrap(), 0];
                data.extend_from_slice(nested.as_bytes());
                requests(&data);
                data.truncate(2);
                data.extend_from_slice(
                    format!("{{\"action\":\"a:b\",\"params\":{nested}}}").as_bytes(),
                );
                requests(&data);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn a_body_with_changes_is_answered(
            route in any::<u8>(),
            headers in any::<u8>(),
            good in 0..GOOD.len(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5)
        ) {
            let mut data = vec![route, headers];
            data.extend_from_slice(GOOD[good].as_bytes());
            for (place, byte) in changes {
                let at = 2 + place.index(data.len() - 2);
                data[at] = byte;
            }
            requests(&data);
        }
    }
}
