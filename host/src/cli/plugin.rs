//! Plugins as sources: finds the cargo packages below a folder that are plugins, and builds them into components.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::ids::BackendName;
use crate::registry::Manifest;

use super::{output, shown};

const TARGET: &str = "wasm32-wasip2";

/// A cargo package that builds a component.
#[derive(Clone, Debug)]
pub(super) struct Plugin {
    pub(super) name: BackendName,
    /// Of its Cargo.toml.
    pub(super) folder: PathBuf,
    pub(super) manifest: Manifest,
    workspace: PathBuf,
    package: String,
}

/// A plugin's component.
#[derive(Clone, Debug)]
pub(super) struct Built {
    pub(super) plugin: Plugin,
    pub(super) component: PathBuf,
}

/// Finds the plugins of a folder: it is one, or a cargo workspace of them, or its subfolders are.
pub(super) fn discover(folder: &Path) -> Result<Vec<Plugin>, String> {
    if !folder.is_dir() {
        return Err(format!("{} is not a folder", folder.display()));
    }
    if folder.join("Cargo.toml").is_file() {
        return packages(folder);
    }
    let mut found = Vec::new();
    let entries = fs_err::read_dir(folder).map_err(|error| error.to_string())?;
    let mut folders: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("Cargo.toml").is_file())
        .collect();
    folders.sort();
    for folder in folders {
        found.extend(packages(&folder)?);
    }
    Ok(found)
}

/// The packages of a manifest whose library is a `cdylib`: what becomes a component.
fn packages(folder: &Path) -> Result<Vec<Plugin>, String> {
    let metadata = cargo(folder, &["metadata", "--no-deps", "--format-version", "1"])?;
    let metadata: Value = serde_json::from_slice(&metadata).map_err(|error| {
        format!(
            "cannot read what cargo says about {}: {error}",
            folder.display()
        )
    })?;
    let workspace = PathBuf::from(text(&metadata, "workspace_root"));
    let own = folder
        .join("Cargo.toml")
        .canonicalize()
        .map_err(|error| error.to_string())?;
    let all = metadata
        .get("packages")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    // The folder of a member means that member; the folder of a workspace means all of them.
    let is_own = |package: &&Value| Path::new(text(package, "manifest_path")) == own;
    let chosen: Vec<&Value> = if all.iter().any(|package| is_own(&package)) {
        all.iter().filter(is_own).collect()
    } else {
        all.iter().collect()
    };
    chosen
        .into_iter()
        .filter(|package| is_plugin(package))
        .map(|package| plugin(package, &workspace))
        .collect()
}

fn is_plugin(package: &Value) -> bool {
    let targets = package
        .get("targets")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let mut kinds = targets
        .filter_map(|target| target.get("crate_types").and_then(Value::as_array))
        .flatten();
    kinds.any(|kind| kind == "cdylib")
}

fn plugin(package: &Value, workspace: &Path) -> Result<Plugin, String> {
    let name = text(package, "name");
    let manifest_path = PathBuf::from(text(package, "manifest_path"));
    let folder = manifest_path.parent().unwrap_or(workspace).to_owned();
    let parsed = BackendName::parse(name).map_err(|error| {
        format!(
            "{}: {error}; {}",
            manifest_path.display(),
            error.hint_text().unwrap_or_default()
        )
    })?;
    Ok(Plugin {
        name: parsed,
        manifest: Manifest::load(&folder)?,
        folder,
        workspace: workspace.to_owned(),
        package: name.to_owned(),
    })
}

/// Builds plugins, one run of cargo for each workspace. Cargo's own progress and errors go to the terminal.
pub(super) fn build(plugins: &[Plugin]) -> Result<Vec<Built>, String> {
    ensure_target()?;
    let mut by_workspace: BTreeMap<&Path, Vec<&Plugin>> = BTreeMap::new();
    for plugin in plugins {
        by_workspace
            .entry(&plugin.workspace)
            .or_default()
            .push(plugin);
    }
    let mut built = Vec::new();
    for (workspace, plugins) in by_workspace {
        let names: Vec<&str> = plugins
            .iter()
            .map(|plugin| plugin.package.as_str())
            .collect();
        output::note(&format!(
            "building {} in {}",
            names.join(", "),
            shown(workspace)
        ));
        let mut arguments = vec![
            "build",
            "--release",
            "--target",
            TARGET,
            "--message-format",
            "json-render-diagnostics",
        ];
        for name in &names {
            arguments.extend(["-p", name]);
        }
        let messages = cargo(workspace, &arguments)?;
        for plugin in plugins {
            let component = artifact(&messages, plugin).ok_or_else(|| {
                format!("cargo built {} and made no component of it", plugin.package)
            })?;
            built.push(Built {
                plugin: plugin.clone(),
                component,
            });
        }
    }
    Ok(built)
}

/// The `.wasm` among cargo's messages that belongs to a plugin.
fn artifact(messages: &[u8], plugin: &Plugin) -> Option<PathBuf> {
    let manifest = plugin.folder.join("Cargo.toml");
    let messages = messages
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let own = messages.filter(|message| {
        text(message, "reason") == "compiler-artifact"
            && Path::new(text(message, "manifest_path")) == manifest
    });
    let files: Vec<PathBuf> = own
        .filter_map(|message| message.get("filenames").and_then(Value::as_array).cloned())
        .flatten()
        .filter_map(|file| file.as_str().map(PathBuf::from))
        .collect();
    files.into_iter().find(|file| {
        file.extension()
            .is_some_and(|extension| extension == "wasm")
    })
}

/// Runs cargo and answers with what it prints.
fn cargo(folder: &Path, arguments: &[&str]) -> Result<Vec<u8>, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let run = Command::new(cargo)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let output = run.map_err(|error| {
        format!("cannot run cargo: {error}; install Rust from https://rustup.rs")
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(format!(
        "cargo {} failed in {}; its errors are above",
        arguments.first().unwrap_or(&""),
        shown(folder)
    ))
}

/// Installs the target that components are built for, if it is missing.
fn ensure_target() -> Result<(), String> {
    let library = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    let there = library.is_ok_and(|output| {
        output.status.success()
            && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
    });
    if there {
        return Ok(());
    }
    output::note(&format!("installing the target {TARGET} with rustup"));
    let added = Command::new("rustup")
        .args(["target", "add", TARGET])
        .stdin(Stdio::null())
        .status();
    match added {
        Ok(status) if status.success() => Ok(()),
        Ok(_) | Err(_) => Err(format!(
            "the target {TARGET} is not installed and rustup could not add it; run `rustup target add {TARGET}`"
        )),
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
