//! `/v1/jobs`: calls that nobody has to wait for. Every way of reading one reads the same event log.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api::Api;
use crate::api::answer::json_answer;
use crate::api::doorway::Visitor;
use crate::error::{Error, ErrorCode, Result};
use crate::host::{Caller, Executed, Host, Job, JobInfo, JobOutcome, JobQuery, JobState};
use crate::ids::{JobId, RequestId, SessionId};
use crate::watch::{Event, EventKind, EventPage, Stream};

use super::execute::write_envelope;
use super::problem::{Refused, document};
use super::sessions::timestamp;
use super::tools::checked_query;

const JOBS_DEFAULT: usize = 50;
const JOBS_MAX: usize = 200;
const EVENTS_DEFAULT: usize = 200;
const EVENTS_MAX: usize = 2_000;
/// The longest that a request waits for news.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// A silent stream says so, lest somebody between takes it for dead.
const STILL_HERE: Duration = Duration::from_secs(15);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct ListQuery {
    #[schemars(schema_with = "state_schema")]
    state: Option<String>,
    /// Jobs that run or ran in this session.
    session: Option<String>,
    /// Default 50, at most 200.
    limit: Option<usize>,
    #[schemars(regex(pattern = "^[0-9]{1,18}$"))]
    cursor: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct WaitQuery {
    /// Milliseconds to wait for the job's end, at most a minute. Default 0.
    #[serde(default)]
    wait_ms: u64,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct EventsQuery {
    /// `next` of the page before, or the number of the last event that was seen. Default 0.
    after: Option<u64>,
    /// Default 200, at most 2,000.
    limit: Option<usize>,
    /// Milliseconds to wait for an event, at most a minute. Default 0.
    #[serde(default)]
    wait_ms: u64,
}

pub(super) async fn list(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    query: std::result::Result<Query<ListQuery>, QueryRejection>,
) -> std::result::Result<Response, Refused> {
    let query = checked_query(query, &visitor)?;
    let listed = || {
        let caller = visitor.caller(&api.host, None)?;
        let query = JobQuery {
            state: query.state.as_deref().map(state).transpose()?,
            session: query.session.as_deref().map(SessionId::parse).transpose()?,
            limit: query.limit.unwrap_or(JOBS_DEFAULT).clamp(1, JOBS_MAX),
            before: query.cursor.as_deref().map(cursor).transpose()?,
        };
        api.host.list_jobs(&caller, &query)
    };
    let page = listed().map_err(|error| Refused(error, visitor.request_id.clone()))?;
    let jobs: Vec<Value> = page.jobs.iter().map(|job| plain(job).into()).collect();
    let next = page.next.map(|serial| serial.to_string());
    let body = json!({"jobs": jobs, "total": page.total, "next_cursor": next});
    Ok(json_answer(StatusCode::OK, body.to_string().into_bytes()))
}

fn state_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": JobState::ALL.map(JobState::as_str)})
}

fn state(text: &str) -> Result<JobState> {
    let known = JobState::ALL
        .into_iter()
        .find(|state| state.as_str() == text);
    known.ok_or_else(|| {
        let names = JobState::ALL.map(JobState::as_str).join(", ");
        Error::new(
            ErrorCode::InvalidRequest,
            format!("no job is ever {text:?}"),
        )
        .hint(format!("state is one of {names}"))
    })
}

fn cursor(text: &str) -> Result<u64> {
    text.parse().map_err(|_| {
        Error::new(ErrorCode::InvalidRequest, format!("{text:?} is no cursor"))
            .hint("give next_cursor of the page before, as it is")
    })
}

pub(super) async fn get(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    Path(id): Path<String>,
    query: std::result::Result<Query<WaitQuery>, QueryRejection>,
) -> std::result::Result<Response, Refused> {
    let query = checked_query(query, &visitor)?;
    let job = find(&api, &visitor, &id)?;
    // It may take longer; the answer then says that it is not done.
    let _ = tokio::time::timeout(patience(query.wait_ms), job.ended()).await;
    Ok(json_answer(StatusCode::OK, rendered(&job)))
}

pub(super) async fn cancel(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> std::result::Result<Response, Refused> {
    let cancelled = async {
        let caller = visitor.caller(&api.host, None)?;
        api.host.cancel_job(&caller, &JobId::parse(&id)?).await
    };
    let job = cancelled.await;
    let job = job.map_err(|error| Refused(error, visitor.request_id.clone()))?;
    Ok(json_answer(StatusCode::OK, rendered(&job)))
}

pub(super) async fn forget(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> std::result::Result<StatusCode, Refused> {
    let forgotten = || {
        let caller = visitor.caller(&api.host, None)?;
        api.host.forget_job(&caller, &JobId::parse(&id)?)
    };
    forgotten().map_err(|error| Refused(error, visitor.request_id.clone()))?;
    Ok(StatusCode::NO_CONTENT)
}

/// A page of JSON, or a stream of server-sent events for who accepts that.
pub(super) async fn events(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    Path(id): Path<String>,
    query: std::result::Result<Query<EventsQuery>, QueryRejection>,
    headers: HeaderMap,
) -> std::result::Result<Response, Refused> {
    let query = checked_query(query, &visitor)?;
    let job = find(&api, &visitor, &id)?;
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let last_seen = match text(&LAST_EVENT_ID) {
        Some(id) => Some(id.trim().parse::<u64>().map_err(|_| {
            let error = Error::new(
                ErrorCode::InvalidRequest,
                format!("Last-Event-ID {id:?} is no number of an event"),
            );
            Refused(error, visitor.request_id.clone())
        })?),
        None => query.after,
    };
    let after = last_seen.unwrap_or(0);
    if wants_events(&headers) {
        let caller = visitor.known(&api.host)?;
        return Ok(stream_after(job, after, Reader::of(&api.host, caller)));
    }
    // Nothing may happen meanwhile; the page is then empty.
    let _ = tokio::time::timeout(patience(query.wait_ms), job.grown(after)).await;
    let limit = query.limit.unwrap_or(EVENTS_DEFAULT).clamp(1, EVENTS_MAX);
    let page = job.page(after, limit);
    let mut out = b"{\"events\":[".to_vec();
    for (place, event) in page.events.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_event(&mut out, &job, event);
    }
    let end = format!(
        "],\"next\":{},\"dropped\":{},\"done\":{}}}",
        page.next, page.dropped, page.is_done
    );
    out.extend_from_slice(end.as_bytes());
    Ok(json_answer(StatusCode::OK, out))
}

fn find(api: &Api, visitor: &Visitor, id: &str) -> std::result::Result<Arc<Job>, Refused> {
    let found = || {
        let caller = visitor.caller(&api.host, None)?;
        api.host.job(&caller, &JobId::parse(id)?)
    };
    found().map_err(|error| Refused(error, visitor.request_id.clone()))
}

pub(super) fn patience(wait_ms: u64) -> Duration {
    Duration::from_millis(wait_ms).min(WAIT_MAX)
}

pub(super) fn wants_events(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    accept
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/event-stream"))
}

/// Who reads a stream.
pub(super) struct Reader {
    host: Arc<Host>,
    caller: Caller,
}

impl Reader {
    pub(super) fn of(host: &Arc<Host>, caller: Caller) -> Self {
        Self {
            host: host.clone(),
            caller,
        }
    }

    /// Whether it may go on: its key may have been revoked since it began.
    fn is_welcome(&self) -> bool {
        self.host.is_good(&self.caller)
    }
}

/// All events of a job, the first one on, and where it is read again.
pub(super) fn stream_of(job: &Arc<Job>, reader: Reader) -> Response {
    located(stream_after(job.clone(), 0, reader), job)
}

fn stream_after(job: Arc<Job>, after: u64, reader: Reader) -> Response {
    let alive = KeepAlive::new().interval(STILL_HERE);
    Sse::new(streamed(job, after, reader))
        .keep_alive(alive)
        .into_response()
}

/// Read one page at a time, when the client takes more: one that does not costs nothing.
fn streamed(
    job: Arc<Job>,
    after: u64,
    reader: Reader,
) -> impl stream::Stream<Item = std::result::Result<SseEvent, Infallible>> {
    struct Reading {
        job: Arc<Job>,
        reader: Reader,
        after: u64,
        ahead: VecDeque<Event>,
        is_done: bool,
    }
    let reading = Reading {
        job,
        reader,
        after,
        ahead: VecDeque::new(),
        is_done: false,
    };
    stream::unfold(reading, |mut reading| async move {
        loop {
            if let Some(event) = reading.ahead.pop_front() {
                let sent = sse(&reading.job, &event);
                return Some((Ok(sent), reading));
            }
            if reading.is_done {
                return None;
            }
            reading.job.grown(reading.after).await;
            if !reading.reader.is_welcome() {
                return None;
            }
            let EventPage {
                events,
                dropped,
                next,
                is_done,
            } = reading.job.page(reading.after, EVENTS_DEFAULT);
            reading.after = next;
            reading.is_done = is_done;
            reading.ahead = events.into();
            if dropped > 0 {
                return Some((Ok(missed(&reading.ahead, dropped)), reading));
            }
        }
    })
}

/// Said before the oldest event that is left.
fn missed(ahead: &VecDeque<Event>, count: u64) -> SseEvent {
    let (before, at) = match ahead.front() {
        Some(event) => (event.id.saturating_sub(1), event.at),
        None => (0, SystemTime::now()),
    };
    let data = json!({"id": before, "at": timestamp(at), "type": "dropped", "count": count});
    SseEvent::default()
        .id(before.to_string())
        .event("dropped")
        .data(data.to_string())
}

fn sse(job: &Job, event: &Event) -> SseEvent {
    let mut data = Vec::new();
    let kind = write_event(&mut data, job, event);
    SseEvent::default()
        .id(event.id.to_string())
        .event(kind)
        .data(String::from_utf8_lossy(&data))
}

/// Writes the event as JSON. Returns its type.
fn write_event(out: &mut Vec<u8>, job: &Job, event: &Event) -> &'static str {
    let mut members = Map::new();
    members.insert("id".to_owned(), event.id.into());
    members.insert("at".to_owned(), timestamp(event.at).into());
    let mut answer = None;
    let (kind, rest) = match &event.kind {
        EventKind::Queued => ("queued", json!({"job": job.id().as_str()})),
        EventKind::Started => ("started", json!({})),
        EventKind::Progress {
            done,
            total,
            message,
        } => (
            "progress",
            json!({"done": done, "total": total, "message": message}),
        ),
        EventKind::Partial { text } => ("partial", json!({"text": text})),
        EventKind::Output { stream, text } => {
            let kind = match stream {
                Stream::Stdout => "stdout",
                Stream::Stderr => "stderr",
            };
            (kind, json!({"text": text}))
        }
        EventKind::Log {
            level,
            message,
            fields,
        } => {
            let fields: Map<String, Value> = fields
                .iter()
                .map(|(name, value)| (name.clone(), value.as_str().into()))
                .collect();
            (
                "log",
                json!({"level": level, "message": message, "fields": fields}),
            )
        }
        EventKind::End => {
            let info = job.info();
            let kind = match info.state {
                JobState::Cancelled => "cancelled",
                JobState::Failed => "error",
                _ => "result",
            };
            match &info.outcome {
                Some(JobOutcome::Answer(executed)) => {
                    answer = Some(executed.clone());
                    (kind, json!({}))
                }
                Some(JobOutcome::Error(error)) => {
                    (kind, json!({"error": document(error, &info.request_id)}))
                }
                None => (kind, json!({"answer_dropped": true})),
            }
        }
    };
    members.insert("type".to_owned(), kind.into());
    if let Value::Object(rest) = rest {
        members.extend(rest);
    }
    write_object(out, members, answer.as_deref(), job.request_id());
    kind
}

/// The job as it is now, with its answer or its error.
pub(super) fn rendered(job: &Job) -> Vec<u8> {
    let mut out = Vec::new();
    write_job(&mut out, job);
    out
}

fn write_job(out: &mut Vec<u8>, job: &Job) {
    let info = job.info();
    let mut members = plain(&info);
    let answer = match &info.outcome {
        Some(JobOutcome::Answer(executed)) => Some(executed.clone()),
        Some(JobOutcome::Error(error)) => {
            let error = document(error, &info.request_id);
            members.insert("error".to_owned(), error);
            None
        }
        None => None,
    };
    write_object(out, members, answer.as_deref(), &info.request_id);
}

/// The job without its answer.
fn plain(info: &JobInfo) -> Map<String, Value> {
    let progress = info.progress.as_ref();
    let session = info.session.as_ref();
    let members = json!({
        "id": info.id.as_str(),
        "action": info.action,
        "state": info.state.as_str(),
        "worker": info.worker.as_str(),
        "session": session.map(|(id, name)| json!({"id": id.as_str(), "name": name.as_str()})),
        "created_at": timestamp(info.created_at),
        "started_at": info.started_at.map(timestamp),
        "finished_at": info.finished_at.map(timestamp),
        "progress": progress.map(|(done, total, message)| json!({"done": done, "total": total, "message": message})),
        "events": info.events,
        "cancel_requested": info.cancel_requested,
    });
    let Value::Object(mut members) = members else {
        return Map::new();
    };
    if info.state.is_end() && info.outcome.is_none() {
        members.insert("answer_dropped".to_owned(), true.into());
    }
    members
}

/// An object, and the answer's envelope as its last member: the tool's JSON is copied, not parsed.
fn write_object(
    out: &mut Vec<u8>,
    members: Map<String, Value>,
    answer: Option<&Executed>,
    id: &RequestId,
) {
    out.extend_from_slice(Value::Object(members).to_string().as_bytes());
    if let Some(executed) = answer {
        out.pop();
        out.extend_from_slice(b",\"answer\":");
        write_envelope(out, executed, id);
        out.push(b'}');
    }
}

/// 202: this is the call's job, whatever has become of it by now.
pub(super) fn accepted(job: &Job, id: &RequestId) -> Response {
    let mut out = b"{\"request_id\":".to_vec();
    super::execute::write_string(&mut out, id.as_str());
    out.extend_from_slice(b",\"job\":");
    write_job(&mut out, job);
    out.push(b'}');
    located(json_answer(StatusCode::ACCEPTED, out), job)
}

/// The answer, with the job's place in its head.
fn located(mut response: Response, job: &Job) -> Response {
    if let Ok(place) = HeaderValue::from_str(&format!("/v1/jobs/{}", job.id())) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}
