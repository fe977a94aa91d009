//! What the cache is worth where it counts most: an interpreter takes seconds to compile and to warm up.

use serde_json::{Value, json};

use super::Row;
use crate::bench::Bench;
use crate::figure::{Absolute, Figure, Goal, Outcome, median};
use crate::http::post;
use crate::python;
use crate::setup::Setup;

pub(super) const ROW: Row = Row {
    name: "python-cache",
    about: "start of a host to its first answer from a Python backend with its warm image in the cache, against an empty cache",
    run,
};

const TIME: Goal = Goal::at_most(1.0 / 50.0, 1.0 / 200.0);
/// An empty cache takes seconds, so there are few of them, and several starts from a full one to each.
const ROUNDS: usize = 3;
const QUICK_ROUNDS: usize = 1;
const CACHED_STARTS: usize = 7;

fn run(bench: &Bench) -> Result<Outcome, String> {
    if let Some(skipped) = python::skipped(ROW.name) {
        return Ok(skipped);
    }
    let setup = python::setup(bench, ROW.name)?;
    let rounds = if bench.pace.quick {
        QUICK_ROUNDS
    } else {
        ROUNDS
    };
    let (mut empty, mut full) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        setup.empty_cache()?;
        empty.push(first_answer(&setup)?);
        let starts = (0..CACHED_STARTS).map(|_| first_answer(&setup));
        full.push(median(&starts.collect::<Result<Vec<f64>, String>>()?));
    }
    let ratios = full.iter().zip(&empty).map(|(full, empty)| full / empty);
    let absolute = |case: &str, milliseconds: &[f64]| Absolute {
        row: ROW.name,
        case: case.to_owned(),
        note: format!("{:.1} ms", median(milliseconds)),
        ..Absolute::default()
    };
    Ok(Outcome {
        figures: vec![Figure::ratio(
            ROW.name,
            "time from the start of the process to the first answer of a Python backend, its warm image in the cache, against an empty cache",
            TIME,
            ratios.collect(),
        )],
        absolutes: vec![
            absolute("empty cache: compiled and warmed up", &empty),
            absolute("warm image in the cache", &full),
        ],
        notes: Vec::new(),
    })
}

/// Milliseconds.
fn first_answer(setup: &Setup<'_>) -> Result<f64, String> {
    let call = python::call(&json!({"temporary": true}));
    let request = post("/v1/execute", &call.to_string());
    let (answer, after) = setup.start()?.first_answer(&request)?;
    let body: Value = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
    python::check(&body)?;
    Ok(after.as_secs_f64() * 1e3)
}
