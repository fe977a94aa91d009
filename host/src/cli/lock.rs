//! `hostel lock`: writes down what of each backend is approved, or shows what is other now.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::{Map, Value};

use crate::app::{CACHE_FOLDER, sources};
use crate::config::{Config, LOCK_FILE};
use crate::ids::BackendName;
use crate::registry::{
    Change, CodeCache, Loader, Lock, Surface, between, changes_as_json, changes_in_words,
};

use super::inspect::small_engine;
use super::{Outcome, output, shown};

#[derive(Debug, Args)]
#[command(
    after_help = "A host that finds hostel.lock beside its configuration loads what is in it and nothing else: the same bytes, the same imports, and the\nsame descriptions, schemas and annotations of tools, also when a newer Hostel reads them otherwise. Keep the file under version control."
)]
pub(super) struct LockArgs {
    /// The configuration whose backends are meant.
    #[arg(
        long,
        env = "HOSTEL_CONFIG",
        value_name = "FILE",
        default_value = "hostel.toml"
    )]
    config: PathBuf,
    /// Where compiled code is kept [default: as in the configuration].
    #[arg(long, env = "HOSTEL_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Write nothing; show what is other than in hostel.lock. Status 1 if anything is.
    #[arg(long)]
    check: bool,
    /// JSON instead of text for people.
    #[arg(long)]
    json: bool,
}

/// What became of one backend's entry.
struct Row {
    name: String,
    /// `same`, `new`, `gone`, `changed`.
    state: &'static str,
    changes: Vec<Change>,
}

pub(super) fn run(args: &LockArgs) -> Outcome {
    let config = Config::load(&args.config)?;
    let path = args.config.with_file_name(LOCK_FILE);
    let now = Lock::new(surfaces(args, &config)?);
    let before = if path.exists() {
        Some(Lock::read(&path)?)
    } else if args.check {
        return Err(format!(
            "there is no {}: write it with `hostel lock`",
            shown(&path)
        ));
    } else {
        None
    };
    let rows = compared(before.as_ref(), &now);
    if args.json {
        output::say(&as_json(&rows).to_string());
    } else {
        for row in &rows {
            output::say(&in_words(row));
        }
    }
    if args.check {
        let other = rows.iter().filter(|row| row.state != "same").count();
        return match other {
            0 => Ok(()),
            some => Err(format!(
                "{some} of the backends are not as in {}",
                shown(&path)
            )),
        };
    }
    now.write(&path)?;
    output::note(&format!("wrote {}", shown(&path)));
    Ok(())
}

/// All of them or none: what cannot be read cannot be approved.
fn surfaces(args: &LockArgs, config: &Config) -> Result<Vec<(BackendName, Surface)>, String> {
    let data_dir = args.data_dir.as_ref().unwrap_or(&config.data_dir);
    let loader = Loader::new(Arc::new(small_engine()?), cache(data_dir));
    let (sources, problems) = sources(config)?;
    if let Some(problem) = problems.first() {
        return Err(problem.message.clone());
    }
    let surfaces = sources.into_iter().map(|source| {
        let prepared = loader.pinned(&source.path, source.pin.as_deref())?;
        Ok((source.name, Surface::of(&prepared)))
    });
    surfaces.collect()
}

/// The cache of a host that has served from there: nothing is compiled twice.
fn cache(data_dir: &Path) -> Option<Arc<CodeCache>> {
    let folder = data_dir.join(CACHE_FOLDER);
    let cache = folder.is_dir().then(|| CodeCache::open(&folder))?;
    cache.ok().map(Arc::new)
}

fn compared(before: Option<&Lock>, now: &Lock) -> Vec<Row> {
    let mut rows: Vec<Row> = now
        .names()
        .map(|name| {
            let surface = now.backend(name).cloned().unwrap_or_default();
            let known = before.and_then(|before| before.backend(name));
            let changes = known.map(|known| between(known, &surface));
            let state = match &changes {
                None => "new",
                Some(changes) if changes.is_empty() => "same",
                Some(_) => "changed",
            };
            Row {
                name: name.to_owned(),
                state,
                changes: changes.unwrap_or_else(|| between(&Surface::default(), &surface)),
            }
        })
        .collect();
    let gone = before.into_iter().flat_map(Lock::names);
    let gone = gone.filter(|name| now.backend(name).is_none());
    rows.extend(gone.map(|name| Row {
        name: name.to_owned(),
        state: "gone",
        changes: Vec::new(),
    }));
    rows
}

fn in_words(row: &Row) -> String {
    let Row {
        name,
        state,
        changes,
    } = row;
    if changes.is_empty() {
        return format!("{name}\t{state}");
    }
    let changes = changes_in_words(changes).replace('\n', "\n  ");
    format!("{name}\t{state}\n  {changes}")
}

fn as_json(rows: &[Row]) -> Value {
    let rows = rows.iter().map(|row| {
        let body =
            serde_json::json!({"state": row.state, "changes": changes_as_json(&row.changes)});
        (row.name.clone(), body)
    });
    Value::Object(Map::from_iter(rows))
}
