//! `cargo bench -p hostel-tests`: Hostel's figures. Each is a ratio of two things that were measured side by side in one run, in turns, so
//! that it holds on machines that are slow, busy or both. A figure that is missed is printed as missed; the run fails only when an answer
//! was wrong or something could not be measured.

#![allow(
    clippy::disallowed_methods,
    reason = "a measurement waits on a thread of its own, and serves nobody"
)]

use std::process::ExitCode;

use clap::Parser;

mod args;
mod bare;
mod bench;
mod component;
mod contest;
mod figure;
mod http;
mod inside;
mod load;
mod plain;
mod pooled;
mod process;
mod python;
mod report;
mod rows;
mod server;
mod setup;
mod warm;

use args::Args;
use bench::Bench;
use report::Report;

/// The host's own, so that the bare server that it is compared with does not differ in this.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = match args.bare_axum {
        Some(address) => bare::serve(address).map(|()| ExitCode::SUCCESS),
        None => measure(&args),
    };
    outcome.unwrap_or_else(|message| {
        report::complain(&message);
        ExitCode::FAILURE
    })
}

fn measure(args: &Args) -> Result<ExitCode, String> {
    let rows = rows::chosen(args.filter.as_deref())?;
    if args.list {
        report::list(&rows);
        return Ok(ExitCode::SUCCESS);
    }
    let bench = Bench::prepare(args)?;
    let mut report = Report::begin(&bench);
    for row in rows {
        report::progress(&format!("{}: {}", row.name, row.about));
        report.add(row.name, (row.run)(&bench));
    }
    report.end();
    report.print(args.json)?;
    Ok(report.exit_code())
}
