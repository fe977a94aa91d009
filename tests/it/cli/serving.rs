//! A host in a process of its own, stopped when the test is over.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use super::{Said, hostel, said};

pub(crate) struct Serving {
    pub(crate) child: Child,
    /// `http://127.0.0.1:…`
    pub(crate) url: String,
    logged: Arc<Mutex<String>>,
}

impl Serving {
    /// Runs a command that serves, and returns when it does.
    pub(crate) fn run(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let url = loop {
            let line = lines.next().expect("it says where it serves").unwrap();
            if let Some((_, url)) = line.split_once(" tools at ") {
                break url.trim().to_owned();
            }
        };
        let logged = Arc::new(Mutex::new(String::new()));
        let keep = logged.clone();
        // What is written and never read would hold the host up.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut logged = keep.lock().unwrap();
                logged.push_str(&line);
                logged.push('\n');
            }
        });
        Self { child, url, logged }
    }

    /// `hostel serve` at a free port.
    pub(crate) fn start(home: &Path, arguments: &[&str]) -> Self {
        let serve = ["serve", "--listen", "127.0.0.1:0"];
        Self::run(hostel(home, &[&serve, arguments].concat()))
    }

    /// Everything that it wrote to its standard error since it serves.
    pub(crate) fn logged(&self) -> String {
        self.logged.lock().unwrap().clone()
    }

    pub(super) fn ask(&self, home: &Path, arguments: &[&str]) -> Said {
        let output = hostel(home, arguments)
            .env("HOSTEL_SERVER", &self.url)
            .output();
        said(output.unwrap())
    }

    /// SIGKILL: nothing is brought in order.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and the status with which the host ends.
    pub(super) fn terminate(&mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
        self.child.wait().unwrap().code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
