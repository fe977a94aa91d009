//! `hostel up`: builds plugins, serves them, and builds and loads them again when their sources change.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use notify::{RecursiveMode, Watcher};
use tokio::sync::mpsc;

use crate::app::App;
use crate::config::Config;
use crate::host::{Host, Source};
use crate::registry::{BackendSettings, find};

use super::plugin::{Built, Plugin, build, discover};
use super::serve::load;
use super::warmup::warm_what_can_be;
use super::{HostArgs, Outcome, output, serve, shown, start_logs};

/// Editors write a file in several steps; changes closer together than this are one.
const QUIET: Duration = Duration::from_millis(300);
/// Folders whose changes are nobody's doing.
const NOT_SOURCES: [&str; 3] = ["target", ".git", ".hostel"];

#[derive(Debug, Args)]
#[command(
    after_help = "A plugin gets what its plugin.toml wants as far as that is harmless: its own workspace, and folders of its own.\nEverything else is granted in hostel.toml (--config)."
)]
pub(super) struct UpArgs {
    /// A plugin, a cargo workspace of plugins, or a folder of such; components (*.wasm) in it are served too [default: plugins, or here].
    dir: Option<PathBuf>,
    /// Give a backend another folder than its own: rag:/corpus=./documents (read-only). May be given several times.
    #[arg(long, value_name = "BACKEND:GUEST=HOST")]
    folder: Vec<String>,
    /// Do not build and load again when sources change.
    #[arg(long)]
    no_watch: bool,
    #[command(flatten)]
    host: HostArgs,
}

