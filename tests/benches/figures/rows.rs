//! The rows, in the order in which they run: first those that want a quiet machine.

use crate::bench::Bench;
use crate::figure::Outcome;

mod checkpoint;
mod compute;
mod density;
mod doors;
mod fastapi;
mod flood;
mod fork;
mod growth;
mod image_sharing;
mod image_size;
mod job_memory;
mod job_stream;
mod large_arguments;
mod live_session;
mod neighbour;
mod protected_call;
mod python_cache;
mod python_session;
mod session_life;
mod session_start;
mod start;
mod suspended_density;
mod temporary_session;
mod wake;

/// The text that the small calls carry.
const TEXT: &str = "thirty-two bytes of plain text..";

/// One experiment. It may yield several figures.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Bench) -> Result<Outcome, String>,
}

const ROWS: [Row; 24] = [
    live_session::ROW,
    temporary_session::ROW,
    fastapi::ROW,
    doors::ROW,
    job_stream::ROW,
    large_arguments::ROW,
    compute::ROW,
    session_start::ROW,
    checkpoint::ROW,
    fork::ROW,
    wake::ROW,
    protected_call::ROW,
    image_size::ROW,
    session_life::ROW,
    python_session::ROW,
    start::ROW,
    python_cache::ROW,
    density::ROW,
    suspended_density::ROW,
    job_memory::ROW,
    image_sharing::ROW,
    neighbour::ROW,
    flood::ROW,
    growth::ROW,
];

/// # Errors
/// No row has such a name.
pub(crate) fn chosen(filter: Option<&str>) -> Result<Vec<&'static Row>, String> {
    let fits = |row: &&Row| filter.is_none_or(|filter| row.name.contains(filter));
    let chosen: Vec<&Row> = ROWS.iter().filter(fits).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        let filter = filter.unwrap_or_default();
        return Err(format!(
            "no row is called {filter:?}; there are {}",
            names.join(", ")
        ));
    }
    Ok(chosen)
}
