//! What a call costs more in a session that can go back to where it was before it (`checkpoint: call`).

use hostel_host::session::CheckpointMode;
use serde_json::json;
use tokio::time::Instant;

use super::Row;
use crate::bench::Bench;
use crate::figure::{Goal, Outcome};
use crate::http::is_number;
use crate::inside::{Changed, Hostel, Rounds, absolute, microseconds, on_one_thread};
use crate::warm;

pub(super) const ROW: Row = Row {
    name: "protected-call",
    about: "a small call inside the process in a session with checkpoint: call, less the same call in one without, against a session's start",
    run,
};

const TIME: Goal = Goal::at_most(3.0, 1.0);
const INSTANCES: u32 = 16;
/// In a block.
const STEPS: usize = 50;
/// Where the calls look.
const AT: u32 = 7;

/// Microseconds of each call.
#[derive(Default)]
struct Calls {
    plain: Vec<f64>,
    protected: Vec<f64>,
}

fn run(bench: &Bench) -> Result<Outcome, String> {
    let (rounds, calls) = on_one_thread(measure(bench))?;
    let figure = rounds.figure(
        ROW.name,
        "time that a small call takes more in a session with checkpoint: call, against a session's start",
        Some(TIME),
    );
    Ok(Outcome {
        figures: vec![figure],
        absolutes: vec![
            absolute(ROW.name, "a session's start", rounds.starts()),
            absolute(ROW.name, "call, checkpoint: call", &calls.protected),
            absolute(ROW.name, "call, checkpoint: manual", &calls.plain),
        ],
        notes: Vec::new(),
    })
}

async fn measure(bench: &Bench) -> Result<(Rounds, Calls), String> {
    let hostel = Hostel::load(bench, INSTANCES).await?;
    let plain = hostel.open(0, CheckpointMode::Manual).await?;
    let protected = hostel.open(0, CheckpointMode::Call).await?;
    let mut calls = Calls::default();
    let mut is_plain_first = false;
    let step = async || {
        is_plain_first = !is_plain_first;
        let (without, with) = if is_plain_first {
            let without = call(&hostel, &plain).await?;
            (without, call(&hostel, &protected).await?)
        } else {
            let with = call(&hostel, &protected).await?;
            (call(&hostel, &plain).await?, with)
        };
        calls.plain.push(without);
        calls.protected.push(with);
        Ok(with - without)
    };
    let rounds = Rounds::measure(&hostel, &bench.pace, STEPS, step).await?;
    hostel.end(&plain.id).await?;
    hostel.end(&protected.id).await?;
    Ok((rounds, calls))
}

async fn call(hostel: &Hostel, session: &Changed) -> Result<f64, String> {
    let params = json!({"at": AT});
    let begin = Instant::now();
    let answer = hostel.call(&session.id, "warm:lookup", &params).await?;
    let took = microseconds(begin.elapsed());
    if is_number(&answer, warm::word(AT)) {
        return Ok(took);
    }
    Err(format!("a session looked up a word and answered {answer}"))
}
