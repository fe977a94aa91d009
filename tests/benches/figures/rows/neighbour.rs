//! What a session feels of others that compute without end: the slowest hundredth of its small calls, while guests spin on every core,
//! against the same on an idle host.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Row, TEXT};
use crate::bench::Bench;
use crate::contest::{call, open_session};
use crate::figure::{Absolute, Figure, Goal, Outcome, median};
use crate::load::{self, Load, Until, Work};
use crate::server::Server;

pub(super) const ROW: Row = Row {
    name: "neighbour",
    about: "p99 of small calls in one session while guests of other sessions spin on every core, against an idle host",
    run,
};

const P99: Goal = Goal::at_most(3.0, 2.0);
/// Spinning sessions for each core: one that waits for its turn behind each that runs.
const SPINNERS_PER_CORE: usize = 2;
/// How long one spinning call computes.
const SPIN_MS: u32 = 300;
/// Between two calls of the neighbour: it is there all the time and takes little.
const PAUSE: Duration = Duration::from_millis(1);
/// The spinners have begun by then.
const SETTLED: Duration = Duration::from_millis(100);

fn run(bench: &Bench) -> Result<Outcome, String> {
    let names = ["bench".to_owned(), "other".to_owned()];
    let plugins = bench.copies("bench", &names)?;
    let hostel = Server::hostel(bench, &plugins, &[])?;
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let spinners = (0..cores * SPINNERS_PER_CORE)
        .map(|number| open_session(&hostel, "bench", &format!("spinner{number}")));
    let spinners = spinners.collect::<Result<Vec<Value>, String>>()?;
    let mut outcome = Outcome::default();
    for (name, backend, what) in [
        ("neighbour-p99", "other", "of another backend"),
        (
            "neighbour-p99-same",
            "bench",
            "of the spinners' own backend",
        ),
    ] {
        let neighbour = Neighbour::open(&hostel, backend)?;
        let (mut idle, mut busy) = (Vec::new(), Vec::new());
        for _ in 0..bench.pace.rounds {
            idle.push(neighbour.calls(bench.pace.turn)?);
            busy.push(while_they_spin(&hostel, &spinners, || {
                neighbour.calls(bench.pace.turn)
            })?);
        }
        let p99 = |loads: &[Load]| -> Vec<f64> {
            loads.iter().map(|load| load.quantile_us(0.99)).collect()
        };
        let ratios = p99(&busy).into_iter().zip(p99(&idle));
        outcome.figures.push(Figure::ratio(
            name,
            format!("p99 of a neighbour's small calls while guests spin on every core, against an idle host; a session {what}"),
            P99,
            ratios.map(|(busy, idle)| busy / idle).collect(),
        ));
        for (case, loads) in [("idle host", &idle), ("guests spin", &busy)] {
            let p50: Vec<f64> = loads.iter().map(|load| load.quantile_us(0.5)).collect();
            outcome.absolutes.push(Absolute {
                row: ROW.name,
                case: format!("{case}, session {what}"),
                p50_us: Some(median(&p50)),
                p99_us: Some(median(&p99(loads))),
                ..Absolute::default()
            });
        }
    }
    Ok(outcome)
}

struct Neighbour<'a> {
    hostel: &'a Server,
    works: [Arc<Work>; 1],
}

impl<'a> Neighbour<'a> {
    fn open(hostel: &'a Server, backend: &str) -> Result<Self, String> {
        let session = open_session(hostel, backend, "neighbour")?;
        let action = format!("{backend}:echo");
        let work = call(&action, &json!({"text": TEXT}), &session, &json!(TEXT));
        Ok(Self {
            hostel,
            works: [work],
        })
    }

    fn calls(&self, time: Duration) -> Result<Load, String> {
        load::run(
            self.hostel.address,
            &self.works,
            Until::Time(time),
            Some(PAUSE),
        )
    }
}

/// Keeps all spinners busy while `measure` runs.
fn while_they_spin<T>(
    hostel: &Server,
    spinners: &[Value],
    measure: impl FnOnce() -> Result<T, String>,
) -> Result<T, String> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let threads: Vec<_> = spinners
            .iter()
            .map(|session| scope.spawn(|| spin(hostel, session, &over)))
            .collect();
        std::thread::sleep(SETTLED);
        let measured = measure();
        over.store(true, Ordering::Relaxed);
        for thread in threads {
            thread
                .join()
                .unwrap_or_else(|_| Err("a thread of the load panicked".to_owned()))?;
        }
        measured
    })
}

fn spin(hostel: &Server, session: &Value, over: &AtomicBool) -> Result<(), String> {
    let mut client = hostel.client()?;
    let call = json!({"action": "bench:spin", "params": {"ms": SPIN_MS}, "session": session});
    while !over.load(Ordering::Relaxed) {
        client.post("/v1/execute", &call)?;
    }
    Ok(())
}
