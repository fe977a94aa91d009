//! A MiB of bytes (base64 in JSON, `list<u8>` in the guest) against a MiB of text (a string in both). Both go into a live session.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Row;
use crate::bench::Bench;
use crate::contest::{self, Contestant, call, open_session};
use crate::figure::{Figure, Goal, Outcome};
use crate::server::Server;

pub(super) const ROW: Row = Row {
    name: "large-arguments",
    about: "a list<u8> argument of 1 MiB (base64) against a string argument of 1 MiB",
    run,
};

const BYTES: usize = 1 << 20;
const CPU: Goal = Goal::at_most(8.0, 4.0);

fn run(bench: &Bench) -> Result<Outcome, String> {
    let hostel = Server::hostel(bench, &bench.plugins("bench")?, &[])?;
    let session = open_session(&hostel, "bench", "large")?;
    // Every byte value, so that nothing about them is easy.
    let bytes: Vec<u8> = (0..=u8::MAX).cycle().step_by(7).take(BYTES).collect();
    let data = json!({"data": STANDARD.encode(bytes)});
    let text = json!({"text": "x".repeat(BYTES)});
    let contestant = |case: &str, action: &str, params: &Value| Contestant {
        case: case.to_owned(),
        server: &hostel,
        works: vec![call(action, params, &session, &json!(BYTES))],
    };
    let contest = contest::hold(
        &bench.pace,
        &[
            contestant("list<u8> of 1 MiB", "bench:len", &data),
            contestant("string of 1 MiB", "bench:text_len", &text),
        ],
    )?;
    Ok(Outcome {
        figures: vec![Figure::ratio(
            "bytes-cpu",
            "CPU per request of a 1 MiB list<u8> argument against that of a 1 MiB string",
            CPU,
            contest.ratios(0, 1, |turn| turn.cpu_us),
        )],
        absolutes: contest.absolutes(ROW.name),
        notes: Vec::new(),
    })
}
