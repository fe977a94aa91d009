//! One operation of the document, and how operations become an OpenAPI 3.1 document.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::error::ErrorCode;

use super::super::doorway;
use super::super::http::patterns::BACKEND;
use super::super::http::problem::status;
use super::answers::Problem;

type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// What any request can be told.
const ALWAYS: [ErrorCode; 6] = [
    ErrorCode::InvalidRequest,
    ErrorCode::Unauthenticated,
    ErrorCode::Forbidden,
    ErrorCode::RateLimited,
    ErrorCode::ShuttingDown,
    ErrorCode::Internal,
];

/// What a request with a body can be told besides.
const WITH_BODY: [ErrorCode; 1] = [ErrorCode::PayloadTooLarge];

/// One method of one path.
pub(super) struct Operation {
    path: &'static str,
    method: &'static str,
    id: &'static str,
    summary: &'static str,
    description: &'static str,
    tag: &'static str,
    /// The answer depends on who asks.
    has_caller: bool,
    parameters: Vec<Parameters>,
    body: Option<Body>,
    answers: Vec<Answer>,
    errors: Vec<ErrorCode>,
}

enum Parameters {
    /// Every field of a type is a parameter of the query string.
    Query(MakeSchema),
    Header {
        name: &'static str,
        description: &'static str,
        schema: Value,
    },
}

struct Body {
    media_type: &'static str,
    schema: Option<MakeSchema>,
    is_required: bool,
    example: Value,
}

struct Answer {
    status: u16,
    description: &'static str,
    media_type: &'static str,
    schema: Option<MakeSchema>,
    example: Option<Value>,
}

