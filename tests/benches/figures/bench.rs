//! What every row needs: the host's binary, the components, a folder to work in, and how long to measure.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use fs_err as fs;

use crate::args::Args;
use crate::{component, report};

pub(crate) struct Bench {
    pub(crate) hostel: PathBuf,
    components: PathBuf,
    /// Everything that the benchmark writes: logs, code cache, folders of components.
    pub(crate) work: PathBuf,
    pub(crate) pace: Pace,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) quick: bool,
    /// Turns of each contestant. Odd: the median is then one of them.
    pub(crate) rounds: usize,
    /// One turn.
    pub(crate) turn: Duration,
}

impl Bench {
    pub(crate) fn prepare(args: &Args) -> Result<Self, String> {
        let target = target_folder()?;
        let work = target.join("figures");
        fs::create_dir_all(&work).map_err(|error| error.to_string())?;
        let hostel = match &args.hostel {
            Some(path) => path
                .canonicalize()
                .map_err(|error| format!("{}: {error}", path.display()))?,
            None => build_host(&target)?,
        };
        report::progress("building the components that are called");
        let components = component::build(&hostel, &work)?;
        // Many short turns rather than few long ones: neighbours of the machine come and go within seconds.
        let (rounds, turn) = if args.quick { (5, 300) } else { (15, 800) };
        let pace = Pace {
            quick: args.quick,
            rounds: args.rounds.unwrap_or(rounds).max(1),
            turn: Duration::from_millis(turn),
        };
        Ok(Self {
            hostel,
            components,
            work,
            pace,
        })
    }

    /// The component of a guest: `bench`, or `counter` where it is to be small.
    pub(crate) fn component(&self, guest: &str) -> PathBuf {
        self.components.join(guest).with_extension("wasm")
    }

    /// A folder with one backend, of the guest's name.
    pub(crate) fn plugins(&self, guest: &str) -> Result<PathBuf, String> {
        self.copies(guest, &[guest.to_owned()])
    }

    /// A folder with several that do the same and differ in their bytes.
    pub(crate) fn copies(&self, guest: &str, names: &[String]) -> Result<PathBuf, String> {
        let folder = format!("{guest}-{}", names.len());
        let folder = self.work.join("plugins").join(folder);
        component::folder(&self.component(guest), &folder, names)?;
        Ok(folder)
    }
}

/// Cargo's target folder: this program lies in `release/deps` of it.
fn target_folder() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    own.ancestors()
        .nth(3)
        .map(Path::to_owned)
        .ok_or_else(|| format!("{} does not lie in a target folder", own.display()))
}

/// Always asks cargo: a binary that is older than the sources would be measured without a word.
fn build_host(target: &Path) -> Result<PathBuf, String> {
    report::progress("building the host");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--package", "hostel", "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .status();
    match built {
        Ok(status) if status.success() => Ok(target.join("release/hostel")),
        Ok(status) => Err(format!("cannot build the host: {status}")),
        Err(error) => Err(format!("cannot run cargo: {error}")),
    }
}
