//! Logs and metrics: set up once, at the start of the process.
//!
//! Logs go to standard error: JSON lines for programs, readable ones on a terminal. Calls are one span each (`call`), closed at debug
//! level; the life of sessions and backends is info. Metrics: `hostel_calls_total`, `hostel_call_seconds`, `hostel_call_errors_total`,
//! `hostel_sessions`, `hostel_sessions_started_total`, `hostel_sessions_ended_total`,
//! `hostel_blocked_workers_total`.

use std::io::IsTerminal;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

mod fields;

use fields::SpanFields;

/// Upper bounds of the buckets of `hostel_call_seconds`.
const BUCKETS: [f64; 14] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0,
    30.0,
];
/// How often samples are folded into their buckets. Until then each takes eight bytes.
const UPKEEP: Duration = Duration::from_secs(2);

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Readable on a terminal, JSON elsewhere.
    #[default]
    Auto,
    Text,
    Json,
}

impl LogFormat {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// The SDK of the MCP door tells of every request, and of every client that made a mistake or went away as if it were the host's; that is no
/// news unless somebody asks for it by name.
fn quieted(filter: &str) -> String {
    if filter.contains("rmcp") {
        return filter.to_owned();
    }
    format!("{filter},rmcp=off")
}

/// Starts logging. `filter` is a directive such as `info` or `hostel_host=debug,warn`.
///
/// # Errors
/// The filter cannot be read, or logging was started already.
pub fn start_logs(filter: &str, format: LogFormat) -> Result<(), String> {
    let filter = EnvFilter::try_new(quieted(filter))
        .map_err(|error| format!("{filter:?} is not a log filter: {error}"))?;
    let terminal = std::io::stderr().is_terminal();
    let json = match format {
        LogFormat::Auto => !terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(terminal)
        .with_target(false);
    let started = if json {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .fmt_fields(SpanFields)
            .try_init()
    } else {
        builder.compact().try_init()
    };
    started.map_err(|error| format!("cannot start logging: {error}"))
}

/// Starts counting. The handle renders what was counted.
///
/// # Errors
/// Counting was started already.
pub fn start_metrics() -> Result<PrometheusHandle, String> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full("hostel_call_seconds".to_owned()), &BUCKETS);
    let recorder = builder.map_err(|error| error.to_string())?.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)
        .map_err(|error| format!("cannot start metrics: {error}"))?;
    metrics::describe_counter!(
        "hostel_calls_total",
        "Calls that a tool answered, by outcome: ok, or the tool's own error."
    );
    metrics::describe_counter!(
        "hostel_call_errors_total",
        "Calls that the host could not run, by error code."
    );
    metrics::describe_histogram!(
        "hostel_call_seconds",
        "Time from the request to the answer of a call."
    );
    metrics::describe_gauge!("hostel_sessions", "Live sessions.");
    metrics::describe_counter!("hostel_sessions_started_total", "Sessions that began.");
    metrics::describe_counter!(
        "hostel_sessions_ended_total",
        "Sessions that ended, by reason."
    );
    metrics::describe_counter!(
        "hostel_blocked_workers_total",
        "Workers that one piece of work kept for more than a second, by runtime: a defect of the host."
    );
    Ok(handle)
}

/// Keeps the memory of the metrics bounded; runs for as long as the host does.
pub async fn keep_metrics(handle: PrometheusHandle) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}