pub(super) fn run(args: &UpArgs) -> Outcome {
    let mut config = args.host.config(&[])?;
    // What is built is in a terminal's way less than every line of a host.
    if args.host.log.is_none() && args.host.config.is_none() {
        "warn".clone_into(&mut config.log);
    }
    start_logs(&config)?;
    let dir = folder(args)?;
    let plugins = discover(&dir)?;
    let ready_made = find(&dir).map_err(|error| error.to_string())?.candidates;
    if plugins.is_empty() && ready_made.is_empty() {
        return Err(format!(
            "no plugin below {}: a plugin is a cargo package with crate-type = [\"cdylib\"]; `hostel new NAME` writes one",
            shown(&dir)
        ));
    }
    let built = if plugins.is_empty() {
        Vec::new()
    } else {
        build(&plugins)?
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(serve_built(args, config, dir, built))
}

async fn serve_built(
    args: &UpArgs,
    mut config: Config,
    dir: PathBuf,
    built: Vec<Built>,
) -> Outcome {
    let grants = folders(&args.folder)?;
    config.plugins.push(dir);
    let settings: Vec<(Built, BackendSettings)> = built
        .into_iter()
        .map(|built| (settings_for(&config, &grants, &built.plugin), built))
        .map(|(settings, built)| (built, settings))
        .collect();
    let app = serve::build(config).await?;
    let mut sources: Vec<Source> = settings
        .iter()
        .map(|(built, settings)| source(built, settings))
        .collect();
    sources.extend(app.sources()?);
    load(&app, sources).await;
    announce(&app);
    let running = app.serve()?;
    output::note(&format!(
        "hostel serves {} tools at {}",
        running.host.tools().len(),
        running.url()
    ));
    if let Some(tool) = running.host.tools().first() {
        output::note(&format!(
            "try: hostel tools, or hostel tools {}",
            tool.full_name
        ));
    }
    let host = running.host.clone();
    let watched: Vec<(Plugin, BackendSettings)> = settings
        .into_iter()
        .map(|(built, settings)| (built.plugin, settings))
        .collect();
    let watch = async {
        if args.no_watch {
            return std::future::pending().await;
        }
        rebuild_on_change(&host, watched).await
    };
    let work = async { tokio::join!(warm_what_can_be(&host), watch).1 };
    tokio::select! {
        outcome = running.until_stopped() => outcome,
        outcome = work => outcome,
    }
}

fn folder(args: &UpArgs) -> Result<PathBuf, String> {
    let dir = args.dir.clone().unwrap_or_else(|| {
        if Path::new("plugins").is_dir() {
            "plugins".into()
        } else {
            ".".into()
        }
    });
    dir.canonicalize()
        .map_err(|error| format!("{}: {error}", dir.display()))
}

/// `rag:/corpus=./documents`
fn folders(given: &[String]) -> Result<Vec<(String, crate::policy::FolderGrant)>, String> {
    let parsed = given.iter().map(|text| {
        let parts = text.split_once(':').and_then(|(backend, rest)| {
            rest.split_once('=')
                .map(|(guest, host)| (backend, guest, host))
        });
        let (backend, guest, host) = parts
            .filter(|(_, guest, _)| guest.starts_with('/'))
            .ok_or_else(|| format!("--folder {text:?}: write it as rag:/corpus=./documents"))?;
        let host = Path::new(host)
            .canonicalize()
            .map_err(|error| format!("--folder {text:?}: {error}"))?;
        Ok((
            backend.to_owned(),
            crate::policy::FolderGrant {
                host,
                guest: guest.to_owned(),
                access: crate::policy::FolderAccess::ReadOnly,
            },
        ))
    });
    parsed.collect()
}

/// The configuration's word goes over the plugin's wishes, and the command line's over both.
fn settings_for(
    config: &Config,
    folders: &[(String, crate::policy::FolderGrant)],
    plugin: &Plugin,
) -> BackendSettings {
    let mut settings = config.settings_of(&plugin.name);
    if !config.backends.contains_key(&plugin.name) {
        settings.grants = plugin.manifest.harmless(&plugin.folder);
    }
    for (_, folder) in folders
        .iter()
        .filter(|(backend, _)| backend == plugin.name.as_str())
    {
        settings
            .grants
            .folders
            .retain(|granted| granted.guest != folder.guest);
        settings.grants.folders.push(folder.clone());
    }
    for wish in plugin.manifest.unmet(&settings.grants) {
        output::note(&format!(
            "{} wants {wish}, which is not granted; grant it in hostel.toml under [backends.{}]",
            plugin.name, plugin.name
        ));
    }
    settings
}

fn source(built: &Built, settings: &BackendSettings) -> Source {
    Source {
        name: built.plugin.name.clone(),
        path: built.component.clone(),
        pin: None,
        settings: settings.clone(),
    }
}

fn announce(app: &App) {
    for backend in app.host.backends() {
        let tools: Vec<&str> = backend
            .listing
            .tools
            .iter()
            .map(|tool| tool.name.as_str())
            .collect();
        output::note(&format!("  {}: {}", backend.name, tools.join(", ")));
    }
}

/// Builds and loads what changed, until the host stops. A build that fails leaves the version that is served.
async fn rebuild_on_change(host: &Host, plugins: Vec<(Plugin, BackendSettings)>) -> Outcome {
    let (sender, mut changes) = mpsc::channel::<PathBuf>(1024);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        if event.kind.is_access() {
            return;
        }
        for path in event.paths.into_iter().filter(|path| is_source(path)) {
            // A full channel already says that something changed.
            let _ = sender.try_send(path);
        }
    })
    .map_err(|error| format!("cannot watch the sources: {error}"))?;
    for (plugin, _) in &plugins {
        watcher
            .watch(&plugin.folder, RecursiveMode::Recursive)
            .map_err(|error| format!("cannot watch {}: {error}", plugin.folder.display()))?;
    }
    while let Some(first) = changes.recv().await {
        let mut changed = BTreeSet::from([first]);
        while let Ok(Some(path)) = tokio::time::timeout(QUIET, changes.recv()).await {
            changed.insert(path);
        }
        let touched: Vec<(Plugin, BackendSettings)> = plugins
            .iter()
            .filter(|(plugin, _)| changed.iter().any(|path| path.starts_with(&plugin.folder)))
            .cloned()
            .collect();
        rebuild(host, touched).await;
    }
    Ok(())
}

async fn rebuild(host: &Host, touched: Vec<(Plugin, BackendSettings)>) {
    let plugins: Vec<Plugin> = touched.iter().map(|(plugin, _)| plugin.clone()).collect();
    let built = match tokio::task::spawn_blocking(move || build(&plugins)).await {
        Ok(Ok(built)) => built,
        Ok(Err(message)) => {
            return output::complain(&format!("{message}; the version before is still served"));
        }
        Err(error) => return output::complain(&format!("the build stopped: {error}")),
    };
    for (built, (_, settings)) in built.iter().zip(&touched) {
        match host.load(source(built, settings)).await {
            Ok(info) => output::note(&format!(
                "reloaded {}: {} tools; sessions that are open keep the version before",
                info.name,
                info.listing.tools.len()
            )),
            Err(error) => output::complain(&format!("{error}; the version before is still served")),
        }
    }
    warm_what_can_be(host).await;
}

fn is_source(path: &Path) -> bool {
    !path
        .components()
        .any(|part| NOT_SOURCES.iter().any(|name| part.as_os_str() == *name))
}
