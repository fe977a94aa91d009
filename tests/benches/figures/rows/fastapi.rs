//! What the reader would otherwise write: the same tool in Python, by FastAPI and uvicorn.

use serde_json::Value;

use super::Row;
use super::live_session::echoes;
use crate::bench::Bench;
use crate::contest::{self, Contestant, open_session};
use crate::figure::{Figure, Goal, Outcome};
use crate::server::Server;

pub(super) const ROW: Row = Row {
    name: "fastapi",
    about: "echo of 32 bytes in a live session against FastAPI and uvicorn with the same tool",
    run,
};

const CONNECTIONS: usize = 16;
const PER_SECOND: Goal = Goal::at_least(7.0, 10.0);

fn run(bench: &Bench) -> Result<Outcome, String> {
    let fastapi = match Server::fastapi(bench) {
        Ok(server) => server,
        Err(error) => {
            return Ok(Outcome {
                notes: vec![format!("fastapi was skipped: {error}")],
                ..Outcome::default()
            });
        }
    };
    let hostel = Server::hostel(bench, &bench.plugins()?, &[])?;
    let sessions =
        (0..CONNECTIONS).map(|number| open_session(&hostel, "bench", &format!("c{number}")));
    let sessions = sessions.collect::<Result<Vec<Value>, String>>()?;
    let works = echoes(sessions.iter());
    let contest = contest::hold(
        &bench.pace,
        &[
            Contestant {
                case: "hostel".to_owned(),
                server: &hostel,
                works: works.clone(),
            },
            Contestant {
                case: "FastAPI, 1 worker".to_owned(),
                server: &fastapi,
                works,
            },
        ],
    )?;
    Ok(Outcome {
        figures: vec![Figure::ratio(
            "fastapi-rps",
            "requests per second against FastAPI's, live session, 16 connections",
            PER_SECOND,
            contest.ratios(0, 1, |turn| turn.per_second),
        )],
        absolutes: contest.absolutes(ROW.name),
        notes: vec![
            "FastAPI: uvicorn with httptools and uvloop, one worker, access log off".to_owned(),
        ],
    })
}
