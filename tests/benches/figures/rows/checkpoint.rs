//! A checkpoint: what it costs to put a session's state on disk, against the start of a session.

use hostel_host::session::CheckpointMode;

use super::Row;
use crate::bench::Bench;
use crate::figure::{Absolute, Figure, Goal, Outcome, median};
use crate::inside::{Hostel, Rounds, absolute, microseconds, on_one_thread};

pub(super) const ROW: Row = Row {
    name: "checkpoint",
    about: "a checkpoint inside the process, of a session that changed nothing and of one that changed 100 KiB, against a session's start",
    run,
};

struct Case {
    name: &'static str,
    kib: u32,
    what: &'static str,
    goal: Option<Goal>,
    age: Age,
}

/// Checkpoints that the session has when the next is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    None,
    /// As many as it may have: the oldest gives way.
    All,
}

const CASES: [Case; 4] = [
    Case {
        name: "checkpoint-unchanged",
        kib: 0,
        what: "the first checkpoint of a session that has just begun",
        goal: Some(Goal::at_most(2.0, 1.0)),
        age: Age::None,
    },
    Case {
        name: "checkpoint-100k",
        kib: 100,
        what: "the same of one that changed 100 KiB",
        goal: Some(Goal::at_most(4.0, 2.0)),
        age: Age::None,
    },
    Case {
        name: "checkpoint-unchanged-17th",
        kib: 0,
        what: "a checkpoint of such a session that has 16 already: the oldest is removed",
        goal: None,
        age: Age::All,
    },
    Case {
        name: "checkpoint-100k-17th",
        kib: 100,
        what: "the same with 100 KiB changed",
        goal: None,
        age: Age::All,
    },
];

const INSTANCES: u32 = 16;
const CHECKPOINTS_MAX: usize = 16;
/// In a block.
const STEPS: usize = 10;

fn run(bench: &Bench) -> Result<Outcome, String> {
    let measured = on_one_thread(async {
        let hostel = Hostel::load(bench, INSTANCES).await?;
        let mut measured = Vec::new();
        for case in &CASES {
            let rounds = match case.age {
                Age::None => firsts(bench, &hostel, case.kib).await?,
                Age::All => later_ones(bench, &hostel, case.kib).await?,
            };
            measured.push(rounds);
        }
        Ok(measured)
    })?;
    let cases = || CASES.iter().zip(&measured);
    let figures = cases().map(|(case, rounds)| -> Figure {
        let what = format!("{}, against a session's start", case.what);
        rounds.figure(case.name, what, case.goal)
    });
    let absolutes = cases().map(|(case, rounds)| Absolute {
        note: format!("a start beside it: {:.1} us", median(rounds.starts())),
        ..absolute(ROW.name, case.what, rounds.steps())
    });
    Ok(Outcome {
        figures: figures.collect(),
        absolutes: absolutes.collect(),
        notes: Vec::new(),
    })
}

async fn firsts(bench: &Bench, hostel: &Hostel, kib: u32) -> Result<Rounds, String> {
    let step = async || {
        let session = hostel.open(kib, CheckpointMode::Manual).await?;
        let (checkpoint, took) = hostel.checkpoint(&session.id).await?;
        hostel.check_restored(&session, &checkpoint).await?;
        hostel.end(&session.id).await?;
        Ok(microseconds(took))
    };
    Rounds::measure(hostel, &bench.pace, STEPS, step).await
}

async fn later_ones(bench: &Bench, hostel: &Hostel, kib: u32) -> Result<Rounds, String> {
    let session = hostel.open(kib, CheckpointMode::Manual).await?;
    let mut newest = String::new();
    for _ in 0..CHECKPOINTS_MAX {
        hostel.checkpoint(&session.id).await?;
    }
    let step = async || {
        let (checkpoint, took) = hostel.checkpoint(&session.id).await?;
        newest = checkpoint;
        Ok(microseconds(took))
    };
    let rounds = Rounds::measure(hostel, &bench.pace, STEPS, step).await?;
    hostel.check_restored(&session, &newest).await?;
    hostel.end(&session.id).await?;
    Ok(rounds)
}
