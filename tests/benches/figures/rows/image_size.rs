//! What a session's start costs when its backend's warm image is large: it should not matter, since pages are mapped and not copied.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::Row;
use crate::bench::Bench;
use crate::figure::{Absolute, Figure, Goal, Outcome, median};
use crate::http::Client;
use crate::process::Process;
use crate::setup::Setup;
use crate::warm;

pub(super) const ROW: Row = Row {
    name: "image-size",
    about: "start of a session from a warm image of 64 MiB against one of 1 MiB, over HTTP",
    run,
};

const TIME: Goal = Goal::at_most(1.3, 1.0);

/// What takes turns: the backend, and what it is.
const SIDES: [(&str, &str); 3] = [
    ("large", "warm image of 64 MiB"),
    ("small", "warm image of 1 MiB"),
    ("none", "a small backend without warmup"),
];

/// Sessions in a turn: few, so that what slows the machine down for a while slows down all sides.
const SESSIONS: u32 = 20;

/// What a round of short turns came to.
struct Round {
    /// The median of `POST /v1/sessions`.
    start_us: f64,
    /// Processor time of the host for each session, its end included.
    cpu_us: f64,
}

/// The turns of one side in a round.
#[derive(Default)]
struct Turns {
    starts_us: Vec<f64>,
    cpu: Duration,
}

fn run(bench: &Bench) -> Result<Outcome, String> {
    let counter = bench.component("counter");
    let config = format!(
        "{}{}[backends.none]\npath = {counter:?}\n",
        warm::backend(bench, "large", 64),
        warm::backend(bench, "small", 1)
    );
    let hostel = Setup::write(bench, ROW.name, &config)?.serve()?;
    let (process, mut client) = (hostel.process(), hostel.client()?);
    let mut rounds = SIDES.map(|_| Vec::new());
    round(&mut client, process, bench.pace.turn / 2)?;
    for _ in 0..bench.pace.rounds {
        let sides = round(&mut client, process, bench.pace.turn * 3 / 2)?;
        for (rounds, side) in rounds.iter_mut().zip(sides) {
            rounds.push(side);
        }
    }
    let [large, small, _] = &rounds;
    let ratios = |of: fn(&Round) -> f64| -> Vec<f64> {
        let rounds = large.iter().zip(small);
        rounds.map(|(large, small)| of(large) / of(small)).collect()
    };
    let start = Figure::ratio(
        "image-size-start",
        "time of POST /v1/sessions with a warm image of 64 MiB against one of 1 MiB",
        TIME,
        ratios(|round| round.start_us),
    );
    let cpu = Figure {
        name: "image-size-cpu".to_owned(),
        what: "CPU of the host for a session that was created and destroyed, the same".to_owned(),
        goal: None,
        rounds: ratios(|round| round.cpu_us),
        ..start.clone()
    };
    let middle = |rounds: &[Round], of: fn(&Round) -> f64| {
        Some(median(&rounds.iter().map(of).collect::<Vec<f64>>()))
    };
    let cases = SIDES.iter().zip(&rounds);
    let absolutes = cases.map(|((_, what), rounds)| Absolute {
        row: ROW.name,
        case: (*what).to_owned(),
        cpu_us: middle(rounds, |round| round.cpu_us),
        p50_us: middle(rounds, |round| round.start_us),
        note: "CPU: create and destroy; p50: create".to_owned(),
        ..Absolute::default()
    });
    Ok(Outcome {
        absolutes: absolutes.collect(),
        figures: vec![start, cpu],
        notes: Vec::new(),
    })
}

/// One value for each side.
fn round(client: &mut Client, process: Process, time: Duration) -> Result<Vec<Round>, String> {
    let mut sides = SIDES.map(|(backend, _)| (backend, Turns::default()));
    let first = Instant::now();
    while first.elapsed() < time {
        for (backend, turns) in &mut sides {
            turns.take(client, process, backend)?;
        }
        sides.reverse();
        for (backend, turns) in &mut sides {
            turns.take(client, process, backend)?;
        }
        sides.reverse();
    }
    Ok(sides.map(|(_, turns)| turns.end()).into())
}

impl Turns {
    fn take(&mut self, client: &mut Client, process: Process, backend: &str) -> Result<(), String> {
        let body = json!({"backend": backend});
        let before = process.cpu();
        for _ in 0..SESSIONS {
            let asked = Instant::now();
            let session = client.post("/v1/sessions", &body)?;
            self.starts_us.push(asked.elapsed().as_secs_f64() * 1e6);
            let id = session.get("id").and_then(Value::as_str);
            let id = id.ok_or_else(|| format!("a new session has no id: {session}"))?;
            client.delete(&format!("/v1/sessions/{id}"))?;
        }
        self.cpu += process.cpu().since(&before);
        Ok(())
    }

    fn end(self) -> Round {
        Round {
            start_us: median(&self.starts_us),
            cpu_us: self.cpu.as_secs_f64() * 1e6 / self.starts_us.len() as f64,
        }
    }
}
