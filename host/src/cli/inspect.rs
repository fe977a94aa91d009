//! `hostel inspect`: one component, as the host sees it.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use crate::app::CACHE_FOLDER;
use crate::config::Config;
use crate::engine::{Engine, EngineConfig};
use crate::policy::Limits;
use crate::registry::{CodeCache, Listing, Loader, Prepared};

use super::policy::grants_of;
use super::{Outcome, output, shown};

#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// A component.
    file: PathBuf,
    /// Where a host keeps its warm images: what the last warmup there came to is shown too [default: ~/.local/share/hostel].
    #[arg(long, env = "HOSTEL_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Show what the component imports beside what the policy grants it: that of the configuration, or of the policy file beside it.
    #[arg(long)]
    policy: bool,
    /// Configuration: hostel.toml, or JSON of the same shape.
    #[arg(long, env = "HOSTEL_CONFIG", value_name = "FILE", requires = "policy")]
    config: Option<PathBuf>,
    /// Everything, schemas too, as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &InspectArgs) -> Outcome {
    let loader = Loader::new(Arc::new(small_engine()?), cache(args));
    let prepared = loader.inspect(&args.file)?;
    let listing = &prepared.listing;
    if args.policy {
        return compare(args, listing);
    }
    let no_image = listing
        .no_image
        .clone()
        .or_else(|| loader.last_warmup(&prepared.digest));
    if args.json {
        output::say(&as_json(&prepared, no_image.as_deref()).to_string());
    } else {
        describe(args, &prepared);
        let snapshots = match &listing.no_snapshot {
            None => "yes".to_owned(),
            Some(reason) => format!("no, sessions cannot be forked or suspended: {reason}"),
        };
        output::say(&format!("Snapshots: {snapshots}"));
        if listing.hooks.warmup {
            output::say(&format!("Warm image: {}", warm_image(no_image)));
        }
    }
    Ok(())
}

/// The cache of the host that would serve the file, if there is one.
fn cache(args: &InspectArgs) -> Option<Arc<CodeCache>> {
    let data_dir = args
        .data_dir
        .clone()
        .unwrap_or_else(|| Config::default().data_dir);
    let folder = data_dir.join(CACHE_FOLDER);
    let cache = folder.is_dir().then(|| CodeCache::open(&folder))?;
    cache.ok().map(Arc::new)
}

fn warm_image(none: Option<String>) -> String {
    match none {
        None => "yes; warmup runs once per machine".to_owned(),
        Some(reason) => format!("no, warmup runs in every session: {reason}"),
    }
}

/// An engine for a look, not for a crowd.
pub(super) fn small_engine() -> Result<Engine, String> {
    let limits = Limits::default();
    let config = EngineConfig {
        instances_max: 16,
        memory_bytes_max: limits.memory_bytes,
        table_elements_max: limits.table_elements,
        guest_memory_bytes_max: u64::MAX,
    };
    Engine::new(&config).map_err(|error| error.to_string())
}

fn as_json(prepared: &Prepared, no_image: Option<&str>) -> Value {
    json!({"digest": prepared.digest, "bytes": prepared.bytes, "compiled_in_ms": prepared.compiled_in.map(|time| time.as_millis()), "listing": prepared.listing, "no_image": no_image})
}

fn describe(args: &InspectArgs, prepared: &Prepared) {
    let listing = &prepared.listing;
    output::say(&format!(
        "{}\t{} bytes\t{}",
        shown(&args.file),
        prepared.bytes,
        prepared.digest
    ));
    if let Some(description) = &listing.description {
        output::say(&format!("\n{description}"));
    }
    output::say(&format!("\nTools ({})", listing.tools.len()));
    for tool in &listing.tools {
        let kind = if tool.stateful {
            "stateful"
        } else {
            "stateless"
        };
        let about = tool
            .description
            .as_deref()
            .and_then(|text| text.lines().next())
            .unwrap_or_default();
        output::say(&format!(
            "  {}({})\t{kind}\t{about}",
            tool.name,
            params(&tool.input)
        ));
    }
    if !listing.skipped.is_empty() {
        output::say("\nExported and no tools");
        for skipped in &listing.skipped {
            output::say(&format!("  {}\t{}", skipped.export, skipped.reason));
        }
    }
    output::say(&format!("\nHooks: {}", hooks(listing)));
    if let Some(config) = &listing.config {
        output::say(&format!("Session config: {}", params(config)));
    }
    output::say(&format!(
        "Imports: {}",
        if listing.imports.is_empty() {
            "none".to_owned()
        } else {
            listing.imports.join(", ")
        }
    ));
    output::say(&format!("Could use, if granted: {}", grants(listing)));
    for warning in &listing.warnings {
        output::say(&format!("Warning: {warning}"));
    }
}

