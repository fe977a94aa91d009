//! Where calls are taken in: from the name of a tool and its arguments to the verb of the host, and back to a result. Both transports and
//! both revisions end here.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, RwLock};

use bytes::Bytes;
use rmcp::ErrorData;
use rmcp::model::{CallToolResult, NumberOrString};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::watch;

use crate::api::http::execute::by_text;
use crate::error::{Error, ErrorCode, Result, clipped, nearest};
use crate::host::{Caller, Execute, Executed, Host, Job, SessionChoice};
use crate::ids::RequestId;
use crate::tool::Tools;

use super::menu::{Menu, Offer, Offered};
use super::result;
use super::revision::Revision;

pub(super) struct Desk {
    pub(super) host: Arc<Host>,
    tools: watch::Receiver<Tools>,
    menu: RwLock<Arc<Menu>>,
    /// Of callers for whom not every backend is there, and the tools that all of them were made from.
    others: RwLock<(Tools, Vec<Arc<Menu>>)>,
}

/// Menus that are kept beside the whole one; after so many, they are made anew.
const OTHERS_MAX: usize = 64;
/// Of a name that no tool has, as it is quoted.
const NAMES_BYTES_MAX: usize = 1 << 10;

/// As much of a message as says which tool is called.
#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(default)]
    id: Option<NumberOrString>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<AskedParams<'a>>,
}

#[derive(Deserialize)]
struct AskedParams<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
}

/// A call that was begun as a job, or that was over before there was one.
pub(super) enum Begun {
    Job(Arc<Job>),
    Over(CallToolResult),
}

/// A call of a tool as it arrived.
pub(super) struct Call<'a> {
    pub(super) name: &'a str,
    /// JSON text of an object; empty means none.
    pub(super) arguments: Bytes,
    pub(super) revision: Revision,
}

impl Desk {
    pub(super) fn new(host: Arc<Host>) -> Self {
        let tools = host.watch_tools();
        let menu = Menu::of(&host, &tools.borrow());
        Self {
            host,
            tools,
            menu: RwLock::new(Arc::new(menu)),
            others: RwLock::default(),
        }
    }

    /// What is offered to this caller now.
    pub(super) fn menu(&self, caller: &Caller) -> Arc<Menu> {
        let whole = self.whole_menu();
        let tools = self.host.tools_for(caller);
        if Arc::ptr_eq(&whole.tools, &tools) {
            return whole;
        }
        let known = self
            .others
            .read()
            .expect("no code panics while it holds the menus");
        if Arc::ptr_eq(&known.0, &whole.tools)
            && let Some(menu) = known.1.iter().find(|menu| Arc::ptr_eq(&menu.tools, &tools))
        {
            return menu.clone();
        }
        drop(known);
        let menu = Arc::new(Menu::of(&self.host, &tools));
        let mut slot = self
            .others
            .write()
            .expect("no code panics while it holds the menus");
        if !Arc::ptr_eq(&slot.0, &whole.tools) || slot.1.len() >= OTHERS_MAX {
            *slot = (whole.tools.clone(), Vec::new());
        }
        slot.1.push(menu.clone());
        menu
    }

