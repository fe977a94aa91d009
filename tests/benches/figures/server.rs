//! Servers under measurement: each a process of its own on a port of its own, stopped when it is dropped.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fs_err as fs;
use serde_json::json;
use tokio::time::Instant;

use crate::bench::Bench;
use crate::http::{Answer, Client, post};
use crate::process::{Memory, Process};

mod fastapi;

pub(crate) use fastapi::Uvicorn;

/// A server has this long to give its first answer: it may have to compile.
const START_PATIENCE: Duration = Duration::from_secs(120);
/// And this long to stop by itself.
const STOP_PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at a server that does not answer yet.
const LOOK_AGAIN: Duration = Duration::from_micros(100);

pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    started: Instant,
    stops_when_asked: bool,
}

impl Server {
    /// `hostel serve` with its defaults over a folder of components. It answers when this returns.
    pub(crate) fn hostel(bench: &Bench, plugins: &Path, more: &[&str]) -> Result<Self, String> {
        let mut server = Self::start_hostel(bench, plugins, more)?;
        server.ready()?;
        Ok(server)
    }

    /// The same, without waiting for it.
    pub(crate) fn start_hostel(
        bench: &Bench,
        plugins: &Path,
        more: &[&str],
    ) -> Result<Self, String> {
        let data = bench.work.join("data");
        let mut arguments = vec![OsStr::new("--plugins"), plugins.as_os_str()];
        arguments.extend(more.iter().map(OsStr::new));
        Self::start_serve(bench, &data, &arguments)
    }

    /// `hostel serve` with these arguments, a data directory and an address, without waiting for it. It has the code that an earlier host
    /// cached, and none of its sessions.
    pub(crate) fn start_serve(
        bench: &Bench,
        data: &Path,
        arguments: &[&OsStr],
    ) -> Result<Self, String> {
        let sessions = data.join("sessions");
        if sessions.exists() {
            fs::remove_dir_all(&sessions).map_err(|error| error.to_string())?;
        }
        let address = free_address()?;
        let mut command = Command::new(&bench.hostel);
        command
            .arg("serve")
            .args(["--listen", &address.to_string()])
            .arg("--data-dir")
            .arg(data)
            .args(arguments);
        let mut server = Self::start(bench, command, "hostel", address)?;
        server.stops_when_asked = true;
        Ok(server)
    }

    /// This program as the bare server. It answers when this returns.
    pub(crate) fn bare(bench: &Bench) -> Result<Self, String> {
        let mut server = Self::start_bare(bench)?;
        server.first_answer(&post("/v1/execute", "{}"))?;
        Ok(server)
    }

    /// The same, without waiting for it.
    pub(crate) fn start_bare(bench: &Bench) -> Result<Self, String> {
        let address = free_address()?;
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(own);
        command.args(["--bare-axum", &address.to_string()]);
        Self::start(bench, command, "bare", address)
    }

    /// FastAPI and uvicorn with the same tool.
    ///
    /// # Errors
    /// Also when this machine has no Python or cannot install them; see [`fastapi::install`].
    pub(crate) fn fastapi(bench: &Bench, uvicorn: Uvicorn) -> Result<Self, String> {
        let address = free_address()?;
        let command = fastapi::command(bench, address, uvicorn)?;
        let mut server = Self::start(bench, command, "fastapi", address)?;
        let call = json!({"action": "bench:echo", "params": {"text": "x"}});
        server.first_answer(&post("/v1/execute", &call.to_string()))?;
        Ok(server)
    }

    fn start(
        bench: &Bench,
        mut command: Command,
        name: &str,
        address: SocketAddr,
    ) -> Result<Self, String> {
        let log = fs::File::create(bench.work.join(format!("{name}.log")));
        let log = log.map_err(|error| error.to_string())?.into_parts().0;
        let started = Instant::now();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("cannot start {name}: {error}"))?;
        Ok(Self {
            child,
            address,
            started,
            stops_when_asked: false,
        })
    }

    /// Waits until the host says that it serves.
    pub(crate) fn ready(&mut self) -> Result<(), String> {
        self.first_answer(b"GET /readyz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
            .map(drop)
    }

    /// Asks again and again until the server answers, and says how long after its start that was.
    pub(crate) fn first_answer(&mut self, request: &[u8]) -> Result<(Answer, Duration), String> {
        loop {
            if let Ok(client) = Client::connect(self.address) {
                let mut client = client.patient(START_PATIENCE)?;
                let answer = client.send(request)?;
                return Ok((answer, self.started.elapsed()));
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("the server ended at its start: {status}"));
            }
            if self.started.elapsed() > START_PATIENCE {
                return Err("the server does not answer".to_owned());
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    pub(crate) fn client(&self) -> Result<Client, String> {
        Client::connect(self.address)
    }

    pub(crate) fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// What it holds after a rest: what was freed has gone back by then.
    pub(crate) fn rested(&self, rest: Duration) -> Memory {
        std::thread::sleep(rest);
        self.process().memory()
    }

    fn stop(&mut self) {
        if self.stops_when_asked {
            let asked = self
                .client()
                .and_then(|mut client| client.post("/v1/shutdown", &json!({})));
            let until = Instant::now() + STOP_PATIENCE;
            while asked.is_ok() && Instant::now() < until {
                if matches!(self.child.try_wait(), Ok(Some(_))) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        // It may have ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A port that was free a moment ago.
fn free_address() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    listener
        .and_then(|listener| listener.local_addr())
        .map_err(|error| format!("cannot find a free port: {error}"))
}
