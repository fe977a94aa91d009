//! A session's whole life over HTTP, one call in it: created, called, destroyed. Three requests, against three of the bare server's.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Row, TEXT};
use crate::bench::Bench;
use crate::figure::{Absolute, Figure, Goal, Outcome, median};
use crate::http::Client;
use crate::server::Server;

pub(super) const ROW: Row = Row {
    name: "session-life",
    about: "sessions per second, each created, called once and destroyed over HTTP, against three requests to a bare axum handler",
    run,
};

const CONNECTIONS: usize = 4;

type Life = fn(&mut Client, &str) -> Result<(), String>;

/// One turn.
struct Turn {
    cpu_us: f64,
    per_second: f64,
}

fn run(bench: &Bench) -> Result<Outcome, String> {
    let hostel = Server::hostel(bench, &bench.plugins("bench")?, &[])?;
    let bare = Server::bare(bench)?;
    let sides: [(&str, &Server, Life); 2] = [
        ("hostel: create, call, destroy", &hostel, in_hostel),
        ("bare axum: three requests", &bare, in_bare),
    ];
    let mut turns = sides.map(|_| Vec::new());
    for (_, server, life) in sides {
        turn(server, life, bench.pace.turn / 4)?;
    }
    for round in 0..bench.pace.rounds {
        let mut order: Vec<_> = sides.iter().zip(&mut turns).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for ((_, server, life), turns) in order {
            turns.push(turn(server, *life, bench.pace.turn)?);
        }
    }
    let [host, axum] = &turns;
    let figure = |name: &str, what: &str, of: fn(&Turn) -> f64| Figure {
        name: name.to_owned(),
        what: what.to_owned(),
        unit: "x",
        goal: None::<Goal>,
        rounds: host
            .iter()
            .zip(axum)
            .map(|(host, axum)| of(host) / of(axum))
            .collect(),
    };
    let middle = |turns: &[Turn], of: fn(&Turn) -> f64| {
        Some(median(&turns.iter().map(of).collect::<Vec<f64>>()))
    };
    let cases = sides.iter().zip(&turns);
    let absolutes = cases.map(|((case, ..), turns)| Absolute {
        row: ROW.name,
        case: (*case).to_owned(),
        cpu_us: middle(turns, |turn| turn.cpu_us),
        per_second: middle(turns, |turn| turn.per_second),
        note: format!("sessions, {CONNECTIONS} connections"),
        ..Absolute::default()
    });
    Ok(Outcome {
        absolutes: absolutes.collect(),
        figures: vec![
            figure(
                "session-life-cpu",
                "CPU of a session created, called once and destroyed, against three requests to bare axum",
                |turn| turn.cpu_us,
            ),
            figure(
                "session-life-rps",
                "sessions per second against thirds of bare axum's requests per second",
                |turn| turn.per_second,
            ),
        ],
        notes: Vec::new(),
    })
}

fn turn(server: &Server, life: Life, time: Duration) -> Result<Turn, String> {
    let (first, before) = (Instant::now(), server.process().cpu());
    let lives: Result<u32, String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|number| scope.spawn(move || lives(server, life, &format!("life{number}"), time)))
            .collect();
        let ended = threads.into_iter().map(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| Err("a thread of the load panicked".to_owned()))
        });
        ended.sum()
    });
    let spent = server.process().cpu().since(&before);
    let (lives, elapsed) = (f64::from(lives?), first.elapsed());
    Ok(Turn {
        cpu_us: spent.as_secs_f64() * 1e6 / lives,
        per_second: lives / elapsed.as_secs_f64(),
    })
}

fn lives(server: &Server, life: Life, name: &str, time: Duration) -> Result<u32, String> {
    let (mut client, first) = (server.client()?, Instant::now());
    let mut count = 0;
    while first.elapsed() < time {
        life(&mut client, name)?;
        count += 1;
    }
    Ok(count)
}

fn in_hostel(client: &mut Client, name: &str) -> Result<(), String> {
    let session = client.post("/v1/sessions", &json!({"backend": "bench", "name": name}))?;
    let id = session.get("id").and_then(Value::as_str);
    let id = id.ok_or_else(|| format!("a new session has no id: {session}"))?;
    echo(client, &json!(id))?;
    client.delete(&format!("/v1/sessions/{id}")).map(drop)
}

fn in_bare(client: &mut Client, name: &str) -> Result<(), String> {
    (0..3).try_for_each(|_| echo(client, &json!(name)))
}

fn echo(client: &mut Client, session: &Value) -> Result<(), String> {
    let call = json!({"action": "bench:echo", "params": {"text": TEXT}, "session": session});
    let answer = client.post("/v1/execute", &call)?;
    match answer.get("result").and_then(Value::as_str) {
        Some(TEXT) => Ok(()),
        _ => Err(format!("an echo answered {answer}")),
    }
}
