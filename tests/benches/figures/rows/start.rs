//! From the start of the process to the first answer: a host with twenty backends and a filled code cache, against the bare server.

use std::time::Duration;

use serde_json::json;

use super::{Row, TEXT};
use crate::bench::Bench;
use crate::figure::{Absolute, Figure, Goal, Outcome, median};
use crate::http::post;
use crate::server::Server;

pub(super) const ROW: Row = Row {
    name: "start",
    about: "start of a host with 20 backends in its code cache to its first answered call, against the bare server's",
    run,
};

const BACKENDS: usize = 20;
const TIME: Goal = Goal::at_most(8.0, 4.0);

fn run(bench: &Bench) -> Result<Outcome, String> {
    let names: Vec<String> = (1..=BACKENDS)
        .map(|number| format!("b{number:02}"))
        .collect();
    let plugins = bench.copies("bench", &names)?;
    // Fills the cache; what it takes is another figure.
    drop(Server::hostel(bench, &plugins, &[])?);
    let (mut host, mut bare) = (Vec::new(), Vec::new());
    // A start takes milliseconds, so there can be many.
    for round in 0..bench.pace.rounds * 2 {
        let name = names.get(round % BACKENDS).map_or("b01", String::as_str);
        host.push(first_answer(
            Server::start_hostel(bench, &plugins, &[])?,
            name,
        )?);
        bare.push(first_answer(Server::start_bare(bench)?, name)?);
    }
    let ratios = host.iter().zip(&bare).map(|(host, bare)| host / bare);
    let absolute = |case: &str, milliseconds: &[f64]| Absolute {
        row: ROW.name,
        case: case.to_owned(),
        note: format!("{:.1} ms", median(milliseconds)),
        ..Absolute::default()
    };
    Ok(Outcome {
        figures: vec![Figure::ratio(
            "start",
            "time from the start of the process to the first answered call, 20 cached backends, against bare axum's",
            TIME,
            ratios.collect(),
        )],
        absolutes: vec![absolute("hostel", &host), absolute("bare axum", &bare)],
        notes: Vec::new(),
    })
}

/// Milliseconds.
fn first_answer(mut server: Server, backend: &str) -> Result<f64, String> {
    let call = json!({"action": format!("{backend}:mirror"), "params": {"text": TEXT}});
    let (answer, after): (_, Duration) =
        server.first_answer(&post("/v1/execute", &call.to_string()))?;
    let body = String::from_utf8_lossy(&answer.body);
    if answer.status == 200 && body.contains(&format!("\"result\":\"{TEXT}\"")) {
        return Ok(after.as_secs_f64() * 1e3);
    }
    Err(format!("the first answer is {}: {body}", answer.status))
}
