//! The components that are called: built from `benches/guest`, and copied where a figure wants several.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fs_err as fs;

/// Builds the guests with the host's own `hostel build`, and answers with their folder.
pub(crate) fn build(hostel: &Path, work: &Path) -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/guest");
    let out = work.join("component");
    let built = Command::new(hostel)
        .arg("build")
        .arg(&source)
        .arg("--out")
        .arg(&out)
        .env("CARGO_TARGET_DIR", work.join("guest"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    match built {
        Ok(status) if status.success() => Ok(out),
        Ok(_) => Err(format!("`hostel build {}` failed", source.display())),
        Err(error) => Err(format!("cannot run {}: {error}", hostel.display())),
    }
}

/// A folder of backends that have these names and are different components: each differs in a custom section.
pub(crate) fn folder(component: &Path, folder: &Path, names: &[String]) -> Result<(), String> {
    let write = || {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        let bytes = fs::read(component)?;
        for name in names {
            let mut copy = bytes.clone();
            copy.extend(custom_section(name));
            fs::write(folder.join(format!("{name}.wasm")), copy)?;
        }
        Ok(())
    };
    let written: std::io::Result<()> = write();
    written.map_err(|error| error.to_string())
}

/// The kind of section that every reader skips, with a short text in it.
fn custom_section(text: &str) -> Vec<u8> {
    const NAME: &str = "copy";
    let short = |length: usize| u8::try_from(length).expect("names of backends are short");
    let mut section = vec![0, short(1 + NAME.len() + text.len()), short(NAME.len())];
    section.extend_from_slice(NAME.as_bytes());
    section.extend_from_slice(text.as_bytes());
    section
}
