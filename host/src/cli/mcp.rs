//! `hostel mcp`: a host of its own for one MCP client, which speaks to it on standard input and output. Everything else goes to standard
//! error.

use std::net::{Ipv4Addr, SocketAddr};

use clap::Args;
use tempfile::TempDir;

use crate::app::App;
use crate::config::Config;
use crate::ids::WorkerId;

use super::serve::load;
use super::warmup::warm_what_can_be;
use super::{ComponentArgs, Outcome, output, start_logs};

#[derive(Debug, Args)]
#[command(
    after_help = "In the settings of a client:\n  {\"mcpServers\": {\"hostel\": {\"command\": \"hostel\", \"args\": [\"mcp\", \"--plugins\", \"/path/to/components\"]}}}\n\nClients that speak HTTP find the same at http://127.0.0.1:18890/mcp of `hostel serve`."
)]
pub(super) struct McpArgs {
    /// Warm every backend up before the first message is read; without it, the first call of each waits for its warmup.
    #[arg(long, env = "HOSTEL_WARMUP")]
    warmup: bool,
    /// Whose sessions they are.
    #[arg(
        long,
        env = "HOSTEL_WORKER",
        value_name = "ID",
        default_value = "default"
    )]
    worker: String,
    #[command(flatten)]
    components: ComponentArgs,
}

pub(super) fn run(args: &McpArgs) -> Outcome {
    let mut config = args.components.config("serve")?;
    let worker = WorkerId::parse(&args.worker).map_err(|error| error.to_string())?;
    // Nobody is served there: any free port will do.
    config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    start_logs(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let outcome = runtime.block_on(async {
        let (app, _sessions) = build(config).await?;
        let sources = app.sources()?;
        load(&app, sources).await;
        if args.warmup {
            warm_what_can_be(&app.host).await;
        }
        app.serve_stdio(worker).await
    });
    // A read of standard input cannot be given up, and must not keep the process.
    runtime.shutdown_background();
    outcome
}

/// Builds the host. Clients start as many of these as they like, so where another host has the data directory, sessions are kept in a folder
/// that ends with this process; compiled code is shared all the same.
async fn build(config: Config) -> Result<(App, Option<TempDir>), String> {
    let first = App::build(config.clone(), None).await;
    let Err(reason) = first else {
        return first.map(|app| (app, None));
    };
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let elsewhere = Config {
        sessions_dir: Some(folder.path().to_owned()),
        archive_dir: None,
        ..config
    };
    // What keeps a host from starting for another reason keeps this one as well, and is said then.
    let app = App::build(elsewhere, None).await?;
    output::note(&format!("{reason}; sessions end with this process"));
    Ok((app, Some(folder)))
}
