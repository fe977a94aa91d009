//! The other side: limits itself, reads one component, compiles it, and hands the code to its parent.

use std::io::{Read, Write};
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, Signal, setrlimit};

use crate::engine::Engine;

use super::super::loader::{COMPONENT_BYTES_MAX, Loader};
use super::{CODE_BYTES_MAX, CompileLimits, Head, Task};

/// What others do comes first.
const NICENESS: i32 = 10;

/// Compiles what comes from `input`, within these limits, and writes what came of it.
///
/// # Errors
/// The limits cannot be set, or the parent is gone.
pub fn compile_for_parent(
    mut input: impl Read,
    mut output: impl Write,
    limits: &CompileLimits,
    task: Task,
) -> std::io::Result<()> {
    restrict(limits)?;
    let most = match task {
        Task::Component => COMPONENT_BYTES_MAX,
        Task::Image => CODE_BYTES_MAX,
    };
    let mut component = Vec::new();
    (&mut input).take(most).read_to_end(&mut component)?;
    let (head, code) = match compile(&component, task) {
        Ok(made) => made,
        Err(reason) => (Head::Refused { reason }, Vec::new()),
    };
    serde_json::to_writer(&mut output, &head)?;
    output.write_all(b"\n")?;
    output.write_all(&code)?;
    output.flush()
}

fn compile(component: &[u8], task: Task) -> Result<(Head, Vec<u8>), String> {
    let engine = Arc::new(Engine::for_compiling().map_err(|error| {
        let cause = error.cause().unwrap_or_default();
        format!("{error}: {cause}")
    })?);
    let key = engine.code_key();
    let (record, code) = match task {
        Task::Component => {
            let (record, code) = Loader::new(engine, None).made_here(component)?;
            (Some(Box::new(record)), code)
        }
        Task::Image => (None, engine.compile(component)?.code()?),
    };
    if code.len() as u64 > CODE_BYTES_MAX {
        return Err(format!("its machine code has {} bytes", code.len()));
    }
    let head = Head::Made {
        key,
        record,
        code_bytes: code.len() as u64,
    };
    Ok((head, code))
}

fn restrict(limits: &CompileLimits) -> std::io::Result<()> {
    let set = |resource, soft: u64, hard: u64| {
        let limit = Rlimit {
            current: Some(soft),
            maximum: Some(hard),
        };
        setrlimit(resource, limit)
    };
    let cpu = limits.cpu.as_secs();
    set(Resource::As, limits.memory_bytes, limits.memory_bytes)?;
    set(Resource::Cpu, cpu, cpu.saturating_add(1))?;
    set(Resource::Core, 0, 0)?;
    // It writes to its pipe and nowhere else.
    set(Resource::Fsize, 0, 0)?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // Without the right to it, everybody competes on equal terms.
    let _ = rustix::process::nice(NICENESS);
    Ok(())
}
