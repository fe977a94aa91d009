//! What a suspended session costs in memory: pages and page tables of the whole process, with ten thousand of them on disk.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::Row;
use crate::bench::Bench;
use crate::figure::{Absolute, Figure, Goal, Outcome};
use crate::http::Client;
use crate::server::Server;
use crate::setup::Setup;

pub(super) const ROW: Row = Row {
    name: "suspended-density",
    about: "memory of 10,000 suspended sessions, after one call in each",
    run,
};

const SESSIONS: usize = 10_000;
const QUICK_SESSIONS: usize = 2_000;
const MEMORY: Goal = Goal::at_most(2.0, 1.0);
/// Sessions before those that are counted: by then the host holds what it needs for any number.
const BEFORE: usize = 500;
/// A suspension waits for the disk.
const CONNECTIONS: usize = 16;
/// One of so many is woken up in the end.
const WOKEN: usize = 100;
/// What was freed during the calls has gone back by then.
const REST: Duration = Duration::from_secs(2);

fn run(bench: &Bench) -> Result<Outcome, String> {
    let sessions = if bench.pace.quick {
        QUICK_SESSIONS
    } else {
        SESSIONS
    };
    let path = bench.component("counter");
    // Those that are suspended take no room.
    let config = format!(
        "[server]\nmax_sessions = {CONNECTIONS}\nmax_sessions_per_worker = {}\n\n[backends.counter]\npath = {path:?}\n",
        BEFORE + SESSIONS
    );
    let hostel = Setup::write(bench, ROW.name, &config)?.serve()?;
    let empty = hostel.rested(REST);
    suspend_many(&hostel, "before", BEFORE)?;
    let before = hostel.rested(REST);
    let start = Instant::now();
    let suspended = suspend_many(&hostel, "s", sessions)?;
    let took = start.elapsed();
    let full = hostel.rested(REST);
    let mut client = hostel.client()?;
    for id in suspended.iter().step_by(WOKEN) {
        call(&mut client, id, 2)?;
        let path = format!("/v1/sessions/{}", id.as_str().unwrap_or_default());
        client.delete(&path)?;
    }
    let added = full.sum() as f64 - before.sum() as f64;
    Ok(Outcome {
        figures: vec![Figure {
            name: ROW.name.to_owned(),
            what: format!(
                "VmRSS and VmPTE that each of {sessions} suspended sessions adds to the process"
            ),
            unit: " kB",
            goal: Some(MEMORY),
            rounds: vec![added / sessions as f64],
        }],
        absolutes: vec![
            Absolute::memory(ROW.name, "before the first session", empty),
            Absolute::memory(ROW.name, format!("{BEFORE} suspended sessions"), before),
            Absolute::memory(
                ROW.name,
                format!("{} suspended sessions", BEFORE + sessions),
                full,
            ),
            Absolute {
                row: ROW.name,
                case: "create, call, suspend".to_owned(),
                per_second: Some(sessions as f64 / took.as_secs_f64()),
                note: format!("sessions, {CONNECTIONS} connections"),
                ..Absolute::default()
            },
        ],
        notes: Vec::new(),
    })
}

/// Their ids.
fn suspend_many(hostel: &Server, name: &str, sessions: usize) -> Result<Vec<Value>, String> {
    let each = sessions.div_ceil(CONNECTIONS);
    let numbers: Vec<usize> = (0..sessions).collect();
    std::thread::scope(|scope| {
        let threads: Vec<_> = numbers
            .chunks(each)
            .map(|numbers| {
                scope.spawn(move || {
                    let mut client = hostel.client()?;
                    let names = numbers.iter().map(|number| format!("{name}{number}"));
                    names
                        .map(|name| open_and_suspend(&mut client, &name))
                        .collect::<Result<Vec<Value>, String>>()
                })
            })
            .collect();
        let mut ids = Vec::with_capacity(sessions);
        for thread in threads {
            let ended = thread
                .join()
                .unwrap_or_else(|_| Err("a thread of the load panicked".to_owned()));
            ids.extend(ended?);
        }
        Ok(ids)
    })
}

fn open_and_suspend(client: &mut Client, name: &str) -> Result<Value, String> {
    let body = json!({"backend": "counter", "name": name, "idle_timeout": 0, "max_lifetime": 0});
    let session = client.post("/v1/sessions", &body)?;
    let id = session.get("id").cloned().unwrap_or_default();
    call(client, &id, 1)?;
    let path = format!("/v1/sessions/{}/suspend", id.as_str().unwrap_or_default());
    let suspended = client.post(&path, &json!({}))?;
    match suspended.get("state").and_then(Value::as_str) {
        Some("suspended") => Ok(id),
        _ => Err(format!("a suspension answered {suspended}")),
    }
}

fn call(client: &mut Client, session: &Value, expected: u64) -> Result<(), String> {
    let body = json!({"action": "counter:incr", "session": session});
    let answer = client.post("/v1/execute", &body)?;
    match answer.get("result").and_then(Value::as_u64) {
        Some(count) if count == expected => Ok(()),
        _ => Err(format!("call {expected} of a session answered {answer}")),
    }
}