/// `query, limit?`
fn params(schema: &Value) -> String {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = schema.get("properties").and_then(Value::as_object);
    let names = properties.into_iter().flatten().map(|(name, _)| {
        if required.contains(&name.as_str()) {
            name.clone()
        } else {
            format!("{name}?")
        }
    });
    names.collect::<Vec<_>>().join(", ")
}

fn hooks(listing: &Listing) -> String {
    let hooks = &listing.hooks;
    let all = [
        ("warmup", hooks.warmup),
        ("session initialize and cleanup", hooks.session),
        ("session resource", hooks.session_resource),
        ("shutdown", hooks.shutdown),
    ];
    let there: Vec<&str> = all
        .into_iter()
        .filter(|(_, there)| *there)
        .map(|(name, _)| name)
        .collect();
    if there.is_empty() {
        "none".to_owned()
    } else {
        there.join(", ")
    }
}

/// Interfaces that do nothing until the operator grants something: the import, its grant in words, what [`crate::policy::Grants::lines`] calls
/// it, and an example of one.
const POWERS: [(&str, &str, &[&str], &str); 6] = [
    (
        "wasi:filesystem/",
        "folders or a workspace",
        &["workspace", "folder"],
        "workspace = true, or folders = [{ host = \"docs\", guest = \"/docs\" }]",
    ),
    (
        "wasi:http/",
        "http",
        &["http", "secret"],
        "http = [{ host = \"api.example.com\" }]",
    ),
    (
        "wasi:sockets/",
        "tcp",
        &["tcp"],
        "tcp = [\"10.0.0.5:5432\"]",
    ),
    (
        "wasi:keyvalue/",
        "keyvalue",
        &["keyvalue"],
        "keyvalue = true",
    ),
    (
        "wasi:config/",
        "config_store",
        &["config_store"],
        "config_store = { key = \"value\" }",
    ),
    (
        "wasi:cli/environment",
        "env",
        &["env"],
        "env = { NAME = \"value\" }",
    ),
];

fn imports_any(listing: &Listing, prefix: &str) -> bool {
    let mut imports = listing.imports.iter();
    imports.any(|import| import.starts_with(prefix))
}

/// What the component imports, and what it is granted of that. An import without a grant fails when it is used, not at load.
fn compare(args: &InspectArgs, listing: &Listing) -> Outcome {
    let granted = grants_of(&args.file, args.config.as_deref())?.lines();
    let mut rows = Vec::new();
    for (prefix, _, kinds, example) in POWERS {
        let own = granted.iter().filter(|(kind, _)| kinds.contains(kind));
        let own: Vec<&str> = own.map(|(_, how)| how.as_str()).collect();
        match (imports_any(listing, prefix), own.is_empty()) {
            (true, false) => rows.push((prefix, "granted", own.join("; "))),
            (true, true) => rows.push((prefix, "denied", format!("allow it with {example}"))),
            (false, false) => rows.push((prefix, "unused", own.join("; "))),
            (false, true) => {}
        }
    }
    if args.json {
        let rows: Vec<Value> = rows
            .iter()
            .map(|(import, state, how)| json!({"import": import, "state": state, "how": how}))
            .collect();
        output::say(&Value::from(rows).to_string());
        return Ok(());
    }
    if rows.is_empty() {
        output::say("It imports nothing that needs a grant, and is granted nothing.");
    }
    for (import, state, how) in rows {
        output::say(&format!("{import}\t{state}\t{how}"));
    }
    Ok(())
}

fn grants(listing: &Listing) -> String {
    let wanted: Vec<&str> = POWERS
        .into_iter()
        .filter(|(prefix, ..)| imports_any(listing, prefix))
        .map(|(_, name, ..)| name)
        .collect();
    if wanted.is_empty() {
        "nothing".to_owned()
    } else {
        wanted.join(", ")
    }
}