impl Operation {
    pub(super) fn new(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        summary: &'static str,
    ) -> Self {
        let tag = path
            .split('/')
            .find(|part| !part.is_empty() && *part != "v1");
        Self {
            path,
            method,
            id,
            summary,
            description: "",
            tag: tag.unwrap_or("host"),
            has_caller: true,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// The same for everybody.
    pub(super) fn without_caller(mut self) -> Self {
        self.has_caller = false;
        self
    }

    pub(super) fn describe(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    pub(super) fn query<T: JsonSchema>(mut self) -> Self {
        let schema = |generator: &mut SchemaGenerator| T::json_schema(generator);
        self.parameters.push(Parameters::Query(schema));
        self
    }

    pub(super) fn header(
        mut self,
        name: &'static str,
        description: &'static str,
        schema: Value,
    ) -> Self {
        self.parameters.push(Parameters::Header {
            name,
            description,
            schema,
        });
        self
    }

    /// A JSON body that has to be there.
    pub(super) fn body<T: JsonSchema>(self, example: Value) -> Self {
        self.json_body::<T>(example, true)
    }

    /// One that may be left out: every field has a default.
    pub(super) fn optional_body<T: JsonSchema>(self, example: Value) -> Self {
        self.json_body::<T>(example, false)
    }

    fn json_body<T: JsonSchema>(mut self, example: Value, is_required: bool) -> Self {
        self.body = Some(Body {
            media_type: "application/json",
            schema: Some(|generator| generator.subschema_for::<T>()),
            is_required,
            example,
        });
        self
    }

    pub(super) fn component(mut self) -> Self {
        self.body = Some(Body {
            media_type: "application/wasm",
            schema: None,
            is_required: true,
            example: Value::Null,
        });
        self
    }

    pub(super) fn answer<T: JsonSchema>(
        mut self,
        status: u16,
        description: &'static str,
        example: Option<Value>,
    ) -> Self {
        self.answers.push(Answer {
            status,
            description,
            media_type: "application/json",
            schema: Some(|generator| generator.subschema_for::<T>()),
            example,
        });
        self
    }

    /// An answer that is no JSON; with an empty type, none at all.
    pub(super) fn other_answer(
        mut self,
        status: u16,
        description: &'static str,
        media_type: &'static str,
    ) -> Self {
        self.answers.push(Answer {
            status,
            description,
            media_type,
            schema: None,
            example: None,
        });
        self
    }

    pub(super) fn errors(mut self, codes: impl IntoIterator<Item = ErrorCode>) -> Self {
        self.errors.extend(codes);
        self
    }
}

/// The document in the making.
pub(super) struct Document {
    operations: Vec<Operation>,
    schemas: SchemaGenerator,
}

impl Document {
    pub(super) fn new(operations: Vec<Operation>) -> Self {
        let settings = SchemaSettings::draft2020_12()
            .with(|settings| settings.definitions_path = "/components/schemas".into());
        Self {
            operations,
            schemas: settings.into_generator(),
        }
    }

    pub(super) fn finish(mut self) -> Value {
        let mut paths: Map<String, Value> = Map::new();
        for operation in std::mem::take(&mut self.operations) {
            let written = self.operation(&operation);
            let path = paths.entry(operation.path).or_insert_with(|| json!({}));
            if let Some(path) = path.as_object_mut() {
                path.insert(operation.method.to_owned(), written);
            }
        }
        // Makes sure that it is defined, whoever needs it.
        let _ = self.schemas.subschema_for::<Problem>();
        let mut document = json!({
            "openapi": "3.1.0",
            "info": super::info(),
            "servers": [{"url": "/"}],
            "security": [{}, {"key": []}, {"session": []}, {"token": []}],
            "paths": paths,
            "components": {
                "schemas": self.schemas.take_definitions(true),
                "securitySchemes": {
                    "key": {
                        "type": "http",
                        "scheme": "bearer",
                        "bearerFormat": "hsk_…",
                        "description": "An API key (`hostel keys new`). It names its worker, and its scopes say what it allows: call, call:BACKEND, call:BACKEND.TOOL, sessions, jobs, admin. Where the host has keys or an issuer, a request without a credential is `unauthenticated`.",
                    },
                    "token": {
                        "type": "http",
                        "scheme": "bearer",
                        "bearerFormat": "JWT",
                        "description": "A token of the issuer that `/.well-known/oauth-protected-resource` names, with the scopes of a key.",
                    },
                    "session": {
                        "type": "http",
                        "scheme": "bearer",
                        "description": "A session's own token, shown once when the session is created: it opens that session alone. Without it the caller is the worker that `X-Worker-ID` names, or `default`.",
                    },
                },
            },
        });
        bound_integers(&mut document);
        document
    }

    fn operation(&mut self, operation: &Operation) -> Value {
        let mut written = json!({
            "operationId": operation.id,
            "summary": operation.summary,
            "tags": [operation.tag],
            "parameters": self.parameters(operation),
            "responses": self.responses(operation),
        });
        if let Some(members) = written.as_object_mut() {
            if doorway::OPEN.contains(&operation.path) {
                members.insert("security".to_owned(), json!([]));
            }
            if !operation.description.is_empty() {
                members.insert("description".to_owned(), json!(operation.description));
            }
            if let Some(body) = &operation.body {
                members.insert("requestBody".to_owned(), self.request_body(body));
            }
        }
        written
    }

    fn request_body(&mut self, body: &Body) -> Value {
        let content = match body.schema {
            Some(schema) => {
                json!({"schema": schema(&mut self.schemas), "example": body.example})
            }
            None => json!({"schema": {"type": "string", "contentMediaType": body.media_type}}),
        };
        json!({"required": body.is_required, "content": {body.media_type: content}})
    }

    fn parameters(&mut self, operation: &Operation) -> Vec<Value> {
        let named = operation.path.split('{').skip(1);
        let named = named.filter_map(|rest| rest.split('}').next());
        let mut all: Vec<Value> = named
            .map(|name| {
                let schema = match operation.path.starts_with("/v1/backends/") {
                    true => json!({"type": "string", "pattern": BACKEND}),
                    false => json!({"type": "string", "minLength": 1}),
                };
                json!({"name": name, "in": "path", "required": true, "schema": schema})
            })
            .collect();
        if operation.has_caller {
            all.push(json!({
                "name": "X-Worker-ID",
                "in": "header",
                "description": "Who calls: the owner of sessions and jobs. Default: `default`.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[ -~]+$"},
            }));
        }
        for parameters in &operation.parameters {
            match parameters {
                Parameters::Header {
                    name,
                    description,
                    schema,
                } => all.push(json!({"name": name, "in": "header", "description": description, "schema": schema})),
                Parameters::Query(schema) => all.extend(self.query(*schema)),
            }
        }
        all
    }

    /// The fields of a type, each as a parameter.
    fn query(&mut self, schema: MakeSchema) -> Vec<Value> {
        let schema = schema(&mut self.schemas).to_value();
        let fields = schema.get("properties").and_then(Value::as_object);
        let fields = fields.into_iter().flatten();
        let parameter = |(name, schema): (&String, &Value)| {
            let mut schema = schema.clone();
            let members = schema.as_object_mut();
            let description = members.and_then(|members| members.remove("description"));
            json!({"name": name, "in": "query", "description": description.unwrap_or_default(), "schema": without_null(schema)})
        };
        fields.map(parameter).collect()
    }

    fn responses(&mut self, operation: &Operation) -> Map<String, Value> {
        let mut responses = Map::new();
        for answer in &operation.answers {
            let mut written = json!({"description": answer.description});
            let mut content = match answer.schema {
                Some(schema) => json!({"schema": schema(&mut self.schemas)}),
                None => json!({"schema": {"type": "string"}}),
            };
            if let (Some(example), Some(content)) = (&answer.example, content.as_object_mut()) {
                content.insert("example".to_owned(), example.clone());
            }
            if let Some(members) = written.as_object_mut()
                && !answer.media_type.is_empty()
            {
                members.insert("content".to_owned(), json!({answer.media_type: content}));
            }
            let status = answer.status.to_string();
            match responses
                .get_mut(&status)
                .and_then(|known| known.get_mut("content"))
            {
                // The same status in another form.
                Some(Value::Object(known)) => {
                    known.insert(answer.media_type.to_owned(), content);
                }
                _ => drop(responses.insert(status, written)),
            }
        }
        for (status, codes) in by_status(operation) {
            let names: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
            let example = json!({"type": format!("urn:hostel:error:{}", names.first().unwrap_or(&"internal")), "title": names.first().map(|name| name.replace('_', " ")), "status": status, "code": names.first(), "detail": "what went wrong, and with what", "hint": "what to do about it", "request_id": "req_0123456789abcdef00000001"});
            let mut problem = json!({
                "description": names.join(", "),
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}},
            });
            if let (401 | 403, Some(members)) = (status, problem.as_object_mut()) {
                members.insert("headers".to_owned(), json!({"WWW-Authenticate": {
                    "description": "What would let the request in (RFC 6750): with status 403 the scope that was missing, if it was one.",
                    "schema": {"type": "string"},
                }}));
            }
            responses.insert(status.to_string(), problem);
        }
        responses
    }
}

fn by_status(operation: &Operation) -> BTreeMap<u16, Vec<ErrorCode>> {
    let with_body = operation.body.iter().flat_map(|_| WITH_BODY);
    let codes = ALWAYS
        .into_iter()
        .chain(with_body)
        .chain(operation.errors.iter().copied());
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in codes {
        let same = by_status.entry(status(code).as_u16()).or_default();
        if !same.contains(&code) {
            same.push(code);
        }
    }
    by_status
}

/// A parameter that is not there is left out, not null.
fn without_null(mut schema: Value) -> Value {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            if let Some(members) = schema.as_object_mut() {
                members.insert("type".to_owned(), only);
            }
        }
    }
    schema
}

/// What a 64-bit number can hold.
fn bound_integers(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let format = members.get("format").and_then(Value::as_str);
            if matches!(format, Some("uint64" | "uint" | "uint128"))
                && !members.contains_key("maximum")
            {
                members.insert("maximum".to_owned(), json!(u64::MAX));
            }
            members.values_mut().for_each(bound_integers);
        }
        Value::Array(items) => items.iter_mut().for_each(bound_integers),
        _ => {}
    }
}
