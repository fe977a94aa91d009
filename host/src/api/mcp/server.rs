//! What a client may ask, as the SDK hands it over. One of these serves a connection over stdio, a session of an older revision, or a
//! single request of 2026-07-28.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::request::Parts;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CancelTaskParams, CompleteRequestMethod,
    CompleteRequestParams, CompleteResult, CreateTaskResult, CustomRequest, CustomResult,
    DiscoverResult, ErrorCode, Extensions, GetTaskParams, GetTaskResult, Implementation,
    ListPromptsRequestMethod, ListPromptsResult, ListResourceTemplatesRequestMethod,
    ListResourceTemplatesResult, ListResourcesRequestMethod, ListResourcesResult, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, SubscriptionFilter, UpdateTaskParams,
};
use rmcp::service::{NotificationContext, Peer, RequestContext, RoleServer, SubscriptionContext};
use rmcp::{ErrorData, ServerHandler};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::access::Credential;
use crate::api::doorway::Visitor;
use crate::error::Error;
use crate::host::{Caller, Host, Job};
use crate::ids::{JobId, RequestId, WorkerId};

use super::desk::{Begun, Call, Desk};
use super::result;
use super::revision::Revision;
use super::session_tools::SessionTool;
use super::tasks;

/// How long a client may keep the list of tools: backends come and go, and not every client listens for changes.
const LIST_TTL_MS: u64 = 60_000;

/// What clients tell their models of this server.
const INSTRUCTIONS: &str = "Each tool runs in a sandbox of its own. Tools that have a `session` argument keep state between calls: create a \
    session once with {create}, pass its id as `session` in every call that belongs together, and end it with {destroy}. Without a session such \
    a tool forgets everything after the call, unless you have a session named \"default\" of its backend. {fork} copies a session with its state.";

pub(super) struct Server {
    desk: Arc<Desk>,
    /// None: each request says who calls.
    caller: Option<Caller>,
    /// Those who tell this client of changes; they end with the connection.
    watchers: Mutex<JoinSet<()>>,
}

impl Server {
    pub(super) fn new(desk: Arc<Desk>, caller: Option<Caller>) -> Self {
        Self {
            desk,
            caller,
            watchers: Mutex::default(),
        }
    }

    /// The job that a task of the caller's is.
    fn task(
        &self,
        id: &str,
        context: &RequestContext<RoleServer>,
    ) -> Result<(Caller, Arc<Job>), ErrorData> {
        let found = self.asked(&context.extensions).and_then(|(caller, _)| {
            let job = self.desk.host.job(&caller, &JobId::parse(id)?)?;
            Ok((caller, job))
        });
        found.map_err(|error| no_task(&error))
    }

