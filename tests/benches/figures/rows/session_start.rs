//! The start of a session in the process itself, without HTTP: Hostel's, from a warm image, against an instance of bare wasmtime.

use hostel_host::policy::Limits;
use tokio::time::Instant;

use super::Row;
use crate::bench::Bench;
use crate::figure::{Figure, Goal, Outcome, median};
use crate::inside::{Hostel, absolute, microseconds, on_one_thread};
use crate::pooled::{INSTANCES, Pooled};
use crate::warm;

pub(super) const ROW: Row = Row {
    name: "session-start",
    about: "start of a session inside the process (1 MiB warm image) against an instance of bare wasmtime with the same settings",
    run,
};

const TIME: Goal = Goal::at_most(2.0, 1.3);
/// Starts of each side in a round, in blocks that take turns.
const BLOCKS: usize = 20;
const STARTS: usize = 25;

/// Microseconds of each start in a round.
#[derive(Default)]
struct Times {
    hostel: Vec<f64>,
    bare: Vec<f64>,
    /// With the constructor of the guest's session, which Hostel's start calls as well.
    constructed: Vec<f64>,
}

fn run(bench: &Bench) -> Result<Outcome, String> {
    let rounds = on_one_thread(measure(bench))?;
    let medians = |of: fn(&Times) -> &Vec<f64>| -> Vec<f64> {
        rounds.iter().map(|times| median(of(times))).collect()
    };
    let hostel = medians(|times| &times.hostel);
    let bare = medians(|times| &times.bare);
    let constructed = medians(|times| &times.constructed);
    let against = |other: &[f64]| -> Vec<f64> {
        hostel
            .iter()
            .zip(other)
            .map(|(own, other)| own / other)
            .collect()
    };
    let start = Figure::ratio(
        ROW.name,
        "time of a session's start in the process, against an instance of bare wasmtime (InstancePre and a WASI context)",
        TIME,
        against(&bare),
    );
    let with_constructor = Figure {
        name: "session-start-constructed".to_owned(),
        what: "the same where bare wasmtime calls the session's constructor too".to_owned(),
        goal: None,
        rounds: against(&constructed),
        ..start.clone()
    };
    Ok(Outcome {
        figures: vec![start, with_constructor],
        absolutes: vec![
            absolute(ROW.name, "hostel", &hostel),
            absolute(ROW.name, "bare wasmtime, instance", &bare),
            absolute(
                ROW.name,
                "bare wasmtime, instance and constructor",
                &constructed,
            ),
        ],
        notes: vec![format!(
            "{}: one thread, no log; Hostel starts from a warm image of 1 MiB, bare wasmtime from the same component as it was built, without an image",
            ROW.name
        )],
    })
}

async fn measure(bench: &Bench) -> Result<Vec<Times>, String> {
    let component = bench.component("warm");
    let hostel = Hostel::load(bench, INSTANCES).await?;
    let limits = Limits::default();
    let bare = Pooled::load(&component, warm::MEMORY_BYTES, limits.table_elements)?;
    let mut rounds = Vec::new();
    let blocks = if bench.pace.quick { BLOCKS / 4 } else { BLOCKS };
    round(&hostel, &bare, blocks).await?;
    for _ in 0..bench.pace.rounds {
        rounds.push(round(&hostel, &bare, blocks).await?);
    }
    Ok(rounds)
}

async fn round(hostel: &Hostel, bare: &Pooled, blocks: usize) -> Result<Times, String> {
    let mut times = Times::default();
    for block in 0..blocks * 2 {
        for _ in 0..STARTS {
            // A B, B A, A B.
            if matches!(block % 4, 0 | 3) {
                times.hostel.push(microseconds(hostel.start().await?));
                continue;
            }
            let begin = Instant::now();
            let mut started = bare.start().await?;
            times.bare.push(microseconds(begin.elapsed()));
            bare.construct(&mut started).await?;
            times.constructed.push(microseconds(begin.elapsed()));
        }
    }
    Ok(times)
}
