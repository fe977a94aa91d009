//! The plain call, by a short way: a `tools/call` of 2026-07-28 that wants neither notifications nor a task is answered here, without the
//! SDK's transport, which spends several tasks and channels on each request.
//!
//! Only a message that is right in every respect is taken. Everything else goes the long way, so what is wrong is judged in one place, and
//! both ways end at the same desk with the same result.

use std::borrow::Cow;

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use rmcp::ErrorData;
use rmcp::model::{
    CallToolResult, ClientCapabilities, Implementation, JsonRpcError, JsonRpcResponse,
    JsonRpcVersion2_0, NumberOrString, ProtocolVersion,
};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::api::answer::json_answer;
use crate::host::Caller;
use crate::ids::RequestId;

use super::desk::{Call, Desk};
use super::revision::Revision;

const METHOD: &str = "tools/call";
const VERSION: ProtocolVersion = ProtocolVersion::V_2026_07_28;

pub(super) struct PlainCall {
    id: NumberOrString,
    name: String,
    arguments: Bytes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message<'a> {
    #[serde(rename = "jsonrpc")]
    _jsonrpc: JsonRpcVersion2_0,
    id: NumberOrString,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: Params<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow, rename = "_meta")]
    meta: Meta<'a>,
}

/// What a request without further wishes says of itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Meta<'a> {
    #[serde(borrow, rename = "io.modelcontextprotocol/protocolVersion")]
    version: Cow<'a, str>,
    #[serde(rename = "io.modelcontextprotocol/clientCapabilities")]
    capabilities: ClientCapabilities,
    #[serde(default, rename = "io.modelcontextprotocol/clientInfo")]
    _client: Option<Implementation>,
    #[serde(default, rename = "traceparent")]
    _parent: Option<IgnoredAny>,
    #[serde(default, rename = "tracestate")]
    _state: Option<IgnoredAny>,
    #[serde(default, rename = "baggage")]
    _baggage: Option<IgnoredAny>,
}

impl PlainCall {
    /// None for whatever is not plain, or not right.
    pub(super) fn read(headers: &HeaderMap, body: &Bytes) -> Option<Self> {
        if only(headers, "mcp-method")? != METHOD
            || only(headers, "mcp-protocol-version")? != VERSION.as_str()
            || !has_usual_types(headers)
            || headers
                .keys()
                .any(|name| name.as_str().starts_with("mcp-param-"))
        {
            return None;
        }
        let message: Message<'_> = serde_json::from_slice(body).ok()?;
        let params = message.params;
        let arguments = params.arguments.map_or("", RawValue::get);
        let is_plain = message.method == METHOD
            && params.meta.version == VERSION.as_str()
            && params.name == only(headers, "mcp-name")?
            && !params.meta.capabilities.supports_tasks()
            && (arguments.is_empty() || arguments.starts_with('{'));
        is_plain.then(|| Self {
            id: message.id,
            name: params.name.into_owned(),
            arguments: match arguments {
                "" => Bytes::new(),
                text => body.slice_ref(text.as_bytes()),
            },
        })
    }

    pub(super) async fn run(
        self,
        desk: &Desk,
        caller: &Caller,
        request_id: &RequestId,
    ) -> Response {
        let call = Call {
            name: &self.name,
            arguments: self.arguments,
            revision: Revision::Modern,
        };
        let body = match desk.call(caller, request_id, call).await {
            Ok(result) => written(self.id, result),
            Err(error) => refused(self.id, error),
        };
        json_answer(StatusCode::OK, body)
    }
}

fn written(id: NumberOrString, result: CallToolResult) -> Vec<u8> {
    let response = JsonRpcResponse {
        jsonrpc: JsonRpcVersion2_0,
        id,
        result,
    };
    // A result is made of what JSON has.
    serde_json::to_vec(&response).unwrap_or_default()
}

fn refused(id: NumberOrString, error: ErrorData) -> Vec<u8> {
    serde_json::to_vec(&JsonRpcError::new(Some(id), error)).unwrap_or_default()
}

/// A header's value, if it is there once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// The types that every client sends; other spellings of the same go the long way.
fn has_usual_types(headers: &HeaderMap) -> bool {
    let accepts = |accept: &str| {
        let mut types = accept.split(',').map(str::trim);
        types.clone().any(|kind| kind == "application/json")
            && types.any(|kind| kind == "text/event-stream")
    };
    only(headers, "accept").is_some_and(accepts)
        && only(headers, "content-type").is_some_and(|kind| kind == "application/json")
}
