//! A host in a process of its own, so that what it takes and what it logs is its own.

use fs_err as fs;
use hostel_tests::Guest;
use tempfile::TempDir;

use crate::cli::hostel;
use crate::cli::serving::Serving;

pub(super) struct Process {
    serving: Serving,
    pub(super) address: String,
    _home: TempDir,
}

impl Process {
    /// Serves these guests under this configuration.
    pub(super) fn serve(guests: &[(&str, &Guest)], config: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("plugins")).unwrap();
        for (name, guest) in guests {
            let path = home
                .path()
                .join("plugins")
                .join(name)
                .with_extension("wasm");
            fs::write(path, guest.component()).unwrap();
        }
        fs::write(home.path().join("hostel.toml"), config).unwrap();
        let config = ["--config", "hostel.toml", "--max-sessions", "64"];
        let log = ["--log", "debug", "--log-format", "text"];
        let serve = ["serve", "--listen", "127.0.0.1:0", "--plugins", "plugins"];
        let mut command = hostel(home.path(), &[&serve[..], &config, &log].concat());
        command.env("HOSTS_OWN_SECRET", "canary-of-the-host");
        let serving = Serving::run(command);
        let address = serving.url.trim_start_matches("http://").to_owned();
        Self {
            serving,
            address,
            _home: home,
        }
    }

    /// Everything that it wrote to its standard error since it serves.
    pub(super) fn logged(&self) -> String {
        self.serving.logged()
    }

    /// From now on, [`Process::peak_kb`] is of what comes.
    pub(super) fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.serving.child.id()), "5").unwrap();
    }

    /// The most memory that it had resident, in kB.
    pub(super) fn peak_kb(&self) -> u64 {
        self.status("VmHWM:")
    }

    pub(super) fn resident_kb(&self) -> u64 {
        self.status("VmRSS:")
    }

    fn status(&self, field: &str) -> u64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.serving.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let figure = line.and_then(|line| line.trim().strip_suffix(" kB"));
        figure.unwrap().trim().parse().unwrap()
    }

    pub(super) fn is_alive(&mut self) -> bool {
        self.serving.child.try_wait().unwrap().is_none()
    }
}
