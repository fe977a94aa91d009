//! A call of a suspended session, which is woken up for it: from the call to its answer, against the start of a session.

use hostel_host::session::CheckpointMode;
use tokio::time::Instant;

use super::Row;
use crate::bench::Bench;
use crate::figure::{Goal, Outcome};
use crate::inside::{Hostel, Rounds, absolute, microseconds, on_one_thread};

pub(super) const ROW: Row = Row {
    name: "wake",
    about: "a call inside the process of a suspended session that changed 100 KiB, from the call to its answer, against a session's start",
    run,
};

const TIME: Goal = Goal::at_most(25.0, 12.0);
const KIB: u32 = 100;
const INSTANCES: u32 = 16;
/// In a block.
const STEPS: usize = 5;

/// One run.
struct Measured {
    wakes: Rounds,
    /// Microseconds of the same call when the session is awake, and of a suspension.
    awake: Vec<f64>,
    suspends: Vec<f64>,
}

fn run(bench: &Bench) -> Result<Outcome, String> {
    let Measured {
        wakes,
        awake,
        suspends,
    } = on_one_thread(measure(bench))?;
    let figure = wakes.figure(
        ROW.name,
        "time from a call on a suspended session (100 KiB changed) to its answer, against a session's start",
        Some(TIME),
    );
    Ok(Outcome {
        figures: vec![figure],
        absolutes: vec![
            absolute(ROW.name, "a session's start", wakes.starts()),
            absolute(ROW.name, "call of a suspended session", wakes.steps()),
            absolute(ROW.name, "the same call when it is awake", &awake),
            absolute(ROW.name, "suspension, until it is on the disk", &suspends),
        ],
        notes: Vec::new(),
    })
}

async fn measure(bench: &Bench) -> Result<Measured, String> {
    let hostel = Hostel::load(bench, INSTANCES).await?;
    let session = hostel.open(KIB, CheckpointMode::Manual).await?;
    let (mut awake, mut suspends) = (Vec::new(), Vec::new());
    let step = async || {
        let begin = Instant::now();
        hostel.suspend(&session.id).await?;
        suspends.push(microseconds(begin.elapsed()));
        let mut times = [0.0; 2];
        for time in &mut times {
            let begin = Instant::now();
            hostel.check(&session.id, &session).await?;
            *time = microseconds(begin.elapsed());
        }
        let [asleep, after] = times;
        awake.push(after);
        Ok(asleep)
    };
    let wakes = Rounds::measure(&hostel, &bench.pace, STEPS, step).await?;
    hostel.end(&session.id).await?;
    Ok(Measured {
        wakes,
        awake,
        suspends,
    })
}
