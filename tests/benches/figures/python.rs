//! The backend in Python (`benches/guest-python`), built with componentize-py, and how a host is told to load it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fs_err as fs;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::figure::Outcome;
use crate::setup::Setup;

const BUILDER: &str = "componentize-py";
/// In `guest.wit`.
const WORLD: &str = "guest";
const MEMORY_BYTES: usize = 256 << 20;
/// A word of the table that `warmup` fills, and its place.
const WORD: (&str, u64) = ("word7", 7);

/// None: the builder is installed. Otherwise what its rows come to.
pub(crate) fn skipped(row: &str) -> Option<Outcome> {
    let note = format!(
        "{row} was skipped: there is no {BUILDER} on PATH; install it with `pip install {BUILDER}`"
    );
    version().is_none().then(|| Outcome {
        notes: vec![note],
        ..Outcome::default()
    })
}

/// A host with the Python backend alone.
pub(crate) fn setup<'a>(bench: &'a Bench, name: &str) -> Result<Setup<'a>, String> {
    let path = build(&bench.work.join("python"))?;
    let config = format!(
        "[backends.words]\npath = {path:?}\nlimits = {{ memory_bytes = {MEMORY_BYTES} }}\n"
    );
    Setup::write(bench, name, &config)
}

/// A call that needs what `warmup` left behind.
pub(crate) fn call(session: &Value) -> Value {
    json!({"action": "words:lookup", "params": {"word": WORD.0}, "session": session})
}

/// # Errors
/// It is not what [`call`] must answer.
pub(crate) fn check(answer: &Value) -> Result<(), String> {
    match answer.get("result").and_then(Value::as_u64) {
        Some(place) if place == WORD.1 => Ok(()),
        _ => Err(format!("the Python backend answered {answer}")),
    }
}

fn version() -> Option<String> {
    let said = Command::new(BUILDER).arg("--version").output().ok()?;
    let text = String::from_utf8(said.stdout).ok()?;
    said.status.success().then_some(text)
}

/// Builds it, unless it was built before by the same builder from the same sources.
fn build(folder: &Path) -> Result<PathBuf, String> {
    let (component, stamp) = (folder.join("words.wasm"), folder.join("built-from"));
    let inputs = copied_sources(folder).map_err(|error| error.to_string())?;
    let inputs = version().unwrap_or_default() + &inputs;
    if component.exists() && fs::read_to_string(&stamp).is_ok_and(|built| built == inputs) {
        return Ok(component);
    }
    let built = Command::new(BUILDER)
        .args(["-d", "wit", "-w", WORLD, "componentize", "app", "-o"])
        .arg(&component)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    match built {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("{BUILDER} failed: {status}")),
        Err(error) => return Err(format!("cannot run {BUILDER}: {error}")),
    }
    fs::write(&stamp, inputs).map_err(|error| error.to_string())?;
    Ok(component)
}

/// Lays the sources out as the builder wants them, the contract beside the guest's own. Answers with the text of all.
fn copied_sources(folder: &Path) -> std::io::Result<String> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = [
        ("app.py", own.join("benches/guest-python/app.py")),
        ("wit/guest.wit", own.join("benches/guest-python/guest.wit")),
        ("wit/deps/backend.wit", own.join("../wit/backend.wit")),
    ];
    fs::create_dir_all(folder.join("wit/deps"))?;
    let mut all = String::new();
    for (name, source) in sources {
        let text = fs::read_to_string(source)?;
        fs::write(folder.join(name), &text)?;
        all.push_str(&text);
    }
    Ok(all)
}
