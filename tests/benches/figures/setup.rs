//! A host with a configuration and a data directory of its own: for rows that set variables and limits, or that empty the cache.

use std::ffi::OsStr;
use std::path::PathBuf;

use fs_err as fs;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::server::Server;

pub(crate) struct Setup<'a> {
    bench: &'a Bench,
    config: PathBuf,
    data: PathBuf,
}

impl<'a> Setup<'a> {
    /// The text is that of a `hostel.toml`. What an earlier run cached is still there.
    pub(crate) fn write(bench: &'a Bench, name: &str, config: &str) -> Result<Self, String> {
        let folder = bench.work.join("setups").join(name);
        let setup = Self {
            bench,
            config: folder.join("hostel.toml"),
            data: folder.join("data"),
        };
        let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&setup.config, config));
        written.map_err(|error| error.to_string())?;
        Ok(setup)
    }

    /// A host that found all of its images in the cache: one that has made them itself is larger. It answers when this returns.
    pub(crate) fn serve(&self) -> Result<Server, String> {
        drop(self.warmed()?);
        self.warmed()
    }

    fn warmed(&self) -> Result<Server, String> {
        let mut server = self.start()?;
        server.ready()?;
        warm_up(&server)?;
        Ok(server)
    }

    /// Starts it without waiting for it.
    pub(crate) fn start(&self) -> Result<Server, String> {
        let arguments = [OsStr::new("--config"), self.config.as_os_str()];
        Server::start_serve(self.bench, &self.data, &arguments)
    }

    /// No host may be running.
    pub(crate) fn empty_cache(&self) -> Result<(), String> {
        if !self.data.exists() {
            return Ok(());
        }
        fs::remove_dir_all(&self.data).map_err(|error| error.to_string())
    }
}

/// # Errors
/// A backend whose `warmup` left no image: what would be measured is something else.
fn warm_up(server: &Server) -> Result<(), String> {
    let answer = server.client()?.post("/v1/warmup", &json!({}))?;
    let backends = answer.get("backends").and_then(Value::as_object);
    for (name, warmth) in backends.into_iter().flatten() {
        let from = warmth.pointer("/start/from").and_then(Value::as_str);
        if !matches!(from, Some("image" | "cached_image" | "plain")) {
            return Err(format!("{name} has no warm image: {warmth}"));
        }
    }
    Ok(())
}
