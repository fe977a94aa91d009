//! What can be said on the command line, after `cargo bench -p hostel-tests --`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

#[derive(Debug, Parser)]
#[command(name = "figures", about = "Measures Hostel's figures")]
pub(crate) struct Args {
    /// Measure only the rows whose name contains this.
    pub(crate) filter: Option<String>,
    /// Fewer and shorter rounds: for a look, not for a claim.
    #[arg(long)]
    pub(crate) quick: bool,
    /// JSON instead of tables.
    #[arg(long)]
    pub(crate) json: bool,
    /// Show the rows and measure nothing.
    #[arg(long)]
    pub(crate) list: bool,
    /// Rounds of each comparison [default: 15, quick: 5].
    #[arg(long, value_name = "COUNT")]
    pub(crate) rounds: Option<usize>,
    /// The `hostel` to measure [default: this workspace's own, built with --release].
    #[arg(long, value_name = "PATH")]
    pub(crate) hostel: Option<PathBuf>,
    /// Be the server that Hostel is compared with.
    #[arg(long, value_name = "ADDRESS", hide = true)]
    pub(crate) bare_axum: Option<SocketAddr>,
    /// Cargo says this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}
