//! From the name in a request to the tool that is meant. No I/O, no waiting.

use std::sync::Arc;

use crate::error::{Error, ErrorCode, Result, nearest};
use crate::ids::BackendName;
use crate::registry::{Backend, Catalogue, loosened};
use crate::tool::Tool;

/// How many names an error offers.
const CANDIDATES_MAX: usize = 10;

/// A tool and the backend that runs it.
pub(crate) struct Target {
    pub(crate) backend: Arc<Backend>,
    pub(crate) tool: Arc<Tool>,
}

/// Finds the tool: exactly `backend:tool`; then `backend.tool`, `backend_tool`, `backend-tool`; then a bare `tool` if only one backend has it.
///
/// # Errors
/// `tool_ambiguous` with the candidates, `tool_not_found` with the nearest names.
pub(crate) fn resolve(catalogue: &Catalogue, action: &str) -> Result<Target> {
    if let Some(tool) = catalogue.exact(action) {
        return target(catalogue, tool);
    }
    for candidates in [catalogue.loose(action), catalogue.bare(action)] {
        match candidates {
            [] => {}
            [tool] => return target(catalogue, tool),
            several => return Err(ambiguous(action, several)),
        }
    }
    Err(not_found(catalogue, action))
}

/// Finds the tool among those of one backend, by any of its names.
pub(crate) fn among<'a>(backend: &'a Backend, action: &str) -> Option<&'a Arc<Tool>> {
    let own = action
        .strip_prefix(backend.name.as_str())
        .and_then(|rest| rest.strip_prefix(':'));
    if let Some(tool) = own.and_then(|name| backend.tool(name)) {
        return Some(tool);
    }
    let loose = loosened(action);
    let full = backend
        .tools
        .iter()
        .find(|tool| loosened(&tool.full_name) == loose);
    full.or_else(|| backend.tool(&loose))
}

/// The backend that a name of the form `backend:tool` says, whether it is known or not.
pub(crate) fn prefix(action: &str) -> Option<BackendName> {
    BackendName::parse(action.split_once(':')?.0).ok()
}

fn target(catalogue: &Catalogue, tool: &Arc<Tool>) -> Result<Target> {
    Ok(Target {
        backend: catalogue.backend(&tool.backend)?.clone(),
        tool: tool.clone(),
    })
}

fn ambiguous(action: &str, candidates: &[Arc<Tool>]) -> Error {
    let names: Vec<&str> = candidates
        .iter()
        .map(|tool| tool.full_name.as_str())
        .take(CANDIDATES_MAX)
        .collect();
    Error::new(
        ErrorCode::ToolAmbiguous,
        format!("{action:?} could be {}", names.join(" or ")),
    )
    .detail("candidates", names)
    .hint("write the tool as backend:tool")
}

fn not_found(catalogue: &Catalogue, action: &str) -> Error {
    let error = Error::new(
        ErrorCode::ToolNotFound,
        format!("there is no tool {action:?}"),
    );
    let tools = catalogue.tools();
    let (own, rest) = action.split_once(':').unwrap_or(("", action));
    if let Some(problem) = catalogue.problems().find(|problem| problem.name == own) {
        return error.hint(format!(
            "backend {own} could not be loaded: {}",
            problem.message
        ));
    }
    let same_backend = || tools.iter().filter(|tool| tool.backend.as_str() == own);
    let near = nearest(action, tools.iter().map(|tool| tool.full_name.as_str()))
        .or_else(|| nearest(rest, same_backend().map(|tool| tool.name.as_str())))
        .or_else(|| nearest(rest, tools.iter().map(|tool| tool.name.as_str())));
    let candidates: Vec<&str> = match near {
        Some(near) => tools
            .iter()
            .filter(|tool| tool.full_name == near || tool.name == near)
            .map(|tool| tool.full_name.as_str())
            .take(CANDIDATES_MAX)
            .collect(),
        None => same_backend()
            .map(|tool| tool.full_name.as_str())
            .take(CANDIDATES_MAX)
            .collect(),
    };
    let error = if candidates.is_empty() {
        error.hint("GET /v1/tools lists every tool")
    } else {
        error.hint(format!("did you mean {}?", candidates.join(" or ")))
    };
    error.detail("candidates", candidates)
}
