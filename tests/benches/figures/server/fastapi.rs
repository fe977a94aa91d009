//! FastAPI and uvicorn, in a virtual environment below the benchmark's folder, which later runs use again.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fs_err as fs;

use crate::bench::Bench;

/// Which parts uvicorn is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Uvicorn {
    /// `pip install uvicorn`: h11 and asyncio.
    Plain,
    /// `pip install uvicorn[standard]`: httptools and uvloop, in C.
    Standard,
}

const APP: &str = include_str!("fastapi.py");
/// One environment for both: without the faster parts it is told not to use them.
const PACKAGES: [&str; 2] = ["fastapi", "uvicorn[standard]"];

pub(super) fn command(
    bench: &Bench,
    address: SocketAddr,
    uvicorn: Uvicorn,
) -> Result<Command, String> {
    let folder = bench.work.join("fastapi");
    let python = install(&folder)?;
    fs::write(folder.join("app.py"), APP).map_err(|error| error.to_string())?;
    let mut command = Command::new(python);
    command
        .args(["-m", "uvicorn", "app:app", "--workers", "1"])
        .args(["--no-access-log", "--log-level", "warning"])
        .args(["--host", &address.ip().to_string()])
        .args(["--port", &address.port().to_string()])
        .current_dir(&folder);
    if uvicorn == Uvicorn::Plain {
        command.args(["--http", "h11", "--loop", "asyncio"]);
    }
    Ok(command)
}

/// The virtual environment's Python; made and filled on the first run.
fn install(folder: &Path) -> Result<PathBuf, String> {
    let python = folder.join("venv/bin/python");
    if run(Command::new(&python).args(["-c", "import fastapi, uvicorn"])).is_ok() {
        return Ok(python);
    }
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    run(Command::new("python3")
        .args(["-m", "venv"])
        .arg(folder.join("venv")))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet"])
        .args(PACKAGES))?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<(), String> {
    let ran = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match ran {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?} failed: {status}")),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}
