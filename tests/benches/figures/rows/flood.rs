//! What one worker feels of another's flood: the slowest hundredth of its small calls, while the other sends as fast as it can on many
//! connections, against the same without the other.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Row, TEXT};
use crate::bench::Bench;
use crate::figure::{Absolute, Figure, Goal, Outcome, median};
use crate::http;
use crate::load::{self, Load, Until, Work};
use crate::server::Server;

pub(super) const ROW: Row = Row {
    name: "flood",
    about: "p99 of one worker's small calls while another worker floods the host from 32 connections, against that worker alone",
    run,
};

const P99: Goal = Goal::at_most(2.0, 1.3);
const CONNECTIONS: usize = 32;
/// How long a computing call of the flood computes.
const SPIN_MS: u32 = 20;
/// Between two calls of the worker that is measured: it is there all the time and takes little.
const PAUSE: Duration = Duration::from_millis(1);
/// The flood has risen by then.
const SETTLED: Duration = Duration::from_millis(100);

fn run(bench: &Bench) -> Result<Outcome, String> {
    let hostel = Server::hostel(bench, &bench.plugins("bench")?, &[])?;
    let session = open(&hostel, "ada", "measured")?;
    let measured = [echo("ada", &session)];
    let small: Result<Vec<Arc<Work>>, String> = (0..CONNECTIONS)
        .map(|number| {
            Ok(echo(
                "mallory",
                &open(&hostel, "mallory", &format!("s{number}"))?,
            ))
        })
        .collect();
    let small = small?;
    let temporary = json!({"temporary": true});
    let spin = json!({"action": "bench:spin", "params": {"ms": SPIN_MS}, "session": temporary});
    let spin = vec![work("mallory", spin, "\"result\":"); CONNECTIONS];
    let mut outcome = Outcome::default();
    for (name, what, flood) in [
        (
            "flood-p99-computing",
            "calls that compute, in temporary sessions",
            &spin,
        ),
        ("flood-p99-small", "small calls in sessions", &small),
    ] {
        let (mut alone, mut flooded) = (Vec::new(), Vec::new());
        for _ in 0..bench.pace.rounds {
            alone.push(calls(&hostel, &measured, bench.pace.turn)?);
            flooded.push(during(&hostel, flood, bench.pace.turn, || {
                calls(&hostel, &measured, bench.pace.turn)
            })?);
        }
        let p99 = |loads: &[Load]| -> Vec<f64> {
            loads.iter().map(|load| load.quantile_us(0.99)).collect()
        };
        let ratios = p99(&flooded).into_iter().zip(p99(&alone));
        outcome.figures.push(Figure::ratio(
            name,
            format!("p99 of a worker's small calls during another's flood of {what}, against that worker alone"),
            P99,
            ratios.map(|(flooded, alone)| flooded / alone).collect(),
        ));
        for (case, loads) in [("alone", &alone), ("during a flood", &flooded)] {
            let p50: Vec<f64> = loads.iter().map(|load| load.quantile_us(0.5)).collect();
            outcome.absolutes.push(Absolute {
                row: ROW.name,
                case: format!("{case}: {what}"),
                p50_us: Some(median(&p50)),
                p99_us: Some(median(&p99(loads))),
                ..Absolute::default()
            });
        }
    }
    Ok(outcome)
}

fn work(worker: &str, mut body: Value, contains: &str) -> Arc<Work> {
    if let Some(members) = body.as_object_mut() {
        members.insert("worker_id".to_owned(), json!(worker));
    }
    Arc::new(Work {
        request: http::post("/v1/execute", &body.to_string()),
        status: 200,
        contains: contains.as_bytes().to_owned(),
    })
}

fn echo(worker: &str, session: &Value) -> Arc<Work> {
    let body = json!({"action": "bench:echo", "params": {"text": TEXT}, "session": session});
    work(worker, body, &format!("\"result\":{}", json!(TEXT)))
}

fn open(hostel: &Server, worker: &str, name: &str) -> Result<Value, String> {
    let body = json!({"backend": "bench", "name": name, "idle_timeout": 0, "max_lifetime": 0, "worker_id": worker});
    let created = hostel.client()?.post("/v1/sessions", &body)?;
    created
        .get("id")
        .cloned()
        .ok_or_else(|| format!("a new session has no id: {created}"))
}

fn calls(hostel: &Server, works: &[Arc<Work>], time: Duration) -> Result<Load, String> {
    load::run(hostel.address, works, Until::Time(time), Some(PAUSE))
}

/// Floods the host while `measure` runs.
fn during<T>(
    hostel: &Server,
    flood: &[Arc<Work>],
    time: Duration,
    measure: impl FnOnce() -> Result<T, String>,
) -> Result<T, String> {
    std::thread::scope(|scope| {
        let until = Until::Time(time + 2 * SETTLED);
        let flood = scope.spawn(move || load::run(hostel.address, flood, until, None));
        std::thread::sleep(SETTLED);
        let measured = measure();
        let flooded = flood
            .join()
            .unwrap_or_else(|_| Err("a thread of the load panicked".to_owned()));
        flooded?;
        measured
    })
}
