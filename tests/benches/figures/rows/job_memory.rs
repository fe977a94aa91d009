//! What a finished job with a result of 1 kB costs in memory, as long as it is kept.

use std::time::Duration;

use serde_json::{Value, json};

use super::Row;
use crate::bench::Bench;
use crate::contest::open_session;
use crate::figure::{Absolute, Figure, Goal, Outcome};
use crate::server::Server;
use crate::setup::Setup;

pub(super) const ROW: Row = Row {
    name: "job-memory",
    about: "memory of 20,000 finished jobs with a result of 1 kB each",
    run,
};

const MEMORY: Goal = Goal::at_most(4.0, 2.0);
const JOBS: usize = 20_000;
const QUICK_JOBS: usize = 5_000;
/// Jobs before those that are counted.
const BEFORE: usize = 2_000;
const RESULT_BYTES: usize = 1_000;
/// What was freed during the calls has gone back by then.
const REST: Duration = Duration::from_secs(2);

fn run(bench: &Bench) -> Result<Outcome, String> {
    let jobs = if bench.pace.quick { QUICK_JOBS } else { JOBS };
    let path = bench.component("bench");
    let config = format!(
        "[jobs]\nkeep = 3600\nper_worker = {}\n\n[backends.bench]\npath = {path:?}\n",
        BEFORE + JOBS
    );
    let hostel = Setup::write(bench, ROW.name, &config)?.serve()?;
    let session = open_session(&hostel, "bench", "jobs")?;
    let empty = hostel.rested(REST);
    run_many(&hostel, &session, BEFORE)?;
    let before = hostel.rested(REST);
    let first = run_many(&hostel, &session, jobs)?;
    let full = hostel.rested(REST);
    still_kept(&hostel, &first)?;
    let added = full.sum() as f64 - before.sum() as f64;
    Ok(Outcome {
        figures: vec![Figure {
            name: ROW.name.to_owned(),
            what: format!("VmRSS and VmPTE that each of {jobs} finished jobs adds to the process"),
            unit: " kB",
            goal: Some(MEMORY),
            rounds: vec![added / jobs as f64],
        }],
        absolutes: vec![
            Absolute::memory(ROW.name, "before the first job", empty),
            Absolute::memory(ROW.name, format!("{BEFORE} finished jobs"), before),
            Absolute::memory(ROW.name, format!("{} finished jobs", BEFORE + jobs), full),
        ],
        notes: Vec::new(),
    })
}

/// One after the other. Returns the first one's id.
fn run_many(hostel: &Server, session: &Value, jobs: usize) -> Result<String, String> {
    let text = "r".repeat(RESULT_BYTES);
    let body = json!({"action": "bench:echo", "params": {"text": text}, "session": session, "wait_ms": 60_000});
    let mut client = hostel.client()?;
    let mut first = None;
    for _ in 0..jobs {
        let answer = client.post("/v1/execute", &body)?;
        let job = answer.get("job").and_then(Value::as_str);
        let job = job.ok_or_else(|| format!("a job did not end: {answer}"))?;
        first.get_or_insert_with(|| job.to_owned());
    }
    first.ok_or_else(|| "no job was run".to_owned())
}

fn still_kept(hostel: &Server, job: &str) -> Result<(), String> {
    let found = hostel.client()?.get(&format!("/v1/jobs/{job}"))?;
    let result = found.pointer("/answer/result").and_then(Value::as_str);
    if result.is_some_and(|result| result.len() == RESULT_BYTES) {
        return Ok(());
    }
    Err(format!("the first job has no answer any more: {found}"))
}