    /// Who asks, and the request's id.
    fn asked(&self, extensions: &Extensions) -> crate::error::Result<(Caller, RequestId)> {
        let visitor = extensions
            .get::<Parts>()
            .and_then(|parts| parts.extensions.get::<Visitor>());
        match (&self.caller, visitor) {
            (Some(caller), _) => Ok((caller.clone(), RequestId::next())),
            (None, Some(visitor)) => Ok((
                visitor.caller(&self.desk.host, None)?,
                visitor.request_id.clone(),
            )),
            (None, None) => Ok((Caller::trusted(WorkerId::default()), RequestId::next())),
        }
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_tasks()
            .build();
        let server = Implementation::new("hostel", env!("CARGO_PKG_VERSION")).with_title("Hostel");
        ServerConfig::new(capabilities)
            .with_server_info(server)
            .with_instructions(instructions())
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let versions = self.supported_protocol_versions().into_owned();
        let discovered = DiscoverResult::from_server_info(versions, self.get_info());
        Ok(discovered
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Public))
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        if let Some(cursor) = request.and_then(|request| request.cursor) {
            let message = format!("{cursor:?} is no cursor of this list: it has one page");
            return Err(ErrorData::invalid_params(message, None));
        }
        let revision = Revision::of(context.protocol_version().as_ref());
        let (caller, _) = self
            .asked(&context.extensions)
            .map_err(|error| ErrorData::invalid_request(error.message().to_owned(), None))?;
        let tools = self.desk.menu(&caller).list(revision).to_vec();
        let mut listed = ListToolsResult::with_all_items(tools);
        if revision == Revision::Modern {
            listed.ttl_ms = Some(LIST_TTL_MS);
            let is_public =
                caller.credential == Credential::Nobody && self.desk.host.is_same_for_all();
            listed.cache_scope = Some(match is_public {
                true => CacheScope::Public,
                false => CacheScope::Private,
            });
        }
        Ok(listed)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let (caller, request_id) = match self.asked(&context.extensions) {
            Ok(asked) => asked,
            Err(error) => return Ok(result::refused(&error, &RequestId::next()).into()),
        };
        let arguments = match request.arguments {
            None => Bytes::new(),
            Some(arguments) => Value::Object(arguments).to_string().into(),
        };
        let call = Call {
            name: &request.name,
            arguments,
            revision: Revision::of(context.protocol_version().as_ref()),
        };
        let token = context.meta.get_progress_token();
        let knows_tasks = knows_tasks(&context);
        // The SDK keeps it in a future of its own; it is large.
        if token.is_none() && !knows_tasks {
            let called = self.desk.call(&caller, &request_id, call);
            return Box::pin(called).await.map(CallToolResponse::from);
        }
        let revision = call.revision;
        let job = match Box::pin(self.desk.begin(&caller, &request_id, call)).await? {
            Begun::Over(result) => return Ok(result.into()),
            Begun::Job(job) => job,
        };
        let followed = async {
            match &token {
                Some(token) => tasks::follow(&job, &context.peer, token).await,
                None => job.ended().await,
            }
        };
        if !knows_tasks {
            followed.await;
        } else if tokio::time::timeout(tasks::PATIENCE, followed)
            .await
            .is_err()
        {
            let task = tasks::task(&job.info(), self.desk.host.jobs_kept());
            return Ok(CallToolResponse::Task(CreateTaskResult::new(task)));
        }
        Ok(tasks::ended(&job, revision).into())
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let (_, job) = self.task(&request.task_id, &context)?;
        let revision = Revision::of(context.protocol_version().as_ref());
        let task = tasks::detailed(&job, self.desk.host.jobs_kept(), revision);
        Ok(GetTaskResult::new(task))
    }

    /// No task here ever asks for anything.
    async fn update_task(
        &self,
        request: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.task(&request.task_id, &context).map(drop)
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let (caller, job) = self.task(&request.task_id, &context)?;
        let cancelled = self.desk.host.cancel_job(&caller, job.id()).await;
        cancelled.map(drop).map_err(|error| no_task(&error))
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        let mut accepted = SubscriptionFilter::new();
        accepted.tools_list_changed = requested.tools_list_changed;
        Some(accepted)
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut tools = self.desk.host.watch_tools();
        loop {
            tokio::select! {
                () = context.cancelled() => return Ok(()),
                () = self.desk.host.stopped() => return Ok(()),
                changed = tools.changed() => {
                    let told = changed.is_ok()
                        && (context.accepted().tools_list_changed != Some(true)
                            || context.sink().notify_tool_list_changed().await.is_ok());
                    if !told {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Clients of older revisions hear of changes without asking.
    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        let watch = tell_of_changes(self.desk.host.clone(), context.peer);
        self.watchers
            .lock()
            .expect("no code panics while it holds the watchers")
            .spawn(watch);
    }

    /// A method that is known comes here when its params do not have its form.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let params = request.params.unwrap_or_default();
        let why = match request.method.as_str() {
            "tools/call" => misfit::<CallToolRequestParams>(params),
            "tools/list" => misfit::<PaginatedRequestParams>(params),
            "tasks/get" => misfit::<GetTaskParams>(params),
            "tasks/update" => misfit::<UpdateTaskParams>(params),
            "tasks/cancel" => misfit::<CancelTaskParams>(params),
            "subscriptions/listen" => Some("they say which notifications are wanted".to_owned()),
            _ => None,
        };
        Err(match why {
            Some(why) => ErrorData::invalid_params(
                format!(
                    "the params of {} do not have its form: {why}",
                    request.method
                ),
                None,
            ),
            None => ErrorData::new(
                ErrorCode::METHOD_NOT_FOUND,
                format!("there is no method {:?}", request.method),
                None,
            ),
        })
    }

    // What is not declared is not there either.

    async fn complete(
        &self,
        _: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        Err(ErrorData::method_not_found::<CompleteRequestMethod>())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListPromptsRequestMethod>())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListResourcesRequestMethod>())
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Err(ErrorData::method_not_found::<
            ListResourceTemplatesRequestMethod,
        >())
    }
}

async fn tell_of_changes(host: Arc<Host>, peer: Peer<RoleServer>) {
    let mut tools = host.watch_tools();
    while tools.changed().await.is_ok() {
        if peer.notify_tool_list_changed().await.is_err() {
            return;
        }
    }
}

fn knows_tasks(context: &RequestContext<RoleServer>) -> bool {
    context
        .client_capabilities()
        .is_some_and(|capabilities| capabilities.supports_tasks())
}

fn no_task(error: &Error) -> ErrorData {
    ErrorData::invalid_params(error.message().to_owned(), None)
}

fn misfit<T: serde::de::DeserializeOwned>(params: Value) -> Option<String> {
    let read = serde_json::from_value::<T>(params);
    Some(read.map_or_else(
        |error| error.to_string(),
        |_| "a member is of another type".to_owned(),
    ))
}

fn instructions() -> String {
    [
        ("{create}", SessionTool::Create),
        ("{destroy}", SessionTool::Destroy),
        ("{fork}", SessionTool::Fork),
    ]
    .iter()
    .fold(INSTRUCTIONS.to_owned(), |text, (place, tool)| {
        text.replace(place, tool.name())
    })
}
