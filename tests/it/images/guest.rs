//! A host over one built guest, with the grants that the guests of these tests use.

use std::path::PathBuf;

use fs_err as fs;
use hostel_host::config::{BackendConfig, Config};
use hostel_host::ids::BackendName;
use hostel_host::policy::{FolderAccess, FolderGrant};
use hostel_host::registry::BackendSettings;
use hostel_tests::TestServer;
use tempfile::TempDir;

/// A folder for the guest's file and the host's data, which outlives the host.
pub(super) struct Room(TempDir);

impl Room {
    pub(super) fn new() -> Self {
        let room = Self(tempfile::tempdir().unwrap());
        fs::create_dir(room.0.path().join("granted")).unwrap();
        fs::write(room.granted("words.txt"), "one two two").unwrap();
        room
    }

    /// A file in the guest's `/data`.
    pub(super) fn granted(&self, name: &str) -> PathBuf {
        self.0.path().join("granted").join(name)
    }
}

/// Serves the guest of this name. It finds `words.txt` in `/data` and the mode in its environment.
pub(super) async fn serve(room: &Room, name: &str, mode: &str) -> TestServer {
    serve_with(room, name, mode, |_| {}).await
}

/// The same on sessions that outlive the host. One such host at a time.
pub(super) async fn serve_durably(room: &Room, name: &str) -> TestServer {
    serve_with(room, name, "", |config| {
        config.sessions_dir = Some(room.0.path().join("sessions"));
    })
    .await
}

async fn serve_with(
    room: &Room,
    name: &str,
    mode: &str,
    change: impl FnOnce(&mut Config),
) -> TestServer {
    let components = std::env::var_os("HOSTEL_COMPONENTS").map(PathBuf::from);
    let components = components.expect("HOSTEL_COMPONENTS names the folder of built components");
    let mut settings = BackendSettings::default();
    settings.grants.folders = vec![FolderGrant {
        host: room.granted(""),
        guest: "/data".to_owned(),
        access: FolderAccess::ReadOnly,
    }];
    settings.grants.workspace = true;
    let variables = [("GREETING", "hello"), ("MODE", mode)];
    settings.grants.env = variables
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    settings.limits.memory_bytes = 256 << 20;
    let backend = BackendConfig {
        path: Some(components.join(name).with_extension("wasm")),
        pin: None,
        settings,
    };
    let name = BackendName::parse(name).unwrap();
    TestServer::serve(|config: &mut Config| {
        config.data_dir = room.0.path().join("data");
        config.backends.insert(name, backend);
        change(config);
    })
    .await
}
