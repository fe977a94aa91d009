//! `hostel warmup`: fills the cache of a data directory ahead of time, so that a host that starts on it serves at once.

use clap::Args;
use serde_json::{Value, json};

use crate::app::App;
use crate::host::{Host, WarmUp, WarmupReport};
use crate::ids::BackendName;
use crate::registry::{Start, Warmth};

use super::serve::load;
use super::{ComponentArgs, Outcome, output, start_logs};

#[derive(Debug, Args)]
pub(super) struct WarmupArgs {
    /// Run every `warmup` again, even where the cache has its image.
    #[arg(long)]
    refresh: bool,
    /// JSON instead of text for people.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    components: ComponentArgs,
}

pub(super) fn run(args: &WarmupArgs) -> Outcome {
    let mut config = args.components.config("warm up")?;
    // Only the cache is filled: a host that serves from it may be running.
    let sessions = tempfile::tempdir().map_err(|error| error.to_string())?;
    config.sessions_dir = Some(sessions.path().to_owned());
    config.audit = None;
    // Nothing is served: any free port will do.
    config.listen.set_port(0);
    start_logs(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let app = App::build(config, None).await?;
        let sources = app.sources()?;
        load(&app, sources).await;
        let reports = warm_all(&app.host, args.refresh).await?;
        if args.json {
            let all = reports
                .iter()
                .map(|report| (report.backend.to_string(), as_json(report)));
            output::say(&Value::Object(all.collect()).to_string());
        } else {
            for report in &reports {
                output::say(&row(report));
            }
        }
        let cold = reports.iter().filter(|report| report.outcome.is_err());
        match cold.count() + app.host.problems().len() {
            0 => Ok(()),
            some => Err(format!("{some} of the backends cannot be used")),
        }
    })
}

/// Warms every backend up, with a bar that counts them. In the order of their names.
pub(super) async fn warm_all(host: &Host, refresh: bool) -> Result<Vec<WarmupReport>, String> {
    let names: Vec<BackendName> = host.backends().into_iter().map(|info| info.name).collect();
    let bar = output::bar("warming up", names.len());
    let warmups = names.into_iter().map(|name| {
        let what = WarmUp {
            backends: Some(vec![name.clone()]),
            refresh,
        };
        let bar = &bar;
        async move {
            let reports = host.warm_up(what).await;
            bar.set_message(name.to_string());
            bar.inc(1);
            reports
        }
    });
    let reports = futures_util::future::join_all(warmups).await;
    bar.finish_and_clear();
    let reports: Result<Vec<Vec<WarmupReport>>, _> = reports.into_iter().collect();
    let reports = reports.map_err(|error| error.to_string())?;
    Ok(reports.into_iter().flatten().collect())
}

/// The same for a host that serves in any case: what went wrong is said, and tried again by the calls that need it.
pub(super) async fn warm_what_can_be(host: &Host) {
    match warm_all(host, false).await {
        Ok(reports) => {
            for report in reports {
                if let Err(error) = report.outcome {
                    output::complain(&error.to_string());
                }
            }
        }
        Err(error) => output::complain(&error),
    }
}

/// Name, how its instances start, milliseconds, and what there is to say; tab-separated.
fn row(report: &WarmupReport) -> String {
    let (how, took, more) = match &report.outcome {
        Ok(Warmth::Warm { took, start, .. }) => {
            let more = match start {
                Start::Image { bytes, kept, .. } => {
                    let kept = if *kept { "" } else { ", not kept on disk" };
                    format!("{} KiB{kept}", bytes >> 10)
                }
                Start::WithoutImage { reason } => reason.clone(),
                Start::Plain | Start::CachedImage { .. } => String::new(),
            };
            (start.as_str(), took.as_millis(), more)
        }
        Ok(_) => ("cold", 0, String::new()),
        Err(error) => ("failed", 0, error.message().to_owned()),
    };
    format!("{}\t{how}\t{took}\t{more}", report.backend)
        .trim_end()
        .to_owned()
}

fn as_json(report: &WarmupReport) -> Value {
    match &report.outcome {
        Ok(Warmth::Warm { took, start, .. }) => {
            let mut body = json!({"start": start.as_str(), "took_ms": took.as_millis()});
            if let (Start::WithoutImage { reason }, Some(body)) = (start, body.as_object_mut()) {
                body.insert("reason".to_owned(), reason.clone().into());
            }
            body
        }
        Ok(_) => json!({"start": "cold"}),
        Err(error) => {
            json!({"start": "failed", "code": error.code().as_str(), "message": error.message()})
        }
    }
}
