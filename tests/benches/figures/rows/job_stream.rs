//! A job from its start to its terminal event over server-sent events, against a call that is waited for. One connection, one at a time.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Row, TEXT};
use crate::bench::Bench;
use crate::contest::open_session;
use crate::figure::{Absolute, Figure, Goal, Outcome, median};
use crate::http::{Client, post, post_with};
use crate::server::Server;

pub(super) const ROW: Row = Row {
    name: "job-stream",
    about: "echo of 32 bytes as a job, from its start to its terminal event over SSE, against a waiting call",
    run,
};

const P50: Goal = Goal::at_most(2.0, 1.3);
/// Calls of each kind in a round, in blocks that take turns.
const BLOCKS: usize = 10;
const CALLS: usize = 100;

fn run(bench: &Bench) -> Result<Outcome, String> {
    let hostel = Server::hostel(bench, &bench.plugins("bench")?, &[])?;
    let session = open_session(&hostel, "bench", "jobs")?;
    let body = json!({"action": "bench:echo", "params": {"text": TEXT}, "session": session});
    let waiting = post("/v1/execute", &body.to_string());
    let streamed = post_with(
        "/v1/execute",
        &[("accept", "text/event-stream")],
        &body.to_string(),
    );
    let mut client = hostel.client()?;
    let (mut waits, mut streams) = (Vec::new(), Vec::new());
    for round in 0..=bench.pace.rounds {
        let (mut waits_us, mut streams_us) = (Vec::new(), Vec::new());
        for block in 0..BLOCKS * 2 {
            for _ in 0..CALLS {
                let begin = Instant::now();
                // A B, B A, A B.
                if matches!(block % 4, 0 | 3) {
                    let answer = client.send(&waiting)?;
                    waits_us.push(begin.elapsed().as_secs_f64() * 1e6);
                    check(&answer.body)?;
                } else {
                    let seen = stream(&mut client, &streamed)?;
                    streams_us.push(begin.elapsed().as_secs_f64() * 1e6);
                    check(&seen)?;
                }
            }
        }
        // The first one warms up.
        if round > 0 {
            waits.push(median(&waits_us));
            streams.push(median(&streams_us));
        }
    }
    let absolute = |case: &str, rounds: &[f64]| Absolute {
        row: ROW.name,
        case: case.to_owned(),
        p50_us: Some(median(rounds)),
        ..Absolute::default()
    };
    let absolutes = vec![
        absolute("a call that is waited for", &waits),
        absolute("a job, to its last event", &streams),
    ];
    let ratios = streams.iter().zip(&waits);
    Ok(Outcome {
        figures: vec![Figure::ratio(
            ROW.name,
            "p50 of a job from its start to its terminal event over SSE against a waiting call",
            P50,
            ratios.map(|(stream, wait)| stream / wait).collect(),
        )],
        absolutes,
        notes: Vec::new(),
    })
}

/// The whole stream, which ends with the job.
fn stream(client: &mut Client, request: &[u8]) -> Result<Vec<u8>, String> {
    let seen = client.stream(request)?;
    let text = String::from_utf8_lossy(seen);
    let events = ["queued", "started", "result"];
    if events
        .iter()
        .all(|event| text.contains(&format!("event: {event}")))
    {
        return Ok(seen.to_vec());
    }
    Err(format!("a job's events should be {events:?}: {text}"))
}

fn check(answer: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(answer);
    let expected = format!("\"result\":{}", Value::from(TEXT));
    if text.contains(&expected) {
        return Ok(());
    }
    Err(format!("expected {expected} in {text}"))
}
