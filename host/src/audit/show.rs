//! Reads lines back for people who look for something in them. It does not ask whether the chain is whole.

use std::io::BufReader;
use std::path::PathBuf;
use std::time::SystemTime;

use serde_json::Value;

use super::verify::next_line;

/// Which lines to show; all that are asked for have to fit.
#[derive(Clone, Debug, Default)]
pub struct Query {
    pub worker: Option<String>,
    pub verb: Option<String>,
    pub outcome: Option<String>,
    pub since: Option<SystemTime>,
}

/// Hands every line that fits to `each`, as it was written.
///
/// # Errors
/// A file cannot be read.
pub fn show(files: &[PathBuf], query: &Query, mut each: impl FnMut(&Value)) -> Result<(), String> {
    for path in files {
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        let mut reader = BufReader::new(std::fs::File::open(path).map_err(failed)?);
        while let Some(line) = next_line(&mut reader).map_err(failed)? {
            // What is no line is the business of `verify`.
            let line = line
                .ok()
                .and_then(|line| serde_json::from_slice(&line).ok());
            if let Some(line) = line.filter(|line| query.fits(line)) {
                each(&line);
            }
        }
    }
    Ok(())
}

impl Query {
    fn fits(&self, line: &Value) -> bool {
        let text = |name: &str| line.get(name).and_then(Value::as_str);
        let is = |wanted: &Option<String>, name: &str| {
            wanted
                .as_deref()
                .is_none_or(|wanted| text(name) == Some(wanted))
        };
        let is_late = |since: SystemTime| {
            text("at")
                .and_then(|at| humantime::parse_rfc3339(at).ok())
                .is_some_and(|at| at >= since)
        };
        is(&self.worker, "worker")
            && is(&self.verb, "verb")
            && is(&self.outcome, "outcome")
            && self.since.is_none_or(is_late)
    }
}