    /// Whether the tool that a message calls may be called, if it calls one that there is.
    ///
    /// # Errors
    /// `forbidden`, with the id of the message.
    pub(super) fn check_scope(
        &self,
        caller: &Caller,
        message: &[u8],
    ) -> Result<(), (Option<NumberOrString>, Error)> {
        // What is no message is told so elsewhere.
        let Ok(asked) = serde_json::from_slice::<Asked<'_>>(message) else {
            return Ok(());
        };
        if asked.method.as_deref() != Some("tools/call") {
            return Ok(());
        }
        let name = asked.params.and_then(|params| params.name);
        let menu = self.menu(caller);
        match name.and_then(|name| menu.offer(&name).cloned()) {
            Some(Offer::Tool(offered)) => caller.may_call(&offered.tool),
            Some(Offer::Session(_)) => caller.may_have_sessions(),
            None => Ok(()),
        }
        .map_err(|error| (asked.id, error))
    }

    /// Of every tool that there is.
    fn whole_menu(&self) -> Arc<Menu> {
        let known = self
            .menu
            .read()
            .expect("no code panics while it holds the menu")
            .clone();
        let tools = self.tools.borrow().clone();
        if Arc::ptr_eq(&known.tools, &tools) {
            return known;
        }
        let menu = Arc::new(Menu::of(&self.host, &tools));
        let mut slot = self
            .menu
            .write()
            .expect("no code panics while it holds the menu");
        *slot = menu.clone();
        menu
    }

    /// Calls a tool. What goes wrong with the call is a result that says so; only a name that nothing has is an error of the protocol (MCP
    /// 2026-07-28, tools, error handling).
    ///
    /// # Errors
    /// Invalid params, with the nearest name.
    pub(super) async fn call(
        &self,
        caller: &Caller,
        request_id: &RequestId,
        call: Call<'_>,
    ) -> Result<CallToolResult, ErrorData> {
        let menu = self.menu(caller);
        let outcome = match menu.offer(call.name) {
            None => return Err(unknown(&menu, call.name)),
            Some(Offer::Session(tool)) => {
                let run = Box::pin(tool.run(&self.host, caller, request_id, &call.arguments));
                let told = self.host.in_request(request_id, run).await;
                told.map(result::told)
            }
            Some(Offer::Tool(offered)) => match execute(offered, &call.arguments) {
                Ok(execute) => self
                    .host
                    .execute(caller, request_id, execute)
                    .await
                    .map(|executed| answered(offered, &executed, call.revision)),
                Err(error) => Err(error),
            },
        };
        Ok(outcome.unwrap_or_else(|error| result::refused(&error, request_id)))
    }

    /// Begins a call that somebody wants to follow. The door's own tools take no time and are not worth it.
    ///
    /// # Errors
    /// As [`Desk::call`].
    pub(super) async fn begin(
        &self,
        caller: &Caller,
        request_id: &RequestId,
        call: Call<'_>,
    ) -> Result<Begun, ErrorData> {
        let menu = self.menu(caller);
        let Some(Offer::Tool(offered)) = menu.offer(call.name) else {
            return self.call(caller, request_id, call).await.map(Begun::Over);
        };
        let started = match execute(offered, &call.arguments) {
            Ok(execute) => {
                let start = self.host.start_job(caller, request_id, execute, None);
                start.await
            }
            Err(error) => Err(error),
        };
        Ok(match started {
            Ok(started) => Begun::Job(started.job),
            Err(error) => Begun::Over(result::refused(&error, request_id)),
        })
    }
}

/// A session may run an older version of the tool than the one that is offered now.
fn answered(offered: &Offered, executed: &Executed, revision: Revision) -> CallToolResult {
    if Arc::ptr_eq(&offered.tool, &executed.tool) {
        return result::answered(offered, executed, revision);
    }
    result::answered(&Offered::of(&executed.tool), executed, revision)
}

/// What the host is to do: the arguments less the one that says the session.
pub(super) fn execute(offered: &Offered, arguments: &Bytes) -> Result<Execute> {
    let (params, session) = match &offered.handle {
        Some(handle) if mentions(arguments, handle) => apart(arguments, handle)?,
        _ => (arguments.clone(), SessionChoice::Any),
    };
    Ok(Execute {
        action: offered.tool.full_name.clone(),
        params,
        session,
        timeout: None,
    })
}

fn unknown(menu: &Menu, name: &str) -> ErrorData {
    let message = clipped(format!("there is no tool {name:?}"), NAMES_BYTES_MAX);
    match nearest(name, menu.names()) {
        Some(near) => ErrorData::invalid_params(
            format!("{message}; did you mean {near:?}?"),
            Some(json!({"nearest": near})),
        ),
        None => ErrorData::invalid_params(format!("{message}; tools/list has all of them"), None),
    }
}

