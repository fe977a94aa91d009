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

use super::{Outcome, output, shown};

#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// A component.
    file: PathBuf,
    /// Where a host keeps its warm images: what the last warmup there came to is shown too [default: ~/.local/share/hostel].
    #[arg(long, env = "HOSTEL_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Everything, schemas too, as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &InspectArgs) -> Outcome {
    let loader = Loader::new(Arc::new(small_engine()?), cache(args));
    let prepared = loader.inspect(&args.file)?;
    let listing = &prepared.listing;
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

/// Interfaces that do nothing until the operator grants something.
fn grants(listing: &Listing) -> String {
    let powers = [
        ("wasi:filesystem/", "folders or a workspace"),
        ("wasi:http/", "http_hosts"),
        ("wasi:keyvalue/", "keyvalue"),
        ("wasi:config/", "config_store"),
        ("wasi:cli/environment", "env"),
    ];
    let wanted: Vec<&str> = powers
        .into_iter()
        .filter(|(prefix, _)| {
            listing
                .imports
                .iter()
                .any(|import| import.starts_with(prefix))
        })
        .map(|(_, grant)| grant)
        .collect();
    if wanted.is_empty() {
        "nothing".to_owned()
    } else {
        wanted.join(", ")
    }
}
