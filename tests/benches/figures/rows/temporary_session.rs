//! A small call of a stateful tool without a session: an instance, the session's constructor, the call, the destructor.

use serde_json::json;

use super::{Row, TEXT};
use crate::bench::Bench;
use crate::contest::{self, Contestant, call};
use crate::figure::{Figure, Goal, Outcome};
use crate::server::Server;

pub(super) const ROW: Row = Row {
    name: "temporary-session",
    about: "echo of 32 bytes in a session made for the call (instance, constructor, call, destructor) against a bare axum handler",
    run,
};

const CONNECTIONS: usize = 16;
const CPU: Goal = Goal::at_most(4.0, 3.2);

fn run(bench: &Bench) -> Result<Outcome, String> {
    let hostel = Server::hostel(bench, &bench.plugins("bench")?, &[])?;
    let bare = Server::bare(bench)?;
    let (params, temporary) = (json!({"text": TEXT}), json!({"temporary": true}));
    let stateful = vec![call("bench:echo", &params, &temporary, &json!(TEXT)); CONNECTIONS];
    let stateless = vec![call("bench:mirror", &params, &json!(null), &json!(TEXT)); CONNECTIONS];
    let contest = contest::hold(
        &bench.pace,
        &[
            Contestant {
                case: "hostel, stateful tool".to_owned(),
                server: &hostel,
                works: stateful.clone(),
            },
            Contestant {
                case: "bare axum".to_owned(),
                server: &bare,
                works: stateful,
            },
            Contestant {
                case: "hostel, stateless tool".to_owned(),
                server: &hostel,
                works: stateless,
            },
        ],
    )?;
    let figure = |name, what, goal, rounds| Figure {
        goal,
        ..Figure::ratio(name, what, CPU, rounds)
    };
    Ok(Outcome {
        figures: vec![
            figure(
                "temporary-session-cpu",
                "CPU per request against bare axum's, stateful tool, 16 connections",
                Some(CPU),
                contest.ratios(0, 1, |turn| turn.cpu_us),
            ),
            figure(
                "temporary-session-rps",
                "requests per second against bare axum's, the same",
                None,
                contest.ratios(0, 1, |turn| turn.per_second),
            ),
            figure(
                "stateless-cpu",
                "CPU per request against bare axum's, stateless tool: an instance and the call alone",
                None,
                contest.ratios(2, 1, |turn| turn.cpu_us),
            ),
        ],
        absolutes: contest.absolutes(ROW.name),
        notes: Vec::new(),
    })
}
