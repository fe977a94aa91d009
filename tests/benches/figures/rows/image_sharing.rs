//! What it costs that every session has read a large warm image: its pages are there once, and each session has its own tables of them.

use std::time::Duration;

use serde_json::{Value, json};

use super::Row;
use crate::bench::Bench;
use crate::figure::{Absolute, Figure, Goal, Outcome};
use crate::http::{Client, is_number};
use crate::process::Process;
use crate::setup::Setup;
use crate::warm;

pub(super) const ROW: Row = Row {
    name: "image-sharing",
    about: "memory of 1,000 sessions that have all read the whole 64 MiB of their warm image, against one such session",
    run,
};

const MIB: u64 = 64;
const SESSIONS: usize = 1_000;
const QUICK_SESSIONS: usize = 100;
const MEMORY: Goal = Goal::at_most(3.0, 1.7);
/// What was freed during the calls has gone back by then.
const REST: Duration = Duration::from_secs(2);

/// Pages, each counted once, and the tables that map them, in kB.
#[derive(Clone, Copy)]
struct Held {
    pages: u64,
    tables: u64,
}

fn run(bench: &Bench) -> Result<Outcome, String> {
    let sessions = if bench.pace.quick {
        QUICK_SESSIONS
    } else {
        SESSIONS
    };
    let config = format!(
        "[server]\nmax_sessions = {SESSIONS}\n\n{}",
        warm::backend(bench, "warm", MIB)
    );
    let hostel = Setup::write(bench, ROW.name, &config)?.serve()?;
    let mut client = hostel.client()?;
    let empty = held(hostel.process())?;
    open_and_read(&mut client, 0)?;
    let one = held(hostel.process())?;
    (1..sessions).try_for_each(|number| open_and_read(&mut client, number))?;
    let all = held(hostel.process())?;
    let note = |case: String, held: Held| Absolute {
        row: ROW.name,
        case,
        note: format!("PSS {} kB, VmPTE {} kB", held.pages, held.tables),
        ..Absolute::default()
    };
    let pages = Figure::ratio(
        "image-sharing",
        format!("PSS of the host with {sessions} sessions that have read 64 MiB each against one"),
        MEMORY,
        vec![all.pages as f64 / one.pages as f64],
    );
    let each = (all.pages + all.tables).saturating_sub(one.pages + one.tables);
    Ok(Outcome {
        figures: vec![
            pages,
            Figure {
                name: "image-sharing-each".to_owned(),
                what: "PSS and VmPTE that each further one of them adds".to_owned(),
                unit: " kB",
                goal: None,
                rounds: vec![each as f64 / (sessions - 1) as f64],
            },
        ],
        absolutes: vec![
            note("before the first session".to_owned(), empty),
            note("1 session".to_owned(), one),
            note(format!("{sessions} sessions"), all),
        ],
        notes: Vec::new(),
    })
}

fn held(process: Process) -> Result<Held, String> {
    std::thread::sleep(REST);
    Ok(Held {
        pages: process.proportional_memory()?,
        tables: process.memory().tables,
    })
}

fn open_and_read(client: &mut Client, number: usize) -> Result<(), String> {
    let body = json!({"backend": "warm", "name": format!("s{number}"), "idle_timeout": 0, "max_lifetime": 0});
    let session = client.post("/v1/sessions", &body)?;
    let call = json!({"action": "warm:read_all", "session": session.get("id")});
    let answer = client.post("/v1/execute", &call)?;
    if is_number(answer.get("result").unwrap_or(&Value::Null), warm::sum(MIB)) {
        return Ok(());
    }
    Err(format!("a session read its image and answered {answer}"))
}
