//! How fast a guest computes with all limits on, against the same component in plain wasmtime.

use std::time::Duration;

use serde_json::json;

use super::Row;
use crate::bench::{Bench, Pace};
use crate::figure::{Absolute, Figure, Goal, Outcome, median};
use crate::http::{Client, is_number};
use crate::plain::{Checks, Plain};
use crate::process::Process;
use crate::server::Server;

pub(super) const ROW: Row = Row {
    name: "compute",
    about: "kernels in a guest with all limits on against the same component in plain wasmtime",
    run,
};

const CPU: Goal = Goal::at_most(1.35, 1.3);

/// Calls of each kernel at each site in a round.
const CALLS: u32 = 2;

/// A function of the guest, with an argument that makes it take tens of milliseconds: the call around it then does not count.
struct Kernel {
    name: &'static str,
    argument: (&'static str, u32),
    what: &'static str,
}

const KERNELS: [Kernel; 4] = [
    Kernel {
        name: "fib",
        argument: ("n", 35),
        what: "nothing but calls, the worst case",
    },
    Kernel {
        name: "fnv",
        argument: ("rounds", 40),
        what: "one tight loop",
    },
    Kernel {
        name: "parse",
        argument: ("rounds", 40),
        what: "a JSON reader that builds a tree",
    },
    Kernel {
        name: "words",
        argument: ("rounds", 30),
        what: "sorting and counting strings",
    },
];

/// Where a kernel runs.
struct Sites<'a> {
    process: Process,
    client: Client,
    plain: &'a Plain,
    epochs: &'a Plain,
}

/// Processor time of one call in microseconds, at each site.
#[derive(Clone, Copy, Debug)]
struct Times {
    host: f64,
    plain: f64,
    epochs: f64,
}

fn run(bench: &Bench) -> Result<Outcome, String> {
    let hostel = Server::hostel(bench, &bench.plugins("bench")?, &[])?;
    let mut sites = Sites {
        process: hostel.process(),
        client: hostel.client()?,
        plain: &Plain::load(&bench.component("bench"), Checks::None)?,
        epochs: &Plain::load(&bench.component("bench"), Checks::Epochs)?,
    };
    let rounds = KERNELS
        .iter()
        .map(|kernel| kernel.race(&bench.pace, &mut sites));
    let rounds = rounds.collect::<Result<Vec<Vec<Times>>, String>>()?;
    let mut outcome = Outcome::default();
    outcome.figures.push(Figure::ratio(
        "compute",
        "CPU of guest code against plain wasmtime, geometric mean of the kernels",
        CPU,
        means(&rounds, |times| times.host / times.plain),
    ));
    let explain = |name: String, what: String, rounds: Vec<f64>| Figure {
        goal: None,
        ..Figure::ratio(name, what, CPU, rounds)
    };
    outcome.figures.push(explain(
        "compute-epochs".to_owned(),
        "the part of it that is the compiler's: plain wasmtime with epochs against without"
            .to_owned(),
        means(&rounds, |times| times.epochs / times.plain),
    ));
    for (kernel, rounds) in KERNELS.iter().zip(&rounds) {
        outcome.figures.push(explain(
            format!("compute-{}", kernel.name),
            format!("the same of {:?} alone: {}", kernel.name, kernel.what),
            rounds
                .iter()
                .map(|times| times.host / times.plain)
                .collect(),
        ));
        outcome.absolutes.extend(absolutes(kernel, rounds));
    }
    Ok(outcome)
}

/// The geometric mean over the kernels, in each round.
fn means(kernels: &[Vec<Times>], of: impl Fn(&Times) -> f64) -> Vec<f64> {
    let rounds = kernels.first().map_or(0, Vec::len);
    (0..rounds)
        .map(|round| {
            let ratios = kernels
                .iter()
                .filter_map(|rounds| rounds.get(round))
                .map(&of);
            ratios.product::<f64>().powf(1.0 / kernels.len() as f64)
        })
        .collect()
}

fn absolutes(kernel: &Kernel, rounds: &[Times]) -> Vec<Absolute> {
    type Site = (&'static str, fn(&Times) -> f64);
    let sites: [Site; 3] = [
        ("hostel", |times| times.host),
        ("plain wasmtime", |times| times.plain),
        ("plain wasmtime with epochs", |times| times.epochs),
    ];
    sites
        .iter()
        .map(|(site, of)| Absolute {
            row: ROW.name,
            case: format!("{} in {site}", kernel.name),
            cpu_us: Some(median(&rounds.iter().map(of).collect::<Vec<f64>>())),
            ..Absolute::default()
        })
        .collect()
}

impl Kernel {
    /// One entry per round. The sites take turns with every call.
    fn race(&self, pace: &Pace, sites: &mut Sites<'_>) -> Result<Vec<Times>, String> {
        let (expected, _) = sites.plain.run(self.name, self.argument.1)?;
        self.call(&mut sites.client, expected)?;
        let round = |_| {
            let (mut host, mut plain, mut epochs) = Default::default();
            for _ in 0..CALLS {
                let before = sites.process.cpu();
                self.call(&mut sites.client, expected)?;
                host += sites.process.cpu().since(&before);
                plain += sites.plain.run(self.name, self.argument.1)?.1;
                epochs += sites.epochs.run(self.name, self.argument.1)?.1;
            }
            let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(CALLS);
            Ok(Times {
                host: each(host),
                plain: each(plain),
                epochs: each(epochs),
            })
        };
        (0..pace.rounds).map(round).collect()
    }

    fn call(&self, client: &mut Client, expected: u64) -> Result<(), String> {
        let (name, value) = self.argument;
        let action = format!("bench:{}", self.name);
        let body = json!({"action": action, "params": {name: value}});
        let answer = client.post("/v1/execute", &body)?;
        let result = answer.get("result").cloned().unwrap_or_default();
        if is_number(&result, expected) {
            return Ok(());
        }
        Err(format!("{action} answered {result} and not {expected}"))
    }
}
