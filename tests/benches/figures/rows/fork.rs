//! Forks: sessions that begin where another one is, against the start of a session.

use hostel_host::session::CheckpointMode;
use tokio::time::Instant;

use super::Row;
use crate::bench::Bench;
use crate::figure::{Absolute, Figure, Goal, Outcome, median};
use crate::inside::{Hostel, Rounds, absolute, microseconds, on_one_thread};

pub(super) const ROW: Row = Row {
    name: "fork",
    about: "forks of a session inside the process, by what it changed, one and a hundred at once, against a session's start",
    run,
};

struct Case {
    name: &'static str,
    what: &'static str,
    kib: u32,
    forks: usize,
    goal: Goal,
    /// In a block.
    steps: usize,
}

const CASES: [Case; 4] = [
    Case {
        name: "fork-unchanged",
        what: "a fork of a session that has just begun",
        kib: 0,
        forks: 1,
        goal: Goal::at_most(4.0, 2.5),
        steps: 10,
    },
    Case {
        name: "fork-100k",
        what: "a fork of a session that changed 100 KiB",
        kib: 100,
        forks: 1,
        goal: Goal::at_most(6.0, 5.0),
        steps: 10,
    },
    Case {
        name: "fork-1m",
        what: "a fork of a session that changed 1 MiB",
        kib: 1024,
        forks: 1,
        goal: Goal::at_most(45.0, 30.0),
        steps: 5,
    },
    Case {
        name: "fork-100",
        what: "100 forks in one request of a session that changed 100 KiB",
        kib: 100,
        forks: 100,
        goal: Goal::at_most(500.0, 300.0),
        steps: 1,
    },
];

const INSTANCES: u32 = 128;

/// One case.
struct Measured {
    rounds: Rounds,
    /// Microseconds of a call in each fork, one after the other.
    calls: Vec<f64>,
}

fn run(bench: &Bench) -> Result<Outcome, String> {
    let measured = on_one_thread(async {
        let hostel = Hostel::load(bench, INSTANCES).await?;
        let mut measured = Vec::new();
        for case in &CASES {
            measured.push(measure(bench, &hostel, case).await?);
        }
        Ok(measured)
    })?;
    let cases = || CASES.iter().zip(&measured);
    let figures = cases().map(|(case, Measured { rounds, .. })| {
        let what = format!("{}, against one session's start", case.what);
        rounds.figure(case.name, what, Some(case.goal))
    });
    let mut figures: Vec<Figure> = figures.collect();
    figures.extend(cases().filter(|(case, _)| case.forks > 1).map(milliseconds));
    let forks = cases().map(|(case, Measured { rounds, calls })| Absolute {
        note: format!(
            "a start beside it: {:.1} us; the first call in each of them: {:.1} us",
            median(rounds.starts()),
            median(calls)
        ),
        ..absolute(ROW.name, case.what, rounds.steps())
    });
    Ok(Outcome {
        figures,
        absolutes: forks.collect(),
        notes: Vec::new(),
    })
}

fn milliseconds((case, measured): (&Case, &Measured)) -> Figure {
    let steps = measured.rounds.steps().iter();
    Figure {
        name: format!("{}-ms", case.name),
        what: format!("{}: time", case.what),
        unit: " ms",
        goal: None,
        rounds: steps.map(|microseconds| microseconds / 1e3).collect(),
    }
}

async fn measure(bench: &Bench, hostel: &Hostel, case: &Case) -> Result<Measured, String> {
    let parent = hostel.open(case.kib, CheckpointMode::Manual).await?;
    let mut calls = Vec::new();
    let step = async || {
        let (forks, took) = hostel.fork(&parent.id, case.forks).await?;
        let begin = Instant::now();
        for fork in &forks {
            hostel.check(fork, &parent).await?;
        }
        calls.push(microseconds(begin.elapsed()) / forks.len() as f64);
        for fork in &forks {
            hostel.end(fork).await?;
        }
        Ok(microseconds(took))
    };
    let rounds = Rounds::measure(hostel, &bench.pace, case.steps, step).await?;
    hostel.check(&parent.id, &parent).await?;
    hostel.end(&parent.id).await?;
    Ok(Measured { rounds, calls })
}
