//! `hostel new`: a backend in Rust that builds, to start from.

use std::path::{Path, PathBuf};

use clap::Args;
use include_dir::{Dir, include_dir};

use crate::ids::BackendName;

use super::{Outcome, output, shown};

/// The guest SDK goes with the binary, so that a new plugin builds wherever the binary is.
static SDK: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../sdk/guest");
/// Where it is in a checkout.
const SDK_IN_CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../sdk/guest");
const VERSION: &str = env!("CARGO_PKG_VERSION");

const CARGO_TOML: &str = include_str!("new/Cargo.toml.txt");
const LIB_RS: &str = include_str!("new/lib.rs.txt");
const PLUGIN_TOML: &str = include_str!("new/plugin.toml.txt");
const README: &str = include_str!("new/README.md.txt");
/// The workspace that an unpacked SDK is a member of.
const SDK_WORKSPACE: &str = include_str!("new/sdk-workspace.toml.txt");

#[derive(Debug, Args)]
#[command(
    after_help = "Then:\n  hostel up my-backend\n  hostel call my-backend:greet '{\"name\": \"Ada\"}'"
)]
pub(super) struct NewArgs {
    /// The backend's name, and that of its folder: lower-case letters, digits, - and _.
    path: PathBuf,
}

pub(super) fn run(args: &NewArgs) -> Outcome {
    let name = args.path.file_name().unwrap_or_default().to_string_lossy();
    let name = BackendName::parse(&name)
        .map_err(|error| format!("{error}; {}", error.hint_text().unwrap_or_default()))?;
    if args.path.exists() {
        return Err(format!(
            "{} is there already; choose another name, or remove it",
            shown(&args.path)
        ));
    }
    let sdk = sdk()?;
    let module = name.as_str().replace('-', "_");
    let filled = |template: &str| {
        template
            .replace("{{name}}", name.as_str())
            .replace("{{module}}", &module)
            .replace("{{sdk}}", &sdk.display().to_string())
            .replace("{{version}}", VERSION)
    };
    for (file, template) in [
        ("Cargo.toml", CARGO_TOML),
        ("src/lib.rs", LIB_RS),
        ("plugin.toml", PLUGIN_TOML),
        ("README.md", README),
        (".gitignore", "target/\n"),
    ] {
        write(&args.path.join(file), &filled(template))?;
    }
    let folder = shown(&args.path);
    output::say(&format!(
        "{folder} is a backend with two tools; its code is in {folder}/src/lib.rs"
    ));
    output::say(&format!("\n  hostel up {folder}"));
    output::say(&format!(
        "\nbuilds and serves it. Then, in another terminal:\n\n  hostel call {name}:greet '{{\"name\": \"Ada\"}}'"
    ));
    Ok(())
}

/// The SDK in the checkout that this binary was built from, or unpacked in the data directory.
fn sdk() -> Result<PathBuf, String> {
    if let Ok(checkout) = Path::new(SDK_IN_CHECKOUT).canonicalize() {
        return Ok(checkout);
    }
    let root = crate::config::Config::default()
        .data_dir
        .join("sdk")
        .join(VERSION);
    let guest = root.join("guest");
    fs_err::create_dir_all(&guest).map_err(|error| error.to_string())?;
    SDK.extract(&guest)
        .map_err(|error| format!("cannot unpack the SDK to {}: {error}", guest.display()))?;
    write(
        &root.join("Cargo.toml"),
        &SDK_WORKSPACE.replace("{{version}}", VERSION),
    )?;
    Ok(guest)
}

fn write(path: &Path, text: &str) -> Outcome {
    if let Some(parent) = path.parent() {
        fs_err::create_dir_all(parent).map_err(|error| error.to_string())?;
    }
    fs_err::write(path, text).map_err(|error| error.to_string())
}
