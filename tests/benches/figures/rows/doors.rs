//! The other doors beside the host's own: the same small calls of the same live sessions.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Row, TEXT};
use crate::bench::Bench;
use crate::contest::{self, Contestant};
use crate::figure::{Figure, Goal, Outcome};
use crate::http;
use crate::load::Work;
use crate::server::Server;

pub(super) const ROW: Row = Row {
    name: "doors",
    about: "echo of 32 bytes in a live session through /mcp and through /api/v1/execute, against /v1/execute",
    run,
};

const CONNECTIONS: usize = 16;
const MCP: Goal = Goal::at_least(0.75, 0.9);
const AGENTFLOW: Goal = Goal::at_least(0.9, 1.0);
/// The revision of MCP that is spoken.
const MCP_REVISION: &str = "2026-07-28";

fn run(bench: &Bench) -> Result<Outcome, String> {
    let hostel = Server::hostel(bench, &bench.plugins("bench")?, &[])?;
    let workers: Vec<String> = (0..CONNECTIONS)
        .map(|number| format!("w{number}"))
        .collect();
    let (mut own, mut mcp, mut agentflow) = (Vec::new(), Vec::new(), Vec::new());
    for worker in &workers {
        let session = open_session(&hostel, worker)?;
        own.push(of_worker(worker, &session));
        mcp.push(of_mcp(worker, &session));
        agentflow.push(of_agentflow(worker));
    }
    let contestant = |case: &str, works: Vec<Arc<Work>>| Contestant {
        case: case.to_owned(),
        server: &hostel,
        works,
    };
    let contest = contest::hold(
        &bench.pace,
        &[
            contestant("/mcp", mcp),
            contestant("/api/v1/execute", agentflow),
            contestant("/v1/execute", own),
        ],
    )?;
    let figure = |name: &str, door: &str, goal: Goal, place: usize| {
        let what =
            format!("requests per second through {door} against /v1/execute, 16 connections");
        Figure::ratio(
            name,
            what,
            goal,
            contest.ratios(place, 2, |turn| turn.per_second),
        )
    };
    Ok(Outcome {
        figures: vec![
            figure("mcp-rps", "/mcp", MCP, 0),
            figure("agentflow-rps", "/api/v1/execute", AGENTFLOW, 1),
        ],
        absolutes: contest.absolutes(ROW.name),
        notes: Vec::new(),
    })
}

/// The worker's session `default`: all doors lead to it.
fn open_session(server: &Server, worker: &str) -> Result<Value, String> {
    let body =
        json!({"backend": "bench", "worker_id": worker, "idle_timeout": 0, "max_lifetime": 0});
    let created = server.client()?.post("/v1/sessions", &body)?;
    created
        .get("id")
        .cloned()
        .ok_or_else(|| format!("a new session has no id: {created}"))
}

fn of_worker(worker: &str, session: &Value) -> Arc<Work> {
    let body = json!({"worker_id": worker, "action": "bench:echo", "params": {"text": TEXT}, "session": session});
    Arc::new(Work {
        request: http::post("/v1/execute", &body.to_string()),
        status: 200,
        contains: format!("\"result\":{}", json!(TEXT)).into_bytes(),
    })
}

/// As a client of MCP writes it that wants neither notices nor tasks.
fn of_mcp(worker: &str, session: &Value) -> Arc<Work> {
    let headers = [
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", MCP_REVISION),
        ("mcp-method", "tools/call"),
        ("mcp-name", "bench_echo"),
        ("x-worker-id", worker),
    ];
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "bench_echo",
        "arguments": {"text": TEXT, "session": session},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": MCP_REVISION,
            "io.modelcontextprotocol/clientInfo": {"name": "figures", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    }});
    Arc::new(Work {
        request: http::post_with("/mcp", &headers, &body.to_string()),
        status: 200,
        contains: format!("\"structuredContent\":{}", json!(TEXT)).into_bytes(),
    })
}

/// As AgentFlow's client writes it.
fn of_agentflow(worker: &str) -> Arc<Work> {
    let body = json!({"worker_id": worker, "action": "bench:echo", "params": {"text": TEXT}, "timeout": null});
    Arc::new(Work {
        request: http::post("/api/v1/execute", &body.to_string()),
        status: 200,
        contains: format!("\"data\":{}", json!(TEXT)).into_bytes(),
    })
}
