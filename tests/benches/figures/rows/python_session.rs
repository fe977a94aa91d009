//! A fresh Python for one piece of work: a session that starts from a warm image, against a process.

use std::process::{Command, Stdio};

use serde_json::json;
use tokio::time::Instant;

use super::Row;
use crate::bench::Bench;
use crate::figure::{Absolute, Figure, Goal, Outcome, median};
use crate::http::Client;
use crate::python;

pub(super) const ROW: Row = Row {
    name: "python-session",
    about: "a fresh Python session and its first call over HTTP, against starting `python3 -c pass`",
    run,
};

const TIME: Goal = Goal::at_most(0.5, 0.1);
/// Pairs in a round.
const PAIRS: usize = 20;

fn run(bench: &Bench) -> Result<Outcome, String> {
    if let Some(skipped) = python::skipped(ROW.name) {
        return Ok(skipped);
    }
    let interpreter = match interpreter() {
        Ok(interpreter) => interpreter,
        Err(error) => {
            return Ok(Outcome {
                notes: vec![format!("{} was skipped: {error}", ROW.name)],
                ..Outcome::default()
            });
        }
    };
    let hostel = python::setup(bench, ROW.name)?.serve()?;
    let mut client = hostel.client()?;
    let (mut sessions, mut processes) = (Vec::new(), Vec::new());
    session(&mut client)?;
    for _ in 0..bench.pace.rounds {
        let (mut session_times, mut process_times) = (Vec::new(), Vec::new());
        for _ in 0..PAIRS {
            session_times.push(session(&mut client)?);
            process_times.push(process(&interpreter)?);
        }
        sessions.push(median(&session_times));
        processes.push(median(&process_times));
    }
    let ratios = sessions.iter().zip(&processes);
    let absolute = |case: &str, times: &[f64]| Absolute {
        row: ROW.name,
        case: case.to_owned(),
        p50_us: Some(median(times)),
        ..Absolute::default()
    };
    Ok(Outcome {
        figures: vec![Figure::ratio(
            ROW.name,
            "time of POST /v1/sessions and a first call of a Python backend, against `python3 -c pass`",
            TIME,
            ratios.map(|(session, process)| session / process).collect(),
        )],
        absolutes: vec![
            absolute("Python session, created and called", &sessions),
            absolute("python3 -c pass", &processes),
        ],
        notes: vec![format!(
            "{}: the process is {interpreter} itself, not a launcher of it",
            ROW.name
        )],
    })
}

/// `python3` may be a script that looks for the interpreter, which takes longer than the interpreter.
fn interpreter() -> Result<String, String> {
    let asked = Command::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .map_err(|error| format!("cannot run python3: {error}"))?;
    let path = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    if asked.status.success() && !path.is_empty() {
        return Ok(path);
    }
    Err(format!("python3 does not run: {}", asked.status))
}

/// Microseconds. The end of the session is not part of them: nobody waits for it.
fn session(client: &mut Client) -> Result<f64, String> {
    let begin = Instant::now();
    let session = client.post("/v1/sessions", &json!({"backend": "words"}))?;
    let id = session.get("id").cloned().unwrap_or_default();
    let answer = client.post("/v1/execute", &python::call(&id))?;
    let took = begin.elapsed().as_secs_f64() * 1e6;
    python::check(&answer)?;
    let id = id.as_str().ok_or("a new session has no id")?;
    client.delete(&format!("/v1/sessions/{id}")).map(drop)?;
    Ok(took)
}

/// Microseconds.
fn process(interpreter: &str) -> Result<f64, String> {
    let begin = Instant::now();
    let ended = Command::new(interpreter)
        .args(["-c", "pass"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    let took = begin.elapsed().as_secs_f64() * 1e6;
    match ended {
        Ok(status) if status.success() => Ok(took),
        Ok(status) => Err(format!("{interpreter} failed: {status}")),
        Err(error) => Err(format!("cannot run {interpreter}: {error}")),
    }
}
