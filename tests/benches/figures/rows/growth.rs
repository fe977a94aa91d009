//! What a host keeps of calls that came to nothing: bad params, traps, callers that left. It should be nothing.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Row, TEXT};
use crate::bench::Bench;
use crate::figure::{Absolute, Figure, Goal, Outcome};
use crate::http::{Client, post};
use crate::load::{self, Until, Work};
use crate::process::Memory;
use crate::server::Server;

pub(super) const ROW: Row = Row {
    name: "growth",
    about: "memory growth over 100,000 calls that failed, trapped or were abandoned",
    run,
};

const MEMORY: Goal = Goal::at_most(5.0, 0.0);
const CALLS: u64 = 100_000;
const QUICK_CALLS: u64 = 10_000;
/// Calls of the same mix before the count begins: pools and caches then have the size that they keep.
const CALLS_BEFORE: u64 = 6_000;
const CONNECTIONS: u64 = 12;
/// Most abandoned calls compute for a moment, some for so long that they move to the guests' own runtime.
const ABANDONED_MS: u32 = 1;
const LONG_ABANDONED_MS: u32 = 12;
const LONG_EVERY: u64 = 20;
/// A caller waits this long before it leaves: its call has begun.
const LEAVES_AFTER: Duration = Duration::from_micros(500);
/// What runs has ended by then, and what was freed has gone back.
const REST: Duration = Duration::from_secs(3);

fn run(bench: &Bench) -> Result<Outcome, String> {
    let hostel = Server::hostel(bench, &bench.plugins("bench")?, &[])?;
    let calls = if bench.pace.quick { QUICK_CALLS } else { CALLS };
    let before = after(&hostel, CALLS_BEFORE)?;
    let now = after(&hostel, calls)?;
    still_answers(&hostel)?;
    // Shrinking is as good as staying.
    let grown = (now.sum() as f64 - before.sum() as f64).max(0.0) / 1024.0;
    Ok(Outcome {
        figures: vec![Figure {
            name: "growth".to_owned(),
            what: format!("growth of VmRSS and VmPTE over {calls} calls that came to nothing"),
            unit: " MB",
            goal: Some(MEMORY),
            rounds: vec![grown],
        }],
        absolutes: vec![
            Absolute::memory(ROW.name, "before", before),
            Absolute::memory(ROW.name, "after", now),
        ],
        notes: Vec::new(),
    })
}

/// The memory after so many calls, a third of each kind.
fn after(hostel: &Server, calls: u64) -> Result<Memory, String> {
    let each = calls / 3;
    let bad_params = json!({"action": "bench:add", "params": {"a": 1, "b": "two"}});
    answered(hostel, each, &bad_params, 400, "\"invalid_params\"")?;
    let trap = json!({"action": "bench:trap", "session": {"temporary": true}});
    answered(hostel, each, &trap, 502, "\"tool_trapped\"")?;
    abandoned(hostel, each)?;
    Ok(hostel.rested(REST))
}

fn answered(
    hostel: &Server,
    calls: u64,
    call: &Value,
    status: u16,
    contains: &str,
) -> Result<(), String> {
    let work = Arc::new(Work {
        request: post("/v1/execute", &call.to_string()),
        status,
        contains: contains.as_bytes().to_vec(),
    });
    let works: Vec<Arc<Work>> = (0..CONNECTIONS).map(|_| work.clone()).collect();
    let each = Until::Count(calls / CONNECTIONS);
    load::run(hostel.address, &works, each, None).map(drop)
}

fn abandoned(hostel: &Server, calls: u64) -> Result<(), String> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|_| scope.spawn(|| abandon(hostel, calls / CONNECTIONS)))
            .collect();
        threads.into_iter().try_for_each(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| Err("a thread of the load panicked".to_owned()))
        })
    })
}

/// Begins calls and breaks the connection off. In between it makes calls that are answered, which wait their turn behind those that go on
/// without a caller: so these do not pile up faster than they end.
fn abandon(hostel: &Server, calls: u64) -> Result<(), String> {
    let mut patient = hostel.client()?;
    for number in 0..calls {
        let ms = if number % LONG_EVERY == 0 {
            LONG_ABANDONED_MS
        } else {
            ABANDONED_MS
        };
        let call =
            json!({"action": "bench:spin", "params": {"ms": ms}, "session": {"temporary": true}});
        leave(hostel, &post("/v1/execute", &call.to_string()))
            .map_err(|error| format!("cannot begin a call: {error}"))?;
        echo(&mut patient)?;
    }
    Ok(())
}

fn leave(hostel: &Server, request: &[u8]) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(hostel.address)?;
    stream.set_nodelay(true)?;
    stream.write_all(request)?;
    std::thread::sleep(LEAVES_AFTER);
    Ok(())
}

fn echo(client: &mut Client) -> Result<(), String> {
    let call = json!({"action": "bench:mirror", "params": {"text": TEXT}});
    let answer = client.post("/v1/execute", &call)?;
    match answer.get("result").and_then(Value::as_str) {
        Some(TEXT) => Ok(()),
        _ => Err(format!("an echo answered {answer}")),
    }
}

/// A host that had lost its slots or its sessions to the calls would not.
fn still_answers(hostel: &Server) -> Result<(), String> {
    let mut client = hostel.client()?;
    (0..100).try_for_each(|_| echo(&mut client))
}
