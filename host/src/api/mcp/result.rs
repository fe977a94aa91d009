//! Answers as MCP has them: content for models, structured content for programs, and errors that say the way out.

use rmcp::model::{CallToolResult, ContentBlock, MetaObject};
use serde_json::{Value, json};

use crate::api::http::problem::document;
use crate::error::{Error, ErrorCode};
use crate::host::{CalledIn, Executed};
use crate::ids::RequestId;
use crate::tool::Denial;

use super::media;
use super::menu::{Form, Offered};
use super::revision::Revision;
use super::session_tools::SessionTool;

/// What a tool said.
pub(super) fn answered(
    offered: &Offered,
    executed: &Executed,
    revision: Revision,
) -> CallToolResult {
    let answer = &executed.called.answer;
    let mut result = if answer.is_error {
        CallToolResult::error(vec![ContentBlock::text(plain(&answer.json))])
    } else {
        success(offered, &answer.json, revision)
    };
    if answer.is_error {
        // Without it, the model sees a tool that fails for no reason.
        let denied = answer.denied.iter().map(ToString::to_string);
        result.content.extend(denied.map(ContentBlock::text));
    }
    result.meta = meta(executed);
    result
}

fn success(offered: &Offered, json: &[u8], revision: Revision) -> CallToolResult {
    let value = || serde_json::from_slice::<Value>(json).unwrap_or_default();
    match offered.form {
        Form::Nothing => CallToolResult::success(vec![ContentBlock::text("done")]),
        Form::Bytes => {
            let block = match value() {
                Value::String(text) => {
                    media::block(&text).unwrap_or_else(|| ContentBlock::text(text))
                }
                other => ContentBlock::text(other.to_string()),
            };
            CallToolResult::success(vec![block])
        }
        form @ (Form::Object | Form::Value) => {
            let value = value();
            let mut content = Vec::with_capacity(1);
            let found = offered.media.as_ref();
            match found.and_then(|schema| media::found(&value, schema)) {
                None => content.push(ContentBlock::text(plain(json))),
                Some(found) => {
                    content.push(ContentBlock::text(found.rest.to_string()));
                    content.extend(found.blocks);
                }
            }
            let mut result = CallToolResult::success(content);
            result.structured_content = Some(match (form, revision) {
                (Form::Value, Revision::Legacy) => json!({"result": value}),
                _ => value,
            });
            result
        }
    }
}

/// What the door's own tools say.
pub(super) fn told(value: Value) -> CallToolResult {
    CallToolResult::structured(value)
}

/// A call that the host could not run, in words that a model can act on. (Protocol errors never reach it.)
pub(super) fn refused(error: &Error, request_id: &RequestId) -> CallToolResult {
    let mut text = format!("{}: {}", error.code(), error.message());
    if let Some(hint) = error.hint_text() {
        text.push_str(". ");
        text.push_str(hint);
    }
    if let Some(wait) = error.wait() {
        text.push_str(&format!(
            ". Try again in {} s at the earliest",
            wait.as_secs().max(1)
        ));
    }
    if let Some(advice) = advice(error.code()) {
        text.push_str(". ");
        text.push_str(&advice);
    }
    let mut result = CallToolResult::error(vec![ContentBlock::text(text)]);
    let mut meta = MetaObject::new();
    meta.insert("hostel/error".to_owned(), document(error, request_id));
    result.meta = Some(meta);
    result
}

fn advice(code: ErrorCode) -> Option<String> {
    let (create, list) = (SessionTool::Create.name(), SessionTool::List.name());
    match code {
        ErrorCode::SessionEnded | ErrorCode::SessionFailed => Some(format!(
            "Call {create} for a new session; what was in this one is gone"
        )),
        ErrorCode::SessionNotFound => Some(format!(
            "Call {list} for the sessions that you have, or {create} for a new one"
        )),
        _ => None,
    }
}

/// A JSON string without its quotes; anything else as it stands.
fn plain(json: &[u8]) -> String {
    match json.first() {
        Some(b'"') => serde_json::from_slice(json).unwrap_or_default(),
        _ => String::from_utf8_lossy(json).into_owned(),
    }
}

/// Where the call ran, if in a session: a harness sees that it was a temporary one, and a model does not have to. And what was denied.
fn meta(executed: &Executed) -> Option<MetaObject> {
    let denied = &executed.called.answer.denied;
    let session = executed.called.session.as_ref();
    if session.is_none() && denied.is_empty() {
        return None;
    }
    let mut meta = MetaObject::new();
    if let Some(session) = session {
        meta.insert("hostel/session".to_owned(), called_in(session));
    }
    if !denied.is_empty() {
        let denied: Vec<Value> = denied.iter().map(Denial::to_json).collect();
        meta.insert("hostel/denied".to_owned(), denied.into());
    }
    Some(meta)
}

fn called_in(session: &CalledIn) -> Value {
    let id = session.id.as_ref().map(|id| id.as_str());
    json!({
        "id": id,
        "name": session.name.as_str(),
        "temporary": id.is_none(),
        "call": session.call,
    })
}
