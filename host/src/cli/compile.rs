//! `hostel compile`: what a host starts to compile a component apart from itself. Hidden, for it is of use to nobody else.

use std::time::Duration;

use clap::Args;

use crate::registry::{CompileLimits, CompileTask, compile_for_parent};

use super::Outcome;

#[derive(Debug, Args)]
pub(super) struct CompileArgs {
    /// Address space.
    #[arg(long, value_name = "BYTES")]
    memory_bytes: u64,
    /// Processor time.
    #[arg(long, value_name = "SECONDS")]
    cpu_seconds: u64,
    /// It is a warm image.
    #[arg(long)]
    image: bool,
}

pub(super) fn run(args: &CompileArgs) -> Outcome {
    let limits = CompileLimits {
        memory_bytes: args.memory_bytes,
        cpu: Duration::from_secs(args.cpu_seconds),
        ..CompileLimits::default()
    };
    let task = if args.image {
        CompileTask::Image
    } else {
        CompileTask::Component
    };
    let (input, output) = (std::io::stdin().lock(), std::io::stdout().lock());
    compile_for_parent(input, output, &limits, task).map_err(|error| error.to_string())
}
