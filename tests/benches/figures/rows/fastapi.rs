//! What the reader would otherwise write: the same tool in Python, by FastAPI and uvicorn.

use serde_json::Value;

use super::Row;
use super::live_session::echoes;
use crate::bench::Bench;
use crate::contest::{self, Contestant, open_session};
use crate::figure::{Figure, Goal, Outcome};
use crate::server::{Server, Uvicorn};

pub(super) const ROW: Row = Row {
    name: "fastapi",
    about: "echo of 32 bytes in a live session against FastAPI and uvicorn with the same tool",
    run,
};

const CONNECTIONS: usize = 16;
const PER_SECOND: Goal = Goal::at_least(7.0, 10.0);

fn run(bench: &Bench) -> Result<Outcome, String> {
    let started = Server::fastapi(bench, Uvicorn::Plain)
        .and_then(|plain| Ok((plain, Server::fastapi(bench, Uvicorn::Standard)?)));
    let (plain, standard) = match started {
        Ok(servers) => servers,
        Err(error) => {
            return Ok(Outcome {
                notes: vec![format!("fastapi was skipped: {error}")],
                ..Outcome::default()
            });
        }
    };
    let hostel = Server::hostel(bench, &bench.plugins("bench")?, &[])?;
    let sessions =
        (0..CONNECTIONS).map(|number| open_session(&hostel, "bench", &format!("c{number}")));
    let sessions = sessions.collect::<Result<Vec<Value>, String>>()?;
    let works = echoes(sessions.iter());
    let contestant = |case: &str, server| Contestant {
        case: case.to_owned(),
        server,
        works: works.clone(),
    };
    let contest = contest::hold(
        &bench.pace,
        &[
            contestant("hostel", &hostel),
            contestant("FastAPI, uvicorn", &plain),
            contestant("FastAPI, uvicorn[standard]", &standard),
        ],
    )?;
    let standard = Figure::ratio(
        "fastapi-standard-rps",
        "the same against uvicorn[standard]: httptools and uvloop",
        PER_SECOND,
        contest.ratios(0, 2, |turn| turn.per_second),
    );
    Ok(Outcome {
        figures: vec![
            Figure::ratio(
                "fastapi-rps",
                "requests per second against FastAPI's on uvicorn, live session, 16 connections",
                PER_SECOND,
                contest.ratios(0, 1, |turn| turn.per_second),
            ),
            Figure {
                goal: None,
                ..standard
            },
        ],
        absolutes: contest.absolutes(ROW.name),
        notes: vec!["FastAPI: one worker, access log off".to_owned()],
    })
}