/// A quick look, so that arguments without a session are not read twice.
fn mentions(arguments: &[u8], handle: &str) -> bool {
    let handle = handle.as_bytes();
    arguments
        .windows(handle.len())
        .any(|window| window == handle)
}

/// The arguments without the session, and the session.
fn apart(arguments: &Bytes, handle: &str) -> Result<(Bytes, SessionChoice)> {
    let misfit = |what: String| {
        Error::new(ErrorCode::InvalidParams, what).detail("pointer", format!("/{handle}"))
    };
    let members: Members<'_> = serde_json::Deserializer::from_slice(arguments)
        .deserialize_map(MembersVisitor)
        .map_err(|error| misfit(format!("the arguments: {error}")))?;
    let (said, rest): (Members<'_>, Members<'_>) =
        members.into_iter().partition(|(name, _)| name == handle);
    let Some((_, said)) = said.last() else {
        return Ok((arguments.clone(), SessionChoice::Any));
    };
    let session = match serde_json::from_str::<Option<Cow<'_, str>>>(said.get()) {
        Ok(None) => SessionChoice::Any,
        Ok(Some(text)) => by_text(&text)?,
        Err(_) => {
            let misfit = misfit(format!("/{handle}: expected a string, found {said}"));
            return Err(misfit.hint("a session is said by its id or its name"));
        }
    };
    let mut params = Vec::with_capacity(arguments.len());
    for (name, value) in &rest {
        params.push(if params.is_empty() { b'{' } else { b',' });
        // Strings can always be written as JSON, and memory takes them.
        let _ = serde_json::to_writer(&mut params, name);
        params.push(b':');
        params.extend_from_slice(value.get().as_bytes());
    }
    if !params.is_empty() {
        params.push(b'}');
    }
    Ok((params.into(), session))
}

type Members<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// Reads the members of an object and leaves their values as they are.
struct MembersVisitor;

impl<'a> Visitor<'a> for MembersVisitor {
    type Value = Members<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((Name(name), value)) = map.next_entry()? {
            members.push((name, value));
        }
        Ok(members)
    }
}

#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{apart, mentions};
    use crate::host::SessionChoice;
    use crate::ids::SessionName;

    fn check(arguments: &'static str, params: &str, name: Option<&str>) {
        let arguments = Bytes::from_static(arguments.as_bytes());
        let (rest, session) = apart(&arguments, "session").expect("they have the form");
        assert_eq!(rest, params.as_bytes(), "{arguments:?}");
        let expected = name.map_or(SessionChoice::Any, |name| {
            SessionChoice::Name(SessionName::parse(name).expect("it is a name"))
        });
        assert_eq!(session, expected, "{arguments:?}");
    }

    #[test]
    fn the_session_is_taken_out_of_the_arguments_and_the_rest_stays_as_it_was() {
        check(r#"{"a": 1.50, "session": "x"}"#, r#"{"a":1.50}"#, Some("x"));
        check(r#"{"session": "x"}"#, "", Some("x"));
        check(r#"{"session": null, "b": [1]}"#, r#"{"b":[1]}"#, None);
        check(
            r#"{"of": {"session": "x"}}"#,
            r#"{"of": {"session": "x"}}"#,
            None,
        );
        check(r#"{"session": "x", "session": "y"}"#, "", Some("y"));
        check(
            r#"{"s\u0065ssion": "x", "a\n": 1}"#,
            r#"{"a\n":1}"#,
            Some("x"),
        );
    }

    #[test]
    fn a_session_that_is_no_string_is_refused() {
        for arguments in [
            r#"{"session": 1}"#,
            r#"{"session": {"id": "x"}}"#,
            "[]",
            "{",
        ] {
            let arguments = Bytes::from_static(arguments.as_bytes());
            assert!(apart(&arguments, "session").is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn arguments_are_looked_at_before_they_are_read() {
        assert!(mentions(br#"{"session": 1}"#, "session"));
        assert!(!mentions(br#"{"sess": 1}"#, "session"));
        assert!(!mentions(b"", "session"));
    }
}
