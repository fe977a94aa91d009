//! `hostel serve`: a host over a folder of components or a configuration file.

use clap::Args;

use crate::app::App;
use crate::config::Config;
use crate::host::Source;
use crate::telemetry;

use super::warmup::warm_what_can_be;
use super::{ComponentArgs, Outcome, output, start_logs};

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Warm every backend up before the doors open; without it, the first call of each waits for its warmup.
    #[arg(long, env = "HOSTEL_WARMUP")]
    warmup: bool,
    #[command(flatten)]
    components: ComponentArgs,
}

pub(super) fn run(args: &ServeArgs) -> Outcome {
    let config = args.components.config("serve")?;
    start_logs(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let app = build(config).await?;
        let again = args.components.clone();
        app.follow_policy(move || again.config("serve"));
        let sources = app.sources()?;
        load(&app, sources).await;
        if args.warmup {
            warm_what_can_be(&app.host).await;
        }
        let running = app.serve()?;
        output::note(&format!(
            "hostel serves {} tools at {}",
            running.host.tools().len(),
            running.url()
        ));
        running.until_stopped().await
    })
}

pub(super) async fn build(config: Config) -> Result<App, String> {
    let metrics = telemetry::start_metrics()?;
    let upkeep = telemetry::keep_metrics(metrics.clone());
    #[expect(
        clippy::disallowed_methods,
        reason = "it runs for as long as the process does"
    )]
    drop(tokio::spawn(upkeep));
    App::build(config, Some(metrics)).await
}

pub(super) async fn load(app: &App, sources: Vec<Source>) {
    let bar = output::bar("loading", sources.len());
    app.load(sources, |name| {
        bar.set_message(name.to_owned());
        bar.inc(1);
    })
    .await;
    bar.finish_and_clear();
    for problem in app.host.problems() {
        output::complain(&problem.message);
    }
}
