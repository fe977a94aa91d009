//! How fast a guest computes with all limits on, against the same component in plain wasmtime.

use serde_json::json;

use super::Row;
use crate::bench::{Bench, Pace};
use crate::figure::{Absolute, Figure, Goal, Outcome, median};
use crate::http::Client;
use crate::plain::Plain;
use crate::process::Process;
use crate::server::Server;

pub(super) const ROW: Row = Row {
    name: "compute",
    about: "kernels in a guest with all limits on against the same component in plain wasmtime",
    run,
};

const CPU: Goal = Goal::at_most(1.35, 1.3);

/// A function of the guest, with an argument that makes it take tens of milliseconds: the call around it then does not count.
struct Kernel {
    name: &'static str,
    argument: (&'static str, u32),
    what: &'static str,
}

const KERNELS: [Kernel; 4] = [
    Kernel {
        name: "fib",
        argument: ("n", 30),
        what: "nothing but calls, the worst case",
    },
    Kernel {
        name: "fnv",
        argument: ("rounds", 40),
        what: "one tight loop",
    },
    Kernel {
        name: "parse",
        argument: ("rounds", 12),
        what: "a JSON reader that builds a tree",
    },
    Kernel {
        name: "words",
        argument: ("rounds", 30),
        what: "sorting and counting strings",
    },
];

fn run(bench: &Bench) -> Result<Outcome, String> {
    let hostel = Server::hostel(bench, &bench.plugins()?, &[])?;
    let plain = Plain::load(&bench.component)?;
    let mut client = hostel.client()?;
    let mut outcome = Outcome::default();
    let mut products = vec![1.0; bench.pace.rounds];
    for kernel in KERNELS {
        let (host, alone) = kernel.race(&bench.pace, &mut client, hostel.process(), &plain)?;
        let ratios: Vec<f64> = host
            .iter()
            .zip(&alone)
            .map(|(host, alone)| host / alone)
            .collect();
        for (product, ratio) in products.iter_mut().zip(&ratios) {
            *product *= ratio;
        }
        outcome.figures.push(Figure {
            name: format!("compute-{}", kernel.name),
            what: format!("the same of {:?}: {}", kernel.name, kernel.what),
            unit: "x",
            goal: None,
            rounds: ratios,
        });
        for (case, times) in [("hostel", &host), ("plain wasmtime", &alone)] {
            outcome.absolutes.push(Absolute {
                row: ROW.name,
                case: format!("{} in {case}", kernel.name),
                cpu_us: Some(median(times)),
                ..Absolute::default()
            });
        }
    }
    let means = products
        .into_iter()
        .map(|product: f64| product.powf(1.0 / KERNELS.len() as f64));
    outcome.figures.insert(
        0,
        Figure::ratio(
            "compute",
            "CPU of guest code against plain wasmtime, geometric mean of the kernels",
            CPU,
            means.collect(),
        ),
    );
    Ok(outcome)
}

impl Kernel {
    /// Processor time of a call in microseconds, in each round: on the host, and alone.
    fn race(
        &self,
        pace: &Pace,
        client: &mut Client,
        host: Process,
        plain: &Plain,
    ) -> Result<(Vec<f64>, Vec<f64>), String> {
        let calls = if pace.quick { 2 } else { 5 };
        let (expected, _) = plain.run(self.name, self.argument.1)?;
        self.call(client, expected)?;
        let (mut on_host, mut alone) = (Vec::new(), Vec::new());
        for _ in 0..pace.rounds {
            let (mut host_us, mut plain_us) = (0.0, 0.0);
            for _ in 0..calls {
                let before = host.cpu();
                self.call(client, expected)?;
                host_us += host.cpu().since(&before).as_secs_f64() * 1e6;
                plain_us += plain.run(self.name, self.argument.1)?.1.as_secs_f64() * 1e6;
            }
            on_host.push(host_us / f64::from(calls));
            alone.push(plain_us / f64::from(calls));
        }
        Ok((on_host, alone))
    }

    fn call(&self, client: &mut Client, expected: u64) -> Result<(), String> {
        let (name, value) = self.argument;
        let action = format!("bench:{}", self.name);
        let body = json!({"action": action, "params": {name: value}});
        let answer = client.post("/v1/execute", &body)?;
        let result = answer.get("result").cloned().unwrap_or_default();
        // Numbers that JSON's readers would round travel as strings.
        if result == json!(expected) || result == json!(expected.to_string()) {
            return Ok(());
        }
        Err(format!("{action} answered {result} and not {expected}"))
    }
}
