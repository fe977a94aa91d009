//! What an idle session costs in memory: pages and page tables of the whole process, with ten thousand of them.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::Row;
use crate::bench::Bench;
use crate::figure::{Absolute, Figure, Goal, Outcome};
use crate::http::Client;
use crate::server::Server;

pub(super) const ROW: Row = Row {
    name: "density",
    about: "memory of 10,000 live idle sessions, after one call in each",
    run,
};

const SESSIONS: usize = 10_000;
const MEMORY: Goal = Goal::at_most(48.0, 35.0);
/// What was freed during the calls has gone back by then.
const REST: Duration = Duration::from_secs(2);

fn run(bench: &Bench) -> Result<Outcome, String> {
    let plugins = &bench.plugins("counter")?;
    // A host that has compiled is larger than one that found its code in the cache.
    drop(Server::hostel(bench, plugins, &[])?);
    let most = SESSIONS.to_string();
    let hostel = Server::hostel(bench, plugins, &["--max-sessions", &most])?;
    let process = hostel.process();
    let mut client = hostel.client()?;
    let empty = process.memory();
    let start = Instant::now();
    for number in 0..SESSIONS {
        open_and_call(&mut client, number)?;
    }
    let opened_in = start.elapsed();
    let full = hostel.rested(REST);
    let each = |kilobytes: u64| kilobytes as f64 / SESSIONS as f64;
    let note = |kilobytes: u64, what: &str| Absolute {
        row: ROW.name,
        case: what.to_owned(),
        note: format!("{kilobytes} kB, {:.1} kB each", each(kilobytes)),
        ..Absolute::default()
    };
    Ok(Outcome {
        figures: vec![Figure {
            name: "density".to_owned(),
            what: "VmRSS and VmPTE of the process for each of 10,000 idle sessions".to_owned(),
            unit: " kB",
            goal: Some(MEMORY),
            rounds: vec![each(full.sum())],
        }],
        absolutes: vec![
            note(full.resident, "VmRSS"),
            note(full.tables, "VmPTE"),
            note(empty.sum(), "of it before the first session"),
            Absolute {
                row: ROW.name,
                case: "create, then call".to_owned(),
                per_second: Some(SESSIONS as f64 / opened_in.as_secs_f64()),
                note: "sessions, one after another on one connection".to_owned(),
                ..Absolute::default()
            },
        ],
        notes: Vec::new(),
    })
}

fn open_and_call(client: &mut Client, number: usize) -> Result<(), String> {
    let body = json!({"backend": "counter", "name": format!("s{number}"), "idle_timeout": 0});
    let session = client.post("/v1/sessions", &body)?;
    let call = json!({"action": "counter:incr", "session": session.get("id")});
    let answer = client.post("/v1/execute", &call)?;
    match answer.get("result").and_then(Value::as_u64) {
        Some(1) => Ok(()),
        _ => Err(format!("the first call of a session answered {answer}")),
    }
}
