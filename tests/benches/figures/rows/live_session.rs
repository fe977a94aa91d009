//! A small call of a live session, over HTTP, with everything on that is on by default: limits, spans, metrics.

use serde_json::{Value, json};

use super::{Row, TEXT};
use crate::bench::Bench;
use crate::contest::{self, Contestant, call, open_session};
use crate::figure::{Figure, Goal, Outcome};
use crate::server::Server;

pub(super) const ROW: Row = Row {
    name: "live-session",
    about: "echo of 32 bytes in a live session against a bare axum handler, one session per connection",
    run,
};

/// Connections at once. The figures are judged at the middle one.
const CONNECTIONS: [usize; 3] = [1, 16, 64];
const JUDGED: usize = 16;
const CPU: Goal = Goal::at_most(1.8, 1.55);
const PER_SECOND: Goal = Goal::at_least(0.55, 0.68);

fn run(bench: &Bench) -> Result<Outcome, String> {
    let hostel = Server::hostel(bench, &bench.plugins("bench")?, &[])?;
    let bare = Server::bare(bench)?;
    let most = CONNECTIONS.iter().copied().max().unwrap_or(1);
    let sessions = (0..most).map(|number| open_session(&hostel, "bench", &format!("c{number}")));
    let sessions = sessions.collect::<Result<Vec<Value>, String>>()?;
    let mut outcome = Outcome::default();
    for connections in CONNECTIONS {
        let goal = (connections == JUDGED).then_some(());
        let works = echoes(sessions.iter().take(connections));
        let contest = contest::hold(
            &bench.pace,
            &[
                Contestant {
                    case: format!("hostel, {connections} connections"),
                    server: &hostel,
                    works: works.clone(),
                },
                Contestant {
                    case: format!("bare axum, {connections} connections"),
                    server: &bare,
                    works,
                },
            ],
        )?;
        outcome.figures.push(Figure {
            name: format!("live-session-cpu-{connections}"),
            what: format!("CPU per request against bare axum's, {connections} connections"),
            unit: "x",
            goal: goal.map(|()| CPU),
            rounds: contest.ratios(0, 1, |turn| turn.cpu_us),
        });
        outcome.figures.push(Figure {
            name: format!("live-session-rps-{connections}"),
            what: format!("requests per second against bare axum's, {connections} connections"),
            unit: "x",
            goal: goal.map(|()| PER_SECOND),
            rounds: contest.ratios(0, 1, |turn| turn.per_second),
        });
        outcome.absolutes.extend(contest.absolutes(ROW.name));
    }
    Ok(outcome)
}

/// One connection's work for each session. The bare server gets the same bodies.
pub(super) fn echoes<'a>(
    sessions: impl Iterator<Item = &'a Value>,
) -> Vec<std::sync::Arc<crate::load::Work>> {
    let params = json!({"text": TEXT});
    sessions
        .map(|session| call("bench:echo", &params, session, &json!(TEXT)))
        .collect()
}
