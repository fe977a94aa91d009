//! A host in a process of its own, so that what it takes and what it logs is its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use fs_err as fs;
use hostel_tests::Guest;
use tempfile::TempDir;

pub(super) struct Process {
    child: Child,
    pub(super) address: String,
    logged: Arc<Mutex<String>>,
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
        let mut child = Command::new(env!("CARGO_BIN_EXE_hostel-under-test"))
            .args(["serve", "--listen", "127.0.0.1:0", "--plugins", "plugins"])
            .args(["--config", "hostel.toml", "--max-sessions", "64"])
            .args(["--log", "debug", "--log-format", "text"])
            .env_clear()
            .env("HOME", home.path())
            .env("HOSTS_OWN_SECRET", "canary-of-the-host")
            .current_dir(home.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("it says where it serves").unwrap();
            if let Some((_, url)) = line.split_once(" tools at http://") {
                break url.trim().to_owned();
            }
        };
        let logged = Arc::new(Mutex::new(String::new()));
        let keep = logged.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut logged = keep.lock().unwrap();
                logged.push_str(&line);
                logged.push('\n');
            }
        });
        Self {
            child,
            address,
            logged,
            _home: home,
        }
    }

    /// Everything that it wrote to its standard error since it serves.
    pub(super) fn logged(&self) -> String {
        self.logged.lock().unwrap().clone()
    }

    /// From now on, [`Process::peak_kb`] is of what comes.
    pub(super) fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
    }

    /// The most memory that it had resident, in kB.
    pub(super) fn peak_kb(&self) -> u64 {
        self.status("VmHWM:")
    }

    pub(super) fn resident_kb(&self) -> u64 {
        self.status("VmRSS:")
    }

    fn status(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let figure = line.and_then(|line| line.trim().strip_suffix(" kB"));
        figure.unwrap().trim().parse().unwrap()
    }

    pub(super) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
