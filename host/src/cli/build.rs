//! `hostel build`: components from sources.

use std::path::PathBuf;

use clap::Args;

use super::plugin::{build, discover};
use super::{Outcome, output, shown};

#[derive(Debug, Args)]
pub(super) struct BuildArgs {
    /// A plugin, a cargo workspace of plugins, or a folder of such.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Copy the components to this folder, each under its backend's name.
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints name and path of each component, tab-separated.
pub(super) fn run(args: &BuildArgs) -> Outcome {
    let plugins = discover(&args.dir)?;
    if plugins.is_empty() {
        return Err(format!(
            "no plugin below {}: a plugin is a cargo package with crate-type = [\"cdylib\"]; `hostel new NAME` writes one",
            shown(&args.dir)
        ));
    }
    for built in build(&plugins)? {
        let path = match &args.out {
            Some(out) => {
                fs_err::create_dir_all(out).map_err(|error| error.to_string())?;
                let path = out.join(format!("{}.wasm", built.plugin.name));
                fs_err::copy(&built.component, &path).map_err(|error| error.to_string())?;
                path
            }
            None => built.component,
        };
        output::say(&format!("{}\t{}", built.plugin.name, shown(&path)));
    }
    Ok(())
}
