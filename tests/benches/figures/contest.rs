//! Contestants take turns, A B, B A, A B: what slows the machine down for a while slows down both. A ratio is taken within one round;
//! the figure is the median of the rounds.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::Pace;
use crate::figure::{Absolute, median};
use crate::http;
use crate::load::{self, Until, Work};
use crate::server::Server;

/// A server and what it is asked, on one connection for each piece of work.
pub(crate) struct Contestant<'a> {
    pub(crate) case: String,
    pub(crate) server: &'a Server,
    pub(crate) works: Vec<Arc<Work>>,
}

/// One turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// Processor time of the server per request.
    pub(crate) cpu_us: f64,
    pub(crate) per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

/// All turns: by contestant, then by round.
pub(crate) struct Contest {
    cases: Vec<String>,
    turns: Vec<Vec<Turn>>,
}

/// # Errors
/// A wrong answer, or none.
pub(crate) fn hold(pace: &Pace, contestants: &[Contestant<'_>]) -> Result<Contest, String> {
    let mut turns: Vec<Vec<Turn>> = contestants.iter().map(|_| Vec::new()).collect();
    for contestant in contestants {
        contestant.turn(pace.turn / 4)?;
    }
    for round in 0..pace.rounds {
        let mut order: Vec<_> = contestants.iter().zip(&mut turns).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for (contestant, turns) in order {
            turns.push(contestant.turn(pace.turn)?);
        }
    }
    let cases = contestants
        .iter()
        .map(|contestant| contestant.case.clone())
        .collect();
    Ok(Contest { cases, turns })
}

impl Contestant<'_> {
    fn turn(&self, time: Duration) -> Result<Turn, String> {
        let process = self.server.process();
        let before = process.cpu();
        let load = load::run(self.server.address, &self.works, Until::Time(time), None);
        let spent = process.cpu().since(&before);
        let load = load.map_err(|error| format!("{}: {error}", self.case))?;
        Ok(Turn {
            cpu_us: spent.as_secs_f64() * 1e6 / load.requests as f64,
            per_second: load.per_second(),
            p50_us: load.quantile_us(0.5),
            p99_us: load.quantile_us(0.99),
        })
    }
}

impl Contest {
    /// One value per round: that of one contestant over that of another.
    pub(crate) fn ratios(&self, one: usize, other: usize, of: impl Fn(&Turn) -> f64) -> Vec<f64> {
        let turns = |place: usize| self.turns.get(place).into_iter().flatten();
        turns(one)
            .zip(turns(other))
            .map(|(one, other)| of(one) / of(other))
            .collect()
    }

    pub(crate) fn absolutes(&self, row: &'static str) -> Vec<Absolute> {
        let middle = |turns: &[Turn], of: fn(&Turn) -> f64| {
            Some(median(&turns.iter().map(of).collect::<Vec<f64>>()))
        };
        let cases = self.cases.iter().zip(&self.turns);
        cases
            .map(|(case, turns)| Absolute {
                row,
                case: case.clone(),
                cpu_us: middle(turns, |turn| turn.cpu_us),
                per_second: middle(turns, |turn| turn.per_second),
                p50_us: middle(turns, |turn| turn.p50_us),
                p99_us: middle(turns, |turn| turn.p99_us),
                note: String::new(),
            })
            .collect()
    }
}

/// A call of a tool, and its result as it must stand in the answer.
pub(crate) fn call(action: &str, params: &Value, session: &Value, result: &Value) -> Arc<Work> {
    let body = json!({"action": action, "params": params, "session": session});
    Arc::new(Work {
        request: http::post("/v1/execute", &body.to_string()),
        status: 200,
        contains: format!("\"result\":{result}").into_bytes(),
    })
}

/// A session that outlives the run.
pub(crate) fn open_session(server: &Server, backend: &str, name: &str) -> Result<Value, String> {
    let body = json!({"backend": backend, "name": name, "idle_timeout": 0, "max_lifetime": 0});
    let created = server.client()?.post("/v1/sessions", &body)?;
    created
        .get("id")
        .cloned()
        .ok_or_else(|| format!("a new session has no id: {created}"))
}
